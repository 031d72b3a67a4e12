"""What a person does in the app, by keys and by mouse."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select, Static

from tests.report import sample
from tests.report.hostile import HOSTILE_CHANGES
from tests.tui.test_remedy import REPORT
from tests.tui.world import app, press, screen_text, settle, sheet, standard, until, write
from triage.journal import Entry, Journal
from triage.starter import init_text
from tui.execution import Run
from tui.screens.incident import IncidentScreen
from tui.screens.live import Live
from tui.screens.queue import QueueScreen
from tui.widgets.head import Head


async def test_a_person_finds_the_incident_and_reads_its_cause(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Open: 3 of 4" in screen_text(pilot)
        await press(pilot, "slash", *"recommender", "enter", "enter")
        assert isinstance(pilot.app.screen, IncidentScreen)
        text = screen_text(pilot)
        assert "needs a person" in text
        assert "you are here" in text
        assert sheet(pilot, "ladder").cursor == "feature_drift"
        assert "user_location" in sheet(pilot, "evidence").words
        await press(pilot, "c")
        assert "78% of the drop" in screen_text(pilot)
        await press(pilot, "t")
        assert "You are here" in screen_text(pilot)
        await press(pilot, "p")
        assert "Retrain recommender" in screen_text(pilot)
        await press(pilot, "escape", "escape", "escape")
        assert isinstance(pilot.app.screen, QueueScreen)


async def test_another_rung_shows_its_own_evidence(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "home")
        assert "how far the KPI moved" in str(sheet(pilot, "evidence").border_title)
        await press(pilot, "down")
        assert "Evidence: infrastructure" in screen_text(pilot)


async def test_the_mouse_does_what_the_keys_do(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.click("#incidents", offset=(10, 3))
        assert sheet(pilot, "incidents").cursor == sheet(pilot, "incidents").keys[1]
        await pilot.click("#incidents", offset=(10, 1), times=2)
        await settle(pilot)
        assert isinstance(pilot.app.screen, IncidentScreen)


async def test_features_are_a_key_apart(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "f")
        first = pilot.app.screen.query_one(Head).place
        assert "(1 of 2)" in first
        await press(pilot, "n")
        assert "(2 of 2)" in pilot.app.screen.query_one(Head).place
        await press(pilot, "n")
        assert pilot.app.screen.query_one(Head).place == first


async def test_the_report_is_exported_as_it_is_previewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = standard(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    async with app(home).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "o")
        assert "Markdown" in screen_text(pilot)
        await press(pilot, "x", "enter")
        await press(pilot, "f", "x", "enter")
    assert (tmp_path / "recommender-1.md").read_text().startswith("# recommender-1")
    assert "<html" in (tmp_path / "recommender-1.html").read_text()


async def test_a_person_writes_into_the_report_and_it_is_exported_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = standard(tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    async with app(home).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "o", "e")
        await pilot.press(*"We-were-lucky")
        pilot.app.screen.query_one("#section", Select).value = "lessons"
        await settle(pilot)
        await pilot.press(*"Page-earlier")
        await press(pilot, "ctrl+s")
        assert "We-were-lucky" in sheet(pilot, "report").words
        await press(pilot, "x", "enter")
        await press(pilot, "e", "escape")
    written = (tmp_path / "recommender-1.md").read_text()
    assert "We-were-lucky" in written
    assert "## Lessons" in written
    assert "Page-earlier" in written


async def test_what_the_journal_learns_appears_and_the_cursor_stays(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "end")
        kept = sheet(pilot, "incidents").cursor
        write(tmp_path, "churn", sample.events())
        await _look(pilot)
        assert "churn-1" in screen_text(pilot)
        assert sheet(pilot, "incidents").cursor == kept


async def test_a_finished_step_moves_the_ladder_of_an_open_screen(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.open_incident("search-1")  # type: ignore[attr-defined]
        await settle(pilot)
        assert "not checked" in sheet(pilot, "ladder").words
        journal = Journal(tmp_path / "journal.db", pilot.app.clock)  # type: ignore[attr-defined]
        journal.append("search-1", [Entry(event.kind, event.data) for event in sample.events()[1:]])
        journal.close()
        await _look(pilot)
        assert "cause" in sheet(pilot, "ladder").words
        assert sheet(pilot, "ladder").cursor == "feature_drift"


async def test_space_pauses_and_says_so(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "space")
        assert "paused" in screen_text(pilot)
        write(tmp_path, "churn", sample.events())
        screen = pilot.app.screen
        assert isinstance(screen, Live)
        screen._tick()
        await settle(pilot)
        assert "churn-1" not in screen_text(pilot)
        await press(pilot, "space", "r")
        assert "churn-1" in screen_text(pilot)


async def test_an_empty_journal_says_how_to_begin(tmp_path: Path) -> None:
    async with app(tmp_path).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "triage demo" in screen_text(pilot)


async def test_a_journal_that_can_not_be_read_is_explained_and_tried_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    async with app(home).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        text = screen_text(pilot)
        assert "error" in text
        assert "TRIAGE_HOME" in text
        assert "Traceback" not in text
        home.unlink()
        standard(home)
        await press(pilot, "r")
        assert "recommender-1" in screen_text(pilot)


async def test_what_was_shown_stays_and_is_called_stale_when_the_journal_goes_away(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        write(tmp_path, "churn", sample.events())
        (tmp_path / "journal.db").write_bytes(b"no database" * 1000)
        for name in ("journal.db-wal", "journal.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        await press(pilot, "r")
        text = screen_text(pilot)
        assert "recommender-1" in text
        assert "stale" in text


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_text_from_data_is_shown_and_never_obeyed(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path, "recommender", sample.events(**HOSTILE_CHANGES))
    async with app(tmp_path).run_test(size=size) as pilot:
        await settle(pilot)
        for keys in (("enter",), ("e",), ("c",), ("t",), ("p",), ("y",), ("f",), ("escape", "o")):
            await press(pilot, *keys)
            text = screen_text(pilot)
            assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\x00"} & set(text)
        while not isinstance(pilot.app.screen, QueueScreen):
            await press(pilot, "escape")
        await press(pilot, "slash", *"[b]")
        assert "[b]" in screen_text(pilot)


async def test_y_copies_what_the_cursor_stands_on_and_capital_y_the_command(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "y")
        assert "feature drift" in pilot.app.clipboard
        await press(pilot, "Y")
        assert pilot.app.clipboard == "triage show recommender-1"


async def test_help_names_this_screens_keys_first(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "question_mark")
        lines = sheet(pilot, "help").words.splitlines()
        assert "recommender-1" in lines[0]
        assert any("Evidence" in line for line in lines[1:8])
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, IncidentScreen)


async def test_escape_clears_the_filter_before_it_leaves(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "slash", *"nothing")
        assert "Nothing matches" in screen_text(pilot)
        await press(pilot, "escape")
        assert pilot.app.screen.query_one("#filter", Input).value == ""
        assert "recommender-1" in screen_text(pilot)
        assert pilot.app.is_running


async def test_a_run_needs_a_catalogue_and_the_form_says_so(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "n")
        assert "no catalogue at" in screen_text(pilot).replace("\n", " ")
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, QueueScreen)


async def test_resizing_keeps_the_cursor_in_sight(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await press(pilot, "enter", "end")
        kept = sheet(pilot, "ladder").cursor
        for size in ((60, 20), (80, 24), (40, 10), (200, 60)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert sheet(pilot, "ladder").cursor == kept


class _Going:
    """An executor with a run under way."""

    def going(self) -> tuple[Run, ...]:
        process = SimpleNamespace(pid=4711, poll=lambda: None)
        return (Run("search-1", process, Path("search-1.log")),)  # type: ignore[arg-type]

    def ended(self) -> tuple[Run, ...]:
        return ()

    def starting(self, incident: str) -> str:
        return ""


@pytest.mark.parametrize("turns", range(0, 15, 2))
async def test_a_screen_that_is_left_while_it_opens_falls_over_nothing(tmp_path: Path, turns: int) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.push_screen(IncidentScreen("search-1"))
        for _ in range(turns):
            await asyncio.sleep(0)


async def test_closing_says_what_goes_on_and_staying_is_the_default(tmp_path: Path) -> None:
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        pilot.app.executor = _Going()  # type: ignore[attr-defined]
        await settle(pilot)
        await press(pilot, "q")
        assert "search-1 (process 4711)" in screen_text(pilot)
        await press(pilot, "enter")
        assert isinstance(pilot.app.screen, QueueScreen)
        await press(pilot, "q", "tab", "enter")
        assert not pilot.app.is_running or pilot.app.return_code == 0


async def test_playbooks_are_browsed_with_what_the_linter_says(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "broken.yaml").write_text("name: broken\ntitle: x\nsteps:\n  - {id: a, uses: diagnos}\n")
    async with app(standard(tmp_path)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "p")
        assert "model_quality_drop" in sheet(pilot, "books").words
        sheet(pilot, "books").choose(str((tmp_path / "playbooks" / "broken.yaml").resolve()))
        await settle(pilot)
        assert "line 4" in sheet(pilot, "steps").words
        assert "did you mean 'diagnose'" in " ".join(sheet(pilot, "steps").words.split())


async def _look(pilot: object) -> None:
    """What the screen does every second."""
    screen = pilot.app.screen  # type: ignore[attr-defined]
    screen._look()
    await settle(pilot)  # type: ignore[arg-type]


@asynccontextmanager
async def _beside_a_catalogue(folder: Path) -> AsyncIterator[tuple[Pilot[None], list[str]]]:
    """The app beside a new catalogue, and the incidents whose runs it started."""
    (folder / "triage.yaml").write_text(init_text())
    started: list[str] = []
    async with app(standard(folder)).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.executor.start = started.append  # type: ignore[attr-defined]
        yield pilot, started


async def test_a_run_is_started_with_parameters_from_a_form_that_the_steps_make(tmp_path: Path) -> None:
    async with _beside_a_catalogue(tmp_path) as (pilot, started):
        await press(pilot, "p")
        sheet(pilot, "books").choose(next(key for key in sheet(pilot, "books").keys if "model_quality_drop" in key))
        await press(pilot, "n")
        form = pilot.app.screen
        shown = next(
            field for field in form.query("#params Input").results(Input) if field.name == "feature_drift.shown"
        )
        assert shown.value == "12"
        shown.value = "0"
        form.query_one("#start", Button).press()
        await until(pilot, lambda: "shown" in str(form.query_one("#fault", Static).render()))
        shown.value = "7"
        await until(pilot, lambda: not form.query_one("#start", Button).disabled)
        form.query_one("#start", Button).press()
        await until(pilot, lambda: started == ["my_model-1"])
    journal = Journal(tmp_path / "journal.db", app(tmp_path).clock)
    snapshot = journal.document(journal.read("my_model-1").playbook_digest)
    journal.close()
    assert "shown: 7" in snapshot


async def test_the_form_takes_a_window_as_a_catalogue_writes_one(tmp_path: Path) -> None:
    async with _beside_a_catalogue(tmp_path) as (pilot, started):
        await press(pilot, "n")
        form = pilot.app.screen
        at, now = form.query_one("#at", Input), form.query_one("#at", Input).value
        window, start = form.query_one("#window", Input), form.query_one("#start", Button)
        fault = form.query_one("#fault", Static)
        assert window.placeholder == "2d"
        for fired, wrong, answer in (
            (now, "4", "add a unit: 4s, 4m or 4h"),
            (now, "0m", "longer than zero"),
            ("0001-01-01T00:00:00Z", "3650d", "is not between the years 2000"),
            ("yesterday", "", "is no time"),
        ):
            at.value, window.value = fired, wrong
            start.press()
            await until(pilot, lambda answer=answer: answer in str(fault.render()))
            await until(pilot, lambda: not start.disabled)
        at.value, window.value = now, "1h30m"
        start.press()
        await until(pilot, lambda: started == ["my_model-1"])
    journal = Journal(tmp_path / "journal.db", app(tmp_path).clock)
    taken = journal.read("my_model-1").window
    journal.close()
    assert taken.end - taken.start == timedelta(minutes=90)


async def test_a_feature_shows_its_history_its_segments_and_what_else_was_found_of_it(tmp_path: Path) -> None:
    chart = {**sample.category_chart(), "psi_past": [0.01, None, 0.02, 0.01]}
    told = [
        replace(item, chart=chart) if item.subject == "user_location" and item.chart else item
        for item in sample.EVIDENCE
    ]
    name = write(tmp_path, "recommender", sample.events(evidence=tuple(told)))
    journal = Journal(tmp_path / "journal.db", app(tmp_path).clock)
    outputs = {"report": REPORT, "champion": "7", "challenger": "8"}
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
        await press(pilot, "enter", "f")
        words = sheet(pilot, "reading").words
        assert "window by window ▁·▁▁█ now" in words
        assert "user_location=Leipzig, incident" in words
        assert "✗ fail" in words


async def test_the_queue_keeps_nothing_of_incidents_that_it_lists_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.screens.queue.MOST", 4)
    async with app(standard(tmp_path)).run_test(size=(80, 40)) as pilot:
        await settle(pilot)
        queue = pilot.app.screen
        assert isinstance(queue, QueueScreen)
        assert set(queue._seen) == {"recommender-1", "search-1", "fraud-1", "ads-1"}
        write(tmp_path, "newest", sample.events()[:1])
        await press(pilot, "r")
        assert set(queue._seen) == {"newest-1", "search-1", "fraud-1", "ads-1"}
