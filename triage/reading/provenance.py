"""How versions were made, read from the registry and held against the data as it is today."""

from collections.abc import Mapping
from typing import Any

from triage.catalog import Catalog, Model
from triage.errors import DataError, NotFound, SourceUnavailable
from triage.incident import Source
from triage.lineage.audit import MANIFEST, Audit, Training, judge, read_manifest, recorded_rows
from triage.lineage.tree import Member, member
from triage.ports import ModelVersion, Registry
from triage.step import Ports


def audit(catalog: Catalog, model: Model, ports: Ports, version: ModelVersion, *, reread: bool = False) -> Audit:
    """Can ``version`` be built again? With ``reread`` its rows are read again, and their digests compared.

    Raises SourceUnavailable where the registry does not answer.
    """
    made = ports.registry.provenance(version)
    manifest = read_manifest(ports.registry.load_artifact(version, MANIFEST))
    columns = _columns(manifest)
    rows = recorded_rows(made, manifest)
    training = [_training(catalog, ports, source, columns.get(source.name) if reread else None) for source in rows]
    return judge(version, made, training, command=model.training.way if model.training else ())


def family(registry: Registry, name: str) -> tuple[Member, ...]:
    """Every version of the registered model ``name``. Raises NotFound, SourceUnavailable."""
    return tuple(_member(registry, registry.version(name, one.version)) for one in registry.versions(name))


def _member(registry: Registry, version: ModelVersion) -> Member:
    made = registry.provenance(version)
    manifest = read_manifest(registry.load_artifact(version, MANIFEST))
    return member(version, made, manifest, recorded_rows(made, manifest))


def _columns(manifest: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """Which columns of each dataset were read, where the manifest says so."""
    stages = manifest.get("stages", ()) if manifest else ()
    ingestion: Mapping[str, Any] = next((stage for stage in stages if stage.get("id") == "ingestion"), {})
    return {str(part["rows"]["name"]): list(part["columns"]) for part in ingestion.get("reads", ())}


def _training(catalog: Catalog, ports: Ports, kept: Source, columns: list[str] | None) -> Training:
    if kept.name not in catalog.datasets:
        return Training(kept)
    try:
        now = ports.windows.describe(kept.name)
        if columns is None or now.version != kept.version:
            return Training(kept, now)
        scan = ports.windows.scan(kept.name, kept.window, columns)
        for _ in scan.batches():
            pass
        return Training(kept, now, reread=scan.source.digest)
    except (DataError, NotFound, SourceUnavailable) as error:
        return Training(kept, problem=str(error))
