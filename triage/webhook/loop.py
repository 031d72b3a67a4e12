"""A thread that does one thing again and again, and outlives what goes wrong in a round."""

import threading
from collections.abc import Callable

from triage.errors import TriageError
from triage.webhook.figures import Figures
from triage.webhook.log import Log

_LONGEST_WAIT_SECONDS = 30.0


class Loop:
    """Calls ``work`` every ``seconds``, and at once when ``wake`` is set; backs off while it fails.

    ``trouble`` is why the last round failed, or nothing. ``make`` builds the work on the loop's own thread, since what
    it opens may not be shared between threads.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], Callable[[], object]],
        seconds: float,
        *,
        log: Log,
        figures: Figures,
        wake: threading.Event | None = None,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.trouble = ""
        self._make = make
        self._seconds = seconds
        self._log = log
        self._figures = figures
        self._wake = wake or threading.Event()
        self._over = threading.Event()
        self._end = end
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def close(self, seconds: float = 30.0) -> None:
        """Let the round that runs end, then the thread."""
        self._over.set()
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        work: Callable[[], object] | None = None
        failures = 0
        while not self._over.is_set():
            self._wake.clear()
            try:
                if work is None:
                    work = self._make()
                again = work()
                failures, self.trouble = 0, ""
            except TriageError as error:
                failures += 1
                self._failed(str(error), failures)
                again = False
            except Exception as error:  # a defect in one round must not end all later ones
                failures += 1
                self._failed(f"{type(error).__name__}: {error}", failures)
                again = False
            if failures:
                self._over.wait(min(_LONGEST_WAIT_SECONDS, self._seconds * 2**failures))
            elif not again:
                self._wake.wait(self._seconds)
        self._end()

    def _failed(self, reason: str, failures: int) -> None:
        self._figures.troubles.labels(self.name).inc()
        if reason != self.trouble or failures % 10 == 0:
            self._log.error("round_failed", worker=self.name, reason=reason, failures=failures)
        self.trouble = reason
