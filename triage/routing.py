"""What every change of routing has in common: told once, verified by asking what serves, and the way back."""

from triage.errors import NotFound, Refused, SourceUnavailable, StepFailed
from triage.incident import Release
from triage.ports import Rollout, Router
from triage.step import Ports

NO_ROUTER = "the catalogue names no router, so nothing here can change who serves"


def router_of(ports: Ports) -> Router:
    """Raises Refused where there is none."""
    if ports.router is None:
        raise Refused(NO_ROUTER, hint="add router and release to the model in triage.yaml")
    return ports.router


def routes(ports: Ports, model: str) -> bool:
    """Whether a router is named for the registered ``model``, whether or not it answers now."""
    try:
        router_of(ports).current(model)
    except Refused:
        return False
    except (NotFound, SourceUnavailable):
        return True
    return True


def told(ports: Ports, model: str) -> Rollout | None:
    """What the router was told last, or None where nothing was ever. Raises Refused, SourceUnavailable."""
    try:
        return router_of(ports).current(model)
    except NotFound:
        return None


def send(ports: Ports, model: str, rollout: Rollout, key: str) -> None:
    """Let the router of the registered ``model`` do as ``rollout`` says, and see that the servers agree.

    Raises StepFailed where the router refuses, or where another version answers than was sent for; SourceUnavailable.
    """
    router = router_of(ports)
    try:
        if told(ports, model) != rollout or router.applied(model) != key:
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


def withdraw(ports: Ports, model: str, alias: str, release: Release, key: str) -> str:
    """Send all traffic to the champion of before, and point ``alias`` at it again if it was moved to the challenger.

    Users come first, then the registry. Says what a person should know of: an alias that someone else moved is left
    where it is. Safe to repeat. Raises StepFailed, Refused, SourceUnavailable.
    """
    router = router_of(ports)
    now = told(ports, model)
    if now is not None and now.champion == release.champion:
        router.halt(model)  # at once; the spec follows
    send(ports, model, Rollout(release.champion), key)
    points_at = ports.registry.champion(model, alias).version
    if points_at == release.challenger:
        ports.registry.move_alias(model, alias, release.champion, expected=release.challenger, key=key)
    elif points_at != release.champion:
        return f"alias '{alias}' points at version {points_at}, which nobody released here: find out who moved it"
    return ""
