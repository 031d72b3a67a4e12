"""Checks everything that a catalogue names, each by itself and in bounded time, and says what to do about what fails.

Nothing is written anywhere.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from triage.catalog import Catalog
from triage.doctor import files, sources
from triage.doctor.check import Check, Finding
from triage.doctor.model import ModelChecks
from triage.errors import TriageError
from triage.step import Ports

__all__ = ["Check", "run_checks"]


def run_checks(
    catalog: Catalog,
    ports: Ports,
    *,
    patience_seconds: float = 30.0,
    also: Mapping[str, Callable[[], str]] | None = None,
) -> tuple[Check, ...]:
    """Every check, in the order in which to mend them. Each that takes longer than ``patience_seconds`` has failed.

    ``also`` are checks of what no port is for: by what they look at, each says in a line what answers, or raises.
    """
    looks = list(_all(catalog, ports))
    looks += [(what, partial(_answers, ask)) for what, ask in (also or {}).items()]
    return tuple(Check(what, *_bounded(look, patience_seconds)) for what, look in looks)


def _answers(ask: Callable[[], str]) -> Finding:
    return "ok", ask(), ""


def _all(catalog: Catalog, ports: Ports) -> Iterator[tuple[str, Callable[[], Finding]]]:
    for path, secret in catalog.secrets():
        yield f"secret {'.'.join(map(str, path))}", partial(files.secret, secret)
    yield "metrics", lambda: ("ok", ports.metrics.check(), "")
    yield "registry", lambda: ("ok", ports.registry.check(), "")
    shadows = {model.release.shadow.dataset for model in catalog.models.values() if model.release is not None}
    for name in catalog.datasets:
        yield f"dataset {name}", partial(sources.dataset, name, ports, name in shadows)
    for name, model in catalog.models.items():
        look = ModelChecks(catalog, model, ports)
        yield f"{name}: query of {model.kpi.name}", partial(look.query, model.kpi.query, model.kpi.step, True)
        for level in model.service_levels:
            yield f"{name}: query of {level.name}", partial(look.query, level.query, level.step or model.kpi.step, True)
        for query in model.changes:
            yield f"{name}: query of changes", partial(look.query, query, model.kpi.step, False)
        yield f"{name}: champion", look.champion
        yield f"{name}: serving log", look.serving_log
        yield f"{name}: signature and serving log", partial(look.signature, model.serving_log.dataset)
        yield f"{name}: signature and baseline", partial(look.signature, model.baseline.dataset)
        yield f"{name}: features in the catalogue", look.features
        yield f"{name}: labels", look.labels
        if model.reference is not None:
            yield f"{name}: reference", partial(look.joined, model.reference.dataset)
        yield f"{name}: scoring", look.scoring
        if model.training is not None:
            yield f"{name}: training", partial(files.training, model.training, catalog.folder)
        if model.router is not None:
            yield f"{name}: router", look.router
        for alert, playbook in model.playbooks.items():
            yield f"{name}: playbook for {alert}", partial(files.playbook, playbook, catalog.folder)
    if catalog.prevention is not None:
        yield "prevention", partial(sources.prevention, ports)
    yield from _serving(catalog, ports)


def _serving(catalog: Catalog, ports: Ports) -> Iterator[tuple[str, Callable[[], Finding]]]:
    """What `triage serve` needs: its certificates, the playbooks it would start, the queries it would ask."""
    serve = catalog.serve
    if serve.tls is not None:
        for part in ("cert", "key", "client_ca"):
            if path := getattr(serve.tls, part):
                yield f"serve: tls {part}", partial(files.readable, path)
    for route in serve.routes:
        if route.playbook:
            yield f"serve: playbook {route.playbook}", partial(files.playbook, route.playbook, catalog.folder)
    for trigger in serve.triggers:
        yield f"serve: playbook of {trigger.name}", partial(files.playbook, trigger.starts, catalog.folder)
        if trigger.query is not None:
            yield f"serve: query of {trigger.name}", partial(sources.asked, trigger.query, ports)


def _bounded(look: Callable[[], Finding], patience_seconds: float) -> Finding:
    found: list[Finding] = []

    def run() -> None:
        try:
            found.append(look())
        except TriageError as error:
            found.append(("failed", error.message, error.hint))
        except Exception as error:  # one check must not take the others with it
            found.append(("failed", f"unexpected: {type(error).__name__}: {error}", "report this as a fault of triage"))

    worker = threading.Thread(target=run, daemon=True, name="doctor")
    worker.start()
    worker.join(patience_seconds)
    if found:
        return found[0]
    return "failed", f"no answer within {patience_seconds:g} s", "check that the server or disk it needs answers"
