"""What every change of routing has in common: told once, verified by asking what serves, and the way back."""

from triage.errors import Refused, StepFailed
from triage.incident import Release
from triage.ports import Rollout, Router
from triage.step import Ports

NO_ROUTER = "the catalogue names no router, so nothing here can change who serves"


def router_of(ports: Ports) -> Router:
    """Raises Refused where there is none."""
    if ports.router is None:
        raise Refused(NO_ROUTER, hint="add router and release to the model in triage.yaml")
    return ports.router


def send(ports: Ports, model: str, rollout: Rollout, key: str) -> None:
    """Let the router of the registered ``model`` do as ``rollout`` says, and see that the servers agree.

    Raises StepFailed where the router refuses, or where another version answers than was sent for; SourceUnavailable.
    """
    router = router_of(ports)
    try:
        if router.current(model) != rollout or router.applied(model) != key:
            router.apply(model, rollout, key)
    except Refused as error:
        raise StepFailed(f"the router refused: {error.message}", hint=error.hint) from error
    verify(ports, model, rollout)


def verify(ports: Ports, model: str, rollout: Rollout) -> None:
    """Ask the servers what they have loaded; a spec proves nothing. Raises StepFailed, SourceUnavailable."""
    served = {one.role: one.version for one in router_of(ports).serving(model)}
    wanted = {"champion": rollout.champion}
    if rollout.weight > 0 or rollout.shadow > 0:
        wanted["challenger"] = rollout.challenger
    for role, version in wanted.items():
        if role in served and served[role] != version:
            raise StepFailed(
                f"the {role} of '{model}' serves version {served[role]}, not {version}",
                hint="look at the model servers; the router was told otherwise",
            )
        if served and role not in served:
            raise StepFailed(f"no server answers as {role} of '{model}'", hint="look at the model servers")


def withdraw(ports: Ports, model: str, alias: str, release: Release, key: str) -> None:
    """Send all traffic to the champion of before, and point ``alias`` at it again if it was moved to the challenger.

    Users come first, then the registry. Safe to repeat. Raises StepFailed, Refused where someone else moved the
    alias, SourceUnavailable.
    """
    router = router_of(ports)
    if router.current(model).champion == release.champion:
        router.halt(model)  # at once; the spec follows
    send(ports, model, Rollout(release.champion), key)
    now = ports.registry.champion(model, alias).version
    if now == release.challenger:
        ports.registry.move_alias(model, alias, release.champion, expected=release.challenger, key=key)
    elif now != release.champion:
        raise Refused(
            f"alias '{alias}' of '{model}' points at version {now}, which nobody released here",
            hint=f"version {release.champion} serves again; find out who moved the alias",
        )
