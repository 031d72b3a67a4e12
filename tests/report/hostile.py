"""The sample incident with hostile text wherever data may hold text."""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from tests.report.sample import ALERT, DIAGNOSIS, EVIDENCE, PLAN

HOSTILE = (
    "<script>alert(1)</script>|`code`|[link](http://evil.example) ![i](x) **b** __c__ www.evil.example\n"
    "# head\n\x1b[2J\x9b31m\u202egnp.\u2066\x00\ud800 {{ 7*7 }} &amp; \"q' --> </style></title>"
)


def poisoned(value: Any) -> Any:
    """``value`` with `HOSTILE` after every free text in it; enums, times, numbers and chart fields' names stay."""
    if isinstance(value, Enum) or value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value + HOSTILE
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"id", "step", "chart", "evidence", "window", "fingerprint"}
        changes = {
            field.name: poisoned(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in kept
        }
        return dataclasses.replace(value, **changes)
    if isinstance(value, tuple):
        return tuple(map(poisoned, value))
    if isinstance(value, Mapping):
        return {key: poisoned(item) for key, item in value.items()}
    return value


def poisoned_chart(chart: Mapping[str, Any]) -> dict[str, Any]:
    """``chart`` with hostile names and labels, still to be drawn."""
    changes = {key: chart[key] + HOSTILE for key in ("name", "feature", "unit") if key in chart}
    labels = {"labels": [label + HOSTILE for label in chart["labels"]]} if "labels" in chart else {}
    return {**chart, **changes, **labels}


HOSTILE_CHANGES: dict[str, Any] = {
    "alert": dataclasses.replace(poisoned(ALERT), model=ALERT.model),
    "evidence": tuple(
        dataclasses.replace(poisoned(item), chart=poisoned_chart(item.chart) if item.chart else None)
        for item in EVIDENCE
    ),
    "diagnosis": poisoned(DIAGNOSIS),
    "plan": poisoned(PLAN),
    "reason": HOSTILE,
}
