"""Served rows beside those that the feature pipeline recomputes, once per run."""

from dataclasses import dataclass

import pandas as pd

from triage.drift.quality.skew import Skew, row_parity
from triage.errors import TriageError, Unmeasurable
from triage.incident import Source
from triage.reading import windows
from triage.reading.features import features
from triage.reading.reference import recomputed
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


def _compare(ctx: Context) -> Parity:
    rows = windows.current(ctx).rows
    reference, source = recomputed(ctx, rows, ctx.incident.window)
    served, wanted = ctx.catalog.dataset(ctx.model.serving_log.dataset), features(ctx)
    assert served.key is not None  # `recomputed` has said so already
    found = row_parity(
        rows, reference, wanted.names, seeded("parity"), on=[served.key], time=served.time, sources=wanted.sources
    )
    return Parity(found, reference, served.key, source)
