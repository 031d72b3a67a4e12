"""What was carried out, read from the events: decisions, challenger, comparison, release, recovery; and where each
version came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.approval import short_digest
from triage.codec import decode
from triage.incident import Event, Evidence, Incident, Source, StepRecord
from triage.numbers import figure, interval, moment, whole_percent
from triage.report.sources import source_line

_DECISIONS = ("approved", "rejected", "withdrawal_asked")
_MOST_SEGMENTS = 5
"""Of each window, among those that passed: a page shows the largest."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody (or the catalogue's policy) said, when."""

    at: datetime
    what: str
    by: str
    about: str
    seq: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of champion and challenger, in one window, or in one ``segment`` of it."""

    where: str
    rows: int
    metric: str
    champion: str
    challenger: str
    difference: str
    verdict: str
    decides: bool
    segment: str = ""


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """One change of who serves. ``reached`` says that the router did so."""

    at: datetime
    what: str
    reached: bool
    reason: str
    seq: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the pipeline that made the challenger: what it needs, and what it read, ran or made."""

    id: str
    needs: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A version of the model: what made it, and for which incident."""

    version: str
    role: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LevelState:
    """A service level during the incident: as measured, beside what is promised."""

    name: str
    verdict: str
    statement: str
    target: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Remediation:
    """All of it; each part is empty where it did not come to that."""

    decisions: tuple[Decision, ...]
    verdict: str
    reasons: tuple[str, ...]
    compared: tuple[Compared, ...]
    not_judged: tuple[str, ...]
    releases: tuple[ReleaseLine, ...]
    recovery: str
    manifest: tuple[Stage, ...]
    lineage: tuple[Ancestor, ...]

    @property
    def happened(self) -> bool:
        return bool(self.decisions or self.compared or self.releases or self.manifest)

    @property
    def shown(self) -> tuple[Compared, ...]:
        """What of the comparison a page shows: whole windows in every metric; of segments what decides, where one did
        not pass, and for the largest of those that did."""
        hidden = set(self._passed_besides)
        return tuple(one for one in self.compared if not one.segment or (one.decides and one.where not in hidden))

    @property
    def said(self) -> tuple[str, ...]:
        """The reasons of the verdict that go with `shown`, and how many segments it leaves out."""
        hidden = self._passed_besides
        left = tuple(f"{where.replace(': ', ' window, ', 1)}: " for where in hidden)
        kept = tuple(reason for reason in self.reasons if not reason.startswith(left)) if left else self.reasons
        return (*kept, f"{len(hidden)} further segments are within their margins") if hidden else kept

    @property
    def _passed_besides(self) -> tuple[str, ...]:
        """The segments that passed and are not among the largest of their window, by where they are."""
        passed: dict[str, list[str]] = {}
        for one in self.compared:
            if one.segment and one.decides and one.verdict == "pass":
                passed.setdefault(one.where.partition(":")[0], []).append(one.where)
        return tuple(where for found in passed.values() for where in found[_MOST_SEGMENTS:])


def remediation(incident: Incident, events: Sequence[Event]) -> Remediation:
    """What was carried out for ``incident``, the fold of ``events``."""
    plans = {
        str(event.data["plan"]["digest"]): str(event.data["plan"]["summary"])
        for event in events
        if event.kind == "planned"
    }
    comparison = _of(incident, "compare_challenger")
    outputs: Mapping[str, Any] = comparison.outputs if comparison else {}
    report: Mapping[str, Any] = outputs.get("report") or {}
    trained = _of(incident, "retrain")
    manifest: Mapping[str, Any] = (trained.outputs.get("manifest") if trained else None) or {}
    recovery = next(
        (step.outputs for step in incident.steps.values() if step.uses == "watch_recovery" and step.outputs), {}
    )
    watched = next((item for item in incident.evidence if item.id == "recovery"), None)
    said = str(recovery.get("verdict", "")).replace("_", " ")
    return Remediation(
        decisions=tuple(_decision(event, plans) for event in events if event.kind in _DECISIONS),
        verdict=str(outputs.get("verdict", "")).replace("_", " "),
        reasons=tuple(map(str, report.get("reasons", ()))),
        compared=tuple(
            line
            for window in report.get("windows", ())
            for scope in window.get("scopes", ())
            for line in _compared(scope)
        ),
        not_judged=tuple(map(str, outputs.get("not_judged", ()))),
        releases=tuple(_release(event) for event in events if event.kind == "release_changed"),
        recovery=": ".join(part for part in (said, watched.statement if watched else "") if part),
        manifest=tuple(_stage(stage) for stage in manifest.get("stages", ())),
        lineage=_lineage(incident, trained, manifest),
    )


def service_levels(incident: Incident) -> tuple[LevelState, ...]:
    """The service levels that were looked at, each as the evidence has it."""
    return tuple(_level(item) for item in incident.evidence if _promise(item) is not None)


def _of(incident: Incident, uses: str) -> StepRecord | None:
    return next((step for step in incident.steps.values() if step.uses == uses and step.outputs), None)


def _decision(event: Event, plans: Mapping[str, str]) -> Decision:
    key = {"approved": "approval", "rejected": "rejection", "withdrawal_asked": "withdrawal"}[event.kind]
    data = event.data[key]
    words = {"approved": "approved", "rejected": "rejected", "withdrawal_asked": "asked to roll back"}[event.kind]
    digest = str(data.get("plan_digest") or "")
    plan = f"plan {short_digest(digest)}" if digest else ""
    plan += f" ({plans[digest]})" if digest in plans else ""
    reason = str(data.get("reason", ""))
    until = f"good until {moment(decode(datetime, data['until']))}" if data.get("until") else ""
    about = "; ".join(part for part in (plan, reason, until) if part)
    by = f"{data.get('by', '')} ({data['account']})" if data.get("account") else str(data.get("by", ""))
    return Decision(event.at, words, by, about, event.seq)


def _compared(scope: Mapping[str, Any]) -> list[Compared]:
    where = f"{scope.get('window', '')}: {scope['segment']}" if scope.get("segment") else str(scope.get("window", ""))
    found = []
    for metric in scope.get("metrics", ()):
        apart = metric.get("difference") or {}
        spread = interval(apart["low"], apart["high"], "") if None not in (apart.get("low"), apart.get("high")) else ""
        decides = metric.get("margin") is not None
        verdict = str(metric.get("verdict") or scope.get("verdict", "")) if decides else "shown"
        found.append(
            Compared(
                where,
                int(scope.get("n_rows", 0)),
                str(metric.get("metric", "")).replace("_", " "),
                figure(metric.get("champion")),
                figure(metric.get("challenger")),
                " ".join(part for part in (figure(apart.get("value")), f"({spread})" if spread else "") if part),
                verdict.replace("_", " "),
                decides,
                str(scope.get("segment") or ""),
            )
        )
    return found


def release_words(data: Mapping[str, Any]) -> str:
    """Who answers what, as a ``release`` in the journal says."""
    stage, weight, shadow = str(data["stage"]), float(data.get("weight") or 0), float(data.get("shadow") or 0)
    share = (
        f"{whole_percent(weight)} of the traffic" if weight else f"copies of {whole_percent(shadow)}" if shadow else ""
    )
    what = f"{stage}: version {data['challenger']} beside version {data['champion']}"
    if stage == "withdrawn":
        what = f"withdrawn: version {data['champion']} serves again"
    elif stage == "full":
        what = f"full: version {data['challenger']} serves everybody"
        share = ""
    return f"{what}, {share}" if share else what


def _release(event: Event) -> ReleaseLine:
    data = event.data["release"]
    return ReleaseLine(event.at, release_words(data), bool(data.get("reached")), str(data.get("reason", "")), event.seq)


def _stage(stage: Mapping[str, Any]) -> Stage:
    details = [
        f"{_read(read)}; columns {', '.join(map(str, read.get('columns', ())))}" for read in stage.get("reads", ())
    ]
    for name in ("inputs", "command", "run", "champion", "by", "model", "version", "source"):
        value = stage.get(name)
        if isinstance(value, Mapping):
            details.append(f"{len(value)} inputs: {', '.join(map(str, value))}")
        elif isinstance(value, list | tuple):
            details.append(f"{name}: {' '.join(map(str, value))}")
        elif value:
            details.append(f"{name}: {value}")
    return Stage(str(stage.get("id", "")), ", ".join(map(str, stage.get("needs", ()))), tuple(details))


def _lineage(incident: Incident, trained: StepRecord | None, manifest: Mapping[str, Any]) -> tuple[Ancestor, ...]:
    """The champion, and the challenger that was trained to take over from it."""
    champion = incident.plan.champion if incident.plan else ""
    if trained is None or not trained.outputs.get("version"):
        audit = next((item for item in incident.evidence if item.id == "audit"), None)
        return (Ancestor(champion, "champion", (audit.statement,)),) if audit and champion else ()
    outputs = trained.outputs
    reads = [_read(read) for stage in manifest.get("stages", ()) for read in stage.get("reads", ())]
    made = [f"run {outputs['run_id']}"] if outputs.get("run_id") else []
    made += [f"trained on {read}" for read in reads]
    made += [f"for {manifest['incident']}, plan {short_digest(str(manifest['plan']))}"] if manifest.get("plan") else []
    audit = next((item for item in incident.evidence if item.id == "audit"), None)
    return (
        Ancestor(str(outputs.get("champion", champion)), "champion", (audit.statement,) if audit else ()),
        Ancestor(str(outputs["version"]), "challenger", tuple(made)),
    )


def _read(stage: Mapping[str, Any]) -> str:
    """What one stage of a pipeline read."""
    return str(source_line(decode(Source, stage["rows"])))


def _promise(item: Evidence) -> float | None:
    """The target or objective that a piece of evidence about a service level names."""
    found = item.measure("target")
    return found if found is not None else item.measure("objective")


def _level(item: Evidence) -> LevelState:
    target = next((measure for measure in item.measures if measure.name in ("target", "objective")), None)
    assert target is not None
    return LevelState(
        item.subject,
        item.verdict.value,
        item.statement,
        figure(target.value, target.unit),
        item.id,
    )
