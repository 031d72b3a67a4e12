"""Analyses that several steps read, once per run: faulty data, moved features, and what each change costs."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from triage.catalog import PerRow
from triage.drift.attribution.attribute import Attribution, Budget, attribute
from triage.drift.attribution.dependence import broken_dependence
from triage.drift.attribution.game import Predict, populations
from triage.drift.attribution.leaders import FOLLOWED, explained
from triage.drift.attribution.reweight import rake, shares
from triage.drift.attribution.unrelated import unrelated
from triage.drift.codes import as_floats, encode, fit_coding
from triage.drift.concept.calibration import LabelChange, calibration_shift
from triage.drift.losses import Loss
from triage.drift.quality.fault import DataFault, FaultKind
from triage.drift.quality.inspect import QualityReport, find_faults
from triage.drift.shift.compare import FeatureDrift, Movement, compare
from triage.errors import TriageError, Unmeasurable
from triage.reading import windows
from triage.reading.features import features
from triage.reading.labels import labels
from triage.reading.logged import predictions
from triage.reading.losses import model_loss, shortfall
from triage.reading.part import logged_part
from triage.reading.stand_in import replayable
from triage.reading.usual import logged_drop
from triage.step import Context, seeded

HARMLESS_BY_ITSELF = frozenset({FaultKind.NEW_CATEGORY, FaultKind.RANGE, FaultKind.DEFAULT})
"""Faults that a moved population shows as well as a broken source; what the model does with them decides."""

MOST_SUSPECTS = 12
MOST_RAKED = 6
NOTHING_KEPT = 0.1
"""Of a feature's ties; below this all of its rows are torn."""
SEASONAL_PSI = 0.25
FEWEST_BLOCKS = 24
FEWEST_DAYS = 10
MODEL_ROWS = 3_000
LABEL_ROWS = 120_000
"""Rows to replay: asking the model is dear, looking at labels is not."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What each suspect's change costs in loss per row, and in the KPI's own rows where those can be replayed.

    ``torn`` maps features that lost their ties to the share of rows in which they did, and ``by_labels`` names the one
    of them that only the labels tell of; ``through`` is the model that was asked, in words.
    """

    loss: Attribution
    kpi: Attribution | None
    torn: dict[str, float]
    through: str
    by_labels: str = ""


def quality(ctx: Context) -> QualityReport:
    """Faults of the incident window against the healthy span."""
    return ctx.scope.once("quality", partial(_quality, ctx))


def _quality(ctx: Context) -> QualityReport:
    served, wanted = ctx.catalog.dataset(ctx.model.serving_log.dataset), features(ctx)
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    return find_faults(healthy.rows, current.rows, wanted.names, time=served.time, sources=wanted.sources)


def broken(faults: tuple[DataFault, ...]) -> tuple[str, ...]:
    """The features with a fault that no moved population explains."""
    return tuple(
        dict.fromkeys(fault.feature for fault in faults if fault.feature and fault.kind not in HARMLESS_BY_ITSELF)
    )


def movement(ctx: Context) -> tuple[FeatureDrift, ...]:
    """Every feature of the incident window against the recent healthy span, whose own windows calibrate it."""
    return ctx.scope.once("movement", partial(_movement, ctx))


def _movement(ctx: Context) -> tuple[FeatureDrift, ...]:
    return compare(windows.healthy(ctx).profile, windows.current(ctx).profile, windows.history(ctx))


def impact(ctx: Context) -> Impact:
    """What each suspicious change costs, replayed through the champion or what stands in for it.

    Raises Unmeasurable when it can't be.
    """

    def measure() -> Impact | Unmeasurable:
        try:
            return _impact(ctx)
        except Unmeasurable as error:
            return error
        except TriageError as error:
            return Unmeasurable(error.message, hint=error.hint)

    found = ctx.scope.once("impact", measure)
    if isinstance(found, Unmeasurable):
        raise found
    return found


def _impact(ctx: Context) -> Impact:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    truth, now = labels(ctx, healthy), labels(ctx, current)
    said, said_now = predictions(ctx, healthy), predictions(ctx, current)
    wanted = features(ctx)
    model = replayable(ctx)
    faults = quality(ctx).faults
    faulty = broken(faults)
    moved = [
        drift.name for drift in sorted(movement(ctx), key=lambda d: -d.severity) if drift.verdict is Movement.MOVED
    ]
    population = _as_now(healthy.rows, current.rows, [name for name in moved if name not in faulty])
    apart = broken_dependence(healthy.rows, current.rows, wanted.names, population=population)
    torn = {one.feature: 1 - one.kept if one.kept > NOTHING_KEPT else 1.0 for one in apart.broken}
    lost, by_labels = None, ""
    with suppress(Unmeasurable):
        lost = unrelated(
            healthy.rows,
            truth.values,
            current.rows,
            now.values,
            [name for name in model.inputs if name in healthy.rows and name in current.rows and name not in faulty],
            model.predict,
            seeded("unrelated"),
        )
    if lost is not None and lost.feature not in torn:
        # Of a pair whose only tie broke, the labels know which of the two is at fault.
        for one in apart.broken:
            if all(tie.partner == lost.feature for tie in one.ties):
                del torn[one.feature]
        torn[lost.feature], by_labels = lost.share, lost.feature
    suspects = list(dict.fromkeys([*faulty, *(fault.feature for fault in faults if fault.feature), *moved]))

    def share(loss: Loss, rows: int, predict: Predict) -> Attribution:
        return attribute(
            healthy.rows,
            truth.values,
            current.rows,
            model.inputs,
            suspects[:MOST_SUSPECTS],
            predict,
            loss,
            seeded("impact"),
            broken=torn,
            corrupted=faulty,
            observed=logged_drop(loss(truth.values, said), loss(now.values, said_now), logged_part(ctx)),
            current_labels=now.values if now.known else None,
            blocks=_days(ctx, healthy),
            sources=wanted.sources,
            budget=Budget(rows=rows),
        )

    loss = model_loss(ctx)
    by_label = ctx.model.kpi.per_row is PerRow.LABEL
    by_kpi = share(shortfall(ctx), LABEL_ROWS, _unasked) if by_label else None
    return Impact(share(loss, MODEL_ROWS, model.predict), by_kpi, torn, model.name, by_labels)


def _as_now(healthy: pd.DataFrame, current: pd.DataFrame, moved: Sequence[str]) -> np.ndarray | None:
    """Weights (n,) that give healthy rows the current shares of the features that ``moved`` furthest, or None.

    Ties between features change with the population alone: a feature has lost its ties only where they are weaker than
    among healthy rows of that population as well.
    """
    named = [name for name in moved if name in healthy and name in current][:MOST_RAKED]
    if not named:
        return None
    codings = [fit_coding(healthy[name], bins=10, max_categories=30, window=current[name]) for name in named]
    codes = [encode(coding, healthy[name]) for coding, name in zip(codings, named, strict=True)]
    targets = [shares(encode(coding, current[name]), coding.size) for coding, name in zip(codings, named, strict=True)]
    return rake(codes, targets)


def follows_classes(ctx: Context) -> frozenset[str]:
    """Features that moved as the shift of the classes' shares alone would move them: p(x|y) is as it was."""
    return ctx.scope.once("follows classes", partial(_follows_classes, ctx))


def _follows_classes(ctx: Context) -> frozenset[str]:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    try:
        truth, now = labels(ctx, healthy).values, labels(ctx, current).values
        shift = calibration_shift(truth, predictions(ctx, healthy), now, predictions(ctx, current))
    except TriageError:
        return frozenset()
    if shift.change is not LabelChange.PRIOR_SHIFT:
        return frozenset()
    known = np.isfinite(truth)
    rate, rate_now = float(np.nanmean(truth)), float(np.nanmean(now))
    weights = np.where(truth[known] == 1, rate_now / rate, (1 - rate_now) / (1 - rate))
    names = [one.name for one in movement(ctx) if one.verdict is Movement.MOVED and one.name in current.rows]
    moved = populations(healthy.rows[known], current.rows, (), names)
    return frozenset(name for name in names if explained(moved[name], weights) >= FOLLOWED)


def _days(ctx: Context, healthy: windows.WindowRead) -> np.ndarray | None:
    """The day each row was served on, shape (n,), where there are `FEWEST_DAYS` of them: what holds for whole days, as
    the weather does, must not pass for many rows."""
    time = ctx.catalog.dataset(ctx.model.serving_log.dataset).time
    days = (as_floats(healthy.rows[time]) // 86_400).astype("int64")
    return days if len(np.unique(days)) >= FEWEST_DAYS else None


def _unasked(rows: pd.DataFrame) -> np.ndarray:
    """In place of the model's answers (n,), for a loss in which they play no part."""
    return np.zeros(len(rows))


def steady_inputs(ctx: Context) -> tuple[str, ...]:
    """The features to hold equal when two windows are compared: all but those that the season alone moves far."""
    seasonal = {
        drift.name
        for drift in movement(ctx)
        if drift.verdict is Movement.STEADY and drift.psi is not None and drift.psi.effect > SEASONAL_PSI
    }
    return tuple(name for name in features(ctx).names if name not in seasonal)


def blocks(ctx: Context, read: windows.WindowRead) -> np.ndarray:
    """The stretch of time each row was served in, shape (n,): rows of one stretch are not independent.

    An hour, or less where the incident is so short that it would have fewer than `FEWEST_BLOCKS`.
    """
    seconds = min(3600.0, ctx.incident.window.length.total_seconds() / FEWEST_BLOCKS)
    time = ctx.catalog.dataset(ctx.model.serving_log.dataset).time
    return (as_floats(read.rows[time]) // seconds).astype("int64")
