"""The prevention rules of an incident in memory: proposed, applied once, taken back, and what a kill leaves."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.light_world import CATALOG, World, world
from triage.adapters.memory import MemoryRules
from triage.errors import Refused
from triage.incident import Incident
from triage.journal import Entry, Journal
from triage.ports import RulesTested
from triage.prevention.nouns import Decision
from triage.prevention.record import INTENT, Stage
from triage.rules import Choices, Rules

NAME = "triage-shop.yml"
HAND = "# by hand\n"


class Told:
    """Says what it is told to."""

    def __init__(self, passed: bool | None = True) -> None:
        self.passed = passed

    def test(self, name: str, rules: str, cases: str) -> RulesTested:
        return RulesTested(self.passed, "as told")


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path, Incident]:
    text = CATALOG.replace("    serving_log:", "    watch: {window: 24h, min_rows: 200}\n    serving_log:")
    made, home = replace(world(per_hour=20), text=text), tmp_path_factory.mktemp("home")
    return made, home, made.run(home)


@pytest.fixture
def store() -> MemoryRules:
    return MemoryRules()


@pytest.fixture
def rules(happened: tuple[World, Path, Incident], store: MemoryRules, tmp_path: Path) -> Callable[..., Rules]:
    made, home, _ = happened
    journal = Journal(tmp_path / "journal.db", made.clock)
    journal._db.executescript(f"ATTACH '{home / 'journal.db'}' AS old")
    for table in ("incidents", "events", "documents"):
        journal._db.execute(f"INSERT INTO {table} SELECT * FROM old.{table}")

    def make(tester: Told | None = None) -> Rules:
        catalog = made.catalog(home)

        def connect(_: object) -> object:
            return replace(made.connect(catalog), rules=store, rule_tester=tester or Told())

        return Rules(journal, connect, catalog)  # type: ignore[arg-type]

    return make


def apply(rules: Rules, **choices: object) -> object:
    proposal, ctx = rules.propose("shop-1", Choices({}, **choices))  # type: ignore[arg-type]
    return rules.apply(ctx, proposal, "eve", allow_missing=True)


def test_the_feature_that_moved_gets_a_rule_that_would_have_fired_sooner(rules: Callable[..., Rules]) -> None:
    proposal, _ = rules().propose("shop-1")
    rule = next(one for one in proposal.rules if one.name == "psi/place")
    assert rule.decision is Decision.KEPT
    assert rule.backtest is not None
    assert rule.backtest.replayed
    assert rule.backtest.source.digest
    assert rule.backtest.sooner_seconds is not None
    assert rule.backtest.sooner_seconds > 24 * 3600
    assert rules().standing("shop-1").stage is Stage.PROPOSED


def test_applied_once_however_often_it_is_asked(rules: Callable[..., Rules], store: MemoryRules) -> None:
    apply(rules())
    assert rules().standing("shop-1").stage is Stage.APPLIED
    assert "FeatureDrift" in store.files[NAME]
    apply(rules())
    assert store.writes == 1


def test_taken_back_nothing_is_left_of_it(rules: Callable[..., Rules], store: MemoryRules) -> None:
    apply(rules())
    apply(rules(), without=("nulls/place",))
    change, ctx = rules().taking_back("shop-1")
    rules().revert(ctx, change, "eve")
    assert store.files == {}
    assert rules().standing("shop-1").stage is Stage.REVERTED
    with pytest.raises(Refused, match="no rules of shop-1 are written"):
        rules().taking_back("shop-1")


def test_a_look_at_other_thresholds_does_not_forget_what_is_written(rules: Callable[..., Rules]) -> None:
    apply(rules())
    rules().propose("shop-1", Choices({"psi/place": 0.0001}))
    rules().propose("shop-1")
    assert rules().standing("shop-1").stage is Stage.APPLIED


def test_killed_between_intent_and_outcome_it_is_unknown_and_can_be_finished_or_taken_back(
    rules: Callable[..., Rules], store: MemoryRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(self: Rules, *_: object) -> None:
        raise Killed

    monkeypatch.setattr(Rules, "_done", die)
    with pytest.raises(Killed):
        apply(rules())
    monkeypatch.undo()
    stands = rules().standing("shop-1")
    assert stands.stage is Stage.UNKNOWN
    assert stands.before is not None
    apply(rules())
    assert (rules().standing("shop-1").stage, store.writes) == (Stage.APPLIED, 1)
    change, ctx = rules().taking_back("shop-1")
    rules().revert(ctx, change, "eve")
    assert store.files == {}


def test_a_file_that_a_person_edited_is_left_alone(rules: Callable[..., Rules], store: MemoryRules) -> None:
    apply(rules())
    store.files[NAME] += HAND
    for attempt in (lambda: apply(rules()), lambda: rules().taking_back("shop-1")):
        with pytest.raises(Refused, match="was edited by somebody"):
            attempt()
    assert store.files[NAME].endswith(HAND)


def test_a_refusal_is_in_the_journal_and_what_was_written_before_still_stands(
    rules: Callable[..., Rules], store: MemoryRules
) -> None:
    store.refuses = "Prometheus refuses the reload"
    with pytest.raises(Refused, match="refuses the reload"):
        apply(rules())
    assert rules().standing("shop-1").stage is Stage.REFUSED
    store.refuses = ""
    apply(rules())
    store.refuses = "full"
    with pytest.raises(Refused, match="full"):
        apply(rules(), without=("nulls/place",))
    stands = rules().standing("shop-1")
    assert (stands.stage, stands.words) == (Stage.APPLIED, "full")


def test_rules_that_fail_their_tests_are_not_written(rules: Callable[..., Rules], store: MemoryRules) -> None:
    with pytest.raises(Refused, match="fail their tests: as told"):
        apply(rules(Told(passed=False)))
    assert store.files == {}


def test_rules_whose_metrics_are_not_there_are_not_written_unless_it_is_meant(
    rules: Callable[..., Rules], store: MemoryRules
) -> None:
    proposal, ctx = rules().propose("shop-1")
    with pytest.raises(Refused, match="metrics that are not there") as caught:
        rules().apply(ctx, proposal, "eve")
    assert "--allow-missing" in caught.value.hint
    assert store.files == {}


def test_a_rule_that_is_none_is_refused_by_name(rules: Callable[..., Rules]) -> None:
    with pytest.raises(Refused, match="no rule 'psi/plaice'") as caught:
        rules().propose("shop-1", Choices({"psi/plaice": 1.0}))
    assert "did you mean 'psi/place'?" in caught.value.hint


def test_an_intent_alone_says_by_whom(rules: Callable[..., Rules]) -> None:
    made = rules()
    made._journal.append(
        "shop-1", [Entry(INTENT, {"action": "apply", "by": "eve", "before": {}, "after": {NAME: "x"}})]
    )
    assert made.standing("shop-1").by == "eve"
