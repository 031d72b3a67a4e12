"""The shop's exporter: what was shown and what converted, how fresh the features are, which server was restarted.

``python -m triage.lab.exporter FOLDER PORT``. An offer counts as shown once its label is due, so that the ratio of
conversions to impressions is right from the first minute.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
from prometheus_client import Counter, Gauge, start_http_server

from triage.lab.folder import LabFolder, read_json
from triage.lab.parquet_log import live_files, written_at
from triage.lab.switches import Watch

_EVERY_SECONDS = 1.0
_REFRESH_SECONDS = 60.0

_impressions = Counter("impressions", "Offers shown, once their label is due")
_conversions = Counter("conversions", "Offers that converted, once their label arrived")
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


def count_shown(path: Path) -> None:
    _impressions.inc(pq.read_metadata(path).num_rows)


def count_labels(path: Path) -> None:
    converted = pq.read_table(path, columns=["converted"]).column("converted")
    _labels.inc(len(converted))
    _conversions.inc(pc.sum(converted).as_py() or 0)


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
    watched = (
        Counted(folder.data / "shown", count_shown, label_delay_seconds),
        Counted(folder.data / "conversions", count_labels),
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
