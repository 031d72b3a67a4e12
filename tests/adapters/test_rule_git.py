"""Rules as commits on a branch: no working tree is touched, and a branch that somebody moved is not overwritten."""

import subprocess
from pathlib import Path

import pytest

from triage.adapters.rule_git import RuleBranch
from triage.errors import Refused

NAME = "triage-shop.yml"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "monitoring"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "theirs.yml").write_text("groups: []\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "theirs")
    return folder


def test_a_commit_on_a_branch_of_its_own_and_nothing_else_changes(repository: Path) -> None:
    (repository / "draft.yml").write_text("not yet\n")
    store = RuleBranch(repository, "triage/rules", folder="rules")
    written = store.write({NAME: "groups: []\n", "triage/a.json": "{}"}, "triage: rules after shop-1")
    assert written.where.startswith("triage/rules@")
    assert written.loaded is None
    assert git(repository, "show", f"triage/rules:rules/{NAME}") == "groups: []"
    assert git(repository, "log", "-1", "--format=%an %s", "triage/rules") == "triage triage: rules after shop-1"
    assert git(repository, "diff", "--name-only", "main", "triage/rules").split() == [
        f"rules/{NAME}",
        "rules/triage/a.json",
    ]
    assert git(repository, "status", "--porcelain") == "?? draft.yml"
    assert git(repository, "rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_the_same_again_is_no_commit_and_taking_away_is_one(repository: Path) -> None:
    store = RuleBranch(repository, "triage/rules")
    store.write({NAME: "a"}, "one")
    once = git(repository, "rev-parse", "triage/rules")
    assert store.write({NAME: "a"}, "two").words.startswith("nothing to commit")
    assert git(repository, "rev-parse", "triage/rules") == once
    assert store.holds({NAME: "a"})
    store.write({NAME: None}, "three")
    assert store.read(NAME) == ""
    assert git(repository, "diff", "--name-only", "main", "triage/rules") == ""


def test_a_branch_that_moved_meanwhile_is_not_overwritten(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RuleBranch(repository, "triage/rules")
    store.write({NAME: "a"}, "one")
    made = store._tree

    def meanwhile(*arguments: object) -> str:
        tree = made(*arguments)  # type: ignore[arg-type]
        RuleBranch(repository, "triage/rules").write({"theirs-too.yml": "b"}, "somebody")
        monkeypatch.undo()
        return tree

    monkeypatch.setattr(store, "_tree", meanwhile)
    with pytest.raises(Refused, match="git update-ref") as caught:
        store.write({NAME: "c"}, "two")
    assert "somebody else moved 'triage/rules'" in caught.value.hint
    assert git(repository, "show", "triage/rules:theirs-too.yml") == "b"


def test_a_push_that_is_no_fast_forward_is_refused_with_a_way_out(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "origin.git"
    git(tmp_path, "clone", "-q", "--bare", str(repository), str(bare))
    git(repository, "remote", "add", "origin", str(bare))
    store = RuleBranch(repository, "triage/rules", push="origin")
    assert "pushed to origin" in store.write({NAME: "a"}, "one").words
    RuleBranch(bare, "triage/rules").write({NAME: "theirs"}, "somebody in the origin")
    with pytest.raises(Refused, match="git push") as caught:
        store.write({NAME: "b"}, "two")
    assert "somebody else moved" in caught.value.hint
    assert git(bare, "show", f"triage/rules:{NAME}") == "theirs"


def test_what_is_no_repository_or_has_no_base_is_said(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="git rev-parse"):
        RuleBranch(tmp_path / "nowhere", "triage/rules").check()
    with pytest.raises(Refused, match="has neither a branch 'triage/rules' nor 'trunk'"):
        RuleBranch(repository, "triage/rules", base="trunk").check()
    with pytest.raises(Refused, match="outside the rules folder"):
        RuleBranch(repository, "triage/rules").write({"../x": "y"}, "why")
