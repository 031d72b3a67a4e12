"""Model servers that load a version when they are told to: ``POST /reload {"version": "4"}``, ``GET /version``.

A server answers both with ``{"version": …}`` (and ``"model"``, if it likes), and goes on serving what it served where
a version can't be loaded.
"""

from collections.abc import Mapping, Sequence

from triage.adapters.http_json import Answer, HttpJson
from triage.catalog import EnvoyRouting
from triage.errors import Refused, SourceUnavailable


class ModelServers:
    """The groups of servers of ``model``, by name."""

    def __init__(self, model: str, routing: EnvoyRouting) -> None:
        self._model, self._routing = model, routing
        self._http = HttpJson("the model server", routing.auth, hint="start it; the router's servers in the catalogue")

    def versions(self, group: str) -> tuple[str, ...]:
        """What each server of ``group`` says it serves. Raises SourceUnavailable."""
        return tuple(self._asked(url) for url in self._routing.servers[group])

    def known(self, groups: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """What each group says; nothing for a group that is away."""
        found: dict[str, tuple[str, ...]] = {}
        for group in groups:
            try:
                found[group] = self.versions(group)
            except SourceUnavailable:
                found[group] = ()
        return found

    def load(self, group: str, version: str) -> None:
        """Have every server of ``group`` serve ``version``, and ask each. Raises Refused, SourceUnavailable."""
        for url in self._routing.servers[group]:
            if self._asked(url) == version:
                continue
            answer = self._http.ask(
                "POST",
                f"{url.rstrip('/')}/reload",
                body={"version": version},
                timeout_seconds=self._routing.load_timeout.total_seconds(),
            )
            if answer.status >= 500:
                raise self._useless(url, answer)
            if answer.status >= 400:
                raise Refused(
                    f"the model server at {url} does not load version {version} of '{self._model}': {answer.said()}",
                    hint="it goes on serving what it served; look at the version's artifacts and the server's log",
                )
            if (now := self._asked(url)) != version:
                raise Refused(
                    f"the model server at {url} was told to load version {version} of '{self._model}', and has {now}",
                    hint="look at the server's log; no request was sent to it",
                )

    def _asked(self, url: str) -> str:
        answer = self._http.ask(
            "GET", f"{url.rstrip('/')}/version", timeout_seconds=self._routing.timeout.total_seconds()
        )
        version = answer.fields.get("version")
        if answer.status != 200 or not isinstance(version, str | int) or isinstance(version, bool):
            raise self._useless(url, answer)
        model = answer.fields.get("model", self._model)
        if model != self._model:
            raise Refused(
                f"the server at {url} serves '{str(model)[:100]}', not '{self._model}'",
                hint="correct the router's servers in the catalogue",
            )
        return str(version)

    def _useless(self, url: str, answer: Answer) -> SourceUnavailable:
        return SourceUnavailable(
            f"the model server at {url} answers {answer.said()}",
            hint='GET /version has to answer {"version": "…"}; see docs/routers.md',
        )
