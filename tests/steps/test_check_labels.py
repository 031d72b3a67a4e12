"""Labels that did not come, and what they can explain at most."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.light_world import START, World, world
from triage.incident import Evidence, Verdict


def without_labels(made: World, wanted: object, share: float) -> World:
    """The same world, in which ``share`` of the incident's labels that are ``wanted`` never come."""
    truth = made.tables["truth"].to_pandas()
    late = (truth["arrived"] > pd.Timestamp(START)).to_numpy()
    lost = late & (truth["bought"] == wanted).to_numpy() & (np.random.default_rng(0).random(len(truth)) < share)
    made.tables["truth"] = pa.Table.from_pandas(truth[~lost], preserve_index=False)
    return made


def found(made: World, home: Path) -> Evidence:
    return next(item for item in made.run(home).evidence if item.id == "label_fault")


def test_labels_that_all_came_are_to_be_trusted(tmp_path: Path) -> None:
    assert found(world(per_hour=60), tmp_path).verdict is Verdict.REFUTES


@pytest.mark.parametrize(("share", "verdict"), [(0.9, Verdict.SUPPORTS), (0.3, Verdict.INCONCLUSIVE)])
def test_missing_labels_are_a_cause_only_as_far_as_the_best_of_them_would_explain_the_drop(
    share: float, verdict: Verdict, tmp_path: Path
) -> None:
    evidence = found(without_labels(world(per_hour=60, far=0.9), 1, share), tmp_path)
    assert "of rows have a label" in evidence.statement
    assert evidence.verdict is verdict
