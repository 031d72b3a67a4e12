"""One feature in two windows: the shares overlaid bin by bin, and what each bin adds to the PSI."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from triage.numbers import decimals, number, percent, tick_labels
from triage.report.charts import reading
from triage.report.charts.drawing import Box, Drawing, KeyEntry, Label, Linear, Path, Shape, fitted, value_axis
from triage.report.charts.ticks import round_ticks

WIDTH = 460.0
MOST_ROWS = 14
"""Categories shown by themselves; the rest are drawn together as one row."""

_LEFT, _RIGHT = 44.0, 8.0
_ROW = 21.0
_KEY = (KeyEntry("baseline", "baseline"), KeyEntry("current", "current window"), KeyEntry("psi", "PSI contribution"))


@dataclass(frozen=True, slots=True)
class _Bin:
    label: str
    baseline: float
    current: float
    psi: float

    @property
    def tip(self) -> str:
        return (
            f"{self.label}: baseline {percent(self.baseline)}, current {percent(self.current)}, PSI {number(self.psi)}"
        )


def draw_distribution(chart: Mapping[str, Any]) -> Drawing:
    """``{"type": "distribution", feature, kind, labels, edges, baseline, current, psi}``, shares of rows per bin."""
    labels = reading.texts(chart, "labels")
    baseline, current, psi = (reading.shares(chart, key) for key in ("baseline", "current", "psi"))
    reading.beside(("labels", labels), ("baseline", baseline), ("current", current), ("psi", psi))
    bins = [_Bin(*row) for row in zip(labels, baseline, current, psi, strict=True)]
    feature = reading.text(chart, "feature")
    total = f"PSI {number(sum(psi))}"
    moved = max(bins, key=lambda item: abs(item.psi))
    numeric = chart.get("kind") == "numeric"
    height, shapes = _columns(bins) if numeric else _rows(bins)
    return Drawing(
        title=f"{feature}: share of rows by {'bin' if numeric else 'category'}",
        description=f"{feature} in {len(bins)} bins, {total}. Most moved: {moved.tip}.",
        width=WIDTH,
        height=height,
        shapes=tuple(shapes),
        key=_KEY,
    )


def _columns(bins: Sequence[_Bin]) -> tuple[float, list[Shape]]:
    """Bins in their order from left to right: shares above, PSI below."""
    top, middle, psi_top, bottom, height = 8.0, 132.0, 152.0, 200.0, 222.0
    highest = max(max(item.baseline, item.current) for item in bins) or 1.0
    share, ticks = Linear(0.0, highest, middle, top), round_ticks(0.0, highest, 3)
    shapes = value_axis(share, ticks, tick_labels(ticks, "ratio"), _LEFT, WIDTH - _RIGHT)
    low, high = min(0.0, *(item.psi for item in bins)), max(0.0, *(item.psi for item in bins)) or 1.0
    psi = Linear(low, high, bottom, psi_top)
    psi_ticks = tuple(tick for tick in round_ticks(low, high, 2) if tick != 0.0) or (high,)
    shapes += value_axis(psi, psi_ticks, tick_labels(psi_ticks, ""), _LEFT, WIDTH - _RIGHT)
    pitch = (WIDTH - _LEFT - _RIGHT) / len(bins)
    gap = min(2.0, pitch * 0.15)
    for index, item in enumerate(bins):
        left = _LEFT + index * pitch
        shapes += [
            Box(left + gap / 2, share(item.baseline), pitch - gap, middle - share(item.baseline), "baseline", item.tip),
            Box(
                left + pitch * 0.3, share(item.current), pitch * 0.4, middle - share(item.current), "current", item.tip
            ),
            _from_zero(psi, item, left + pitch * 0.3, pitch * 0.4),
        ]
    shapes += [Path(((_LEFT, y), (WIDTH - _RIGHT, y)), "axis") for y in (middle, psi(0.0))]
    shapes += _bin_labels(bins, pitch, bottom + 16)
    return height, shapes


def _from_zero(psi: Linear, item: _Bin, left: float, width: float) -> Box:
    return Box(left, min(psi(item.psi), psi(0.0)), width, abs(psi(item.psi) - psi(0.0)), "psi", item.tip)


def _bin_labels(bins: Sequence[_Bin], pitch: float, y: float) -> list[Shape]:
    """As many labels as fit, evenly spaced, the first bin's among them."""
    widest = max(min(len(item.label), 12) for item in bins) * 6.3 + 10
    every = max(1, -int(-widest // pitch))
    return [
        Label(
            min(max(_LEFT + (index + 0.5) * pitch, widest / 2), WIDTH - widest / 2),
            y,
            fitted(item.label, 12 * 6.3),
            "middle",
        )
        for index, item in enumerate(bins)
        if index % every == 0
    ]


def _rows(bins: Sequence[_Bin]) -> tuple[float, list[Shape]]:
    """A row per category, those that moved most kept by themselves: label, shares overlaid, PSI."""
    shown = _most_moved(bins)
    names, shares_left, shares_right, psi_left, psi_right = 112.0, 118.0, 330.0, 346.0, WIDTH - 44
    highest = max(max(item.baseline, item.current) for item in shown) or 1.0
    share = Linear(0.0, highest, shares_left, shares_right)
    psi = Linear(0.0, max(abs(item.psi) for item in shown) or 1.0, psi_left, psi_right)
    bottom = 4 + len(shown) * _ROW
    ticks = round_ticks(0.0, highest, 3)
    shapes: list[Shape] = []
    for tick, label in zip(ticks, tick_labels(ticks, "ratio"), strict=True):
        shapes += [
            Path(((share(tick), 4), (share(tick), bottom)), "grid"),
            Label(share(tick), bottom + 15, label, "middle"),
        ]
    shapes.append(Label((psi_left + psi_right) / 2, bottom + 15, "PSI", "middle"))
    for index, item in enumerate(shown):
        y = 4 + index * _ROW
        shapes += [
            Label(names, y + _ROW / 2 + 4, fitted(item.label, names - 4), "end", "name"),
            Box(shares_left, y + 3, share(item.baseline) - shares_left, _ROW - 6, "baseline", item.tip),
            Box(shares_left, y + 7, share(item.current) - shares_left, _ROW - 14, "current", item.tip),
            Box(psi_left, y + 7, psi(abs(item.psi)) - psi_left, _ROW - 14, "psi", item.tip),
            Label(psi(abs(item.psi)) + 4, y + _ROW / 2 + 4, decimals(item.psi, 3)),
        ]
    shapes.append(Path(((shares_left, 4), (shares_left, bottom)), "axis"))
    return bottom + 22, shapes


def _most_moved(bins: Sequence[_Bin]) -> list[_Bin]:
    if len(bins) <= MOST_ROWS:
        return list(bins)
    ranked = sorted(bins, key=lambda item: (-abs(item.psi), -max(item.baseline, item.current)))
    kept, others = set(map(id, ranked[: MOST_ROWS - 1])), ranked[MOST_ROWS - 1 :]
    rest = _Bin(
        f"{len(others)} others",
        sum(item.baseline for item in others),
        sum(item.current for item in others),
        sum(item.psi for item in others),
    )
    return [*(item for item in bins if id(item) in kept), rest]
