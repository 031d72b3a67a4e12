"""Which files a dataset's path stands for, and which of them can hold rows of a window by their dates alone.

Dates come from ``{date:%Y-%m-%d}`` in the path, which the catalogue declares, or from hive partitions
(``day=2026-11-23``, ``year=2026/month=11``), which are only believed as far as the files' own times bear them out.
"""

import glob
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from triage.errors import DataError
from triage.incident import Window

# A partition's day may be another zone's than UTC.
MARGIN = timedelta(days=1)

_DIGITS = {"%Y": (4, "year"), "%m": (2, "month"), "%d": (2, "day"), "%H": (2, "hour")}
_PLACEHOLDER = re.compile(r"\{date:([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """``name`` is the path inside the dataset: the same on every machine. ``days`` is the span its path tells of."""

    path: str
    name: str
    days: Window | None
    declared: bool
    partitions: Mapping[str, str] = field(default_factory=dict)


def find_files(dataset: str, pattern: str) -> list[DataFile]:
    """All files of ``pattern`` (file, directory or glob), sorted by name. Raises DataError when there are none."""
    plain = _PLACEHOLDER.sub(lambda found: _wildcard(dataset, found[1]), pattern)
    if os.path.isdir(plain):
        paths = glob.glob(os.path.join(glob.escape(plain), "**", "*.parquet"), recursive=True)
        root, declared = plain, None
    elif plain == pattern and os.path.exists(pattern):
        paths, root, declared = [pattern], os.path.dirname(pattern), None
    else:
        paths, root = glob.glob(plain, recursive=True), _fixed_part(plain)
        declared = _regex(pattern) if plain != pattern else None
        paths = [path for path in paths if os.path.isfile(path)]
    paths = [path for path in paths if not os.path.basename(path).startswith(("_", "."))]
    if not paths:
        raise DataError(
            f"dataset '{dataset}' has no files: nothing is at {pattern}",
            hint=f"correct datasets.{dataset}.path, or put the files there",
        )
    return sorted((_describe(path, root, declared) for path in paths), key=lambda file: file.name)


def within(files: Iterable[DataFile], window: Window) -> list[DataFile]:
    """Those of ``files`` whose dates do not exclude ``window``."""
    return [file for file in files if file.days is None or _touches(file.days, window)]


def _touches(days: Window, window: Window) -> bool:
    return days.start - MARGIN < window.end and window.start < days.end + MARGIN


def _describe(path: str, root: str, declared: re.Pattern[str] | None) -> DataFile:
    name = os.path.relpath(path, root or ".").replace(os.sep, "/")
    if declared is not None:
        found = declared.match(path)
        parts = {key: value for key, value in (found.groupdict() if found else {}).items() if value}
        return DataFile(path, name, _span(parts), True, _partitions(name))
    partitions = _partitions(name)
    return DataFile(path, name, _span(_date_parts(partitions)), False, partitions)


def _partitions(name: str) -> dict[str, str]:
    parts = (part.partition("=") for part in name.split("/")[:-1])
    return {key: unquote(value) for key, equals, value in parts if equals and key}


def date_keys(partitions: Mapping[str, str]) -> set[str]:
    """The hive keys that hold dates or parts of one."""
    return {key for key, value in partitions.items() if key.lower() in _PARTS or _ISO.fullmatch(value)}


_PARTS = {"year", "month", "day", "hour"}
_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")


def _date_parts(partitions: Mapping[str, str]) -> dict[str, str]:
    for value in partitions.values():
        whole = _ISO.fullmatch(value)
        if whole:
            return dict(zip(("year", "month", "day"), whole.groups(), strict=True))
    return {key.lower(): value for key, value in partitions.items() if key.lower() in _PARTS and value.isdigit()}


def _span(parts: Mapping[str, str]) -> Window | None:
    """The year, month, day or hour that ``parts`` name; None where they name no date."""
    numbers = []
    for part in ("year", "month", "day", "hour"):
        if part not in parts:
            break
        numbers.append(int(parts[part]))
    if not numbers:
        return None
    year, month, day, hour = (numbers + [1, 1, 0][len(numbers) - 1 :])[:4]
    try:
        start = datetime(year, month, day, hour, tzinfo=UTC)
        following = {
            1: start.replace(year=year + 1),
            2: (start + timedelta(days=32)).replace(day=1),
            3: start + timedelta(days=1),
            4: start + timedelta(hours=1),
        }
        return Window(start, following[len(numbers)])
    except (ValueError, OverflowError):
        return None


def _wildcard(dataset: str, form: str) -> str:
    text = form
    for directive in _DIGITS:
        text = text.replace(directive, "*")
    if "%" in text or form == text:
        raise DataError(
            f"dataset '{dataset}' has a path with {{date:{form}}}, which can't be read",
            hint="use %Y, %m, %d and %H, as in {date:%Y-%m-%d}",
        )
    return text


def _regex(pattern: str) -> re.Pattern[str]:
    """What paths of ``pattern`` look like, with the parts of the date as groups."""
    text, seen = "", set()
    for index, piece in enumerate(_PLACEHOLDER.split(pattern)):
        if index % 2:
            for token in re.findall(r"%.|[^%]+", piece):
                digits, part = _DIGITS.get(token, (0, ""))
                text += (
                    re.escape(token)
                    if not digits
                    else rf"\d{{{digits}}}"
                    if part in seen
                    else rf"(?P<{part}>\d{{{digits}}})"
                )
                seen.add(part)
        else:
            text += "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in piece)
    return re.compile(text)


def _fixed_part(pattern: str) -> str:
    """The folder above the first wildcard."""
    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return os.path.dirname(head)
