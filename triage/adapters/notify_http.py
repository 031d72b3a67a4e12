"""Notices over HTTP: as Slack's incoming webhooks read them, and as signed JSON for everything else.

A generic notice carries ``X-Triage-Timestamp`` (Unix seconds) and ``X-Triage-Signature``: ``v1=`` and the HMAC-SHA256,
in hexadecimal, of ``<timestamp>.<body>`` under the shared secret. A receiver compares it in constant time, refuses old
timestamps, and drops an ``X-Triage-Notice`` it has had.
"""

import hashlib
import hmac
import json
from collections.abc import Callable

import httpx

from triage.codec import encode
from triage.errors import Refused, SourceUnavailable
from triage.plain import visible
from triage.ports import Clock, Notice

TIMEOUT_SECONDS = 10.0
_MENDABLE = (408, 425, 429)


class SlackNotifier:
    """Posts to an address that reads ``{"text": …}``: Slack, Mattermost, Rocket.Chat, Google Chat."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url

    def send(self, notice: Notice) -> None:
        text = (
            f"*{_mrkdwn(notice.incident)}* ({_mrkdwn(notice.model)}) {notice.words}: {_mrkdwn(notice.cause)}\n"
            f"{_mrkdwn(notice.reason)}\n`{visible(notice.command).replace('`', 'ˋ')}`"
        )
        _post(self._url(), json.dumps({"text": text}).encode(), {"X-Triage-Notice": notice.id})


class WebhookNotifier:
    """Posts the notice as JSON, signed where there is a secret."""

    def __init__(self, url: Callable[[], str], secret: Callable[[], str] | None, clock: Clock) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock

    def send(self, notice: Notice) -> None:
        body = json.dumps(encode(notice), ensure_ascii=False).encode()
        stamp = str(int(self._clock.now().timestamp()))
        headers = {"X-Triage-Notice": notice.id, "X-Triage-Timestamp": stamp}
        if self._secret is not None:
            headers["X-Triage-Signature"] = signature(self._secret(), stamp, body)
        _post(self._url(), body, headers)


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """``v1=`` and the HMAC-SHA256 of ``<timestamp>.<body>``, in hexadecimal."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """POST once, following no redirect. The address, which may be a secret, is in no message."""
    host = httpx.URL(url).host
    try:
        answer = httpx.post(
            url, content=body, headers={"Content-Type": "application/json", **headers}, timeout=TIMEOUT_SECONDS
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceUnavailable(f"{host} was not reached: {type(error).__name__}", hint="check serve.notify") from None
    if answer.is_success:
        return
    said = f"{host} answered {answer.status_code}: {visible(answer.text[:100])}"
    if answer.status_code >= 500 or answer.status_code in _MENDABLE:
        raise SourceUnavailable(said, hint="it is tried again a few times")
    raise Refused(said, hint="check the address and secret in serve.notify")


def _mrkdwn(text: str) -> str:
    """Text that Slack shows as it is: its three control characters escaped, no ``<!channel>``, link or markup of it."""
    escaped = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("*", "∗").replace("`", "ˋ").replace("~", "∼")
