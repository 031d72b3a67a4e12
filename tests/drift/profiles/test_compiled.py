import errno
import importlib.util
from pathlib import Path

import numba
import numpy as np
import pytest

from triage.drift.profiles.compiled import Loop, read_only

LOOP = """
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found
"""


@pytest.fixture
def loop(tmp_path: Path):
    """Makes a loop of the function in a file of its own, as a fresh process would."""
    file = tmp_path / "totals.py"
    file.write_text(LOOP)

    def make() -> Loop:
        spec = importlib.util.spec_from_file_location("totals", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return Loop(module.total, (read_only(numba.float64),))

    return make


def kept(tmp_path: Path, suffix: str) -> list[Path]:
    return list(tmp_path.rglob(f"*.{suffix}"))


def test_what_was_compiled_is_kept_beside_the_file(loop, tmp_path: Path) -> None:
    assert loop()(np.arange(4.0)) == 6.0
    assert kept(tmp_path, "nbi")
    made = [file.stat().st_mtime_ns for file in kept(tmp_path, "nbc")]
    assert loop()(np.arange(4.0)) == 6.0
    assert [file.stat().st_mtime_ns for file in kept(tmp_path, "nbc")] == made


def test_views_that_cannot_be_written_to_are_taken_and_other_types_refused(loop) -> None:
    values = np.arange(4.0)
    values.flags.writeable = False
    assert loop()(values) == 6.0
    with pytest.raises(TypeError):
        loop()(np.arange(4))


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 20])
def test_a_file_that_was_cut_short_is_replaced(loop, tmp_path: Path, suffix: str, left: int) -> None:
    loop()(np.arange(4.0))
    for file in kept(tmp_path, suffix):
        file.write_bytes(file.read_bytes()[:left])
    assert loop()(np.arange(4.0)) == 6.0
    assert all(file.stat().st_size > left for file in kept(tmp_path, suffix))
    made = [file.stat().st_mtime_ns for file in kept(tmp_path, "nbc")]
    assert loop()(np.arange(4.0)) == 6.0
    assert [file.stat().st_mtime_ns for file in kept(tmp_path, "nbc")] == made


def test_what_can_be_neither_read_nor_replaced_is_no_harm(loop, tmp_path: Path) -> None:
    loop()(np.arange(4.0))
    for file in kept(tmp_path, "nbi"):
        file.unlink()
        file.mkdir()
    assert loop()(np.arange(4.0)) == 6.0


def test_nowhere_to_write_is_no_harm(loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    assert loop()(np.arange(4.0)) == 6.0


def test_a_full_disk_is_no_harm(loop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    assert loop()(np.arange(4.0)) == 6.0
    assert not kept(tmp_path, "nbc")


def test_a_fault_of_the_loop_itself_is_told() -> None:
    with pytest.raises(numba.TypingError):
        Loop(lambda values: values.nothing_like_it(), (read_only(numba.float64),))(np.arange(4.0))
