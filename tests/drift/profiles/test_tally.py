from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from triage.drift.profiles.tally import CAPACITY, Tally, trimmed

tallies = st.dictionaries(st.text(max_size=3), st.integers(1, 100), max_size=20).map(
    lambda counts: trimmed(counts, sum(counts.values()))
)


@given(tallies, tallies, tallies)
def test_below_capacity_merging_is_exact_and_associative(a: Tally, b: Tally, c: Tally) -> None:
    assert a.merge(b).merge(c).counts == a.merge(b.merge(c)).counts
    assert a.merge(b).counts == Counter(a.counts) + Counter(b.counts) == b.merge(a).counts
    assert a.merge(b).exact


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)))
def test_beyond_capacity_counts_stay_within_the_stated_error(order: list[int]) -> None:
    parts = [Counter({f"{part}-{i}": 1 + i % 5 for i in range(400)}) + Counter(heavy=300) for part in range(6)]
    merged = Tally()
    for part in order:
        merged = merged.merge(trimmed(parts[part], parts[part].total()))
    truth = sum(parts, Counter())
    assert merged.total == truth.total()
    assert len(merged.counts) <= CAPACITY
    assert all(count <= truth[value] <= count + merged.error for value, count in merged.counts.items())
    assert merged.heaviest(1)[0][0] == "heavy"
