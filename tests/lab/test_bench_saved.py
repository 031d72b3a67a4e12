"""Results of a benchmark in a file."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from triage.cli import main
from triage.diagnosis.diagnose import diagnose
from triage.diagnosis.scorecard import shipped
from triage.errors import UsageError
from triage.incident import CauseKind, Drop, Evidence, Measure, Verdict
from triage.lab.bench.baselines import Ranking
from triage.lab.bench.case import Truth
from triage.lab.bench.run import Result
from triage.lab.bench.saved import load, save, weighed_again

ONSET = datetime(2026, 11, 18, tzinfo=UTC)
DROP = Drop("loss", "", 1.0, 2.0, 1.0, 0.8, 1.2, worse=True)


def _result(dataset: str = "flights") -> Result:
    share = Measure("share_of_drop", 0.9, "", 0.8, 1.0)
    evidence = Evidence(
        "feature_drift.x", "s", CauseKind.FEATURE_DRIFT, Verdict.SUPPORTS, "x moved", "x", (share,), chart={"a": [1]}
    )
    truth = Truth(CauseKind.FEATURE_DRIFT, "population", ("x",), 1.0, ONSET)
    found = diagnose([evidence], DROP, shipped())
    baselines = {"max_psi": Ranking(("x",), True, {"x": 1.0})}
    return Result(f"{dataset}/1", dataset, "population", (truth,), found, None, (evidence,), 1.5, (), baselines)


def test_results_come_back_as_they_were_without_their_charts(tmp_path):
    kept = _result()
    save([kept], tmp_path / "results.jsonl")
    (back,) = load(tmp_path / "results.jsonl")
    assert back.evidence == (replace(kept.evidence[0], chart=None),)
    assert (back.truths, back.baselines, back.seconds) == (kept.truths, kept.baselines, kept.seconds)
    assert back.diagnosis is not None
    assert back.diagnosis.causes == kept.diagnosis.causes


def test_the_same_evidence_under_another_card_is_another_diagnosis():
    card = shipped()
    prior = {**card.prior, CauseKind.SEASONAL: 50.0}
    again = weighed_again(_result(), replace(card, prior=prior))
    assert again.diagnosis.causes[0].kind is CauseKind.SEASONAL
    assert weighed_again(again, card).diagnosis == _result().diagnosis


@pytest.mark.parametrize("body", ["", "\n", "{", "{}", '{"name": 1, "baselines": 3}', "[1]"])
def test_a_file_that_holds_no_results_is_refused_with_a_hint(tmp_path, body):
    path = tmp_path / "x.jsonl"
    path.write_text(body)
    with pytest.raises(UsageError) as refused:
        load(path)
    assert "--save" in refused.value.hint


def test_a_fit_writes_a_card_for_the_product_and_one_without_each_data_set(tmp_path, capsys):
    save([_result(name) for name in ("flights", "census") for _ in range(12)], tmp_path / "results.jsonl")
    assert main(["bench", "--saved", str(tmp_path / "results.jsonl"), "--fit", str(tmp_path / "cards")]) == 0
    out = capsys.readouterr().out
    assert "data set left out" in out
    assert sorted(path.name for path in (tmp_path / "cards").iterdir()) == [
        "scorecard.yaml", "without_census.yaml", "without_flights.yaml",
    ]  # fmt: skip
    card = shipped(tmp_path / "cards" / "scorecard.yaml")
    assert set(card.prior) == set(CauseKind)


def test_a_fit_on_one_data_set_is_refused(tmp_path):
    save([_result()], tmp_path / "results.jsonl")
    assert main(["bench", "--saved", str(tmp_path / "results.jsonl"), "--fit", str(tmp_path / "cards")]) == 2
    assert not (tmp_path / "cards").exists()
