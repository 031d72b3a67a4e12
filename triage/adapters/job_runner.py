"""Runs one job to its end and writes down how it ended, whatever becomes of the process that asked for it.

Started as ``python job_runner.py FOLDER``, in a session of its own, with nothing but the standard library. The job
inherits the lock on ``FOLDER/lock``, so that the lock is held exactly as long as anything of the job is alive.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LOCK, ORDER, PID, EXIT, LOG = "lock", "order.json", "pid", "exit.json", "log.txt"
TIMED_OUT = 124


def run(folder: Path) -> int:
    """Run the command of ``FOLDER/order.json``; 75 where the job runs already."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if not _locked(lock):
        return os.EX_TEMPFAIL
    if (folder / EXIT).exists():
        return os.EX_OK
    order = json.loads((folder / ORDER).read_text("utf-8"))
    write_whole(folder / PID, str(os.getpid()))
    with (folder / LOG).open("ab", buffering=0) as log:
        try:
            job = subprocess.Popen(
                order["command"],
                cwd=order["cwd"],
                env={**os.environ, **order["env"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
            )
        except OSError as error:
            log.write(f"can't start {order['command'][0]}: {error.strerror}\n".encode())
            write_whole(folder / EXIT, json.dumps({"code": 127}))
            return 0
        try:
            code = job.wait(order["timeout_seconds"])
        except subprocess.TimeoutExpired:
            log.write(f"stopped: it took longer than {order['timeout_seconds']:g} s\n".encode())
            write_whole(folder / EXIT, json.dumps({"code": TIMED_OUT}))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgrp(), signal.SIGKILL)
            return TIMED_OUT
    write_whole(folder / EXIT, json.dumps({"code": code}))
    return 0


def _locked(lock: int) -> bool:
    """Take the lock; who only asks whether it is held holds it for a moment, hence the patience."""
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


def write_whole(path: Path, text: str) -> None:
    """Write ``path`` so that it is there whole or not at all, on disk before this returns."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
