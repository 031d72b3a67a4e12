"""How fast the app opens and answers, and whether it grows: ``python -m bench.app [opening|keys|growth]``.

*Opening*: the real command in a pseudo-terminal of 80 × 24, until the first frame is there, and until the incidents
are listed; each run is paired with one of an empty Textual app right before it, and the median of the ratios is what
counts, since other work on a machine hits both of a pair.
*Keys*: 1,000 incidents, 500 features in one of them, and a process that goes on writing events; the time from a key to
the frame that shows what it did, as it is written to the terminal, and the processor time that it took.
*Growth*: an app that is open while the journal grows as in a day: memory after each hour's share of events.
"""

import argparse
import asyncio
import fcntl
import gc
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import ClassVar, NamedTuple

import psutil
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.geometry import Size
from textual.pilot import Pilot

from bench.journal import grow, incidents
from triage.adapters.clock import SystemClock
from triage.wiring import connect
from tui.app import TriageApp
from tui.widgets.sheet import Sheet

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("ready")
Empty().run()
"""
LIMIT_SECONDS = 60


def opened(command: list[str], markers: tuple[bytes, ...], home: Path) -> list[float]:
    """Seconds from the start of ``command`` until each of ``markers`` was on its terminal."""
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", "TRIAGE_HOME": str(home)})
    seen, taken = b"", []
    try:
        while len(taken) < len(markers) and time.perf_counter() - started < LIMIT_SECONDS:
            if select.select([terminal], [], [], 0.5)[0]:
                seen += os.read(terminal, 65536)
                while len(taken) < len(markers) and markers[len(taken)] in seen:
                    taken.append(time.perf_counter() - started)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    if len(taken) < len(markers):
        raise SystemExit(f"{command} did not show {markers[len(taken)]!r} within {LIMIT_SECONDS} s")
    return taken


def opening(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        incidents(home, 20)
        pairs = []
        for index in range(repeats + 1):
            (empty,) = opened([sys.executable, "-c", EMPTY], (b"ready",), home)
            first, listed = opened([sys.executable, "-m", "triage", "ui"], (b"queue", b"model00"), home)
            if index:
                pairs.append((empty, first, listed))
    print(
        f"opening, {repeats} pairs, an empty Textual app takes {min(pair[0] for pair in pairs) * 1e3:.0f} ms at best\n"
    )
    print("| until | least ms | median ratio | least ratio | target |\n|---|---|---|---|---|")
    for place, words, target in ((1, "first frame", "≤ 1.5"), (2, "incidents listed", "")):
        ratios = [pair[place] / pair[0] for pair in pairs]
        least = min(pair[place] for pair in pairs)
        print(f"| {words} | {least * 1e3:.0f} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {target} |")


class Frames(Driver):
    """A terminal that keeps when each frame was written to it, and what it said; nobody presses its keys."""

    written: ClassVar[list[tuple[float, str]]] = []

    def write(self, data: str) -> None:
        self.written.append((time.perf_counter(), data))

    def start_application_mode(self) -> None:
        size = Size(*(self._size or (80, 24)))
        self.send_message(events.Resize(size, size))

    def disable_input(self) -> None:
        pass

    def stop_application_mode(self) -> None:
        pass


async def keys(presses: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        incidents(home, 1000, features=500)
        app = TriageApp(lambda: _desk(home), SystemClock(), home, home / "triage.yaml")
        app.driver_class = Frames
        run = subprocess.Popen([sys.executable, "-m", "bench.journal", str(home)])
        try:
            rows: list[str] = []
            await app.run_async(size=(140, 40), auto_pilot=lambda pilot: _pressed(pilot, presses, rows))
        finally:
            run.terminate()
            run.wait()
    print(f"keys, 1,000 incidents, 500 features in one, a run that writes events; {presses} presses each\n")
    print(
        "\n".join(("| screen | median ms | 95% ms | processor, median ms | target |", "|---|---|---|---|---|", *rows))
    )


async def _pressed(pilot: Pilot[object], presses: int, rows: list[str]) -> None:
    """Walk up and down each screen, and add a row with how long each key took."""
    screens = (
        ("queue", (), ("down", "up")),
        ("incident", ("home", "enter"), ("up", "down")),
        ("feature", ("f",), "np"),
    )
    await asyncio.sleep(3)
    for name, opening_keys, moves in screens:
        for key in opening_keys:
            await pilot.press(key)
            await asyncio.sleep(3)
        if name == "feature":
            pilot.app.screen.query_one("#features", Sheet).focus()
            await asyncio.sleep(0.5)
        taken = [await _answered(pilot.app, moves[place % 2]) for place in range(presses)]
        waited = sorted(one.seconds for one in taken)
        median, tail = statistics.median(waited), waited[int(len(waited) * 0.95)]
        worked = statistics.median(one.processor_seconds for one in taken)
        rows.append(f"| {name} | {median * 1e3:.0f} | {tail * 1e3:.0f} | {worked * 1e3:.0f} | ≤ 50 |")
    pilot.app.exit()


class Answer(NamedTuple):
    """How long a key took: on the clock, and of this process's own time."""

    seconds: float
    processor_seconds: float


async def _answered(app: App[object], key: str) -> Answer:
    """The time from ``key``, which moves a cursor, until a frame with the cursor's mark was written after it moved."""
    sheet = app.focused
    assert isinstance(sheet, Sheet)
    before = sheet.cursor
    Frames.written.clear()
    started, own = time.perf_counter(), time.process_time()
    app.simulate_key(key)
    while sheet.cursor == before and app.is_running:
        await asyncio.sleep(0)
    moved_at = time.perf_counter()
    while app.is_running:
        shown = next((at for at, data in Frames.written if at > moved_at and "▶" in data), None)
        if shown is not None:
            answer = Answer(shown - started, time.process_time() - own)
            await asyncio.sleep(0.05)
            return answer
        await asyncio.sleep(0.0005)
    raise SystemExit("the app ended before it answered a key")


async def growth(hours: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        incidents(home, 50)
        app = TriageApp(lambda: _desk(home), SystemClock(), home, home / "triage.yaml")
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(1)
            sizes = []
            for hour in range(hours):
                for _ in range(12):
                    grow(home, 10)
                    await pilot.pause(0.1)
                    app.screen._look()  # type: ignore[attr-defined]
                    await pilot.pause(0.1)
                await pilot.press("enter")
                await pilot.pause(0.3)
                await pilot.press("escape", "down")
                gc.collect()
                sizes.append(psutil.Process().memory_info().rss / 1e6)
                print(f"hour {hour + 1:>2}: {sizes[-1]:.0f} MB, {len(gc.get_objects()):,} objects", flush=True)
        half = sizes[len(sizes) // 2 :]
        print(json.dumps({"from_mb": round(half[0], 1), "to_mb": round(half[-1], 1)}))


def _desk(home: Path):  # type: ignore[no-untyped-def]
    from triage.desk import Desk

    return Desk(home, SystemClock(), connect)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the app opens and answers, and whether it grows.")
    parser.add_argument("what", nargs="*", default=["opening", "keys", "growth"])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--presses", type=int, default=80)
    parser.add_argument("--hours", type=int, default=24)
    arguments = parser.parse_args()
    if "opening" in arguments.what:
        opening(arguments.repeats)
    if "keys" in arguments.what:
        asyncio.run(keys(arguments.presses))
    if "growth" in arguments.what:
        asyncio.run(growth(arguments.hours))


if __name__ == "__main__":
    main()
