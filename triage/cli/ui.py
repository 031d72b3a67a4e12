"""triage ui, and ``triage`` alone in a terminal: the full-screen app."""

import argparse
import importlib
import os
import sys
from typing import Any

from triage.cli.common import catalog_flag
from triage.errors import UsageError

LOOKS = ("dark", "light", "ansi", "ansi-light")


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser("ui", help="the full-screen app")
    command.add_argument("incident", nargs="?", default="", metavar="ID", help="open this incident at once")
    command.add_argument(
        "--theme",
        choices=LOOKS,
        default=os.environ.get("TRIAGE_THEME", "dark"),
        help="colours (default: $TRIAGE_THEME or dark)",
    )
    catalog_flag(command)
    command.set_defaults(run=_ui)


def wanted_alone() -> bool:
    """Whether ``triage`` without a command opens the app: only where a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ui(arguments: argparse.Namespace) -> int:
    if not wanted_alone():
        raise UsageError("the app needs a terminal", hint="'triage incidents' and 'triage show' print the same")
    # The app stands above this layer and is found by name, so that no command imports it.
    return int(importlib.import_module("tui.main").run(arguments.incident, arguments.catalog, arguments.theme))
