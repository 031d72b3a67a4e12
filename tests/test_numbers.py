import doctest
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage import numbers


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(numbers).failed == 0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0952, "ratio", "9.52%"),
        (1.0, "share", "100%"),
        (15, "percent", "15.0%"),
        (-1.43, "percent points", "−1.43 percent points"),
        (0.412, "seconds", "412 ms"),
        (412, "ms", "412 ms"),
        (90_000, "seconds", "25 h"),
        (1234567, "rows", "1,234,567 rows"),
        (2.5e9, "bytes", "2.50 GB"),
        (0.31, "nats", "0.310 nats"),
        (2.3, "times", "2.30×"),
        (3e-9, "probability", "3.00e-9"),
        (None, "ratio", "—"),
        (math.nan, "seconds", "—"),
        (math.inf, "rows", "∞ rows"),
        (0, "ratio", "0%"),
    ],
)
def test_a_figure_carries_its_unit_as_a_person_reads_it(value, unit, text):
    assert numbers.figure(value, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-4, max_value=1e12))
def test_three_significant_digits_are_within_half_a_percent_of_the_value(value):
    assert float(numbers.number(value).replace(",", "")) == pytest.approx(value, rel=0.005)


@given(st.floats(), st.sampled_from(["", "ratio", "%", "seconds", "ms", "bytes", "nats", "times", "pp"]))
def test_any_float_in_any_unit_has_a_text_without_an_ascii_minus_in_front(value, unit):
    assert not numbers.figure(value, unit).startswith("-")


def test_a_difference_of_ratios_is_in_percent_points_and_signed():
    assert numbers.difference(-0.0143, "ratio") == "−1.43 percent points"
    assert numbers.difference(0.02, "ratio") == "+2.00 percent points"
    assert numbers.difference(0.2, "seconds") == "+200 ms"


def test_the_unit_of_an_interval_is_said_once_where_both_ends_share_it():
    assert numbers.interval(0.28, 0.34, "nats") == "0.280 to 0.340 nats"
    assert numbers.interval(0.9, 2.5, "seconds") == "900 ms to 2.50 s"
    assert numbers.interval(-0.171, -0.129, "ratio") == "−17.1% to −12.9%"
    assert numbers.interval(None, 3.0, "rows") == "— to 3 rows"


def test_times_are_told_in_utc_whatever_zone_they_came_in():
    at = datetime(2026, 11, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert numbers.moment(at) == "2026-11-19 23:30 UTC"
    assert numbers.moment(at + timedelta(seconds=5)) == "2026-11-19 23:30:05 UTC"


def test_a_range_of_times_says_the_day_again_only_where_it_is_another():
    at = datetime(2026, 11, 18, 22, 40, tzinfo=UTC)
    assert numbers.between(at, at + timedelta(hours=1)) == "2026-11-18 22:40 to 23:40 UTC"
    assert numbers.between(at, at + timedelta(hours=2)) == "2026-11-18 22:40 to 2026-11-19 00:40 UTC"


@given(st.integers(min_value=1, max_value=10**8))
def test_a_span_names_at_most_two_units_and_never_sixty_of_the_smaller(seconds):
    words = numbers.span(seconds).split()
    assert len(words) in (2, 4)
    if words[1] == "h" and len(words) == 4:
        assert 1 <= int(words[2]) < 60


@pytest.mark.parametrize(
    ("ticks", "unit", "labels"),
    [
        ((0.0, 0.05, 0.1), "ratio", ("0%", "5%", "10%")),
        ((0.0, 0.025, 0.05), "ratio", ("0.0%", "2.5%", "5.0%")),
        ((0.01,), "", ("0.01",)),
        ((-1.0, 0.0, 1.0), "nats", ("−1", "0", "1")),
        ((1000.0, 2000.0), "rows", ("1,000", "2,000")),
    ],
)
def test_tick_labels_have_the_decimals_that_tell_them_apart(ticks, unit, labels):
    assert numbers.tick_labels(ticks, unit) == labels
