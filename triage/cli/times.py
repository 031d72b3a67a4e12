"""Times and lengths of time that a person writes, after an option or in a form of the app."""

import argparse
from datetime import UTC, datetime, timedelta

_YEARS = range(2000, 2200)
"""Within them every window, with the healthy weeks before it, is a time that data can hold."""


def time_of_day(text: str) -> datetime:
    """An RFC 3339 time, in UTC where no zone is said. Raises ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"'{text}' is no time; write it like 2026-11-04T00:00:00Z") from None
    if at.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"'{text}' is not between the years {_YEARS[0]} and {_YEARS[-1]}")
    return at


def length_of_time(text: str) -> timedelta:
    """A length as a catalogue writes one, longer than zero. Raises ArgumentTypeError."""
    from triage.catalog.fields import parse_duration
    from triage.document import Wrong

    try:
        length = parse_duration(text)
    except Wrong as error:
        raise argparse.ArgumentTypeError(f"{error}; {error.hint}" if error.hint else str(error)) from None
    if length <= timedelta():
        raise argparse.ArgumentTypeError("must be longer than zero")
    return length
