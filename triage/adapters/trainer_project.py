"""`Trainer` as an MLflow Project: ``mlflow run`` as a command, with parameters that the project really declares."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import yaml

from triage.catalog import MlflowProject
from triage.errors import Refused, near
from triage.ports import Trainer, TrainingJob, TrainingState


class ProjectTrainer:
    """Runs its jobs by ``commands``. MLflow passes unknown parameters on in silence: here they are refused."""

    def __init__(self, commands: Trainer, project: MlflowProject) -> None:
        self._commands, self._project = commands, project

    def start(self, job: TrainingJob) -> None:
        if Path(self._project.uri).exists() or "://" not in self._project.uri.replace("git@", "://"):
            self._check_declared()
        self._commands.start(replace(job, command=self._command()))

    def state(self, key: str) -> TrainingState | None:
        return self._commands.state(key)

    def cancel(self, key: str) -> None:
        self._commands.cancel(key)

    def _command(self) -> tuple[str, ...]:
        project = self._project
        given = [word for name, value in project.parameters.items() for word in ("-P", f"{name}={value}")]
        version = ("--version", project.version) if project.version else ()
        return (
            *(sys.executable, "-m", "mlflow", "run", project.uri, "--entry-point", project.entry_point),
            *("--env-manager", project.env_manager, *version, *given),
        )

    def _check_declared(self) -> None:
        """Raises Refused where the project, its entry point or a parameter is not there."""
        project, path = self._project, Path(self._project.uri) / "MLproject"
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            points = dict(document["entry_points"])
        except OSError as error:
            raise Refused(
                f"there is no MLflow Project at {path}: {os.strerror(error.errno or 0)}",
                hint="correct training.project.uri in the catalogue",
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, RecursionError):
            raise Refused(
                f"{path} has no entry points that can be read", hint="see MLflow's pages on projects"
            ) from None
        if project.entry_point not in points:
            listing = f"its entry points: {', '.join(map(str, points))}"
            hint = near(project.entry_point, map(str, points), listing=listing)
            raise Refused(f"{path} has no entry point '{project.entry_point}'", hint=hint)
        point = points[project.entry_point]
        declared = (point.get("parameters") or {}) if isinstance(point, dict) else {}
        for name in project.parameters:
            if name not in declared:
                listing = f"it declares: {', '.join(map(str, declared)) or 'none'}"
                hint = near(name, map(str, declared), listing=listing)
                raise Refused(f"entry point '{project.entry_point}' of {path} has no parameter '{name}'", hint=hint)
