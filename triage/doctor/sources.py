"""What a catalogue names elsewhere: datasets, queries, and where rules go."""

from datetime import timedelta

from triage.doctor.check import Finding
from triage.incident import Window
from triage.step import Ports


def prevention(ports: Ports) -> Finding:
    """Whether rules could be written, and Prometheus be asked to read them; nothing of it is done."""
    if ports.rules is None:
        return "skipped", "nothing here can write rules", ""
    return "ok", ports.rules.check(), ""


def asked(query: str, ports: Ports) -> Finding:
    now = ports.clock.now()
    found = ports.metrics.range(query, Window(now - timedelta(minutes=5), now), 60.0)
    return "ok", f"answers with {len(found.series)} series: it starts a run while there is one", ""


def dataset(name: str, ports: Ports, is_shadow: bool) -> Finding:
    """A shadow's dataset has no rows until a first challenger was mirrored to."""
    info = ports.windows.describe(name)
    if not info.rows and is_shadow:
        return "ok", "no rows yet: nothing was mirrored", ""
    if not info.rows:
        return "failed", f"no rows in {info.files} files", "check what writes it"
    if info.first is None or info.last is None:
        hint = "write the files with statistics, or every window is looked for in every row"
        return "warning", f"{info.rows:,} rows; {info.files} files without statistics of the time", hint
    return (
        "ok",
        f"{info.rows:,} rows, {info.files} files, {info.first:%Y-%m-%d %H:%M} to {info.last:%Y-%m-%d %H:%M}",
        "",
    )
