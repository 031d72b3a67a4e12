"""What `triage serve` tells of itself at `/metrics`. Labels are ours or the catalogue's, never a sender's."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Figures:
    """One set of counters a server; they begin at zero with each start."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.deliveries = Counter(
            "triage_deliveries", "Requests to a webhook, by where and answer", ["origin", "code"], registry=registry
        )
        self.persist_seconds = Histogram(
            "triage_persist_seconds", "From a read body to bytes on disk", buckets=LATENCY_BUCKETS, registry=registry
        )
        self.waiting = Gauge("triage_deliveries_waiting", "Deliveries nobody has worked on yet", registry=registry)
        self.refused = Counter("triage_deliveries_refused", "Deliveries that were none", registry=registry)
        self.incomplete = Counter(
            "triage_deliveries_incomplete", "Truncated deliveries that could not be completed", registry=registry
        )
        self.alerts = Counter("triage_alerts", "Alerts, by what became of them", ["decision"], registry=registry)
        self.repeats = Counter("triage_alert_repeats", "Alerts that were known already", registry=registry)
        self.incidents = Counter("triage_incidents_started", "Incidents opened", ["model"], registry=registry)
        self.runs = Counter(
            "triage_runs", "Runs, by where the incident stood after", ["model", "state"], registry=registry
        )
        self.running = Gauge("triage_runs_in_progress", "Runs at this moment", registry=registry)
        self.notices = Counter("triage_notices", "Notices to people", ["channel", "outcome"], registry=registry)
        self.troubles = Counter(
            "triage_troubles", "Rounds of a worker that ended in an error", ["worker"], registry=registry
        )

    def text(self) -> bytes:
        """The exposition, in Prometheus's text format."""
        return generate_latest(self._registry)
