from datetime import UTC, datetime
from pathlib import Path

from triage.lab import switches
from triage.lab.folder import LabFolder


def test_a_fault_is_on_with_its_settings_until_it_is_switched_off(tmp_path: Path):
    lab = LabFolder(tmp_path)
    switches.switch_on(lab, "latency", {"seconds": 0.5})
    switches.switch_on(lab, "errors", {"share": 0.1})
    assert [(one.name, one.settings) for one in switches.read(lab)] == [
        ("latency", {"seconds": 0.5}),
        ("errors", {"share": 0.1}),
    ]
    assert [one.name for one in switches.switch_off(lab, "latency")] == ["latency"]
    assert [one.name for one in switches.read(lab)] == ["errors"]
    switches.switch_on(lab, "latency", {})
    assert len(switches.switch_off(lab)) == 2
    assert switches.read(lab) == ()


def test_a_fault_that_is_switched_on_again_takes_the_new_settings(tmp_path: Path):
    lab = LabFolder(tmp_path)
    before = datetime.now(UTC)
    switches.switch_on(lab, "latency", {"seconds": 0.5})
    switches.switch_on(lab, "latency", {"seconds": 0.9})
    (only,) = switches.read(lab)
    assert only.settings == {"seconds": 0.9}
    assert only.since >= before


def test_nothing_is_on_where_nothing_was_switched(tmp_path: Path):
    assert switches.read(LabFolder(tmp_path)) == ()
    assert switches.Watch(LabFolder(tmp_path)).get("latency") is None


def test_a_watch_sees_a_change_and_a_damaged_file_switches_everything_off(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(switches, "_LOOK_SECONDS", 0.0)
    lab = LabFolder(tmp_path)
    watch = switches.Watch(lab)
    assert watch.get("latency") is None
    switches.switch_on(lab, "latency", {"seconds": 1})
    assert watch.get("latency") is not None
    lab.faults.write_text("{")
    assert watch.get("latency") is None
