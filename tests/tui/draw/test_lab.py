from pathlib import Path

from triage.lab.pace import Starved
from triage.lab.stack import LabStatus
from tui.draw.lab import Lab, servers


def _words(status: LabStatus) -> str:
    lines = [line for item in servers(Lab(status, ()), ()) for line in item.draw(36)]
    return " ".join(" ".join(span.text for span in line).strip() for line in lines)


def test_a_machine_that_can_not_keep_up_with_the_lab_is_said_beside_its_servers() -> None:
    assert "starved" not in _words(LabStatus(Path("lab"), running=True))
    starved = LabStatus(Path("lab"), running=True, starved=Starved(load=7.9, cores=2, late=0.31))
    assert "this machine is starved: load" in _words(starved)
