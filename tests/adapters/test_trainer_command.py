import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from triage.adapters.job_runner import PID
from triage.adapters.trainer_command import CommandTrainer
from triage.ports import TrainingJob, TrainingState

KEY = "m-1/retrain"


def job(tmp_path: Path, script: str, seconds: float = 60.0) -> TrainingJob:
    command = (sys.executable, "-c", script)
    return TrainingJob(KEY, command, tmp_path, {"window": "named"}, timedelta(seconds=seconds))


def ended(trainer: CommandTrainer) -> TrainingState:
    for _ in range(1200):
        state = trainer.state(KEY)
        assert state is not None
        if not state.running:
            return state
        time.sleep(0.02)
    raise AssertionError("the job does not end")


def begun(path: Path) -> None:
    for _ in range(1200):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} was never written")


def test_a_job_that_was_never_started_is_not_there(tmp_path: Path) -> None:
    assert CommandTrainer(tmp_path / "jobs").state(KEY) is None


def test_a_job_gets_its_document_and_runs_in_the_catalogues_folder(tmp_path: Path) -> None:
    script = (
        "import json, os; json.dump([os.getcwd(), json.load(open(os.environ['TRIAGE_JOB']))], open('out.json', 'w'))"
    )
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, script))
    assert ended(trainer).exit_code == 0
    assert json.loads((tmp_path / "out.json").read_text()) == [str(tmp_path), {"window": "named"}]


def test_a_failure_keeps_its_code_and_its_last_words(tmp_path: Path) -> None:
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, "import sys; sys.exit('no rows')"))
    state = ended(trainer)
    assert state.exit_code == 1
    assert "no rows" in state.log


def test_a_command_that_does_not_exist_is_a_failure_that_names_it(tmp_path: Path) -> None:
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(TrainingJob(KEY, ("no-such-program",), tmp_path, {}, timedelta(seconds=5)))
    state = ended(trainer)
    assert state.exit_code == 127
    assert "no-such-program" in state.log


SLOW = "import os, time; open(f'run-{os.getpid()}', 'w').close(); open('begun', 'w').close(); time.sleep(60)"


def test_a_job_that_runs_is_found_and_not_started_again(tmp_path: Path) -> None:
    first = CommandTrainer(tmp_path / "jobs")
    first.start(job(tmp_path, SLOW))
    begun(tmp_path / "begun")
    second = CommandTrainer(tmp_path / "jobs")
    second.start(job(tmp_path, SLOW))
    state = second.state(KEY)
    assert state is not None
    assert state.running
    second.cancel(KEY)
    assert len(list(tmp_path.glob("run-*"))) == 1
    assert not ended(first).running


def test_a_job_outlives_the_executor_that_is_killed(tmp_path: Path) -> None:
    script = "import time; open('begun', 'w').close(); time.sleep(0.5); open('done', 'w').close()"
    starter = (
        "import sys, time; from datetime import timedelta; from pathlib import Path\n"
        "from triage.adapters.trainer_command import CommandTrainer; from triage.ports import TrainingJob\n"
        f"here = Path({str(tmp_path)!r})\n"
        f"job = TrainingJob({KEY!r}, (sys.executable, '-c', {script!r}), here, {{}}, timedelta(seconds=60))\n"
        "CommandTrainer(here / 'jobs').start(job); time.sleep(60)"
    )
    executor = subprocess.Popen([sys.executable, "-c", starter], cwd=Path(__file__).parents[2])
    begun(tmp_path / "begun")
    executor.send_signal(signal.SIGKILL)
    executor.wait()
    assert ended(CommandTrainer(tmp_path / "jobs")).exit_code == 0
    assert (tmp_path / "done").exists()


def test_a_job_runs_on_while_only_its_runner_was_killed_and_is_lost_afterwards(tmp_path: Path) -> None:
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, SLOW.replace("60", "1.5")))
    begun(tmp_path / "begun")
    (pid,) = (tmp_path / "jobs").glob(f"*/{PID}")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    state = trainer.state(KEY)
    assert state is not None
    assert state.running
    assert ended(trainer) == TrainingState(False, None, lost=True, log="")


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_cancelled_job_ends_with_everything_it_started(tmp_path: Path, stubborn: bool) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, f"{deaf}{SLOW}"))
    begun(tmp_path / "begun")
    trainer.cancel(KEY)
    assert not ended(trainer).running


def test_a_job_that_takes_too_long_is_ended_and_says_so(tmp_path: Path) -> None:
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, "import time; time.sleep(60)", seconds=0.3))
    state = ended(trainer)
    assert state.exit_code == 124
    assert "longer than 0.3 s" in state.log


def test_a_failed_job_that_is_started_again_starts_afresh(tmp_path: Path) -> None:
    trainer = CommandTrainer(tmp_path / "jobs")
    trainer.start(job(tmp_path, "raise SystemExit(3)"))
    assert ended(trainer).exit_code == 3
    trainer.start(job(tmp_path, "pass"))
    assert ended(trainer).exit_code == 0
