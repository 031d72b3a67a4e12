from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from triage.lab.inject import FAULTS
from triage.lab.pace import Starved
from triage.lab.stack import LabStatus
from triage.lab.switches import Switched
from tui.draw.lab import Lab, faults, servers

NOW = datetime(2026, 11, 4, 3, 0, tzinfo=UTC)


def _words(status: LabStatus) -> str:
    lines = [line for item in servers(Lab(status, ()), ()) for line in item.draw(36)]
    return " ".join(" ".join(span.text for span in line).strip() for line in lines)


def test_a_machine_that_can_not_keep_up_with_the_lab_is_said_beside_its_servers() -> None:
    assert "starved" not in _words(LabStatus(Path("lab"), running=True))
    starved = LabStatus(Path("lab"), running=True, starved=Starved(load=7.9, cores=2, late=0.31))
    assert "this machine is starved: load" in _words(starved)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_of_a_fault_that_is_on_name_duration_and_cause_are_whole_on_a_narrow_screen(fault) -> None:
    status = LabStatus(Path("lab"), running=True, faults=(Switched(fault.name, NOW - timedelta(minutes=2), {}),))
    lines = ["".join(span.text for span in line) for line in faults(Lab(status, (fault,)), NOW)[0].draw(36)]
    assert fault.name in lines[0]
    assert lines[0].rstrip().endswith("on, 2m")
    assert (fault.cause.value.replace("_", " ") if fault.cause else "nothing is wrong") in " ".join(lines[1:])
