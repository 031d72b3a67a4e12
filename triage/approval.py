"""Who may let a plan's change happen: the rules of approval, read from an incident. Performs nothing."""

from datetime import datetime

from triage.incident import Incident

DIGEST_LENGTH = 12
"""Hexadecimal digits of a plan's digest that a person types."""


def short_digest(digest: str) -> str:
    """The part of ``digest`` that is shown, and typed to approve."""
    return digest.removeprefix("sha256:")[:DIGEST_LENGTH]


def names_plan(prefix: str, digest: str) -> bool:
    """Whether what a person typed stands for the plan with ``digest``."""
    typed = prefix.strip().lower().removeprefix("sha256:")
    return len(typed) >= DIGEST_LENGTH and digest.removeprefix("sha256:").startswith(typed)


def objection(incident: Incident, now: datetime, *, four_eyes: bool, step: str = "") -> str:
    """Why the change of ``step`` may not happen yet, or nothing where a valid approval stands.

    An approval is bound to one plan, given before its end, used once: by the step that it let through first, whose
    later attempts it still lets through. With ``four_eyes`` the requester's own approval does not count.
    """
    plan, approval = incident.plan, incident.approval
    if plan is None or not plan.digest:
        return "there is no plan to approve"
    if incident.rejection is not None:
        return f"rejected by {incident.rejection.by}: {incident.rejection.reason}"
    if approval is None:
        return f"plan {short_digest(plan.digest)} is not approved: {plan.summary}"
    if approval.plan_digest != plan.digest:
        return f"the approval by {approval.by} was for another plan"
    if approval.used_by and approval.used_by != step:
        return f"the approval by {approval.by} was used by '{approval.used_by}'"
    if not approval.used_by and not approval.at <= now < approval.until:
        return f"the approval by {approval.by} expired at {approval.until:%Y-%m-%d %H:%M} UTC"
    if four_eyes and same_person(approval.by, incident.alert.requested_by):
        return f"{approval.by} asked for this; another person has to approve it"
    return ""


def same_person(one: str, other: str) -> bool:
    return bool(one.strip()) and one.strip().casefold() == other.strip().casefold()
