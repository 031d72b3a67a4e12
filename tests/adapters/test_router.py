"""One contract for every `Router`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.routed import MODEL, envoyed, kserved
from triage.adapters.memory import MemoryRouter
from triage.adapters.router_by_model import RouterByModel
from triage.errors import NotFound, Refused, SourceUnavailable
from triage.lab.binaries import find
from triage.ports import Rollout, Router, Serving

CANARY = Rollout("1", "2", weight=0.1)
KINDS = [
    "memory",
    pytest.param("envoy", marks=pytest.mark.skipif(find("envoy") is None, reason="needs envoy")),
    "kserve",
    "by_model",
]


@dataclass(slots=True)
class Case:
    """A router that serves version 1, how to spoil its answers, and whether it can mirror."""

    router: Router
    away: Callable[[], object]
    mirrors: bool = True


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param in ("memory", "by_model"):
        memory = MemoryRouter({MODEL: Rollout("1")})
        router = RouterByModel({MODEL: memory}) if request.param == "by_model" else memory
        yield Case(router, lambda: setattr(memory, "away", True))
    elif request.param == "envoy":
        made = envoyed(tmp_path)
        yield Case(made.router, made.halt)
        made.stop()
    else:
        kserve, cluster = kserved(tmp_path)
        kserve.apply(MODEL, Rollout("1"), "first")
        yield Case(kserve, lambda: setattr(cluster, "html", True), mirrors=False)
        cluster.stop()


def roles(router: Router) -> set[tuple[str, str]]:
    return {(one.role, one.version) for one in router.serving(MODEL) if one.role != "standby"}


def test_a_change_is_committed_under_its_key_and_served(case: Case) -> None:
    router = case.router
    router.apply(MODEL, CANARY, "m-1/canary")
    assert router.current(MODEL) == CANARY
    assert router.applied(MODEL) == "m-1/canary"
    assert roles(router) == {("champion", "1"), ("challenger", "2")}
    router.apply(MODEL, Rollout("2"), "m-1/promote")
    assert router.current(MODEL) == Rollout("2")
    assert router.applied(MODEL) == "m-1/promote"
    assert roles(router) == {("champion", "2")}
    router.apply(MODEL, Rollout("1"), "m-1/rollback")
    assert roles(router) == {("champion", "1")}


def test_the_same_change_again_changes_nothing(case: Case) -> None:
    case.router.apply(MODEL, CANARY, "m-1/canary")
    first = case.router.serving(MODEL)
    case.router.apply(MODEL, CANARY, "m-1/canary")
    assert case.router.serving(MODEL) == first
    assert case.router.applied(MODEL) == "m-1/canary"


def test_the_same_shares_by_another_change_take_its_key(case: Case) -> None:
    case.router.apply(MODEL, CANARY, "m-1/canary")
    case.router.apply(MODEL, CANARY, "m-2/canary")
    assert case.router.applied(MODEL) == "m-2/canary"


def test_the_kill_switch_takes_the_challenger_off_and_leaves_the_spec(case: Case) -> None:
    router = case.router
    router.apply(MODEL, CANARY, "m-1/canary")
    assert router.halt(MODEL)
    assert router.current(MODEL) == CANARY
    assert roles(router) == {("champion", "1")}
    assert Serving("standby", "2") in router.serving(MODEL)
    with pytest.raises(Refused, match="kill switch"):
        router.apply(MODEL, CANARY, "m-1/canary")
    assert roles(router) == {("champion", "1")}
    router.apply(MODEL, CANARY, "m-2/canary")
    assert roles(router) == {("champion", "1"), ("challenger", "2")}


def test_a_kill_switch_without_a_challenger_is_harmless(case: Case) -> None:
    assert case.router.halt(MODEL)
    assert roles(case.router) == {("champion", "1")}


def test_a_router_that_is_away_is_said_and_nothing_is_taken_for_done(case: Case) -> None:
    case.away()
    with pytest.raises(SourceUnavailable) as raised:
        case.router.serving(MODEL) if not case.mirrors else case.router.applied(MODEL)
    assert raised.value.hint
    with pytest.raises(SourceUnavailable):
        case.router.apply(MODEL, CANARY, "m-1/canary")


def test_a_shadow_is_mirrored_or_refused(case: Case) -> None:
    shadow = Rollout("1", "2", shadow=0.5)
    if case.mirrors:
        case.router.apply(MODEL, shadow, "m-1/shadow")
        assert case.router.current(MODEL) == shadow
    else:
        with pytest.raises(Refused, match="mirrors no requests"):
            case.router.apply(MODEL, shadow, "m-1/shadow")
        assert case.router.current(MODEL) == Rollout("1")


def test_the_check_is_one_line(case: Case) -> None:
    line = case.router.check(MODEL)
    assert line
    assert "\n" not in line


def test_a_model_without_a_rollout_is_said(tmp_path: Path) -> None:
    kserve, cluster = kserved(tmp_path)
    for router in (MemoryRouter({}), kserve):
        with pytest.raises(NotFound):
            router.current(MODEL)
    with pytest.raises(Refused, match="names no router for 'shop'"):
        RouterByModel({}).current(MODEL)
    cluster.stop()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Rollout(""),
        lambda: Rollout("1", "1", 0.1),
        lambda: Rollout("1", weight=0.1),
        lambda: Rollout("1", "2", 1.5),
        lambda: Rollout("1", "2", shadow=-0.1),
        lambda: Rollout("1", "2", weight=float("nan")),
    ],
)
def test_a_rollout_that_makes_no_sense_can_not_be_written_down(wrong: Callable[[], Rollout]) -> None:
    with pytest.raises(ValueError, match=r"rollout|fractions|challenger"):
        wrong()
