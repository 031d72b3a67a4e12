from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta

import pytest

from triage.cli import main
from triage.cli.times import length_of_time, time_of_day


@pytest.mark.parametrize("text", ["2026-11-04T01:00:00+01:00", "2026-11-04T00:00:00Z", " 2026-11-04 00:00 "])
def test_a_time_is_read_in_its_zone_or_in_utc(text):
    assert time_of_day(text) == datetime(2026, 11, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_a_time_that_no_data_can_hold_is_refused(text):
    with pytest.raises(ArgumentTypeError, match=r"is no time|between the years"):
        time_of_day(text)


def test_a_length_is_written_as_in_a_catalogue():
    assert length_of_time("1h30m") == timedelta(minutes=90)
    for text, answer in (("4", "4s, 4m or 4h"), ("4 min", "write it as"), ("0s", "longer than zero")):
        with pytest.raises(ArgumentTypeError, match=answer):
            length_of_time(text)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "shop", "--at", "0001-01-01T00:00:00Z"),
        ("run", "shop", "--window", "0001-01-01T00:00:00Z/0001-01-03T00:00:00Z"),
        ("watch", "--once", "--at", "0001-01-01T00:00:00Z"),
        ("report", "shop-1", "--set", "resolved=0001-01-01T00:00:00Z"),
    ],
)
def test_every_command_refuses_a_year_before_there_were_alerts(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "is not between the years 2000 and 2199" in capsys.readouterr().err
