"""triage bench: how right the diagnosis is, on planted incidents with a known truth."""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.cli.common import json_flag
from triage.cli.output import as_json, progress, say, table

if TYPE_CHECKING:
    from triage.lab.bench.bench import Outcome

_COLUMNS = (
    ("top1_cause", "top-1 cause"),
    ("hit_at_1", "hit@1"),
    ("hit_at_3", "hit@3"),
    ("false_alarm_rate", "false alarms"),
    ("share_error_points", "share error"),
    ("brier", "Brier"),
    ("ece", "ECE"),
)


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser(
        "bench",
        help="how right the diagnosis is, on planted incidents",
        description="Plant incidents with a known cause in real data, diagnose each by the whole playbook, and compare"
        " with simpler methods on the same rows. $TRIAGE_DATA may name a folder of more data sets.",
    )
    command.add_argument("--quick", action="store_true", help="a seventh of the cases")
    command.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N", help="processes")
    command.add_argument("--seed", type=int, metavar="N", help="of the planted incidents (default: the published one)")
    command.add_argument("--worlds", type=Path, metavar="DIR", help="score a folder of your own worlds instead")
    command.add_argument("--save", type=Path, metavar="FILE", help="keep the results, with their evidence")
    command.add_argument("--saved", type=Path, metavar="FILE", help="score results that were kept, without diagnosing")
    command.add_argument(
        "--fit",
        type=Path,
        metavar="DIR",
        help="fit the scorecard on these incidents (by default those of another seed), and write it below DIR",
    )
    for tool in ("evidently", "nannyml"):
        command.add_argument(
            f"--{tool}", metavar="PYTHON", help=f"also ask {tool}, installed for this interpreter, about the same cases"
        )
    json_flag(command)
    command.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from triage.errors import UsageError
    from triage.lab.bench.bench import document
    from triage.lab.bench.fit import write_all
    from triage.lab.bench.peers import SCRIPTS, with_peers
    from triage.lab.bench.saved import save

    outcome = _outcome(arguments)
    asked = {tool: python for tool in SCRIPTS if (python := getattr(arguments, tool)) is not None}
    if asked and arguments.worlds is not None:
        raise UsageError("--evidently and --nannyml are asked about planted cases only", hint="leave --worlds out")
    outcome = replace(outcome, results=tuple(with_peers(outcome.results, asked)))
    if arguments.save is not None:
        save(outcome.results, arguments.save)
    cards = write_all(outcome.results, arguments.fit) if arguments.fit is not None else None
    report = document(outcome, cards)
    if arguments.json:
        as_json(report)
    else:
        _print(report)
    return 0


def _outcome(arguments: argparse.Namespace) -> "Outcome":
    from triage.lab.bench.bench import EVALUATION_SEED, FIT_SEED, read_bench, run_bench
    from triage.lab.bench.worlds import run_worlds

    if arguments.saved is not None:
        return read_bench(arguments.saved)
    if arguments.worlds is not None:
        return run_worlds(arguments.worlds, progress)
    usual = EVALUATION_SEED if arguments.fit is None else FIT_SEED
    seed = usual if arguments.seed is None else arguments.seed
    return run_bench(quick=arguments.quick, jobs=arguments.jobs, progress=progress, seed=seed)


def _print(report: dict[str, Any]) -> None:
    ours = [("triage", report["scores"])]
    if report["left_out"]:
        ours = [("triage (data set left out)", report["scores"]), ("triage (shipped card)", report["shipped_card"])]
    rows = [*ours, *report["baselines"].items()]
    table(["method", *(head for _, head in _COLUMNS)], ([name, *_cells(scores)] for name, scores in rows))
    for title, part in (("data set", "by_dataset"), ("family", "by_family")):
        print()
        groups = report[part].items()
        table([title, "cases", *(head for _, head in _COLUMNS)], ([n, str(s["cases"]), *_cells(s)] for n, s in groups))
    print()
    kinds = sorted({kind for row in report["confusion"].values() for kind in row})
    confused = report["confusion"].items()
    table(
        ["planted \\ named", *kinds], ([truth, *(str(row.get(kind, "")) for kind in kinds)] for truth, row in confused)
    )
    scores = report["scores"]
    each = f"{scores['seconds'] or 0:.1f} s of processor time each"
    say(f"{report['cases']} cases on {', '.join(report['datasets'])}; {each}")
    for broken in report["broken_steps"]:
        say(f"step not finished: {broken}")


def _cells(scores: dict[str, float | None]) -> list[str]:
    return ["–" if scores[name] is None else f"{scores[name]:.3g}" for name, _ in _COLUMNS]
