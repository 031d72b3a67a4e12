"""Decisions on a plan, taken as a person takes them."""

from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from tests.report import sample
from tests.tui.released import canary_under_way
from tests.tui.world import NOW, StillClock, app, press, screen_text, settle, sheet, standard, waiting, write
from triage.incident import Approval, State
from triage.journal import Entry, Journal
from tui.screens.decide import Decide
from tui.screens.incident import IncidentScreen
from tui.screens.remedy import RemedyScreen

REPORT = {
    "verdict": "fail",
    "reasons": ["incident window, user_location=Leipzig: harm 0.02 is above its margin"],
    "confidence": 0.95,
    "footprint": None,
    "windows": [
        {
            "name": "incident",
            "n_without_truth": 120,
            "n_unscored": 0,
            "mcnemar": None,
            "champion_calibration": {"error": 0.04, "n": 900},
            "challenger_calibration": {"error": 0.01, "n": 900},
            "scopes": [
                {
                    "window": "incident",
                    "segment": "",
                    "n_rows": 9000,
                    "n_units": 400,
                    "verdict": "pass",
                    "reasons": [],
                    "metrics": [
                        {
                            "metric": "log_loss",
                            "champion": 0.31,
                            "challenger": 0.28,
                            "harm": {"value": -0.03, "low": -0.04, "high": None},
                            "margin": 0.0,
                            "verdict": "pass",
                        }
                    ],
                },
                {
                    "window": "incident",
                    "segment": "user_location=Leipzig",
                    "n_rows": 800,
                    "n_units": 60,
                    "verdict": "fail",
                    "reasons": ["harm 0.02 is above its margin"],
                    "metrics": [],
                },
            ],
        }
    ],
}


def _carried_on(pilot: Pilot[None]) -> list[str]:
    """Names of the incidents that the app goes on with, in place of processes."""
    started: list[str] = []
    pilot.app.executor.start = started.append  # type: ignore[attr-defined]
    return started


def _state(home: Path, incident: str) -> State:
    journal = Journal(home / "journal.db", app(home).clock)
    found = journal.read(incident)
    journal.close()
    return found.state


async def test_a_person_approves_the_plan_after_typing_the_models_name(tmp_path: Path) -> None:
    name = waiting(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        started = _carried_on(pilot)
        await press(pilot, "enter", "p")
        assert isinstance(pilot.app.screen, RemedyScreen)
        assert "waits for you" in screen_text(pilot)
        await press(pilot, "a")
        dialog = pilot.app.screen
        assert isinstance(dialog, Decide)
        words = sheet(pilot, "about").words
        for told in (
            "recommender@7",
            "recommender@8",
            "none before promotion",
            "delete version 8",
            "expires",
            "Leipzig",
        ):
            assert told in words
        assert pilot.app.focused is dialog.query_one("#cancel", Button)
        assert dialog.query_one("#accept", Button).disabled
        dialog.query_one("#typed").focus()
        await press(pilot, *"recommende")
        assert dialog.query_one("#accept", Button).disabled
        await press(pilot, "r", "enter", "tab", "enter")
        assert isinstance(pilot.app.screen, RemedyScreen)
        assert started == [name]
        sheet(pilot, "way").choose("approval")
        await settle(pilot)
        assert "approved by" in sheet(pilot, "stage").words
    journal = Journal(tmp_path / "journal.db", app(tmp_path).clock)
    approval = journal.read(name).approval
    journal.close()
    assert approval is not None
    assert approval.plan_digest == sample.PLAN.digest


async def test_enter_on_the_dialog_as_it_opens_changes_nothing(tmp_path: Path) -> None:
    name = waiting(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        started = _carried_on(pilot)
        for key in ("a", "x", "A"):
            await press(pilot, *(["enter", "p"] if not isinstance(pilot.app.screen, RemedyScreen) else []), key)
            assert isinstance(pilot.app.screen, Decide)
            await press(pilot, "enter")
            assert isinstance(pilot.app.screen, RemedyScreen)
        assert not started
    assert _state(tmp_path, name) is State.WAITING_FOR_APPROVAL


@pytest.mark.parametrize(("key", "state"), [("x", State.NEEDS_PERSON), ("A", State.ABORTED)])
async def test_rejecting_and_aborting_want_a_reason(tmp_path: Path, key: str, state: State) -> None:
    name = waiting(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", key)
        dialog = pilot.app.screen
        assert dialog.query_one("#accept", Button).disabled
        dialog.query_one("#reason").focus()
        await press(pilot, *"wrong")
        await press(pilot, "enter", "tab", "enter")
        assert "wrong" in screen_text(pilot)
    assert _state(tmp_path, name) is state


async def test_nothing_can_be_decided_where_nothing_waits(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "a")
        assert isinstance(pilot.app.screen, RemedyScreen)


async def test_what_is_approved_already_is_not_approved_again_until_it_lapses(tmp_path: Path) -> None:
    name = waiting(tmp_path)
    journal = Journal(tmp_path / "journal.db", StillClock())
    yes = Approval(sample.PLAN.digest, "ann", sample.NOW, NOW + timedelta(minutes=1))
    journal.append(name, [Entry("approved", {"approval": yes})])
    journal.close()
    opened = app(tmp_path)
    async with opened.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "a")
        assert isinstance(pilot.app.screen, RemedyScreen)
        assert "✓ approval open" in " ".join(sheet(pilot, "way").words.split())
        await press(pilot, "Y")
        assert pilot.app.clipboard == f"triage show {name}"
        opened.clock.sleep(61)
        await press(pilot, "a")
        assert isinstance(pilot.app.screen, Decide)


async def test_a_plan_that_is_carried_out_can_be_rejected_and_not_approved(tmp_path: Path) -> None:
    name = waiting(tmp_path)
    journal = Journal(tmp_path / "journal.db", StillClock())
    yes = Approval(sample.PLAN.digest, "ann", sample.NOW, NOW + timedelta(minutes=1))
    journal.append(
        name,
        [
            Entry("approved", {"approval": yes}),
            Entry("state_changed", {"state": "open", "reason": "approved by ann"}),
            Entry("step_started", {"step": "approval", "uses": "request_approval", "attempt": 1}),
            Entry("step_finished", {"step": "approval", "outcome": "done", "evidence": []}),
            Entry("step_started", {"step": "retrain", "uses": "retrain", "attempt": 1, "gated": True}),
        ],
    )
    journal.close()
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "a")
        assert isinstance(pilot.app.screen, RemedyScreen)
        await press(pilot, "x")
        assert isinstance(pilot.app.screen, Decide)


async def test_a_read_only_app_says_so_and_decides_nothing(tmp_path: Path) -> None:
    waiting(tmp_path)
    async with app(tmp_path, read_only=True).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "read-only" in screen_text(pilot)
        await press(pilot, "enter", "p", "a")
        assert isinstance(pilot.app.screen, RemedyScreen)
        await press(pilot, "x", "A", "escape")
        assert isinstance(pilot.app.screen, IncidentScreen)


async def test_the_comparison_shows_the_segment_that_fails_first(tmp_path: Path) -> None:
    name = waiting(tmp_path)
    journal = Journal(tmp_path / "journal.db", app(tmp_path).clock)
    outputs = {"report": REPORT, "champion": "7", "challenger": "8", "verdict": "fail", "not_judged": ["a=b"]}
    journal.append(
        name,
        [
            Entry("step_started", {"step": "comparison", "uses": "compare_challenger", "attempt": 1}),
            Entry("step_finished", {"step": "comparison", "outcome": "done", "outputs": outputs, "evidence": []}),
        ],
    )
    journal.close()
    async with app(tmp_path).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p")
        sheet(pilot, "way").choose("comparison")
        await settle(pilot)
        words = sheet(pilot, "stage").words
        assert "challenger 8 against champion 7" in words
        assert "✗ fail" in words
        assert "0.3100 → 0.2800" in words
        assert "user_location=Leipzig" in words
        assert "0 of 1 segments pass" in words
        assert "calibration error 0.0400 → 0.0100" in words


async def test_y_copies_the_command_that_approves(tmp_path: Path) -> None:
    waiting(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "Y")
        assert pilot.app.clipboard == "triage approve recommender-1 --plan abababababab"


async def test_taking_an_incident_shows_who_has_it(tmp_path: Path) -> None:
    write(tmp_path, "search", sample.events())
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        assert "▸" in sheet(pilot, "incidents").words
        await press(pilot, "t")
        assert "▸" not in sheet(pilot, "incidents").words


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
async def test_a_canary_under_way_shows_its_shares_verdicts_requests_and_intervals(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    canary_under_way(tmp_path)
    async with app(tmp_path).run_test(size=size) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p")
        assert sheet(pilot, "way").cursor == "canary"
        await press(pilot, "enter")
        words = sheet(pilot, "stage").words
        assert "looks ◐◐◐?✓✓" in words
        assert "requests 3,240 champion · 360 challenger" in " ".join(words.split())
        assert "●" in words
        assert words.index("50% of the requests") < words.index("10% of the requests")


async def test_rolling_back_needs_the_models_name_and_a_reason(tmp_path: Path) -> None:
    canary_under_way(tmp_path)
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "p", "B")
        dialog = pilot.app.screen
        assert "version 8 to version 7" in " ".join(sheet(pilot, "about").words.split())
        accept = dialog.query_one("#accept", Button)
        dialog.query_one("#reason").focus()
        await press(pilot, *"burning")
        assert accept.disabled
        await press(pilot, "enter", *"recommender")
        assert not accept.disabled
