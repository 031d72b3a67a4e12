import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.errors import DataError
from triage.lab.backfill import History, create_blocks, escape, write_openmetrics
from triage.lab.binaries import find


def test_gaps_are_left_out_and_each_metric_stands_together(tmp_path: Path):
    times = np.array([60.0, 120.0, 180.0])
    values = np.array([1.0, math.nan, 3.0])
    series = [
        History(name, labels, times, values) for name, labels in (("a", {"i": "1"}), ("b", {}), ("a", {"i": "2"}))
    ]
    assert write_openmetrics(tmp_path / "om", series) == 6
    lines = (tmp_path / "om").read_text().splitlines()
    assert lines == [
        "# TYPE a unknown",
        'a{i="1"} 1 60.000',
        'a{i="1"} 3 180.000',
        'a{i="2"} 1 60.000',
        'a{i="2"} 3 180.000',
        "# TYPE b unknown",
        "b{} 1 60.000",
        "b{} 3 180.000",
        "# EOF",
    ]


@given(st.text())
def test_an_escaped_label_has_no_bare_quote_and_no_line_break(value: str):
    bare = escape(value).replace("\\\\", "").replace('\\"', "")
    assert '"' not in bare
    assert "\n" not in bare


@pytest.mark.skipif(find("promtool") is None, reason="needs prometheus on PATH: apt-get install prometheus")
def test_text_that_promtool_does_not_take_is_an_error_with_its_words(tmp_path: Path):
    (tmp_path / "om").write_text("this is no metric\n")
    with pytest.raises(DataError, match="promtool could not make a history"):
        create_blocks(find("promtool") or "", tmp_path / "om", tmp_path / "tsdb")
