"""What a person is shown before a decision: target, before and after, evidence, blast radius, undo, expiry."""

from datetime import datetime, timedelta

from triage.approval import short_digest
from triage.incident import Action, Effect, Incident, Plan
from triage.numbers import moment, span
from tui.draw.incident import View
from tui.draw.lines import Item, Span, blank, folded, heading, say


def approval(seen: View, plan: Plan, now: datetime, ttl: timedelta, *, four_eyes: bool) -> list[Item]:
    """All that an approval of ``plan`` means."""
    incident, later = seen.incident, foreseen(plan)
    items = [
        _pair("target", _target(incident, plan)),
        _pair("plan", f"{short_digest(plan.digest)}: {plan.summary}"),
        _pair("expires", f"{moment(now + ttl)}, after {span(ttl.total_seconds())} without a first use"),
        *([_pair("by", f"another person than {incident.alert.requested_by or 'the requester'}")] if four_eyes else []),
        *(item for place, action in enumerate(changes(plan), 1) for item in _action(place, action)),
        *(
            [blank(), _told(f"asked for later: {', '.join(action.title for action in later)}", "quiet")]
            if later
            else []
        ),
        blank(),
        heading("Evidence"),
    ]
    items += [
        _told(f"{cause.rank}. {cause.name} {cause.probability}: {cause.cause.statement}")
        for cause in seen.report.causes[:3]
    ]
    if seen.report.unmeasured:
        items.append(_told(f"not measured: {', '.join(gap.what for gap in seen.report.unmeasured)}", "warn"))
    return items


def changes(plan: Plan) -> tuple[Action, ...]:
    """The actions that an approval of ``plan`` lets happen; what it only foresees is asked for later."""
    return tuple(action for action in plan.actions if action.effect is Effect.CHANGE and action.step in plan.covers)


def foreseen(plan: Plan) -> tuple[Action, ...]:
    """The changes that ``plan`` names and an approval of it does not cover."""
    return tuple(action for action in plan.actions if action.effect is Effect.CHANGE and action.step not in plan.covers)


def needs_the_name(plan: Plan) -> bool:
    """Whether what users are served changes with it, so that the model's name has to be typed."""
    return any(action.reaches_users for action in changes(plan))


def ending(seen: View, words: str) -> list[Item]:
    """What ending an incident, or going back to the champion, means."""
    incident = seen.incident
    return [
        _pair("incident", f"{incident.id} on {incident.model}"),
        _pair("stands at", incident.state_reason or incident.state.value.replace("_", " ")),
        *([_pair("at work", seen.executor)] if seen.executor else []),
        blank(),
        _told(words),
    ]


def _target(incident: Incident, plan: Plan) -> str:
    champion = f", champion version {plan.champion}" if plan.champion else ""
    return f"{incident.model}{champion}" + (f", challenger version {plan.challenger}" if plan.challenger else "")


def _action(place: int, action: Action) -> list[Item]:
    reach = "users are served by it" if action.reaches_users else "nobody is served by it"
    told = (
        ("before", action.before),
        ("after", action.after),
        ("reaches", f"{action.blast_radius or 'not said'} ({reach})"),
        ("expected", action.expected_gain),
        ("risk", action.risk),
        ("undone by", action.undo),
        ("stops if", action.stops_if),
    )
    return [
        blank(),
        heading(f"{place}  {say(action.title).text}"),
        *(_pair(name, words) for name, words in told if words),
    ]


def _pair(name: str, words: str) -> Item:
    return Item(lambda width: folded(say(words), width, (Span(f"{name} ".ljust(11), "quiet"),)))


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))
