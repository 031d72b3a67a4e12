from datetime import UTC, datetime, timedelta

import numpy as np

from triage.incident import Source, Window
from triage.ports import Series
from triage.prevention.backtest import History, Occasion, backtest
from triage.prevention.nouns import Worse
from triage.watch.history import continued

LOG, QUERY = Source("dataset", "impressions", "live", "xxh3:0"), Source("query", "triage_feature_psi")
ALERT = datetime(2026, 11, 4, 12, tzinfo=UTC)


def history(source: Source, end: datetime, step: float, values: list[float]) -> History:
    """``values`` of which the last is at ``end``."""
    times = end.timestamp() - step * np.arange(len(values))[::-1]
    return History(Series({}, times, np.array(values)), source, step, note="in windows of 3 h" if source is LOG else "")


def test_a_watch_that_was_started_lately_is_continued_backwards_from_the_log() -> None:
    older = history(LOG, ALERT, 1200.0, [0.1] * 1000)
    newer = history(QUERY, ALERT, 60.0, [np.nan] * 5 + [0.1] * 25 + [2.0] * 4)
    joined = continued(older, newer)
    assert joined.step_seconds == 60.0
    assert np.diff(joined.series.times).min() > 30.0
    assert np.isfinite(joined.series.values).all()
    assert (joined.source, joined.replayed) == (LOG, True)
    assert joined.note == "in windows of 3 h; from 2026-11-04 11:32 UTC on as it was exposed"

    incident = Window(ALERT - timedelta(minutes=4), ALERT)
    result = backtest(
        joined, Occasion(Window(ALERT - timedelta(days=13), incident.start), incident, ALERT), 0.3, Worse.HIGHER, 60.0
    )
    assert result.fires_at == ALERT - timedelta(minutes=2)
    assert result.false_alarms == 0


def test_a_figure_that_the_log_did_not_give_for_a_while_stays_a_gap() -> None:
    older = history(LOG, ALERT - timedelta(hours=2), 1200.0, [0.1] * 10)
    joined = continued(older, history(QUERY, ALERT, 60.0, [0.2] * 10))
    silent = joined.series.times > (ALERT - timedelta(hours=1, minutes=40)).timestamp()
    assert np.isnan(joined.series.values[silent][:-10]).all()
    assert (joined.series.values[-10:] == 0.2).all()
