"""Where the lab keeps what: one folder, and nothing outside of it."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class LabFolder:
    """The lab's folder: a customer's set-up (catalogue, registry, data) with the servers' own files in ``run``."""

    home: Path

    @property
    def catalog(self) -> Path:
        return self.home / "triage.yaml"

    @property
    def world(self) -> Path:
        return self.home / "world"

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def plan(self) -> Path:
        """What the keeper is to run."""
        return self.run / "plan.json"

    @property
    def state(self) -> Path:
        """What runs; there is none where nothing does."""
        return self.run / "state.json"

    @property
    def faults(self) -> Path:
        """Which faults are switched on; every process of the lab watches it."""
        return self.run / "faults.json"

    def log(self, name: str) -> Path:
        return self.run / f"{name}.log"


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace ``path`` at once: a reader sees the old document or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The document in ``path``, or None where there is none that can be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
