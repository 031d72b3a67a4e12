"""Following one incident through its journal, for the screens that show it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from triage.incident import fold
from tui.draw.incident import View, view

if TYPE_CHECKING:
    from triage.desk import Desk


@dataclass(frozen=True, slots=True)
class Planned:
    """One step of the playbook that the incident carries."""

    id: str
    uses: str
    title: str
    needs: tuple[str, ...]


class Follower:
    """Reads an incident, and from then on only what is new of it. Used in the reader's thread alone."""

    def __init__(self, incident: str) -> None:
        self._incident = incident
        self._steps: tuple[Planned, ...] | None = None
        self._view: View | None = None

    def __call__(self, desk: "Desk", starting: str = "") -> View:
        before = self._view
        if before is None:
            events = desk.events(self._incident)
            incident = fold(events) or desk.incident(self._incident)  # the latter says what is wrong with it
            titles = {step.id: step.title for step in self.steps(desk, incident.playbook_digest)}
            before = self._view = view(incident, events, "", titles)
        elif new := desk.journal.since(self._incident, before.events[-1].seq):
            told = fold(new, before.incident) or before.incident
            before = self._view = view(told, (*before.events, *new), "", before.titles)
        return replace(before, executor=desk.journal.executor(self._incident) or starting)

    def steps(self, desk: "Desk", digest: str) -> tuple[Planned, ...]:
        """The steps of the snapshot that the incident runs with, in its order."""
        if self._steps is None:
            import yaml

            written: list[Mapping[str, object]] = yaml.safe_load(desk.journal.document(digest)).get("steps") or []
            self._steps = tuple(map(_planned, written))
        return self._steps


def _planned(step: Mapping[str, object]) -> Planned:
    name = str(step["id"])
    needs = step.get("needs")
    return Planned(
        name,
        str(step.get("uses") or name),
        str(step.get("title") or name),
        tuple(map(str, needs)) if isinstance(needs, list) else (),
    )
