"""`triage serve`, put together: the doors, and four threads behind them that each do one thing."""

import fcntl
import logging
import os
import signal
import socket
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.applications import Starlette

from triage import wiring
from triage.catalog import Catalog, Serve
from triage.codec import format_time, parse_time
from triage.desk import Desk
from triage.errors import SourceUnavailable, TriageError, UsageError
from triage.webhook.app import application
from triage.webhook.figures import Figures
from triage.webhook.inbox import INBOX, Inbox
from triage.webhook.intake import Intake
from triage.webhook.log import Handler, Log
from triage.webhook.loop import Loop
from triage.webhook.notifying import Notifying
from triage.webhook.payload import Delivery
from triage.webhook.protocol import LARGEST_HEAD, patient
from triage.webhook.reception import Reception
from triage.webhook.runs import Runs
from triage.webhook.triggers import Triggers

_SINCE = "serving_since"
_KEEP_ALIVE_SECONDS = 75
_LAST_ANSWERS_SECONDS = 5


class _Web(uvicorn.Server):
    """Says when it listens, to the log and to systemd where that asked."""

    log: Log

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self.log("listening", url=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}", pid=os.getpid())
            _tell_systemd("READY=1")


class Server:
    """One server for one catalogue and one home; `run` ends with SIGTERM or SIGINT."""

    def __init__(self, catalog: Catalog, home: Path, log: Log | None = None) -> None:
        self.catalog = catalog
        self.log = log or Log()
        self.figures = Figures()
        self._home = home
        self._clock = wiring.clock()
        serve = catalog.serve
        self.intake = Intake(home / INBOX, serve.limits, self._clock, self.figures, self.log)
        self._notifiers = wiring.notifiers(catalog)
        self._runs: Runs | None = None
        self._lock: IO[bytes] | None = None
        self._loops = self._made()

    def run(self) -> None:
        """Serve until told to end. Raises UsageError when it can't listen, JournalError when it can't write."""
        serve = self.catalog.serve
        app = application(serve, self.intake, self.figures, self.log, self.troubles, self.dead)
        config = web_config(serve, app, self.log)  # what is wrong with the catalogue is said before anything starts
        listening = open_socket(serve.listen)
        self._lock = only_one(self._home)
        signal.signal(signal.SIGTERM, _noted)  # uvicorn raises what it caught again when it is done
        signal.signal(signal.SIGINT, _noted)
        self.intake.start()
        for loop in self._loops:
            loop.start()
        web = _Web(config)
        web.log = self.log
        self.log("starting", models=sorted(self.catalog.models), home=str(self._home))
        if not serve.guarded:
            self.log.warning("unguarded", hint="anyone on this machine may deliver; serve.auth asks who they are")
        try:
            web.run([listening])
        finally:
            self._close()

    def _close(self) -> None:
        """Write what has come, let runs finish the step they are at, and go."""
        _tell_systemd("STOPPING=1")
        self.log("stopping", grace_seconds=self.catalog.serve.grace.total_seconds())
        self.intake.close()
        for loop in self._loops:
            loop.close(self.catalog.serve.grace.total_seconds() + 30)
        self.log("stopped")

    def troubles(self) -> list[str]:
        """Why it is not ready to take a delivery, or to act on one."""
        found = [f"inbox: {self.intake.trouble}"] if self.intake.trouble else []
        return found + [f"{loop.name}: {loop.trouble}" for loop in self._loops if loop.trouble] + self.dead()

    def dead(self) -> list[str]:
        """Threads that should run and don't."""
        found = [] if self.intake.alive else ["intake"]
        return found + [loop.name for loop in self._loops if not loop.alive]

    def _made(self) -> list[Loop]:
        serve = self.catalog.serve
        wake = threading.Event()

        def reception() -> Any:
            from triage import step

            for name in step.names():  # seconds of imports, before the first alert waits for them
                step.load(name)
            inbox = Inbox(self._home / INBOX, serve.limits.inbox_mib)
            working = Reception(
                self._desk(),
                inbox,
                self.catalog,
                self._clock,
                log=self.log,
                figures=self.figures,
                complete=completing(self.catalog) if serve.alertmanagers else None,
            )

            def work() -> bool:
                done = working.work()
                if done:
                    wake.set()
                    self.intake.recount(inbox.count_waiting())
                return bool(done)

            return work

        def runs() -> Any:
            self._runs = Runs(
                self._desk(), self.catalog.models, self._clock, self.log, self.figures, serve.workers, wake=wake
            )
            return self._runs.tick

        def end_runs() -> None:
            if self._runs is not None:
                self._runs.end(serve.grace.total_seconds())

        def notifying() -> Any:
            inbox = Inbox(self._home / INBOX, serve.limits.inbox_mib)
            if not inbox.mark(_SINCE):
                inbox.set_mark(_SINCE, format_time(self._clock.now()))
            return Notifying(
                self._desk(),
                serve.notify,
                self._notifiers,
                self.catalog.models,
                self._clock,
                parse_time(inbox.mark(_SINCE)),
                open_with=serve.open_with,
                log=self.log,
                figures=self.figures,
            ).tick

        def triggers() -> Any:
            inbox = Inbox(self._home / INBOX, serve.limits.inbox_mib)
            watching = Triggers(serve.triggers, wiring.metrics(self.catalog), inbox, self._clock, self.log)

            def tick() -> None:
                watching.tick()
                self.intake.arrived.set()

            return tick

        shared: Mapping[str, Any] = {"log": self.log, "figures": self.figures}
        made = [
            Loop("reception", reception, 1.0, wake=self.intake.arrived, **shared),
            Loop("runs", runs, 1.0, wake=wake, end=end_runs, **shared),
        ]
        if serve.notify:
            made.append(Loop("notifying", notifying, 1.0, **shared))
        if serve.triggers:
            made.append(Loop("triggers", triggers, 5.0, **shared))
        return made

    def _desk(self) -> Desk:
        return wiring.open_desk()


def web_config(serve: Serve, app: Starlette, log: Log) -> uvicorn.Config:
    """How uvicorn is to serve ``app``. Raises UsageError when the certificates can't be used."""
    said = logging.getLogger("uvicorn")
    said.handlers, said.propagate = [Handler(log)], False
    said.setLevel(logging.WARNING)
    tls = serve.tls
    config = uvicorn.Config(
        app,
        http=patient(serve.limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        limit_concurrency=serve.limits.connections,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        ssl_certfile=tls.cert if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=tls.client_ca if tls else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"serve.tls can't be used: {error}", hint="PEM files of a certificate and its key") from None
    return config


def only_one(home: Path) -> IO[bytes]:
    """A lock on ``home`` that ends with this process, however it ends. Raises UsageError while another has it."""
    home.mkdir(parents=True, exist_ok=True)
    held = (home / "serve.lock").open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise UsageError(
            f"another 'triage serve' works in {home}", hint="end it first, or set another TRIAGE_HOME"
        ) from None
    return held


def open_socket(listen: str) -> socket.socket:
    """A socket that listens at ``listen``. Raises UsageError."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family, backlog=1024)
    except OSError as error:
        raise UsageError(f"can't listen at {listen}: {error.strerror or error}", hint="correct serve.listen") from None


def completing(catalog: Catalog) -> Any:
    """What asks the Alertmanagers of ``catalog`` for all alerts of a group; the first that answers is believed."""
    sources = wiring.alertmanagers(catalog)

    def complete(delivery: Delivery) -> list[Any]:
        failed: TriageError | None = None
        for source in sources:
            try:
                return source.group(delivery.group_labels)
            except SourceUnavailable as error:
                failed = error
        assert failed is not None
        raise failed

    return complete


def _noted(number: int, frame: Any) -> None:
    """A signal that is being dealt with."""


def _tell_systemd(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        try:
            told.connect("\0" + address[1:] if address.startswith("@") else address)
            told.send(state.encode())
        except OSError:
            return
