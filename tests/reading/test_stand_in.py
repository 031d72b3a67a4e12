"""Where the model can't be asked, what it answered before is learned, and the report says so."""

from pathlib import Path

import numpy as np

from tests.light_world import World, registry, version, world
from triage.adapters.memory import MemoryRegistry
from triage.incident import CauseKind, Evidence, Verdict


def mute() -> MemoryRegistry:
    """A registry that has the version, and can't load it."""
    made = MemoryRegistry()
    made.add(version(), None)
    return made


def drift(made: World, home: Path) -> Evidence:
    found = {item.id: item for item in made.run(home).evidence if item.about is CauseKind.FEATURE_DRIFT}
    return found.get("feature_drift.place", found["feature_drift"])


def test_the_registry_s_model_is_asked_where_it_answers(tmp_path: Path) -> None:
    made = world()
    made.registry = registry()
    assert "replayed through the champion it explains" in drift(made, tmp_path).statement


def test_a_model_that_can_t_be_loaded_has_a_stand_in_that_finds_the_same_cause(tmp_path: Path) -> None:
    made = world(40)
    made.registry = mute()
    found = drift(made, tmp_path)
    assert found.verdict is Verdict.SUPPORTS
    assert "replayed through a stand-in learned from the model's answers (it explains" in found.statement
    assert (found.measure("share_of_drop") or 0.0) > 0.5


def test_answers_that_follow_from_nothing_have_no_stand_in(tmp_path: Path) -> None:
    made = world(40)
    made.registry = mute()
    made.change("log", score=lambda rows: np.random.default_rng(5).random(len(rows)))
    found = drift(made, tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "a stand-in learned from its answers explains" in found.statement
