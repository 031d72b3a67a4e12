"""What a challenger may be trained on, and what it is compared on: windows that share no row."""

from datetime import timedelta

import numpy as np

from triage.catalog import Training
from triage.errors import Refused, StepFailed
from triage.incident import Window
from triage.lineage.audit import MANIFEST
from triage.numbers import span
from triage.ports import ModelVersion
from triage.reading import windows
from triage.reading.labels import labels
from triage.step import Context
from triage.trial.retrain_window import FreshRows, WindowLimits, judge_window

JOB_TAG = "triage.job"
INCIDENT_TAG = "triage.incident"
PLAN_TAG = "triage.plan"
PROFILE = "training.profile"


def training(ctx: Context) -> Training:
    """How the catalogue says a challenger is trained. Raises Refused where it does not say."""
    if ctx.model.training is None or ctx.model.labels is None:
        raise Refused(
            f"the catalogue does not say how {ctx.model.name} is trained",
            hint=f"add training and labels to models.{ctx.model.name} in triage.yaml",
        )
    return ctx.model.training


def holdout(ctx: Context) -> Window:
    """The newest part of the incident, which no training job is given; at most half of the incident."""
    incident = ctx.incident.window
    return Window(incident.end - min(training(ctx).holdout, incident.length / 2), incident.end)


def training_window(ctx: Context) -> Window:
    """The catalogue's days up to the hold-out."""
    end = holdout(ctx).start
    return Window(end - timedelta(days=training(ctx).days), end)


def judge_readiness(ctx: Context) -> None:
    """Raises Refused where the newest rows are too few or still moving: too early a retrain learns the middle."""
    read = windows.current(ctx)
    truth = labels(ctx, read)
    cause = ctx.incident.diagnosis.causes[0].subject if ctx.incident.diagnosis and ctx.incident.diagnosis.causes else ""
    columns = {cause: read.rows[cause].to_numpy()} if cause in read.rows else {}
    limits = WindowLimits(min_labelled=min(training(ctx).min_labelled, 1_000))
    fresh = FreshRows(truth.values, columns, ctx.incident.window.length)
    found = judge_window(fresh, limits, binary=ctx.model.task == "classification")
    if not found.ready:
        wait = f"; at this pace enough will have come in {span(found.wait.total_seconds())}" if found.wait else ""
        raise Refused(f"too early to retrain: {'; '.join(found.reasons)}{wait}", hint="resume in a new run later")


def registered(ctx: Context, champion: ModelVersion) -> ModelVersion | None:
    """The one version that the job of this incident registered, checked; None where there is none yet.

    Raises StepFailed where there are several, or where it is not what was promised.
    """
    registry, name = ctx.ports.registry, ctx.model.registered_model
    found = [version for version in registry.versions(name) if (version.tags or {}).get(JOB_TAG) == ctx.key]
    if not found:
        return None
    if len(found) > 1:
        raise StepFailed(
            f"{len(found)} versions of '{name}' say they come from job {ctx.key}",
            hint="the training job must register exactly one; delete the others",
        )
    version = registry.version(name, found[0].version)
    where = f"version {version.version} of '{name}', registered by job {ctx.key},"
    if version.version == champion.version or version.aliases:
        raise StepFailed(f"{where} serves already", hint="a training job must set no alias; find out who did")
    if not version.run_id:
        raise StepFailed(f"{where} has no run: its lineage is lost", hint="register models from a run")
    if dict(version.inputs or {}) != dict(champion.inputs or {}):
        differing = sorted(set((version.inputs or {}).items()) ^ set((champion.inputs or {}).items()))
        names = ", ".join(dict.fromkeys(name for name, _ in differing))
        raise StepFailed(
            f"{where} has another signature than the champion: {names[:200] or 'none'}",
            hint="train with the champion's signature",
        )
    return version


def in_window(ctx: Context, read: windows.WindowRead, window: Window) -> np.ndarray:
    """Which of the rows read were served in ``window``, bool of shape (n,)."""
    at = read.rows[ctx.catalog.dataset(ctx.model.serving_log.dataset).time]
    return ((at >= window.start) & (at < window.end)).to_numpy()


def missing_lineage(ctx: Context, version: ModelVersion) -> tuple[str, ...]:
    """What is not known of where ``version`` came from; nothing where its lineage is complete."""
    registry, tags = ctx.ports.registry, version.tags or {}
    missing = [name for name in (JOB_TAG, INCIDENT_TAG, PLAN_TAG) if not tags.get(name)]
    missing += [] if version.run_id else ["its training run"]
    missing += [] if version.source else ["where its model is kept"]
    missing += [] if version.inputs else ["its signature"]
    missing += [name for name in (MANIFEST, PROFILE) if not version.run_id or not registry.load_artifact(version, name)]
    return tuple(missing)
