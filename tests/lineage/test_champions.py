from datetime import UTC, datetime, timedelta

from triage.codec import encode
from triage.incident import Approval, Event, Plan
from triage.lineage.champions import Decision, Reign, Sighting, champions, told
from triage.ports import AliasMove

T0 = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def move(hours: int, previous: str, version: str, incident: str = "shop-1") -> AliasMove:
    return AliasMove("champion", previous, version, T0 + hours * HOUR, f"{incident}/promote")


def seen(hours: int, version: str, incident: str = "shop-1") -> Sighting:
    return Sighting(T0 + hours * HOUR, version, incident)


def timeline(moves: list[AliasMove], sightings: list[Sighting], now: Sighting | None = None) -> tuple[Reign, ...]:
    decisions = {"shop-1": Decision("ann", "retrain shop", "sha256:ab")}
    return champions(moves, sightings, decisions, alias="champion", now=now)


def test_a_move_through_the_gates_says_who_when_and_why() -> None:
    first, second = timeline([move(5, "1", "2")], [seen(0, "1")], seen(9, "2"))
    assert (first.version, first.outside) == ("1", False)
    assert (second.version, second.previous, second.by, second.why) == ("2", "1", "ann", "retrain shop")
    assert (second.evidence, second.incident, second.outside) == ("sha256:ab", "shop-1", False)


def test_a_version_that_no_move_explains_was_put_there_from_outside() -> None:
    _, _, outside = timeline([move(5, "1", "2")], [seen(0, "1")], seen(9, "7"))
    assert (outside.version, outside.previous, outside.outside) == ("7", "2", True)
    assert outside.not_before == T0 + 5 * HOUR
    assert outside.at == T0 + 9 * HOUR


def test_a_move_that_starts_elsewhere_than_the_last_one_ended_shows_the_gap() -> None:
    found = timeline([move(5, "1", "2"), move(9, "6", "7", "shop-2")], [seen(0, "1")])
    assert [(reign.version, reign.outside) for reign in found] == [
        ("1", False),
        ("2", False),
        ("6", True),
        ("7", False),
    ]
    assert found[-1].why == "its incident is not in this journal"


def test_the_first_champion_was_there_before_anybody_looked_and_is_no_offence() -> None:
    (only,) = timeline([], [seen(0, "1"), seen(4, "1")])
    assert not only.outside
    assert only.not_before is None


def test_moves_of_another_alias_are_another_story() -> None:
    other = AliasMove("shadow", "1", "9", T0 + HOUR, "shop-1/shadow")
    assert [reign.version for reign in timeline([other], [seen(0, "1")], seen(5, "1"))] == ["1"]


def test_each_plan_of_an_incident_is_a_sighting_and_the_releases_approval_is_the_decision() -> None:
    def planned(hours: int, champion: str, *covers: str) -> Event:
        plan = Plan(f"plan to {covers[0]}", (), champion=champion, covers=covers, digest=f"sha256:{hours}")
        return Event("shop-1", hours, T0 + hours * HOUR, "planned", {"plan": encode(plan)})

    def approved(hours: int, by: str) -> Event:
        approval = Approval(f"sha256:{hours - 1}", by, T0, T0 + 9 * HOUR)
        return Event("shop-1", hours, T0 + hours * HOUR, "approved", {"approval": encode(approval)})

    seen, decision = told(
        [
            planned(1, "2", "retrain", "shadow"),
            approved(2, "ann"),
            planned(3, "2", "canary", "promote"),
            approved(4, "bob"),
            planned(6, "3", "apply_rules"),
            approved(7, "cy"),
        ]
    )
    assert decision == Decision("bob", "plan to canary", "sha256:3")
    found = champions([move(5, "2", "3")], seen, {"shop-1": decision}, alias="champion", now=None)
    assert [(one.version, one.outside, one.by) for one in found] == [("2", False, ""), ("3", False, "bob")]
