"""From an incident and its events to the report's value."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from triage.approval import objection, short_digest
from triage.codec import canonical
from triage.incident import (
    Action,
    Cause,
    CauseKind,
    Drop,
    Effect,
    Event,
    Evidence,
    Incident,
    Measure,
    Outcome,
    State,
    Unmeasured,
    Verdict,
)
from triage.numbers import (
    NOTHING,
    between,
    difference,
    figure,
    interval,
    moment,
    signed_percent,
    span,
    whole_percent,
    with_interval,
)
from triage.prevention.record import reported
from triage.report.contents import (
    Citation,
    Exclusion,
    Exhibit,
    Impact,
    Loser,
    Proposal,
    ProposedAction,
    RankedCause,
    Report,
    StepLine,
    Written,
)
from triage.report.ladder import KIND_NAMES, VERDICT_GLYPHS, ladder
from triage.report.lessons import action_items, detection, lessons
from triage.report.remediation import remediation, service_levels
from triage.report.sources import source_line
from triage.report.timeline import STATE_WORDS, milestones, timeline

_SEGMENTS = "segments"
"""The evidence that sums up what `find_segments` found."""


def build(incident: Incident, events: Sequence[Event]) -> Report:
    """The report on ``incident``, which is the fold of ``events``."""
    diagnosis = incident.diagnosis
    order = _in_order(incident)
    numbers = {item.id: place for place, item in enumerate(order, 1)}

    def cite(ids: Sequence[str]) -> tuple[Citation, ...]:
        return tuple(Citation(name, numbers.get(name)) for name in ids)

    cited = _cited(incident)
    carried_out = remediation(incident, events)
    return Report(
        incident=incident,
        summary=_summary(incident),
        state=STATE_WORDS[incident.state] + (f": {incident.state_reason}" if incident.state_reason else ""),
        model=incident.model,
        window=f"{incident.window} ({span(incident.window.length.total_seconds())})",
        trigger=_trigger(incident),
        impact=_impact(diagnosis.drop) if diagnosis and diagnosis.drop else None,
        lost_most=tuple(Loser(item.statement, cite((item.id,))) for item in order if item.part_of == _SEGMENTS),
        ladder=ladder(incident),
        causes=tuple(_ranked(rank, cause, cite) for rank, cause in enumerate(diagnosis.causes, 1)) if diagnosis else (),
        ruled_out=tuple(
            Exclusion(KIND_NAMES[item.kind], item.reason, cite(item.evidence)) for item in diagnosis.ruled_out
        )
        if diagnosis
        else (),
        unmeasured=unmeasured(incident),
        evidence=tuple(_exhibit(numbers[item.id], item, item.id in cited) for item in order),
        plan=_proposal(incident),
        steps=tuple(
            StepLine(
                step.id,
                step.uses,
                "skipped" if step.skipped else step.outcome.value if step.outcome else "not finished",
                span(step.elapsed_seconds) if step.elapsed_seconds is not None else "",
                step.reason,
            )
            for step in incident.steps.values()
        ),
        timeline=timeline(incident, events),
        milestones=milestones(incident, events),
        detection=detection(incident, events),
        remediation=carried_out,
        service_levels=service_levels(incident),
        lessons=lessons(incident, events),
        action_items=action_items(incident),
        next_check=diagnosis.next_check if diagnosis else "",
        next_command=_next_command(incident),
        verify_command=f"triage verify {shlex.quote(incident.id)}",
        written={
            note.section.value: Written(
                tuple(line.strip() for line in note.text.splitlines() if line.strip()),
                f"{note.by}, {moment(note.at)}",
            )
            for note in incident.notes
        },
        prevention=reported(events),
    )


def unmeasured(incident: Incident) -> tuple[Unmeasured, ...]:
    """What could not be measured: as the diagnosis says, then evidence and steps that it does not speak of."""
    listed = incident.diagnosis.unmeasured if incident.diagnosis else ()
    told = {item.reason for item in listed} | {item.what for item in listed}
    from_evidence = tuple(
        Unmeasured(_about(item), item.statement, item.hint)
        for item in incident.evidence
        if item.verdict is Verdict.UNMEASURED and not told & {item.statement, item.subject, item.id}
    )
    told |= {item.reason for item in from_evidence}
    steps_with_evidence = {item.step for item in incident.evidence}
    from_steps = tuple(
        Unmeasured(f"step {step.id}", step.reason or f"the step ended as {step.outcome}")
        for step in incident.steps.values()
        if step.outcome in (Outcome.FAILED, Outcome.UNKNOWN)
        and step.reason not in told
        and not steps_with_evidence & {step.id, step.uses}
    )
    return (*listed, *from_evidence, *from_steps)


def _summary(incident: Incident) -> str:
    if incident.diagnosis:
        return incident.diagnosis.statement
    return f"No diagnosis yet: {len(incident.evidence)} pieces of evidence, incident {STATE_WORDS[incident.state]}"


def _trigger(incident: Incident) -> str:
    alert = incident.alert
    summary = f": {alert.summary}" if alert.summary else ""
    return f"{alert.name}, {moment(alert.starts_at)}, from {alert.origin}{summary}"


def _impact(drop: Drop) -> Impact:
    whole = abs(drop.healthy)
    change = signed_percent(drop.change / whole) if whole else NOTHING
    known = whole and drop.low is not None and drop.high is not None  # not finite is null in the journal
    change_interval = interval(drop.low / whole, drop.high / whole, "ratio") if known else ""
    verb = "did not move" if drop.change == 0 else "rose" if drop.change > 0 else "fell"
    tail = "" if drop.worse else "; in the direction the catalogue gives, that is no loss"
    healthy, current = figure(drop.healthy, drop.unit), figure(drop.current, drop.unit)
    spread = f" ({change_interval})" if change_interval else ""
    sentence = f"{drop.kpi} {verb} from {healthy} to {current}: {change}{spread}{tail}"
    onset_interval = between(drop.onset_low, drop.onset_high) if drop.onset_low and drop.onset_high else ""
    return Impact(
        drop,
        sentence,
        healthy,
        current,
        change,
        change_interval,
        difference(drop.change, drop.unit),
        moment(drop.onset) if drop.onset else "not found",
        onset_interval,
    )


def _ranked(rank: int, cause: Cause, cite: Callable[[Sequence[str]], tuple[Citation, ...]]) -> RankedCause:
    return RankedCause(
        rank,
        cause,
        cause_name(cause.kind, cause.subject),
        whole_percent(cause.probability),
        min(100.0, max(0.0, 100 * cause.probability)),
        whole_percent(cause.share_of_drop) if cause.share_of_drop is not None else "share not known",
        f"{whole_percent(cause.share_low)} to {whole_percent(cause.share_high)}"
        if cause.share_low is not None and cause.share_high is not None
        else "",
        cite(cause.evidence),
    )


def cause_name(kind: CauseKind, subject: str) -> str:
    return f"{KIND_NAMES[kind]}: {subject}" if subject else KIND_NAMES[kind]


def _cited(incident: Incident) -> list[str]:
    """Ids that the diagnosis cites, in the order in which it does."""
    if incident.diagnosis is None:
        return []
    causes = [item.evidence for item in incident.diagnosis.causes]
    ruled_out = [item.evidence for item in incident.diagnosis.ruled_out]
    return list(dict.fromkeys(chain.from_iterable(causes + ruled_out)))


def _in_order(incident: Incident) -> list[Evidence]:
    """Cited evidence first, in the order of the citations; then the rest as it was gathered."""
    place = {name: index for index, name in enumerate(_cited(incident))}
    return sorted(incident.evidence, key=lambda item: place.get(item.id, len(place)))


def _exhibit(place: int, item: Evidence, cited: bool) -> Exhibit:
    return Exhibit(
        number=place,
        evidence=item,
        about=_about(item),
        glyph=VERDICT_GLYPHS[item.verdict],
        measures=tuple((measure.name, _measured(measure)) for measure in item.measures),
        sources=tuple(map(source_line, item.sources)),
        window=str(item.window) if item.window else "",
        cited=cited,
    )


def _about(item: Evidence) -> str:
    return item.subject or item.step if item.about is CauseKind.UNKNOWN else cause_name(item.about, item.subject)


def _measured(measure: Measure) -> str:
    if measure.value is None and measure.text:
        return measure.text
    text = with_interval(measure.value, measure.low, measure.high, measure.unit)
    return f"{text}; {measure.text}" if measure.text else text


def _proposal(incident: Incident) -> Proposal | None:
    plan, approval = incident.plan, incident.approval
    if plan is None:
        return None
    approved = (
        f"approved by {approval.by} at {moment(approval.at)}, valid until {moment(approval.until)}" if approval else ""
    )
    return Proposal(
        plan.summary,
        tuple(map(_proposed, plan.actions)),
        plan.not_chosen,
        plan.digest,
        approved or "not approved",
    )


def _proposed(action: Action) -> ProposedAction:
    moves = f"{action.before or NOTHING} → {action.after or NOTHING}" if action.before or action.after else ""
    details = (
        ("Changes", moves),
        ("Reaches", action.blast_radius),
        ("Expected", action.expected_gain),
        ("Risk", action.risk),
        ("Undone by", action.undo),
        ("Stops if", action.stops_if),
    )
    return ProposedAction(
        action,
        _params(action.params),
        action.effect is Effect.CHANGE,
        tuple((name, text) for name, text in details if text),
    )


def _params(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={canonical(value)}" for key, value in params.items())


def _next_command(incident: Incident) -> str:
    name = shlex.quote(incident.id)
    if incident.state in (State.OPEN, State.FAILED):
        return f"triage resume {name}"
    if incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None:
        if not objection(incident, incident.updated_at, four_eyes=False):
            return f"triage resume {name}"  # somebody has approved it since
        return f"triage approve {name} --plan {short_digest(incident.plan.digest)}"
    return f"triage report {name} --format html"
