"""What a feature is, and the bins it is counted in: planned once, on a sample of the baseline."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from triage.drift.profiles.loops import CELLS, ZERO_RANK
from triage.drift.profiles.ranks import cell_ranks, lower_bound

FINE_BINS = 1024
KNOWN_VALUES = 10_000
SAMPLE = 1 << 15
_FEW = 1 << 12
BEYOND = 0.10
_ATOM_SHARE = 0.01


class Kind(StrEnum):
    """How a feature is read. Times count as seconds since 1970, booleans as the values ``false`` and ``true``."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIME = "time"
    UNMEASURED = "unmeasured"

    @property
    def is_number(self) -> bool:
        return self in (Kind.NUMERIC, Kind.TIME)


@dataclass(frozen=True)
class FeatureSpec:
    """One feature and its bins.

    Numbers: ``cuts`` are k+1 ascending cell ranks (`ranks`) of ``(x - shift) * scale``; they make k bins, with one more
    on either side for what lies beyond the baseline's range by over 10% of its span. ``atoms`` maps a bin to the value
    that fills it. Categories: ``values`` are counted one by one; with ``open`` the baseline had more values than could
    be listed, so that a value that isn't listed is not necessarily new. An unmeasured feature has its ``reason``.
    """

    name: str
    kind: Kind
    shift: float = 0.0
    scale: float = 1.0
    cuts: tuple[int, ...] = ()
    atoms: Mapping[int, float] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    open: bool = False
    reason: str = ""

    @property
    def size(self) -> int:
        """How many counts a profile of this feature has."""
        return len(self.cuts) + 1 if self.kind.is_number else len(self.values)

    @cached_property
    def bounds(self) -> np.ndarray:
        """The cuts in the feature's own unit, float64 of shape (k+1,)."""
        return self.shift + lower_bound(np.array(self.cuts, np.int64), self.scale)

    @cached_property
    def bin_of_rank(self) -> np.ndarray:
        """For each cell its bin, uint16 of shape (65536,): the tables of 2,000 features take 260 MB."""
        cuts = np.clip(np.array(self.cuts, np.intp), 0, CELLS)
        widths = np.diff(cuts, prepend=0, append=CELLS)
        return np.repeat(np.arange(len(widths), dtype=np.uint16), widths)

    @cached_property
    def value_set(self) -> pa.Array:
        """``values`` as an Arrow array."""
        return pa.array(self.values, pa.string())

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind.value,
            "shift": self.shift,
            "scale": self.scale,
            "cuts": list(self.cuts),
            "atoms": {str(bin_): value for bin_, value in self.atoms.items()},
            "values": list(self.values),
            "open": self.open,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FeatureSpec":
        cuts, shift, scale = tuple(data["cuts"]), float(data["shift"]), float(data["scale"])
        if list(cuts) != sorted({cut for cut in cuts if 0 <= cut <= CELLS}) or not math.isfinite(shift * scale):
            raise ValueError(f"the bins of feature '{data['name']}' are none")
        return cls(
            name=data["name"],
            kind=Kind(data["kind"]),
            shift=shift,
            scale=scale,
            cuts=cuts,
            atoms={int(bin_): float(value) for bin_, value in data["atoms"].items()},
            values=tuple(data["values"]),
            open=bool(data["open"]),
            reason=data["reason"],
        )


@dataclass(frozen=True)
class Edges:
    """The plan for all features of one model; profiles merge and compare only on the same edges."""

    features: tuple[FeatureSpec, ...]

    @cached_property
    def digest(self) -> str:
        text = json.dumps([spec.to_json() for spec in self.features], sort_keys=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns to read: those of the features that can be measured."""
        return tuple(spec.name for spec in self.features if spec.kind is not Kind.UNMEASURED)


def plan_numbers(name: str, sample: np.ndarray, kind: Kind = Kind.NUMERIC) -> FeatureSpec:
    """Quantile bins of ``sample`` (float64, shape (n,); what is not finite is left out,
    and of more than `SAMPLE` values every n-th is used), each atom in a bin of its own.

    About `FINE_BINS` bins of equal mass, their edges on cell borders. Without a finite value there is one bin for all.
    """
    values = sample[np.isfinite(sample)]
    values = values[:: max(1, len(values) // SAMPLE)]
    if not len(values):
        return FeatureSpec(name, kind)
    shift, scale = centre_and_scale(values)
    with np.errstate(over="ignore"):
        centred = np.clip(values - shift, -1e300, 1e300)
    ranks = cell_ranks(centred, scale)
    by_rank = np.bincount(ranks, minlength=CELLS)
    cells = np.flatnonzero(by_rank)
    counts = by_rank[cells]
    starts = _starts(cells, counts, len(ranks))
    span = float(values.max()) - float(values.min())
    margin = BEYOND * span if math.isfinite(span) else 0.0
    low, high = cell_ranks(np.array([centred.min() - margin, centred.max() + margin]), scale)
    cuts = np.concatenate(([low], starts, [high + 1]))
    cuts = np.unique(np.where(cuts == ZERO_RANK, ZERO_RANK - 1, cuts))  # what rounding moves to just below the centre
    heavy = cells[counts > _ATOM_SHARE * len(values)]
    return FeatureSpec(name, kind, shift, scale, tuple(cuts.tolist()), _atoms(values, ranks, cuts, heavy))


def centre_and_scale(values: np.ndarray) -> tuple[float, float]:
    """What `ranks` are taken of: ``(values - shift) * scale`` (finite, float64, shape (n,), n > 0)."""
    few = values[:: max(1, len(values) // _FEW)]
    with np.errstate(over="ignore"):
        shift = float(np.median(few))  # of two in the middle the mean, whose sum can overflow
    shift = shift if math.isfinite(shift) else 2 * float(np.median(few / 2))
    if values[0] == np.rint(values[0]) and np.array_equal(values, np.rint(values)):
        shift = float(np.rint(shift))
    with np.errstate(over="ignore"):
        return shift, _scale(np.clip(values - shift, -1e300, 1e300))


def plan_values(name: str, counts: Mapping[str, int], kind: Kind = Kind.CATEGORICAL) -> FeatureSpec:
    """Every value of the sample, the heaviest `KNOWN_VALUES` of them when there are more."""
    rows = sum(counts.values())
    if kind is Kind.CATEGORICAL and rows >= 1000 and len(counts) > rows // 2:
        reason = f"looks like an identifier: {len(counts):,} different values in {rows:,} rows"
        return FeatureSpec(name, Kind.UNMEASURED, reason=reason)
    heaviest = sorted(sorted(counts), key=counts.__getitem__, reverse=True)[:KNOWN_VALUES]
    return FeatureSpec(name, kind, values=tuple(heaviest), open=len(counts) > KNOWN_VALUES)


def _scale(centred: np.ndarray) -> float:
    """A power of two that takes the bulk of ``centred`` to about 16: 2²⁷ of room above, 2³⁵ below."""
    few = np.abs(centred[:: max(1, len(centred) // _FEW)])
    place = int(0.99 * (len(few) - 1))
    bulk = float(np.partition(few, place)[place]) or float(np.abs(centred).max())
    return 1.0 if bulk == 0 else math.ldexp(1.0, max(-1000, min(1000, 4 - math.frexp(bulk)[1])))


def _starts(cells: np.ndarray, counts: np.ndarray, total: int) -> np.ndarray:
    """Ranks at which a bin starts: where another 1/`FINE_BINS` of the mass begins, and on both sides of a heavy
    cell. ``cells`` are the ranks that hold values, ascending, ``counts`` how many each."""
    before = np.cumsum(counts) - counts
    fresh = np.diff(before * FINE_BINS // total, prepend=-1) > 0
    heavy = cells[counts * FINE_BINS > total]
    return np.concatenate((cells[fresh], heavy, heavy + 1))


def _atoms(values: np.ndarray, ranks: np.ndarray, cuts: np.ndarray, heavy: np.ndarray) -> dict[int, float]:
    """Bins that one value fills: a ``heavy`` cell (1% of the sample), nine in ten of whose values are the same."""
    atoms: dict[int, float] = {}
    if not len(heavy):
        return atoms
    order = np.argsort(ranks, kind="stable")
    ordered, ranks_of_heavy = ranks[order], heavy.astype(np.uint16)
    starts, ends = (np.searchsorted(ordered, ranks_of_heavy, side) for side in ("left", "right"))
    for rank, start, end in zip(heavy, starts, ends, strict=True):
        inside = values[order[start:end]]
        value = inside[0]
        if not _is_most(inside, value):
            value = np.median(inside)
        if _is_most(inside, value):
            atoms[int(np.searchsorted(cuts, rank, side="right"))] = float(value)
    return atoms


def _is_most(values: np.ndarray, value: float) -> bool:
    return int(np.count_nonzero(values == value)) >= 0.9 * len(values)
