"""The fault that goes through the registry: a worse version, made the champion by somebody in a hurry."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import numpy as np

from triage.errors import StepFailed
from triage.lab.folder import LabFolder, read_json
from triage.lab.model_server import SETTINGS

_ALIAS = "champion"
_ROWS = 6_000


def deploy_bad_version(lab: LabFolder, server_url: str) -> dict[str, Any]:
    """Train the champion anew on labels joined to the wrong rows, register it, move the alias and reload the server.

    Returns the settings that `withdraw_bad_version` needs. Raises StepFailed when the server does not take it.
    """
    import mlflow
    import pyarrow.parquet as pq
    from sklearn import __version__ as sklearn_version
    from sklearn.base import clone

    settings = read_json(lab.run / SETTINGS) or {}
    name = settings["model"]
    with _registry(settings["registry_uri"]) as client:
        previous = client.get_model_version_by_alias(name, _ALIAS)
        address = f"models:/{name}/{previous.version}"
        champion = mlflow.sklearn.load_model(address)
        trusted = mlflow.models.get_model_info(address).flavors["sklearn"]["skops_trusted_types"]
        (training,) = sorted((lab.world / "training").glob("*.parquet"))
        table = pq.read_table(training).slice(0, _ROWS).to_pandas()
        features = table[list(champion.feature_names_in_)]
        rng = np.random.default_rng(7)
        wrong = rng.permutation(table["converted"].to_numpy())
        worse = clone(champion).set_params(trees__min_samples_leaf=4, trees__l2_regularization=0.0, trees__max_iter=60)
        worse.fit(features, wrong)
        experiment = client.get_run(previous.run_id).info.experiment_id
        example = features.head(200)
        signature = mlflow.models.infer_signature(example, worse.predict_proba(example)[:, 1])
        with mlflow.start_run(experiment_id=experiment, run_name=f"{name}-hotfix") as run:
            logged = mlflow.sklearn.log_model(
                worse,
                name="model",
                signature=signature,
                pip_requirements=[f"scikit-learn=={sklearn_version}"],
                pyfunc_predict_fn="predict_proba",
                skops_trusted_types=trusted,
            )
        version = client.create_model_version(
            name, logged.model_uri, run_id=run.info.run_id, description="Hotfix.", await_creation_for=0
        )
        client.set_registered_model_alias(name, _ALIAS, version.version)
    _reload(server_url, str(version.version))
    return {"version": str(version.version), "previous": str(previous.version)}


def withdraw_bad_version(lab: LabFolder, server_url: str | None, settings: Mapping[str, Any]) -> None:
    """Give the alias back to the version before, if it still points at the bad one, and reload the server (if any)."""
    document = read_json(lab.run / SETTINGS) or {}
    with _registry(document["registry_uri"]) as client:
        now = client.get_model_version_by_alias(document["model"], _ALIAS)
        if str(now.version) == settings["version"]:
            client.set_registered_model_alias(document["model"], _ALIAS, settings["previous"])
            now = client.get_model_version_by_alias(document["model"], _ALIAS)
    if server_url:
        _reload(server_url, str(now.version))


@contextlib.contextmanager
def _registry(uri: str) -> Iterator[Any]:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield mlflow.MlflowClient()
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


def _reload(server_url: str, version: str) -> None:
    try:
        answer = httpx.post(f"{server_url}/reload", json={"version": version}, timeout=30, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise StepFailed(
            f"the server at {server_url} does not take up version {version}: {error}",
            hint="'triage lab status' shows its log",
        ) from error
