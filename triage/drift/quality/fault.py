"""A fault in the data, and the upstream source that faults have in common."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class FaultKind(StrEnum):
    MISSING_COLUMN = "missing column"
    TYPE = "type change"
    NULLS = "nulls"
    STUCK = "stuck value"
    DEFAULT = "default value"
    UNIT = "unit or scale change"
    IMPOSSIBLE = "impossible value"
    RANGE = "out of range"
    CASE = "spelling change"
    RENAME = "category rename"
    NEW_CATEGORY = "new category"
    SWAPPED = "swapped columns"
    TORN = "wrong join"
    DETACHED = "moved alone"
    DUPLICATES = "duplicated rows"
    MISSING_ROWS = "missing rows"
    LATE = "late rows"


@dataclass(frozen=True, slots=True)
class DataFault:
    """One fault of one feature, or of whole rows (``feature`` is then empty).

    ``share`` is the share of the current window's rows that are bad (of expected rows, where rows are missing),
    ``healthy_share`` the same in the baseline. ``strength`` is the robust z against healthy windows of the same length;
    infinite where no healthy window could show it. ``share_of_episode`` is the share between ``onset`` and ``until``.
    """

    kind: FaultKind
    feature: str
    source: str
    share: float
    healthy_share: float
    strength: float
    statement: str
    onset: datetime | None = None
    until: datetime | None = None
    share_of_episode: float | None = None
    onset_in_window: bool = True
    value: str = ""
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class SourceFault:
    """All faults of one upstream source: one cause, however many features it broke."""

    source: str
    features: tuple[str, ...]
    features_in_source: int
    kinds: tuple[FaultKind, ...]
    share: float
    onset: datetime | None
    faults: tuple[DataFault, ...]


def by_source(faults: Iterable[DataFault], sources: Mapping[str, str] | None = None) -> tuple[SourceFault, ...]:
    """Group ``faults`` by source, the widest first. A feature without a source is a group of its own.

    ``sources`` maps every feature to its source and only serves to count how many of a source's features are whole.
    """
    groups: dict[str, list[DataFault]] = {}
    for fault in faults:
        groups.setdefault(fault.source or fault.feature or "rows", []).append(fault)
    found = [
        SourceFault(
            source=name,
            features=tuple(dict.fromkeys(fault.feature for fault in group if fault.feature)),
            features_in_source=sum(source == name for source in (sources or {}).values()),
            kinds=tuple(dict.fromkeys(fault.kind for fault in group)),
            share=max(fault.share for fault in group),
            onset=min((fault.onset for fault in group if fault.onset is not None), default=None),
            faults=tuple(group),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda item: (-len(item.features), -item.share, item.source)))
