import numpy as np
import pyarrow as pa
import pytest

from triage.drift.profiles.edges import Edges
from triage.drift.profiles.profile import WindowProfile
from triage.drift.profiles.scan import plan_edges, profile_batch
from triage.drift.shift.compare import compare
from triage.drift.shift.distance import Distance, distances
from triage.errors import DataError


def table(rows: int, place: str, rng: np.random.Generator) -> pa.Table:
    values = rng.normal(0, 1, rows)
    return pa.table({"age": values, "place": [place if index % 2 else "BE" for index in range(rows)]})


@pytest.fixture
def baseline() -> tuple[Edges, WindowProfile]:
    rows = table(4_000, "ZH", np.random.default_rng(1))
    edges = plan_edges(rows)
    return edges, profile_batch(rows, edges)


def of(feature: str, found: list[Distance]) -> Distance:
    return next(one for one in found if one.feature == feature)


def test_a_window_has_no_distance_from_itself(baseline: tuple[Edges, WindowProfile]) -> None:
    _, profile = baseline
    for one in distances(profile, profile, 500):
        assert one.psi == pytest.approx(0.0, abs=1e-12)
        assert one.ks in (None, pytest.approx(0.0, abs=1e-12))


def test_the_figures_are_those_of_a_comparison(baseline: tuple[Edges, WindowProfile]) -> None:
    edges, profile = baseline
    now = profile_batch(table(2_000, "GE", np.random.default_rng(2)), edges)
    found = list(distances(profile, now, 500))
    for one, drift in zip(found, compare(profile, now), strict=True):
        assert drift.psi is not None
        assert one.psi == pytest.approx(drift.psi.effect)
        assert one.psi_chance == pytest.approx(drift.psi_null)
        assert one.ks == (pytest.approx(drift.ks.effect) if drift.ks else None)
    assert of("place", found).unseen_share == pytest.approx(0.5)


def test_few_rows_have_shares_and_no_distance(baseline: tuple[Edges, WindowProfile]) -> None:
    edges, profile = baseline
    found = of("age", list(distances(profile, profile_batch(table(50, "ZH", np.random.default_rng(3)), edges), 500)))
    assert (found.psi, found.ks, found.null_share) == (None, None, 0.0)
    assert found.reason == "50 rows, at least 500 are needed"


def test_a_column_that_is_gone_is_unmeasured_and_not_all_nulls(baseline: tuple[Edges, WindowProfile]) -> None:
    edges, profile = baseline
    now = profile_batch(table(2_000, "ZH", np.random.default_rng(4)).drop_columns(["age"]), edges)
    found = of("age", list(distances(profile, now, 500)))
    assert (found.psi, found.null_share) == (None, None)
    assert found.reason


def test_windows_on_other_edges_are_refused(baseline: tuple[Edges, WindowProfile]) -> None:
    _, profile = baseline
    rows = table(1_000, "ZH", np.random.default_rng(5))
    other = profile_batch(rows, plan_edges(rows))
    with pytest.raises(DataError, match="different bins"):
        list(distances(profile, other, 500))
