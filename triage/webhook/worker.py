"""A process that works on one incident after another, and has imported what that takes before the first comes.

``python -m triage.webhook.worker`` reads incident ids, one a line, from stdin and answers each with one line of JSON
(`Answer`) on stdout. When stdin ends, or on SIGTERM, it finishes the step it is at and goes; the journal has the rest.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from dataclasses import dataclass

from triage.codec import decode, encode
from triage.errors import JournalError, LeaseHeld, TriageError

_HEAVY = (
    "httpx",
    "mlflow.sklearn",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.store.tracking.sqlalchemy_store",
    "ruptures",
    "scipy.stats",
    "skops.io",
    "sklearn.ensemble",
    "sklearn.metrics",
    "statsmodels.discrete.discrete_model",
    "statsmodels.stats.multitest",
    "triage.wiring",
    "triage.adapters.mlflow_registry",
    "triage.adapters.parquet",
    "triage.adapters.prometheus",
)
"""What adapters and steps import when they are first asked: seconds, before anybody waits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How far an incident came. ``trouble`` is why it was not worked on, or not enough; ``held`` that somebody else
    works on it, ``owed`` that what must happen did not, and is tried again soon."""

    incident: str
    state: str = ""
    reason: str = ""
    trouble: str = ""
    held: bool = False
    owed: bool = False


def read_answer(line: str) -> Answer:
    """The inverse of what a worker writes. Raises ValueError."""
    return decode(Answer, json.loads(line))


def work_on(incident: str, stop: threading.Event) -> Answer:
    """Advance ``incident`` until it is settled or ``stop`` is set."""
    from triage.executor import UNTAGGED
    from triage.incident import ReleaseStage
    from triage.wiring import open_desk

    told: list[str] = []

    try:
        desk = open_desk()
        try:
            found = desk.advance(incident, told.append, brief=True, stop=stop.is_set)
        finally:
            desk.journal.close()
    except LeaseHeld as error:
        return Answer(incident, trouble=error.message, held=True)
    except JournalError as error:
        return Answer(incident, trouble=str(error))
    except TriageError as error:
        return Answer(incident, trouble=str(error))
    except Exception as error:  # a defect is told, and does not take the next incident with it
        return Answer(incident, trouble=f"{type(error).__name__}: {error}")
    release = found.release
    if release is not None and release.stage is ReleaseStage.WITHDRAWN and not release.reached:
        said = f"version {release.challenger} may still be asked: {found.state_reason}"
        return Answer(incident, trouble=said, owed=True)
    if found.tag_owed is not None:
        return Answer(incident, trouble=next((line for line in told if line.startswith(UNTAGGED)), UNTAGGED), owed=True)
    return Answer(incident, state=found.state.value, reason=found.state_reason)


def _warm() -> None:
    """Import what nearly every run needs: seconds, before anybody waits."""
    from triage import executor, step

    assert executor
    for name in step.names():
        step.load(name)
    for heavy in _HEAVY:
        with contextlib.suppress(ImportError):  # a run that needs it says so
            importlib.import_module(heavy)


def main() -> int:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends us
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing that a library prints is taken for an answer
    waiting: list[str] = []
    there = threading.Condition()

    def listen() -> None:
        for line in sys.stdin:
            with there:
                waiting.append(line.strip())
                there.notify()
        stop.set()
        with there:
            there.notify()

    threading.Thread(target=listen, name="orders", daemon=True).start()
    _warm()
    while True:
        with there:
            while not waiting and not stop.is_set():
                there.wait(1.0)
            if stop.is_set():
                return 0
            incident = waiting.pop(0)
        try:
            answers.write(json.dumps(encode(work_on(incident, stop))) + "\n")
            answers.flush()
        except OSError:  # nobody listens any more
            return 0


if __name__ == "__main__":
    sys.exit(main())
