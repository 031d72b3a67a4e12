"""`Registry` on MLflow: SQLite or any other SQLAlchemy database, or a tracking server over HTTP.

MLflow keeps its address, credentials and patience in the process (environment and globals): they are set under a lock
before each use, so that two registries in one process don't get in each other's way.
"""

import json
import logging
import math
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage.adapters.mlflow_errors import explained, shown
from triage.adapters.mlflow_predictor import MlflowPredictor
from triage.adapters.mlflow_provenance import provenance
from triage.adapters.refusals import moved_outside
from triage.catalog import RegistryAddress
from triage.codec import canonical, decode, digest
from triage.errors import NotFound, Refused, SourceUnavailable, near
from triage.ports import AliasMove, ModelVersion, Provenance

_MOVE_TAG = "triage.move."
_LOCK = threading.RLock()
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
}


class MlflowRegistry:
    """The registry at ``address``. MLflow is imported, and the address used, at the first question."""

    def __init__(self, address: RegistryAddress) -> None:
        self._address = address
        self._connected: Any = None
        self._infos: dict[tuple[str, str], Any] = {}

    def champion(self, model: str, alias: str) -> ModelVersion:
        """Raises NotFound when there is no such model or alias, SourceUnavailable."""
        with self._at(f"reading alias '{alias}' of '{model}'") as client:
            aliases = self._registered(client, model).aliases
            if alias not in aliases:
                hint = near(alias, aliases, listing=f"its aliases: {', '.join(aliases) or 'none'}")
                raise NotFound(f"registered model '{model}' has no alias '{alias}'", hint=hint)
            return self._read(client, model, str(aliases[alias]), aliases)

    def version(self, model: str, version: str) -> ModelVersion:
        """Raises NotFound when there is no such model or version, SourceUnavailable."""
        with self._at(f"reading version {version} of '{model}'") as client:
            return self._read(client, model, version, self._registered(client, model).aliases)

    def versions(self, model: str) -> tuple[ModelVersion, ...]:
        """Newest first, without their signatures: a look at one `version` reads those. Raises NotFound."""
        with self._at(f"listing the versions of '{model}'") as client:
            aliases = self._registered(client, model).aliases
            found, token = [], None
            while True:
                page = client.search_model_versions(f"name = '{model}'", max_results=1000, page_token=token)
                found += [_noun(version, aliases, None) for version in page]
                token = page.token
                if not token:
                    return tuple(sorted(found, key=lambda version: int(version.version), reverse=True))

    def provenance(self, version: ModelVersion) -> Provenance:
        """What the version's run and its model's own files tell of its making. Raises SourceUnavailable."""
        with self._at(f"reading how version {version.version} of '{version.name}' was made") as client:
            info = self._info(version.name, version.version)
            return provenance(client, version, info)

    def predictor(self, version: ModelVersion) -> MlflowPredictor:
        """Load the model. Raises Unmeasurable when it can't be loaded, SourceUnavailable."""
        with self._at(f"loading version {version.version} of '{version.name}'"):
            info = self._info(version.name, version.version)
            flavors = info.flavors if info else {}
            return MlflowPredictor(version, f"models:/{version.name}/{version.version}", flavors)

    def load_artifact(self, version: ModelVersion, name: str) -> bytes | None:
        """Read ``name`` among the artifacts of the version's run; None where it is not, or the version has no run."""
        with self._at(f"reading '{name}' of '{version.name}' version {version.version}") as client:
            folder = _folder(version)
            if not version.run_id:
                return None
            if not any(item.path == f"{folder}/{name}" for item in client.list_artifacts(version.run_id, folder)):
                return None
            with tempfile.TemporaryDirectory(prefix="triage-") as here:
                return Path(client.download_artifacts(version.run_id, f"{folder}/{name}", here)).read_bytes()

    def save_artifact(self, version: ModelVersion, name: str, body: bytes) -> None:
        """Keep ``body`` as an artifact of the version's run. Raises Refused when the registry can't be written."""
        doing = f"keeping '{name}' with '{version.name}' version {version.version}"
        with self._at(doing) as client:
            if not version.run_id:
                raise Refused(f"{doing}: the version has no run", hint="register models from a run")
            with tempfile.TemporaryDirectory(prefix="triage-") as here:
                path = Path(here) / name
                path.write_bytes(body)
                client.log_artifact(version.run_id, str(path), _folder(version))

    def tag(self, version: ModelVersion, key: str, value: str) -> None:
        """Raises Refused when the registry can't be written, SourceUnavailable."""
        with self._at(f"tagging '{version.name}' version {version.version}") as client:
            client.set_model_version_tag(version.name, version.version, key, value)

    def move_alias(self, model: str, alias: str, version: str, *, expected: str, key: str) -> None:
        """Compare, write the move as a tag, set, and read again; MLflow has no compare-and-set, so a window remains.

        Raises Refused, NotFound, SourceUnavailable.
        """
        with self._at(f"moving alias '{alias}' of '{model}' to version {version}") as client:
            tag = f"{_MOVE_TAG}{digest(key)[-16:]}"
            now = self._points_at(client, model, alias)
            made = tag in client.get_model_version(model, version).tags
            if now == version and (made or expected == version):
                return
            if now != expected:
                raise moved_outside(model, alias, expected, now)
            move = AliasMove(alias, expected, version, datetime.now(UTC), key)
            client.set_model_version_tag(model, version, tag, canonical(move))
            now = self._points_at(client, model, alias)
            if now != expected:
                client.delete_model_version_tag(model, version, tag)
                raise moved_outside(model, alias, expected, now)
            client.set_registered_model_alias(model, alias, version)
            now = self._points_at(client, model, alias)
            if now != version:
                raise moved_outside(model, alias, version, now)

    def moves(self, model: str) -> tuple[AliasMove, ...]:
        """Read from the tags of the versions, oldest first. Raises NotFound, SourceUnavailable."""
        made = [
            decode(AliasMove, json.loads(value))
            for version in self.versions(model)
            for name, value in (version.tags or {}).items()
            if name.startswith(_MOVE_TAG)
        ]
        return tuple(sorted(made, key=lambda move: move.at))

    def check(self) -> str:
        """One line: where the registry is, and how many models it has. Raises SourceUnavailable."""
        with self._at("listing the registered models") as client:
            page = client.search_registered_models(max_results=100)
            count = f"{len(page)}{' or more' if page.token else ''}"
            return f"MLflow registry at {shown(self._uri())} has {count} registered models"

    @contextmanager
    def _at(self, doing: str) -> Iterator[Any]:
        """MLflow's client, with MLflow's globals pointing at this registry."""
        uri = self._uri()
        file = uri.removeprefix("sqlite:///") if uri.startswith("sqlite:///") else ""
        if file and not file.startswith("file:") and not Path(file).is_file():
            raise SourceUnavailable(
                f"there is no registry database at {shown(uri)}", hint="check registry.uri in the catalogue"
            )
        with _LOCK:
            os.environ.update(_QUIET)
            _quiet_logs()
            with self._surroundings(uri), explained(uri, doing):
                import mlflow

                mlflow.set_tracking_uri(uri)
                mlflow.set_registry_uri(uri)
                if self._connected is None:
                    self._connected = mlflow.MlflowClient(uri, uri)
                yield self._connected

    def _uri(self) -> str:
        uri = self._address.uri
        return uri if isinstance(uri, str) else uri.reveal()

    @contextmanager
    def _surroundings(self, uri: str) -> Iterator[None]:
        """The catalogue's address, credentials and patience where MLflow looks for them; afterwards what stood there.

        MLflow exports an address that it is given, so that every process started later would inherit it.
        """
        auth = self._address.auth
        wanted = {
            "MLFLOW_TRACKING_URI": uri,
            "MLFLOW_REGISTRY_URI": uri,
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(max(1, math.ceil(self._address.timeout.total_seconds()))),
        }
        if auth.bearer is not None:
            wanted["MLFLOW_TRACKING_TOKEN"] = auth.bearer.reveal()
        if auth.basic is not None:
            wanted["MLFLOW_TRACKING_USERNAME"] = auth.basic.username
            wanted["MLFLOW_TRACKING_PASSWORD"] = auth.basic.password.reveal()
        if auth.ca is not None:
            wanted["MLFLOW_TRACKING_SERVER_CERT_PATH"] = auth.ca
        before = {name: os.environ.get(name) for name in wanted}
        os.environ.update(wanted)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _points_at(self, client: Any, model: str, alias: str) -> str:
        """The version that ``alias`` points at, or nothing."""
        return str(self._registered(client, model).aliases.get(alias, ""))

    def _registered(self, client: Any, model: str) -> Any:
        try:
            return client.get_registered_model(model)
        except Exception as error:
            if getattr(error, "error_code", "") != "RESOURCE_DOES_NOT_EXIST":
                raise
            known = [found.name for found in client.search_registered_models(max_results=1000)]
            hint = near(model, known, listing=f"registered models: {', '.join(known[:20]) or 'none'}")
            raise NotFound(f"no registered model '{model}' at {shown(self._uri())}", hint=hint) from None

    def _read(self, client: Any, model: str, version: str, aliases: dict[str, str]) -> ModelVersion:
        found = client.get_model_version(model, version)
        return _noun(found, aliases, self._info(model, version))

    def _info(self, model: str, version: str) -> Any:
        """What the model's own file says of it, None where it can't be read: `predictor` then says why."""
        import mlflow

        key = (model, version)
        if key not in self._infos:
            try:
                self._infos[key] = mlflow.models.get_model_info(f"models:/{model}/{version}")
            except Exception:  # its artifacts may be gone or out of reach while the registry is well
                return None
        return self._infos[key]


def _noun(found: Any, aliases: dict[str, str], info: Any) -> ModelVersion:
    # A search returns versions without their aliases; the registered model knows them.
    return ModelVersion(
        name=found.name,
        version=str(found.version),
        aliases=tuple(sorted(alias for alias, version in aliases.items() if str(version) == str(found.version))),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        run_id=found.run_id or "",
        source=found.source or "",
        inputs=_inputs(info.signature) if info else None,
        tags=dict(found.tags),
    )


def _inputs(signature: Any) -> dict[str, str] | None:
    """Feature names to MLflow's type names; None for a model without a signature, or of bare tensors."""
    if signature is None or signature.inputs is None or not signature.inputs.has_input_names():
        return None
    types = zip(signature.inputs.input_names(), signature.inputs.input_types(), strict=True)
    return {name: getattr(type_, "name", str(type_)) for name, type_ in types}


def _folder(version: ModelVersion) -> str:
    return f"triage/{version.name}/{version.version}"


def _quiet_logs() -> None:
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
