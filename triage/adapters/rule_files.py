"""`RuleStore` in a folder that Prometheus reads: files replaced at once, the reload confirmed, or all of it undone."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from triage.adapters.prometheus_reload import Reload
from triage.errors import Refused, SourceUnavailable, TriageError
from triage.ports import RulesWritten

_LOCK = ".triage.lock"


class RuleFiles:
    """Files in ``folder``; ``reload`` asks Prometheus to read them, where an address is known."""

    def __init__(self, folder: str | Path, reload: Reload | None = None) -> None:
        self.folder = Path(folder)
        self._reload = reload

    def read(self, name: str) -> str:
        try:
            return self._path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise Refused(
                f"{self._path(name)} can't be read: {_why(error)}", hint="check its owner and mode"
            ) from error

    def write(self, files: Mapping[str, str | None], message: str) -> RulesWritten:
        if not self.folder.is_dir():
            raise Refused(
                f"there is no folder {self.folder}", hint="make it, or correct prevention.folder in triage.yaml"
            )
        if self._reload is not None:
            self._reload.ready()
        with self._locked():
            before = {name: self.read(name) or None for name in files}
            try:
                self._replace(files)
                return self._loaded(files)
            except TriageError as error:
                self._restore(before, error)
                raise

    def holds(self, files: Mapping[str, str | None]) -> bool:
        if any(self.read(name) != (text or "") for name, text in files.items()):
            return False
        return self._reload is None or self._reload.has({name: text for name, text in files.items() if "/" not in name})

    def check(self) -> str:
        if not self.folder.is_dir():
            raise Refused(
                f"there is no folder {self.folder}", hint="make it, or correct prevention.folder in triage.yaml"
            )
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise Refused(
                f"{self.folder} can't be written to", hint="give triage's user the right to, or another folder"
            )
        if self._reload is None:
            return f"rules go to {self.folder}; nothing is reloaded (prevention.reload is not set)"
        return f"rules go to {self.folder}; {self._reload.ready()}"

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise Refused(f"'{name}' is outside the rules folder", hint="please report it")
        return path

    def _replace(self, files: Mapping[str, str | None]) -> None:
        """Each file at once; what Prometheus reads comes last, so that a process killed before leaves it as it was."""
        for name, text in sorted(files.items(), key=lambda item: "/" not in item[0]):
            path = self._path(name)
            if text == (self.read(name) or None):
                continue
            try:
                if text is None:
                    path.unlink(missing_ok=True)
                else:
                    path.parent.mkdir(exist_ok=True)
                    _write(path, text)
            except OSError as error:
                raise Refused(
                    f"{path} can't be written: {_why(error)}",
                    hint="check the folder's owner and mode, and the disk's room",
                ) from error

    def _loaded(self, files: Mapping[str, str | None]) -> RulesWritten:
        if self._reload is None:
            return RulesWritten(
                str(self.folder), None, "no reload address is set: Prometheus reads it when it is reloaded next"
            )
        return RulesWritten(str(self.folder), True, self._reload.ask({n: t for n, t in files.items() if "/" not in n}))

    def _restore(self, before: Mapping[str, str | None], error: TriageError) -> None:
        """What was there before, also in Prometheus; what that fails of is added to ``error``'s words."""
        try:
            self._replace(before)
            if self._reload is not None and not isinstance(error, SourceUnavailable):
                self._reload.ask({name: text for name, text in before.items() if "/" not in name})
        except TriageError as second:
            error.message += f"; and what was there before could not be put back: {second.message}"
            error.args = (error.message,)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer of this folder at a time, across processes."""
        try:
            held = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError as error:
            raise Refused(
                f"{self.folder} can't be written to: {_why(error)}",
                hint="give triage's user the right to, or another folder",
            ) from error
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield
        finally:
            os.close(held)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
