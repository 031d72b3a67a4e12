"""What a Prometheus server can do to us, in words: the query, what happened, and the fix.

`SourceUnavailable` when the server is at fault, `Unmeasurable` when the query is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from triage.errors import SourceUnavailable, TriageError, Unmeasurable

_LOOK = "'triage doctor' asks every source in turn"


def one_line(text: str, longest: int = 300) -> str:
    """Text of a stranger as one printable line: no control characters, no escape sequences, cut at ``longest``."""
    text = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    text = re.sub(r" +", " ", text).strip()
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures of the server at ``url`` (without credentials)."""

    url: str

    def bad_header(self, asked: str) -> TriageError:
        return self._down(
            asked,
            "was not asked: a header or token has a character that HTTP does not allow",
            "look for line breaks or blanks in the token, the password file and 'headers' under prometheus.auth",
        )

    def no_connection(self, asked: str, error: Exception) -> TriageError:
        if isinstance(error, requests.exceptions.SSLError):
            reason = one_line(str(error), 160)
            return self._down(
                asked,
                f"and this machine do not agree on TLS ({reason})",
                "set prometheus.auth.ca to the CA bundle that signed its certificate, "
                "or prometheus.auth.mtls if it asks for a client certificate",
            )
        if isinstance(error, requests.exceptions.ProxyError):
            return self._down(asked, "is behind a proxy that fails", "look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY")
        if isinstance(error, requests.exceptions.ConnectTimeout):
            return self._down(asked, "can't be reached: no connection in time", f"is a firewall between? {_LOOK}")
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return self._down(
                asked, "broke off in the middle of its answer", "look at its log: out of memory, or a proxy's limit?"
            )
        text = str(error)
        if "NameResolution" in text or "getaddrinfo" in text:
            return self._down(asked, "has a host name that does not resolve", "correct prometheus.url in triage.yaml")
        if "Connection refused" in text:
            return self._down(asked, "refuses connections", f"start it, or correct prometheus.url. {_LOOK}")
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException | ConnectionError):
            return self._down(asked, f"was not asked: {one_line(text)}", "correct the files named in prometheus.auth")
        return self._down(asked, f"dropped the connection ({one_line(text, 160)})", _LOOK)

    def may_pass(self, error: Exception) -> bool:
        """Whether asking again may help."""
        lasting = (
            requests.exceptions.SSLError,
            requests.exceptions.ProxyError,
            requests.exceptions.InvalidURL,
        )
        passing = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, ConnectionError)
        return isinstance(error, passing) and not isinstance(error, lasting)

    def slow(self, asked: str, timeout_seconds: float) -> TriageError:
        return self._down(
            asked,
            f"gave no whole answer within {timeout_seconds:g} s",
            "raise prometheus.timeout, ask for fewer points, or keep the expression as a recording rule",
        )

    def too_many_bytes(self, asked: str, max_bytes: int) -> TriageError:
        return Unmeasurable(
            f"the answer of Prometheus at {self.url} is larger than {max_bytes / 2**20:.0f} MiB. Query: {asked}",
            hint="aggregate it, for example with sum(…) or sum by (…), or narrow its label matchers",
        )

    def too_many_series(self, asked: str, series: int, max_series: int) -> TriageError:
        return Unmeasurable(
            f"the query matches {series:,} series or more, {max_series:,} are allowed. Query: {asked}",
            hint="aggregate it, for example with sum(…) or sum by (…), or narrow its label matchers",
        )

    def too_many_points(self, asked: str, points: int, max_points: int, step_seconds: float) -> TriageError:
        return Unmeasurable(
            f"{points:,} points are asked of each series, {max_points:,} are allowed. Query: {asked}",
            hint=f"a step of {step_seconds * points / max_points:.0f} s or more would do",
        )

    def native_histograms(self, asked: str) -> TriageError:
        return Unmeasurable(
            f"the query returns histograms, not numbers. Query: {asked}",
            hint=f"wrap it, for example histogram_quantile(0.99, {asked}) or histogram_avg({asked})",
        )

    def partial(self, asked: str) -> TriageError:
        return Unmeasurable(
            f"Prometheus at {self.url} says that its answer is partial: some of its stores did not answer. "
            f"Query: {asked}",
            hint="look at the health of its stores, or accept partial answers for this server",
        )

    def clock(self, asked: str, ahead_seconds: float) -> TriageError:
        way = "ahead of" if ahead_seconds > 0 else "behind"
        return self._down(
            asked,
            f"has a clock that is {_span(abs(ahead_seconds))} {way} this machine's, so windows would not match",
            "set both clocks by NTP (chronyc tracking, timedatectl)",
        )

    def not_the_api(self, asked: str, body: bytes, content_type: str) -> TriageError:
        what = "a web page" if "html" in content_type or body.lstrip()[:1] == b"<" else "something that is not the API"
        return self._down(
            asked,
            f"answers with {what}, not with the Prometheus HTTP API",
            "is a login page or a proxy in front of it? Does prometheus.url need a path, such as /prometheus?",
        )

    def not_understood(self, asked: str, what: str) -> TriageError:
        return self._down(asked, f"sent an answer that can't be read: {what}", "does it speak the API, version 1?")

    def status(self, asked: str, status: int, payload: Any, body: bytes, headers: Mapping[str, str]) -> TriageError:
        said = one_line(str(payload["error"])) if isinstance(payload, dict) and payload.get("error") else ""
        says = f": {said}" if said else ""
        kind = payload.get("errorType") if isinstance(payload, dict) else None
        if kind in {"bad_data", "execution"} or (status in {400, 422} and said):
            return Unmeasurable(
                f"Prometheus at {self.url} can't evaluate the query ({status}){says}. Query: {asked}",
                hint="correct the query in triage.yaml; the web page of Prometheus shows where it fails",
            )
        if kind == "timeout":
            return self._down(
                asked,
                f"ran out of time on the query ({status}){says}",
                "ask for fewer points or keep the expression as a recording rule",
            )
        if 300 <= status < 400:
            where = one_line(next((value for name, value in headers.items() if name.lower() == "location"), "?"), 120)
            return self._down(
                asked,
                f"redirects to {where} ({status}), which is not followed, because credentials would go along",
                "set prometheus.url to the address of the API itself; a login page needs prometheus.auth",
            )
        if status in {401, 403}:
            return self._down(asked, f"does not let us in ({status}){says}", "check prometheus.auth in triage.yaml")
        if status == 404:
            return self._down(
                asked, "has no API at that address (404)", "does prometheus.url need a path, such as /prometheus?"
            )
        if status == 429:
            return self._down(asked, f"is limiting our requests (429){says}", "try later, or ask for a higher limit")
        return self._down(asked, f"answered {status}{says}", f"look at its log and at any proxy between. {_LOOK}")

    def _down(self, asked: str, what: str, hint: str) -> SourceUnavailable:
        return SourceUnavailable(f"Prometheus at {self.url} {what}. Query: {one_line(asked, 1000)}", hint=hint)


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
