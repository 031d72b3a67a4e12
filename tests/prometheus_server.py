"""A real Prometheus with a planted history, for tests that ask one."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from triage.lab import prometheus
from triage.lab.backfill import History, create_blocks, write_openmetrics
from triage.lab.binaries import find
from triage.lab.process import answers, free_ports, start, stop

needs_prometheus = pytest.mark.skipif(
    find("prometheus") is None or find("promtool") is None,
    reason="needs prometheus on PATH: apt-get install prometheus",
)


@contextmanager
def serving(folder: Path, histories: Iterable[History]) -> Iterator[str]:
    """The address of a Prometheus in ``folder`` that knows ``histories`` and scrapes nothing."""
    plan = prometheus.PrometheusPlan(folder, free_ports(1)[0], targets=())
    prometheus.render(plan)
    write_openmetrics(folder / "history.om", histories)
    create_blocks(find("promtool") or "", folder / "history.om", plan.storage)
    spec = prometheus.spec(plan, find("prometheus") or "")
    child = start(spec, folder / "log")
    try:
        deadline = time.monotonic() + 60
        while not answers(spec.ready_url) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield plan.url
    finally:
        stop([child.pid], 5)
