"""What catches the eye in a feature's current window: each finding is a fact in words, with the share of rows it
concerns."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from triage.drift.profiles.groups import Grouping
from triage.drift.profiles.profile import FeatureProfile
from triage.drift.quality.conversion import find_rescaling

STUCK_EXCESS = 0.2
NAMED = 5
_FAMILIES = {
    "number": ("int", "uint", "float", "double", "halffloat", "decimal"),
    "text": ("string", "large_string"),
    "time": ("timestamp", "date", "time"),
}


class FindingKind(StrEnum):
    TYPE_CHANGED = "type_changed"
    ALL_NULL = "all_null"
    CONSTANT = "constant"
    STUCK = "stuck"
    UNIT_CHANGED = "unit_changed"
    NEW_CATEGORIES = "new_categories"
    VANISHED_CATEGORIES = "vanished_categories"
    BEYOND_RANGE = "beyond_range"
    INFINITE = "infinite"


@dataclass(frozen=True, slots=True)
class Finding:
    """``share`` is a fraction of the current rows, or of the baseline's for vanished categories. The statement quotes
    data."""

    kind: FindingKind
    statement: str
    share: float


@dataclass(frozen=True, slots=True)
class Excess:
    """The value (or narrow bin, as ``label``) whose share of rows grew most; counts of it, and its shares as
    fractions."""

    label: str
    in_baseline: int
    in_current: int
    baseline: float
    current: float
    bins: int

    @property
    def share(self) -> float:
        return self.current - self.baseline


def find(grouping: Grouping, current: FeatureProfile, excess: Excess) -> tuple[Finding, ...]:
    """All findings about ``current``, whether or not they are large enough to matter."""
    found = [*_types(grouping.baseline, current)]
    if current.read and current.nulls + current.nans == current.read:
        return (*found, Finding(FindingKind.ALL_NULL, f"all {current.read:,} rows are null", 1.0))
    if not current.values:
        return tuple(found)
    found += _dominance(grouping, current, excess)
    if grouping.spec.kind.is_number:
        found += _numbers(grouping, current)
    else:
        found += _categories(grouping, current)
    return tuple(found)


def largest_excess(grouping: Grouping, current: FeatureProfile) -> Excess:
    """Over listed categories, or fine bins within the baseline's range: where the share of rows grew most."""
    before, now = grouping.baseline, current
    inner = slice(1, -1) if grouping.spec.kind.is_number else slice(None)
    p, q = before.counts[inner], now.counts[inner]
    if not len(p) or not before.read or not now.read:
        return Excess("", 0, 0, 0.0, 0.0, 1)
    change = q / now.read - p / before.read
    if grouping.spec.kind.is_number:  # the two ends of the range are wide, and hold many values
        change[[end for end in (0, len(p) - 1) if end + 1 not in grouping.spec.atoms]] = 0.0
    place = int(change.argmax())
    was, is_ = int(p[place]), int(q[place])
    return Excess(_name(grouping, place), was, is_, was / before.read, is_ / now.read, len(p))


def beyond(profile: FeatureProfile) -> int:
    """Values below or above the baseline's range by more than a tenth of its span, infinities included."""
    outside = profile.counts[0] + profile.counts[-1] if len(profile.spec.cuts) > 1 else 0
    return int(outside) + sum(profile.infinities)


def _name(grouping: Grouping, place: int) -> str:
    spec = grouping.spec
    if not spec.kind.is_number:
        return spec.values[place]
    atom = spec.atoms.get(place + 1)
    return f"{atom:.6g}" if atom is not None else f"{spec.bounds[place]:.6g} to {spec.bounds[place + 1]:.6g}"


def _types(before: FeatureProfile, now: FeatureProfile) -> list[Finding]:
    families = [{_family(type_) for type_ in profile.types} - {"null"} for profile in (before, now)]
    if not all(families) or families[1] <= families[0]:
        return []
    was, is_ = ", ".join(before.types), ", ".join(now.types)
    share = now.unread / now.rows if now.unread else 1.0
    return [Finding(FindingKind.TYPE_CHANGED, f"the column's type was {was} and is {is_}", share)]


def _family(type_: str) -> str:
    """Types that hold the same things: a wider integer or a float in place of an integer is no change."""
    for family, prefixes in _FAMILIES.items():
        if type_.startswith(prefixes):
            return family
    return type_


def _dominance(grouping: Grouping, now: FeatureProfile, excess: Excess) -> list[Finding]:
    before = grouping.baseline
    if grouping.spec.kind.is_number:
        constant = now.finite > 1 and now.minimum == now.maximum and before.minimum < before.maximum
        value = f"{now.minimum:.6g}"
    else:
        held = grouping.by_value(now)
        constant = len(held) == 1 and now.values > 1 and len(grouping.by_value_before) > 1
        value = f"'{next(iter(held))}'" if constant else ""
    if constant:
        return [Finding(FindingKind.CONSTANT, f"every value is {value}", now.values / now.read)]
    if excess.share >= STUCK_EXCESS:
        statement = f"{excess.label} makes up {excess.current:.1%} of rows, {excess.baseline:.1%} before"
        return [Finding(FindingKind.STUCK, statement, excess.share)]
    return []


def _numbers(grouping: Grouping, now: FeatureProfile) -> list[Finding]:
    found = []
    before = grouping.baseline
    outside = beyond(now) / now.read
    if outside > 0:
        span = f"{before.minimum:.6g} to {before.maximum:.6g}"
        statement = (
            f"{outside:.2%} of rows lie beyond the baseline's range ({span}, and a tenth of that on either side)"
        )
        found.append(Finding(FindingKind.BEYOND_RANGE, statement, outside))
    if sum(now.infinities):
        share = sum(now.infinities) / now.read
        found.append(Finding(FindingKind.INFINITE, f"{sum(now.infinities):,} rows hold an infinity", share))
    rescaled = find_rescaling(before, now)
    if rescaled:
        found.append(Finding(FindingKind.UNIT_CHANGED, f"looks converted: {rescaled.conversion.name}", 1.0))
    return found


def _categories(grouping: Grouping, now: FeatureProfile) -> list[Finding]:
    found = []
    unseen = grouping.unseen(now)
    if unseen:
        new = [(value, count) for value, count in now.unseen.heaviest(64) if value not in grouping.known][:NAMED]
        named = ", ".join(f"'{value}' {count / now.read:.2%}" for value, count in new)
        statement = f"{unseen / now.read:.2%} of rows hold values the baseline never had: {named}"
        found.append(Finding(FindingKind.NEW_CATEGORIES, statement, unseen / now.read))
    before, held = grouping.by_value_before, grouping.by_value(now)
    missed = [value for value in grouping.heavy if value not in held] if now.unseen.exact else []
    gone = [value for value in missed if before[value] / grouping.baseline.values * now.values >= 20]
    if gone:
        share = float(np.sum([before[value] for value in gone])) / grouping.baseline.read
        named = ", ".join(f"'{value}'" for value in gone[:NAMED])
        statement = f"values that made up {share:.2%} of the baseline are gone: {named}"
        found.append(Finding(FindingKind.VANISHED_CATEGORIES, statement, share))
    return found
