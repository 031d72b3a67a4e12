"""Back to the version that served before a bad deploy: all traffic first, then the registry's alias."""

from pydantic import BaseModel, ConfigDict

from triage.errors import NotFound, Refused
from triage.incident import Effect, Release, ReleaseStage
from triage.ports import Rollout
from triage.routing import routes, send
from triage.staleness import carry
from triage.step import LEFT_FOR_A_PERSON, Context, Findings

about = None
effect = Effect.CHANGE


class Params(BaseModel):
    """No parameters: the version to return to is the plan's."""

    model_config = ConfigDict(extra="forbid")


def preview(ctx: Context) -> str:
    model = ctx.model
    return f"{model.registered_model}: version {_target(ctx)} answers everything, and '{model.alias}' points at it"


def run(ctx: Context) -> Findings:
    target, name, alias = _target(ctx), ctx.model.registered_model, ctx.model.alias
    registry, plan = ctx.ports.registry, ctx.incident.plan
    assert plan is not None  # `_target` asked
    if not routes(ctx.ports, name):
        said = f"send the traffic of {name} to version {target}, then move the alias '{alias}' to it"
        return Findings(outputs={"done": 0.0, LEFT_FOR_A_PERSON: f"the catalogue names no router; by hand: {said}"})
    try:
        registry.version(name, target)
    except NotFound as error:
        raise Refused(f"there is nothing to go back to: {error.message}", hint="choose a version by hand") from error
    send(ctx.ports, name, Rollout(target), ctx.key)
    if plan.champion != target:
        registry.move_alias(name, alias, target, expected=plan.champion, key=ctx.key)
        carry(registry, name, plan.champion, target)
    release = Release(
        target, _replaced(ctx), ReleaseStage.WITHDRAWN, reached=True, step=ctx.step, reason="the deploy was bad"
    )
    return Findings(outputs={"done": 1.0, "champion": target, "previous": plan.champion}, release=release)


def probe(ctx: Context) -> Findings | None:
    """Both halves may be repeated, so nothing has to be found out."""
    return None


def undo(ctx: Context, done: Findings) -> None:
    """To what served before the roll-back."""
    previous, target = str(done.outputs["previous"]), str(done.outputs["champion"])
    registry, name = ctx.ports.registry, ctx.model.registered_model
    send(ctx.ports, name, Rollout(previous), f"{ctx.key}/undo")
    if previous != target:
        registry.move_alias(name, ctx.model.alias, previous, expected=target, key=f"{ctx.key}/undo")
        carry(registry, name, target, previous)


def _target(ctx: Context) -> str:
    actions = ctx.incident.plan.actions if ctx.incident.plan else ()
    version = next((action.params.get("version") for action in actions if action.step == "rollback"), None)
    if version is None:
        raise Refused("the plan names no version to go back to", hint="roll back by hand, or start a new run")
    return str(version)


def _replaced(ctx: Context) -> str:
    """The version that was at fault, as the diagnosis names it."""
    diagnosis = ctx.incident.diagnosis
    subject = diagnosis.causes[0].subject if diagnosis and diagnosis.causes else ""
    return subject.removeprefix("version ").strip()
