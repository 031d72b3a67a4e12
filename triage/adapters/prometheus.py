"""`Metrics` over the Prometheus HTTP API, by way of `prometheus-api-client`; nothing here is particular to one server.

Queries are evaluated at the multiples of the step inside the window. Servers with a cache (Mimir, Thanos,
VictoriaMetrics) move evaluation times to those anyway, and two windows of one signal stay comparable.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase, _basic_auth_str
from urllib3.util.retry import Retry

from triage.adapters.prometheus_failures import Failures
from triage.adapters.prometheus_grid import Grid
from triage.adapters.prometheus_http import Answer, GuardedSession, Limits
from triage.adapters.prometheus_promql import bare_counter, metric_names
from triage.errors import TriageError, UsageError, near
from triage.incident import Window
from triage.ports import RangeResult

_POINTS_PER_REQUEST = 10_000
_SKEW_WORTH_A_WORD_SECONDS = 30.0

Secret = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. A secret may be a callable, which is called for each request, so that a rotated token is picked up."""

    bearer: Secret | None = None
    username: str | None = None
    password: Secret = ""
    headers: Mapping[str, Secret] | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    ca_bundle: str | None = None

    def __str__(self) -> str:
        if self.bearer is not None:
            return "with a bearer token"
        if self.username is not None:
            return f"as {self.username}"
        return "with a client certificate" if self.client_certificate else "without credentials"


class PrometheusMetrics:
    """Range queries against the server at ``url``.

    ``params`` go along with every query (such as Thanos's ``partial_response``). An answer that calls itself partial
    is refused unless ``accept_partial``. Raises UsageError when ``url`` is no http(s) address.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        limits: Limits | None = None,
        max_series: int = 500,
        max_points: int = 250_000,
        accept_partial: bool = False,
        params: Mapping[str, str] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        limits = limits or Limits()
        self.url, credentials = _address(url, credentials or Credentials())
        self.credentials = credentials
        self.limits = limits
        self.max_series = max_series
        self.max_points = max_points
        self.accept_partial = accept_partial
        self._params = dict(params or {})
        self._now = now
        self._failures = Failures(self.url)
        self._session = GuardedSession(self._failures, limits, now)
        self._session.verify = credentials.ca_bundle or True
        if credentials.client_certificate:
            pair = (credentials.client_certificate, credentials.client_key)
            self._session.cert = pair if pair[1] else pair[0]  # type: ignore[assignment]
        self._client = PrometheusConnect(
            self.url,
            headers={},
            auth=_Authorization(credentials),
            session=self._session,
            retry=Retry(total=0),
            timeout=limits.timeout_seconds,  # type: ignore[arg-type]
        )

    def range(self, query: str, window: Window, step_seconds: float) -> RangeResult:
        """Evaluate ``query`` at every multiple of ``step_seconds`` in ``window``; see `triage.ports.Metrics`.

        Steps without a sample, NaN and infinities are gaps. What lies after now is a gap too: there the server would
        repeat its last sample. Raises SourceUnavailable (the server is at fault) or Unmeasurable (the query is).
        """
        if not step_seconds > 0:
            raise UsageError(f"a step of {step_seconds} s", hint="a step is longer than 0 s")
        first = math.ceil(round(window.start.timestamp() / step_seconds, 6))
        count = max(math.ceil(round(window.end.timestamp() / step_seconds, 6)) - first, 0)
        if count > self.max_points:
            raise self._failures.too_many_points(query, count, self.max_points, step_seconds)
        grid = Grid(first, count, step_seconds)
        known = min(count, max(math.floor(self._now().timestamp() / step_seconds) - first + 1, 0))
        for offset in range(0, known, _POINTS_PER_REQUEST):
            last = min(offset + _POINTS_PER_REQUEST, known) - 1
            answer = self._ask_range(query, grid.time(offset), grid.time(last), step_seconds)
            self._take(query, answer, grid)
        warnings = [*grid.warnings()]
        if known < count:
            warnings.append(f"{count - known} of {count} steps lie in the future and are gaps")
        if grid.values and bare_counter(query) and grid.falls():
            warnings.append(f"{query} is a raw counter that falls (a restart): wrap it in rate() or increase()")
        if not grid.values and known:
            warnings += self._why_nothing(query)
        return grid.result(query, window, tuple(warnings))

    def metric_names(self) -> tuple[str, ...]:
        """The names of all metrics that the server knows, sorted. Raises SourceUnavailable."""
        return self._strings(lambda: self._client.all_metrics(params=dict(self._params)), "all metric names")

    def label_names(self, metric: str) -> tuple[str, ...]:
        """The names of the labels that the series of ``metric`` carry. Raises SourceUnavailable."""
        match = {**self._params, "match[]": metric}
        return self._strings(lambda: self._client.get_label_names(params=match), metric)

    def metric_types(self) -> dict[str, str]:
        """Metric name to ``counter | gauge | histogram | summary``, as far as the server keeps metadata."""
        try:
            self._get("/api/v1/metadata")
        except TriageError:
            return {}
        data = self._session.answer.data
        if not isinstance(data, dict):
            return {}
        return {
            str(name): str(entries[0].get("type", ""))
            for name, entries in data.items()
            if isinstance(entries, list) and entries and isinstance(entries[0], dict)
        }

    def check(self) -> str:
        """One line: which server, at which version, answers to whom. Raises SourceUnavailable."""
        try:
            self._client.custom_query("time()", params=dict(self._params))
        except (LookupError, TypeError) as error:
            raise self._failures.not_understood("time()", "no result") from error
        ahead = self._session.answer.ahead_seconds
        skewed = ahead is not None and abs(ahead) > _SKEW_WORTH_A_WORD_SECONDS
        clock = f", its clock {ahead:+.0f} s from ours" if skewed else ""
        return f"{self._version()} at {self.url} answers {self.credentials}{clock}"

    def close(self) -> None:
        self._client.close()

    def _version(self) -> str:
        try:
            self._get("/api/v1/status/buildinfo")
        except TriageError:
            return "A server with the Prometheus API"
        data = self._session.answer.data
        version = data.get("version") if isinstance(data, dict) else None
        return f"Prometheus {version}" if version else "A server with the Prometheus API"

    def _get(self, path: str) -> None:
        client = self._client
        self._session.request("GET", f"{self.url}{path}", headers=client.headers, auth=client.auth)

    def _ask_range(self, query: str, start: float, end: float, step_seconds: float) -> Answer:
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}"}
        patience = {"timeout": f"{self.limits.timeout_seconds:g}s", "limit": str(self.max_series + 1)}
        try:
            self._client.custom_query_range(
                query,
                start_time=datetime.fromtimestamp(start, UTC),
                end_time=datetime.fromtimestamp(end, UTC),
                step=f"{step_seconds:g}",
                params={**times, **patience, **self._params},
            )
        except (LookupError, TypeError) as error:  # the client takes the form of `data` for granted
            raise self._failures.not_understood(query, "no list of series") from error
        return self._session.answer

    def _take(self, query: str, answer: Answer, grid: Grid) -> None:
        if answer.partial and not self.accept_partial:
            raise self._failures.partial(query)
        series = answer.data["result"]
        if not isinstance(series, list):
            raise self._failures.not_understood(query, "no list of series")
        if len(series) > self.max_series:
            raise self._failures.too_many_series(query, len(series), self.max_series)
        for item in series:
            if isinstance(item, dict) and "histograms" in item:
                raise self._failures.native_histograms(query)
            try:
                grid.take(item["metric"], item["values"])
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise self._failures.not_understood(query, f"{type(error).__name__} in a series") from error
        if len(grid.values) > self.max_series:
            raise self._failures.too_many_series(query, len(grid.values), self.max_series)
        grid.said(answer.warnings)
        if answer.partial:
            grid.said(("the answer is partial: some stores did not answer",))
        if answer.ahead_seconds is not None and abs(answer.ahead_seconds) > _SKEW_WORTH_A_WORD_SECONDS:
            grid.said((f"the server's clock is {answer.ahead_seconds:+.0f} s from ours",))

    def _strings(self, call: Callable[[], Any], asked: str) -> tuple[str, ...]:
        names = call()
        if not isinstance(names, list):
            raise self._failures.not_understood(asked, "no list of names")
        return tuple(sorted(str(name) for name in names))

    def _why_nothing(self, query: str) -> list[str]:
        try:
            known = self.metric_names()
        except TriageError:
            return ["nothing matches the query in this window"]
        missing = [name for name in metric_names(query) if name not in set(known)]
        if not missing:
            return ["nothing matches the query in this window, though its metrics exist: look at its label matchers"]
        return [f"nothing matches: the server has no metric {name!r}. {near(name, known)}".strip() for name in missing]


class _Authorization(AuthBase):
    """Always given, so that `requests` never looks into ``.netrc``, which it would prefer to our own header."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        credentials = self._credentials
        for name, value in (credentials.headers or {}).items():
            request.headers[name] = _reveal(value)
        if credentials.bearer is not None:
            request.headers["Authorization"] = f"Bearer {_reveal(credentials.bearer)}"
        elif credentials.username is not None:
            request.headers["Authorization"] = _basic_auth_str(
                credentials.username.encode(), _reveal(credentials.password).encode()
            )
        return request


def _reveal(secret: Secret) -> str:
    return (secret() if callable(secret) else secret).strip()


def _address(url: str, credentials: Credentials) -> tuple[str, Credentials]:
    """``url`` without credentials and trailing slash; ``user:password@`` in it counts as basic auth."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        shown = re.sub(r"//[^/@]*@", "//", url)
        raise UsageError(
            f"{shown!r} is no address of a Prometheus server", hint="write it like http://prometheus.example:9090"
        )
    if parts.username and credentials.bearer is None and credentials.username is None:
        credentials = replace(credentials, username=parts.username, password=parts.password or "")
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), credentials
