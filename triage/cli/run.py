"""triage run | resume: the headless main job."""

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from triage.cli.approvals import user
from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.incidents import chosen, open_desk
from triage.cli.output import progress, say
from triage.cli.times import time_of_day
from triage.errors import UsageError

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.incident import State, Window


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser("run", help="find out why a model got worse")
    command.add_argument("model", metavar="MODEL", help="the model's name in the catalogue")
    command.add_argument(
        "--alert", default="ModelQualityDrop", metavar="NAME", help="what paged (chooses the playbook)"
    )
    command.add_argument("--summary", default="", metavar="TEXT", help="the alert's summary")
    command.add_argument("--at", type=time_of_day, metavar="TIME", help="when the alert fired, RFC 3339 (default: now)")
    command.add_argument("--window", type=_window, metavar="START/END", help="the incident window, RFC 3339 times")
    command.add_argument("--playbook", metavar="NAME", help="run this playbook instead of the alert's")
    command.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="STEP.PARAM=VALUE",
        help="a step's parameter, for this run alone; may be given several times",
    )
    catalog_flag(command)
    _wait_flag(command)
    json_flag(command)
    command.set_defaults(run=_run)

    command = commands.add_parser(
        "resume",
        help="go on with an incident that was interrupted or waits",
        description="Goes on where it stopped; a step that failed is tried again. Stays as long as a canary, a shadow"
        " or a recovery has to be watched: interrupt it at any time, nothing is lost.",
    )
    command.add_argument("incident", nargs="?", metavar="ID", help="the incident (default: the newest)")
    _wait_flag(command)
    json_flag(command)
    command.set_defaults(run=_resume)


def _run(arguments: argparse.Namespace) -> int:
    from triage.incident import Alert

    catalog = load_catalog(arguments.catalog)
    desk = open_desk()
    at = arguments.at or (arguments.window.end if arguments.window else datetime.now(UTC))
    alert = Alert(
        name=arguments.alert, model=arguments.model, starts_at=at, summary=arguments.summary, requested_by=user()
    )
    settings: dict[str, dict[str, Any]] = {}
    for step, param, value in arguments.set:
        settings.setdefault(step, {})[param] = value
    receipt = desk.receive(alert, catalog, playbook=arguments.playbook, window=arguments.window, settings=settings)
    say(f"incident {receipt.incident}")
    return advance(desk, receipt.incident, as_document=arguments.json, patient=arguments.wait)


def _wait_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", action="store_true", help="where an approval is missing, wait for it")


def _resume(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    return advance(desk, chosen(desk, arguments), as_document=arguments.json, again=True, patient=arguments.wait)


def advance(desk: "Desk", incident_id: str, *, as_document: bool, again: bool = False, patient: bool = False) -> int:
    """Work on an incident, show it, and say with the exit code who is next."""
    incident = desk.advance(incident_id, progress, again=again, patient=patient)
    if as_document:
        print(desk.report(incident_id, "json"))
    else:
        print(desk.summary(incident_id, colour=sys.stdout.isatty()))
    return exit_code(incident.state)


def exit_code(state: "State") -> int:
    """What a headless run exits with, by where its incident stands."""
    from triage.incident import State

    codes = {State.OPEN: 3, State.WAITING_FOR_APPROVAL: 3, State.NEEDS_PERSON: 4, State.FAILED: 1}
    return codes.get(state, 0)


def _setting(text: str) -> tuple[str, str, Any]:
    import yaml

    name, equals, value = text.partition("=")
    step, dot, param = name.partition(".")
    if not (equals and dot and step and param):
        raise argparse.ArgumentTypeError(f"'{text}' is no setting; write it like feature_drift.shown=20")
    try:
        return step, param, yaml.safe_load(value)
    except yaml.YAMLError:
        return step, param, value


def _window(text: str) -> "Window":
    from triage.incident import Window

    start, slash, end = text.partition("/")
    if not slash:
        raise argparse.ArgumentTypeError("write a window as START/END, like 2026-11-02T00:00:00Z/2026-11-04T00:00:00Z")
    try:
        return Window(time_of_day(start), time_of_day(end))
    except ValueError as error:
        raise UsageError(str(error), hint="the start comes first") from None
