"""How far a test takes a release before it begins, and what it may do to it meanwhile."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.release_world import COMPARED, World
from triage.desk import Desk
from triage.incident import Incident, State
from triage.ports import Rollout

BETWEEN = COMPARED.replace(
    "  - id: promotion\n    uses: promote\n    needs: [canary]",
    "  - {id: second, uses: request_approval, needs: [canary]}\n"
    "  - id: promotion\n    uses: promote\n    needs: [second]",
)
"""A second gate, between canary and full release."""


def approved(desk: Desk, name: str) -> Incident:
    """Advance, approve what waits, and advance once more."""
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert waits.plan is not None
    desk.approve(name, waits.plan.digest, "ann")
    return desk.advance(name)


def at_the_release(world: World, home: Path, playbook: str = COMPARED) -> tuple[Desk, str, Incident]:
    """A challenger passed its comparison, and its release waits for an approval."""
    desk, name = world.compared(home, playbook)
    waits = desk.advance(name)
    assert waits.state is State.WAITING_FOR_APPROVAL, waits.state_reason
    assert waits.plan is not None
    assert waits.plan.covers == ("canary", "promote")
    return desk, name, waits


def closed(world: World, home: Path) -> tuple[Desk, str]:
    """An incident that released version 2 after version 1, and helped."""
    desk, name, waits = at_the_release(world, home)
    desk.approve(name, str(waits.plan and waits.plan.digest), "ann")
    assert desk.advance(name).state is State.CLOSED
    return desk, name


def tags(world: World, number: str) -> dict[str, str]:
    return {key: value for key, value in (world.registry.version("shop", number).tags or {}).items() if value}


def moves(world: World) -> list[tuple[str, str]]:
    return [(move.previous, move.version) for move in world.registry.moves("shop")]


class Meddling:
    """A router beside which something happens as soon as it is told to give the challenger its share."""

    def __init__(self, router: Any, weight: float, happens: Callable[[], object]) -> None:
        self._router, self._weight, self._happens = router, weight, happens

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        self._router.apply(model, rollout, key)
        if rollout.weight == self._weight:
            self._happens()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)


def overloaded(world: World, share: float, when: Callable[[Rollout], bool]) -> None:
    """Every version fails ``share`` of its requests while the router does as ``when`` says."""
    failing = world.simulation.pace.failing

    def step(begin: float, rollout: Rollout) -> None:
        failing.update(dict.fromkeys("12", share if when(rollout) else 0.0009))  # type: ignore[attr-defined]

    world.simulation.before.append(step)
