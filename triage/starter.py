"""The commented catalogue that ``triage config init`` writes, with the queries that a server's metrics suggest."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from triage.plain import visible


@dataclass(frozen=True, slots=True)
class Proposal:
    """One query for ``service_levels``, ``kpi`` or ``changes`` (by ``kind``), and the metric that it rests on.

    ``target`` is None where only the service's owner can know it. ``now`` is the query's last value and ``usual`` the
    level that it kept for 95% of a day, in ``unit``; ``trouble`` says why the query is of no use as it stands.
    """

    name: str
    kind: str
    query: str
    direction: str
    unit: str
    target: float | None
    because: str
    now: float | None = None
    usual: float | None = None
    trouble: str = ""


def init_text(url: str = "", proposals: Sequence[Proposal] = ()) -> str:
    """A catalogue that passes every check of its form; its names and addresses are to be replaced.

    With ``url``, ``proposals`` stand in place of the examples: a KPI, service levels and changes, each with the metric
    it rests on. Where there is none for a part, its example stays, and a comment says so.
    """
    text = (files("triage") / "starter.yaml").read_text(encoding="utf-8")
    if not url:
        return text
    text = text.replace("  url: http://127.0.0.1:9090", f"  url: {_quoted(url)}", 1)
    kpis = [one for one in proposals if one.kind == "kpi"]
    levels = [one for one in proposals if one.kind not in ("kpi", "changes")]
    changes = [one for one in proposals if one.kind == "changes"]
    text = _between(text, "      name: conversion\n", "      # per_row", _kpi(kpis))
    if levels:
        text = _between(text, "      - name: latency_p99\n", "    # changes:", _levels(levels))
    else:
        text = text.replace(
            "    service_levels:", "    # No metric of the server looks like these.\n    service_levels:", 1
        )
    if changes:
        text = re.sub(r" *# changes: .*\n", lambda _: _changes(changes), text, count=1)
    return text


def _kpi(found: Sequence[Proposal]) -> str:
    usable = [one for one in found if not one.trouble]
    if not usable:
        example = "      # No metric of the server looks like a KPI: this is an example.\n"
        spare = "".join(f"      # query: {_quoted(one.query)}    # {_said(one)}\n" for one in found)
        return (
            f"{example}{spare}      name: conversion\n"
            "      query: 'sum(increase(conversions_total[1h])) / sum(increase(impressions_total[1h]))'\n"
            "      direction: higher_is_better\n      target: 0.09\n      unit: ratio\n      step: 1h\n"
        )
    first, *others = usable
    lines = "".join(f"      {line}\n" for line in (*_entry(first), "step: 1h"))
    return lines + "".join(f"      # or, {_said(one)}: {_quoted(one.query)}\n" for one in others)


def _levels(found: Iterable[Proposal]) -> str:
    text = ""
    for one in found:
        first, *rest = _entry(one, f"kind: {one.kind}")
        mark = "# " if one.trouble else ""
        text += f"      {mark}- {first}\n" + "".join(f"      {mark}  {line}\n" for line in rest)
    return text


def _entry(one: Proposal, *more: str) -> list[str]:
    return [
        f"name: {one.name}    # {_said(one)}",
        *more,
        f"query: {_quoted(one.query)}",
        f"direction: {one.direction}",
        _target(one),
        f"unit: {_quoted(one.unit)}",
    ]


def _target(one: Proposal) -> str:
    if one.target is not None:
        return f"target: {one.target:g}"
    if one.usual is None:
        return "target: 0    # not known: write what is promised"
    guess = _rounded(one.usual, up=one.direction == "lower_is_better")
    return f"target: {guess:g}    # a guess from the last day: write what is promised"


def _said(one: Proposal) -> str:
    state = one.trouble or ("" if one.now is None else f"now {one.now:.3g} {one.unit}".rstrip())
    return visible(" ".join(f"from {one.because}{'; ' if state else ''}{state}".split()))


def _rounded(value: float, *, up: bool) -> float:
    """``value`` to two significant digits, away from the side that would break the promise at once."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    size = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{(math.ceil if up else math.floor)(value / size) * size:.6g}")


def _changes(found: Iterable[Proposal]) -> str:
    return "    changes:                      # deploys, restarts, configuration\n" + "".join(
        f"      - {_quoted(one.query)}    # {_said(one)}\n" for one in found
    )


def _between(text: str, start: str, end: str, middle: str) -> str:
    """``text`` with what stands from ``start`` up to ``end`` replaced by ``middle``."""
    head, _, rest = text.partition(start)
    return head + middle + rest[rest.index(end) :]


def _quoted(text: str) -> str:
    """A YAML string in single quotes, on one line."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"
