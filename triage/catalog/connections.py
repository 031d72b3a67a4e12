"""How Prometheus and the registry are reached."""

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from triage.catalog.fields import Name, Part, PositiveDuration, RelativePath, Secret, against, folder_of
from triage.document import Wrong


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Wrong("is no URL") from None
    if parts.password is not None:
        raise Wrong(
            "has a password in it", "a secret stands in a catalogue by reference only: {env: NAME} or {file: PATH}"
        )
    return url


def _http(url: str) -> str:
    if urlsplit(_without_password(url)).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise Wrong("is no http(s) address", "write it as http://prometheus:9090")
    return url


Url = Annotated[str, AfterValidator(_http)]


def _registry_uri(uri: str | Secret, info: ValidationInfo) -> str | Secret:
    if isinstance(uri, Secret):
        return uri
    scheme = urlsplit(_without_password(uri)).scheme
    if scheme in ("", "file"):
        raise Wrong("is no MLflow address", "write sqlite:///mlflow.db, or the server's http(s) address")
    if scheme == "sqlite" and not uri.startswith(("sqlite:////", "sqlite:///file:")):
        return f"sqlite:///{against(folder_of(info), uri.removeprefix('sqlite:///'))}"
    return uri


class Basic(Part):
    username: Name
    password: Secret


class ClientCertificate(Part):
    cert: RelativePath
    """PEM file of the certificate."""
    key: RelativePath | None = None
    """PEM file of its key, where it is not in the same file."""


def _no_literal_credentials(headers: "dict[str, Secret | str]") -> "dict[str, Secret | str]":
    for name, value in headers.items():
        if isinstance(value, str) and re.search(r"auth|token|key|cookie|secret|password", name, re.IGNORECASE):
            raise Wrong(f"header '{name}' holds the secret itself", f"write {name}: {{env: NAME}} or {{file: PATH}}")
    return headers


class Auth(Part):
    """Who asks. Secrets by reference only."""

    bearer: Secret | None = None
    """Token of an `Authorization: Bearer` header."""
    basic: Basic | None = None
    headers: Annotated[dict[str, Secret | str], AfterValidator(_no_literal_credentials)] = Field(default_factory=dict)
    """Further headers, such as a tenant's name."""
    mtls: ClientCertificate | None = None
    """Client certificate."""
    ca: RelativePath | None = None
    """PEM bundle of the authorities that sign the server's certificate."""

    @model_validator(mode="after")
    def _one_of(self) -> "Auth":
        if self.bearer is not None and self.basic is not None:
            raise Wrong("has both bearer and basic", "keep one of the two")
        return self


class Prometheus(Part):
    """Where PromQL is answered: a server, or a folder of saved answers."""

    url: Url | None = None
    """Address of Prometheus, or of a server that speaks its API (Thanos, Mimir, VictoriaMetrics)."""
    recorded: RelativePath | None = None
    """Folder of saved range-query results with an index.json, in place of a server."""
    auth: Auth = Auth()
    timeout: PositiveDuration = timedelta(seconds=10)
    """Bound of one request with all of its retries."""
    params: dict[str, str] = Field(default_factory=dict)
    """Parameters that go along with every query, such as Thanos's partial_response."""
    accept_partial: bool = False
    """Whether an answer that calls itself partial may be used."""
    max_series: int = Field(500, ge=1, le=100_000)
    """A query that answers with more series than this is refused."""

    @model_validator(mode="after")
    def _one_of(self) -> "Prometheus":
        if (self.url is None) == (self.recorded is None):
            raise Wrong("needs exactly one of url, recorded", "url: http://prometheus:9090, or recorded: a folder")
        return self


class RegistryAddress(Part):
    """The MLflow model registry."""

    uri: Annotated[str | Secret, AfterValidator(_registry_uri)]
    """MLflow tracking URI: sqlite:///mlflow.db, http(s)://…, or a reference where it holds a password."""
    auth: Auth = Auth()
    timeout: PositiveDuration = timedelta(seconds=10)

    @model_validator(mode="after")
    def _known_ways(self) -> "RegistryAddress":
        if self.auth.headers or self.auth.mtls:
            raise Wrong("MLflow is asked with bearer, basic or ca only", "remove headers and mtls")
        return self
