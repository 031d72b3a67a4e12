"""triage alerts: what arrived at `triage serve`, and what became of it."""

import argparse
from typing import TYPE_CHECKING, Any

from triage.cli.common import json_flag
from triage.cli.incidents import count
from triage.cli.output import as_json, say, table

if TYPE_CHECKING:
    from triage.webhook.inbox import Known


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser(
        "alerts",
        help="what arrived at 'triage serve', and what became of it",
        description="started: opened an incident; joined: belongs to one; held: waits, and starts then;"
        " parked: for a person to look at; unknown: the catalogue has no model or playbook for it; over: resolved"
        " before a run started, and none is due",
    )
    command.add_argument("--limit", type=count, default=50, metavar="N", help="how many at most (default: 50)")
    command.add_argument("--refused", action="store_true", help="deliveries that were refused, and why")
    command.add_argument(
        "--only", choices=("started", "joined", "held", "parked", "unknown", "over"), help="those of one kind"
    )
    json_flag(command)
    command.set_defaults(run=_alerts)


def _alerts(arguments: argparse.Namespace) -> int:
    from triage.webhook.inbox import INBOX, Inbox
    from triage.wiring import home

    path = home() / INBOX
    if not path.exists():
        if arguments.json:
            as_json([])
        say(f"no inbox at {path}: nothing has arrived; 'triage serve' receives alerts")
        return 0
    inbox = Inbox(path)
    if arguments.refused:
        refused = inbox.refusals(arguments.limit)
        if arguments.json:
            as_json(refused)
        else:
            table(
                ("DELIVERY", "ARRIVED", "FROM", "BYTES", "WHY"),
                ((str(one.id), _when(one.received_at), f"{one.origin} {one.address}", str(one.bytes), one.reason)
                 for one in refused),
            )  # fmt: skip
        return 0
    found = inbox.alerts(arguments.limit) if not arguments.only else inbox.alerts(100_000)
    found = tuple(one for one in found if arguments.only in (None, one.decision.value))[: arguments.limit]
    if arguments.json:
        as_json(found)
    else:
        table(("LAST SEEN", "ALERT", "MODEL", "FIRES", "TIMES", "BECAME", "INCIDENT OR REASON"), map(_line, found))
    return 0


def _line(alert: "Known") -> tuple[str, ...]:
    return (
        f"{alert.last_seen:%Y-%m-%d %H:%M}",
        alert.name or "–",
        alert.model or "–",
        "yes" if alert.firing else "no",
        str(alert.deliveries),
        alert.decision.value,
        alert.incident or alert.reason,
    )


def _when(time: str) -> str:
    return time[:16].replace("T", " ")
