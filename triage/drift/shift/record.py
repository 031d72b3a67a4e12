"""What past healthy windows did, measured as the current one is: the empirical null of every statistic."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from triage.drift.profiles.groups import Grouping
from triage.drift.profiles.profile import FeatureProfile, WindowProfile
from triage.drift.shift.calibrate import max_t_threshold, robust_z
from triage.drift.shift.findings import beyond, largest_excess
from triage.drift.shift.movement import Limits
from triage.drift.shift.psi import psi

RATES = ("null", "modal", "unseen", "beyond")
_SCALE_FLOOR = 0.1


def rate_floor(limits: Limits, rate: str) -> float:
    floors = (limits.null_share, limits.modal_share, limits.unseen_share, limits.beyond_share)
    return floors[RATES.index(rate)]


def shares(grouping: Grouping, window: FeatureProfile) -> np.ndarray:
    """The shares of rows named in `RATES`, as fractions, float64 of shape (4,); NaN where one doesn't apply."""
    if not window.read:
        return np.full(len(RATES), np.nan)
    number = grouping.spec.kind.is_number
    return np.array(
        [
            window.null_share,
            largest_excess(grouping, window).share,
            np.nan if number or not grouping.closed else grouping.unseen(window) / window.read,
            beyond(window) / window.read if number else np.nan,
        ]
    )


class Record:
    """Statistics of ``past`` windows against the baseline; of no use below ``limits.min_history`` windows."""

    def __init__(self, groupings: Sequence[Grouping], past: Sequence[WindowProfile], limits: Limits) -> None:
        usable = [window for window in past if window.rows >= limits.min_rows]
        self.past = usable if len(usable) >= limits.min_history else []
        self._groupings = groupings
        self._limits = limits

    @property
    def windows(self) -> int:
        return len(self.past)

    @cached_property
    def psi(self) -> np.ndarray:
        """PSI of each past window, float64 of shape (windows, features); NaN where it was not measured."""
        found = np.full((self.windows, len(self._groupings)), np.nan)
        for column, grouping in enumerate(self._groupings):
            if not measurable(grouping.baseline, self._limits):
                continue
            expected = grouping.expected
            for row, window in enumerate(self.past):
                feature = window.features[column]
                if feature.read >= self._limits.min_rows:
                    found[row, column] = psi(expected, grouping.fold(feature))
        return found

    @cached_property
    def rates(self) -> np.ndarray:
        """Shares of each past window over their effect floors, float64 of shape (windows, features, 4)."""
        floors = np.array([rate_floor(self._limits, rate) for rate in RATES])
        found = np.full((self.windows, len(self._groupings), len(RATES)), np.nan)
        for column, grouping in enumerate(self._groupings):
            for row, window in enumerate(self.past):
                found[row, column] = shares(grouping, window.features[column]) / floors
        return found

    @cached_property
    def rate_threshold(self) -> float:
        """The |robust z| that no share of any feature exceeded, but for 1 - ``history_share`` of the windows."""
        flat = self.rates.reshape(self.windows, -1)
        measured = flat[:, np.isfinite(flat).sum(0) >= 2] if self.windows else flat
        return max_t_threshold(measured, self._limits.history_share, _SCALE_FLOOR)

    def psi_limit(self, feature: int) -> float:
        """The ``history_share`` quantile of the feature's PSI in past windows; NaN without history."""
        known = self._known(feature)
        return float(np.quantile(known, self._limits.history_share, method="higher")) if len(known) else float("nan")

    def psi_z(self, feature: int, value: float) -> float:
        """Robust z of the logarithm of a PSI among past windows; NaN without history."""
        with np.errstate(divide="ignore"):
            return robust_z(float(np.log(max(value, 1e-12))), np.log(np.maximum(self._known(feature), 1e-12)), 0.1)

    def rate_z(self, feature: int, rate: str, value: float) -> float:
        """Robust z of a share among past windows; NaN without history."""
        column = RATES.index(rate)
        return robust_z(value / rate_floor(self._limits, rate), self.rates[:, feature, column], _SCALE_FLOOR)

    def _known(self, feature: int) -> np.ndarray:
        column = self.psi[:, feature] if self.past else np.empty(0)
        known = column[np.isfinite(column)]
        return known if len(known) >= self._limits.min_history else known[:0]


def measurable(baseline: FeatureProfile, limits: Limits) -> bool:
    """Whether the baseline holds enough of the feature to compare with."""
    return baseline.read >= limits.min_rows and baseline.values > 0
