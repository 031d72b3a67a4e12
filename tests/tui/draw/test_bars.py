import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.draw.bars import GAP, bar, overlaid, sparkline
from tui.draw.lines import width_of


def test_a_sparkline_has_its_width_and_says_where_nothing_was_measured() -> None:
    assert sparkline([1.0, None, 3.0], 3) == f"▁{GAP}█"
    assert sparkline([None, None], 4) == GAP * 4
    assert sparkline([], 4) == ""


@pytest.mark.parametrize(("fraction", "drawn"), [(0.0, "    "), (1.0, "████"), (2.0, "████"), (0.5, "██  ")])
def test_a_bar_is_held_to_its_width(fraction: float, drawn: str) -> None:
    assert bar(fraction, 4) == drawn


@given(st.floats(0, 2), st.floats(0, 2), st.integers(1, 60))
def test_two_shares_over_each_other_take_exactly_their_width(before: float, now: float, width: int) -> None:
    assert width_of(overlaid(before, now, width)) == width


def test_growth_and_shrinking_are_told_apart_without_colour() -> None:
    assert "".join(span.text for span in overlaid(0.5, 1.0, 4)) == "██▒▒"
    assert "".join(span.text for span in overlaid(1.0, 0.5, 4)) == "██░░"
