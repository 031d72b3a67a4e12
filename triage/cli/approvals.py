"""triage approve | reject | abort | rollback | take: what a person says to a plan, and who has an incident.

Also triage note: a person's words in a section of the report."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from triage.cli.common import json_flag
from triage.cli.incidents import chosen, open_desk
from triage.cli.output import say
from triage.cli.times import length_of_time
from triage.errors import UsageError
from triage.plain import visible

if TYPE_CHECKING:
    from triage.incident import Incident


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = _command(commands, "approve", "let a plan's change happen, once", reason=False)
    command.add_argument("--ttl", type=length_of_time, metavar="4h", help="how long it holds (at most the catalogue's)")
    command.add_argument("--plan", metavar="DIGEST", help="the plan that is meant, by its first 12 digits or more")
    words = "approve the plan that was shown without typing its digits; without a terminal name it with --plan"
    command.add_argument("--yes", action="store_true", help=words)
    command.set_defaults(run=_approve)
    command = _command(commands, "reject", "say no to a plan", reason=True)
    command.set_defaults(run=_reject)
    command = _command(commands, "abort", "end an incident, also while a step of it runs", reason=True)
    command.set_defaults(run=_abort)
    command = _command(commands, "rollback", "back to the champion that an incident's release replaced", reason=True)
    command.set_defaults(run=_rollback)
    command = _command(commands, "take", "say that you have an incident, so that others see it", reason=False)
    command.add_argument("--back", action="store_true", help="give it back instead: nobody has it")
    command.set_defaults(run=_take)
    command = _command(commands, "note", "write a section of the report, beside what was found", reason=False)
    sections = ("summary", "impact", "lessons", "went_well", "went_wrong", "got_lucky", "action_items")
    command.add_argument("--section", choices=sections, required=True, help="which section")
    command.add_argument("--text", required=True, metavar="TEXT", help="what to say; empty takes it away again")
    command.set_defaults(run=_note)


def _command(
    commands: "argparse._SubParsersAction[Any]", name: str, words: str, *, reason: bool
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=words)
    command.add_argument("incident", nargs="?", metavar="ID", help="the incident (default: the newest)")
    command.add_argument("--by", type=_name, metavar="NAME", help="who says so (default: this account's user)")
    if reason:
        command.add_argument("--reason", required=True, metavar="TEXT", help="why, for the record")
    json_flag(command)
    return command


def user() -> str:
    """The name of the user who runs this process."""
    try:
        import getpass

        return getpass.getuser()
    except (OSError, KeyError):  # an id without a name
        import os

        return f"uid {os.getuid()}"


def account() -> str:
    """Where a decision was typed: user and host, as the operating system says."""
    import socket

    return f"{user()}@{socket.gethostname()}"


def _approve(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    incident, waits = desk.awaiting(chosen(desk, arguments))
    plan = arguments.plan
    if plan is None:
        _show(incident)
        plan = _asked(incident.id, waits.digest, yes=arguments.yes)
    approved = desk.approve(incident.id, plan, arguments.by or user(), account=account(), ttl=arguments.ttl)
    assert approved.approval is not None
    if arguments.json:
        from triage.cli.output import as_json

        as_json(approved.approval)
    until = f"{approved.approval.until:%Y-%m-%d %H:%M} UTC"
    say(f"{incident.id}: plan approved by {approved.approval.by} until {until}; next: triage resume {incident.id}")
    return 0


def _show(incident: "Incident") -> None:
    """The plan, on stderr: what changes, how far it reaches, how it is undone."""
    plan = incident.plan
    assert plan is not None
    say(f"{incident.id}: {plan.summary}")
    for place, action in enumerate(plan.actions, 1):
        say(f"  {place}  {action.title}: {action.before or '–'} → {action.after or '–'}")
        for name, text in (("reaches", action.blast_radius), ("risk", action.risk), ("undone by", action.undo)):
            if text:
                say(f"     {name}: {text}")
    covered = [action for action in plan.actions if action.step in plan.covers]
    reached = any(action.reaches_users for action in covered)
    what = ", ".join(plan.covers) or "nothing"
    served = "what users are served changes with it" if reached else "nothing that users are served changes with it"
    say(f"This approves, once each: {what}; {served}.")


def _asked(incident: str, digest: str, *, yes: bool) -> str:
    from triage.approval import short_digest

    short = short_digest(digest)
    if not sys.stdin.isatty():
        why = "--yes approves what a person was shown, and here" if yes else "there is no terminal to ask at, so"
        raise UsageError(
            f"{why} the plan has to be named",
            hint=f"triage approve {incident} --plan {short}",
        )
    if yes:
        return digest
    print(f"Type the plan's first digits, {short}, to approve it: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _reject(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    rejected = desk.reject(chosen(desk, arguments), arguments.reason, arguments.by or user(), account=account())
    return _said(rejected, as_document=arguments.json)


def _abort(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    aborted = desk.abort(chosen(desk, arguments), arguments.reason, arguments.by or user())
    return _said(aborted, as_document=arguments.json)


def _take(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    by = "" if arguments.back else arguments.by or user()
    taken = desk.take(chosen(desk, arguments), by, account=account())
    if arguments.json:
        from triage.cli.output import as_json

        as_json({"incident": taken.id, "owner": taken.owner})
    say(f"{taken.id}: {f'{taken.owner} has it' if taken.owner else 'nobody has it'}")
    return 0


def _note(arguments: argparse.Namespace) -> int:
    from triage.incident import Section

    desk = open_desk()
    section = Section(arguments.section)
    noted = desk.note(chosen(desk, arguments), section, arguments.text, arguments.by or user(), account=account())
    if arguments.json:
        from triage.cli.output import as_json

        as_json(noted.notes)
    say(f"{noted.id}: {section} {'written' if arguments.text.strip() else 'taken away'}")
    return 0


def _rollback(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    back = desk.rollback(chosen(desk, arguments), arguments.reason, arguments.by or user(), account=account())
    return _said(back, as_document=arguments.json)


def _said(incident: "Incident", *, as_document: bool) -> int:
    if as_document:
        from triage.cli.output import as_json

        as_json({"incident": incident.id, "state": incident.state, "reason": incident.state_reason})
    say(f"{incident.id}: {incident.state_reason}")
    return 0


def _name(text: str) -> str:
    name = visible(text).strip()
    if not name:
        raise argparse.ArgumentTypeError("a name is needed")
    return name[:100]
