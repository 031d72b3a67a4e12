"""triage playbook list | show | lint | schema, and triage steps."""

import argparse
from pathlib import Path
from typing import Any

from triage.cli.common import json_flag
from triage.cli.output import as_json, say, table
from triage.errors import ConfigError, Fault


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    group = commands.add_parser("playbook", help="list, show and check playbooks")
    actions = group.add_subparsers(metavar="ACTION", prog="triage playbook", required=True)

    command = actions.add_parser("list", help="the playbooks there are")
    json_flag(command)
    command.set_defaults(run=_list)

    command = actions.add_parser("show", help="one playbook's steps, in the order they run")
    command.add_argument("playbook", metavar="NAME", help="a name or a file")
    json_flag(command)
    command.set_defaults(run=_show)

    command = actions.add_parser("lint", help="check playbooks; every fault with file:line and a hint")
    command.add_argument("playbooks", nargs="*", metavar="NAME", help="names or files (default: all of them)")
    json_flag(command)
    command.set_defaults(run=_lint)

    command = actions.add_parser("schema", help="the JSON schema of a playbook file")
    command.set_defaults(run=_schema)

    command = commands.add_parser("steps", help="the steps a playbook can use, with their parameters")
    json_flag(command)
    command.set_defaults(run=_steps)


def _path(name: str) -> Path:
    from triage.playbook import find

    return Path(name) if name.endswith((".yaml", ".yml")) else find(name, (Path("playbooks"),))


def _all() -> list[Path]:
    from triage.playbook import every

    return list(every((Path("playbooks"),)).values())


def _list(arguments: argparse.Namespace) -> int:
    from triage.playbook import Playbook

    books = [Playbook.outline(path) for path in _all()]
    if arguments.json:
        as_json([{"name": book.name, "title": book.title, "alerts": book.alerts} for book in books])
    else:
        table(("NAME", "TITLE", "ALERTS"), ((book.name, book.title, ", ".join(book.alerts)) for book in books))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from triage.playbook import Playbook

    book = Playbook.load(_path(arguments.playbook))
    if arguments.json:
        as_json(book.spec.model_dump(mode="json", by_alias=True))
        return 0
    print(f"{book.name}: {book.spec.title}\n{book.spec.description}".rstrip() + "\n")
    table(
        ("STEP", "USES", "NEEDS", "ON ERROR", "TIMEOUT"),
        (
            (step.id, step.uses, ", ".join(step.needs) or "–", step.on_error, f"{step.timeout.total_seconds():g} s")
            for step in book.steps
        ),
    )
    return 0


def _lint(arguments: argparse.Namespace) -> int:
    from triage.playbook import Playbook

    paths = [_path(name) for name in arguments.playbooks] or _all()
    faults: list[Fault] = []
    for path in paths:
        try:
            Playbook.load(path)
        except ConfigError as error:
            faults += error.faults
    if arguments.json:
        as_json({"files": [str(path) for path in paths], "faults": faults})
    elif not faults:
        print(f"{len(paths)} playbook{'s' if len(paths) != 1 else ''} checked, no fault found")
    if faults and not arguments.json:
        for fault in faults:
            say(str(fault))
    return ConfigError.exit_code if faults else 0


def _schema(arguments: argparse.Namespace) -> int:
    from triage.playbook import Spec

    as_json(Spec.model_json_schema(by_alias=True))
    return 0


def _steps(arguments: argparse.Namespace) -> int:
    from triage.step import load, names

    steps = [load(name) for name in names()]
    if arguments.json:
        rows = [(step.name, step.summary, step.effect, step.params.model_json_schema()) for step in steps]
        as_json([dict(zip(("name", "summary", "effect", "params"), row, strict=True)) for row in rows])
        return 0
    table(
        ("STEP", "EFFECT", "PARAMETERS", "WHAT IT DOES"),
        ((step.name, step.effect, ", ".join(step.params.model_fields) or "–", step.summary) for step in steps),
    )
    return 0
