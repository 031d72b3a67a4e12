"""Train a challenger on the newest labelled rows and register it, serving nobody."""

import json
import time
from typing import Any

from pydantic import BaseModel, ConfigDict

from triage import __version__
from triage.codec import canonical, encode
from triage.drift.profiles.scan import plan_edges, profile_batches
from triage.errors import Refused, StepFailed
from triage.incident import Effect, Window
from triage.lineage.audit import MANIFEST, read_manifest
from triage.ports import ModelVersion, Trainer, TrainingJob, TrainingState
from triage.reading.ahead import ahead
from triage.reading.challenger import (
    INCIDENT_TAG,
    JOB_TAG,
    PLAN_TAG,
    PROFILE,
    judge_readiness,
    registered,
    training,
    training_window,
)
from triage.reading.features import features
from triage.reading.sample import EvenSample
from triage.reading.windows import EDGE_ROWS
from triage.step import Context, Findings

about = None
effect = Effect.CHANGE
ABANDONED_TAG = "triage.abandoned"
_POLL_SECONDS = 0.25
_ASK_SECONDS = 2.0


class Params(BaseModel):
    """No parameters: command, days and hold-out are the catalogue's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    return (
        f"{ctx.model.registered_model}: a new version, trained on {training_window(ctx)}"
        f" by {' '.join(training(ctx).way)}; no alias moves"
    )


def run(ctx: Context) -> Findings:
    trainer, champion = _trainer(ctx), _champion(ctx)
    state = trainer.state(ctx.key)
    if state is None or state.lost or state.exit_code:
        judge_readiness(ctx)
        ctx.progress(f"training on {training_window(ctx)}")
        trainer.start(_job(ctx, champion))
    return _adopted(ctx, champion, _ended(ctx, trainer))


def probe(ctx: Context) -> Findings | None:
    """A job that still runs is waited for, one that registered its version is adopted; else there is none."""
    trainer, champion = _trainer(ctx), _champion(ctx)
    state = trainer.state(ctx.key)
    if state is not None and state.running:
        ctx.progress("the training job of an earlier attempt still runs")
        state = _ended(ctx, trainer)
    if state is not None and state.exit_code:
        return None
    return _adopted(ctx, champion, state) if registered(ctx, champion) is not None else None


def undo(ctx: Context, done: Findings) -> None:
    """Tag the challenger as abandoned; nothing ever served it."""
    version = ctx.ports.registry.version(ctx.model.registered_model, done.outputs["version"])
    ctx.ports.registry.tag(version, ABANDONED_TAG, ctx.incident.id)


def _trainer(ctx: Context) -> Trainer:
    if ctx.ports.trainer is None:
        raise Refused("nothing here can train a model", hint="run it where the training command can run")
    return ctx.ports.trainer


def _champion(ctx: Context) -> ModelVersion:
    """Asked afresh each time, for it may move while the job runs."""
    return ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)


def _job(ctx: Context, champion: ModelVersion) -> TrainingJob:
    how, plan = training(ctx), ctx.incident.plan
    assert ctx.model.labels is not None  # `training` asks for both
    document: dict[str, Any] = {
        "key": ctx.key,
        "incident": ctx.incident.id,
        "model": ctx.model.name,
        "registered_model": ctx.model.registered_model,
        "champion": champion.version,
        "serving_log": ctx.model.serving_log.dataset,
        "labels": ctx.model.labels.dataset,
        "window": encode(training_window(ctx)),
        "seed": int(ctx.rng.integers(2**31)),
        "tags": {JOB_TAG: ctx.key, INCIDENT_TAG: ctx.incident.id, PLAN_TAG: plan.digest if plan else ""},
        "catalog": ctx.catalog.snapshot(),
    }
    return TrainingJob(ctx.key, how.command or (), ctx.catalog.folder, document, how.timeout)


def _ended(ctx: Context, trainer: Trainer) -> TrainingState:
    """Wait for the job; a person's no cancels it. Raises Refused then, StepFailed where it failed."""
    asked = time.monotonic()
    while True:
        state = trainer.state(ctx.key)
        if state is None or not state.running:
            break
        if time.monotonic() - asked >= _ASK_SECONDS:
            asked = time.monotonic()
            if ctx.stopped():
                trainer.cancel(ctx.key)
                raise _cancelled(ctx)
        time.sleep(_POLL_SECONDS)
    if (state is None or state.lost or state.exit_code) and ctx.stopped():
        raise _cancelled(ctx)  # by whoever stopped it
    if state is None or state.lost:
        return state or TrainingState(False, lost=True)
    if state.exit_code:
        last = (state.log.strip().splitlines() or ["it said nothing"])[-1]
        raise StepFailed(
            f"the training job ended with exit code {state.exit_code}: {last[:300]}",
            hint="its log is in the jobs folder of TRIAGE_HOME",
        )
    return state


def _cancelled(ctx: Context) -> Refused:
    return Refused(f"{ctx.incident.id} was stopped by a person; the training job was cancelled")


def _adopted(ctx: Context, champion: ModelVersion, state: TrainingState | None) -> Findings:
    """The new version, if it is what the job promised; with its manifest and the profile of its training rows."""
    version = registered(ctx, champion)
    if version is None:
        said = "was lost" if state is None or state.lost else "said that it succeeded"
        raise StepFailed(
            f"the training job {said}, and no version of '{ctx.model.registered_model}' has its tag ({ctx.key})",
            hint="the job must register one version, with the tags that its job file names",
        )
    now = _champion(ctx)
    if now.version != champion.version:
        raise Refused(
            f"alias '{ctx.model.alias}' moved from version {champion.version} to {now.version} during the training",
            hint="find out who moved it, then start a new run",
        )
    manifest = _keep_lineage(ctx, champion, version)
    window = training_window(ctx)
    return Findings(
        outputs={
            "version": version.version,
            "champion": champion.version,
            "window": encode(window),
            "run_id": version.run_id,
            "manifest": manifest,
        }
    )


def _keep_lineage(ctx: Context, champion: ModelVersion, version: ModelVersion) -> dict[str, Any]:
    """Write the profile and the manifest, unless an earlier attempt wrote them (the manifest comes last), which it is.

    A manifest that can't be read is left as it is, for the audit to tell of.
    """
    registry, wanted, log = ctx.ports.registry, features(ctx), ctx.catalog.dataset(ctx.model.serving_log.dataset)
    kept = registry.load_artifact(version, MANIFEST)
    if kept is not None:
        return dict(read_manifest(kept) or {})
    window = training_window(ctx)
    sample = EvenSample(EDGE_ROWS, ctx.rng)
    for batch in ctx.ports.windows.scan(log.name, window, wanted.names).batches():
        sample.add(batch)
    edges = plan_edges(sample.table(), wanted.kinds)
    scan = ctx.ports.windows.scan(log.name, window, edges.columns)
    profile = profile_batches(ahead(scan.batches()), edges)
    registry.save_artifact(version, PROFILE, canonical(scan.source).encode() + b"\n" + profile.to_bytes())
    reads = [{"rows": encode(scan.source), "columns": list(edges.columns)}, _labels_read(ctx, window)]
    manifest = _manifest(ctx, champion, version, reads)
    registry.save_artifact(version, MANIFEST, json.dumps(manifest, indent=2, sort_keys=True).encode())
    return manifest


def _labels_read(ctx: Context, window: Window) -> dict[str, Any]:
    """The labels that had come by the end of the incident."""
    labels = ctx.model.labels
    assert labels is not None  # `training` asks for both
    truth = ctx.catalog.dataset(labels.dataset)
    columns = [name for name in (truth.key, labels.column) if name]
    scan = ctx.ports.windows.scan(truth.name, Window(window.start, ctx.incident.window.end), columns)
    for _ in scan.batches():
        pass
    return {"rows": encode(scan.source), "columns": columns}


def _manifest(
    ctx: Context, champion: ModelVersion, version: ModelVersion, reads: list[dict[str, Any]]
) -> dict[str, Any]:
    """The pipeline as a graph: what each stage read, ran and made."""
    how = training(ctx)
    return {
        "format": 1,
        "triage": __version__,
        "job": ctx.key,
        "incident": ctx.incident.id,
        "plan": ctx.incident.plan.digest if ctx.incident.plan else "",
        "catalog": ctx.catalog.digest,
        "stages": [
            {"id": "ingestion", "needs": [], "reads": reads},
            {"id": "features", "needs": ["ingestion"], "inputs": dict(version.inputs or {})},
            {"id": "training", "needs": ["features"], "command": list(how.way), "run": version.run_id},
            {"id": "evaluation", "needs": ["training"], "champion": champion.version, "by": "compare_challenger"},
            {
                "id": "registration",
                "needs": ["training"],
                "model": version.name,
                "version": version.version,
                "source": version.source,
            },
        ],
    }
