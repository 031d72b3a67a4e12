"""triage bench: how right the diagnosis is, on planted incidents with a known truth."""

import argparse
import os
from pathlib import Path
from typing import Any

from triage.cli.common import json_flag
from triage.cli.output import as_json, progress, say, table

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
    command.add_argument("--quick", action="store_true", help="a seventh of the cases: at most five minutes")
    command.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N", help="processes")
    command.add_argument("--seed", type=int, metavar="N", help="of the planted incidents (default: the published one)")
    command.add_argument("--worlds", type=Path, metavar="DIR", help="score a folder of your own worlds instead")
    json_flag(command)
    command.set_defaults(run=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    from triage.lab.bench.bench import EVALUATION_SEED, document, run_bench

    if arguments.worlds is not None:
        from triage.lab.bench.worlds import run_worlds

        outcome = run_worlds(arguments.worlds, progress)
    else:
        seed = EVALUATION_SEED if arguments.seed is None else arguments.seed
        outcome = run_bench(quick=arguments.quick, jobs=arguments.jobs, progress=progress, seed=seed)
    report = document(outcome)
    if arguments.json:
        as_json(report)
    else:
        _print(report)
    return 0


def _print(report: dict[str, Any]) -> None:
    rows = [("triage", report["scores"]), *report["baselines"].items()]
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
