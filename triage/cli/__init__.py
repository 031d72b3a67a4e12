"""The headless command. Stdout is data, stderr is words; nothing heavy is imported before it is needed.

Exit codes: 0 nothing more to do · 1 failed · 2 usage · 3 waiting for approval · 4 needs a person.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence

from triage import __version__
from triage.cli import (
    alerts,
    approvals,
    bench,
    config,
    demo,
    incidents,
    lab,
    lineage,
    playbooks,
    rollout,
    rules,
    run,
    serve,
    ui,
    watch,
)
from triage.cli.output import complain
from triage.errors import TriageError, UsageError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_ALLOWED = (errno.EROFS, errno.EACCES, errno.EPERM)
_EPILOG = """\
exit codes: 0 nothing more to do, 1 failed, 2 usage, 3 waiting for approval, 4 needs a person;
130 interrupted with Ctrl-C: 'triage resume' goes on
The journal is kept in $TRIAGE_HOME (by default the user's state folder). The catalogue is --catalog,
$TRIAGE_CATALOG or ./triage.yaml."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="triage",
        description="Why did this model get worse, and what is the safe next step?",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"triage {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", prog="triage", required=True)
    asked = (run, incidents, approvals, lineage, rollout, rules, watch, serve, alerts)
    for group in (*asked, demo, bench, config, playbooks, lab, ui):
        group.add_to(commands)
    return top


def _close_stdout() -> None:
    """What is still in the buffer goes nowhere, so that the interpreter does not try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it ended. No command opens the app, where there is a terminal for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # data is UTF-8 whatever the terminal's language is
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        words = sys.argv[1:] if argv is None else argv
        if not words and not ui.wanted_alone():
            parser().print_help(sys.stderr)
            return UsageError.exit_code
        arguments = parser().parse_args(words or ["ui"])
        code = arguments.run(arguments)
        sys.stdout.flush()
    except TriageError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("triage: interrupted; nothing is lost, 'triage resume' goes on where this stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _close_stdout()
        return 1
    except OSError as error:
        if error.errno in _NO_ROOM:
            _close_stdout()
            complain(TriageError(f"can't write: {error.strerror}", hint="make room, or write to another place"))
        elif error.errno in _NOT_ALLOWED and error.filename:
            hint = "let this user read and write there, or name another place"
            complain(TriageError(f"can't use {error.filename}: {error.strerror}", hint=hint))
        else:
            raise
        return 1
    return int(code)
