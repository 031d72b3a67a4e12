"""From a catalogue to a Desk: the one place that chooses adapters."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from triage.adapters.clock import SystemClock
from triage.desk import Desk

if TYPE_CHECKING:
    import httpx

    from triage.adapters.alertmanager_api import AlertmanagerApi
    from triage.adapters.prometheus import Credentials
    from triage.catalog import Auth, Catalog, Channel, Model, RegistryAddress, Routing, Training
    from triage.ports import Clock, Metrics, Notifier, Registry, Router, RuleStore, Trainer
    from triage.rules import Rules
    from triage.starter import Proposal
    from triage.step import Ports


def home() -> Path:
    """The folder of the journal: ``$TRIAGE_HOME``, else the user's state folder."""
    chosen = os.environ.get("TRIAGE_HOME")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "triage"


def open_desk() -> Desk:
    """The desk of this user. Cheap: nothing that a catalogue names is touched before a run needs it."""
    return Desk(home(), SystemClock(), connect)


def connect(catalog: "Catalog") -> "Ports":
    """Adapters for everything ``catalog`` names. Nothing is contacted yet."""
    from triage.adapters.mlflow_registry import MlflowRegistry
    from triage.adapters.parquet import ParquetWindows
    from triage.adapters.promtool import Promtool
    from triage.adapters.router_by_model import RouterByModel
    from triage.adapters.trainer_by_model import TrainerByModel
    from triage.step import Ports

    registry = MlflowRegistry(catalog.registry)
    routers = {
        model.registered_model: router(model.registered_model, model.router, registry)
        for model in catalog.models.values()
        if model.router is not None
    }
    trainers = {
        name: trainer(model.training, catalog.registry)
        for name, model in catalog.models.items()
        if model.training is not None
    }
    return Ports(
        metrics=metrics(catalog),
        windows=ParquetWindows(catalog.datasets),
        registry=registry,
        clock=SystemClock(),
        trainer=TrainerByModel(trainers),
        rules=rule_store(catalog),
        rule_tester=Promtool(),
        router=RouterByModel(routers),
    )


def router(model: str, routing: "Routing", registry: "Registry") -> "Router":
    """The router of the registered ``model``."""
    if routing.kind == "envoy":
        from triage.adapters.envoy import EnvoyRouter

        return EnvoyRouter(model, routing)
    from triage.adapters.kserve import KServeRouter

    return KServeRouter(model, routing, lambda version: registry.version(model, version).source)


def start_rollout(catalog: "Catalog", model: "Model", champion: str, on: str) -> None:
    """Commit the first rollout of ``model``: ``champion`` serves, on the servers ``on``. Raises Refused, UsageError."""
    from triage.errors import Refused, UsageError, near

    routing, name, key = model.router, model.registered_model, "start"
    if routing is None:
        raise Refused(f"the catalogue names no router for '{model.name}'", hint="add router to it; see docs/routers.md")
    if routing.kind == "envoy":
        from triage.adapters.envoy import EnvoyRouter

        if on not in routing.servers:
            hint = near(on, routing.servers, listing=f"--on one of: {', '.join(routing.servers)}")
            raise UsageError(f"no servers '{on}' in the catalogue", hint=hint)
        EnvoyRouter(name, routing).start_with(champion, on, key)
        return
    from triage.errors import NotFound
    from triage.ports import Rollout

    adapter = router(name, routing, connect(catalog).registry)
    try:
        adapter.current(name)
    except NotFound:
        adapter.apply(name, Rollout(champion), key)
        return
    raise Refused(f"there is a rollout of '{name}' already", hint="change it by a release")


def trainer(training: "Training", registry: "RegistryAddress") -> "Trainer":
    """What trains, with its jobs kept in the user's state folder."""
    jobs = home() / "jobs"
    if training.pipeline is not None:
        from triage.adapters.trainer_http import HttpTrainer

        return HttpTrainer(jobs, training.pipeline)
    from triage.adapters.trainer_command import CommandTrainer

    if training.project is not None:
        from triage.adapters.trainer_project import ProjectTrainer

        # `mlflow run` keeps a run of its own: in the registry's store, unless its address is a secret.
        known = {"MLFLOW_TRACKING_URI": registry.uri} if isinstance(registry.uri, str) else {}
        return ProjectTrainer(CommandTrainer(jobs, known), training.project)
    return CommandTrainer(jobs)


def rules_of(desk: Desk, catalog: "Catalog | None" = None) -> "Rules":
    """The prevention rules of the incidents of ``desk``."""
    from triage.rules import Rules

    return Rules(desk.journal, connect, catalog)


def rule_store(catalog: "Catalog") -> "RuleStore | None":
    """Where prevention rules go, or None where ``catalog`` does not say."""
    named = catalog.prevention
    if named is None:
        return None
    if named.git is not None:
        from triage.adapters.rule_git import RuleBranch

        git = named.git
        return RuleBranch(git.repository, git.branch, base=git.base, folder=git.folder, push=git.push)
    from triage.adapters.prometheus_reload import Reload
    from triage.adapters.rule_files import RuleFiles

    reload = Reload(named.reload, _credentials(catalog.prometheus.auth)) if named.reload else None
    return RuleFiles(str(named.folder), reload)


def metrics(catalog: "Catalog") -> "Metrics":
    """The metrics server of ``catalog``, or the recording it names."""
    named = catalog.prometheus
    if named.recorded is not None:
        from triage.adapters.recorded import RecordedMetrics

        return RecordedMetrics(named.recorded)
    from triage.adapters.prometheus import PrometheusMetrics
    from triage.adapters.prometheus_http import Limits

    return PrometheusMetrics(
        str(named.url),
        credentials=_credentials(named.auth),
        limits=Limits(timeout_seconds=named.timeout.total_seconds()),
        max_series=named.max_series,
        accept_partial=named.accept_partial,
        params=named.params,
    )


def _credentials(auth: "Auth") -> "Credentials":
    from triage.adapters.prometheus import Credentials

    return Credentials(
        bearer=auth.bearer.reveal if auth.bearer else None,
        username=auth.basic.username if auth.basic else None,
        password=auth.basic.password.reveal if auth.basic else "",
        headers={name: value if isinstance(value, str) else value.reveal for name, value in auth.headers.items()},
        client_certificate=auth.mtls.cert if auth.mtls else None,
        client_key=auth.mtls.key if auth.mtls else None,
        ca_bundle=auth.ca,
    )


def clock() -> "Clock":
    """The machine's clock."""
    return SystemClock()


def notifiers(catalog: "Catalog") -> "dict[str, Notifier]":
    """The ways to tell people, by the name of their channel. Nothing is contacted yet."""
    return {channel.name: _notifier(channel, catalog) for channel in catalog.serve.notify}


def _notifier(channel: "Channel", catalog: "Catalog") -> "Notifier":
    from triage.adapters.notify_command import CommandNotifier
    from triage.adapters.notify_http import SlackNotifier, WebhookNotifier

    if channel.kind == "command":
        return CommandNotifier(channel.command, catalog.folder)
    address = channel.url
    assert address is not None
    url = (lambda: address) if isinstance(address, str) else address.reveal
    if channel.kind == "slack":
        return SlackNotifier(url)
    return WebhookNotifier(url, channel.secret.reveal if channel.secret else None, SystemClock())


def alertmanagers(catalog: "Catalog") -> "tuple[AlertmanagerApi, ...]":
    """The Alertmanagers that complete truncated deliveries. Nothing is contacted yet."""
    from triage.adapters.alertmanager_api import AlertmanagerApi

    return tuple(AlertmanagerApi(one.url, _client(one.auth)) for one in catalog.serve.alertmanagers)


def _client(auth: "Auth") -> "Callable[[], httpx.Client]":
    """A maker of HTTP clients that show what ``auth`` says; secrets are read when one is made."""

    def make() -> "httpx.Client":
        import ssl

        import httpx

        from triage.adapters.alertmanager_api import TIMEOUT_SECONDS

        headers = {name: value if isinstance(value, str) else value.reveal() for name, value in auth.headers.items()}
        if auth.bearer:
            headers["Authorization"] = f"Bearer {auth.bearer.reveal()}"
        verify = ssl.create_default_context(cafile=auth.ca)
        if auth.mtls:
            verify.load_cert_chain(auth.mtls.cert, auth.mtls.key)
        basic = (auth.basic.username, auth.basic.password.reveal()) if auth.basic else None
        return httpx.Client(headers=headers, auth=basic, verify=verify, timeout=TIMEOUT_SECONDS)

    return make


def proposed(url: str, matcher: str = "") -> "tuple[str, tuple[Proposal, ...]]":
    """What the server at ``url`` has that a catalogue could name, with its address free of a password.

    Raises UsageError, SourceUnavailable.
    """
    from triage.adapters.prometheus import PrometheusMetrics
    from triage.adapters.prometheus_discovery import discover

    server = PrometheusMetrics(url)
    return server.url, discover(server, SystemClock().now(), matcher)
