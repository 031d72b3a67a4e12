"""The HTTP side: two doors for alerts, and three that tell how it stands. It decides nothing about an alert."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from triage.catalog import Serve
from triage.errors import ConfigError, JournalError
from triage.webhook.auth import Guard
from triage.webhook.figures import Figures
from triage.webhook.intake import Full, Intake
from triage.webhook.log import Log

_REMEMBERED_ADDRESSES = 4_096
_BURST_SECONDS = 2.0
_TELL_SECONDS = 10.0


class TooLarge(Exception):
    """A body is larger than the limit; ``head`` is what came of it."""

    def __init__(self, head: bytes) -> None:
        super().__init__()
        self.head = head


def application(
    serve: Serve,
    intake: Intake,
    figures: Figures,
    log: Log,
    troubles: Callable[[], list[str]],
    living: Callable[[], list[str]],
) -> Starlette:
    """The ASGI application. ``troubles`` says why it is not ready, ``living`` what of it has died."""
    doors = _Doors(serve, intake, figures, log)

    def healthz(request: Request) -> Response:
        dead = living()
        return JSONResponse({"status": "dead" if dead else "ok", "dead": dead}, 500 if dead else 200)

    def readyz(request: Request) -> Response:
        found = troubles()
        return JSONResponse({"status": "not ready" if found else "ready", "reasons": found}, 503 if found else 200)

    def metrics(request: Request) -> Response:
        return Response(figures.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/alertmanager", doors.receive, methods=["POST"]),
            Route("/grafana", doors.receive, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", doors.guarded(metrics)),
        ]
    )


class _Doors:
    def __init__(self, serve: Serve, intake: Intake, figures: Figures, log: Log) -> None:
        self._limits = serve.limits
        self._guard = Guard(serve)
        self._intake = intake
        self._figures = figures
        self._log = log
        self._rate = Rate(serve.limits.per_second)
        self._told: dict[str, float] = {}

    async def receive(self, request: Request) -> Response:
        """On disk first, then 204. What is worth sending again is answered 503, never 4xx."""
        origin = request.url.path.strip("/")
        answer = await self._receive(request, origin)
        self._figures.deliveries.labels(origin, answer.status_code).inc()
        return answer

    def guarded(self, handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def inside(request: Request) -> Response:
            return self._refused_entry(request) or handler(request)

        return inside

    async def _receive(self, request: Request, origin: str) -> Response:
        address = request.client.host if request.client else ""
        refused = self._refused_entry(request)
        if refused is not None:
            return refused
        if not self._rate.lets_in(address, time.monotonic()):
            return _later(f"more than {self._limits.per_second} deliveries a second from {address}")
        try:
            body = await self._body(request)
            await self._intake.put(origin, address, body)
        except TooLarge as error:
            reason = f"larger than {self._limits.body_kib} KiB"
            with contextlib.suppress(JournalError):
                await self._intake.put(origin, address, error.head, refused=reason)
            self._figures.refused.inc()
            self._tell("too_large", address, reason)
            return PlainTextResponse(f"the body is {reason}\n", 413, {"Connection": "close"})
        except TimeoutError:
            self._tell("too_slow", address, "the body did not come in time")
            return PlainTextResponse("the body did not come in time\n", 408, {"Connection": "close"})
        except ClientDisconnect:
            return Response(status_code=499)
        except Full as error:
            self._tell("full", address, error.message)
            return _later(error.message)
        except JournalError as error:
            self._tell("not_written", address, error.message)
            return _later("the inbox can't be written")
        return Response(status_code=204)

    async def _body(self, request: Request) -> bytes:
        """The whole body. Raises TooLarge, TimeoutError, ClientDisconnect."""
        most = self._limits.body_kib * 1024
        parts: list[bytes] = []
        size = 0
        async with asyncio.timeout(self._limits.read_timeout.total_seconds()):
            async for part in request.stream():
                size += len(part)
                parts.append(part)
                if size > most:
                    raise TooLarge(b"".join(parts))
        return b"".join(parts)

    def _refused_entry(self, request: Request) -> Response | None:
        try:
            if self._guard.lets_in(request.headers.get("authorization", "").encode("latin-1")):
                return None
        except ConfigError as error:
            self._tell("no_secret", "", error.message)
            return _later("what a sender has to show can't be read here")
        self._tell("unauthorized", request.client.host if request.client else "", "wrong or no credentials")
        headers = {"WWW-Authenticate": self._guard.wanted(), "Connection": "close"}
        return PlainTextResponse("wrong or no credentials\n", 401, headers)

    def _tell(self, event: str, address: str, reason: str) -> None:
        """Log what may happen a thousand times a second, once every few seconds."""
        now = time.monotonic()
        if now - self._told.get(event, float("-inf")) > _TELL_SECONDS:
            self._told[event] = now
            self._log.warning(event, address=address, reason=reason)


class Rate:
    """A bucket for each address that fills by ``per_second`` and holds two seconds' worth."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def lets_in(self, address: str, now: float) -> bool:
        """Take one from the bucket of ``address`` at ``now`` (seconds of any steady clock), if there is one in it."""
        most = self._per_second * _BURST_SECONDS
        left, since = self._buckets.get(address, (most, now))
        left = min(most, left + (now - since) * self._per_second)
        self._buckets[address] = (left - 1 if left >= 1 else left, now)
        self._buckets.move_to_end(address)
        while len(self._buckets) > _REMEMBERED_ADDRESSES:
            self._buckets.popitem(last=False)
        return left >= 1


def _later(reason: str) -> Response:
    return PlainTextResponse(f"{reason}\n", 503, {"Retry-After": "5", "Connection": "close"})
