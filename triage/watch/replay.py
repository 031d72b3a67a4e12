"""What `triage watch` would have exposed in the past, computed from the dataset: one pass, whatever the windows."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow.compute as pc

from triage.drift.profiles.columns import numbers, whole
from triage.drift.profiles.folded import FoldedHistory
from triage.drift.shift.psi import psi
from triage.errors import EmptyWindow
from triage.incident import Source, Window
from triage.numbers import span as words
from triage.ports import Series
from triage.prevention.backtest import History
from triage.prevention.nouns import RuleKind, Signal
from triage.reading import windows
from triage.step import Context, unmeasured

MOST_BUCKETS = 2_000
_PARTS = 6
KINDS = (RuleKind.PSI, RuleKind.NULLS, RuleKind.UNSEEN, RuleKind.ROWS, RuleKind.FRESHNESS)


@dataclass(frozen=True, slots=True)
class Replay:
    """``folded`` history, read as windows of ``width`` buckets each."""

    folded: FoldedHistory
    width: int
    source: Source
    least_rows: int
    note: str

    def history(self, signal: Signal) -> History | str:
        """The past of ``signal``, or why there is none."""
        folded, width = self.folded, self.width
        if signal.kind in (RuleKind.PSI, RuleKind.NULLS, RuleKind.UNSEEN) and signal.subject not in folded.groupings:
            return f"{signal.subject} can't be compared with the training baseline"
        if signal.kind is RuleKind.PSI:
            values = self._psi(signal.subject)
        elif signal.kind is RuleKind.NULLS:
            values = folded.null_share(signal.subject, width)
        elif signal.kind is RuleKind.UNSEEN:
            values = folded.unseen_share(signal.subject, width)
        elif signal.kind is RuleKind.ROWS:
            values = folded.window_rows(width).astype(np.float64)
        elif signal.kind is RuleKind.FRESHNESS:
            values = folded.age()
        else:
            return f"{signal.query} has no history, and the log does not tell it: let 'triage watch' run for some days"
        known = np.where(np.arange(folded.count) >= width - 1, values, np.nan)
        if not np.isfinite(known).any():
            return f"{signal.subject}: no window of the past could be measured"
        return History(
            Series({}, folded.ends, known), self.source, folded.bucket_seconds, replayed=True, note=self.note
        )

    def _psi(self, feature: str) -> np.ndarray:
        baseline, now = self.folded.groups(feature, self.width)
        enough = self.folded.read(feature, self.width) >= self.least_rows
        return np.array([psi(baseline, row) if known else np.nan for row, known in zip(now, enough, strict=True)])


def replay(ctx: Context, features: tuple[str, ...], past: Window) -> Replay:
    """Replay ``past`` in windows as long as the catalogue's, wider where a typical one had fewer rows than it needs.

    Raises Unmeasurable without a training baseline, or rows.
    """
    fault = windows.baseline_fault(ctx)
    if fault is not None:
        raise fault
    baseline, _ = windows.baseline(ctx)
    log = ctx.catalog.dataset(ctx.model.serving_log.dataset)
    window = ctx.model.watch_window.total_seconds()
    length = past.length.total_seconds()
    bucket = max(window / _PARTS, length / MOST_BUCKETS, 1.0)
    names = tuple(name for name in features if name in baseline)
    folded = FoldedHistory(baseline, names, past.start.timestamp(), bucket, math.ceil(length / bucket))
    there = ctx.ports.windows.describe(log.name).columns
    columns = [log.time, *(name for name in folded.edges.names if name in there and name != log.time)]
    ctx.progress(f"replaying {log.name} over {words(length)}")
    try:
        scan = ctx.ports.windows.scan(log.name, past, columns)
    except EmptyWindow:
        unmeasured(f"the serving log has no rows from {past}", hint="name a longer history, or check the log")
    for batch in scan.batches():
        served = numbers(whole(batch.column(log.time).drop_null()))
        rows = (
            batch
            if served.nulls == 0 and len(served.values) == batch.num_rows
            else batch.filter(pc.is_valid(batch.column(log.time)))
        )
        folded.add(rows, served.values)
    width = _width(folded, max(1, round(window / bucket)), ctx.model.watch.min_rows)
    wide = width * bucket
    note = ""
    if wide > 1.5 * window:
        note = (
            f"in windows of {words(wide)}, for those of {words(window)} held fewer than {ctx.model.watch.min_rows} rows"
        )
    return Replay(folded, width, scan.source, ctx.model.watch.min_rows, note)


def _width(folded: FoldedHistory, width: int, least_rows: int) -> int:
    """Buckets of a window in which a typical one holds ``least_rows``."""
    served = folded.rows[folded.rows > 0]
    per_bucket = float(folded.rows.sum()) / max(1, folded.count) if len(served) else 0.0
    if per_bucket <= 0 or width * per_bucket >= least_rows:
        return width
    return min(folded.count, math.ceil(1.5 * least_rows / per_bucket))


def past_of(ctx: Context, reach: timedelta) -> Window:
    """The healthy time before the incident, at most ``reach`` of it, and the incident."""
    return Window(ctx.incident.window.start - reach, ctx.incident.window.end)
