from datetime import UTC, datetime

import pytest

from triage.errors import DataError, UsageError
from triage.lab.worlds.world import World, build_once, silent


def _builder(content="one"):
    def build(workshop, home):
        (workshop / "data.txt").write_text(content)
        return World(home, "toy", "model", "Alert", "what fell", datetime(2026, 1, 1, tzinfo=UTC))

    return build


def test_a_world_appears_whole_under_its_name(tmp_path):
    world = build_once(tmp_path / "toy", "toy", {"seed": 1}, _builder(), silent)
    assert (world.folder / "data.txt").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_an_interrupted_build_leaves_what_stood_and_nothing_beside_it(tmp_path):
    build_once(tmp_path / "toy", "toy", {"seed": 1}, _builder(), silent)

    def interrupted(workshop, home):
        (workshop / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_once(tmp_path / "toy", "toy", {"seed": 2}, interrupted, silent)
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    assert (tmp_path / "toy" / "data.txt").read_text() == "one"


def test_the_same_parameters_use_the_world_again_and_others_replace_it(tmp_path):
    first = build_once(tmp_path / "toy", "toy", {"seed": 1}, _builder("one"), silent)
    assert build_once(tmp_path / "toy", "toy", {"seed": 1}, _builder("two"), silent) == first
    assert (tmp_path / "toy" / "data.txt").read_text() == "one"
    build_once(tmp_path / "toy", "toy", {"seed": 2}, _builder("two"), silent)
    assert (tmp_path / "toy" / "data.txt").read_text() == "two"


def test_a_folder_with_something_else_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a world"):
        build_once(tmp_path / "toy", "toy", {}, _builder(), silent)
    assert (tmp_path / "toy" / "thesis.txt").read_text() == "years of work"


def test_a_broken_stamp_says_what_to_do(tmp_path):
    world = build_once(tmp_path / "toy", "toy", {}, _builder(), silent)
    (world.folder / "world.json").write_text("{")
    with pytest.raises(DataError, match="delete the world's folder"):
        build_once(tmp_path / "toy", "toy", {}, _builder(), silent)
