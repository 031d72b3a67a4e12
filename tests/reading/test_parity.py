"""Served rows beside the few that the pipeline keeps of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.light_world import START, World, series, world
from triage.incident import CauseKind, Verdict


def skewed(kept_one_in: int) -> World:
    """In the incident the model was asked with blurred bargains, and what it then showed sold badly; the pipeline kept
    one row in ``kept_one_in``, as it ought to have been served."""
    made = world(40, far=0.1)
    right = made.tables["log"].to_pandas()
    late = right["at"] >= pd.Timestamp(START)
    made.keep_pipeline(right[right.index % kept_one_in == 0])
    noise = np.random.default_rng(2).random(len(right))
    blurred = right["bargain"].where(~late, (0.8 * right["bargain"] + 0.2 * noise).round(3))
    far = (right["place"] == "ZH").to_numpy()
    made.change(
        "log",
        bargain=lambda rows: blurred,
        score=lambda rows: np.clip(0.2 + 0.3 * blurred.to_numpy() - 0.15 * far, 0.01, 0.99),
    )
    sold = np.random.default_rng(3).random(len(right)) < right["score"] * np.where(
        late & (right["bargain"] > 0.5), 0.35, 1.0
    )
    made.change("truth", bought=lambda rows: sold.astype("int64").to_numpy())
    made.answers["kpi"] = series(0.335, 0.4, np.random.default_rng(4))
    return made


@pytest.mark.parametrize("kept_one_in", [1, 20])
def test_what_was_served_wrong_is_no_change_of_concept_however_few_rows_the_pipeline_keeps(
    tmp_path: Path, kept_one_in: int
) -> None:
    incident = skewed(kept_one_in).run(tmp_path)
    found = {item.id: item for item in incident.evidence}
    assert found["serving_skew"].verdict is Verdict.SUPPORTS
    assert found["concept_drift"].verdict is Verdict.INCONCLUSIVE
    assert "bargain was served wrong, so inputs were not equal" in found["concept_drift"].statement
    assert incident.diagnosis is not None
    assert incident.diagnosis.causes[0].kind is CauseKind.SERVING_SKEW
