"""Alertmanager's API, asked only for what a truncated delivery left out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from triage.errors import SourceUnavailable

TIMEOUT_SECONDS = 10.0
_LARGEST_BYTES = 32 * 2**20


class AlertmanagerApi:
    """One Alertmanager at ``url``; ``client`` makes the HTTP client with its credentials."""

    def __init__(self, url: str, client: Callable[[], httpx.Client]) -> None:
        self._url = url.rstrip("/")
        self._client = client

    def group(self, labels: Mapping[str, str]) -> list[Any]:
        """All active alerts that have ``labels``. Raises SourceUnavailable."""
        matchers = [f"{name}={json.dumps(value)}" for name, value in sorted(labels.items())]
        params = {"filter": matchers, "active": "true", "silenced": "false", "inhibited": "false"}
        try:
            with self._client() as client:
                answer = client.get(f"{self._url}/api/v2/alerts", params=params)
                answer.raise_for_status()
                if len(answer.content) > _LARGEST_BYTES:
                    raise SourceUnavailable(f"Alertmanager at {self._url} answered with more than 32 MiB")
                found = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SourceUnavailable(
                f"Alertmanager at {self._url} did not complete a truncated delivery: {error}",
                hint="check serve.alertmanagers",
            ) from None
        if not isinstance(found, list):
            raise SourceUnavailable(f"Alertmanager at {self._url} answered with no list of alerts")
        return found

    def check(self) -> str:
        """One line that says what answers. Raises SourceUnavailable."""
        try:
            with self._client() as client:
                answer = client.get(f"{self._url}/api/v2/status")
                answer.raise_for_status()
                return f"Alertmanager {answer.json()['versionInfo']['version']} at {self._url}"
        except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
            raise SourceUnavailable(f"Alertmanager at {self._url} does not answer: {error}", hint="start it") from None
