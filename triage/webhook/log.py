"""Structured logs: one JSON object a line on stderr, with the time, a level, what happened and its figures."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO

from triage.codec import encode, format_time
from triage.plain import visible

_LONGEST = 500


class Log:
    """Writes whole lines, from any thread; a stderr that is gone stops nothing."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._lock = threading.Lock()

    def __call__(self, event: str, *, level: str = "info", **figures: Any) -> None:
        line = {"at": format_time(datetime.now(UTC)), "level": level, "event": event, **figures}
        text = json.dumps({name: _plain(value) for name, value in line.items()}, ensure_ascii=False)
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (OSError, ValueError):
                return

    def warning(self, event: str, **figures: Any) -> None:
        self(event, level="warning", **figures)

    def error(self, event: str, **figures: Any) -> None:
        self(event, level="error", **figures)


class Handler(logging.Handler):
    """Takes what the web server's own loggers say into the same log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            said = f"{said}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        self._log("server", level=record.levelname.lower(), said=said.strip())


def _plain(value: Any) -> Any:
    encoded = encode(value)
    return visible(encoded, _LONGEST) if isinstance(encoded, str) else encoded
