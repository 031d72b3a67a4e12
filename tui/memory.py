"""What the app remembers from one session to the next: the filters that were typed, newest first."""

import json
from contextlib import suppress
from pathlib import Path

MOST = 20


class Memory:
    """Kept in one small file; one that can't be read or written is no reason to say anything."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._filters: list[str] | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """Read when it is first asked for, so that opening the app waits for no disk."""
        if self._filters is None:
            self._filters = _read(self._path)
        return tuple(self._filters)

    def remember(self, words: str) -> None:
        """Put a filter before the others."""
        if not words.strip():
            return
        self._filters = [words, *(known for known in self.filters if known != words)][:MOST]
        with suppress(OSError):
            beside = self._path.with_name(f".{self._path.name}.part")
            beside.write_text(json.dumps({"filters": self._filters}), encoding="utf-8")
            beside.replace(self._path)


def _read(path: Path) -> list[str]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["filters"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [words for words in kept if isinstance(words, str)][:MOST] if isinstance(kept, list) else []
