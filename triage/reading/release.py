"""What the steps of a release share: which versions, by what policy, on which evidence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from triage.catalog import ReleasePolicy
from triage.errors import Refused
from triage.incident import Incident, Outcome, StepRecord
from triage.routing import routes
from triage.step import Context


@dataclass(frozen=True, slots=True)
class Versions:
    champion: str
    challenger: str


def policy(ctx: Context) -> ReleasePolicy:
    """Raises Refused where the catalogue does not say how the model is released."""
    if ctx.model.release is None:
        raise Refused(
            f"the catalogue does not say how {ctx.model.name} is released",
            hint=f"add router and release to models.{ctx.model.name} in triage.yaml",
        )
    return ctx.model.release


def released_here(ctx: Context) -> bool:
    """Whether a challenger that passed can be released by these steps, or is a person's work."""
    return ctx.model.release is not None and routes(ctx.ports, ctx.model.registered_model)


def newest(incident: Incident, uses: str) -> StepRecord | None:
    """The record of the step that used ``uses`` and was done last."""
    done = [one for one in incident.steps.values() if one.uses == uses and one.outcome is Outcome.DONE]
    return max(done, key=lambda one: one.finished_at or incident.received_at, default=None)


def compared(ctx: Context) -> Versions:
    """The versions of a comparison that the challenger passed. Raises Refused where there is none."""
    record = newest(ctx.incident, "compare_challenger")
    if record is None:
        raise Refused("no challenger was compared with the champion", hint="a release begins with compare_challenger")
    if record.outputs.get("verdict") != "pass":
        raise Refused(
            f"challenger version {record.outputs.get('challenger')} did not pass the comparison"
            f" ({record.outputs.get('verdict')})",
            hint="nothing that has not passed is released",
        )
    return Versions(str(record.outputs["champion"]), str(record.outputs["challenger"]))


def planned(ctx: Context) -> Versions:
    """The versions of the plan, which must be those that were compared. Raises Refused."""
    versions, plan = compared(ctx), ctx.incident.plan
    if plan is None or (plan.champion, plan.challenger) != (versions.champion, versions.challenger):
        told = f"version {plan.challenger or 'none'} after {plan.champion}" if plan else "nothing"
        raise Refused(
            f"the plan releases {told}, and version {versions.challenger} after {versions.champion} was compared",
            hint="let propose_release make the plan",
        )
    return versions


def first_due(now: datetime, interval: timedelta) -> datetime:
    """The first multiple of ``interval`` (since 1970) that is not before ``now``: intervals of two runs agree."""
    seconds = interval.total_seconds()
    return datetime.fromtimestamp(-(-now.timestamp() // seconds) * seconds, tz=now.tzinfo)


def bounded(value: Any) -> Any:
    """JSON has no infinities: a limit without an end has none."""
    if isinstance(value, float):
        return value if abs(value) != float("inf") and value == value else None
    if isinstance(value, dict):
        return {key: bounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [bounded(item) for item in value]
    return value
