"""The rows that the feature pipeline recomputes, beside those that were served."""

import pandas as pd

from triage.incident import Source, Window
from triage.reading.features import features
from triage.reading.keys import keyed
from triage.step import Context, unmeasured


def recomputed(ctx: Context, rows: pd.DataFrame, window: Window) -> tuple[pd.DataFrame, Source]:
    """The recomputed counterparts of served ``rows`` of ``window``, found by their key.

    Raises Unmeasurable where the catalogue names none, or they can't be joined.
    """
    named = ctx.model.reference
    if named is None:
        unmeasured(
            "the catalogue names no reference rows to compare served rows with",
            hint=f"name a dataset that the feature pipeline recomputes under models.{ctx.model.name}.reference",
        )
    served, reference = ctx.catalog.dataset(ctx.model.serving_log.dataset), ctx.catalog.dataset(named.dataset)
    if served.key is None or reference.key is None or served.key != reference.key:
        unmeasured("served and recomputed rows have no key in common", hint="give both datasets the same key column")
    wanted = features(ctx)
    there = ctx.ports.windows.describe(reference.name).columns
    columns = [served.key, *(name for name in wanted.names if name in there)]
    scan = ctx.ports.windows.scan(reference.name, window, columns)
    found = keyed(scan.batches(), rows[served.key], reference.name)
    if not found.num_rows:
        unmeasured(
            f"none of the sampled rows is in '{reference.name}'",
            hint="check that the pipeline recomputes the incident window, under the same key",
        )
    return found.to_pandas(), scan.source
