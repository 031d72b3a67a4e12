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
from triage.reading.loaded import loaded
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


def put_right(ctx: Context) -> pd.DataFrame:
    """The sampled rows of the incident with skewed features as the pipeline computes them, where it has the row. Raises
    Unmeasurable as `parity` does."""
    compared, rows = parity(ctx), windows.current(ctx).rows
    right = compared.reference.drop_duplicates(compared.key).set_index(compared.key)
    there = rows[compared.key].isin(right.index).to_numpy()
    known = right.reindex(rows[compared.key])
    names = [one.feature for one in compared.found.skewed]
    return rows.assign(**{name: known[name].where(there, rows[name].to_numpy()).to_numpy() for name in names})


def answers_moved(ctx: Context) -> float:
    """How far the model's answers move when skewed features are put right: root mean square over the rows that the
    pipeline has, in standard deviations of the answers; 0 where nothing is skewed, or it can't be told."""
    try:
        version = usual_version(ctx)
        if version is None or not skewed(ctx):
            return 0.0
        model, compared, rows = loaded(ctx, version), parity(ctx), windows.current(ctx).rows
        there = rows[compared.key].isin(compared.reference[compared.key]).to_numpy()
        was, would = (scores(model.predict, frame[there]) for frame in (rows, put_right(ctx)))
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
