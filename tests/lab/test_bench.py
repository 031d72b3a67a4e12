"""The benchmark's scores, its cases, and worlds of a user's own."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from triage.errors import NotFound, UsageError
from triage.incident import Cause, CauseKind, Diagnosis
from triage.lab.bench.case import FAMILIES, Truth, recipes
from triage.lab.bench.run import Result
from triage.lab.bench.scores import NOTHING, calibration_error, confusion, score, score_baseline
from triage.lab.bench.worlds import read_truth, run_worlds

ONSET = datetime(2026, 11, 18, tzinfo=UTC)


def _result(truths=(), causes=(), baselines=None):
    diagnosis = Diagnosis("", tuple(causes))
    return Result("case", "set", "family", tuple(truths), diagnosis, None, (), 1.0, (), baselines or {})


def _truth(kind, share=1.0, *subjects):
    return Truth(kind, "fault", subjects, share, ONSET)


def test_the_likeliest_kind_counts_with_all_its_subjects_together():
    causes = [
        Cause(CauseKind.CONCEPT_DRIFT, "", 0.4, None, ""),
        Cause(CauseKind.FEATURE_DRIFT, "a", 0.3, 0.5, ""),
        Cause(CauseKind.FEATURE_DRIFT, "b", 0.3, 0.3, ""),
    ]
    found = score([_result([_truth(CauseKind.FEATURE_DRIFT, 1.0, "b")], causes)])
    assert found.top1_cause == 1.0
    assert (found.hit_at_1, found.hit_at_3) == (0.0, 1.0)
    assert found.brier == pytest.approx(0.16)
    assert found.share_error_points == pytest.approx(20)


def test_of_two_causes_only_those_of_nearly_equal_share_are_right():
    causes = [Cause(CauseKind.CONCEPT_DRIFT, "", 0.9, None, "")]
    far = [_truth(CauseKind.DATA_QUALITY, 0.7), _truth(CauseKind.CONCEPT_DRIFT, 0.3)]
    near = [_truth(CauseKind.DATA_QUALITY, 0.55), _truth(CauseKind.CONCEPT_DRIFT, 0.45)]
    assert score([_result(far, causes)]).top1_cause == 0.0
    assert score([_result(near, causes)]).top1_cause == 1.0


def test_a_named_cause_in_a_healthy_window_is_a_false_alarm_and_an_unknown_one_is_not():
    named = _result(causes=[Cause(CauseKind.FEATURE_DRIFT, "a", 0.9, None, "")])
    unknown = _result(causes=[Cause(CauseKind.UNKNOWN, "", 0.9, None, "")])
    assert score([named, unknown, _result()]).false_alarm_rate == pytest.approx(1 / 3)


def test_a_drop_that_was_not_seen_is_missed_and_wrong():
    missed = _result([_truth(CauseKind.DATA_QUALITY)])
    assert score([missed]).missed_drops == 1.0
    assert score([missed]).top1_cause == 0.0
    assert confusion([missed]) == {"data_quality": {NOTHING: 1}}


def test_forecasts_that_come_true_as_often_as_they_say_have_no_calibration_error():
    rng = np.random.default_rng(0)
    chances = rng.uniform(0, 1, 20_000)
    honest = [(float(p), bool(u < p)) for p, u in zip(chances, rng.random(len(chances)), strict=True)]
    assert calibration_error(honest) < 0.02
    assert calibration_error([(0.9, False)] * 50) == pytest.approx(0.9)


def test_a_baseline_is_scored_on_the_same_cases():
    from triage.lab.bench.baselines import Ranking

    ranking = Ranking(("a", "b"), True, {"a": 0.25})
    planted = _result([_truth(CauseKind.FEATURE_DRIFT, 1.0, "b")], baselines={"x": ranking})
    found = score_baseline([planted, _result(baselines={"x": ranking})], "x")
    assert (found["top1_cause"], found["hit_at_1"], found["hit_at_3"], found["false_alarm_rate"]) == (1, 0, 1, 1)


def test_every_family_is_planted_each_round_and_the_same_seed_plants_the_same():
    once, again = (list(recipes(("flights", "census"), rounds=2, seed=3)) for _ in range(2))
    assert once == again
    assert [one.family for one in once[: len(FAMILIES)]] == list(FAMILIES)
    assert {one.dataset for one in once} == {"flights", "census"}


def test_a_truth_file_is_read_and_its_causes_are_ranked_by_share(tmp_path):
    path = tmp_path / "truth.json"
    causes = [
        {"kind": "concept_drift", "share_of_drop": 0.2},
        {"kind": "data_quality", "subject": "price", "accepted": ["feed"], "share_of_drop": 0.8},
    ]
    window = ["2026-11-18T00:00:00+00:00", "2026-11-20T00:00:00+00:00"]
    path.write_text(json.dumps({"windows": {"incident": window}, "causes": causes}))
    first, second = read_truth(path).truths()
    assert (first.kind, first.subjects, first.onset) == (CauseKind.DATA_QUALITY, ("price", "feed"), ONSET)
    assert second.kind is CauseKind.CONCEPT_DRIFT


@pytest.mark.parametrize("body", ["{", '{"windows": {"incident": ["yesterday", "today"]}}', "{}"])
def test_a_faulty_truth_file_is_refused_with_a_hint(tmp_path, body):
    (tmp_path / "truth.json").write_text(body)
    with pytest.raises(UsageError) as refused:
        read_truth(tmp_path / "truth.json")
    assert "docs/worlds.md" in refused.value.hint


def test_a_folder_without_worlds_is_refused(tmp_path):
    with pytest.raises(NotFound, match="no world"):
        run_worlds(tmp_path, lambda line: None)
