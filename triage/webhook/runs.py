"""Who works on which incident now: processes of their own, at most so many, and never two for one model.

A process that dies takes no other run and no delivery with it; its incident is taken up again from the journal. What
runs is decided by `wanted`, from what the journal says; any number of restarts come to the same.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from triage.desk import Desk
from triage.errors import JournalError, TriageError
from triage.incident import State
from triage.journal import Summary
from triage.ports import Clock
from triage.webhook.admission import ACTIVE, at_work
from triage.webhook.figures import Figures
from triage.webhook.log import Log
from triage.webhook.worker import Answer, read_answer

RUNS_PER_WORKER = 25
"""Runs after which a process is replaced by a fresh one."""
_TROUBLE_WAITS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
_SOON = timedelta(seconds=2)
_OWED_WAIT = timedelta(seconds=30)
_LOOK_AGAIN = timedelta(minutes=1)
_NEWEST = 500


class Worker:
    """One process, and what it is at. Answers arrive through ``done`` on a thread of their own."""

    def __init__(self, home: Path, done: Callable[["Worker", Answer | None], None]) -> None:
        self.incident = ""
        self.model = ""
        self.runs = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "triage.webhook.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C at a terminal reaches us alone; we end it
            env={**os.environ, "TRIAGE_HOME": str(home)},
        )
        self._done = done
        threading.Thread(target=self._listen, name="answers", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def give(self, incident: str, model: str) -> None:
        """Let it work on ``incident``. Raises OSError when it is gone."""
        assert self._process.stdin is not None
        self.incident, self.model = incident, model
        self.runs += 1
        self._process.stdin.write(incident + "\n")
        self._process.stdin.flush()

    def dismiss(self) -> None:
        """Let it go once it has finished the step it is at."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            return

    def end(self, seconds: float) -> bool:
        """Dismiss it and wait at most ``seconds``, then kill it. Whether it went by itself."""
        self.dismiss()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                answer = read_answer(line)
            except (ValueError, TypeError):
                continue
            self._done(self, answer)
        self._process.wait()
        self._done(self, None)


@dataclass(slots=True)
class Runs:
    """Used by one thread (`tick`); answers of workers come from others and only wake it up."""

    desk: Desk
    models: Collection[str]
    clock: Clock
    log: Log
    figures: Figures
    most: int = 1
    wake: threading.Event = field(default_factory=threading.Event)
    _workers: list[Worker] = field(default_factory=list)
    _answers: list[tuple[Worker, Answer | None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waits: dict[str, tuple[int, datetime]] = field(default_factory=dict)
    _looked: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def tick(self) -> None:
        """Take answers, replace what died, and give out what is to be done. Raises JournalError."""
        self._take_answers()
        self._workers = [worker for worker in self._workers if worker.alive]
        while len(self._workers) < self.most:
            self._workers.append(Worker(self.desk.home, self._answered))
        idle = [worker for worker in self._workers if not worker.incident]
        while idle and len(self._workers) > self.most:
            spare = idle.pop()
            spare.dismiss()
            self._workers.remove(spare)
        busy = {worker.model for worker in self._workers if worker.incident}
        newest = [one for one in self.desk.incidents(_NEWEST) if one.model in self.models and (idle or one.live)]
        live = {one.id for one in newest if one.live}
        for incident, model in wanted(newest, busy, self._waits, self.clock.now(), self._is_due):
            if not idle and incident in live:  # a challenger that is asked waits for no other model's training
                idle.append(Worker(self.desk.home, self._answered))
                self._workers += idle
            if not idle:
                break
            self._give(idle.pop(), incident, model)
        self.figures.running.set(sum(1 for worker in self._workers if worker.incident))

    def end(self, grace_seconds: float) -> None:
        """Let every process finish the step it is at, for at most ``grace_seconds``."""
        for worker in self._workers:
            worker.dismiss()
        for worker in self._workers:
            if not worker.end(grace_seconds):
                self.log.warning("run_cut_off", incident=worker.incident, hint="it goes on after the next start")

    def _give(self, worker: Worker, incident: str, model: str) -> None:
        try:
            worker.give(incident, model)
        except OSError:
            worker.incident = ""
            return
        self.log("run", incident=incident, model=model, process=worker.pid)

    def _answered(self, worker: Worker, answer: Answer | None) -> None:
        with self._lock:
            self._answers.append((worker, answer))
        self.wake.set()

    def _take_answers(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for worker, answer in answers:
            incident, model = worker.incident, worker.model
            if answer is None and not incident:
                continue
            worker.incident = worker.model = ""
            if answer is None:
                answer = Answer(incident, trouble=f"its process ended with code {worker.code}")
            elif worker.runs >= RUNS_PER_WORKER:
                worker.dismiss()
                self._workers.remove(worker)
            self._note(answer, model)

    def _note(self, answer: Answer, model: str) -> None:
        if not answer.trouble:
            self._waits.pop(answer.incident, None)
            self.figures.runs.labels(model, answer.state).inc()
            self.log("run_paused" if State(answer.state) in ACTIVE else "run_ended",
                     incident=answer.incident, model=model, state=answer.state, reason=answer.reason)  # fmt: skip
            return
        tries, _ = self._waits.get(answer.incident, (0, self.clock.now()))
        wait = _TROUBLE_WAITS[min(tries, len(_TROUBLE_WAITS) - 1)]
        if answer.held or answer.owed:
            wait = _SOON if answer.held else _OWED_WAIT
        self._waits[answer.incident] = (tries + (0 if answer.held else 1), self.clock.now() + wait)
        if not answer.held:
            self.figures.runs.labels(model, "trouble").inc()
            self.log.error(
                "run_trouble", incident=answer.incident, model=model, reason=answer.trouble, again_in=wait.seconds
            )

    def _is_due(self, summary: Summary) -> bool:
        """Whether advancing it would do something now; looked at again when it has changed, or its time has come."""
        from triage.engine import Settle, Wait

        now = self.clock.now()
        updated, again = self._looked.get(summary.id, ("", now))
        if summary.updated == updated and now < again:
            return False
        try:
            if self.desk.journal.executor(summary.id):
                return False
            move = self.desk.next_move(summary.id)
        except JournalError:
            raise
        except TriageError as error:
            self._note(Answer(summary.id, trouble=str(error)), summary.model)
            return False
        until = now + _LOOK_AGAIN
        if isinstance(move, Settle) and (move.state, move.reason) == (summary.state, summary.reason):
            self._looked[summary.id] = (summary.updated, until)
            return False
        if isinstance(move, Wait) and move.until > now + _SOON and move.state == summary.state:
            self._looked[summary.id] = (summary.updated, min(until, move.until))
            return False
        self._looked.pop(summary.id, None)
        return True


def _can_go_on(summary: Summary) -> bool:
    return at_work(summary) or summary.state == State.WAITING_FOR_APPROVAL or summary.tag_owed


def wanted(
    newest: Sequence[Summary],
    busy: Collection[str],
    waits: Mapping[str, tuple[int, datetime]],
    now: datetime,
    is_due: Callable[[Summary], bool],
) -> list[tuple[str, str]]:
    """Incident and model of what is to be worked on: those that are due of the active ones and of those with a live
    challenger, or a tag that is owed, whatever their state; the live ones first, then the oldest, one a model.

    ``busy`` are models that are worked on already, ``waits`` until when an incident that met trouble is left alone.
    """
    chosen: dict[str, str] = {}
    oldest = tuple(reversed(newest))
    for summary in sorted(oldest, key=lambda one: not one.live):
        if not _can_go_on(summary) or summary.model in busy or summary.model in chosen:
            continue
        if summary.id in waits and waits[summary.id][1] > now:
            continue
        if is_due(summary):
            chosen[summary.model] = summary.id
    return [(incident, model) for model, incident in chosen.items()]
