"""The model to replay changes through: the registry's, or a stand-in learned from what it answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from triage.drift.attribution.game import Predict, scores
from triage.drift.attribution.surrogate import fit_surrogate
from triage.errors import TriageError, Unmeasurable
from triage.reading import windows
from triage.reading.features import features
from triage.reading.loaded import loaded
from triage.reading.logged import predictions
from triage.reading.usual import usual_version
from triage.step import Context, seeded

CHAMPION = "the champion"
ALIKE = 0.5
"""R² on rows held out, below which a stand-in's answers say too little about the model's."""
_TRIED_ROWS = 50


@dataclass(frozen=True, slots=True)
class Replayable:
    """``predict`` takes rows with the columns ``inputs``; ``name`` is what it is, in words."""

    predict: Predict
    inputs: tuple[str, ...]
    name: str = CHAMPION


def replayable(ctx: Context) -> Replayable:
    """The model that answered before the incident, or what stands in for it where it can't be asked.

    Raises Unmeasurable where neither can be had.
    """
    return ctx.scope.once("replayable", lambda: _replayable(ctx))


def _replayable(ctx: Context) -> Replayable:
    try:
        return _registered(ctx)
    except TriageError as error:
        ctx.progress(f"the model can't be asked ({error.message}); a stand-in is learned from what it answered")
        return _learned(ctx, features(ctx).names, error)


def _registered(ctx: Context) -> Replayable:
    version = usual_version(ctx)
    if version is None:
        raise Unmeasurable("the champion is not known", hint="run 'triage doctor'")
    model = loaded(ctx, version)
    inputs = tuple(version.inputs or features(ctx).names)
    healthy, current = windows.healthy(ctx).rows, windows.current(ctx).rows
    missing = [name for name in inputs if name not in healthy or name not in current]
    if missing:
        raise Unmeasurable(
            f"a window lacks {len(missing)} of the model's inputs: {', '.join(missing[:5])}",
            hint="log every feature of the signature in the serving log",
        )
    scores(model.predict, healthy[list(inputs)].head(_TRIED_ROWS))
    return Replayable(model.predict, inputs)


def _learned(ctx: Context, names: Sequence[str], why: TriageError) -> Replayable:
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    inputs = tuple(name for name in names if name in healthy.rows and name in current.rows)
    reason = f"no change can be replayed: {why.message}"
    try:
        predict, alike = fit_surrogate(healthy.rows, predictions(ctx, healthy), inputs, seeded("stand-in"))
    except Unmeasurable as error:
        raise Unmeasurable(f"{reason}; nor is there a stand-in: {error.message}", hint=why.hint) from why
    if alike < ALIKE:
        raise Unmeasurable(
            f"{reason}; a stand-in learned from its answers explains {max(alike, 0.0):.0%} of them, too little",
            hint=why.hint,
        ) from why
    return Replayable(predict, inputs, f"a stand-in learned from the model's answers (it explains {alike:.0%} of them)")
