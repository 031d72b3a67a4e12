import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from triage.lab.process import Spec, alive, answers, created, free_ports, start, stop

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = """
import os, sys, time
from pathlib import Path
from triage.lab.process import Spec, start
child = start(Spec("child", (sys.executable, "-c", "import time; time.sleep(60)")), Path(sys.argv[1]) / "log")
print(child.pid, flush=True)
time.sleep(60)
"""


def eventually(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def python(code: str) -> Spec:
    return Spec("child", (sys.executable, "-c", code))


def test_free_ports_are_different_and_free():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not any(answers(f"http://127.0.0.1:{port}/") for port in ports[:3])


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's range")
def test_a_free_port_is_none_that_the_system_gives_to_an_outgoing_connection():
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    if first < 32_768:
        pytest.skip(f"this system gives out ports from {first} on")
    assert not any(first <= port <= last for port in free_ports(50))


@pytest.mark.skipif(sys.platform != "linux", reason="the tie of a child to its parent is Linux's")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert created(child) is not None
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert eventually(lambda: created(child) is None)


def test_a_child_that_ignores_the_request_is_ended(tmp_path: Path):
    child = start(python(STUBBORN), tmp_path / "log")
    assert eventually(lambda: "up" in (tmp_path / "log").read_text())
    stop([child.pid], 0.2)
    assert child.poll() is not None or created(child.pid) is None


def test_grandchildren_end_too(tmp_path: Path):
    code = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    child = start(python(code + "print(p.pid, flush=True); time.sleep(60)"), tmp_path / "log")
    assert eventually(lambda: (tmp_path / "log").read_text().strip())
    grandchild = int((tmp_path / "log").read_text())
    stop([child.pid], 1.0)
    assert eventually(lambda: created(grandchild) is None)


def test_words_of_a_child_go_to_its_log(tmp_path: Path):
    child = start(python("import sys; print('out'); print('err', file=sys.stderr)"), tmp_path / "logs" / "log")
    child.wait(10)
    assert sorted((tmp_path / "logs" / "log").read_text().split()) == ["err", "out"]


def test_a_process_is_known_by_its_id_and_its_birth():
    born = created(os.getpid())
    assert born is not None
    assert alive(os.getpid(), born)
    assert not alive(os.getpid(), born - 100)


def test_stopping_what_is_gone_is_no_error(tmp_path: Path):
    child = start(python("pass"), tmp_path / "log")
    child.wait(10)
    stop([child.pid], 0.1)
