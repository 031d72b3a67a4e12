import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.drift.profiles.profile import WindowProfile, empty_profile
from triage.drift.profiles.scan import plan_edges, profile_batch
from triage.errors import DataError

numbers = st.one_of(st.none(), st.floats(width=64), st.integers(-5, 5).map(float))
words = st.one_of(st.none(), st.sampled_from(["a", "b", "new", "é"]))
rows = st.lists(st.tuples(numbers, words, st.one_of(st.none(), st.booleans())), max_size=30)

BASELINE = pa.table(
    {
        "x": [None, *np.random.default_rng(0).normal(size=200)],
        "c": ["a", "b", None] * 67,
        "flag": [True, False, None] * 67,
    }
)
EDGES = plan_edges(BASELINE)


def profiled(some: list[tuple[float | None, str | None, bool | None]]) -> WindowProfile:
    columns = zip(*some, strict=True) if some else ([], [], [])
    types = (pa.float64(), pa.string(), pa.bool_())
    arrays = [pa.array(list(values), type_) for values, type_ in zip(columns, types, strict=True)]
    return profile_batch(pa.table(dict(zip(("x", "c", "flag"), arrays, strict=True))), EDGES)


def counted(profile: WindowProfile) -> list[object]:
    """Everything but the two float sums."""
    skipped = {"sum_1", "sum_2"}
    return [{key: value for key, value in f.to_json().items() if key not in skipped} for f in profile.features]


@settings(max_examples=60, deadline=None)
@given(rows, rows, rows)
def test_merging_is_associative_and_commutative(a: list, b: list, c: list) -> None:
    one, two, three = profiled(a), profiled(b), profiled(c)
    assert counted(one.merge(two).merge(three)) == counted(one.merge(two.merge(three)))
    assert counted(one.merge(two)) == counted(two.merge(one))


@settings(max_examples=60, deadline=None)
@given(rows, rows)
def test_a_merged_profile_equals_the_profile_of_all_rows(a: list, b: list) -> None:
    assert counted(profiled(a).merge(profiled(b))) == counted(profiled(a + b))


@settings(max_examples=40, deadline=None)
@given(rows)
def test_every_row_is_counted_once(some: list) -> None:
    for feature in profiled(some).features:
        assert feature.values + feature.nulls + feature.nans + feature.unread == feature.rows == len(some)


@settings(max_examples=40, deadline=None)
@given(rows)
def test_a_saved_profile_comes_back_as_it_was(some: list) -> None:
    body = profiled(some).to_bytes()
    assert WindowProfile.from_bytes(body).to_bytes() == body


def test_merging_with_the_profile_of_no_rows_changes_nothing() -> None:
    profile = profile_batch(BASELINE, EDGES)
    assert profile.merge(empty_profile(EDGES)).to_bytes() == profile.to_bytes()


def test_profiles_on_different_edges_are_refused() -> None:
    other = plan_edges(pa.table({"x": [1.0, 2.0]}))
    with pytest.raises(DataError, match="different bins"):
        empty_profile(EDGES).merge(empty_profile(other))


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"format":1}', b"\xff"])
def test_a_broken_saved_profile_is_refused_with_a_hint(body: bytes) -> None:
    with pytest.raises(DataError, match="can't be read") as caught:
        WindowProfile.from_bytes(body)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("where", "what", "to"),
    [
        ("edges", "cuts", [5, 3]),
        ("edges", "cuts", [2**70]),
        ("edges", "cuts", [-1, 4]),
        ("edges", "cuts", [1.5]),
        ("edges", "shift", "inf"),
        ("edges", "scale", "nan"),
        ("features", "counts", [1]),
    ],
)
def test_a_saved_profile_whose_bins_are_none_is_refused(where: str, what: str, to: object) -> None:
    data = json.loads(profile_batch(BASELINE, EDGES).to_bytes())
    data[where][0][what] = to
    with pytest.raises(DataError, match="can't be read: "):
        WindowProfile.from_bytes(json.dumps(data).encode())


def test_a_saved_profile_of_a_newer_format_is_refused() -> None:
    with pytest.raises(DataError, match="format 99"):
        WindowProfile.from_bytes(b'{"format":99}')


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_lie_within_their_stated_error(seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(3, 1, 20_000)
    table = pa.table({"x": values})
    feature = profile_batch(table, plan_edges(table))["x"]
    shares = (0.01, 0.25, 0.5, 0.75, 0.99)
    truth = np.quantile(values, shares, method="inverted_cdf")
    assert (np.abs(feature.quantiles(shares) - truth) <= feature.quantile_errors(shares) + 1e-9).all()
    assert feature.mean == pytest.approx(values.mean())
    assert feature.standard_deviation == pytest.approx(values.std())


def test_a_profile_without_values_has_no_mean() -> None:
    assert math.isnan(profiled([(None, None, None)])["x"].mean)
