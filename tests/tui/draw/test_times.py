import pytest

from tui.draw.times import lasting


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-1, "0.0s"),
        (0.44, "0.4s"),
        (42, "42s"),
        (59.7, "1m00s"),
        (3599.7, "1h00m"),
        (754, "12m34s"),
        (15900, "4h25m"),
        (99 * 3600, "99h00m"),
        (273600, "76h00m"),
        (400000, "4d15h"),
    ],
)
def test_a_time_is_told_in_six_columns(seconds: float, told: str) -> None:
    assert lasting(seconds) == told
    assert len(told) <= 6
