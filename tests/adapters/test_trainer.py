"""One contract for every `Trainer`."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.pipeline_server import PipelineServer
from triage.adapters.trainer_by_model import TrainerByModel
from triage.adapters.trainer_command import CommandTrainer
from triage.adapters.trainer_http import HttpTrainer
from triage.adapters.trainer_project import ProjectTrainer
from triage.catalog import HttpPipeline, MlflowProject
from triage.errors import Refused
from triage.ports import Trainer, TrainingJob, TrainingState

KEY = "m-1/retrain"
QUICK = ["command", "by_model", "http"]
"""All but ``mlflow run``, which takes ten seconds to begin and runs by the command trainer."""
SCRIPT = """\
import os, sys, time
from pathlib import Path
here = Path.cwd()
with open(here / "runs", "a") as file:
    file.write("x")
while not (here / "end").exists():
    time.sleep(0.02)
print("the last words")
sys.exit(int((here / "end").read_text()))
"""


@dataclass(slots=True)
class Case:
    """``open`` makes a trainer as a fresh process would; ``end`` lets the job end; ``runs`` counts those begun."""

    open: Callable[[], Trainer]
    command: tuple[str, ...]
    folder: Path
    end: Callable[[int], object]
    runs: Callable[[], int]

    def job(self, seconds: float = 60.0) -> TrainingJob:
        return TrainingJob(KEY, self.command, self.folder, {"model": "shop"}, timedelta(seconds=seconds))


def pipeline(url: str) -> HttpPipeline:
    return HttpPipeline.model_validate(
        {
            "start": {"url": f"{url}/jobs", "id": "data.id"},
            "state": {"url": f"{url}/jobs/{{id}}"},
            "cancel": {"url": f"{url}/jobs/{{id}}", "method": "DELETE"},
            "status": "data.state",
            "poll": "1ms",
        }
    )


@pytest.fixture(params=[*QUICK, "project"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    jobs, work = tmp_path / "jobs", tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text(SCRIPT)
    command = (sys.executable, "train.py")

    def runs() -> int:
        return len((work / "runs").read_text()) if (work / "runs").exists() else 0

    def end(code: int) -> None:
        (work / ".end").write_text(str(code))
        (work / ".end").replace(work / "end")

    if request.param == "command":
        yield Case(lambda: CommandTrainer(jobs), command, work, end, runs)
    elif request.param == "by_model":
        yield Case(lambda: TrainerByModel({"shop": CommandTrainer(jobs)}), command, work, end, runs)
    elif request.param == "project":
        (work / "MLproject").write_text(f"name: p\nentry_points:\n  main:\n    command: {sys.executable} train.py\n")
        project, store = MlflowProject(uri=str(work)), request.getfixturevalue("new_database")()
        environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{store}"}
        yield Case(lambda: ProjectTrainer(CommandTrainer(jobs, environment), project), (), work, end, runs)
    else:
        server = PipelineServer()

        def end_there(code: int) -> None:
            server.status = "failed" if code else "success"

        yield Case(lambda: HttpTrainer(jobs, pipeline(server.url)), (), work, end_there, lambda: len(server.jobs))
        server.stop()


def until(trainer: Trainer, done: Callable[[TrainingState], bool]) -> TrainingState:
    for _ in range(6000):  # an MLflow Project starts slowly on a busy machine
        state = trainer.state(KEY)
        assert state is not None
        if done(state):
            return state
        time.sleep(0.02)
    raise AssertionError(f"it stays {state}")


def begun(case: Case) -> None:
    for _ in range(2400):
        if case.runs():
            return
        time.sleep(0.02)
    raise AssertionError("the job does not begin")


def test_a_job_that_was_never_started_is_not_there_and_can_be_cancelled(case: Case) -> None:
    assert case.open().state(KEY) is None
    case.open().cancel(KEY)
    assert case.open().state(KEY) is None


def test_a_job_runs_once_though_it_is_started_by_two_and_ends_with_its_code_and_words(case: Case) -> None:
    trainer = case.open()
    trainer.start(case.job())
    begun(case)
    case.open().start(case.job())
    assert until(case.open(), lambda state: True).running
    case.end(0)
    state = until(case.open(), lambda state: not state.running)
    assert (state.exit_code, state.lost) == (0, False)
    assert "the last words" in state.log
    assert case.runs() == 1


@pytest.mark.parametrize("case", QUICK, indirect=True)
def test_a_job_that_failed_says_so_and_starts_afresh_when_asked(case: Case) -> None:
    trainer = case.open()
    case.end(3)
    trainer.start(case.job())
    assert until(trainer, lambda state: not state.running).exit_code
    case.end(0)
    case.open().start(case.job())
    assert until(case.open(), lambda state: not state.running).exit_code == 0
    assert case.runs() == 2


@pytest.mark.parametrize("case", QUICK, indirect=True)
def test_a_cancelled_job_ends_and_is_no_success(case: Case) -> None:
    trainer = case.open()
    trainer.start(case.job())
    begun(case)
    trainer.cancel(KEY)
    assert until(trainer, lambda state: not state.running).exit_code != 0


def test_a_job_that_takes_too_long_is_stopped(case: Case) -> None:
    trainer = case.open()
    trainer.start(case.job(seconds=0.2))
    state = until(trainer, lambda state: not state.running)
    assert state.exit_code == 124
    assert "longer than 0.2 s" in state.log


def test_a_model_whose_training_the_catalogue_does_not_name_is_refused(tmp_path: Path) -> None:
    trainer = TrainerByModel({"other": CommandTrainer(tmp_path)})
    with pytest.raises(Refused, match="how 'shop' is trained"):
        trainer.start(TrainingJob(KEY, (), tmp_path, {"model": "shop"}, timedelta(seconds=1)))


@pytest.mark.parametrize(
    ("text", "fields", "says"),
    [
        ("entry_points: {main: {parameters: {rounds: float}, command: x}}", {"parameters": {"round": "3"}}, "'rounds'"),
        ("entry_points: {main: {command: x}}", {"entry_point": "mian"}, "'main'"),
        ("entry_points: [", {}, "no entry points that can be read"),
        ("42", {}, "no entry points that can be read"),
        (None, {}, "No such file"),
    ],
)
def test_a_project_that_does_not_declare_what_the_catalogue_says_is_refused(
    tmp_path: Path, text: str | None, fields: dict, says: str
) -> None:
    if text is not None:
        (tmp_path / "MLproject").write_text(text)
    project = MlflowProject(uri=str(tmp_path), **fields)
    trainer = ProjectTrainer(CommandTrainer(tmp_path / "jobs"), project)
    with pytest.raises(Refused) as raised:
        trainer.start(TrainingJob(KEY, (), tmp_path, {}, timedelta(seconds=1)))
    assert says in str(raised.value)
    assert trainer.state(KEY) is None
