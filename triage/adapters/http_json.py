"""JSON over HTTP with servers that may be anything: bounded in time and size, never redirected, errors in our words."""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from triage.catalog import Auth
from triage.errors import SourceUnavailable
from triage.plain import one_line, visible

MAX_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` is the JSON value, or None where the answer is no JSON; ``text`` its first words, safe to print."""

    status: int
    body: Any
    text: str

    @property
    def fields(self) -> Mapping[str, Any]:
        return self.body if isinstance(self.body, dict) else {}

    def said(self) -> str:
        """What the server says of the error, in one line."""
        error = self.fields.get("error") or self.fields.get("message") or self.fields.get("detail")
        return f"{self.status}: {visible(one_line(str(error)), 300) if error else self.text or 'nothing'}"


class HttpJson:
    """Asks as ``auth`` says. ``what`` names the server in errors."""

    def __init__(self, what: str, auth: Auth, *, hint: str, proxies: bool = False) -> None:
        self._what, self._auth, self._hint, self._proxies = what, auth, hint, proxies

    def ask(
        self,
        method: str,
        url: str,
        *,
        timeout_seconds: float,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; any status is an answer. Raises SourceUnavailable, and ConfigError for a secret not there."""
        auth = self._auth
        sent = {**_headers(auth), **(headers or {})}
        basic = (auth.basic.username, auth.basic.password.reveal()) if auth.basic else None
        try:
            with (
                httpx.Client(trust_env=self._proxies, verify=_tls(auth, url), timeout=timeout_seconds) as client,
                client.stream(
                    method,
                    url,
                    headers=sent,
                    params=dict(params) if params else None,
                    auth=basic,
                    json=body,
                ) as response,
            ):
                taken, over = bytearray(), time.monotonic() + timeout_seconds
                for part in response.iter_bytes():
                    taken += part
                    if time.monotonic() > over:
                        raise httpx.ReadTimeout("")
                    if len(taken) > MAX_BYTES:
                        raise SourceUnavailable(f"{self._what} answers more than 4 MiB at {url}", hint=self._hint)
                return _answer(response.status_code, bytes(taken))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = visible(one_line(str(error)), 200) or type(error).__name__
            if isinstance(error, httpx.TimeoutException):
                reason = f"no answer within {timeout_seconds:g} s"
            raise SourceUnavailable(f"{self._what} does not answer at {url}: {reason}", hint=self._hint) from error


def _answer(status: int, raw: bytes) -> Answer:
    text = raw.decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    return Answer(status, body, visible(one_line(text[:1000]), 200))


def _headers(auth: Auth) -> dict[str, str]:
    headers = {name: value if isinstance(value, str) else value.reveal() for name, value in auth.headers.items()}
    if auth.bearer is not None:
        headers["Authorization"] = f"Bearer {auth.bearer.reveal()}"
    return headers


def _tls(auth: Auth, url: str) -> ssl.SSLContext | bool:
    if url.startswith("http://"):
        return False  # nothing to verify, and loading the authorities takes longer than the question
    if auth.ca is None and auth.mtls is None:
        return True
    context = ssl.create_default_context(cafile=auth.ca)
    if auth.mtls is not None:
        context.load_cert_chain(auth.mtls.cert, auth.mtls.key)
    return context
