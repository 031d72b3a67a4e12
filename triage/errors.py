"""What can go wrong, as a tree. Every message says what, where, and (the hint) what to do.

TriageError
├── UsageError            the command was asked for something that makes no sense        exit 2
├── ConfigError           a catalogue or playbook has faults; carries every one of them  exit 2
├── NotFound              no such incident, model, playbook, dataset, step
├── SourceUnavailable     Prometheus, the registry or a router did not answer usefully
├── DataError             a dataset is missing, truncated, or has not the columns it should
│   └── EmptyWindow       there are no rows in the window that was asked for
├── Unmeasurable          a step could not measure; becomes `unmeasured` evidence, never a pass
├── JournalError          the journal can't be read or written; nothing was half-written
│   ├── JournalTampered   the hash chain does not hold
│   └── LeaseHeld         another executor has the incident
├── Refused               a law or a gate says no
│   ├── NoRouter          the catalogue names none for the model
│   └── Superseded        what another change released serves the model meanwhile
└── StepFailed            a step failed in a way that retrying may mend
"""

from collections.abc import Iterable
from typing import NamedTuple


class TriageError(Exception):
    """What happened (and where), and what to do about it."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. Hint: {self.hint}" if self.hint else self.message


class UsageError(TriageError):
    exit_code = 2


class Fault(NamedTuple):
    """One fault in a document that a person wrote: where it stands, what is wrong, what to do."""

    file: str
    line: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" + (f" {self.path}" if self.path else "")
        return f"{where}: {self.message}" + (f". Hint: {self.hint}" if self.hint else "")


class ConfigError(TriageError):
    """Every fault of one document at once, so that they are mended in one go."""

    exit_code = 2

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class NotFound(TriageError):
    """Nothing of that name; the hint offers the nearest one that exists."""

    exit_code = 2


class SourceUnavailable(TriageError):
    pass


class DataError(TriageError):
    pass


class EmptyWindow(DataError):
    pass


class Unmeasurable(TriageError):
    pass


class JournalError(TriageError):
    pass


class JournalTampered(JournalError):
    pass


class LeaseHeld(JournalError):
    pass


class Refused(TriageError):
    pass


class NoRouter(Refused):
    pass


class Superseded(Refused):
    pass


class StepFailed(TriageError):
    pass


def near(word: str, known: Iterable[str], *, listing: str = "") -> str:
    """A hint that names the nearest known word: ``did you mean 'rollback_model'?`` plus where to see them all."""
    import difflib  # rarely needed, and every command imports this file

    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    suggestion = f"did you mean '{close[0]}'?" if close else ""
    return " ".join(part for part in (suggestion, listing) if part)
