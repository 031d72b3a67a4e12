import pytest

from tests.report.sample import category_chart, numeric_chart
from triage.report.charts.distribution import MOST_ROWS, draw_distribution
from triage.report.charts.drawing import Box, Label
from triage.report.charts.reading import ChartFault


def boxes(drawing, style):
    return [shape for shape in drawing.shapes if isinstance(shape, Box) and shape.style == style]


@pytest.mark.parametrize("chart", [category_chart(), numeric_chart()], ids=["categorical", "numeric"])
def test_each_bin_shows_baseline_current_and_psi(chart):
    drawing = draw_distribution(chart)
    for style in ("baseline", "current", "psi"):
        assert len(boxes(drawing, style)) == len(chart["labels"])


def test_the_length_of_a_bar_is_its_share():
    drawing = draw_distribution(category_chart())
    berlin, leipzig = (boxes(drawing, "current")[place].width for place in (0, 5))
    assert leipzig / berlin == pytest.approx(0.41 / 0.12)


def test_many_categories_are_drawn_as_the_most_moved_and_the_rest_together():
    count = 50
    chart = {
        **category_chart(),
        "labels": [f"c{i}" for i in range(count)],
        "baseline": [1 / count] * count,
        "current": [1 / count] * count,
        "psi": [float(i == 42) for i in range(count)],
    }
    drawing = draw_distribution(chart)
    labels = [shape.text for shape in drawing.shapes if isinstance(shape, Label) and shape.style == "name"]
    assert len(labels) == MOST_ROWS
    assert "c42" in labels
    assert labels[-1] == f"{count - MOST_ROWS + 1} others"


@pytest.mark.parametrize("key", ["labels", "baseline", "current", "psi"])
def test_columns_of_different_lengths_are_refused(key):
    chart = category_chart()
    with pytest.raises(ChartFault, match="lengths differ"):
        draw_distribution({**chart, key: chart[key][:-1]})


def test_an_empty_window_of_zero_shares_is_drawn():
    chart = {**numeric_chart(), "current": [0.0] * 15, "baseline": [0.0] * 15, "psi": [0.0] * 15}
    assert draw_distribution(chart).shapes
