"""What every change of routing has in common: told once, verified by asking what serves, and the way back."""

from collections.abc import Iterator
from contextlib import contextmanager

from triage.errors import NoRouter, NotFound, Refused, SourceUnavailable, StepFailed, Superseded
from triage.incident import Release
from triage.ports import Rollout, Router
from triage.staleness import carry
from triage.step import Ports

NO_ROUTER = "the catalogue names no router, so nothing here can change who serves"


def router_of(ports: Ports) -> Router:
    """Raises NoRouter where there is none."""
    if ports.router is None:
        raise NoRouter(NO_ROUTER, hint="add router and release to the model in triage.yaml")
    return ports.router


def routes(ports: Ports, model: str) -> bool:
    """Whether a router is named for the registered ``model``, whether or not it answers now."""
    try:
        router_of(ports).current(model)
    except NoRouter:
        return False
    except (NotFound, Refused, SourceUnavailable):
        return True
    return True


def told(ports: Ports, model: str) -> Rollout | None:
    """What the router was told last, or None where nothing was ever. Raises NoRouter, StepFailed, SourceUnavailable."""
    router = router_of(ports)
    try:
        with _mendable():
            return router.current(model)
    except NotFound:
        return None


@contextmanager
def _mendable() -> Iterator[None]:
    """What a router refuses may be mended and tried again, as in a work tree on another branch; having none may not."""
    try:
        yield
    except NoRouter:
        raise
    except Refused as error:
        raise StepFailed(f"the router refused: {error.message}", hint=error.hint) from error


def unclaimed(ports: Ports, model: str, champion: str, challenger: str) -> None:
    """Make sure that no other change routes ``model``: its champion serves, alone or beside this very challenger.

    Raises Refused, StepFailed, SourceUnavailable.
    """
    now = told(ports, model)
    if now is None:
        return
    if now.champion != champion:
        raise Refused(
            f"the router of '{model}' sends its requests to version {now.champion}, not to version {champion}",
            hint="find out who changed it, then start a new run",
        )
    if now.challenger not in ("", challenger):
        raise Refused(
            f"another release of '{model}' is under way: version {now.challenger} beside version {champion}",
            hint="end it first, by 'triage rollback' of its incident, then start a new run",
        )


def in_charge(ports: Ports, model: str, release: Release) -> Rollout | None:
    """What the router was told last, if ``release`` may still be taken back: one of its two versions is in front.

    Raises Superseded where another version is; NoRouter, StepFailed, SourceUnavailable.
    """
    now = told(ports, model)
    if now is not None and now.champion not in (release.champion, release.challenger):
        raise Superseded(
            f"version {now.champion} serves '{model}' meanwhile, released by another change",
            hint="roll that one back first, by its own incident where it has one",
        )
    return now


def send(ports: Ports, model: str, rollout: Rollout, key: str) -> None:
    """Let the router of the registered ``model`` do as ``rollout`` says, and see that the servers agree.

    Raises StepFailed where the router refuses, or where another version answers than was sent for; NoRouter,
    SourceUnavailable.
    """
    router = router_of(ports)
    with _mendable():
        if told(ports, model) != rollout or router.applied(model) != key:
            router.apply(model, rollout, key)
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

    Users come first, then the registry; what called the challenger stale meanwhile goes on holding of the champion.
    Says what a person should know of: an alias that someone else moved is left where it is. Safe to repeat.

    Raises Superseded, before anything is touched, where neither version of ``release`` is in front any more;
    StepFailed, Refused, SourceUnavailable.
    """
    now = in_charge(ports, model, release)
    others = now is not None and now.champion == release.champion and now.challenger not in ("", release.challenger)
    if not others:  # who has another challenger beside it by now is in front already, and watched by another incident
        if now is not None and now.champion == release.champion:
            router_of(ports).halt(model)  # at once; the spec follows
        send(ports, model, Rollout(release.champion), key)
    registry = ports.registry
    points_at = registry.champion(model, alias).version
    if points_at == release.challenger:
        registry.move_alias(model, alias, release.champion, expected=release.challenger, key=key)
        carry(registry, model, release.challenger, release.champion)
    elif points_at == release.champion:
        if any(move.key == key for move in registry.moves(model)):  # by an attempt that may have come no further
            carry(registry, model, release.challenger, release.champion)
    else:
        return f"alias '{alias}' points at version {points_at}, which was not released here: find out who moved it"
    return ""
