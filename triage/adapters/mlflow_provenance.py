"""How a version was made, as MLflow keeps it: the run's tags, parameters and inputs, the model's list of packages."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from triage.incident import Source
from triage.ports import ModelVersion, Provenance

_IMAGE_TAGS = ("mlflow.docker.image.uri", "mlflow.docker.image.name", "triage.image")


def provenance(client: Any, version: ModelVersion, info: Any) -> Provenance:
    """``info`` is what the model's own file says of it, None where it can't be read."""
    if not version.run_id:
        return Provenance()
    run = client.get_run(version.run_id)
    tags = dict(run.data.tags)
    return Provenance(
        status=str(run.info.status),
        started_at=datetime.fromtimestamp(run.info.start_time / 1000, UTC) if run.info.start_time else None,
        made_by=tags.get("mlflow.user", ""),
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=tags,
        datasets=tuple(_source(given.dataset) for given in run.inputs.dataset_inputs) if run.inputs else (),
        requirements=_requirements(version) if info else (),
        python=str(info.flavors.get("python_function", {}).get("python_version", "")) if info else "",
        image=next((tags[tag] for tag in _IMAGE_TAGS if tags.get(tag)), ""),
    )


def _source(dataset: Any) -> Source:
    """A dataset's name is its name in the catalogue, with its version behind an @ where it was logged with one."""
    name, _, version = dataset.name.partition("@")
    return Source("dataset", name, version, dataset.digest)


def _requirements(version: ModelVersion) -> tuple[str, ...]:
    import mlflow

    uri = f"models:/{version.name}/{version.version}/requirements.txt"
    with tempfile.TemporaryDirectory(prefix="triage-") as here:
        try:
            return tuple(Path(mlflow.artifacts.download_artifacts(uri, dst_path=here)).read_text("utf-8").splitlines())
        except Exception:  # a model without the file; what is missing shows as missing
            return ()
