"""triage serve | trigger: runs that start themselves."""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.incidents import open_desk
from triage.cli.output import as_json, say
from triage.errors import NotFound, near

if TYPE_CHECKING:
    from triage.catalog import Catalog, Trigger
    from triage.desk import Desk
    from triage.webhook.once import Asked


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser(
        "serve",
        help="receive alerts over HTTP, and work on them",
        description="Listens at serve.listen of the catalogue for webhooks of Alertmanager (/alertmanager) and Grafana"
        " (/grafana). Ends with SIGTERM or Ctrl-C; what it was at goes on when it is started again.",
    )
    command.add_argument("--listen", metavar="HOST:PORT", help="instead of the catalogue's serve.listen")
    catalog_flag(command)
    command.set_defaults(run=_serve)

    command = commands.add_parser(
        "trigger",
        help="start what a trigger of the catalogue starts, if its time has come: for cron",
        description="A schedule runs once for each of its moments; drift and performance once their query has held at"
        " each call for as long as 'lasts', and once for each time that it does. Where no 'triage serve' runs in this"
        " home, these take in what else waits in the inbox as well, such as alerts that were held.",
    )
    command.add_argument("trigger", metavar="NAME", help="a trigger under serve.triggers")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_trigger)


def _serve(arguments: argparse.Namespace) -> int:
    from triage.catalog import Catalog
    from triage.webhook.server import Server
    from triage.wiring import home

    catalog = load_catalog(arguments.catalog)
    if arguments.listen:
        catalog = Catalog.model_copy(catalog, update={"serve": _listening(catalog, arguments.listen)})
    Server(catalog, home()).run()
    return 0


def _listening(catalog: "Catalog", listen: str) -> Any:
    """The catalogue's `serve` at another address, checked as if it stood there."""
    from pydantic import ValidationError

    from triage.catalog import Serve
    from triage.errors import UsageError

    try:
        moved = Serve.model_validate({"listen": listen})
    except ValidationError as error:
        raise UsageError(f"--listen {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    serve = catalog.serve.model_copy(update={"listen": moved.listen})
    if not serve.loopback and not serve.guarded:
        raise UsageError(
            f"{listen} can be reached from other machines, and nobody has to show who they are",
            hint="add serve.auth or serve.tls.client_ca to the catalogue, or listen at 127.0.0.1",
        )
    return serve


def _trigger(arguments: argparse.Namespace) -> int:
    from triage import wiring
    from triage.cli.run import advance

    catalog = load_catalog(arguments.catalog)
    trigger = _named(catalog, arguments.trigger)
    desk, clock = open_desk(), wiring.clock()
    if trigger.on == "schedule":
        asked = _scheduled(trigger, desk, catalog, clock.now())
    else:
        from triage.webhook.once import ask_once

        asked = ask_once(trigger, desk, catalog, wiring.metrics(catalog), clock)
    if not asked.opened:
        say(f"{trigger.name}: {asked.reason}")
        return _done(asked.incident, asked.reason, arguments)
    say(f"incident {asked.incident}")
    return advance(desk, asked.incident, as_document=arguments.json)


def _scheduled(trigger: "Trigger", desk: "Desk", catalog: "Catalog", now: datetime) -> "Asked":
    """A schedule whose moment had no run yet has it now, where nothing else is at work on its model."""
    from triage.webhook.admission import Hold, Join, admit
    from triage.webhook.once import Asked
    from triage.webhook.triggers import alert_of, slot

    starts_at = slot(trigger, now)
    alert = alert_of(trigger, starts_at)
    opened = desk.received(alert, trigger.starts)
    if opened is not None:
        return Asked(f"{opened} was started for it already", opened)
    match admit(starts_at, desk.incidents(20, trigger.model), catalog.serve, now):
        case Join(incident, reason):
            desk.join(incident, alert, stale=desk.marks_stale(catalog, trigger.starts))
            return Asked(reason, incident)
        case Hold(_, reason):
            return Asked(reason)
    return Asked("", desk.receive(alert, catalog, playbook=trigger.starts).incident, opened=True)


def _done(incident: str, reason: str, arguments: argparse.Namespace) -> int:
    if arguments.json:
        as_json({"incident": incident, "reason": reason})
    return 0


def _named(catalog: "Catalog", name: str) -> "Trigger":
    found = {trigger.name: trigger for trigger in catalog.serve.triggers}
    if name not in found:
        listing = f"serve.triggers has: {', '.join(found)}" if found else "serve.triggers of the catalogue is empty"
        raise NotFound(f"no trigger '{name}' in {catalog.file}", hint=near(name, found, listing=listing))
    return found[name]
