"""What several adapters of one port refuse, in the same words."""

from triage.errors import Refused


def moved_outside(model: str, alias: str, expected: str, now: str) -> Refused:
    """The alias is not where the plan left it."""
    stands = f"points at version {now}" if now else "is gone"
    return Refused(
        f"alias '{alias}' of '{model}' {stands}, not at version {expected or 'none'}: someone moved it",
        hint="find out who moved it and why, then start a new run",
    )


def halted(model: str) -> Refused:
    """The kill switch was turned on after the change was made."""
    return Refused(
        f"the kill switch of '{model}' is on: every request goes to the champion",
        hint="find out who turned it on; a new change lifts it",
    )
