"""Which faults are switched on: one small file that every process of the lab watches."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from triage.codec import format_time, parse_time
from triage.lab.folder import LabFolder, read_json, write_json

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Switched:
    """One fault that is on, since when and with which settings."""

    name: str
    since: datetime
    settings: Mapping[str, Any] = field(default_factory=dict)


def read(folder: LabFolder) -> tuple[Switched, ...]:
    """The faults that are on, oldest first."""
    document = read_json(folder.faults) or {}
    found = [Switched(name, parse_time(entry["since"]), entry.get("settings", {})) for name, entry in document.items()]
    return tuple(sorted(found, key=lambda one: one.since))


def switch_on(folder: LabFolder, name: str, settings: Mapping[str, Any]) -> Switched:
    switched = Switched(name, datetime.now(UTC), dict(settings))
    _write(folder, {one.name: one for one in (*read(folder), switched)})
    return switched


def switch_off(folder: LabFolder, name: str | None = None) -> tuple[Switched, ...]:
    """Switch ``name`` (None: every fault) off; returns what was on."""
    on = read(folder)
    _write(folder, {one.name: one for one in on if name is not None and one.name != name})
    return tuple(one for one in on if name is None or one.name == name)


class Watch:
    """The switched faults, looked up again when the file has changed."""

    def __init__(self, folder: LabFolder) -> None:
        self._folder = folder
        self._looked = 0.0
        self._stamp: tuple[int, int] | None = None
        self._on: dict[str, Switched] = {}

    def get(self, name: str) -> Switched | None:
        return self.all().get(name)

    def all(self) -> Mapping[str, Switched]:
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            stamp = self._now()
            if stamp != self._stamp:
                self._stamp, self._on = stamp, {one.name: one for one in read(self._folder)}
        return self._on

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._folder.faults.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def _write(folder: LabFolder, on: Mapping[str, Switched]) -> None:
    write_json(
        folder.faults,
        {name: {"since": format_time(one.since), "settings": dict(one.settings)} for name, one in on.items()},
    )
