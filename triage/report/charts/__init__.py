"""From the chart of a piece of evidence (JSON) to a drawing, and which drawings a report holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from triage.report.charts.bars import REMAINDER, draw_bars
from triage.report.charts.distribution import draw_distribution
from triage.report.charts.drawing import Drawing
from triage.report.charts.reading import ChartFault
from triage.report.charts.series import draw_series
from triage.report.contents import Report

_DRAWERS: Mapping[str, Callable[[Mapping[str, Any]], Drawing]] = {
    "series": draw_series,
    "distribution": draw_distribution,
    "bars": draw_bars,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing, or in words why there is none. ``source`` is the number of the evidence it was drawn from."""

    drawing: Drawing | None
    fault: str = ""
    source: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Where figures stand: the KPI under the impact, the shares under the causes, the rest with its evidence."""

    kpi: Figure | None
    shares: Figure | None
    evidence: Mapping[int, Figure]


def draw(chart: Mapping[str, Any], source: int | None = None) -> Figure:
    """The drawing of ``chart``; of one that can't be drawn, what is wrong with it."""
    kind = chart.get("type")
    drawer = _DRAWERS.get(kind) if isinstance(kind, str) else None
    if drawer is None:
        return Figure(None, f"No picture: this version of triage draws no chart of type {kind!r}.", source)
    try:
        return Figure(drawer(chart), "", source)
    except ChartFault as fault:
        return Figure(None, f"No picture: in the chart of type {kind!r}, {fault}.", source)


def figures(report: Report) -> Figures:
    """Draw every chart of ``report`` once; the KPI's moves up to the impact, the shares' to the causes."""
    charts = {item.number: item.evidence.chart for item in report.evidence if item.evidence.chart}
    name = report.impact.drop.kpi if report.impact else None
    kpi = next((n for n, chart in charts.items() if chart.get("type") == "series" and chart.get("name") == name), None)
    shares = shares_of_the_drop(report)
    return Figures(
        kpi=draw(charts[kpi], kpi) if kpi is not None else None,
        shares=draw(shares) if shares else None,
        evidence={n: draw(chart, n) for n, chart in charts.items() if n != kpi},
    )


def shares_of_the_drop(report: Report) -> Mapping[str, Any] | None:
    """A ``bars`` chart from the healthy level to the incident's: the ranked causes' shares and what they leave over."""
    parts = [(item.name, item.cause.share_of_drop) for item in report.causes]
    known = [(name, share) for name, share in parts if share is not None]
    if not known or report.impact is None:
        return None
    rest = 1.0 - sum(share for _, share in known)
    rows = [*known, *([(REMAINDER, rest)] if abs(rest) > 0.005 else [])]
    return {
        "type": "bars",
        "title": f"Where the drop of {report.impact.drop.kpi} comes from",
        "labels": [name for name, _ in rows],
        "values": [share for _, share in rows],
        "unit": "share",
        "start": f"healthy {report.impact.healthy}",
        "end": f"incident {report.impact.current}",
    }
