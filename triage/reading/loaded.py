"""A version's model, loaded once in a run: to load one takes longer than to ask it."""

from triage.ports import ModelVersion, Predictor
from triage.step import Context


def loaded(ctx: Context, version: ModelVersion) -> Predictor:
    """The model of ``version``. Raises what `Registry.predictor` raises."""
    key = ("model", version.name, version.version)
    return ctx.scope.once(key, lambda: ctx.ports.registry.predictor(version))
