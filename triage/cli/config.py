"""triage config init | schema | check, and triage doctor."""

import argparse
from pathlib import Path
from typing import Any

from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.incidents import write_whole
from triage.cli.output import as_json, say, table
from triage.errors import ConfigError, UsageError


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    group = commands.add_parser("config", help="write, check and describe the catalogue, triage.yaml")
    actions = group.add_subparsers(metavar="ACTION", prog="triage config", required=True)

    command = actions.add_parser("init", help="write a commented starter, with queries for the metrics you have")
    command.add_argument("path", nargs="?", type=Path, default=Path("triage.yaml"), metavar="FILE")
    command.add_argument("--prometheus", metavar="URL", help="propose KPI and service levels from what this server has")
    command.add_argument(
        "--matcher", default="", metavar="LABELS", help="""label matchers for every query, such as 'job="api"'"""
    )
    command.set_defaults(run=_init)

    command = actions.add_parser("schema", help="the JSON schema of the catalogue")
    command.set_defaults(run=_schema)

    command = actions.add_parser("check", help="check the catalogue; every fault with file:line and a hint")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_check)

    command = commands.add_parser("doctor", help="check every connection and data source that the catalogue names")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_doctor)


def _init(arguments: argparse.Namespace) -> int:
    from triage.starter import init_text

    if arguments.path.exists():
        raise UsageError(
            f"{arguments.path} exists and is left alone", hint="name another file: triage config init FILE"
        )
    if arguments.prometheus is None:
        write_whole(arguments.path, init_text())
        say(f"{arguments.path} written; edit it, then run 'triage doctor'")
        return 0
    from triage.wiring import proposed

    url, found = proposed(arguments.prometheus, arguments.matcher)
    write_whole(arguments.path, init_text(url, found))
    names = ", ".join(one.name for one in found if not one.trouble) or "none: no metric is known here"
    say(f"{arguments.path} written; proposed from the metrics of {url}: {names}")
    say("targets are guesses and names are examples: edit it, then run 'triage doctor'")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from triage.catalog import json_schema

    as_json(json_schema())
    return 0


def _check(arguments: argparse.Namespace) -> int:
    try:
        catalog = load_catalog(arguments.catalog)
    except ConfigError as error:
        if not arguments.json:
            raise
        as_json({"file": str(arguments.catalog), "faults": error.faults})
        return error.exit_code
    if arguments.json:
        as_json({"file": str(arguments.catalog), "faults": []})
        return 0
    print(f"{arguments.catalog}: {len(catalog.models)} models, {len(catalog.datasets)} datasets, no fault found")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from triage.doctor import run_checks
    from triage.wiring import alertmanagers, connect

    catalog = load_catalog(arguments.catalog)
    also = {f"serve: alertmanager {place}": one.check for place, one in enumerate(alertmanagers(catalog), 1)}
    checks = run_checks(catalog, connect(catalog), also=also)
    if arguments.json:
        as_json(checks)
    else:
        table(("", "WHAT", "RESULT"), ((_GLYPHS[check.status], check.what, check.detail) for check in checks))
        for check in checks:
            if check.hint:
                say(f"{check.what}: {check.hint}")
    return 1 if any(check.status == "failed" for check in checks) else 0


_GLYPHS = {"ok": "✔ ok", "failed": "✘ failed", "warning": "! warning", "skipped": "– skipped"}
