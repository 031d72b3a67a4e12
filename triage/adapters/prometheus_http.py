"""The HTTP session under the Prometheus adapter: nothing hangs, nothing floods, and every failure says what to do.

`PrometheusConnect` takes any `requests.Session`; this one adds what it lacks. A request has one deadline for all of its
attempts, name resolution included; a body has a cap; a redirect is not followed, so that credentials stay where they
were meant to go; ``.netrc`` is not read; and only an answer of the API's own form is let through.
"""

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import requests

from triage.adapters.prometheus_failures import Failures, one_line
from triage.errors import TriageError

T = TypeVar("T")

_BUSY = {408, 429, 500, 502, 503, 504}
_LONGEST_GET_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class Limits:
    """``timeout_seconds`` bounds one request with all of its retries; ``max_bytes`` counts the unpacked body."""

    timeout_seconds: float = 10.0
    connect_seconds: float = 3.0
    retries: int = 2
    backoff_seconds: float = 0.2
    max_bytes: int = 32 * 2**20
    clock_skew_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API: its ``data``, what the server warned of, and how far its clock is ahead of ours."""

    data: Any
    warnings: tuple[str, ...] = ()
    partial: bool = False
    ahead_seconds: float | None = None


class _Retriable(Exception):
    def __init__(self, error: TriageError, after_seconds: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_seconds = after_seconds


class GuardedSession(requests.Session):
    """A `requests.Session` whose `request` raises SourceUnavailable or Unmeasurable, naming the query, or succeeds.

    `answer` is what the last request of the calling thread brought, with the fields that `PrometheusConnect` drops.
    """

    def __init__(self, failures: Failures, limits: Limits, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.failures = failures
        self.limits = limits
        self._now = now
        self._thread = threading.local()

    @property
    def answer(self) -> Answer:
        return self._thread.answer

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        params = {**(options.pop("params", None) or {})}
        asked = str(params.get("query") or params.get("match[]") or urlsplit(str(url)).path)
        if len(urlencode(params, doseq=True)) > _LONGEST_GET_BYTES:
            method, options["data"] = "POST", params
        else:
            options["params"] = params
        options |= {"allow_redirects": False, "stream": True}
        deadline = time.monotonic() + self.limits.timeout_seconds
        attempt = 0
        while True:
            try:
                response, answer = self._attempt(asked, deadline, str(method), str(url), options)
            except _Retriable as failure:
                pause = max(self.limits.backoff_seconds * 2**attempt, failure.after_seconds or 0.0)
                if attempt >= self.limits.retries or time.monotonic() + pause >= deadline:
                    raise failure.error from failure.__cause__
                time.sleep(pause)
                attempt += 1
            else:
                self._thread.answer = answer
                return response

    def _attempt(
        self, asked: str, deadline: float, method: str, url: str, options: dict[str, Any]
    ) -> tuple[requests.Response, Answer]:
        left = max(deadline - time.monotonic(), 0.001)
        send = super().request

        def exchange() -> tuple[requests.Response, bytes]:
            timeouts = (min(self.limits.connect_seconds, left), left)
            with send(method, url, **{**options, "timeout": timeouts}) as response:
                return response, self._body(asked, response, deadline)

        try:
            response, body = _within(left, exchange)
        except (TimeoutError, requests.exceptions.ReadTimeout) as error:
            raise self.failures.slow(asked, self.limits.timeout_seconds) from error
        except ValueError as error:
            if isinstance(error, requests.RequestException) and not isinstance(
                error, requests.exceptions.InvalidHeader
            ):
                raise self.failures.no_connection(asked, error) from error
            raise self.failures.bad_header(asked) from None  # its words and its cause would show the secret
        except (requests.RequestException, OSError) as error:
            mapped = self.failures.no_connection(asked, error)
            if self.failures.may_pass(error):
                raise _Retriable(mapped) from error
            raise mapped from error
        return response, self._read(asked, response, body)

    def _body(self, asked: str, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        for block in response.iter_content(chunk_size=1 << 16):
            body += block
            if len(body) > self.limits.max_bytes:
                raise self.failures.too_many_bytes(asked, self.limits.max_bytes)
            if time.monotonic() > deadline:
                raise TimeoutError
        return bytes(body)

    def _read(self, asked: str, response: requests.Response, body: bytes) -> Answer:
        payload = _json(body)
        if response.status_code != 200:
            error = self.failures.status(asked, response.status_code, payload, body, dict(response.headers))
            if response.status_code in _BUSY and not _blames_query(payload):
                raise _Retriable(error, _retry_after_seconds(response.headers))
            raise error
        if not isinstance(payload, dict) or "status" not in payload:
            raise self.failures.not_the_api(asked, body, response.headers.get("Content-Type", ""))
        if payload["status"] != "success" or "data" not in payload:
            raise self.failures.status(asked, 200, payload, body, {})
        ahead = _ahead_seconds(response.headers, self._now())
        if ahead is not None and abs(ahead) > self.limits.clock_skew_seconds:
            raise self.failures.clock(asked, ahead)
        response.json = lambda **_: payload  # type: ignore[method-assign]  # read once; the client reads it again
        said = [*(payload.get("warnings") or ()), *(payload.get("infos") or ())]
        return Answer(
            data=payload["data"],
            warnings=tuple(one_line(str(text)) for text in said),
            partial=bool(payload.get("isPartial")),
            ahead_seconds=ahead,
        )


def _within(seconds: float, call: Callable[[], T]) -> T:
    """Run ``call``, at most ``seconds``: name resolution and dripping headers obey no socket timeout.

    The thread that is left behind is a daemon whose own reads time out.
    """
    box: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            box.put((call(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=run, daemon=True, name="prometheus request").start()
    try:
        value, error = box.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer in {seconds:.1f} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _blames_query(payload: Any) -> bool:
    """Whether a 5xx is the API's own word on the query (out of time or memory), which asking again won't mend."""
    return isinstance(payload, dict) and payload.get("errorType") in {"timeout", "canceled", "execution", "bad_data"}


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None


def _ahead_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How far the server's clock is ahead of ours; the ``Date`` header has whole seconds, a cache adds its ``Age``."""
    try:
        at = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    age = headers.get("Age", "0")
    return (at - now).total_seconds() + (float(age) if age.isdigit() else 0.0)
