"""Commands in processes of their own, which outlive the screen, the app and the connection.

The app never executes anything itself: it starts ``triage resume``, which takes the lease, and reads the journal.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from triage.errors import StepFailed


@dataclass(slots=True)
class Run:
    """One command that this app started, by the ``name`` of its incident; what it has to say goes to ``log``."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def going(self) -> bool:
        return self.process.poll() is None

    @property
    def complaint(self) -> str:
        """What it said when it failed, or nothing; the codes of a run that ended as it should are not failures."""
        if self.process.poll() in (None, 0, 3, 4):
            return ""
        said = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        ours = [line.strip().removeprefix("triage: ") for line in said if line.startswith(("triage:", "  hint:"))]
        return ". ".join(ours) or (said[-1].strip() if said else f"ended with code {self.process.returncode}")


class Executor:
    """Starts runs and knows those that this app started. ``program`` is what is run, before the command's words."""

    def __init__(self, home: Path, program: Sequence[str] = (sys.executable, "-m", "triage")) -> None:
        self._home = home
        self._program = program
        self._runs: dict[str, Run] = {}

    def start(self, incident: str) -> Run:
        """Work on ``incident``. Raises StepFailed when no process can be started."""
        return self.launch(incident, ("resume", incident))

    def launch(self, name: str, words: Sequence[str]) -> Run:
        """``triage`` with ``words`` in a session of its own, unless ``name`` is at work already. Raises StepFailed."""
        known = self._runs.get(name)
        if known is not None and known.going:
            return known
        log = self._home / "runs" / f"{name}.log"
        command = [*self._program, *words]
        environment = {**os.environ, "TRIAGE_HOME": str(self._home)}
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=environment,
                )
        except OSError as error:
            typed = f"triage {' '.join(words)}"
            raise StepFailed(f"can't start '{typed}': {error}", hint="run it in a terminal") from error
        self._runs[name] = Run(name, process, log)
        return self._runs[name]

    def forget(self, name: str) -> None:
        """Let the next command called ``name`` be a process of its own, whatever this one still does.

        A process that brought an incident to its gate has given the lease back a while before it is gone.
        """
        self._runs.pop(name, None)

    def going(self) -> tuple[Run, ...]:
        return tuple(run for run in self._runs.values() if run.going)

    def starting(self, incident: str) -> str:
        """The process that was started for ``incident``, before it could take the lease; or nothing."""
        run = self._runs.get(incident)
        return f"process {run.process.pid} starts" if run is not None and run.going else ""

    def said(self, name: str) -> tuple[str, ...]:
        """What the command called ``name`` has said so far, while it is at work."""
        run = self._runs.get(name)
        if run is None or not run.going:
            return ()
        with suppress(OSError):
            lines = run.log.read_text(errors="replace").splitlines()
            return tuple(line for line in lines if line.strip())[-50:] or ("starting …",)
        return ("starting …",)

    def ended(self) -> tuple[Run, ...]:
        """Runs that ended since the last call."""
        over = tuple(run for run in self._runs.values() if not run.going)
        for run in over:
            del self._runs[run.name]
        return over
