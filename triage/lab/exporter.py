"""The shop's exporter: what was shown and what converted, how fresh the features are, which server was restarted.

``python -m triage.lab.exporter FOLDER PORT``. An offer counts as shown once its label is due, so that the ratio of
conversions to impressions is right from the first minute.
"""

import signal
import sys
import threading
import time
from collections import Counter as Counts
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from prometheus_client import Counter, Gauge, start_http_server

from triage.lab.folder import LabFolder, read_json
from triage.lab.load import NOBODY
from triage.lab.parquet_log import live_files, written_at
from triage.lab.switches import Watch

_EVERY_SECONDS = 1.0
_REFRESH_SECONDS = 60.0

_impressions = Counter("impressions", "Offers shown, once their label is due", ["version"])
_conversions = Counter("conversions", "Offers that converted, once their label arrived", ["version"])
_labels = Counter("labels", "Labels that arrived")
_restarts = Counter("container_restarts", "Restarts of each server", ["container"])
_fresh = Gauge("feature_store_last_success_timestamp_seconds", "Last refresh of the features", ["store"])


class Counted:
    """Calls ``count`` with every new file of ``folder`` once it is ``age_seconds`` old."""

    def __init__(self, folder: Path, count: Callable[[Path], None], age_seconds: float = 0.0) -> None:
        self._folder, self._count, self._age_seconds = folder, count, age_seconds
        self._seen: set[str] = set()

    def look(self) -> None:
        for path in live_files(self._folder):
            if path.name not in self._seen and time.time() - written_at(path) >= self._age_seconds:
                self._seen.add(path.name)
                self._count(path)


class Offers:
    """What was shown and what converted, by the version that answered; "none" where none did."""

    def __init__(self) -> None:
        self._version_of: dict[int, str] = {}

    def remember(self, path: Path) -> None:
        keys, versions = pq.read_table(path).columns
        self._version_of.update(zip(keys.to_pylist(), versions.to_pylist(), strict=True))

    def count_shown(self, path: Path) -> None:
        for version, count in Counts(pq.read_table(path, columns=["version"]).column(0).to_pylist()).items():
            _impressions.labels(version).inc(count)
            _conversions.labels(version)

    def count_labels(self, path: Path) -> None:
        """Each label comes once, and after its offer was shown."""
        table = pq.read_table(path)
        _labels.inc(len(table))
        for key, converted in zip(table.column(0).to_pylist(), table.column("converted").to_pylist(), strict=True):
            version = self._version_of.pop(key, NOBODY)
            if converted:
                _conversions.labels(version).inc()


class Restarts:
    """Follows the keeper's own count."""

    def __init__(self, folder: LabFolder) -> None:
        self._folder = folder
        self._counted: dict[str, int] = {}

    def look(self) -> None:
        for entry in (read_json(self._folder.state) or {}).get("processes", ()):
            before = self._counted.get(entry["name"], 0)
            _restarts.labels(entry["name"]).inc(max(entry["restarts"] - before, 0))
            self._counted[entry["name"]] = entry["restarts"]


def main(arguments: list[str]) -> None:
    folder, port, label_delay_seconds = LabFolder(Path(arguments[0])), int(arguments[1]), float(arguments[2])
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    offers = Offers()
    watched = (
        Counted(folder.data / "shown", offers.remember),
        Counted(folder.data / "shown", offers.count_shown, label_delay_seconds),
        Counted(folder.data / "conversions", offers.count_labels),
        Restarts(folder),
    )
    watch = Watch(folder)
    _fresh.labels("profile_service").set(time.time())
    start_http_server(port, addr="127.0.0.1")
    while not ended.wait(_EVERY_SECONDS):
        for one in watched:
            one.look()
        if watch.get("feature_store_outage") is None:
            _fresh.labels("profile_service").set(time.time() // _REFRESH_SECONDS * _REFRESH_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
