"""Who may let a plan's change happen: the rules of approval, read from an incident. Performs nothing."""

from collections.abc import Collection, Iterable
from datetime import datetime

from triage.incident import Incident, ReleaseStage

DIGEST_LENGTH = 12
"""Hexadecimal digits of a plan's digest that a person types."""


def short_digest(digest: str) -> str:
    """The part of ``digest`` that is shown, and typed to approve."""
    return digest.removeprefix("sha256:")[:DIGEST_LENGTH]


def names_plan(prefix: str, digest: str) -> bool:
    """Whether what a person typed stands for the plan with ``digest``."""
    typed = prefix.strip().lower().removeprefix("sha256:")
    return len(typed) >= DIGEST_LENGTH and digest.removeprefix("sha256:").startswith(typed)


def objection(incident: Incident, now: datetime, *, four_eyes: bool, step: str = "", uses: str = "") -> str:
    """Why the change of ``step`` may not happen yet, or nothing where a valid approval stands.

    An approval is bound to one plan, and first used before its end. It lets each step that the plan covers (by what it
    ``uses``) through once, and the later attempts of that step. With ``four_eyes`` the requester's own does not count.
    Without ``step`` it is asked whether the gate before all of them may open.
    """
    plan, approval = incident.plan, incident.approval
    if plan is None or not plan.digest:
        return "there is no plan to approve"
    if not step and not plan.covers:
        return f"nothing of this plan can be done from here: {plan.summary}"
    if incident.rejection is not None:
        return f"rejected by {incident.rejection.by}: {incident.rejection.reason}"
    if incident.withdrawal is not None:
        return f"rolled back by {incident.withdrawal.by}: {incident.withdrawal.reason}"
    gone = incident.release
    if not step and gone is not None and gone.stage is ReleaseStage.WITHDRAWN and gone.challenger == plan.challenger:
        return f"version {gone.challenger} was withdrawn: {gone.reason}"
    if approval is None:
        since = f"; its alert was resolved since: {incident.cleared}" if incident.cleared_at else ""
        return f"plan {short_digest(plan.digest)} is not approved: {plan.summary}{since}"
    if approval.plan_digest != plan.digest:
        return f"the approval by {approval.by} was for another plan"
    if four_eyes and same_person(approval.by, incident.alert.requested_by):
        return f"{approval.by} asked for this; another person has to approve it"
    if step and step in approval.used_by:
        return ""
    if step and uses not in plan.covers:
        return f"plan {short_digest(plan.digest)} does not cover '{uses or step}': it covers {_listed(plan.covers)}"
    if approval.used_by and (not step or any(incident.steps[used].uses == uses for used in approval.used_by)):
        return f"the approval by {approval.by} was used by {_listed(approval.used_by)}"
    return lapsed(incident, now)


def lapsed(incident: Incident, now: datetime) -> str:
    """Why an approval that no step has used holds no longer, or nothing: to approve once more is all that it wants."""
    approval = incident.approval
    if approval is None or approval.used_by:
        return ""
    if incident.cleared_at is not None and approval.at <= incident.cleared_at:
        return f"the alert was resolved after {approval.by} approved: {incident.cleared}; approve again to go on"
    if not approval.at <= now < approval.until:
        return f"the approval by {approval.by} expired at {approval.until:%Y-%m-%d %H:%M} UTC"
    return ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "nothing"


def by_policy(incident: Incident, allowed: Collection[str]) -> tuple[str, ...]:
    """The steps that the current plan covers, where a catalogue approves all of them by itself; else none.

    What reaches users is never approved so, and what somebody has rejected or decided on already neither.
    """
    plan = incident.plan
    if plan is None or not plan.digest or incident.rejection or incident.approval or incident.withdrawal:
        return ()
    if incident.cleared_at is not None:
        return ()  # the alert was resolved meanwhile: a person says whether it is still wanted
    harmless = {action.step for action in plan.actions if not action.reaches_users}
    return plan.covers if plan.covers and {*plan.covers} <= harmless & {*allowed} else ()


def same_person(one: str, other: str) -> bool:
    return bool(one.strip()) and one.strip().casefold() == other.strip().casefold()
