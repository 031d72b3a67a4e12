"""triage incidents | show | verify | report: reading the journal."""

import argparse
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.cli.common import json_flag
from triage.cli.output import as_json, say, table
from triage.cli.times import time_of_day
from triage.errors import NotFound, StepFailed, UsageError
from triage.plain import visible

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.journal import Summary


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser("incidents", help="list incidents, newest first")
    command.add_argument("--limit", type=count, default=50, metavar="N", help="how many at most (default: 50)")
    json_flag(command)
    command.set_defaults(run=_incidents)

    command = commands.add_parser("show", help="one incident: what was found, what was ruled out, what comes next")
    _incident_argument(command)
    json_flag(command)
    command.set_defaults(run=_show)

    command = commands.add_parser("explain", help="how each piece of evidence moved each cause, in points")
    _incident_argument(command)
    json_flag(command)
    command.set_defaults(run=_explain)

    command = commands.add_parser("verify", help="check an incident's hash chain")
    _incident_argument(command)
    json_flag(command)
    command.set_defaults(run=_verify)

    command = commands.add_parser("report", help="export the incident report")
    _incident_argument(command)
    command.add_argument("--format", choices=("md", "html", "json", "pdf"), default="md", help="default: md")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_moment,
        metavar="MOMENT=TIME",
        help="write down when it was noticed, mitigated or over, where you know better: onset, detected, mitigated or"
        " resolved, RFC 3339; times are reckoned with it",
    )
    command.add_argument("--because", default="", metavar="TEXT", help="why, with --set")
    command.add_argument("--schema", action="store_true", help="print the JSON schema of --format json instead")
    command.add_argument("--out", type=Path, metavar="FILE", help="write to FILE instead of stdout")
    command.set_defaults(run=_report)


def _incident_argument(command: argparse.ArgumentParser) -> None:
    command.add_argument("incident", nargs="?", metavar="ID", help="the incident (default: the newest)")


def _moment(text: str) -> tuple[str, datetime]:
    name, equals, time = text.partition("=")
    if not equals or name not in ("onset", "detected", "mitigated", "resolved"):
        raise argparse.ArgumentTypeError("write onset, detected, mitigated or resolved, '=' and a time")
    return name, time_of_day(time)


def count(text: str) -> int:
    """An argument that is a number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number; write 1 or more")
    return int(text)


def open_desk() -> "Desk":
    """This user's desk; imported where a command needs one, so that help is instant."""
    from triage.wiring import open_desk

    return open_desk()


def chosen(desk: "Desk", arguments: argparse.Namespace) -> str:
    """The incident that was asked for, or the newest one."""
    return arguments.incident or desk.newest()


def _incidents(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    incidents = desk.incidents(arguments.limit)
    if arguments.json:
        as_json(incidents)
    elif not incidents:
        say("no incidents yet: 'triage demo' makes one, 'triage run MODEL' starts one")
    else:
        table(("ID", "OPENED", "STATE", "CAUSE", "ALERT"), map(_line, incidents))
    return 0


def _line(summary: "Summary") -> tuple[str, ...]:
    cause = "–"
    if summary.cause is not None:
        cause = f"{summary.cause}{f' {summary.subject}' if summary.subject else ''} {summary.probability or 0:.0%}"
    return summary.id, summary.opened[:16].replace("T", " "), summary.state, cause, summary.alert


def _show(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    incident = chosen(desk, arguments)
    if arguments.json:
        print(desk.report(incident, "json"))
    else:
        print(desk.summary(incident, colour=sys.stdout.isatty()))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    """Every term of the score: softmax of the sums, over the temperature, gives the probabilities."""
    desk = open_desk()
    incident = desk.incident(chosen(desk, arguments))
    if incident.diagnosis is None:
        raise NotFound(f"{incident.id} has no diagnosis yet", hint=f"'triage resume {incident.id}' goes on with it")
    terms = incident.diagnosis.contributions
    if arguments.json:
        as_json(terms)
        return 0
    probable: dict[str, float] = {}
    for cause in incident.diagnosis.causes:
        probable[cause.kind] = probable.get(cause.kind, 0.0) + cause.probability
    totals = {kind: sum(term["points"] for term in rows) for kind, rows in terms.items()}
    for kind in sorted(totals, key=lambda kind: -totals[kind]):
        likely = f"  {probable[kind]:.0%}" if kind in probable else ""
        print(f"{kind}  {totals[kind]:+.2f} points{likely}")
        for term in terms[kind]:
            found = incident.found(term["evidence"])
            said = f"{found.verdict} {found.about}: {found.statement}" if found else "prior"
            print(visible(f"  {term['points']:+6.2f}  {said}")[:110])
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    chain = desk.verify(chosen(desk, arguments))
    if arguments.json:
        as_json(chain)
    else:
        print(f"{visible(chain.incident)}: {chain.length} events, the chain holds; head {chain.head}")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    if arguments.schema:
        from triage.report import json_schema

        as_json(json_schema())
        return 0
    desk = open_desk()
    incident = chosen(desk, arguments)
    for name, at in arguments.set:
        from triage.cli.approvals import account, user
        from triage.incident import Moment

        desk.set_moment(incident, Moment(name), at, user(), reason=arguments.because, account=account())
        say(f"{incident}: {name} set to {at:%Y-%m-%d %H:%M} UTC")
    if arguments.format == "pdf" and arguments.out is None:
        raise UsageError("a PDF is no text", hint="name a file: --out incident.pdf")
    body = desk.report_pdf(incident) if arguments.format == "pdf" else desk.report(incident, arguments.format)
    if arguments.out is None:
        sys.stdout.write(str(body))
        return 0
    write_whole(arguments.out, body)
    say(f"{incident}: report written to {arguments.out}")
    return 0


def write_whole(path: Path, body: str | bytes) -> None:
    """Write ``path`` so that it is there whole or not at all; a device or a pipe is written to, never replaced.

    Raises StepFailed when it can't be written.
    """
    if not path.name or path.is_dir():
        raise StepFailed(f"can't write {path}: it is a folder", hint="name a file in it")
    path = path.resolve() if path.is_symlink() else path
    content = body if isinstance(body, bytes) else body.encode()
    beside = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise StepFailed(f"can't write {path}: {error.strerror}", hint="choose another place for it") from error
