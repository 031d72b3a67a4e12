import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import wasserstein_distance

from triage.drift.profiles.scan import plan_edges, profile_batch
from triage.drift.shift.compare import compare


@pytest.mark.parametrize("shift", [0.0, 0.2, 2.0])
def test_the_exact_distance_lies_within_the_stated_error(shift: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=20_000), rng.normal(shift, 1, 10_000)
    edges = plan_edges(pa.table({"x": a}))
    before, now = (profile_batch(pa.table({"x": values}), edges) for values in (a, b))
    (drift,) = compare(before, now)
    assert drift.baseline is not None
    spread = drift.baseline.upper_quartile - drift.baseline.lower_quartile
    exact = wasserstein_distance(a, b) / spread
    assert drift.wasserstein == pytest.approx(exact, abs=drift.wasserstein_error)
    assert drift.wasserstein == pytest.approx(exact, rel=0.03, abs=0.01)
