"""The nouns of a comparison: the rows two models were scored on, the margins, and what was found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from triage.trial.calibration import Calibration
from triage.trial.footprint import FootprintComparison
from triage.trial.paired_tests import McNemar
from triage.trial.verdict import Interval, TrialVerdict

OVERALL = ""


class Task(StrEnum):
    BINARY = "binary"
    REGRESSION = "regression"


@dataclass(frozen=True, slots=True)
class PairedRows:
    """One named window scored by both models; every array has shape (n,), in the order of time.

    ``truth`` is 0/1 or the true value. ``champion`` and ``challenger`` are probabilities of class 1, or predicted
    values. A row without truth (NaN) is left out. ``cluster`` names the entity a row belongs to. ``segments`` are
    boolean masks. The optional ``*_kpi`` are each model's contribution to the KPI proxy by row, higher being better.
    """

    name: str
    truth: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray
    cluster: np.ndarray | None = None
    segments: Mapping[str, np.ndarray] = field(default_factory=dict)
    champion_kpi: np.ndarray | None = None
    challenger_kpi: np.ndarray | None = None

    def __post_init__(self) -> None:
        arrays = {
            "champion": self.champion,
            "challenger": self.challenger,
            "cluster": self.cluster,
            "champion_kpi": self.champion_kpi,
            "challenger_kpi": self.challenger_kpi,
            **{f"segment {name}": mask for name, mask in self.segments.items()},
        }
        for name, array in arrays.items():
            if array is not None and len(array) != len(self.truth):
                raise ValueError(
                    f"window '{self.name}': {len(array)} values of {name} for {len(self.truth)} rows of truth; "
                    "both models must be scored on the same rows"
                )
        if (self.champion_kpi is None) != (self.challenger_kpi is None):
            raise ValueError(f"window '{self.name}': the KPI proxy is needed for both models or for neither")


@dataclass(frozen=True, slots=True)
class Margins:
    """The harm that is acceptable, in each metric's unit; a negative margin demands a gain.

    ``overall`` maps metric names to margins: the metrics named decide, the others are only shown. ``segments`` maps a
    segment's name to its own margins; one not named there has those of ``overall``, of which a demanded gain becomes 0.
    """

    overall: Mapping[str, float]
    segments: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    min_rows: int = 200
    min_units: int = 20
    max_unscored_share: float = 0.001

    def of(self, segment: str) -> Mapping[str, float]:
        if segment == OVERALL:
            return self.overall
        return {**{name: max(0.0, margin) for name, margin in self.overall.items()}, **self.segments.get(segment, {})}


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """``difference`` is challenger minus champion in the metric's unit; ``harm`` is turned so that above 0 is worse.

    ``p_harm`` is the one-sided p-value of "the harm is within the margin", corrected over all segments (Holm). Without
    a ``margin`` the metric is shown and does not decide (``verdict`` None).
    """

    metric: str
    champion: float
    challenger: float
    difference: Interval
    harm: Interval
    method: str
    margin: float | None = None
    p_harm: float | None = None
    verdict: TrialVerdict | None = None


@dataclass(frozen=True, slots=True)
class ScopeComparison:
    """One window, whole (``segment`` is empty) or one segment of it; ``n_units`` independent units behind the rows."""

    window: str
    segment: str
    n_rows: int
    n_units: int
    metrics: tuple[MetricComparison, ...]
    verdict: TrialVerdict
    reasons: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{self.window} window, {self.segment}" if self.segment else f"{self.window} window"

    def metric(self, name: str) -> MetricComparison | None:
        return next((item for item in self.metrics if item.metric == name), None)


@dataclass(frozen=True, slots=True)
class WindowComparison:
    """All of one window: ``scopes[0]`` is the whole, the others its segments.

    ``n_unscored`` counts rows that the champion could score and the challenger could not.
    """

    name: str
    scopes: tuple[ScopeComparison, ...]
    n_without_truth: int
    n_unscored: int
    mcnemar: McNemar | None
    champion_calibration: Calibration | None
    challenger_calibration: Calibration | None


@dataclass(frozen=True, slots=True)
class TrialReport:
    verdict: TrialVerdict
    reasons: tuple[str, ...]
    windows: tuple[WindowComparison, ...]
    footprint: FootprintComparison | None
    confidence: float
