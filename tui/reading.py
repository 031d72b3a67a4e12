"""Reading the journal beside the screen: one thread, one connection, so that no key waits for a disk."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from triage.errors import TriageError

if TYPE_CHECKING:
    from textual.screen import Screen

    from triage.desk import Desk

T = TypeVar("T")
_SWITCH_SECONDS = 0.001
"""How long a reading thread may keep the interpreter from a key that was pressed; Python's own is five times that."""


class Reader:
    """Answers questions about the journal in a thread of its own, one after the other."""

    def __init__(self, open_desk: "Callable[[], Desk]") -> None:
        self._open_desk = open_desk
        self._desk: Desk | None = None
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="journal reader")

    async def ask(self, question: "Callable[[Desk], T]") -> T:
        """The answer to a quick question. Raises TriageError; a defect of ours becomes one."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, question)

    async def ask_apart(self, question: "Callable[[Desk], T]") -> T:
        """The answer to a slow question, from a thread and a connection that no quick one waits for."""

        def answer() -> T:
            desk = self._open_desk()
            try:
                return question(desk)
            finally:
                desk.journal.close()

        return await asyncio.to_thread(_explained, answer)

    def close(self) -> None:
        self._pool.submit(self._hang_up)
        self._pool.shutdown(wait=True)

    def _answer(self, question: "Callable[[Desk], T]") -> T:
        def answer() -> T:
            if self._desk is None:
                self._desk = self._open_desk()
            return question(self._desk)

        return _explained(answer)

    def _hang_up(self) -> None:
        if self._desk is not None:
            self._desk.journal.close()


def is_left(screen: "Screen[Any]") -> bool:
    """Whether ``screen``, or the app, is on its way out: its panels are then gone, or never were put together."""
    there = screen.is_running and screen.is_attached and screen.app.is_running
    return not there or screen not in screen.app.screen_stack


async def for_screen(screen: "Screen[Any]", answer: Awaitable[T]) -> T:
    """The answer, where ``screen`` is still there to show it; else the worker that asked is cancelled."""
    try:
        return await answer
    finally:
        if is_left(screen) or not screen.children:
            raise asyncio.CancelledError


def _explained(answer: Callable[[], T]) -> T:
    try:
        return answer()
    except TriageError:
        raise
    except Exception as error:  # a defect must not take the screen with it
        raise TriageError(f"{type(error).__name__}: {error}", hint="a defect in triage: please report it") from error
