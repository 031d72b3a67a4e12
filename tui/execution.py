"""Carrying on with incidents in processes of their own, which outlive the screen, the app and the connection.

The app never executes anything itself: it starts ``triage resume``, which takes the lease, and reads the journal.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from triage.errors import StepFailed


@dataclass(slots=True)
class Run:
    """One ``triage resume`` that this app started; what it has to say goes to ``log``."""

    incident: str
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
    """Starts runs and knows those that this app started."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._runs: dict[str, Run] = {}

    def start(self, incident: str) -> Run:
        """Work on ``incident`` in a session of its own. Raises StepFailed when no process can be started."""
        known = self._runs.get(incident)
        if known is not None and known.going:
            return known
        log = self._home / "runs" / f"{incident}.log"
        command = [sys.executable, "-m", "triage", "resume", incident]
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
            raise StepFailed(f"can't start a run of {incident}: {error}", hint=f"triage resume {incident}") from error
        self._runs[incident] = Run(incident, process, log)
        return self._runs[incident]

    def going(self) -> tuple[Run, ...]:
        return tuple(run for run in self._runs.values() if run.going)

    def starting(self, incident: str) -> str:
        """The process that was started for ``incident``, before it could take the lease; or nothing."""
        run = self._runs.get(incident)
        return f"process {run.process.pid} starts" if run is not None and run.going else ""

    def ended(self) -> tuple[Run, ...]:
        """Runs that ended since the last call."""
        over = tuple(run for run in self._runs.values() if not run.going)
        for run in over:
            del self._runs[run.incident]
        return over
