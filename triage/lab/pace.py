"""Whether the machine lets the lab keep its pace: what a starved one measures says more of it than of a fault.

The load generator notes how late each of its ticks began; `triage lab status` reads it.
"""

import os
import time
from collections import deque
from dataclasses import dataclass

from triage.lab.folder import LabFolder, read_json, write_json

_KEPT_SECONDS = 60.0
_WRITE_SECONDS = 5.0
_LATE_SECONDS = 0.25
_MOST_LATE = 0.05
_MOST_LOAD_PER_CORE = 2.0


@dataclass(frozen=True, slots=True)
class Starved:
    """Why what is measured now is worth little. ``late`` is the share of the last minute's ticks that were late."""

    load: float
    cores: int
    late: float

    def __str__(self) -> str:
        return (
            f"this machine is starved: load {self.load:.1f} on {self.cores} cores, {self.late:.0%} of the visitors'"
            " ticks were late; its verdicts are worth little"
        )


class Pace:
    """The ticks of the last minute, written to ``run/pace.json`` every few seconds."""

    def __init__(self, folder: LabFolder) -> None:
        self._path = folder.run / "pace.json"
        self._ticks: deque[tuple[float, bool]] = deque()
        self._written = 0.0

    def ticked(self, late_seconds: float) -> None:
        """A tick began ``late_seconds`` after it was due."""
        now = time.time()
        self._ticks.append((now, late_seconds > _LATE_SECONDS))
        while self._ticks[0][0] < now - _KEPT_SECONDS:
            self._ticks.popleft()
        if now - self._written >= _WRITE_SECONDS:
            self._written = now
            late = sum(late for _, late in self._ticks) / len(self._ticks)
            write_json(self._path, {"at": now, "late": round(late, 4)})


def starved(folder: LabFolder) -> Starved | None:
    """Judged by the load of the last minute and by the ticks of a generator that still writes them."""
    noted = read_json(folder.run / "pace.json") or {}
    fresh = time.time() - float(noted.get("at", 0.0)) < _KEPT_SECONDS
    return judged(os.getloadavg()[0], os.cpu_count() or 1, float(noted["late"]) if fresh else 0.0)


def judged(load: float, cores: int, late: float) -> Starved | None:
    """
    >>> judged(load=2.4, cores=2, late=0.0) is None
    True
    >>> print(judged(load=7.9, cores=2, late=0.31))
    this machine is starved: load 7.9 on 2 cores, 31% of the visitors' ticks were late; its verdicts are worth little
    """
    return Starved(load, cores, late) if late > _MOST_LATE or load > _MOST_LOAD_PER_CORE * cores else None
