"""Other tools' verdicts on the benchmark's cases. A script of a few lines stands in for a tool."""

import sys

import pytest

from triage.errors import UsageError
from triage.lab.bench import peers
from triage.lab.bench.case import Recipe, make
from triage.lab.bench.peers import with_peers
from triage.lab.bench.run import Result

STAND_IN = """
import json, sys
from pathlib import Path
import pandas as pd
for folder in sorted(Path(sys.argv[1]).iterdir()):
    before, now = (pd.read_parquet(folder / f"{name}.parquet") for name in ("before", "now"))
    far = {name: abs(now[name].isna().mean() - before[name].isna().mean()) for name in before}
    order = sorted(far, key=lambda name: -far[name])
    print(json.dumps({"case": folder.name, "features": order, "alarm": bool(far[order[0]] > 0.1)}))
"""
RECIPE = Recipe("flights", "linear", "source_outage", 1.0, 21_000_087)


@pytest.fixture
def result() -> Result:
    return Result(RECIPE.name, "flights", RECIPE.family, (), None, None, (), 1.0, (), {})


def test_a_tool_is_shown_the_rows_of_the_case_again(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next((made for seed in range(40) if (made := make(RECIPE._replace(seed=seed))) is not None), None)
    assert case is not None
    named = Result(case.recipe.name, "flights", case.recipe.family, case.truths, None, None, (), 1.0, (), {})
    monkeypatch.setitem(peers.SCRIPTS, "nannyml", STAND_IN)
    (found,) = with_peers([named], {"nannyml": sys.executable})
    assert found.baselines["nannyml"].alarm
    assert found.baselines["nannyml"].features[0] in case.truths[0].subjects
    assert with_peers([named], {}) == [named]


def test_a_tool_that_can_not_be_asked_is_named_with_its_last_words(result: Result) -> None:
    with pytest.raises(UsageError, match="can't be asked with /nowhere"):
        with_peers([], {"evidently": "/nowhere/python"})
    with pytest.raises(UsageError, match=r"evidently failed .* No module named 'evidently'"):
        with_peers([], {"evidently": sys.executable})
