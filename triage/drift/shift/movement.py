"""What a comparison of two windows says of each feature."""

import math
from dataclasses import dataclass
from enum import StrEnum

from triage.drift.profiles.edges import Kind
from triage.drift.shift.findings import Finding
from triage.drift.shift.rates import RateChange
from triage.drift.shift.two_sample import TwoSampleTest


class Movement(StrEnum):
    """Not measured is a verdict of its own, and never reads as steady."""

    MOVED = "moved"
    STEADY = "steady"
    UNMEASURED = "unmeasured"


@dataclass(frozen=True, slots=True)
class Limits:
    """Effect floors, and how sure to be that chance and season don't explain what exceeds them.

    ``psi`` in nats, beyond its null mean; the shares are increases as fractions of rows. ``alpha`` is the false
    discovery rate over features. From ``min_history`` past windows on, PSI must also exceed their ``history_share``
    quantile and lie ``history_z`` robust standard deviations above them (on a log scale), a share the same quantile of
    the largest share of any feature. ``design_effect`` is the inflation of variance by clustered rows.
    """

    psi: float = 0.1
    null_share: float = 0.01
    modal_share: float = 0.03
    unseen_share: float = 0.005
    beyond_share: float = 0.005
    alpha: float = 0.01
    history_share: float = 0.99
    history_z: float = 4.0
    min_history: int = 8
    min_rows: int = 100
    design_effect: float = 1.0


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a plot: shares of rows as fractions, ``psi`` the bin's contribution. Numbers have ``low`` and
    ``high``."""

    label: str
    baseline: float
    current: float
    psi: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """Location and spread of a feature of numbers; the quartiles are read from bins. NaN where there are none."""

    mean: float
    standard_deviation: float
    lower_quartile: float
    median: float
    upper_quartile: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """What was found for one feature; NaN and None where a statistic doesn't apply.

    ``psi.effect`` is raw, ``psi_excess`` what it has beyond its null mean, ``psi_null`` what chance reaches,
    ``psi_history`` what past healthy windows reached (``psi_past`` are theirs, oldest first, NaN where not measured),
    ``history_z`` how far above them it is. ``wasserstein`` is in units of the baseline's interquartile range.
    ``severity`` ranks features, in nats: the PSI excess, or the PSI of a share that moved by itself. ``adjusted_p``
    accounts for all tests of all features. ``reason`` is a sentence for a report.
    """

    name: str
    kind: Kind
    verdict: Movement
    reason: str
    severity: float = 0.0
    psi: TwoSampleTest | None = None
    psi_excess: float = math.nan
    psi_null: float = math.nan
    psi_history: float = math.nan
    psi_past: tuple[float, ...] = ()
    history_z: float = math.nan
    ks: TwoSampleTest | None = None
    chi_square: TwoSampleTest | None = None
    g: TwoSampleTest | None = None
    jensen_shannon: float = math.nan
    wasserstein: float = math.nan
    wasserstein_error: float = math.nan
    rates: tuple[RateChange, ...] = ()
    moved_rates: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    bins: tuple[Bin, ...] = ()
    baseline: Summary | None = None
    current: Summary | None = None
    p_value: float = math.nan
    adjusted_p: float = math.nan
    n_baseline: int = 0
    n_current: int = 0
