"""Child processes that can't outlive their parent, and ports for them."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import psutil

_PR_SET_PDEATHSIG = 1
_PORTS = range(15_000, 32_000)
"""Below the ports that systems give to outgoing connections (from 32768 on Linux, from 49152 elsewhere)."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One process: what to run, when it counts as ready (``ready_url`` answers 2xx), what it waits for."""

    name: str
    argv: tuple[str, ...]
    ready_url: str = ""
    url: str = ""
    after: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def free_ports(count: int) -> list[int]:
    """``count`` ports of the loopback interface that nobody listens on, all different.

    They stay free until a server takes them, be it minutes later: no outgoing connection is given one of them, and
    another lab that looks at the same time draws others.
    """
    drawn = random.SystemRandom().sample(_PORTS, len(_PORTS))
    return list(islice(filter(_is_free, drawn), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def start(spec: Spec, log: Path, *, dies_with_us: bool = True, keep_open: int | None = None) -> subprocess.Popen[bytes]:
    """Start ``spec`` in a session of its own, in the folder of ``log``, where its words go.

    With ``dies_with_us`` the kernel kills it when the calling thread's process ends, however that ends (Linux; on
    other systems the next `up` or `down` cleans up). Call it from the main thread: the tie is to the thread.
    ``keep_open`` is a file descriptor that the child inherits.
    """
    parent = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" and dies_with_us else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as words:
        return _popen(spec, words, tie, () if keep_open is None else (keep_open,), log.parent)


def _popen(
    spec: Spec, words: IO[bytes], tie: Callable[[], None], inherited: tuple[int, ...], folder: Path
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        spec.argv,
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=subprocess.STDOUT,
        env={**os.environ, **spec.environment},
        start_new_session=True,
        preexec_fn=tie,
        pass_fds=inherited,
        cwd=folder,
    )


def answers(url: str, timeout_seconds: float = 0.5) -> bool:
    """Whether a GET of ``url`` is answered with 2xx; proxies of the environment are not asked."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=timeout_seconds) as response:
            return 200 <= response.status < 300
    except (URLError, OSError, ValueError):
        return False


def created(pid: int) -> float | None:
    """When the process came to be, in Unix seconds: with the id it names a process for good. None if there is none."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def alive(pid: int, born: float) -> bool:
    """Whether the process that had ``pid`` and was created at ``born`` still runs."""
    at = created(pid)
    return at is not None and abs(at - born) < 1.0


def stop(pids: Iterable[int], grace_seconds: float) -> None:
    """Ask the process groups to end; after ``grace_seconds``, or once their leaders ended, end what is left of them."""
    groups = tuple(pids)
    _signal(groups, signal.SIGTERM)
    _wait(groups, grace_seconds)
    _signal(groups, signal.SIGKILL)
    _wait(groups, 2.0)


def _signal(groups: tuple[int, ...], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _wait(groups: tuple[int, ...], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(_runs(group) for group in groups):
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return created(pid) is not None
