"""A model in a registry of its own: MLflow on one SQLite file inside the world's folder.

Every version carries the time it would have been made in the world, not the time of the build: a diagnosis that
reads deploys off the registry must not find one after the incident.
"""

import logging
import os
import sqlite3
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

DATABASE = "mlflow.db"
ALIAS = "champion"

_ARTIFACTS = "artifacts"
_TRUSTED_TYPES = (
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
)
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
_VERSION_TIMES = (("model_versions", "creation_time"), ("model_versions", "last_updated_time"))
_RUN_TIMES = (
    ("runs", "start_time", "run_uuid"),
    ("runs", "end_time", "run_uuid"),
    ("logged_models", "creation_timestamp_ms", "source_run_id"),
    ("logged_models", "last_updated_timestamp_ms", "source_run_id"),
)


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted classifier with ``predict_proba``, and what the registry keeps of its making."""

    estimator: Any
    inputs: pd.DataFrame
    made_at: datetime
    params: dict[str, str | int | float]
    metrics: dict[str, float]
    description: str


def register(folder: Path, name: str, versions: Sequence[Trained]) -> None:
    """Register ``versions`` of ``name``, oldest first, in ``folder/mlflow.db``; the last becomes the champion."""
    import mlflow

    uri = f"sqlite:///{folder / DATABASE}"
    artifacts = folder / _ARTIFACTS
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        client = mlflow.MlflowClient(uri, uri)
        experiment = client.create_experiment(name, artifact_location=str(artifacts))
        client.create_registered_model(name)
        runs = []
        for trained in versions:
            example = trained.inputs.head(200)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="(?s).*integer column", category=UserWarning)
                signature = mlflow.models.infer_signature(example, trained.estimator.predict_proba(example)[:, 1])
            with mlflow.start_run(experiment_id=experiment, run_name=f"{name}-{trained.made_at:%Y-%m-%d}") as run:
                model_uri = log_trained(trained, signature)
            client.create_model_version(
                name, model_uri, run_id=run.info.run_id, description=trained.description, await_creation_for=0
            )
            runs.append(run.info.run_id)
        client.set_registered_model_alias(name, ALIAS, str(len(versions)))
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
        logger.setLevel(level)
    _backdate(folder / DATABASE, runs, [trained.made_at for trained in versions])


def log_trained(trained: Trained, signature: Any) -> str:
    """Log parameters, metrics and the model to the run that is active; returns the model's URI."""
    import mlflow
    from sklearn import __version__ as sklearn_version

    mlflow.log_params(trained.params)
    mlflow.log_metrics(trained.metrics)
    model = mlflow.sklearn.log_model(
        trained.estimator,
        name="model",
        signature=signature,
        pip_requirements=[f"scikit-learn=={sklearn_version}"],
        pyfunc_predict_fn="predict_proba",
        skops_trusted_types=list(_TRUSTED_TYPES),
    )
    return model.model_uri


def move(workshop: Path, home: Path) -> None:
    """Let the registry in ``workshop`` name its artifacts by the place they are about to be moved to."""
    for recipe in (workshop / _ARTIFACTS).rglob("MLmodel"):
        recipe.write_text(recipe.read_text("utf-8").replace(str(workshop), str(home)), encoding="utf-8")
    with closing(sqlite3.connect(workshop / DATABASE)) as database, database:
        for table, column in _PATHS:
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (os.fspath(workshop), os.fspath(home))
            )


def _backdate(path: Path, runs: Sequence[str], made_at: Sequence[datetime]) -> None:
    milliseconds = [int(moment.timestamp() * 1000) for moment in made_at]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE registered_models SET creation_time = ?, last_updated_time = ?",
            (milliseconds[0], milliseconds[-1]),
        )
        database.execute("UPDATE experiments SET creation_time = ?, last_update_time = ?", (milliseconds[0],) * 2)
        for version, (run, moment) in enumerate(zip(runs, milliseconds, strict=True), start=1):
            for table, column in _VERSION_TIMES:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE version = ?", (moment, version))
            for table, column, key in _RUN_TIMES:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (moment, run))
