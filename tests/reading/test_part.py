"""Requests without a row: what the KPI lost and no logged row shows is nothing that rows can explain."""

from pathlib import Path

import numpy as np
import pytest

from tests.light_world import World, series, world
from triage.incident import Evidence


def drift(made: World, home: Path) -> Evidence:
    return next(item for item in made.run(home).evidence if item.id == "feature_drift.place")


@pytest.mark.parametrize(("times", "share"), [(1.0, 1.0), (2.0, 0.5)])
def test_a_share_is_of_the_drop_that_the_kpi_had_and_not_of_what_rows_show(
    times: float, share: float, tmp_path: Path
) -> None:
    made = world(per_hour=60)
    made.answers["kpi"] = series(0.335, times * 0.6 * 0.15 / 0.335, np.random.default_rng(1))
    assert drift(made, tmp_path).measure("share_of_drop") == pytest.approx(share, abs=0.2)
