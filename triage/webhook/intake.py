"""The door's other side: one thread writes to disk what all requests bring, as much at a time as has come.

A commit costs one fsync, however many deliveries share it; nobody is answered before theirs.
"""

import asyncio
import queue
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from triage.catalog import IntakeLimits
from triage.errors import JournalError
from triage.ports import Clock
from triage.webhook.figures import Figures
from triage.webhook.inbox import Inbox
from triage.webhook.log import Log

MOST_TOGETHER = 256
_COUNT_SECONDS = 0.5
_KEPT_OF_REFUSED = 4_096


class Full(JournalError):
    """There is no room for more now; the sender has to come again."""


class _Task(NamedTuple):
    at: datetime
    origin: str
    address: str
    body: bytes
    refused: str
    done: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


class Intake:
    """Started with `start`, ended with `close`, which first writes what has come."""

    def __init__(self, path: Path, limits: IntakeLimits, clock: Clock, figures: Figures, log: Log) -> None:
        self._path = path
        self._limits = limits
        self._clock = clock
        self._figures = figures
        self._log = log
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="intake", daemon=True)
        self._waiting = 0
        self._counted = 0.0
        self.arrived = threading.Event()
        self.trouble = ""

    def start(self) -> None:
        Inbox(self._path, self._limits.inbox_mib).close()  # where it can't be opened, nothing starts
        self._thread.start()

    def close(self) -> None:
        self._tasks.put(None)
        self._thread.join(30)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    async def put(self, origin: str, address: str, body: bytes, refused: str = "") -> None:
        """Return once ``body`` is on disk. Raises Full, and JournalError where the disk says no."""
        if self._waiting + self._tasks.qsize() >= self._limits.waiting:
            raise Full(f"{self._waiting} deliveries wait already", hint="see triage_deliveries_waiting and the log")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        body = body[:_KEPT_OF_REFUSED] if refused else body
        began = time.perf_counter()
        self._tasks.put(_Task(self._clock.now(), origin, address, body, refused, done, loop))
        await done
        self._figures.persist_seconds.observe(time.perf_counter() - began)

    def _write(self) -> None:
        inbox = Inbox(self._path, self._limits.inbox_mib)
        ending = False
        while not ending:
            tasks = [self._tasks.get()]
            while len(tasks) < MOST_TOGETHER and not self._tasks.empty():
                tasks.append(self._tasks.get_nowait())
            ending = None in tasks
            self._commit(inbox, [task for task in tasks if task is not None])
        inbox.close()

    def _commit(self, inbox: Inbox, tasks: list[_Task]) -> None:
        error: JournalError | None = None
        try:
            inbox.put([(task.at, task.origin, task.address, task.body) for task in tasks if not task.refused])
            for task in tasks:
                if task.refused:
                    inbox.refuse(task.at, task.origin, task.address, task.body, task.refused)
            if time.monotonic() - self._counted > _COUNT_SECONDS:
                self._waiting, self._counted = inbox.count_waiting(), time.monotonic()
                self._figures.waiting.set(self._waiting)
        except JournalError as caught:
            error = caught
            if not self.trouble:
                self._log.error("inbox_not_written", reason=str(caught))
        self.trouble = error.message if error else ""
        for task in tasks:
            task.loop.call_soon_threadsafe(_answer, task.done, error)
        if tasks and error is None:
            self.arrived.set()

    def recount(self, waiting: int) -> None:
        """Say how many deliveries wait, as the reception has just found."""
        self._waiting = waiting
        self._figures.waiting.set(waiting)


def _answer(done: "asyncio.Future[None]", error: JournalError | None) -> None:
    if done.done():  # the client has gone away
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
