"""``triage.yaml``: the models that are on call, and where everything that is known of them is. Checked at the edge.

Relative paths are relative to the catalogue's folder. Secrets stand in it by reference only, so its text may be
snapshotted into a journal.
"""

from triage.catalog.catalog import Catalog, json_schema
from triage.catalog.connections import Auth, Prometheus, RegistryAddress
from triage.catalog.direction import Direction
from triage.catalog.fields import Duration, PositiveDuration, Secret
from triage.catalog.model import (
    Dataset,
    FeatureType,
    Kpi,
    LevelKind,
    Model,
    PerRow,
    ServiceLevel,
    Task,
)
from triage.catalog.prevention import GitBranch, Prevention
from triage.catalog.release import Guardrail, ReleasePolicy
from triage.catalog.router import EnvoyRouting, KServeRouting, Routing
from triage.catalog.serve import MOMENTS, AlertRoute, Channel, IntakeLimits, Moment, Serve, Trigger
from triage.catalog.training import HttpPipeline, MlflowProject, Training

__all__ = [
    "MOMENTS", "AlertRoute", "Auth", "Catalog", "Channel", "Dataset", "Direction", "Duration", "EnvoyRouting",
    "FeatureType", "GitBranch", "Guardrail", "HttpPipeline", "IntakeLimits", "KServeRouting", "Kpi", "LevelKind",
    "MlflowProject", "Model", "Moment", "PerRow", "PositiveDuration", "Prevention", "Prometheus", "RegistryAddress",
    "ReleasePolicy", "Routing", "Secret", "Serve", "ServiceLevel", "Task", "Training", "Trigger", "json_schema",
]  # fmt: skip
