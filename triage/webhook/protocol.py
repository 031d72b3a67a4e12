"""HTTP/1.1 for strangers: a client that is slow with the head of its request is cut off, and one address can't take
all connections. The body's time is the application's to hold to."""

import asyncio
from collections import Counter
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from triage.catalog import IntakeLimits

LARGEST_HEAD = 32 * 1024
"""Bytes of a request's head."""


def patient(limits: IntakeLimits) -> type[H11Protocol]:
    """A protocol class for uvicorn that keeps to ``limits``."""
    seconds = limits.read_timeout.total_seconds()
    most = max(2, limits.connections // 2)
    open_by_address: Counter[str] = Counter()

    class Patient(H11Protocol):
        """One connection. ``_deadline`` runs while a head is awaited, from its first byte (or the connection) on."""

        _deadline: asyncio.TimerHandle | None = None
        _address = ""

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._address = self.client[0] if self.client else ""
            open_by_address[self._address] += 1
            if open_by_address[self._address] > most:
                transport.abort()
                return
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            open_by_address[self._address] -= 1
            if not open_by_address[self._address]:
                del open_by_address[self._address]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is h11.IDLE:  # between requests, or in the middle of a head
                if self._deadline is None and self.conn.trailing_data[0]:
                    self._await_head()
            else:
                self._stop_waiting()

        def _await_head(self) -> None:
            self._deadline = self.loop.call_later(seconds, self._too_slow)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _too_slow(self) -> None:
            self._deadline = None
            if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
                self.transport.abort()

    return Patient
