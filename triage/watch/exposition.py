"""The newest look at each model as Prometheus reads it: over HTTP, in a text file, or pushed to a gateway."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest, push_to_gateway, start_http_server, write_to_textfile
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from triage.errors import SourceUnavailable, StepFailed, UsageError
from triage.prevention.families import DURATION, FAMILIES, LAST_SUCCESS
from triage.watch.look import Look

JOB = "triage_watch"
_PUSH_SECONDS = 10.0


class Shown(Collector):
    """What is exposed now. A figure that the newest look did not measure is gone, however often it was there before."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lock = threading.Lock()
        self._looks: dict[str, Look] = {}
        self._taken: dict[str, tuple[float, float]] = {}
        self.registry.register(self)

    def show(self, look: Look, seconds: float) -> None:
        """Replace what is shown of the look's model; it took ``seconds``."""
        with self._lock:
            self._looks[look.model] = look
            if look.read:
                self._taken[look.model] = (look.window.end.timestamp(), seconds)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            looks, taken = dict(self._looks), dict(self._taken)
        for family in FAMILIES:
            metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for one in looks.values():
                for sample in one.samples:
                    if sample.family is family:
                        metric.add_metric(sample.labels, sample.value)
            if family in (LAST_SUCCESS, DURATION):
                for model, figures in taken.items():
                    metric.add_metric((model,), figures[family is DURATION])
            if metric.samples:
                yield metric

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def write(self, path: Path) -> None:
        """Replace ``path`` at once, for node_exporter's textfile collector. Raises StepFailed."""
        try:
            write_to_textfile(str(path), self.registry)
        except OSError as error:
            raise StepFailed(f"can't write {path}: {error.strerror}", hint="choose another place for it") from error

    def push(self, url: str) -> None:
        """Replace the group of `JOB` at a Pushgateway. Raises SourceUnavailable."""
        try:
            push_to_gateway(url, JOB, self.registry, timeout=_PUSH_SECONDS)
        except (OSError, ValueError) as error:
            raise SourceUnavailable(f"can't push to {_bare(url)}: {error}", hint="is that a Pushgateway?") from error

    @contextmanager
    def served(self, address: str) -> Iterator[str]:
        """Serve it over HTTP at ``HOST:PORT`` (port 0: any) and give the address. Raises UsageError, StepFailed."""
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise UsageError(f"'{address}' is no address to listen at", hint="write HOST:PORT, such as 127.0.0.1:9109")
        try:
            server, thread = start_http_server(int(port), host.strip("[]"), self.registry)
        except OSError as error:
            raise StepFailed(
                f"can't listen at {address}: {error.strerror or error}", hint="choose another port"
            ) from error
        try:
            yield f"http://{host}:{server.server_port}/metrics"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _bare(url: str) -> str:
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


Sink = Callable[[], None]
