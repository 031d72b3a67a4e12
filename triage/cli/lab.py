"""triage lab up | status | inject | down: real servers on this machine to rehearse against."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.cli.common import json_flag
from triage.cli.output import as_json, progress, say, table
from triage.errors import UsageError

if TYPE_CHECKING:
    from triage.lab.stack import LabStatus


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    group = commands.add_parser("lab", help="real servers on this machine, to rehearse against")
    actions = group.add_subparsers(metavar="ACTION", prog="triage lab", required=True)

    command = actions.add_parser("up", help="start it, with two weeks of history, and wait until all of it is ready")
    _folder(command)
    command.add_argument("--rows", type=int, default=240_000, metavar="N", help="impressions of its month")
    command.add_argument("--hours", type=float, default=4.0, metavar="H", help="the visitors leave after H hours")
    command.add_argument("--webhook", metavar="URL", help="whom its Alertmanager tells, such as 'triage serve'")
    command.add_argument("--webhook-token", type=Path, metavar="FILE", help="the bearer token to show there")
    json_flag(command)
    command.set_defaults(run=_up)

    command = actions.add_parser("status", help="what runs, where, and which faults are on")
    _folder(command)
    json_flag(command)
    command.set_defaults(run=_status)

    command = actions.add_parser("inject", help="switch a fault on while it runs, or off again with --clear")
    command.add_argument("fault", nargs="?", metavar="NAME", help="the fault (none: list them)")
    command.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings of the fault, such as severity=0.5")
    command.add_argument("--clear", action="store_true", help="switch NAME off, or every fault")
    _folder(command)
    json_flag(command)
    command.set_defaults(run=_inject)

    command = actions.add_parser("down", help="stop it; nothing is left running")
    _folder(command)
    json_flag(command)
    command.set_defaults(run=_down)


def _folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", type=Path, metavar="DIR", help="where the lab lives (default: $TRIAGE_HOME/lab)")


def _home(arguments: argparse.Namespace) -> Path:
    from triage.wiring import home

    return Path(arguments.folder) if arguments.folder else home() / "lab"


def _up(arguments: argparse.Namespace) -> int:
    from triage.lab.stack import up

    found = up(
        _home(arguments),
        webhook_url=arguments.webhook,
        webhook_bearer_file=arguments.webhook_token.absolute() if arguments.webhook_token else None,
        hours=arguments.hours,
        world_rows=arguments.rows,
        progress=progress,
    )
    return _show(found, arguments)


def _status(arguments: argparse.Namespace) -> int:
    from triage.lab.stack import status

    return _show(status(_home(arguments)), arguments)


def _show(found: "LabStatus", arguments: argparse.Namespace) -> int:
    if arguments.json:
        as_json(found)
        return 0 if found.running else 1
    for gone in found.missing:
        say(f"without {gone.name} {gone.without}; to install it: {gone.install}")
    if not found.running:
        say(f"no lab runs in {found.folder}; 'triage lab up' starts one")
        return 1
    table(
        ("SERVER", "STATE", "PID", "MEMORY", "ADDRESS"),
        (
            (one.name, one.state, str(one.pid or "–"), f"{one.memory_mib:.0f} MiB", one.url or "–")
            for one in found.processes
        ),
    )
    for fault in found.faults:
        settings = ", ".join(f"{key}={value}" for key, value in fault.settings.items())
        print(f"fault {fault.name} is on since {fault.since:%H:%M:%S} UTC ({settings})")
    print(f"catalogue: {found.catalog}")
    if found.starved:
        say(str(found.starved))
    return 0


def _inject(arguments: argparse.Namespace) -> int:
    from triage.lab.inject import FAULTS, clear, inject

    folder = _home(arguments)
    if arguments.clear:
        off = clear(folder, arguments.fault)
        if arguments.json:
            as_json(off)
        else:
            print(f"off: {', '.join(off)}" if off else "no fault was on")
        return 0
    if arguments.fault is None:
        if arguments.json:
            as_json(list(FAULTS.values()))
        else:
            table(
                ("FAULT", "CAUSE", "WHAT HAPPENS", "SETTINGS"),
                (
                    (
                        fault.name,
                        fault.cause or "nothing is wrong",
                        fault.title,
                        " ".join(f"{key}={value}" for key, value in fault.settings.items()),
                    )
                    for fault in FAULTS.values()
                ),
            )
        return 0
    injected = inject(folder, arguments.fault, **dict(_setting(text) for text in arguments.settings))
    if arguments.json:
        as_json(injected)
    else:
        print(f"{injected.fault.name} is on: {injected.fault.title}; watch {injected.watch}")
    return 0


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"'{text}' is no setting", hint="write it as KEY=VALUE, such as severity=0.5")
    return key, value


def _down(arguments: argparse.Namespace) -> int:
    from triage.lab.stack import down

    ended = down(_home(arguments))
    if arguments.json:
        as_json(ended)
    else:
        print(f"stopped: {', '.join(ended.stopped)}" if ended.stopped else f"no lab ran in {ended.folder}")
    return 0
