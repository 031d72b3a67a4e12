"""The training job of the worlds: reads the job that $TRIAGE_JOB names, and registers a challenger that serves nobody.

It is given datasets by name and a window, never a path; everything it does is what a customer's own job would do.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from triage import __version__
from triage.adapters.mlflow_registry import MlflowRegistry
from triage.adapters.parquet import ParquetWindows
from triage.catalog import Catalog
from triage.codec import decode
from triage.errors import TriageError
from triage.incident import Source, Window
from triage.lab.worlds.champion import fit_boosted_trees, quality
from triage.lab.worlds.registered import Trained, log_trained

_HELD_OUT_EVERY_ROWS = 10
_LABEL_PATIENCE = timedelta(days=2)


def main(argv: Sequence[str] | None = None) -> int:
    """Train and register; what went wrong goes to the log, which is stderr."""
    parser = argparse.ArgumentParser(description="train a challenger as $TRIAGE_JOB says")
    parser.add_argument("--trees", type=int, required=True)
    parser.add_argument("--rare", type=_count_or_share, required=True)
    arguments = parser.parse_args(argv)
    job = json.loads(Path(os.environ["TRIAGE_JOB"]).read_text("utf-8"))
    try:
        print(f"registered version {_train(job, arguments.trees, arguments.rare)}")
    except TriageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _train(job: Mapping[str, Any], trees: int, rare: float | int) -> str:
    catalog = Catalog.restore(job["catalog"])
    champion = MlflowRegistry(catalog.registry).version(job["registered_model"], job["champion"])
    window = decode(Window, job["window"])
    rows, outcome, sources = _labelled(catalog, job, window, list(champion.inputs or {}))
    held_out = np.arange(len(rows)) % _HELD_OUT_EVERY_ROWS == 0
    print(f"training on {np.count_nonzero(~held_out):,} labelled rows, {window}")
    estimator = fit_boosted_trees(rows[~held_out], outcome[~held_out], job["seed"], trees, rare)
    params: dict[str, str | int | float] = {
        "trees": trees,
        "rare": rare,
        "seed": job["seed"],
        "training_rows": int(np.count_nonzero(~held_out)),
        "window": str(window),
        "dataset": f"{sources[0].name}@{sources[0].version}",
        "dataset_digest": sources[0].digest,
        "labels": f"{sources[1].name}@{sources[1].version}",
        "labels_digest": sources[1].digest,
    }
    trained = Trained(
        estimator=estimator,
        inputs=rows[~held_out],
        made_at=datetime.now(UTC),
        params=params,
        metrics=quality(estimator, rows[held_out], outcome[held_out]),
        description=f"Challenger for {job['incident']}: trained on {window}; metrics on every tenth row, held out.",
    )
    return _register(catalog, job, trained, champion.version, sources[0])


def _labelled(
    catalog: Catalog, job: Mapping[str, Any], window: Window, names: list[str]
) -> tuple[pd.DataFrame, np.ndarray, tuple[Source, Source]]:
    """The rows of ``window`` whose label has come, in the order of the log."""
    windows, model = ParquetWindows(catalog.datasets), catalog.model(job["model"])
    log, truth = catalog.dataset(job["serving_log"]), catalog.dataset(job["labels"])
    assert model.labels is not None
    assert log.key is not None
    assert truth.key is not None
    later = Window(window.start, window.end + max(2 * model.labels.delay, _LABEL_PATIENCE))
    served = windows.scan(log.name, window, [log.key, *names])
    known = windows.scan(truth.name, later, [truth.key, model.labels.column])
    rows = pa.Table.from_batches(served.batches()).to_pandas()
    for column in rows.select_dtypes("category"):
        rows[column] = rows[column].astype("str")  # dictionaries in the log, text to the model
    labels = pa.Table.from_batches(known.batches()).to_pandas().dropna()
    found = labels.drop_duplicates(truth.key, keep="last").set_index(truth.key)[model.labels.column]
    rows = rows[rows[log.key].isin(found.index)]
    outcome = found.reindex(rows[log.key]).to_numpy(dtype=float) > 0
    return rows[names].reset_index(drop=True), outcome, (served.source, known.source)


def _register(catalog: Catalog, job: Mapping[str, Any], trained: Trained, champion: str, source: Source) -> str:
    """A new version with the job's tags, set as it is made, so that it is never there without them."""
    import mlflow
    from mlflow.entities import Dataset, DatasetInput, InputTag

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    address = catalog.registry.uri
    uri = address if isinstance(address, str) else address.reveal()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client, name = mlflow.MlflowClient(uri, uri), job["registered_model"]
    like = client.get_run(str(client.get_model_version(name, champion).run_id))
    signature = mlflow.models.get_model_info(f"models:/{name}/{champion}").signature
    with mlflow.start_run(experiment_id=like.info.experiment_id, run_name=job["key"]) as run:
        mlflow.set_tags({**job["tags"], "triage.code": f"triage {__version__}"})
        data = Dataset(f"{source.name}@{source.version}", source.digest[-32:], "triage", str(source.window))
        client.log_inputs(run.info.run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])
        model_uri = log_trained(trained, signature)
    made = client.create_model_version(
        name,
        model_uri,
        run_id=run.info.run_id,
        description=trained.description,
        tags=job["tags"],
        await_creation_for=0,
    )
    return str(made.version)


def _count_or_share(text: str) -> float | int:
    return int(text) if text.isdecimal() else float(text)


if __name__ == "__main__":
    sys.exit(main())
