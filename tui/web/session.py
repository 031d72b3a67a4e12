"""One browser's app: a process in a group of its own, which ends with the browser's connection, or with the server."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from textual_serve.app_service import AppService

GRACE_SECONDS = 3.0
"""How long the app may take to say goodbye before its whole process group is ended."""


class Session(AppService):
    """Runs ``words`` without a shell. Runs that the app starts are in sessions of their own, and go on without it."""

    def __init__(self, words: Sequence[str], **settings: Any) -> None:
        super().__init__(" ".join(words), **settings)
        self._words = tuple(words)

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env={**self._build_environment(width, height), "TRIAGE_WEB_PARENT": str(os.getpid())},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._stdin = self._process.stdin
        return self._process

    async def stop(self) -> None:
        """Ask the app to quit; whatever it says, its process group is gone afterwards."""
        process = self._process
        with suppress(Exception):  # its pipes may be gone in any way; what counts is that it ends
            await asyncio.wait_for(super().stop(), GRACE_SECONDS)
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, sign)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_SECONDS)
        self._process = None
