"""Which figures to watch after an incident: those of its causes first, then what stands guard over the model."""

from collections.abc import Iterator
from dataclasses import replace

from triage.catalog import Direction, LevelKind, Model, ServiceLevel, Task
from triage.health.burn import WORKBOOK_PAIRS, WindowPair
from triage.incident import Cause, CauseKind, Incident
from triage.prevention import families
from triage.prevention.families import Family
from triage.prevention.nouns import Role, RuleKind, Signal, Worse
from triage.prevention.promql import series

LEAST_PROBABILITY = 0.2
"""A cause that is less probable gets no rule of its own."""
MOST_FEATURES = 5
PSI_FLOOR = 0.1
NULL_FLOOR = 0.01
UNSEEN_FLOOR = 0.005
PARITY_FLOOR = 0.98
COVERAGE_FLOOR = 0.8
_BY_FEATURE = (CauseKind.FEATURE_DRIFT, CauseKind.DATA_QUALITY, CauseKind.SERVING_SKEW)
_GUARDED = (
    LevelKind.LATENCY,
    LevelKind.ERRORS,
    LevelKind.THROUGHPUT,
    LevelKind.SATURATION,
    LevelKind.UP,
    LevelKind.FRESHNESS,
)
_SHARES = {"ratio": 1.0, "share": 1.0, "fraction": 1.0, "percent": 100.0, "%": 100.0}


def signals(
    model: Model, incident: Incident, features: tuple[str, ...], categories: frozenset[str]
) -> tuple[Signal, ...]:
    """What to watch for ``model`` after ``incident``.

    ``features`` are those that `triage watch` exposes; ``categories`` the ones among them whose values can be new.
    """
    causes = _causes(incident)
    found = [*_by_feature(model, causes, features, categories), *_by_labels(model, causes), *_kpi(model, causes)]
    found += [*_levels(model, causes), *_burns(model), _freshness(model), _rows(model)]
    return tuple({one.name: one for one in found}.values())


def cause_words(incident: Incident) -> str:
    """The first cause in a few words."""
    causes = _causes(incident)
    if not causes:
        return ""
    return f"{causes[0].kind.replace('_', ' ')}{f' in {causes[0].subject}' if causes[0].subject else ''}"


def watched(family: Family, model: str, feature: str = "") -> str:
    """The PromQL of a series of `triage watch`."""
    labels = {"model": model} | ({"feature": feature} if feature else {})
    return series(family.name, labels)


def recorded(name: str, model: str, **labels: str) -> str:
    """The PromQL of a series that the written file records."""
    return series(name, {"model": model, **labels})


def has_budget(level: ServiceLevel) -> bool:
    """Whether ``level`` is a share of requests with an objective inside (0, 1), so that it has an error budget."""
    whole = _SHARES.get(level.unit)
    return level.kind in (LevelKind.ERRORS, LevelKind.LATENCY) and whole is not None and 0 < level.target < whole


def objective(level: ServiceLevel) -> float:
    """The share of good requests that ``level`` promises."""
    share = level.target / _SHARES[level.unit]
    return share if level.direction is Direction.HIGHER_IS_BETTER else 1 - share


def bad_share(level: ServiceLevel) -> tuple[float, bool]:
    """The number that the query divides by to be a share, and whether it counts good requests."""
    return _SHARES[level.unit], level.direction is Direction.HIGHER_IS_BETTER


def traffic(model: Model) -> ServiceLevel | None:
    return next((level for level in model.service_levels if level.kind is LevelKind.THROUGHPUT), None)


def pair_name(pair: WindowPair) -> str:
    return f"{window_name(pair.long_seconds)}_{window_name(pair.short_seconds)}"


def window_name(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _causes(incident: Incident) -> tuple[Cause, ...]:
    found = incident.diagnosis.causes if incident.diagnosis else ()
    known = [cause for cause in found if cause.kind is not CauseKind.UNKNOWN]
    return tuple(known[:1] + [cause for cause in known[1:] if cause.probability >= LEAST_PROBABILITY])


def _worse(direction: Direction) -> Worse:
    return Worse.LOWER if direction is Direction.HIGHER_IS_BETTER else Worse.HIGHER


def _watching(model: Model) -> tuple[float, float]:
    """Step and ``for`` of what `triage watch` measures: a sixth of its window."""
    return (step := max(60.0, model.watch_window.total_seconds() / 6)), step


def _by_feature(
    model: Model, causes: tuple[Cause, ...], features: tuple[str, ...], categories: frozenset[str]
) -> Iterator[Signal]:
    step, lasting = _watching(model)
    seen: list[str] = []
    for cause in causes:
        if cause.kind not in _BY_FEATURE:
            continue
        of_source = [name for name, one in model.features.items() if one.source == cause.subject]
        for feature in [name for name in (cause.subject, *of_source) if name in features and name not in seen]:
            if len(seen) >= MOST_FEATURES:
                return
            seen.append(feature)
            because = f"{cause.kind.replace('_', ' ')} in {cause.subject}"

            def signal(
                kind: RuleKind,
                family: Family,
                floor: float,
                *,
                worse: Worse = Worse.HIGHER,
                unit: str = "ratio",
                subject: str = feature,
                why: str = because,
                role: Role = Role.GUARD,
            ) -> Signal:
                query = watched(family, model.name, subject)
                return Signal(
                    kind, subject, role, query, query, worse, unit, step, lasting, "ticket", because=why, floor=floor
                )

            drifted = cause.kind is CauseKind.FEATURE_DRIFT
            yield signal(RuleKind.PSI, families.PSI, PSI_FLOOR, unit="nats", role=Role.CAUSE if drifted else Role.GUARD)
            yield signal(RuleKind.NULLS, families.NULLS, NULL_FLOOR)
            if feature in categories:
                yield signal(RuleKind.UNSEEN, families.UNSEEN, UNSEEN_FLOOR)
            if model.reference is not None:
                skewed = Role.CAUSE if cause.kind is CauseKind.SERVING_SKEW else Role.GUARD
                yield signal(RuleKind.PARITY, families.PARITY, PARITY_FLOOR, worse=Worse.LOWER, role=skewed)


def _by_labels(model: Model, causes: tuple[Cause, ...]) -> Iterator[Signal]:
    if model.labels is None:
        return
    step, lasting = _watching(model)
    kinds = {cause.kind for cause in causes}

    def signal(kind: RuleKind, subject: str, query: str, worse: Worse, unit: str, by: set[CauseKind]) -> Signal:
        role = Role.CAUSE if kinds & by else Role.GUARD
        return Signal(kind, subject, role, query, query, worse, unit, step, lasting, "ticket")

    coverage = watched(families.LABEL_COVERAGE, model.name)
    arriving = signal(RuleKind.LABELS, "coverage", coverage, Worse.LOWER, "ratio", {CauseKind.LABEL_FAULT})
    yield replace(arriving, floor=COVERAGE_FLOOR)
    metric = "log_loss" if model.task is Task.CLASSIFICATION else "rmse"
    query = series(families.METRIC.name, {"model": model.name, "metric": metric})
    yield signal(RuleKind.METRIC, metric, query, Worse.HIGHER, "", {CauseKind.CONCEPT_DRIFT, CauseKind.LABEL_SHIFT})


def _kpi(model: Model, causes: tuple[Cause, ...]) -> Iterator[Signal]:
    kpi, step = model.kpi, model.kpi.step.total_seconds()
    by_model = any(
        cause.kind in (CauseKind.CONCEPT_DRIFT, CauseKind.LABEL_SHIFT, CauseKind.BAD_DEPLOY) for cause in causes
    )
    yield Signal(
        kind=RuleKind.KPI,
        subject=kpi.name,
        role=Role.CAUSE if by_model else Role.GUARD,
        query=kpi.query,
        series=recorded("triage:kpi", model.name, kpi=kpi.name),
        worse=_worse(kpi.direction),
        unit=kpi.unit,
        step_seconds=step,
        for_seconds=step,
        severity="page",
        target=kpi.target,
    )


def _levels(model: Model, causes: tuple[Cause, ...]) -> Iterator[Signal]:
    guilty = {cause.subject for cause in causes if cause.kind is CauseKind.INFRASTRUCTURE}
    for level in model.service_levels:
        if level.kind not in _GUARDED:
            continue
        step = (level.step or model.kpi.step).total_seconds()
        yield Signal(
            kind=RuleKind.LEVEL,
            subject=level.name,
            role=Role.CAUSE if level.name in guilty else Role.GUARD,
            query=level.query,
            series=recorded("triage:service_level", model.name, level=level.name),
            worse=_worse(level.direction),
            unit=level.unit,
            step_seconds=step,
            for_seconds=2 * step,
            severity="page" if level.kind in (LevelKind.LATENCY, LevelKind.ERRORS, LevelKind.UP) else "ticket",
            target=level.target,
        )


def _burns(model: Model) -> Iterator[Signal]:
    for level in model.service_levels:
        if not has_budget(level):
            continue
        step = (level.step or model.kpi.step).total_seconds()
        for pair in WORKBOOK_PAIRS:
            if step > pair.short_seconds:
                continue
            long, short = (
                recorded("triage:burn_rate", model.name, level=level.name, window=window_name(seconds))
                for seconds in (pair.long_seconds, pair.short_seconds)
            )
            yield Signal(
                kind=RuleKind.BURN,
                subject=level.name,
                role=Role.GUARD,
                query=level.query,
                series=short,
                long_series=long,
                worse=Worse.HIGHER,
                unit="times",
                step_seconds=step,
                for_seconds=0.0,
                severity=pair.severity,
                target=pair.factor,
                pair=pair_name(pair),
            )


def _freshness(model: Model) -> Signal:
    step, lasting = _watching(model)
    query = f"time() - {watched(families.LOG_NEWEST, model.name)}"
    floor = model.watch_window.total_seconds() / 2
    return Signal(
        RuleKind.FRESHNESS, "serving log", Role.GUARD, query, query, Worse.HIGHER, "seconds", step, lasting, "ticket",
        floor=floor,
    )  # fmt: skip


def _rows(model: Model) -> Signal:
    step, lasting = _watching(model)
    query = watched(families.ROWS, model.name)
    return Signal(
        RuleKind.ROWS, "serving log", Role.GUARD, query, query, Worse.LOWER, "rows", step, lasting, "ticket",
        target=float(model.watch.min_rows),
    )  # fmt: skip


def only(found: tuple[Signal, ...], names: tuple[str, ...]) -> tuple[Signal, ...]:
    """Those of ``found`` with one of ``names``; all where there are no names."""
    return tuple(one for one in found if not names or one.name in names)


def at_threshold(signal: Signal, threshold: float) -> Signal:
    """``signal`` with a threshold that a person chose."""
    return replace(signal, target=threshold, floor=None, because="the threshold was given by hand")
