"""The committed rollout spec of one model: a JSON file that is replaced whole, with the key of its change."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.codec import decode, digest, encode
from triage.errors import Refused, SourceUnavailable
from triage.ports import Rollout

NAME = "rollout.json"
PREVIOUS = "rollout.previous.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Committed:
    """``rollout`` of ``model``, made by the change ``key``; ``champion_on``, ``challenger_on`` name server groups."""

    model: str
    rollout: Rollout
    key: str
    champion_on: str
    challenger_on: str = ""

    @property
    def name(self) -> str:
        """What the configuration rendered from this is called: its digest, and the key of the change."""
        return f"{digest(self)[7:19]} {self.key}"

    @property
    def kill_switch(self) -> str:
        """The runtime key that, at 0, sends every request to the champion; each change has its own."""
        return f"triage.{self.model}.{digest(self)[7:19]}.challenger_percent"


def read(path: Path) -> Committed | None:
    """The spec at ``path``, None where there is none. Raises SourceUnavailable for anything else."""
    hint = f"restore {path} (its predecessor is {PREVIOUS} beside it)"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["format"] != _FORMAT:
            raise ValueError(f"format {document['format']}")
        committed = decode(Committed, document)
        texts = (committed.model, committed.rollout.champion, committed.key, committed.champion_on)
        if not all(isinstance(text, str) and text for text in texts):
            raise ValueError("a field is empty")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceUnavailable(f"the rollout spec {path} can't be read: {error.strerror}", hint=hint) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise SourceUnavailable(f"{path} is no rollout spec: {str(error)[:200]}", hint=hint) from None
    return committed


def text(committed: Committed) -> str:
    """What is written into the file; the name of the kill switch stands in it for those who turn it by hand."""
    document = {"format": _FORMAT, **encode(committed), "kill_switch": committed.kill_switch}
    return json.dumps(document, indent=2) + "\n"


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else changes what is in ``folder`` meanwhile. Raises Refused where somebody does, SourceUnavailable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused(f"another change is being made in {folder}", hint="wait until it is done, then resume") from None
    finally:
        os.close(lock)


def replace_all(folder: Path, files: Mapping[Path, str]) -> None:
    """Write all of ``files`` (in or below ``folder``) beside their places, then rename each, in order.

    So a full disk is met before anything changed. Envoy watches folders for renames: drafts lie in ``folder`` itself,
    what is watched below it. Raises SourceUnavailable.
    """
    drafts = {folder / f".{path.name}.draft": path for path in files}
    try:
        for draft, path in drafts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("w", encoding="utf-8") as file:
                file.write(files[path])
                file.flush()
                os.fsync(file.fileno())
        for draft, path in drafts.items():
            draft.replace(path)
    except OSError as error:
        for draft in drafts:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> SourceUnavailable:
    return SourceUnavailable(
        f"the rollout spec can't be written in {error.filename or folder}: {error.strerror}",
        hint="make the folder writable, or room on its disk; nothing was changed",
    )
