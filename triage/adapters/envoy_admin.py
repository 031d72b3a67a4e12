"""Envoy's admin interface: which routes it has taken up, what it refused, and its runtime keys."""

from triage.adapters.http_json import HttpJson
from triage.catalog import Auth, EnvoyRouting
from triage.errors import SourceUnavailable


class EnvoyAdmin:
    def __init__(self, model: str, routing: EnvoyRouting) -> None:
        self._model = model
        self._url = routing.admin.rstrip("/")
        self._seconds = routing.timeout.total_seconds()
        self._http = HttpJson("Envoy's admin interface", Auth(), hint="start Envoy; see docs/routers.md")

    def routes_name(self) -> str:
        """The name of the routes that are in force for the model, or nothing. Raises SourceUnavailable."""
        document = self._get("/config_dump", {"resource": "dynamic_route_configs"})
        for entry in document.get("configs") or ():
            if isinstance(entry, dict) and (entry.get("route_config") or {}).get("name") == self._model:
                return str(entry.get("version_info", ""))
        return ""

    def refused(self) -> int:
        """How many updates of the model's routes Envoy has refused since it started. Raises SourceUnavailable."""
        name = f"http.{self._model}.rds.{self._model}.update_rejected"
        stats = self._get("/stats", {"format": "json", "filter": r"\.rds\..*\.update_rejected$"}).get("stats")
        found = [stat for stat in stats or () if isinstance(stat, dict) and stat.get("name") == name]
        return int(found[0].get("value") or 0) if found else 0

    def runtime(self, key: str) -> str:
        """The value of a runtime key, or nothing where it was never set. Raises SourceUnavailable."""
        entry = (self._get("/runtime", {}).get("entries") or {}).get(key) or {}
        return str(entry.get("final_value", ""))

    def set_runtime(self, key: str, value: int) -> None:
        """Raises SourceUnavailable."""
        answer = self._http.ask(
            "POST", f"{self._url}/runtime_modify", params={key: str(value)}, timeout_seconds=self._seconds
        )
        if answer.status != 200:
            raise SourceUnavailable(
                f"Envoy at {self._url} does not set '{key}': {answer.said()}",
                hint="its runtime needs an admin layer; see docs/routers.md",
            )

    def server(self) -> str:
        """Its version and state. Raises SourceUnavailable."""
        info = self._get("/server_info", {})
        parts = str(info.get("version", "")).split("/")
        return f"Envoy {parts[1] if len(parts) > 1 else 'of an unknown version'} at {self._url}"

    def _get(self, path: str, params: dict[str, str]) -> dict:
        answer = self._http.ask("GET", self._url + path, params=params, timeout_seconds=self._seconds)
        if answer.status != 200 or not isinstance(answer.body, dict):
            raise SourceUnavailable(
                f"what answers at {self._url}{path} is not Envoy's admin interface: {answer.said()}",
                hint="correct router.admin in the catalogue",
            )
        return answer.body
