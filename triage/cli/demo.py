"""triage demo: a rehearsed incident, end to end, on a world that is made here."""

import argparse
import sys
from typing import TYPE_CHECKING, Any

from triage.cli.approvals import user
from triage.cli.common import json_flag, program
from triage.cli.incidents import open_desk, write_whole
from triage.cli.output import progress, say
from triage.errors import UsageError
from triage.plain import visible

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.incident import Incident
    from triage.lab.worlds import World

APPROVER = "demo"
"""Who approves the plans of a rehearsal that nobody decides on."""


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser(
        "demo",
        help="a rehearsed incident, end to end",
        description="story: a recommender's conversion fell 15% in 48 hours; flights: real late flights, April 2013",
    )
    command.add_argument("world", nargs="?", choices=("story", "flights"), default="story", help="default: story")
    command.add_argument("--seed", type=int, default=7, metavar="N", help="of the story's random numbers (default: 7)")
    command.add_argument(
        "--stop-at-approval", action="store_true", help="leave the decisions to you, and with them what follows"
    )
    command.add_argument(
        "--lab", action="store_true", help="on real servers that are started for it: takes about 6 minutes"
    )
    json_flag(command)
    command.set_defaults(run=_demo)


def _lab(arguments: argparse.Namespace) -> int:
    """Lab up, a fault, its page, the diagnosis against the live servers, lab down whatever happens."""
    from triage.catalog import Catalog
    from triage.lab.rehearsal import rehearse
    from triage.lab.stack import down, status, up
    from triage.wiring import home

    folder = home() / "demo-lab"
    if status(folder).running:
        raise UsageError(f"a demo runs in {folder} already", hint="wait for it, or set another TRIAGE_HOME")
    say("starting the lab: about a minute")
    try:
        lab = up(folder, owned=True, progress=say)
        alert, window = rehearse(lab, "location_campaign", say)
        desk = open_desk()
        receipt = desk.receive(alert, Catalog.load(lab.catalog), window=window)
        desk.advance(receipt.incident, progress)
    finally:
        down(folder)
    return _show(desk, receipt.incident, arguments)


def _demo(arguments: argparse.Namespace) -> int:
    if arguments.lab:
        return _lab(arguments)
    from triage.catalog import Catalog
    from triage.incident import Alert
    from triage.lab.worlds import build
    from triage.wiring import home

    world = build(arguments.world, home() / "worlds", seed=arguments.seed, progress=progress)
    goes_on = arguments.world == "story" and not arguments.stop_at_approval
    desk = _simulated(world) if goes_on else open_desk()
    alert = Alert(
        name=world.alert_name,
        model=world.model,
        starts_at=world.alert_starts_at,
        summary=world.alert_summary,
        origin=f"triage demo {arguments.world}",
        requested_by=user(),
    )
    receipt = desk.receive(alert, Catalog.load(world.catalog_path))
    incident = desk.advance(receipt.incident, progress)
    if goes_on:
        _decide(desk, incident)
    return _show(desk, receipt.incident, arguments)


def _simulated(world: "World") -> "Desk":
    """The desk of a story that goes on after the alert."""
    from triage.lab.worlds.story_release import released_desk
    from triage.wiring import home

    return released_desk(world, home())


def _decide(desk: "Desk", incident: "Incident") -> None:
    """Approve each plan as the demo, in plain words: nobody is asked, and nobody is served."""
    from triage.approval import short_digest
    from triage.incident import State

    while incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None:
        plan = incident.plan
        say(f"the plan: {plan.summary}")
        say(f"the demo approves {short_digest(plan.digest)} as 'demo'; what follows runs on simulated traffic")
        desk.approve(incident.id, plan.digest, APPROVER, account="triage demo")
        incident = desk.advance(incident.id, progress)


def _show(desk: "Desk", incident: str, arguments: argparse.Namespace) -> int:
    from triage.incident import State
    from triage.wiring import home

    closed = desk.incident(incident).state is State.CLOSED
    prevention = ["Prevention", *(f"  {line}" for line in _prevent(desk, incident))] if closed else []
    report = home() / "reports" / f"{incident}.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    write_whole(report, desk.report(incident, "html"))
    if arguments.json:
        print(desk.report(incident, "json"))
        say(f"incident {incident}, report {report}")
    else:
        next_command = _next(desk.incident(incident))
        print(desk.summary(incident, colour=sys.stdout.isatty(), next_command=next_command))
        print("\n".join([*prevention, f"Report\n  {report}"]))
    return 0


def _prevent(desk: "Desk", incident: str) -> list[str]:
    """Write the alert that would have caught it into the world's own rules folder, and say what it is."""
    from triage.errors import TriageError
    from triage.numbers import number, span
    from triage.prevention.alerts import NAMES, limit
    from triage.wiring import rules_of

    rules = rules_of(desk)
    try:
        proposal, ctx = rules.propose(incident, progress=progress)
        applied = rules.apply(ctx, proposal, user())
    except TriageError as error:
        return [visible(str(error))]
    lines = []
    if (first := proposal.soonest) is not None and (proof := first.backtest) is not None and proof.sooner_seconds:
        sooner = f"{span(abs(proof.sooner_seconds))} {'sooner' if proof.sooner_seconds > 0 else 'later'}"
        false = f"{proof.false_alarms} false alarms in {number(proof.healthy_days)} healthy days"
        what = (
            f"{NAMES[first.signal.kind]}: {first.name} {'>' if first.signal.worse == 'higher' else '<'} {limit(first)}"
        )
        lines.append(f"{what} fires {sooner} than {proposal.alert}; {false}")
    tests = {True: "passed", False: "failed", None: "were not run"}[applied.proof.tested.passed]
    where = f"{applied.written.where}/{next(name for name in applied.change.after if '/' not in name)}"
    lines.append(f"{len(proposal.kept)} rules, whose {applied.proof.cases} unit tests {tests}, are in")
    return [visible(line) for line in (*lines, f"  {where}")]


def _next(incident: "Incident") -> str:
    """The command to type after the rehearsal, as it is."""
    from triage.approval import short_digest
    from triage.incident import State

    if incident.state is State.WAITING_FOR_APPROVAL and incident.plan is not None:
        approve = f"{program()} approve {incident.id} --plan {short_digest(incident.plan.digest)}"
        return f"{approve} && {program()} resume {incident.id}"
    return f"{program()} show {incident.id}"
