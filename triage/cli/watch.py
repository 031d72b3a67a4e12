"""triage watch: the figures of each model's newest window, for Prometheus."""

import argparse
import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.output import as_json, progress, say
from triage.cli.times import time_of_day
from triage.errors import UsageError
from triage.plain import visible

if TYPE_CHECKING:
    from triage.watch.exposition import Shown, Sink

LISTEN = "127.0.0.1:9109"


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser(
        "watch",
        help="measure drift, freshness and labels of each model again and again, for Prometheus",
        description="Reads each model's newest window of served rows and exposes what it measures as triage_* series.",
    )
    command.add_argument("models", nargs="*", metavar="MODEL", help="models of the catalogue (default: all)")
    command.add_argument("--once", action="store_true", help="one look at each, for a scheduled job")
    command.add_argument(
        "--at", type=time_of_day, metavar="TIME", help="with --once: the window ends at TIME, RFC 3339"
    )
    command.add_argument("--listen", metavar="HOST:PORT", help=f"serve /metrics there (default: {LISTEN})")
    command.add_argument(
        "--textfile", type=Path, metavar="FILE", help="write it for node_exporter's textfile collector"
    )
    command.add_argument("--push", metavar="URL", help="push it to this Pushgateway")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_watch)


def _watch(arguments: argparse.Namespace) -> int:
    catalog = load_catalog(arguments.catalog)
    models = list(dict.fromkeys(arguments.models)) or list(catalog.models)
    for model in models:
        catalog.model(model)
    if not arguments.once and (arguments.at or arguments.json):
        raise UsageError("--at and --json go with --once", hint="add --once")
    if arguments.once and arguments.listen:
        raise UsageError("a single look is over before anyone could ask for it", hint="drop --once or --listen")
    from triage.watch.exposition import Shown
    from triage.watch.look import look
    from triage.watch.loop import Watched, keep_watching, look_once
    from triage.wiring import connect

    take = partial(_taken, look, catalog, connect(catalog))
    shown = Shown()
    sinks = _sinks(shown, arguments)
    if arguments.once:
        at = arguments.at or datetime.now(UTC)
        looks = [look_once(model, take, shown, lambda: at) for model in models]
        for one in looks:
            for lost in one.unmeasured:
                say(f"{one.model}: unmeasured: {lost.what}: {lost.reason}" + (f" ({lost.hint})" if lost.hint else ""))
        for sink in sinks:
            sink()
        if arguments.json:
            as_json(looks)
        elif not sinks:
            print(shown.text(), end="")
        return 0 if all(one.read for one in looks) else 1
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    watched = [Watched(model, catalog.model(model).watch.every) for model in models]
    with ExitStack() as serving:
        if arguments.listen or not sinks:
            address = serving.enter_context(shown.served(arguments.listen or LISTEN))
            say(f"watching {', '.join(map(visible, models))}: {address}")
        keep_watching(watched, take, shown, sinks, now=lambda: datetime.now(UTC), stopped=stopped, say=say)
    return 0


def _taken(look: Any, catalog: Any, ports: Any, model: str, now: datetime) -> Any:
    return look(catalog, ports, model, now, progress)


def _sinks(shown: "Shown", arguments: argparse.Namespace) -> "list[Sink]":
    sinks: list[Sink] = []
    if arguments.textfile:
        sinks.append(partial(shown.write, arguments.textfile))
    if arguments.push:
        sinks.append(partial(shown.push, arguments.push))
    return sinks
