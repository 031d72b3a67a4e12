"""The runs of a server without processes: on a clock that a test moves, over desks in memory."""

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from triage.desk import Desk
from triage.ports import Clock
from triage.webhook import runs
from triage.webhook.figures import Figures
from triage.webhook.log import Log
from triage.webhook.worker import Answer, work_on


class AtHand:
    """A worker that is no process of its own: it has worked before `give` returns."""

    pid, alive, code = 1, True, None

    def __init__(self, home: Path, done: Callable[["AtHand", Answer | None], None]) -> None:
        self.incident = self.model = ""
        self.runs = 0
        self._done = done

    def give(self, incident: str, model: str) -> None:
        self.incident, self.model, self.runs = incident, model, 1
        self._done(self, work_on(incident, threading.Event()))

    def dismiss(self) -> None:
        return


class Server:
    """What `triage serve` does with the incidents of `shop`, on desks that ``opened`` opens."""

    def __init__(self, opened: Callable[[], Desk], clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runs, "Worker", AtHand)
        monkeypatch.setattr("triage.wiring.open_desk", opened)
        self.clock, self.said = clock, io.StringIO()
        self.runs = runs.Runs(opened(), ["shop"], clock, Log(self.said), Figures())

    def goes_on(self, *, minutes: float, until: Callable[[], bool] = lambda: False) -> None:
        end = self.clock.now().timestamp() + minutes * 60
        while self.clock.now().timestamp() < end and not until():
            self.runs.tick()
            self.clock.sleep(5)

    def given(self) -> int:
        return self.said.getvalue().count('"event": "run"')
