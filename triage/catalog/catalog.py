"""The catalogue itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, PrivateAttr

from triage.catalog.connections import Prometheus, RegistryAddress
from triage.catalog.cross_checks import check_serve, cross_check
from triage.catalog.fields import Name, Part, Secret
from triage.catalog.model import Dataset, Model
from triage.catalog.prevention import Prevention
from triage.catalog.reporting import Reporting
from triage.catalog.serve import Serve
from triage.document import Document, dotted
from triage.errors import ConfigError, Fault, NotFound, near
from triage.faults import KeyPath


class Catalog(Part):
    """The models that are on call."""

    version: Literal[1]
    """Version of this format."""
    prometheus: Prometheus
    registry: RegistryAddress
    datasets: dict[Name, Dataset] = Field(min_length=1)
    models: dict[Name, Model] = Field(min_length=1)
    serve: Serve = Serve()
    report: Reporting = Reporting()
    prevention: Prevention | None = None
    """Where the rules go that would have caught an incident sooner."""

    _document: Document = PrivateAttr()
    _folder: Path = PrivateAttr()

    @classmethod
    def load(cls, path: str | Path) -> "Catalog":
        """Read and check a file. Raises NotFound, and ConfigError with every fault."""
        try:
            document = Document.load(path)
        except NotFound as error:
            raise NotFound(error.message, hint=f"'triage config init {path}' writes a starter") from None
        return cls._checked(document, Path(path).resolve().parent)

    @classmethod
    def parse(cls, text: str, name: str, folder: Path) -> "Catalog":
        """Check ``text``; faults show ``name``, relative paths are seen from ``folder``. Raises ConfigError."""
        return cls._checked(Document.parse(text, name), folder)

    @classmethod
    def restore(cls, snapshot: str) -> "Catalog":
        """The catalogue of a `snapshot`. Raises ConfigError."""
        kept = json.loads(snapshot)
        return cls.parse(kept["text"], kept["name"], Path(kept["folder"]))

    def snapshot(self) -> str:
        """The catalogue as a journal keeps it: its text, and where its relative paths start."""
        return json.dumps({"name": self._document.name, "folder": str(self._folder), "text": self.text}, sort_keys=True)

    @classmethod
    def _checked(cls, document: Document, folder: Path) -> "Catalog":
        catalog = document.validate(cls, context={"folder": folder})
        faults = sorted(
            [
                *cross_check(catalog.models, catalog.datasets, document),
                *check_serve(catalog.serve, catalog.models, document),
            ]
        )
        if faults:
            raise ConfigError(faults)
        catalog._document, catalog._folder = document, folder
        for name, model in catalog.models.items():
            model._name = name
        for name, dataset in catalog.datasets.items():
            dataset._name = name
        for path, secret in catalog.secrets():
            secret.stands(document.name, document.line(path), dotted(path))
        return catalog

    @property
    def text(self) -> str:
        return self._document.text

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return self._document.digest

    @property
    def file(self) -> str:
        """The name of the file, as faults show it."""
        return self._document.name

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self._folder

    def fault(self, path: KeyPath, message: str, hint: str = "") -> Fault:
        """A Fault at the line where ``path`` stands."""
        return self._document.fault(path, message, hint)

    def model(self, name: str) -> Model:
        """Raises NotFound with the nearest name there is."""
        return _named(self.models, name, "model", self.file)

    def dataset(self, name: str) -> Dataset:
        """Raises NotFound with the nearest name there is."""
        return _named(self.datasets, name, "dataset", self.file)

    def secrets(self) -> Iterator[tuple[KeyPath, Secret]]:
        """Every reference to a secret, with where it stands."""
        return _secrets(self, ())


def _named(known: dict[str, Any], name: str, kind: str, file: str) -> Any:
    if name not in known:
        listing = f"{kind}s: {', '.join(sorted(known)[:20])}"
        raise NotFound(f"no {kind} '{name}' in {file}", hint=near(name, known, listing=listing))
    return known[name]


def _secrets(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Secret]]:
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name), (*path, name))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _secrets(item, (*path, name))
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _secrets(item, (*path, index))


def json_schema() -> dict[str, Any]:
    """The JSON schema of a catalogue, for editors and checkers."""
    schema = Catalog.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "triage.yaml"}
