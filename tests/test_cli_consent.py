"""Who may say yes from where: at a terminal a person is asked, a script has to name what it means."""

import argparse
import io
import sys
from pathlib import Path

import pytest

from tests.release_world import STORY, World
from triage.cli import main
from triage.cli.rules import _agreed
from triage.errors import Refused, UsageError
from triage.incident import State

DIGEST = "sha256:" + "ab" * 32


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An incident before its gate, and the digits of its plan."""
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    desk, name = World().opened(tmp_path, STORY)
    plan = desk.advance(name).plan
    assert plan is not None
    return name, plan.digest.removeprefix("sha256:")[:12]


def standing(capsys: pytest.CaptureFixture[str], name: str) -> str:
    main(["show", name, "--json"])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--yes"], "--yes approves what a person was shown, and here the plan has to be named"),
        ([], "there is no terminal to ask at, so the plan has to be named"),
    ],
)
def test_a_script_has_to_name_the_plan_that_it_approves(
    waiting: tuple[str, str], words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, digits = waiting
    assert main(["approve", name, *words]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert f"triage approve {name} --plan {digits}" in told
    assert State.WAITING_FOR_APPROVAL in standing(capsys, name)
    assert main(["approve", name, *words, "--plan", digits]) == 0


@pytest.mark.parametrize(("words", "typed"), [(["--yes"], ""), ([], "{digits}\n")])
def test_at_a_terminal_a_person_is_shown_the_plan(
    waiting: tuple[str, str],
    words: list[str],
    typed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, digits = waiting
    monkeypatch.setattr(sys, "stdin", Terminal(typed.format(digits=digits)))
    assert main(["approve", name, *words]) == 0
    assert "This approves, once each: retrain" in capsys.readouterr().err
    assert main(["approve", name, "--plan", digits, "--by", "eve"]) == 1
    assert "already" in capsys.readouterr().err


def consent(*, yes: bool = False, digest: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(yes=yes, digest=digest)


@pytest.mark.parametrize("yes", [True, False])
def test_rules_are_written_by_a_script_only_where_it_names_them(monkeypatch: pytest.MonkeyPatch, yes: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError, match=f"has to be named.*--digest {'ab' * 6}"):
        _agreed(consent(yes=yes), "apply", "shop-1", DIGEST)
    with pytest.raises(Refused, match="what would be done is"):
        _agreed(consent(yes=yes, digest="cd" * 6), "apply", "shop-1", DIGEST)
    _agreed(consent(yes=yes, digest="ab" * 6), "apply", "shop-1", DIGEST)


def test_at_a_terminal_yes_writes_the_rules_that_were_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("ab" * 6))
    _agreed(consent(), "apply", "shop-1", DIGEST)
    monkeypatch.setattr(sys, "stdin", Terminal())
    _agreed(consent(yes=True), "apply", "shop-1", DIGEST)


def test_what_does_not_wait_for_a_yes_is_not_put_to_anybody(
    waiting: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    name, digits = waiting
    assert main(["approve", name, "--plan", digits]) == 0
    capsys.readouterr()
    assert main(["approve", name, "--yes"]) == 1
    said = capsys.readouterr().err
    assert "is approved by" in said
    assert "This approves" not in said
