"""Which columns are the model's features, and of what kind: the signature's, unless the catalogue says otherwise."""

from dataclasses import dataclass

from triage.catalog import FeatureType
from triage.drift.profiles.edges import Kind
from triage.errors import TriageError
from triage.ports import ModelVersion
from triage.step import Context, unmeasured

_OF_SIGNATURE = {"string": Kind.CATEGORICAL, "boolean": Kind.BOOLEAN, "datetime": Kind.TIME}
_OF_CATALOG = {FeatureType.NUMERIC: Kind.NUMERIC, FeatureType.CATEGORICAL: Kind.CATEGORICAL}


@dataclass(frozen=True, slots=True)
class Features:
    """``names`` in the signature's order; ``kinds`` where they are known before the data is seen."""

    names: tuple[str, ...]
    kinds: dict[str, Kind]
    sources: dict[str, str]
    segments: tuple[str, ...]


def champion(ctx: Context) -> ModelVersion | None:
    """The version that the alias names, or None when the registry can't say."""

    def ask() -> ModelVersion | None:
        try:
            return ctx.ports.registry.champion(ctx.model.registered_model, ctx.model.alias)
        except TriageError as error:
            ctx.progress(f"the registry does not say which version serves: {error.message}")
            return None

    return ctx.scope.once("champion", ask)


def features(ctx: Context) -> Features:
    """The model's features. Raises Unmeasurable when neither signature nor baseline names any."""
    model, serving = ctx.model, ctx.catalog.dataset(ctx.model.serving_log.dataset)
    version = champion(ctx)
    inputs = dict(version.inputs or {}) if version else {}
    if not inputs:
        inputs = dict.fromkeys(ctx.ports.windows.describe(model.baseline.dataset).columns, "")
        if model.labels is not None:
            inputs.pop(model.labels.column, None)
    apart = {serving.time, serving.key, model.serving_log.prediction, model.serving_log.version, *model.leave_out}
    names = tuple(name for name in inputs if name not in apart)
    if not names:
        unmeasured(
            "no feature is known", hint="register the model with a signature, or name its features in triage.yaml"
        )
    kinds = {name: _OF_SIGNATURE.get(inputs[name], Kind.NUMERIC) for name in names if inputs[name]}
    kinds |= {name: _OF_CATALOG[own.type] for name, own in model.features.items() if own.type and name in names}
    return Features(
        names=names,
        kinds=kinds,
        sources={name: own.source for name, own in model.features.items() if own.source and name in names},
        segments=tuple(name for name, own in model.features.items() if own.segment and name in names),
    )
