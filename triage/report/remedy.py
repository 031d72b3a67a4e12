"""What was carried out of a plan: each change and each proof, in the order in which it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.codec import decode
from triage.incident import Incident, Outcome, ReleaseStage, StepRecord, Window
from triage.numbers import moment


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """One line. ``at`` is when it ended, or the last look where it goes on (then ``done`` is false)."""

    at: str
    title: str
    statement: str
    done: bool


def carried_out(incident: Incident) -> tuple[CarriedOut, ...]:
    """Nothing where no remedy began."""
    lines: list[tuple[datetime, CarriedOut]] = []
    for record in incident.steps.values():
        told = _TOLD.get(record.uses)
        at = record.finished_at or record.started_at
        if told is None or record.skipped or at is None:
            continue
        title, tell = told
        if record.uses == "canary" and record.looks:
            at = decode(datetime, record.looks[-1]["at"])  # it is watched a little longer than it is needed
        done = record.outcome is Outcome.DONE
        said = tell(incident, record) if done else record.reason or "under way"
        lines.append((at, CarriedOut(moment(at), title, said, done)))
    release = incident.release
    if release is not None and release.stage is ReleaseStage.WITHDRAWN and release.reached and release.since:
        said = f"version {release.champion} serves everybody: {release.reason}"
        lines.append((release.since, CarriedOut(moment(release.since), "Taken back", said, True)))
    return tuple(line for _, line in sorted(lines, key=lambda item: item[0]))


def _trained(incident: Incident, record: StepRecord) -> str:
    window = record.outputs.get("window")
    rows = f", trained on {decode(Window, window)}" if window else ""
    return f"version {record.outputs.get('version')}{rows}; it serves nobody"


def _stated(incident: Incident, record: StepRecord) -> str:
    """The statement of the evidence that the step left."""
    found = next((item.statement for item in incident.evidence if item.step == record.id), "")
    return found or str(record.outputs.get("reason") or record.outputs.get("verdict") or "done")


def _stages(incident: Incident, record: StepRecord) -> str:
    """How many looks each stage took, and what the last one said."""
    counts: dict[float, int] = {}
    for look in record.looks:
        counts[look["weight"]] = counts.get(look["weight"], 0) + 1
    stages = ", ".join(f"{weight:.0%}: {count} looks" for weight, count in counts.items())
    verdict = "passed" if record.outputs.get("passed") else str(record.outputs.get("verdict"))
    return f"{verdict}; {stages}. {_last(record.looks[-1]) if record.looks else ''}".rstrip()


def _last(look: Mapping[str, Any]) -> str:
    return "; ".join(look["reasons"])


def _promoted(incident: Incident, record: StepRecord) -> str:
    served = record.outputs.get("served") or ()
    asked = f"the servers say version {', '.join(map(str, served))}" if served else "no server could be asked"
    return f"version {record.outputs.get('champion')} follows {record.outputs.get('previous')}; {asked}"


def _back(incident: Incident, record: StepRecord) -> str:
    if not record.outputs.get("done"):
        return "left to a person: the catalogue names no router"
    return f"version {record.outputs.get('champion')} serves everybody"


_TOLD: Mapping[str, tuple[str, Callable[[Incident, StepRecord], str]]] = {
    "retrain": ("Challenger", _trained),
    "compare_challenger": ("Comparison", _stated),
    "shadow": ("Shadow", _stated),
    "canary": ("Canary", _stages),
    "promote": ("Full release", _promoted),
    "rollback": ("Roll-back", _back),
    "watch_recovery": ("Recovery", _stated),
}
