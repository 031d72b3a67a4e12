import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.plain import cells, one_line, visible, wrapped


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", "␛[2J"),
        ("a\nb\tc", "a␊b␉c"),
        ("\x7f", "␡"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\ud800", "⟨U+D800⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("\ufffe", "⟨U+FFFE⟩"),
        ("Köln 東京 🚂", "Köln 東京 🚂"),
    ],
)
def test_what_would_steer_reorder_or_hide_text_is_written_out(raw, shown):
    assert visible(raw) == shown


@given(st.text())
def test_no_control_or_format_character_is_left_and_it_can_be_encoded(text):
    shown = visible(text)
    shown.encode()
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_a_very_long_text_is_cut_and_says_how_long_it_was():
    assert visible("x" * 5000, 10) == "xxxxxxxxxx… (5,000 characters in all)"


def test_a_query_over_several_lines_becomes_one():
    assert one_line("sum(\n  rate(x[5m])\n)") == "sum( rate(x[5m]) )"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"])), st.integers(min_value=2, max_value=40))
def test_no_line_is_wider_than_asked_and_no_character_is_lost(text, width):
    lines = wrapped(text, width)
    assert max(map(cells, lines)) <= width
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_wide_characters_count_as_two_columns():
    assert cells("東京") == 4
    assert wrapped("東京東京", 4) == ["東京", "東京"]
