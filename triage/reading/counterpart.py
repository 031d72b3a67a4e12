"""Two windows made alike in all but the world: the same model, and the same broken inputs in both.

What is left between them at equal inputs is then a change of concept, and not a fault that others are guilty of.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.attribution.game import Mechanism, scores
from triage.drift.attribution.transport import carry, fit_transport, shuffle
from triage.drift.codes import evenly
from triage.errors import TriageError, Unmeasurable
from triage.ports import Predictor
from triage.reading import windows
from triage.reading.analysis import broken, impact, quality, steady_inputs
from triage.reading.loaded import loaded
from triage.reading.logged import predictions
from triage.reading.parity import put_right, skewed
from triage.reading.usual import usual_version
from triage.step import Context

COMPARED_ROWS = 2_000
SAME = 0.99


@dataclass(frozen=True, slots=True)
class Counterparts:
    """``said`` (n,) and ``said_now`` (m,) are what the model of the healthy window answers, the latter to ``rows_now``;
    ``inputs`` the features to hold equal. ``aside`` says in words what was taken out of the comparison; ``broken`` are
    the features whose faults are in ``said`` too.
    """

    said: np.ndarray
    said_now: np.ndarray
    rows_now: pd.DataFrame
    inputs: tuple[str, ...]
    aside: tuple[str, ...]
    broken: tuple[str, ...] = ()


def counterparts(ctx: Context) -> Counterparts:
    """Broken inputs are carried to the healthy rows too, and wrongly served ones are put right; where another model
    answers in the incident, the one of the healthy window is asked instead. What can't be replayed stays as it was
    logged."""
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    said, said_now = predictions(ctx, healthy), predictions(ctx, current)
    inputs, aside, spoiled = steady_inputs(ctx), list[str](), tuple[str, ...]()
    model = _model(ctx)
    served_wrong, rows_now = skewed(ctx), current.rows
    faulty = [
        name for name in _faulty(ctx) if name in healthy.rows and name in current.rows and name not in served_wrong
    ]
    rest = tuple(name for name in inputs if name not in faulty)
    if model is None:
        return Counterparts(said, said_now, rows_now, rest or inputs, ())
    try:
        if not _same(model, current.rows, said_now):
            said_now = scores(model.predict, current.rows)
            aside.append("another model answers now")
        if served_wrong:
            rows_now = put_right(ctx)
            said_now = scores(model.predict, rows_now)
            aside.append(f"{', '.join(sorted(served_wrong)[:3])} put right")
        if faulty and rest:
            said = scores(model.predict, _with_faults(ctx, healthy.rows, current.rows, faulty))
            aside.append(f"{', '.join(faulty[:3])} broken")
            spoiled = tuple(faulty)
    except Unmeasurable as error:
        ctx.progress(f"windows are compared as logged: {error.message}")
        return Counterparts(predictions(ctx, healthy), predictions(ctx, current), current.rows, rest or inputs, ())
    return Counterparts(said, said_now, rows_now, rest or inputs, tuple(aside), spoiled)


def _model(ctx: Context) -> Predictor | None:
    """The model of the healthy window, where it can be loaded."""
    try:
        version = usual_version(ctx)
        return loaded(ctx, version) if version is not None else None
    except TriageError as error:
        ctx.progress(f"the healthy window's model can't be asked again: {error.message}")
        return None


def _faulty(ctx: Context) -> tuple[str, ...]:
    """Features that are broken beyond doubt, and those that moved or lost their ties alone."""
    apart: list[str] = []
    with suppress(Unmeasurable):
        apart = [one.feature for one in impact(ctx).loss.features if one.mechanism is not Mechanism.COVARIATE_DRIFT]
    return tuple(dict.fromkeys([*broken(quality(ctx).faults), *apart]))


def _same(model: Predictor, rows: pd.DataFrame, logged: np.ndarray) -> bool:
    picked = evenly(pd.DataFrame({"row": np.flatnonzero(np.isfinite(logged))}), COMPARED_ROWS)["row"].to_numpy()
    again = scores(model.predict, rows.iloc[picked])
    return bool(np.isclose(again, logged[picked], atol=1e-4, rtol=1e-4).mean() >= SAME)


def _with_faults(ctx: Context, healthy: pd.DataFrame, current: pd.DataFrame, faulty: list[str]) -> pd.DataFrame:
    """``healthy`` with each faulty feature as it is now: carried to its marginal, and shuffled where ties broke."""
    torn = impact(ctx).torn
    columns = {}
    for name in faulty:
        column = carry(healthy[name], fit_transport(healthy[name], current[name]), ctx.rng)
        columns[name] = shuffle(column, ctx.rng, torn[name]) if name in torn else column
    return healthy.assign(**columns)
