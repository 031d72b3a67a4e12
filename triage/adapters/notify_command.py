"""Notices by a command of one's own: it reads the notice as JSON on stdin, and says by its exit code how it went."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from triage.codec import encode
from triage.errors import Refused, SourceUnavailable
from triage.plain import visible
from triage.ports import Notice

TIMEOUT_SECONDS = 15.0


class CommandNotifier:
    """Runs ``command`` in ``folder``, without a shell; nothing of a notice is ever an argument."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        self._command = tuple(command)
        self._folder = folder

    def send(self, notice: Notice) -> None:
        try:
            ended = subprocess.run(
                self._command,
                input=json.dumps(encode(notice), ensure_ascii=False).encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_SECONDS,
                cwd=self._folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceUnavailable(f"{self._command[0]} took longer than {TIMEOUT_SECONDS:g} s") from None
        except OSError as error:
            raise Refused(f"{self._command[0]} can't be run: {error.strerror}", hint="check serve.notify") from None
        if ended.returncode:
            said = visible(ended.stdout[-200:].decode(errors="replace").strip())
            raise SourceUnavailable(f"{self._command[0]} ended with code {ended.returncode}: {said}")
