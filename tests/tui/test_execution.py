import os
import sys
from pathlib import Path

from tui.execution import Executor


def test_a_run_is_a_process_in_a_session_of_its_own_and_says_why_it_failed(tmp_path: Path) -> None:
    executor = Executor(tmp_path)
    run = executor.start("recommender-9")
    assert executor.start("recommender-9") is run
    assert os.getsid(run.process.pid) != os.getsid(0)
    run.process.wait(60)
    assert not executor.going()
    assert [ended.name for ended in executor.ended()] == ["recommender-9"]
    assert executor.ended() == ()
    assert "no incident 'recommender-9'" in run.complaint


def test_a_run_that_ended_as_it_should_has_no_complaint(tmp_path: Path) -> None:
    run = Executor(tmp_path).start("x")
    run.process.wait(60)
    for code in (0, 3, 4):
        run.process.returncode = code
        assert run.complaint == ""


def test_a_run_that_is_forgotten_makes_room_for_another(tmp_path: Path) -> None:
    executor = Executor(tmp_path, (sys.executable, "-c", "import time; time.sleep(60)"))
    first = executor.start("x")
    executor.forget("x")
    second = executor.start("x")
    try:
        assert second is not first
        assert executor.going() == (second,)
    finally:
        for run in (first, second):
            run.process.kill()
            run.process.wait()
