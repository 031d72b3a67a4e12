"""The app and its processes on the kept world of `tests.release_killed`: MLflow on SQLite, training and Envoy are real.

``python -m tests.tui.kept_app HOME`` opens it; ``… HOME resume NAME`` is what it starts to work on an incident. Time
passes only where an executor waits, an hour in two seconds or more, so that a person can watch.
"""

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from tests.release_killed import KeptClock, Story, shop
from tests.routed import Envoyed
from triage.catalog import EnvoyRouting
from triage.desk import Desk
from tui.app import TriageApp
from tui.execution import Executor

_STEP_SECONDS, _MOMENT_SECONDS = 120.0, 0.06


class Watched(KeptClock):
    """Time passes in steps of two minutes, and each step takes a moment."""

    def sleep(self, seconds: float) -> None:
        time.sleep(_MOMENT_SECONDS)
        super().sleep(max(seconds, _STEP_SECONDS))


def keep(home: Path, envoy: Envoyed) -> None:
    """Write down for the other processes where Envoy is."""
    (home / "routing.json").write_text(envoy.routing.model_dump_json())


def _story(home: Path) -> Story:
    routing = EnvoyRouting.model_validate(json.loads((home / "routing.json").read_text()))
    story = Story(shop(), home, Path(), cast("Envoyed", SimpleNamespace(routing=routing)), 0.0)
    story.wire()
    return story


def main(home: Path, words: list[str]) -> None:
    story = _story(home)
    if words:
        clock = story.world.clock
        assert isinstance(clock, KeptClock)
        clock.__class__ = Watched
        story.desk().advance(words[1])
        return

    def desk() -> Desk:
        return story.desk()

    app = TriageApp(desk, story.world.clock, home, home / "triage.yaml")
    app.executor = Executor(home, (sys.executable, "-m", "tests.tui.kept_app", str(home)))
    app.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
