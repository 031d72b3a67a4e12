from itertools import pairwise

import pytest

from triage.report.charts.bars import REMAINDER, draw_bars
from triage.report.charts.drawing import Box


def bars(values, labels=None):
    labels = labels or [f"c{i}" for i in range(len(values))]
    drawing = draw_bars({"type": "bars", "labels": labels, "values": values, "unit": "share"})
    return [shape for shape in drawing.shapes if isinstance(shape, Box)]


def test_each_bar_starts_where_the_one_before_it_ended():
    drawn = bars([0.6, 0.3, 0.1])
    for earlier, later in pairwise(drawn):
        assert later.x == pytest.approx(earlier.x + earlier.width)


def test_a_negative_contribution_goes_back_and_looks_different():
    first, second = bars([0.8, -0.3])
    assert second.style == "back"
    assert second.x + second.width == pytest.approx(first.x + first.width)


def test_what_is_not_explained_is_drawn_apart():
    assert [bar.style for bar in bars([0.8, 0.2], ["a", REMAINDER])] == ["part", "remainder"]


def test_contributions_that_are_all_nothing_are_drawn():
    assert len(bars([0.0, 0.0])) == 2
