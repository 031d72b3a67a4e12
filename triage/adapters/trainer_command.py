"""`Trainer` as a command on this machine: a job in a folder of its own, found again by its key after any crash."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from triage.adapters import job_runner
from triage.adapters.job_runner import EXIT, LOCK, LOG, ORDER, PID, write_whole
from triage.codec import canonical, digest
from triage.errors import StepFailed
from triage.ports import TrainingJob, TrainingState

_LOG_BYTES = 4_000
_STARTED_WITHIN_SECONDS = 30.0
_GRACE_SECONDS = 5.0


class CommandTrainer:
    """Jobs under ``folder``, with ``environment``. Each keeps its order, its log, and how it ended.

    The command finds in its environment TRIAGE_JOB (a JSON file: datasets by name, window, tags) and runs in the
    catalogue's folder; ``python`` is the interpreter that runs triage.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._folder, self._environment = folder, environment or {}

    def start(self, job: TrainingJob) -> None:
        folder = self._job(job.key)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if _is_running(folder):
                return
            (folder / EXIT).unlink(missing_ok=True)
            write_whole(folder / "job.json", canonical(job.document))
            write_whole(folder / ORDER, json.dumps(_order(job, folder, self._environment)))
            runner = subprocess.Popen(
                [sys.executable, str(job_runner.__file__), str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise StepFailed(
                f"can't start the training job in {folder}: {error.strerror}",
                hint="check that the folder is writable and the disk has room",
            ) from error
        over = time.monotonic() + _STARTED_WITHIN_SECONDS
        while time.monotonic() < over and not _is_running(folder) and not (folder / EXIT).exists():
            if runner.poll() is not None and not (folder / EXIT).exists():
                break
            time.sleep(0.02)

    def state(self, key: str) -> TrainingState | None:
        folder = self._job(key)
        if not (folder / ORDER).exists():
            return None
        running = _is_running(folder)
        log = _tail(folder / LOG)
        if running:
            return TrainingState(True, log=log)
        if not (folder / EXIT).exists():
            return TrainingState(False, lost=True, log=log)
        return TrainingState(False, int(json.loads((folder / EXIT).read_text("utf-8"))["code"]), log=log)

    def cancel(self, key: str) -> None:
        """End the job's whole process group: asked first, killed after 5 s."""
        folder = self._job(key)
        for ending in (signal.SIGTERM, signal.SIGKILL):
            # Only while the lock is held does the number belong to the job, and to no other process.
            if not (folder / PID).exists() or not _is_running(folder):
                return
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int((folder / PID).read_text()), ending)
            over = time.monotonic() + _GRACE_SECONDS
            while _is_running(folder) and time.monotonic() < over:
                time.sleep(0.05)

    def _job(self, key: str) -> Path:
        return self._folder / job_name(key)


def job_name(key: str) -> str:
    """``key`` as one word that fits a file name, an address and a header, and is no other key's."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', key)[:80]}-{digest(key)[-8:]}"


def _order(job: TrainingJob, folder: Path, environment: Mapping[str, str]) -> dict[str, object]:
    path = os.pathsep.join(part for part in (str(Path(sys.executable).parent), os.environ.get("PATH", "")) if part)
    return {
        "command": list(job.command),
        "cwd": str(job.folder),
        "env": {**environment, "PATH": path, "TRIAGE_JOB": str(folder / "job.json")},
        "timeout_seconds": job.timeout.total_seconds(),
    }


def _is_running(folder: Path) -> bool:
    """Whether anything of the job is alive: the lock is held as long as that."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
