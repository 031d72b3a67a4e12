import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tui.draw.lines import Span, cut, fill, folded, plain, say, spread, width_of

TEXTS = st.text(max_size=80)


@given(TEXTS, st.integers(1, 100))
def test_a_filled_line_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert width_of(fill((say(text),), width)) == width


@given(TEXTS, TEXTS, st.integers(10, 100))
def test_no_line_is_wider_than_its_panel(left: str, right: str, width: int) -> None:
    assert width_of(spread((say(left),), (say(right),), width)) <= width
    assert all(width_of(line) <= width for line in folded(say(left), width, (Span("→ "),)))


@given(TEXTS)
def test_text_from_data_holds_no_control_character(text: str) -> None:
    assert not {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} & {unicodedata.category(character) for character in say(text).text}


def test_what_was_cut_says_so() -> None:
    assert plain([cut((Span("feature drift"),), 8)]) == "feature…"
