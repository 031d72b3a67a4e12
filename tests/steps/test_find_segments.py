"""Where the loss is, whoever is to blame for it."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.light_world import START, World, world
from triage.incident import Evidence, Verdict


def flipped() -> World:
    """Since the incident nobody in `GE` buys what is a good bargain; nothing else is different."""
    made = world(40, far=0.1)
    log, truth = made.tables["log"].to_pandas(), made.tables["truth"].to_pandas()
    lost = (log["at"] >= START) & (log["place"] == "GE") & (log["bargain"] > 0.4)
    truth["bought"] = truth["bought"].where(~lost.to_numpy(), 0)
    made.tables["truth"] = pa.Table.from_pandas(truth, preserve_index=False)
    return made


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Evidence]:
    return {item.id: item for item in flipped().run(tmp_path_factory.mktemp("home")).evidence}


def test_the_segment_that_lost_is_named_with_its_part_of_the_loss(evidence: dict[str, Evidence]) -> None:
    assert evidence["segments"].verdict is Verdict.SUPPORTS
    first = evidence["segments.1"]
    assert first.subject.startswith("place = GE")
    assert (first.measure("part_of_loss") or 0.0) > 0.3
    assert (first.measure("p_value") or 0.0) < 0.01
    assert "of what all rows lost" in first.statement


def test_a_changed_concept_says_where_and_since_when(evidence: dict[str, Evidence]) -> None:
    assert evidence["concept_drift:1"].subject.startswith("place = GE")
    onset = evidence["concept_drift"].measure("onset") or 0.0
    assert abs(onset - START.timestamp()) < 24 * 3600


def test_a_segment_is_no_cause(evidence: dict[str, Evidence]) -> None:
    assert {item.part_of for name, item in evidence.items() if name.startswith("segments.")} == {"segments"}


def test_where_nobody_lost_more_than_the_rest_it_says_so(tmp_path: Path) -> None:
    (found,) = [item for item in world(40, far=0.1).run(tmp_path).evidence if item.id.startswith("segments")]
    assert found.verdict is Verdict.REFUTES
    assert "spread evenly" in found.statement


def test_without_labels_it_is_unmeasured(tmp_path: Path) -> None:
    made = world(far=0.1)
    made.tables["truth"] = made.tables["truth"].slice(0, 50)
    (found,) = [item for item in made.run(tmp_path).evidence if item.step == "segments"]
    assert found.verdict is Verdict.UNMEASURED
    assert "100 are needed" in found.statement
