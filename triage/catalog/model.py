"""A model on call, its datasets, and what of it is promised."""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field, PrivateAttr

from triage.catalog.direction import Direction
from triage.catalog.fields import Duration, Name, Part, PositiveDuration, PromQL, RelativePath
from triage.catalog.release import ReleasePolicy
from triage.catalog.router import Routing
from triage.catalog.training import Training


class Task(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class LevelKind(StrEnum):
    """What a service level measures."""

    LATENCY = "latency"
    ERRORS = "errors"
    THROUGHPUT = "throughput"
    SATURATION = "saturation"
    RESTARTS = "restarts"
    UP = "up"
    FRESHNESS = "freshness"
    OTHER = "other"


class FeatureType(StrEnum):
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class Dataset(Part):
    """Rows in Parquet, by name and version."""

    version: Name
    """Which state of the data this is; each figure names it."""
    path: RelativePath
    """File, directory, hive-partitioned tree (day=2026-11-23/) or glob; {date:%Y-%m-%d} stands for a window's days."""
    time: Name
    """Column with the time of the event."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of the time column where it holds whole numbers since 1970."""
    key: Name | None = None
    """Column that names the row, to join labels and to compare rows."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        return self._name


class PerRow(StrEnum):
    """What a KPI is, seen row by row, so that its drop can be divided among causes."""

    LABEL = "label"
    LOSS = "loss"


class Kpi(Part):
    """The figure that the business feels, as PromQL."""

    name: Name
    query: PromQL
    direction: Direction
    target: float
    """The level that is promised, in `unit`."""
    unit: str = ""
    """ratio, seconds, … as figures show it."""
    step: PositiveDuration = timedelta(hours=1)
    """Distance of two points of the series."""
    per_row: PerRow = PerRow.LOSS
    """`label` where the KPI is the mean label (a conversion rate), `loss` where it follows the model's own error."""


class ServiceLevel(Part):
    """A figure of the serving infrastructure, as PromQL."""

    name: Name
    kind: LevelKind = LevelKind.OTHER
    query: PromQL
    direction: Direction
    target: float
    """The level that is promised, in `unit`."""
    unit: str = ""
    step: PositiveDuration | None = None
    """Distance of two points of the series; by default the KPI's."""


class ServingLog(Part):
    dataset: Name
    prediction: Name
    """Column with what the model answered: the score of the positive class, or the value."""
    version: Name | None = None
    """Column with the model version that answered."""


class Labels(Part):
    dataset: Name
    column: Name
    """Column with the truth."""
    delay: Duration = timedelta()
    """How long after an event its label can arrive."""


class Rows(Part):
    dataset: Name


class Windows(Part):
    incident: PositiveDuration = timedelta(hours=48)
    """Span before the alert in which the model got worse."""
    healthy: PositiveDuration = timedelta(days=14)
    """Recent healthy span to compare with."""
    gap: Duration = timedelta()
    """Distance from the end of the healthy span to the begin of the incident."""


class Watch(Part):
    """How `triage watch` looks at the model."""

    window: PositiveDuration | None = None
    """Span of served rows that each look measures; it ends when the look begins. By default an eighth of
    windows.incident."""
    every: PositiveDuration = timedelta(minutes=5)
    """Time from one look to the next."""
    min_rows: int = Field(500, ge=100)
    """Rows below which a window says nothing about its distributions, and is reported as thin."""
    max_features: int = Field(200, ge=1, le=2_000)
    """Features that get series of their own; how many were left out is exposed beside them."""


class Feature(Part):
    """What the signature does not say of a feature."""

    type: FeatureType | None = None
    """By default inferred from the model's signature, else from the column's type."""
    segment: bool = False
    """Whether its values are groups of customers worth looking at one by one."""
    source: str | None = None
    """The table or service it comes from; broken features of one source are one cause."""


class Comparison(Part):
    """How much worse the challenger may be, as a fraction of the champion's loss. Log-loss for classes, RMSE else."""

    incident_margin: float = 0.0
    """In the hold-out of the incident window; below zero asks for a gain."""
    healthy_margin: float = Field(0.05, ge=0)
    """In the healthy span, before the rows it was trained on."""
    segment_margin: float = Field(0.1, ge=0)
    """In each segment."""
    min_rows: int = Field(200, ge=20)
    """Segments with fewer labelled rows are named, and not judged."""


class ApprovalPolicy(Part):
    """Who may approve a change."""

    four_eyes: bool = False
    """Whether the approver must be another person than the requester."""
    ttl: PositiveDuration = timedelta(hours=4)
    """How long an approval holds at most, before its first use."""
    auto_approve: tuple[Literal["retrain", "shadow", "apply_rules"], ...] = ()
    """Steps that need no person, where a plan covers no others: they change nothing that users are served."""


class Model(Part):
    """One model on call."""

    registered_model: Name
    """Its name in the registry."""
    alias: str = Field("champion", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_\-.]*$", max_length=255)
    """The alias that serving follows."""
    task: Task
    kpi: Kpi
    service_levels: tuple[ServiceLevel, ...] = ()
    changes: tuple[PromQL, ...] = ()
    """PromQL that tells of deploys, restarts and other changes: series with a version in a label
    (`max by (version) (model_version_info)`), start times (`process_start_time_seconds`), raw counters, whose falls are
    restarts, or any other, whose values that are not zero mark a change."""
    serving_log: ServingLog
    labels: Labels | None = None
    baseline: Rows
    """The rows the model was trained on."""
    reference: Rows | None = None
    """Rows recomputed by the feature pipeline, to compare with what was served."""
    windows: Windows = Windows()
    watch: Watch = Watch()
    training: Training | None = None
    router: Routing | None = None
    """What sends requests to versions; without it a release is a person's work."""
    comparison: Comparison = Comparison()
    approval: ApprovalPolicy = ApprovalPolicy()
    release: ReleasePolicy | None = None
    """How a challenger that passed the comparison is released, over the router."""
    features: dict[str, Feature] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    """Columns that are no features, or that always drift: ids, times."""
    playbooks: dict[str, str] = Field(default_factory=dict)
    """Alert name to playbook; `default` for the rest."""

    _name: str = PrivateAttr(default="")

    @property
    def name(self) -> str:
        """What the model is called in the catalogue."""
        return self._name

    @property
    def watch_window(self) -> timedelta:
        """The span of served rows that one look of `triage watch` measures."""
        return self.watch.window or self.windows.incident / 8
