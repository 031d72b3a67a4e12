"""How a challenger is released: shadow, canary, full release, and whether it helped."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from triage.catalog.direction import Direction
from triage.catalog.fields import Duration, Name, Part, PositiveDuration, PromQL
from triage.document import Wrong

_SHADOW_LOOKS = 48
_LEAST_PAUSE = timedelta(minutes=1)


def _for_one_version(query: str) -> str:
    if "$version" not in query and "$role" not in query:
        raise Wrong("is the same for champion and challenger", 'select one of them, as in {version="$version"}')
    return query


def _ascending(stages: tuple[float, ...]) -> tuple[float, ...]:
    if list(stages) != sorted(set(stages)) or not all(0 < stage < 1 for stage in stages):
        raise Wrong("must ascend, each share above 0 and below 1", "write [0.1, 0.5]; full release follows by itself")
    return stages


PerVersion = Annotated[PromQL, AfterValidator(_for_one_version)]


class Guardrail(Part):
    """A share of requests that may not get worse, counted by Prometheus for each of the two versions.

    In both queries `$version` becomes the version, `$role` champion or challenger, `$interval` the canary's interval.
    """

    name: Name
    total: PerVersion
    """How many requests one interval had, such as sum(increase(requests_total{version="$version"}[$interval]))."""
    events: PerVersion
    """How many of them the share counts: failed, slow, converted."""
    direction: Direction = Direction.LOWER_IS_BETTER
    margin: float = Field(gt=0, le=1)
    """Largest acceptable harm, in points of the share: it has to be ruled out before the next stage."""
    tolerated: float = Field(0.0, ge=0, le=1)
    """Harm that is shown to be above this rolls back."""
    min_requests: int = Field(300, ge=1)
    """Of each version, before it may pass."""
    needed: bool = True
    """Whether the next stage waits for it; without, it can only roll back."""

    @model_validator(mode="after")
    def _provable(self) -> "Guardrail":
        if self.tolerated >= self.margin:
            raise Wrong("tolerates as much as its margin", "let tolerated be below margin")
        return self


class LabelGuardrail(Part):
    """The model's own loss by version, on labels as they arrive; the serving log needs a column with the version."""

    margin: float = Field(0.1, gt=0)
    """Largest acceptable harm, as a fraction of the champion's loss."""
    min_rows: int = Field(300, ge=2)
    """Labelled rows of each version, before it may pass or fail."""
    needed: bool = False
    """Whether the next stage waits for it."""


class BurnGuardrail(Part):
    """Service levels of errors and latency that a release may not break, unless they were broken before it began."""

    factor: float = Field(14.4, gt=0)
    """A share of requests ends it once its error budget burns so many times as fast as its target allows, over both
    windows; another figure (a quantile) once its median is beyond its target over both."""
    short: PositiveDuration = timedelta(minutes=5)
    """Shows that it still goes on."""
    long: PositiveDuration = timedelta(hours=1)
    """Shows that it matters."""

    @model_validator(mode="after")
    def _in_order(self) -> "BurnGuardrail":
        if self.short >= self.long:
            raise Wrong("has a short window that is no shorter than its long one", "let short be below long")
        return self


class ShadowPolicy(Part):
    """The challenger is asked what the champion is asked; its answers are logged with its version, and thrown away."""

    share: float = Field(1.0, ge=0, le=1)
    """Part of the requests that are copied; 0 goes without a shadow."""
    dataset: Name | None = None
    """Where the challenger's answers are logged, with the columns of the serving log; by default in that log."""
    min_rows: int = Field(2_000, ge=20)
    """Paired rows that are waited for."""
    longest: PositiveDuration = timedelta(hours=24)
    """After that it is judged on what there is."""
    failure_margin: float = Field(0.01, gt=0, le=1)
    """Largest acceptable rise of the share of requests without an answer."""

    @property
    def looks(self) -> int:
        """How often it is looked at, at most: error rates are shared by that many looks."""
        return _SHADOW_LOOKS

    @property
    def pause(self) -> timedelta:
        """Distance of two looks."""
        return max(_LEAST_PAUSE, self.longest / _SHADOW_LOOKS)


class RecoveryPolicy(Part):
    """Did it help? The KPI after the release, against before and during the incident."""

    deadline: PositiveDuration = timedelta(hours=24)
    """By when it has to be back, counted from the full release; the labels' delay comes on top."""
    settle: Duration = timedelta()
    """Left out after the release."""
    required_share: float = Field(0.8, gt=0, lt=1)
    """Part of the drop that must have come back."""
    min_points: int = Field(12, ge=2)
    """Points of the KPI before anything is said."""

    @model_validator(mode="after")
    def _in_time(self) -> "RecoveryPolicy":
        if self.settle >= self.deadline:
            raise Wrong("settles longer than its deadline", "let settle be shorter than deadline")
        return self


class ReleasePolicy(Part):
    stages: Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(_ascending)] = (0.1, 0.5)
    """The challenger's share of the traffic, stage by stage, before it gets all of it."""
    interval: PositiveDuration = timedelta(minutes=5)
    """Distance of two looks at a canary."""
    lag: Duration = timedelta(seconds=30)
    """How long after an interval's end its metrics are there, and its answers logged."""
    min_intervals: int = Field(3, ge=1)
    """Looks at each stage, at least."""
    horizon: int = Field(48, ge=1)
    """Looks at one stage after which a canary that is not decided holds its share and waits for a person."""
    hold: PositiveDuration = timedelta(hours=24)
    """How long it holds before it is rolled back."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Of each stage as a whole, however often one looks."""
    guardrails: tuple[Guardrail, ...] = ()
    labels: LabelGuardrail | None = LabelGuardrail()
    burn: BurnGuardrail | None = BurnGuardrail()
    shadow: ShadowPolicy = ShadowPolicy()
    answer_changes_outcome: bool = False
    """Whether people react to the answer (a price, a ranking), so that only its own users show a version's effect."""
    recovery: RecoveryPolicy = RecoveryPolicy()

    @model_validator(mode="after")
    def _within_the_horizon(self) -> "ReleasePolicy":
        if self.min_intervals > self.horizon:
            raise Wrong("asks for more intervals than its horizon has", "let min_intervals be at most horizon")
        return self
