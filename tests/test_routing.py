"""Whether a router is named, whatever it says to what it is asked."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.release_world import World
from tests.routed import MODEL, git, kserved
from triage.adapters.memory import MemoryRouter
from triage.adapters.router_by_model import RouterByModel
from triage.errors import NoRouter, Refused, StepFailed
from triage.incident import Release, ReleaseStage
from triage.ports import Rollout, Router
from triage.routing import routes, send, told, withdraw
from triage.step import Ports


def given(router: Router | None, home: Path) -> Ports:
    world = World()
    return replace(world.connect(world.catalog(home)), router=router)


def test_a_router_whose_tree_has_another_branch_is_a_router_that_refuses(tmp_path: Path) -> None:
    kserve, cluster = kserved(tmp_path, status=False)
    cluster.stop()
    ports = given(RouterByModel({MODEL: kserve}), tmp_path)
    send(ports, MODEL, Rollout("1"), "first")
    git(cluster.tree, "switch", "--quiet", "--create", "topic")
    assert routes(ports, MODEL)
    with pytest.raises(StepFailed, match=r"the router refused: .* has 'topic' checked out, not 'main'"):
        told(ports, MODEL)
    git(cluster.tree, "switch", "--quiet", "main")
    assert told(ports, MODEL) == Rollout("1")


def test_no_router_is_none_for_every_question(tmp_path: Path) -> None:
    for router in (None, RouterByModel({"other": MemoryRouter({})})):
        ports = given(router, tmp_path)
        assert not routes(ports, MODEL)
        with pytest.raises(NoRouter, match="the catalogue names no router"):
            told(ports, MODEL)
        with pytest.raises(NoRouter):
            send(ports, MODEL, Rollout("1"), "key")


def test_a_router_that_was_never_told_anything_is_told_to_go_back(tmp_path: Path) -> None:
    ports = given(MemoryRouter({}), tmp_path)
    withdraw(ports, MODEL, "champion", Release("1", "2", ReleaseStage.CANARY), "key")
    assert told(ports, MODEL) == Rollout("1")


@pytest.mark.parametrize("now", [Rollout("3"), Rollout("3", "2", weight=0.1), Rollout("3", "1", shadow=1.0)])
def test_nothing_is_touched_where_neither_version_of_the_release_is_in_front(tmp_path: Path, now: Rollout) -> None:
    ports = given(MemoryRouter({MODEL: now}), tmp_path)
    with pytest.raises(Refused, match="version 3 serves 'shop' meanwhile"):
        withdraw(ports, MODEL, "champion", Release("1", "2", ReleaseStage.FULL), "key")
    assert told(ports, MODEL) == now
    assert ports.router is not None
    assert ports.router.applied(MODEL) == ""


def test_another_challenger_beside_the_champion_of_before_is_left_alone(tmp_path: Path) -> None:
    now = Rollout("1", "3", weight=0.1)
    ports = given(MemoryRouter({MODEL: now}), tmp_path)
    assert withdraw(ports, MODEL, "champion", Release("1", "2", ReleaseStage.CANARY), "key") == ""
    assert told(ports, MODEL) == now


def test_a_canary_on_top_of_the_release_goes_with_it(tmp_path: Path) -> None:
    ports = given(MemoryRouter({MODEL: Rollout("2", "3", weight=0.1)}), tmp_path)
    withdraw(ports, MODEL, "champion", Release("1", "2", ReleaseStage.FULL), "key")
    assert told(ports, MODEL) == Rollout("1")
