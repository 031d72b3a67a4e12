"""Results of a benchmark kept in a file: one JSON object a line, with the evidence, so that a scorecard can be fitted
or tried without a new diagnosis."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from triage.codec import canonical, decode, encode
from triage.diagnosis.diagnose import diagnose
from triage.diagnosis.plan import plan
from triage.diagnosis.scorecard import Scorecard
from triage.errors import UsageError
from triage.lab.bench.baselines import Ranking
from triage.lab.bench.run import Result

HINT = "'triage bench --save FILE' writes such a file"


def save(results: Iterable[Result], path: Path) -> None:
    """Write ``results``; charts and sources are left out, no score needs them."""
    lines = []
    for one in results:
        lean = tuple(replace(item, chart=None, sources=()) for item in one.evidence)
        lines.append(canonical(replace(one, evidence=lean)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(path: Path) -> list[Result]:
    """The results in ``path``. Raises UsageError where it is not such a file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [_result(json.loads(line)) for line in lines if line.strip()]
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", hint=HINT) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} holds no results of a benchmark: {error}", hint=HINT) from None
    if not found:
        raise UsageError(f"{path} holds no results of a benchmark: it is empty", hint=HINT)
    return found


def weighed_again(result: Result, card: Scorecard) -> Result:
    """``result`` as it would be under another scorecard: the same evidence, diagnosed and planned anew."""
    if result.diagnosis is None:
        return result
    again = diagnose(result.evidence, result.drop, card)
    return replace(result, diagnosis=again, plan=plan(again, "model", "", result.evidence))


def _result(data: dict[str, Any]) -> Result:
    baselines = {
        name: Ranking(tuple(one["features"]), one["alarm"], one["shares"])
        for name, one in encode(data.pop("baselines")).items()
    }
    return replace(decode(Result, {**data, "baselines": {}}), baselines=baselines)
