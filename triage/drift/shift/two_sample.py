"""The outcome of comparing one statistic of one feature between two windows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TwoSampleTest:
    """``effect`` is in the statistic's own unit (PSI: nats; KS: probability; Cramér's V: 0 to 1).

    ``error`` bounds how far ``effect`` can be from its exact value (0: exact). ``p_value`` accounts for the design
    effect that was given, but not for the number of features; see `calibrate.adjust`.
    """

    method: str
    effect: float
    p_value: float
    n_baseline: int
    n_current: int
    error: float = 0.0
