"""triage ui, and ``triage`` alone in a terminal: the full-screen app."""

import argparse
import importlib
import os
import sys
from pathlib import Path
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
    command.add_argument("--read-only", action="store_true", help="look only: start, decide and change nothing")
    command.add_argument("--keys", action="store_true", help="print the names of all keys, to change them in keys.yaml")
    command.add_argument("--web", action="store_true", help="serve it to browsers instead of opening it here")
    command.add_argument("--host", default="127.0.0.1", help="where --web listens (default: this machine alone)")
    command.add_argument("--port", type=int, default=8421, help="its port (default: 8421)")
    catalog_flag(command)
    command.set_defaults(run=_ui)


def wanted_alone() -> bool:
    """Whether ``triage`` without a command opens the app: only where a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _ui(arguments: argparse.Namespace) -> int:
    if arguments.keys:
        sys.stdout.write(importlib.import_module("tui.keys").starter())
        return 0
    if arguments.web:
        return _web(arguments)
    if not wanted_alone() and "TRIAGE_WEB_PARENT" not in os.environ:
        raise UsageError("the app needs a terminal", hint="'triage incidents' and 'triage show' print the same")
    from triage.wiring import home

    folder = home()
    keys = Path(os.environ.get("TRIAGE_KEYS") or folder / "keys.yaml")
    # The app stands above this layer and is found by name, so that no command imports it.
    opened = importlib.import_module("tui.main").run(
        arguments.incident,
        arguments.catalog,
        folder,
        look=arguments.theme,
        read_only=arguments.read_only,
        keys=keys,
    )
    return int(opened)


def _web(arguments: argparse.Namespace) -> int:
    """Serve the same command, without ``--web``, to every browser that is let in."""
    words = [sys.executable, "-m", "triage", "ui", "--theme", arguments.theme, "--catalog", str(arguments.catalog)]
    words += ["--read-only"] if arguments.read_only else []
    words += [arguments.incident] if arguments.incident else []
    try:
        server = importlib.import_module("tui.web.server")
    except ImportError as error:
        raise UsageError(f"--web needs {error.name}", hint="pip install 'triage[web]'") from error
    token = os.environ.get("TRIAGE_WEB_TOKEN", "")
    return int(server.serve(words, host=arguments.host, port=arguments.port, token=token))
