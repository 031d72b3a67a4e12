"""Arguments that several commands share."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from triage.errors import NotFound

if TYPE_CHECKING:
    from triage.catalog import Catalog


def program() -> str:
    """What to type to run this command again: its name where that is on PATH, else the way to it."""
    import shutil

    invoked = Path(sys.argv[0])
    found = shutil.which(invoked.name)
    if found is not None and Path(found).resolve() == invoked.resolve():
        return invoked.name
    return os.path.relpath(invoked) if invoked.exists() else invoked.name


def json_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def catalog_flag(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--catalog",
        type=Path,
        default=Path(os.environ.get("TRIAGE_CATALOG", "triage.yaml")),
        metavar="FILE",
        help="the catalogue (default: $TRIAGE_CATALOG or ./triage.yaml)",
    )


def load_catalog(path: Path) -> "Catalog":
    """Raises NotFound with the way to make one, ConfigError with every fault."""
    from triage.catalog import Catalog

    if not path.exists():
        raise NotFound(f"no catalogue at {path}", hint="'triage config init' writes a commented starter")
    return Catalog.load(path)
