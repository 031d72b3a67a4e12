"""The headless command. Stdout is data, stderr is words; nothing heavy is imported before it is needed.

Exit codes: 0 nothing more to do · 1 failed · 2 usage · 3 waiting for approval · 4 needs a person.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from triage import __version__
from triage.cli import approvals, config, demo, incidents, lab, playbooks, run
from triage.cli.output import complain
from triage.errors import TriageError

_EPILOG = """\
exit codes: 0 nothing more to do, 1 failed, 2 usage, 3 waiting for approval, 4 needs a person
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
    for group in (run, incidents, approvals, demo, config, playbooks, lab):
        group.add_to(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code says how it ended."""
    try:
        arguments = parser().parse_args(argv)
        code = arguments.run(arguments)
        sys.stdout.flush()
    except TriageError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("triage: interrupted; nothing is lost, 'triage resume' goes on where this stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return int(code)
