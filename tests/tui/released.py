"""A canary under way, as its steps write it down: two stages, intervals that converge, one interval without data."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.tui.world import GATED, NOW, PLAYBOOK, StillClock, waiting
from triage.codec import encode
from triage.incident import Release, ReleaseStage
from triage.journal import Entry, Journal

RELEASED = """\
  - {id: shadow, uses: shadow, title: Is it right on what users ask, needs: [comparison]}
  - {id: canary, uses: canary, title: Does a part of the users fare well, needs: [shadow]}
  - {id: promote, uses: promote, title: Release it in full, needs: [canary]}
  - {id: recovery, uses: watch_recovery, title: Did it help, needs: [promote]}
"""
STARTED = NOW - timedelta(minutes=75)


def canary_under_way(home: Path) -> str:
    """An incident whose challenger has half of the traffic; returns its id."""
    name = waiting(home, PLAYBOOK + GATED + RELEASED)
    clock = StillClock(NOW)
    journal = Journal(home / "journal.db", clock)
    release = Release("7", "8", ReleaseStage.CANARY, 0.5, reached=True, step="canary", reason="stage 50%")
    journal.append(name, [Entry("state_changed", {"state": "open", "reason": ""})])
    entries = [Entry("step_started", {"step": "canary", "uses": "canary", "attempt": 1, "key": "k", "gated": True})]
    for number in range(12):
        look = _look(number)
        due = encode(STARTED + timedelta(minutes=5 * (number + 2)))
        said = f"{look['weight']:.0%}, look {number + 1}: {look['verdict']}"
        progress = {"phase": "watch", "stage": look["stage"]}
        entries.append(
            Entry(
                "step_progressed", {"step": "canary", "progress": progress, "look": look, "due": due, "statement": said}
            )
        )
    entries += [
        Entry("release_changed", {"release": replace(release, weight=0.1)}),
        Entry("release_changed", {"release": release}),
    ]
    journal.append(name, entries)
    journal.close()
    return name


def _look(number: int) -> dict[str, Any]:
    stage = 0 if number < 6 else 1
    place = number % 6
    wide = 0.03 / (place + 1) ** 0.8
    verdict = "no_data" if number == 3 else "pass" if place > 3 else "inconclusive"
    results = [
        {
            "name": name,
            "verdict": verdict,
            "statement": f"{name}: harm of more than 1% is {'ruled out' if verdict == 'pass' else 'possible'}",
            "harm": {"value": base, "low": base - wide, "high": base + wide, "confidence": 0.95},
            "n_champion": 540 * (place + 1),
            "n_challenger": 60 * (place + 1),
        }
        for name, base in (("errors", 0.001), ("conversion", -0.004))
    ]
    decided = "promote" if place == 5 and stage == 0 else "continue"
    return {
        "stage": stage,
        "at": encode(STARTED + timedelta(minutes=5 * (number + 1))),
        "weight": (0.1, 0.5)[stage],
        "verdict": verdict,
        "reasons": [],
        "results": results,
        "counted": {},
        "decision": decided,
        "because": f"{verdict.replace('_', ' ')} after {place + 1} of 48 intervals",
    }
