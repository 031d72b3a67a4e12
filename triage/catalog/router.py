"""What sends a model's requests to its versions."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from triage.catalog.connections import Auth, Url
from triage.catalog.fields import Name, Part, PositiveDuration, RelativePath
from triage.document import Wrong

_PLACEHOLDERS = {"model", "version", "source"}


def _no_address_twice(servers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    addresses = [address.rstrip("/") for those in servers.values() for address in those]
    twice = next((address for address in addresses if addresses.count(address) > 1), None)
    if twice is not None:
        raise Wrong(f"has {twice} twice", "each server stands in one group, once")
    return servers


def _in_repository(path: str) -> str:
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or ".git" in parts or not path.strip():
        raise Wrong("is no path inside the repository", "write it as models/recommender.yaml")
    return path


def _storage_uri(template: str) -> str:
    unknown = set(re.findall(r"{(.*?)}", template)) - _PLACEHOLDERS
    if unknown:
        raise Wrong(f"has the unknown placeholder '{min(unknown)}'", "known: {model}, {version}, {source}")
    if not {"{version}", "{source}"} & set(re.findall(r"{.*?}", template)):
        raise Wrong("is the same for every version", "write it with {version} or {source}")
    return template


_KubernetesName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class EnvoyRouting(Part):
    """Envoy, in front of servers that load a version when they are told to: weights, mirroring and a kill switch."""

    kind: Literal["envoy"]
    folder: RelativePath
    """Where the committed rollout spec is kept, and beside it the routes and clusters that Envoy watches."""
    admin: Url
    """Address of Envoy's admin interface."""
    servers: Annotated[
        dict[_KubernetesName, Annotated[tuple[Url, ...], Field(min_length=1)]], AfterValidator(_no_address_twice)
    ] = Field(min_length=2)
    """Groups of servers by name, each with its addresses. A group serves one version; one group at least stands by."""
    auth: Auth = Auth()
    """Who asks the servers."""
    timeout: PositiveDuration = timedelta(seconds=5)
    """Bound of one question, and of Envoy taking up a change."""
    load_timeout: PositiveDuration = timedelta(minutes=2)
    """Bound of a server loading a version."""
    route_timeout: PositiveDuration = timedelta(seconds=15)
    """After which Envoy gives up a request to a server."""


class KServeRouting(Part):
    """InferenceService manifests in a git repository, which a GitOps controller (Argo CD, Flux) applies."""

    kind: Literal["kserve"]
    repository: RelativePath
    """A git work tree on this machine."""
    file: Annotated[str, AfterValidator(_in_repository)]
    """The manifest's path in the repository."""
    branch: Name = "main"
    """The branch that is committed to; it has to be checked out."""
    remote: str = ""
    """Where commits are pushed to, such as origin; by default they stay local."""
    namespace: _KubernetesName
    service: _KubernetesName
    """Name of the InferenceService."""
    storage_uri: Annotated[str, AfterValidator(_storage_uri)] = "models:/{model}/{version}"
    """Where KServe fetches a version from; {source} is the version's own address in the registry."""
    status: Url | None = None
    """Address of the live InferenceService, as the Kubernetes API gives it; by default what is served is unknown."""
    auth: Auth = Auth()
    """Who asks for the status."""
    timeout: PositiveDuration = timedelta(seconds=10)
    """Bound of one git command, and of asking for the status."""
    settle: PositiveDuration = timedelta(minutes=10)
    """How long a commit may take to be live, where there is a status to ask for."""


Routing = Annotated[EnvoyRouting | KServeRouting, Field(discriminator="kind")]
