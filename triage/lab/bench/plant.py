"""What can go wrong, one function per cause: each takes a situation and returns it gone wrong, or None where it can't.

``severity`` is the share of rows that are hit since ``onset``, and where a population moves, how far.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from triage.catalog import Task
from triage.errors import UsageError
from triage.incident import CauseKind
from triage.lab import faults
from triage.lab.bench.situation import SPOILT, Situation, of_rows


class Planted(NamedTuple):
    """``subjects`` are the names that are right answers; none where a cause has no subject."""

    situation: Situation
    kind: CauseKind
    fault: str
    subjects: tuple[str, ...] = ()


Plant = Callable[[Situation, np.random.Generator, float, float], Planted | None]


def outage(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """Requests fail; whoever gets no answer is shown a default."""
    share = 0.5 * severity
    failed = now.failed | (now.after(onset) & (rng.random(len(now.times)) < share))
    return Planted(replace(now, failed=failed, outage=share, outage_from=onset), CauseKind.INFRASTRUCTURE, "outage")


def data_fault(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """One of the faults that break a feature which matters."""
    if now.kpi_is_label:
        return None
    feature = str(rng.choice(now.customer.guilty))
    numeric = now.rows[feature].dtype.kind == "f"
    many = now.rows[feature].nunique() > 10
    kinds = ["null_flood", "stuck_value", "shuffled_join"]
    kinds += ["unit_change", *(["swapped_columns"] if many else [])] if numeric else ["category_rename", "case_change"]
    name = str(rng.choice(kinds))
    hit = now.after(onset)
    part = now.rows[hit].reset_index(drop=True)
    extra = {"factor": float(rng.choice([0.3048, 1.609344, 2.54, 10.0, 0.01]))} if name == "unit_change" else {}
    others = [other for other in now.rows if other != feature and now.rows[other].dtype.kind == "f"]
    try:
        if name == "swapped_columns":
            second = str(rng.choice([str(other) for other in others])) if others else feature
            broken, truth = faults.swapped_columns(part, rng, feature, second, severity)
        else:
            broken, truth = getattr(faults, name)(part, rng, feature, severity, **extra)
    except UsageError:
        return None
    rows = _put(now.rows, hit, broken)
    names = tuple(truth.subject.split(","))
    named = {*names, *(now.customer.table.sources[one] for one in names)}
    return Planted(now.serve(rows), CauseKind.DATA_QUALITY, name, tuple(sorted(named)))


def source_outage(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """An upstream table is gone: all its features arrive as null together."""
    if now.kpi_is_label:
        return None
    sources = now.customer.table.sources
    source = sources[str(rng.choice(now.customer.guilty))]
    hit = now.after(onset) & (rng.random(len(now.times)) < severity)
    names = [name for name, origin in sources.items() if origin == source]
    rows = now.rows.assign(**{name: now.rows[name].where(~hit) for name in names})
    return Planted(now.serve(rows), CauseKind.DATA_QUALITY, "source_outage", (source, *names))


def skew(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """Serving computes a feature otherwise than the pipeline: stale, or in another unit; the pipeline is right."""
    if now.kpi_is_label:
        return None
    feature = str(rng.choice(now.customer.guilty))
    hit = now.after(onset)
    part = now.rows[hit].reset_index(drop=True)
    stale = now.rows[feature].dtype.kind != "f" or rng.random() < 0.6
    broken, _ = (
        faults.serving_skew(part, rng, [feature], severity)
        if stale
        else faults.unit_change(part, rng, feature, severity, factor=float(rng.choice([1.609344, 0.3048, 1.1508])))
    )
    served = now.serve(_put(now.rows, hit, broken), reference=now.reference)
    fault = "stale" if stale else "other_unit"
    return Planted(served, CauseKind.SERVING_SKEW, fault, (feature, now.customer.table.sources[feature]))


def population(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """The population moves towards where the KPI is worse: whole rows, so the other features move with it."""
    pool = now.customer
    feature = str(rng.choice([*pool.guilty, *pool.pool.columns]))
    column = pool.pool[feature]
    worse = -pool.label if now.kpi_is_label else pool.loss(pool.label, pool.score)
    groups = pd.qcut(column, 8, duplicates="drop") if column.dtype.kind == "f" else column
    table = pd.Series(worse).groupby(groups.astype("str").to_numpy()).agg(["mean", "size"])
    table = table[(table["size"] > 0.002 * len(column)) & (table["size"] < 0.6 * len(column))]
    if len(table) < 2:
        return None
    value = table["mean"].rank(pct=True).pipe(lambda ranks: str(rng.choice(ranks.index[ranks >= 0.6])))
    within = (groups.astype("str") == value).to_numpy()
    hit = np.flatnonzero(now.after(onset))
    moved = hit[rng.random(len(hit)) < 0.7 * severity]
    fresh = of_rows(
        pool, now.times[moved], rng.choice(np.flatnonzero(within), len(moved)), kpi_is_label=now.kpi_is_label
    )
    return Planted(_replaced(now, moved, fresh), CauseKind.FEATURE_DRIFT, "population", (feature,))


def prior(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """The share of the classes shifts, and with each class its inputs: p(x|y) stays."""
    pool = now.customer
    if pool.table.task is Task.REGRESSION:
        return None
    ones = pool.label > 0.5
    towards = bool(
        pool.loss(pool.label[ones], pool.score[ones]).mean() > pool.loss(pool.label[~ones], pool.score[~ones]).mean()
    )
    if now.kpi_is_label:
        towards = False
    hit = np.flatnonzero(now.after(onset))
    moved = hit[rng.random(len(hit)) < 0.8 * severity]
    wanted = np.flatnonzero(ones == towards)
    fresh = of_rows(pool, now.times[moved], rng.choice(wanted, len(moved)), kpi_is_label=now.kpi_is_label)
    return Planted(_replaced(now, moved, fresh), CauseKind.LABEL_SHIFT, "prior")


def concept(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """The outcome of the same inputs changes, everywhere or in a region: P(y|x)."""
    hit = now.after(onset)
    where = "everywhere"
    if rng.random() < 0.5:
        feature = str(rng.choice(now.customer.guilty))
        column = now.rows[feature]
        if column.dtype.kind == "f":
            region = (column > column.quantile(rng.uniform(0.3, 0.6))).to_numpy()
        else:
            values = column.value_counts(normalize=True)
            region = column.isin(values.index[: max(1, len(values) // 2)]).to_numpy()
        hit, where = hit & region, "region"
    hit = hit & (rng.random(len(hit)) < severity)
    label, n = now.label.copy(), int(hit.sum())
    if now.customer.table.task is Task.REGRESSION:
        label[hit] += float(rng.choice([-1.0, 1.0])) * float(now.customer.training_label.std())
    else:
        worse = 0.0 if now.kpi_is_label else float(rng.random() < 0.5)
        label[hit] = np.where(rng.random(n) < 0.6, worse, label[hit])
    return Planted(replace(now, label=label), CauseKind.CONCEPT_DRIFT, f"concept_{where}")


def bad_version(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """A version is released that should not have been; or the right version is named and another one answers."""
    if now.kpi_is_label:
        return None
    which = int(rng.integers(len(now.customer.spoilt)))
    hit = now.after(onset) & (rng.random(len(now.times)) < max(severity, 0.5))
    score = np.where(hit, now.customer.spoilt[which](now.rows), now.score)
    released = rng.random() < 0.6
    version = np.where(hit & released, SPOILT, now.version)
    changed = replace(now, score=score, version=version, spoilt=which, alias_moved=released)
    return Planted(changed, CauseKind.BAD_DEPLOY, "released" if released else "wrong_artifact")


def label_fault(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """Labels are missing where they would be positive, all the same, or turned over; the world is as it was."""
    hit = now.after(onset)
    regression = now.customer.table.task is Task.REGRESSION
    name = str(rng.choice(["constant"] if regression else ["missing", "constant", "flipped"]))
    label, known = now.label.copy(), now.known
    if name == "missing":
        known = known & ~(hit & (label > 0.5) & (rng.random(len(label)) < max(severity, 0.5)))
    elif name == "flipped":
        turned = hit & (rng.random(len(label)) < 0.9)
        label[turned] = 1 - label[turned]
    else:
        label[hit] = 0.0
    return Planted(replace(now, label=label, known=known), CauseKind.LABEL_FAULT, f"label_{name}")


def hidden(now: Situation, rng: np.random.Generator, severity: float, onset: float) -> Planted | None:
    """The KPI falls for a reason that no row, no service level and no version shows."""
    size = 0.6 * severity * max(abs(now.level), 1e-9)
    return Planted(replace(now, hidden=size, hidden_from=onset), CauseKind.UNKNOWN, "hidden")


def decoy(now: Situation, rng: np.random.Generator) -> Situation:
    """A feature that the model hardly looks at moves far, as a season would move it; harmless."""
    if not now.customer.harmless:
        return now
    feature = str(rng.choice(now.customer.harmless))
    moved, _ = faults.harmless_season(now.rows, rng, feature, 1.5)
    moved[feature] = moved[feature].clip(now.rows[feature].min(), now.rows[feature].max())
    return now.serve(moved)


PLANTS: dict[str, Plant] = {
    "outage": outage,
    "data_fault": data_fault,
    "source_outage": source_outage,
    "skew": skew,
    "population": population,
    "prior": prior,
    "concept": concept,
    "bad_version": bad_version,
    "label_fault": label_fault,
    "hidden": hidden,
}
"""By family; where two are planted together, the earlier in this order is planted first."""


def _put(rows: pd.DataFrame, hit: np.ndarray, broken: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with those of ``hit`` replaced, in a type that holds both."""
    place = np.flatnonzero(hit)
    columns = {}
    for name in rows:
        values = rows[name].astype(object)
        values.iloc[place] = broken[name].astype(object).to_numpy()
        numeric = rows[name].dtype.kind == "f"
        columns[name] = values.astype(float) if numeric else values.where(values.notna(), None).astype("str")
    return pd.DataFrame(columns)


def _replaced(now: Situation, place: np.ndarray, fresh: Situation) -> Situation:
    rows = now.rows.copy()
    rows.iloc[place] = fresh.rows.to_numpy()
    label, score = now.label.copy(), now.score.copy()
    label[place], score[place] = fresh.label, fresh.score
    rows = pd.DataFrame({name: rows[name].astype(now.rows[name].dtype) for name in rows})
    return replace(now, rows=rows, label=label, score=score, reference=rows)
