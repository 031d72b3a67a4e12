"""From a catalogue to a Desk: the one place that chooses adapters."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from triage.adapters.clock import SystemClock
from triage.desk import Desk

if TYPE_CHECKING:
    from triage.catalog import Catalog
    from triage.ports import Metrics
    from triage.step import Ports


def home() -> Path:
    """The folder of the journal: ``$TRIAGE_HOME``, else the user's state folder."""
    chosen = os.environ.get("TRIAGE_HOME")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "triage"


def open_desk() -> Desk:
    """The desk of this user. Cheap: nothing that a catalogue names is touched before a run needs it."""
    return Desk(home(), SystemClock(), connect)


def connect(catalog: "Catalog") -> "Ports":
    """Adapters for everything ``catalog`` names. Nothing is contacted yet."""
    from triage.adapters.mlflow_registry import MlflowRegistry
    from triage.adapters.parquet import ParquetWindows
    from triage.step import Ports

    return Ports(
        metrics=metrics(catalog),
        windows=ParquetWindows(catalog),
        registry=MlflowRegistry(catalog),
        clock=SystemClock(),
    )


def metrics(catalog: "Catalog") -> "Metrics":
    """The metrics server of ``catalog``, or the recording it names."""
    from triage.adapters.recorded import RecordedMetrics

    return RecordedMetrics(catalog)
