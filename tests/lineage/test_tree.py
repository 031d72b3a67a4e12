from hypothesis import given
from hypothesis import strategies as st

from triage.incident import Source
from triage.lineage.tree import Member, branches, member
from triage.ports import ModelVersion, Provenance


def one(version: str, parent: str = "") -> Member:
    return Member(version, parent, (), None, "", "", (), "", "")


def test_a_challenger_hangs_below_the_champion_it_was_trained_to_follow() -> None:
    drawn = [f"{lead}{item.version}" for lead, item in branches([one("4", "2"), one("1"), one("2"), one("3", "2")])]
    assert drawn == ["1", "2", "├─ 3", "└─ 4"]


def test_a_version_whose_parent_was_deleted_is_a_root() -> None:
    assert [(lead, item.version) for lead, item in branches([one("9", "8")])] == [("", "9")]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_every_version_is_drawn_once(parents: list[int]) -> None:
    everyone = [one(str(index), str(min(parent, index - 1))) for index, parent in enumerate(parents, start=1)]
    drawn = [item.version for _, item in branches(everyone)]
    assert sorted(drawn) == sorted(item.version for item in everyone)


def test_what_is_not_kept_of_a_version_stays_empty() -> None:
    rows = (Source("dataset", "log"),)
    found = member(ModelVersion("clicks", "1"), Provenance(), None, rows)
    assert (found.parent, found.code, found.incident, found.data) == ("", "", "", rows)
