"""Which model an alert is about, and which playbook it starts, as the catalogue says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from triage.catalog import Catalog
from triage.errors import TriageError

TRIGGERED = ("schedule", "drift", "performance")
"""Origins of alerts that nobody sent: only `triggers` writes them."""


class Routed(NamedTuple):
    """The model and the playbook; where there is none, ``reason`` says why."""

    model: str
    playbook: str
    reason: str = ""


@dataclass(slots=True)
class Router:
    """Routes by ``catalog``. Which alerts the playbooks name is remembered until one of their files changes."""

    catalog: Catalog
    _stamp: tuple[tuple[str, int], ...] = ()
    _named: dict[str, str] = field(default_factory=dict)

    def route(self, name: str, labels: Mapping[str, str], origin: str = "") -> Routed:
        """Where the alert called ``name`` goes; one of a trigger of ours (by its ``origin``) goes where that says."""
        serve = self.catalog.serve
        if origin in TRIGGERED:
            trigger = next((one for one in serve.triggers if one.name == labels.get("trigger")), None)
            if trigger is None:
                return Routed("", "", f"the catalogue has no trigger '{labels.get('trigger', '')}' any more")
            return Routed(trigger.model, trigger.starts)
        for rule in serve.routes:
            if labels_match(rule.match, labels):
                return self._playbook(rule.model, rule.playbook, name)
        said = labels.get(serve.model_label, "")
        if not said:
            return Routed("", "", f"it has no label '{serve.model_label}', and no route of the catalogue matches it")
        if said in self.catalog.models:
            return self._playbook(said, None, name)
        registered = [key for key, model in self.catalog.models.items() if model.registered_model == said]
        if len(registered) == 1:
            return self._playbook(registered[0], None, name)
        why = "is the registry's name of several" if registered else "is in no catalogue here"
        return Routed("", "", f"its model '{said[:100]}' {why}")

    def _playbook(self, model: str, chosen: str | None, name: str) -> Routed:
        own = self.catalog.model(model).playbooks
        playbook = chosen or own.get(name) or self._by_alert().get(name) or own.get("default")
        if playbook is None:
            return Routed(model, "", f"no playbook for '{name[:100]}': add it to models.{model}.playbooks")
        return Routed(model, playbook)

    def _by_alert(self) -> dict[str, str]:
        """Alert name to the playbook that names it; the person's own playbooks before the shipped ones."""
        from triage.document import Document
        from triage.playbook import Spec, every

        found = every((self.catalog.folder / "playbooks",))
        stamp = tuple((name, _changed(path)) for name, path in sorted(found.items()))
        if stamp != self._stamp:
            self._stamp, self._named = stamp, {}
            for name, path in found.items():
                try:
                    spec = Document.load(path).validate(Spec)
                except TriageError:
                    continue  # 'triage doctor' and 'triage playbook lint' tell of it; the others still route
                for alert in spec.alerts:
                    self._named.setdefault(alert, name)
        return self._named


def labels_match(match: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether ``labels`` carry all that ``match`` asks for; ``/…/`` is a regular expression for a whole value.

    >>> labels_match({"job": "/shop-.*/", "severity": "page"}, {"job": "shop-1", "severity": "page"})
    True
    """
    for name, wanted in match.items():
        value = labels.get(name, "")
        if len(wanted) > 1 and wanted[0] == wanted[-1] == "/":
            if re.fullmatch(wanted[1:-1], value) is None:
                return False
        elif value != wanted:
            return False
    return True


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
