from datetime import UTC, datetime

from triage.drift.quality.fault import DataFault, FaultKind, by_source


def _fault(feature: str, source: str, share: float = 0.5, day: int = 2) -> DataFault:
    onset = datetime(2026, 1, day, tzinfo=UTC)
    return DataFault(FaultKind.NULLS, feature, source, share, 0.0, 9.0, "", onset=onset)


def test_five_features_of_one_source_are_one_cause():
    names = [f"w{i}" for i in range(5)]
    faults = [_fault(name, "weather", day=2 + i) for i, name in enumerate(names)]
    (group,) = by_source(faults, {**dict.fromkeys(names, "weather"), "w5": "weather"})
    assert group.features == tuple(names)
    assert group.features_in_source == 6
    assert group.onset == datetime(2026, 1, 2, tzinfo=UTC)


def test_features_without_a_source_stay_apart_and_the_widest_group_is_first():
    groups = by_source([_fault("a", ""), _fault("b", ""), _fault("c", "s"), _fault("d", "s")])
    assert [group.source for group in groups] == ["s", "a", "b"]
