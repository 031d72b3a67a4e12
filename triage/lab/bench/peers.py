"""What other tools say of the same cases: the verdicts on drift of Evidently and NannyML, each in its own interpreter.

Both need other versions of pandas than this product, so each is installed elsewhere and asked as a command. A case is
planted again from its name (its rows are not kept), the same rows as the other baselines see are handed over as
Parquet, and each tool answers with its features, most drifted first, and whether it raises its alarm by its defaults.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from triage.errors import UsageError
from triage.lab.bench.baselines import Ranking, same_rows
from triage.lab.bench.case import Recipe, make
from triage.lab.bench.run import Result

EVIDENTLY = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
for folder in sorted(Path(sys.argv[1]).iterdir()):
    before, now = (pd.read_parquet(folder / f"{name}.parquet") for name in ("before", "now"))
    found = Report([DataDriftPreset()]).run(now, before).dict()["metrics"]
    drifted, alarm = {}, False
    for one in found:
        config = one["config"]
        if "column" in config:
            far = float(one["value"]) / config["threshold"]
            drifted[config["column"]] = 1 / max(far, 1e-9) if "p_value" in config["method"] else far
        elif "drift_share" in config:
            alarm = bool(one["value"]["share"] >= config["drift_share"])
    order = sorted(drifted, key=lambda name: -drifted[name])
    print(json.dumps({"case": folder.name, "features": order, "alarm": alarm}))
"""
"""Its data drift preset: alarm where half of the columns drifted; columns ranked by distance over threshold."""

NANNYML = """
import json, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import pandas as pd
import nannyml
for folder in sorted(Path(sys.argv[1]).iterdir()):
    before, now = (pd.read_parquet(folder / f"{name}.parquet") for name in ("before", "now"))
    size = max(200, len(before) // 10)
    found = nannyml.UnivariateDriftCalculator(list(before), chunk_size=size).fit(before).calculate(now)
    table = found.filter(period="analysis").to_df(multilevel=True)
    alerts = {name: float(table[name].xs("alert", axis=1, level=-1).to_numpy().mean()) for name in before}
    far = {name: float(table[name].xs("value", axis=1, level=-1).to_numpy(float).mean()) for name in before}
    order = sorted(before, key=lambda name: (-alerts[name], -far[name]))
    print(json.dumps({"case": folder.name, "features": order, "alarm": max(alerts.values()) > 0.5}))
"""
"""Its univariate drift: a feature alarms where more than half of the incident's chunks (each a tenth of the healthy
rows) lie beyond its own thresholds; features ranked as its alert-count ranker does, then by distance."""

SCRIPTS = {"evidently": EVIDENTLY, "nannyml": NANNYML}


def with_peers(results: Sequence[Result], interpreters: Mapping[str, str]) -> list[Result]:
    """``results`` with the verdict of each tool of ``interpreters`` (a key of `SCRIPTS` to a Python that has it) among
    their baselines. Raises UsageError where one can't be asked."""
    if not interpreters:
        return list(results)
    with tempfile.TemporaryDirectory(prefix="triage-peers-") as home:
        for place, one in enumerate(results):
            _hand_over(one, Path(home) / f"{place:05}")
        said = {tool: _ask(tool, python, home) for tool, python in interpreters.items()}
    return [
        replace(one, baselines={**one.baselines, **{tool: found[place] for tool, found in said.items()}})
        for place, one in enumerate(results)
    ]


def _hand_over(result: Result, folder: Path) -> None:
    dataset, model, family, severity, seed = result.name.split("/")
    case = make(Recipe(dataset, model, family, float(severity), int(seed)))
    if case is None:
        raise UsageError(f"{result.name} can't be planted again", hint="save the results anew: 'triage bench --save'")
    folder.mkdir()
    for name, rows in zip(("before", "now"), same_rows(case.healthy, case.incident), strict=True):
        rows.to_parquet(folder / f"{name}.parquet")


def _ask(tool: str, python: str, home: str) -> dict[int, Ranking]:
    try:
        done = subprocess.run(
            [python, "-c", SCRIPTS[tool], home], capture_output=True, text=True, check=False, timeout=3600
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{tool} can't be asked with {python}: {error}", hint=_hint(tool)) from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1][:200]
        raise UsageError(f"{tool} failed with {python}: {last}", hint=_hint(tool))
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {int(one["case"]): Ranking(tuple(one["features"]), bool(one["alarm"]), {}) for one in found}


def _hint(tool: str) -> str:
    return f"install {tool} and pyarrow into an environment of their own, and name its python"
