"""Asking Prometheus to read its rules again, and whether it did: its own word, its metrics, and the rules it lists."""

import re
import time
from collections.abc import Mapping
from typing import Any

import httpx
import yaml

from triage.adapters.prometheus import Credentials
from triage.errors import Refused, SourceUnavailable

_SECONDS = 30.0
_PATIENCE_SECONDS = 5.0
_SUCCESS = re.compile(r"^prometheus_config_last_reload_successful(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


class Reload:
    """The server whose ``/-/reload`` is at ``address``."""

    def __init__(self, address: str, credentials: Credentials | None = None) -> None:
        self._address = address
        self._base = address.rstrip("/").removesuffix("/-/reload")
        self._credentials = credentials or Credentials()

    def ready(self) -> str:
        """One line: the server is there. Raises SourceUnavailable."""
        self._ask("GET", "/-/ready")
        return f"{self._base} reloads them"

    def ask(self, rules: Mapping[str, str | None]) -> str:
        """Reload, and make sure that ``rules`` (file name to text) are loaded. Raises Refused, SourceUnavailable."""
        answer = self._ask("POST", "/-/reload", refusal=True)
        if answer.status_code >= 400:
            raise Refused(
                f"Prometheus refuses the reload: {' '.join(answer.text.split())[:500]}",
                hint="--web.enable-lifecycle allows reloads"
                if answer.status_code in (403, 404, 405)
                else "its log says more",
            )
        said = _SUCCESS.search(self._ask("GET", "/metrics").text)
        if said is not None and float(said.group(1)) != 1:
            raise Refused("Prometheus says that its last reload failed", hint="its log says which file, and why")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self.has(rules):
            if time.monotonic() > deadline:
                raise Refused(
                    f"Prometheus was reloaded, and does not list the rules of {', '.join(rules)}",
                    hint="is the folder among the rule_files of its configuration?",
                )
            time.sleep(0.2)
        return f"loaded by {self._base}"

    def has(self, rules: Mapping[str, str | None]) -> bool:
        """Whether the server lists exactly the alerts of ``rules``, by group and name."""
        groups = self._groups()
        for name, text in rules.items():
            loaded = [group for group in groups if str(group.get("file", "")).rpartition("/")[2] == name]
            if sorted(map(_listed, loaded)) != sorted(map(_wanted, yaml.safe_load(text)["groups"] if text else [])):
                return False
        return True

    def _groups(self) -> list[dict[str, Any]]:
        try:
            return list(self._ask("GET", "/api/v1/rules").json()["data"]["groups"])
        except (ValueError, LookupError, TypeError) as error:
            raise SourceUnavailable(
                f"{self._base} does not list its rules: {error}", hint="is it a Prometheus?"
            ) from error

    def _ask(self, method: str, path: str, *, refusal: bool = False) -> httpx.Response:
        who = self._credentials
        auth = (who.username, _shown(who.password)) if who.username else None
        headers = {name: _shown(value) for name, value in (who.headers or {}).items()} | (
            {"Authorization": f"Bearer {_shown(who.bearer)}"} if who.bearer else {}
        )
        certificate = (
            (who.client_certificate, who.client_key)
            if who.client_certificate and who.client_key
            else who.client_certificate
        )
        try:
            with httpx.Client(
                timeout=_SECONDS,
                trust_env=False,
                auth=auth,
                headers=headers,
                verify=who.ca_bundle or True,
                cert=certificate,
            ) as client:
                answer = client.request(method, self._base + path)
        except (httpx.HTTPError, OSError) as error:
            raise SourceUnavailable(
                f"Prometheus at {self._base} can't be asked to reload: {error}",
                hint="start it, or correct prevention.reload",
            ) from error
        if answer.status_code >= 400 and not refusal:
            raise SourceUnavailable(
                f"{self._base}{path} answers {answer.status_code}", hint="check prevention.reload and prometheus.auth"
            )
        return answer


def _shown(secret: Any) -> str:
    return str(secret() if callable(secret) else secret).strip()


def _listed(group: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return str(group["name"]), tuple(sorted(str(rule["name"]) for rule in group["rules"]))


def _wanted(group: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return str(group["name"]), tuple(sorted(str(rule.get("alert") or rule.get("record")) for rule in group["rules"]))
