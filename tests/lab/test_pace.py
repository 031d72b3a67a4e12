import time

import pytest

from triage.lab.folder import LabFolder, read_json, write_json
from triage.lab.pace import Pace, judged, starved


@pytest.mark.parametrize(
    ("load", "late", "is_starved"), [(0.5, 0.0, False), (4.0, 0.04, False), (4.1, 0.0, True), (0.5, 0.06, True)]
)
def test_a_machine_is_starved_by_its_load_or_by_late_ticks(load, late, is_starved):
    assert (judged(load, 2, late) is not None) == is_starved


def test_the_generator_notes_the_share_of_late_ticks(tmp_path):
    pace = Pace(LabFolder(tmp_path))
    pace.ticked(1.0)
    assert (read_json(tmp_path / "run" / "pace.json") or {})["late"] == 1.0
    found = starved(LabFolder(tmp_path))
    assert found is not None
    assert "100% of the visitors' ticks were late" in str(found)


def test_the_note_of_a_generator_that_is_gone_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("os.getloadavg", lambda: (0.1, 0.1, 0.1))
    write_json(tmp_path / "run" / "pace.json", {"at": time.time() - 300, "late": 1.0})
    assert starved(LabFolder(tmp_path)) is None
