"""The second law's tag: which incidents called a version stale, and up to when each of them had seen the data."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from triage.errors import NotFound
from triage.ports import ModelVersion, Registry

TAG = "triage.stale"


def marks(tags: Mapping[str, str] | None) -> dict[str, str]:
    """By incident, oldest first: the end of the window that called the version stale, or nothing where nobody said.

    What someone else wrote into the tag counts as one incident.
    """
    text = (tags or {}).get(TAG, "")
    try:
        held = json.loads(text)
    except ValueError:
        held = text
    if isinstance(held, dict):
        return {str(name): until if isinstance(until, str) else "" for name, until in held.items()}
    return dict.fromkeys(incidents(tags), "")


def incidents(tags: Mapping[str, str] | None, tag: str = TAG) -> tuple[str, ...]:
    """The incidents that ``tag`` names, oldest first; what someone else wrote there counts as one."""
    text = (tags or {}).get(tag, "")
    try:
        named = json.loads(text)
    except ValueError:
        named = text
    return tuple(map(str, named)) if isinstance(named, list | dict) else (text,) if text else ()


def written(held: Mapping[str, str]) -> str:
    """The tag's value for these marks: nothing where there are none, a list of names where no time is known."""
    return json.dumps(dict(held)) if any(held.values()) else listed(held)


def listed(names: Iterable[str]) -> str:
    """The value of a tag that holds nothing but ``names``."""
    held = list(names)
    return json.dumps(held) if held else ""


def answered(held: Mapping[str, str], until: datetime, incident: str) -> tuple[str, ...]:
    """Whom data up to ``until`` answers: ``incident`` itself, and all who had seen nothing newer."""
    return tuple(name for name, seen in held.items() if name == incident or not _after(seen, until))


def carry(registry: Registry, model: str, left: str, kept: str) -> None:
    """Whoever called version ``left`` stale says so of ``kept``, which serves in its place: another version ends no
    staleness, only recent data does. Raises SourceUnavailable."""
    try:
        gone = marks(registry.version(model, left).tags)
    except NotFound:
        return  # deleted, and its tags with it
    serves = registry.version(model, kept)
    held = marks(serves.tags)
    if gone.keys() - held.keys():
        registry.tag(serves, TAG, written({**gone, **held}))


def mark(registry: Registry, version: ModelVersion, incident: str, until: datetime) -> None:
    """Let ``incident``, which has seen the data up to ``until``, call ``version`` stale; once is enough, unless it has
    seen newer data since."""
    held = marks(version.tags)
    if incident not in held or _before(held[incident], until):
        registry.tag(version, TAG, written({**held, incident: until.isoformat()}))


def unmark(registry: Registry, version: ModelVersion, names: Iterable[str]) -> tuple[str, ...]:
    """Take ``names`` off the tag of ``version`` as it is now; who still calls it stale."""
    gone = set(names)
    now = registry.version(version.name, version.version)
    rest = {name: until for name, until in marks(now.tags).items() if name not in gone}
    registry.tag(now, TAG, written(rest))
    return tuple(rest)


def _after(seen: str, until: datetime) -> bool:
    try:
        return datetime.fromisoformat(seen) > until
    except (ValueError, TypeError):  # nobody said, or without a zone
        return False


def _before(seen: str, until: datetime) -> bool:
    try:
        return datetime.fromisoformat(seen) < until
    except (ValueError, TypeError):
        return False
