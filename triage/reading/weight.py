"""How much of the drop a feature's change explains, as measures of evidence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from triage.diagnosis.scorecard import SHARE, STRENGTH
from triage.drift.attribution.attribute import Attribution, FeatureShare
from triage.drift.attribution.game import Mechanism
from triage.incident import Measure
from triage.reading.analysis import Impact

LEAST_SHARE = 0.05
"""A change that explains less of the drop is harmless."""
CLEAR_SHARE = 0.4
"""A change that explains this much speaks with full strength."""
HARMLESS_COST = 0.02
"""A change that costs less of a healthy row's loss is harmless."""


@dataclass(frozen=True, slots=True)
class Weight:
    """``share`` of the drop as a fraction with its 95% interval; never above 1, and None where
    labelled rows show no drop."""

    feature: str
    mechanism: Mechanism
    cost: float
    share: float | None
    low: float | None
    high: float | None
    relative_cost: float = 0.0
    """``cost`` over the loss of a healthy row."""
    follows: str = ""
    """The feature that this one only moved along with."""
    through: str = ""
    """The model that the change was replayed through, in words."""

    @property
    def harmless(self) -> bool:
        """Labelled rows show no drop to share out, and the change by itself costs next to nothing."""
        return self.share is None and self.relative_cost < HARMLESS_COST

    @property
    def matters(self) -> bool:
        """The change costs something beyond doubt, and not a trifle."""
        if self.share is None or self.low is None:
            return False
        return self.share >= LEAST_SHARE and self.low > 0

    @property
    def measures(self) -> tuple[Measure, ...]:
        strength = min(1.0, max(0.0, self.share or 0.0) / CLEAR_SHARE)
        cost = Measure("cost_per_row", self.cost, "loss")
        if self.share is None:
            return (Measure(STRENGTH, 0.3), cost)
        return (Measure(SHARE, self.share, "", self.low, self.high), Measure(STRENGTH, strength), cost)


def weights(impact: Impact) -> dict[str, Weight]:
    """The weight of each suspect: in the KPI's rows where the population moved, else in the model's loss.

    A broken input changes what the model says, not what labels the healthy rows have; only the loss can see it.
    """
    found = {share.feature: _weight(share, impact.loss, impact.through) for share in impact.loss.features}
    if impact.kpi is not None:
        for share in impact.kpi.features:
            if share.mechanism is Mechanism.COVARIATE_DRIFT:
                found[share.feature] = _weight(share, impact.kpi, impact.through)
    return found


def together(parts: Sequence[Weight]) -> Weight:
    """Several features with one cause as one: costs and shares added, the errors of their intervals as independent."""
    heaviest = max(parts, key=lambda weight: weight.share or 0.0)
    known = [weight for weight in parts if weight.share is not None]
    if len(known) < 2:
        return heaviest
    share = sum(weight.share or 0.0 for weight in known)
    below = math.hypot(*((weight.share or 0.0) - (weight.low or 0.0) for weight in known))
    above = math.hypot(*((weight.high or 0.0) - (weight.share or 0.0) for weight in known))
    return replace(
        heaviest,
        cost=sum(weight.cost for weight in known),
        share=min(1.0, share),
        low=min(1.0, share - below),
        high=min(1.0, share + above),
        relative_cost=sum(weight.relative_cost for weight in known),
    )


def _weight(share: FeatureShare, attribution: Attribution, through: str) -> Weight:
    drop = attribution.observed
    relative = share.cost / abs(attribution.healthy_loss) if attribution.healthy_loss else 0.0
    if share.share is None or drop is None or drop <= 0:
        return Weight(share.feature, share.mechanism, share.cost, None, None, None, relative, share.follows, through)
    part, low, high = (min(1.0, value / drop) for value in (share.cost, share.low, share.high))
    return Weight(share.feature, share.mechanism, share.cost, part, low, high, relative, share.follows, through)
