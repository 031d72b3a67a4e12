"""How fast the command starts, as a ratio to an interpreter that does nothing.

    python -m bench.startup [--repeats 15]

Runs are interleaved, each a process of its own; the journal that `triage incidents` reads is a fresh one. The least of
processor and wall seconds over all runs is taken, for other work on a machine only ever adds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from resource import RUSAGE_CHILDREN, getrusage

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "triage --help": ["-m", "triage", "--help"],
    "triage incidents": ["-m", "triage", "incidents"],
    "triage playbook list": ["-m", "triage", "playbook", "list"],
}
FLOOR = "python -c pass"
BOUND = ("triage --help", "triage incidents")


def run(arguments: list[str], home: str) -> tuple[float, float]:
    """Wall and processor seconds of one process."""
    before, wall = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "TRIAGE_HOME": home, "PYTHONPYCACHEPREFIX": os.path.join(home, "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode beside it
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    wall, after = time.perf_counter() - wall, getrusage(RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast the command starts.")
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as home:
        for index in range(repeats + 1):
            for name, arguments in COMMANDS.items():
                taken = run(arguments, home)
                if index:
                    found[name].append(taken)
    least = {name: (min(wall for wall, _ in runs), min(cpu for _, cpu in runs)) for name, runs in found.items()}
    print(f"least of {repeats} interleaved runs\n")
    print("| what | wall ms | × floor | CPU ms | × floor | target |\n|---|---|---|---|---|---|")
    for name, (wall, cpu) in least.items():
        target = "≤ 6" if name in BOUND else ""
        ratios = wall / least[FLOOR][0], cpu / least[FLOOR][1]
        print(f"| {name} | {wall * 1e3:.0f} | {ratios[0]:.1f} | {cpu * 1e3:.0f} | {ratios[1]:.1f} | {target} |")


if __name__ == "__main__":
    main()
