import numpy as np
import pandas as pd

from triage.drift.quality.fingerprint import Channel, cut, read


def _frame(hours: int, start: str = "2026-01-01", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    times = pd.date_range(start, periods=hours * 4, freq="15min")
    return pd.DataFrame({"t": times, "x": rng.normal(0, 1, len(times)), "c": rng.choice(["a", "b"], len(times))})


def test_the_baseline_is_cut_into_windows_as_long_as_the_current_one():
    assert cut(_frame(24 * 20), _frame(24, "2026-01-21"), "t").count == 20


def test_a_short_baseline_is_cut_into_eight_parts_and_a_tiny_one_into_none():
    assert cut(_frame(48), _frame(24, "2026-01-21"), "t").count == 8
    assert cut(_frame(4), _frame(24), "t").count == 0


def test_a_category_that_lives_in_one_block_only_counts_as_unseen_there():
    baseline, current = _frame(24 * 10), _frame(24, "2026-01-11")
    baseline.loc[:9, "c"] = "fleeting"
    blocks = cut(baseline, current, "t")
    unseen = {reading.channel: reading for reading in read(baseline["c"], current["c"], blocks)}[Channel.UNSEEN]
    assert unseen.current == 0
    assert np.sort(unseen.healthy)[-1] > 0.05
    assert (unseen.healthy > 0).sum() == 1


def test_extremes_of_a_block_are_judged_against_the_other_blocks():
    baseline, current = _frame(24 * 10), _frame(24, "2026-01-11")
    baseline.loc[5, "x"] = 1e6
    readings = {reading.channel: reading for reading in read(baseline["x"], current["x"], cut(baseline, current, "t"))}
    assert (readings[Channel.RANGE].healthy > 0).sum() == 1


def test_a_column_of_nothing_but_nulls_yields_its_null_share_alone():
    baseline, current = _frame(24 * 10), _frame(24, "2026-01-11")
    current["x"] = np.nan
    (reading,) = read(baseline["x"], current["x"], cut(baseline, current, "t"))
    assert reading.channel is Channel.NULL
    assert reading.current == 1.0
