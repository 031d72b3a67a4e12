import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.sample import kpi_chart
from triage.report.charts.drawing import Box, Dot, Path
from triage.report.charts.reading import ChartFault
from triage.report.charts.series import HEIGHT, WIDTH, draw_series


def lines(drawing, style):
    return [shape for shape in drawing.shapes if isinstance(shape, Path) and shape.style == style]


def chart(values, **more):
    return {
        "type": "series",
        "name": "k",
        "unit": "",
        "times": [60.0 * i for i in range(len(values))],
        "values": values,
        **more,
    }


def test_a_gap_in_the_data_is_a_gap_in_the_line():
    drawing = draw_series(chart([1.0, 2.0, None, 3.0, 4.0]))
    assert [len(line.points) for line in lines(drawing, "kpi")] == [2, 2]


def test_samples_that_are_missing_altogether_leave_a_gap_too():
    drawing = draw_series({**chart([1.0] * 6), "times": [0, 60, 120, 600, 660, 720]})
    assert [len(line.points) for line in lines(drawing, "kpi")] == [3, 3]


def test_a_sample_alone_between_gaps_is_a_dot():
    drawing = draw_series(chart([1.0, 2.0, None, 3.0, None, 1.0, 2.0]))
    assert len([shape for shape in drawing.shapes if isinstance(shape, Dot)]) == 1


def test_windows_target_expectation_and_onset_are_drawn_and_explained_in_the_key():
    drawing = draw_series(kpi_chart())
    assert {entry.style for entry in drawing.key} == {
        "kpi", "window-incident", "window-other", "target", "expected", "onset"
    }  # fmt: skip
    assert [shape.style for shape in drawing.shapes if isinstance(shape, Box)] == ["window-other", "window-incident"]


def test_a_long_series_is_thinned_but_keeps_its_extremes():
    values = [float(i % 7) for i in range(20_000)]
    values[9_999], values[12_345] = 100.0, -100.0
    points = [point for line in lines(draw_series(chart(values)), "kpi") for point in line.points]
    assert len(points) <= 4 * (WIDTH + 1)
    everything = [y for _, y in points]
    thinned = draw_series(chart([100.0, -100.0]))
    assert {min(everything), max(everything)} == {y for line in lines(thinned, "kpi") for _, y in line.points}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (chart([None, None]), "no figure at all"),
        ({**chart([1.0, 2.0]), "times": [0.0]}, "lengths differ"),
        ({**chart([]), "times": []}, "is empty"),
        ({**chart([1.0]), "values": "abc"}, "is no list"),
        ({**chart([1.0]), "values": [True]}, "bool"),
        ({**chart([1.0]), "windows": ["x"]}, "no window"),
    ],
)
def test_a_chart_that_is_no_series_says_what_is_wrong(broken, said):
    with pytest.raises(ChartFault, match=said):
        draw_series(broken)


@given(st.lists(st.none() | st.floats(-1e9, 1e9), min_size=1, max_size=40).filter(any))
def test_everything_stays_inside_the_picture(values):
    for shape in draw_series(chart(values)).shapes:
        for x, y in shape.points if isinstance(shape, Path) else [(shape.x, shape.y)]:
            assert -1 <= x <= WIDTH + 1
            assert -1 <= y <= HEIGHT + 1
