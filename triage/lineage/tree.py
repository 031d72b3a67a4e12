"""The family of a model's versions: which was trained to take over from which."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triage.incident import Source
from triage.lineage.audit import CODE_TAGS
from triage.ports import ModelVersion, Provenance


@dataclass(frozen=True, slots=True)
class Member:
    """One version, what it was made of, and the version it was trained to take over from (``parent``)."""

    version: str
    parent: str
    aliases: tuple[str, ...]
    created_at: datetime | None
    run_id: str
    code: str
    data: tuple[Source, ...]
    incident: str
    plan: str


def member(
    version: ModelVersion, made: Provenance, manifest: Mapping[str, Any] | None, rows: Iterable[Source]
) -> Member:
    """``version`` as a member of its family; what was not kept of it is empty."""
    record = manifest or {}
    stages = {str(stage.get("id")): stage for stage in record.get("stages", ())}
    return Member(
        version=version.version,
        parent=str(stages.get("evaluation", {}).get("champion", "")),
        aliases=version.aliases,
        created_at=version.created_at,
        run_id=version.run_id,
        code=next((made.tags[tag] for tag in CODE_TAGS if made.tags.get(tag)), ""),
        data=tuple(rows),
        incident=str(record.get("incident", "")),
        plan=str(record.get("plan", "")),
    )


def branches(members: Iterable[Member]) -> Iterator[tuple[str, Member]]:
    """Each member with the lines that lead to it (such as ``│  └─ ``), parents before children, oldest first."""
    everyone = sorted(members, key=lambda one: (len(one.version), one.version))
    known = {one.version for one in everyone}

    def below(parent: str, lead: str) -> Iterator[tuple[str, Member]]:
        children = [one for one in everyone if one.parent == parent]
        for one in children:
            last = one is children[-1]
            yield f"{lead}{'└─ ' if last else '├─ '}", one
            yield from below(one.version, f"{lead}{'   ' if last else '│  '}")

    for root in (one for one in everyone if one.parent not in known):
        yield "", root
        yield from below(root.version, "")
