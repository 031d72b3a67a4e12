"""What people write into the report of an incident."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Section(StrEnum):
    """The parts of a report that a person may write to, beside what was found."""

    SUMMARY = "summary"
    IMPACT = "impact"
    LESSONS = "lessons"
    WENT_WELL = "went_well"
    WENT_WRONG = "went_wrong"
    GOT_LUCKY = "got_lucky"
    ACTION_ITEMS = "action_items"


@dataclass(frozen=True, slots=True)
class Note:
    """What a person wrote in one section of the report; it stands beside what was found and never replaces it."""

    section: Section
    text: str
    by: str
    at: datetime
    account: str = ""


class Moment(StrEnum):
    """The times that a postmortem reckons with, and that a person may set."""

    ONSET = "onset"
    DETECTED = "detected"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class SetMoment:
    """A time that a person knows better than the journal does."""

    moment: Moment
    at: datetime
    by: str
    reason: str = ""
    account: str = ""
