"""The profile of a window: one small summary per feature, which merges exactly with that of any other window.

Counts merge by addition, extremes by minimum and maximum, so merging is associative and commutative; the two moments
are sums of floats, and therefore so up to rounding.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np

from triage.drift.profiles.edges import Edges, FeatureSpec, Kind
from triage.drift.profiles.tally import Tally
from triage.errors import DataError

FORMAT = 1


@dataclass(frozen=True, eq=False)
class FeatureProfile:
    """What one window holds of one feature.

    ``counts`` (int64): numbers by bin (`FeatureSpec.cuts`), categories by listed value. ``unseen`` counts the values
    that aren't listed. ``sum_1`` and ``sum_2`` are sums of (x - shift) and its square over finite values; ``minimum``
    and ``maximum`` are of finite values. ``unread`` rows were in a column that is missing or can't be read as the kind
    the baseline has; ``types`` names every column type that was met, ``reasons`` why rows were unread.
    """

    spec: FeatureSpec
    rows: int
    counts: np.ndarray
    nulls: int = 0
    nans: int = 0
    infinities: tuple[int, int] = (0, 0)
    minimum: float = math.inf
    maximum: float = -math.inf
    sum_1: float = 0.0
    sum_2: float = 0.0
    unseen: Tally = field(default_factory=Tally)
    unread: int = 0
    types: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def read(self) -> int:
        """Rows that were read, nulls among them."""
        return self.rows - self.unread

    @cached_property
    def values(self) -> int:
        """Rows that hold a value: neither null, nor NaN, nor unread. Infinities count as values."""
        return int(self.counts.sum()) + self.unseen.total + sum(self.infinities)

    @property
    def finite(self) -> int:
        return int(self.counts.sum())

    @property
    def null_share(self) -> float:
        """Nulls and NaN together, as a share of the rows read; NaN when none were."""
        return (self.nulls + self.nans) / self.read if self.read else math.nan

    @property
    def mean(self) -> float:
        return self.spec.shift + self.sum_1 / self.finite if self.spec.kind.is_number and self.finite else math.nan

    @property
    def standard_deviation(self) -> float:
        """Of the population (divisor n)."""
        if not self.spec.kind.is_number or not self.finite:
            return math.nan
        centred = self.sum_1 / self.finite
        return math.sqrt(max(0.0, self.sum_2 / self.finite - centred * centred))

    def quantiles(self, shares: Iterable[float]) -> np.ndarray:
        """Quantiles of the finite values, float64, read from the bins by linear interpolation; NaN without values.

        The error is at most the width of the bin (`quantile_errors`), about 1/1,024 of the mass.
        """
        wanted = np.asarray(list(shares), np.float64)
        if not self.spec.kind.is_number or not self.finite:
            return np.full(len(wanted), math.nan)
        low, high = self._ends()
        before = np.concatenate(([0], np.cumsum(self.counts)))
        target = wanted * before[-1]
        bin_ = np.clip(np.searchsorted(before, target, side="right") - 1, 0, len(self.counts) - 1)
        bin_ = np.where(self.counts[bin_] > 0, bin_, np.searchsorted(before, target, side="left") - 1).clip(0)
        within = (target - before[bin_]) / np.maximum(self.counts[bin_], 1)
        found = low[bin_] + within * (high[bin_] - low[bin_])
        atoms = self.spec.atoms
        return np.array([atoms.get(int(index), float(value)) for index, value in zip(bin_, found, strict=True)])

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper end of each bin in the feature's unit, drawn in to the window's extremes."""
        bounds = np.clip(self.spec.bounds, self.minimum, self.maximum)
        return np.concatenate(([self.minimum], bounds)), np.concatenate((bounds, [self.maximum]))

    def quantile_errors(self, shares: Iterable[float]) -> np.ndarray:
        """How far each of `quantiles` can be off: the width of the bin it lies in."""
        low, high = self._ends()
        before = np.concatenate(([0], np.cumsum(self.counts)))
        target = np.asarray(list(shares), np.float64) * before[-1]
        bin_ = np.clip(np.searchsorted(before, target, side="left") - 1, 0, len(self.counts) - 1)
        return np.asarray(high[bin_] - low[bin_])

    def merge(self, other: "FeatureProfile") -> "FeatureProfile":
        return FeatureProfile(
            spec=self.spec,
            rows=self.rows + other.rows,
            counts=self.counts + other.counts,
            nulls=self.nulls + other.nulls,
            nans=self.nans + other.nans,
            infinities=(self.infinities[0] + other.infinities[0], self.infinities[1] + other.infinities[1]),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            sum_1=self.sum_1 + other.sum_1,
            sum_2=self.sum_2 + other.sum_2,
            unseen=self.unseen.merge(other.unseen),
            unread=self.unread + other.unread,
            types=tuple(sorted({*self.types, *other.types})),
            reasons=tuple(sorted({*self.reasons, *other.reasons})),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rows": self.rows,
            "counts": self.counts.tolist(),
            "nulls": self.nulls,
            "nans": self.nans,
            "infinities": list(self.infinities),
            "minimum": self.minimum if math.isfinite(self.minimum) else None,
            "maximum": self.maximum if math.isfinite(self.maximum) else None,
            "sum_1": self.sum_1 if math.isfinite(self.sum_1) else None,
            "sum_2": self.sum_2 if math.isfinite(self.sum_2) else None,
            "unseen": {"counts": dict(self.unseen.counts), "total": self.unseen.total, "error": self.unseen.error},
            "unread": self.unread,
            "types": list(self.types),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_json(cls, spec: FeatureSpec, data: Mapping[str, Any]) -> "FeatureProfile":
        unseen, counts = data["unseen"], np.array(data["counts"], np.int64)
        if counts.shape != empty_feature(spec).counts.shape:
            raise ValueError(f"'{spec.name}' has {counts.size} counts for its bins")
        return cls(
            spec=spec,
            rows=data["rows"],
            counts=counts,
            nulls=data["nulls"],
            nans=data["nans"],
            infinities=(data["infinities"][0], data["infinities"][1]),
            minimum=math.inf if data["minimum"] is None else data["minimum"],
            maximum=-math.inf if data["maximum"] is None else data["maximum"],
            sum_1=math.nan if data["sum_1"] is None else data["sum_1"],
            sum_2=math.nan if data["sum_2"] is None else data["sum_2"],
            unseen=Tally(unseen["counts"], unseen["total"], unseen["error"]),
            unread=data["unread"],
            types=tuple(data["types"]),
            reasons=tuple(data["reasons"]),
        )


@dataclass(frozen=True, eq=False)
class WindowProfile:
    """The profiles of all features of one window, in the order of ``edges.features``."""

    edges: Edges
    rows: int
    features: tuple[FeatureProfile, ...]

    def __getitem__(self, name: str) -> FeatureProfile:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, FeatureProfile]:
        return {feature.name: feature for feature in self.features}

    def require_same_edges(self, other: "WindowProfile") -> None:
        """Raises DataError when the two were counted on different edges."""
        if self.edges is not other.edges and self.edges.digest != other.edges.digest:
            raise DataError(
                "two profiles with different bins can't be merged or compared",
                hint="profile both windows with the edges of the same baseline",
            )

    def merge(self, other: "WindowProfile") -> "WindowProfile":
        """The profile of both windows' rows. Raises DataError when they were counted on different edges."""
        self.require_same_edges(other)
        features = tuple(mine.merge(theirs) for mine, theirs in zip(self.features, other.features, strict=True))
        return replace(self, rows=self.rows + other.rows, features=features)

    def to_bytes(self) -> bytes:
        """JSON, UTF-8: what is kept as an artifact of the model version."""
        body = {
            "format": FORMAT,
            "rows": self.rows,
            "edges": [spec.to_json() for spec in self.edges.features],
            "features": [feature.to_json() for feature in self.features],
        }
        return json.dumps(body, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "WindowProfile":
        """The inverse of `to_bytes`. Raises DataError on what is not a profile, or one of a newer format."""
        try:
            data = json.loads(body)
            version = data["format"]
            if version == FORMAT:
                specs = tuple(FeatureSpec.from_json(item) for item in data["edges"])
                pairs = zip(specs, data["features"], strict=True)
                features = tuple(FeatureProfile.from_json(spec, item) for spec, item in pairs)
                return cls(Edges(specs), data["rows"], features)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise DataError(f"a saved profile can't be read: {error}", hint="profile the baseline again") from error
        raise DataError(
            f"a saved profile has format {version}, this release reads {FORMAT}", hint="profile the baseline again"
        )


def empty_feature(spec: FeatureSpec) -> FeatureProfile:
    return FeatureProfile(spec, 0, np.zeros(0 if spec.kind is Kind.UNMEASURED else spec.size, np.int64))


def empty_profile(edges: Edges) -> WindowProfile:
    """The profile of no rows: merging with it changes nothing."""
    return WindowProfile(edges, 0, tuple(empty_feature(spec) for spec in edges.features))


def merge_all(edges: Edges, profiles: Iterable[WindowProfile]) -> WindowProfile:
    """Merge in the order given, so that the two moments come out the same each time."""
    return reduce(WindowProfile.merge, profiles, empty_profile(edges))
