"""Served rows beside those that the feature pipeline recomputes, once per run."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.attribution.game import scores
from triage.drift.quality.skew import Skew, row_parity
from triage.errors import TriageError, Unmeasurable
from triage.incident import Source
from triage.reading import windows
from triage.reading.features import features
from triage.reading.reference import recomputed
from triage.reading.usual import usual_version
from triage.step import Context, seeded


@dataclass(frozen=True, slots=True)
class Parity:
    """``reference`` are the recomputed rows of the sampled ones, joined by ``key``; ``found`` is how far they agree."""

    found: Skew
    reference: pd.DataFrame
    key: str
    source: Source


def parity(ctx: Context) -> Parity:
    """Row by row, over the incident window. Raises Unmeasurable where there is no reference, or none that joins."""

    def compare() -> Parity | Unmeasurable:
        try:
            return _compare(ctx)
        except Unmeasurable as error:
            return error

    found = ctx.scope.once("parity", compare)
    if isinstance(found, Unmeasurable):
        raise found
    return found


def skewed(ctx: Context) -> frozenset[str]:
    """Features that serving computes otherwise than the pipeline; none where that can't be told."""
    try:
        return frozenset(one.feature for one in parity(ctx).found.skewed)
    except TriageError:
        return frozenset()


def answers_moved(ctx: Context) -> float:
    """How far the model's answers move when skewed features are put right: root mean square, in standard deviations of
    the answers; 0 where nothing is skewed, or it can't be told."""
    try:
        compared, current, version = parity(ctx), windows.current(ctx), usual_version(ctx)
        names = [one.feature for one in compared.found.skewed]
        if version is None or not names:
            return 0.0
        right = compared.reference.drop_duplicates(compared.key).set_index(compared.key)
        rows = current.rows[current.rows[compared.key].isin(right.index)]
        mended = rows.assign(**{name: right.loc[rows[compared.key], name].to_numpy() for name in names})
        model = ctx.ports.registry.predictor(version)
        was, would = scores(model.predict, rows), scores(model.predict, mended)
    except TriageError:
        return 0.0
    spread = float(np.std(was))
    return float(np.sqrt(np.mean((would - was) ** 2))) / spread if spread > 0 else 0.0


def _compare(ctx: Context) -> Parity:
    rows = windows.current(ctx).rows
    reference, source = recomputed(ctx, rows, ctx.incident.window)
    served, wanted = ctx.catalog.dataset(ctx.model.serving_log.dataset), features(ctx)
    assert served.key is not None  # `recomputed` has said so already
    found = row_parity(
        rows, reference, wanted.names, seeded("parity"), on=[served.key], time=served.time, sources=wanted.sources
    )
    return Parity(found, reference, served.key, source)
