"""Journals to measure the app on. As a command it is a run in progress: it writes an event of ``HOME`` every 0.2 s."""

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from triage.adapters.clock import SystemClock
from triage.codec import encode
from triage.incident import Alert, Cause, CauseKind, Diagnosis, Drop, Evidence, Measure, Verdict, Window
from triage.journal import Entry, Journal

PLAYBOOK = "name: bench\ntitle: bench\nsteps:\n  - {id: drift, uses: check_feature_drift}\n"
START = datetime(2026, 11, 1, tzinfo=UTC)


def incidents(home: Path, count: int, features: int = 2) -> None:
    """``count`` diagnosed incidents of as many models; the newest has evidence on ``features`` features."""
    journal = Journal(home / "journal.db", SystemClock())
    journal._db.execute("PRAGMA synchronous = OFF")  # made for a measurement, and thrown away after it
    for number in range(count):
        _incident(journal, f"model{number:04}", features if number == count - 1 else 2, -0.01 - number / (10 * count))
    journal.close()


def grow(home: Path, events: int) -> None:
    """Add ``events`` steps to the newest incidents."""
    journal = Journal(home / "journal.db", SystemClock())
    journal._db.execute("PRAGMA synchronous = OFF")
    known = [item.id for item in journal.summaries(10)]
    for number in range(events):
        journal.append(
            known[number % len(known)],
            [Entry("step_will_retry", {"step": "drift", "at": encode(START), "reason": "no answer"})],
        )
    journal.close()


def writer(home: Path) -> None:
    """A run in progress, until it is stopped."""
    while True:
        grow(home, 1)
        time.sleep(0.2)


def _incident(journal: Journal, model: str, features: int, change: float) -> None:
    window = Window(START - timedelta(hours=48), START)
    alert = Alert("ModelQualityDrop", model, START, "conversion fell")
    name, _ = journal.receive(alert, window, "bench", PLAYBOOK, json.dumps({}), None)
    drop = Drop(
        "conversion", "ratio", 0.1, 0.1 + change / 10, change / 10, change / 10 - 0.001, change / 10 + 0.001, True
    )
    cause = Cause(CauseKind.FEATURE_DRIFT, "feature0", 0.9, 0.8, "feature0 moved", ("e0",))
    evidence = [encode(_moved(place)) for place in range(features)] + [encode(_kpi())]
    journal.append(
        name,
        [
            Entry("step_started", {"step": "drift", "uses": "check_feature_drift", "attempt": 1}),
            Entry("step_finished", {"step": "drift", "outcome": "done", "evidence": evidence}),
            Entry("diagnosed", {"diagnosis": encode(Diagnosis("feature0 moved", (cause,), drop=drop))}),
            Entry("state_changed", {"state": "needs_person", "reason": "a person decides"}),
        ],
    )


def _moved(place: int) -> Evidence:
    bins = 20
    shares = [1 / bins] * bins
    moved = [share * (1.5 if index % 2 else 0.5) for index, share in enumerate(shares)]
    chart = {
        "type": "distribution",
        "feature": f"feature{place}",
        "kind": "categorical",
        "labels": [f"value {index}" for index in range(bins)],
        "edges": None,
        "baseline": shares,
        "current": moved,
        "psi": [0.01] * bins,
    }
    measures = (
        Measure("psi", 0.2 + place / 1000, "nats"),
        Measure("share_of_drop", 0.8 if not place else 0.0, "share"),
    )
    said = f"feature{place} moved"
    return Evidence(
        f"e{place}", "drift", CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, said, f"feature{place}", measures, chart=chart
    )


def _kpi() -> Evidence:
    times = [START.timestamp() - 3600 * (336 - hour) for hour in range(336)]
    values = [0.1 if hour < 288 else 0.085 for hour in range(336)]
    chart = {"type": "series", "name": "conversion", "unit": "ratio", "times": times, "values": values}
    found = Evidence("kpi", "kpi", CauseKind.UNKNOWN, Verdict.SUPPORTS, "conversion fell", "conversion", chart=chart)
    return replace(found, window=Window(START - timedelta(hours=48), START))


if __name__ == "__main__":
    writer(Path(sys.argv[1]))
