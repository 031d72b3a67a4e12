"""Worlds of a user's own, each a folder with a catalogue and its truth: diagnosed and scored like the planted ones.

`docs/worlds.md` describes the folder and the truth file.
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from triage.adapters.clock import SystemClock
from triage.catalog import Catalog
from triage.desk import Desk
from triage.errors import NotFound, UsageError
from triage.incident import Alert, CauseKind, Window
from triage.lab.bench.bench import Outcome
from triage.lab.bench.case import Truth
from triage.lab.bench.run import Result, result_of
from triage.wiring import connect

TRUTH, CATALOG = "truth.json", "triage.yaml"


class PlantedCause(BaseModel):
    """One cause of a world's truth; ``subject`` and ``accepted`` are the names that are right answers."""

    model_config = ConfigDict(extra="ignore")

    kind: CauseKind
    subject: str = ""
    accepted: tuple[str, ...] = ()
    share_of_drop: float = Field(1.0, ge=0, le=1)
    onset: AwareDatetime | None = None


class Windows(BaseModel):
    model_config = ConfigDict(extra="ignore")

    incident: tuple[AwareDatetime, AwareDatetime]


class TruthFile(BaseModel):
    """``causes`` (or one ``cause``) of the drop; none of them where nothing is wrong."""

    model_config = ConfigDict(extra="ignore")

    model: str = ""
    alert: str = "ModelQualityDrop"
    windows: Windows
    cause: PlantedCause | None = None
    causes: tuple[PlantedCause, ...] = ()

    def truths(self) -> tuple[Truth, ...]:
        """As the benchmark keeps them, by share."""
        planted = self.causes or ((self.cause,) if self.cause else ())
        start: datetime = self.windows.incident[0]
        found = [
            Truth(
                one.kind,
                str(one.kind),
                tuple(name for name in (one.subject, *one.accepted) if name),
                one.share_of_drop,
                one.onset or start,
            )
            for one in planted
        ]
        return tuple(sorted(found, key=lambda truth: -truth.share))


def run_worlds(folder: Path, progress: Callable[[str], None]) -> Outcome:
    """Diagnose and score every world below ``folder``. Raises NotFound where there is none, UsageError for a faulty
    truth file."""
    homes = sorted(path.parent for path in folder.glob(f"**/{TRUTH}") if (path.parent / CATALOG).exists())
    if not homes:
        hint = f"a world is a folder with {CATALOG} and {TRUTH}; docs/worlds.md describes both"
        raise NotFound(f"no world in {folder}", hint=hint)
    results = []
    for place, home in enumerate(homes, start=1):
        progress(f"{place} of {len(homes)}: {home}")
        results.append(diagnose_world(home))
    return Outcome(tuple(home.name for home in homes), tuple(results))


def read_truth(path: Path) -> TruthFile:
    """Raises UsageError with the first thing that is wrong."""
    try:
        return TruthFile.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}", hint="docs/worlds.md describes the file") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {place}: {first['msg']}", hint="docs/worlds.md describes the file") from None


def diagnose_world(home: Path) -> Result:
    """The diagnosis of the world in ``home`` by its own catalogue and adapters."""
    truth, catalog = read_truth(home / TRUTH), Catalog.load(home / CATALOG)
    model = truth.model or next(iter(catalog.models))
    window = Window(*truth.windows.incident)
    with tempfile.TemporaryDirectory(prefix="triage-bench-") as journal:
        desk = Desk(Path(journal), SystemClock(), connect)
        alert = Alert(truth.alert, model, window.end, origin="triage bench")
        receipt = desk.receive(alert, catalog, window=window)
        started = time.process_time()
        incident = desk.advance(receipt.incident)
        seconds = time.process_time() - started
        desk.journal.close()
    return result_of(home.name, home.name, "world", truth.truths(), incident, seconds, {})
