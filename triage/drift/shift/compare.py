"""Did a feature move? Baseline against current window, from their profiles, calibrated by past healthy windows."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from triage.drift.profiles.edges import Kind
from triage.drift.profiles.groups import Grouping
from triage.drift.profiles.profile import FeatureProfile, WindowProfile
from triage.drift.shift.calibrate import adjust
from triage.drift.shift.categorical import chi_square_test, g_test, jensen_shannon
from triage.drift.shift.findings import Excess, Finding, FindingKind, beyond, find, largest_excess
from triage.drift.shift.ks import ks_test
from triage.drift.shift.movement import Bin, FeatureDrift, Limits, Movement, Summary
from triage.drift.shift.psi import null_mean, null_quantile, psi, psi_terms, psi_test, used_bins
from triage.drift.shift.rates import RateChange, rate_change
from triage.drift.shift.record import Record, measurable, rate_floor
from triage.drift.shift.wasserstein import wasserstein_binned

__all__ = ["Bin", "FeatureDrift", "Finding", "FindingKind", "Limits", "Movement", "Summary", "compare"]

_WORDS = {"null": "nulls", "modal": "share of one value", "unseen": "unseen values", "beyond": "values beyond range"}


def compare(
    baseline: WindowProfile,
    current: WindowProfile,
    history: Sequence[WindowProfile] = (),
    limits: Limits | None = None,
) -> tuple[FeatureDrift, ...]:
    """One result per feature, in the order of the edges.

    ``history`` holds profiles of past healthy windows of the same length and phase (time of day and week), on the same
    edges: what they do, season and clusters included, is not called a move. Raises DataError when the edges differ.
    """
    limits = limits or Limits()
    for window in (current, *history):
        baseline.require_same_edges(window)
    groupings = [Grouping(feature) for feature in baseline.features]
    record = Record(groupings, history, limits)
    drifts = [
        _measure(grouping, window, limits, record, index)
        for index, (grouping, window) in enumerate(zip(groupings, current.features, strict=True))
    ]
    adjusted = adjust(np.array([drift.p_value for drift in drifts]))
    return tuple(
        _judge(replace(drift, adjusted_p=float(p)), limits, record, index)
        for index, (drift, p) in enumerate(zip(drifts, adjusted, strict=True))
    )


def _measure(grouping: Grouping, now: FeatureProfile, limits: Limits, record: Record, index: int) -> FeatureDrift:
    """All statistics of one feature, not yet judged; unmeasured where they can't be taken."""
    before, spec = grouping.baseline, grouping.spec
    excess = largest_excess(grouping, now) if spec.kind is not Kind.UNMEASURED else Excess("", 0, 0, 0.0, 0.0, 1)
    findings = find(grouping, now, excess) if spec.kind is not Kind.UNMEASURED else ()
    reason = _why_not(before, now, limits)
    if reason:
        return FeatureDrift(
            spec.name,
            spec.kind,
            Movement.UNMEASURED,
            reason,
            findings=findings,
            n_baseline=before.read,
            n_current=now.read,
        )
    p, q = grouping.expected, grouping.fold(now)
    inflation = limits.design_effect
    test = psi_test(p, q, inflation)
    bins = used_bins(p, q)
    rates = _rates(grouping, now, excess, inflation)
    drift = FeatureDrift(
        name=spec.name,
        kind=spec.kind,
        verdict=Movement.STEADY,
        reason="",
        psi=test,
        psi_excess=max(0.0, test.effect - null_mean(bins, before.read, now.read, inflation)),
        psi_null=null_quantile(1 - limits.alpha, bins, before.read, now.read, inflation),
        psi_history=record.psi_limit(index),
        psi_past=tuple(record.psi[:, index].tolist()),
        history_z=record.psi_z(index, test.effect) if record.windows else math.nan,
        chi_square=chi_square_test(p, q, inflation),
        g=g_test(p, q, inflation),
        jensen_shannon=jensen_shannon(p, q),
        rates=rates,
        findings=findings,
        bins=_bins(grouping, p, q),
        p_value=min(1.0, (1 + len(rates)) * min(test.p_value, *(rate.p_value for rate in rates))),
        n_baseline=before.read,
        n_current=now.read,
    )
    return _with_numbers(drift, grouping, now, inflation) if spec.kind.is_number else drift


def _why_not(before: FeatureProfile, now: FeatureProfile, limits: Limits) -> str:
    if before.spec.kind is Kind.UNMEASURED:
        return before.spec.reason
    if not measurable(before, limits):
        held = f"{before.read:,} rows" if before.read < limits.min_rows else "no value at all"
        return f"the baseline holds {held} ({', '.join(before.reasons) or f'at least {limits.min_rows} are needed'})"
    if now.read < limits.min_rows:
        why = "; ".join(now.reasons) or f"at least {limits.min_rows} are needed"
        return f"the current window holds {now.read:,} rows that can be read ({why})"
    return ""


def _rates(grouping: Grouping, now: FeatureProfile, excess: Excess, inflation: float) -> tuple[RateChange, ...]:
    before = grouping.baseline
    rows = before.read, now.read
    rates = [rate_change("null", before.nulls + before.nans, rows[0], now.nulls + now.nans, rows[1], inflation)]
    modal = rate_change("modal", excess.in_baseline, rows[0], excess.in_current, rows[1], inflation)
    rates.append(replace(modal, p_value=min(1.0, modal.p_value * excess.bins)))  # the largest of that many bins
    if grouping.spec.kind.is_number:
        rates.append(rate_change("beyond", beyond(before), rows[0], beyond(now), rows[1], inflation))
    elif grouping.closed:
        rates.append(rate_change("unseen", 0, rows[0], grouping.unseen(now), rows[1], inflation))
    return tuple(rates)


def _with_numbers(drift: FeatureDrift, grouping: Grouping, now: FeatureProfile, inflation: float) -> FeatureDrift:
    before = grouping.baseline
    summaries = _summary(before), _summary(now)
    drift = replace(drift, baseline=summaries[0], current=summaries[1])
    if not now.finite or not before.finite:
        return drift
    atoms = np.zeros(len(before.counts), bool)
    atoms[list(grouping.spec.atoms)] = True
    low, high = _joint_ends(before, now)
    distance, error = wasserstein_binned(before.counts, now.counts, low, high, atoms)
    spread = summaries[0].upper_quartile - summaries[0].lower_quartile or summaries[0].standard_deviation
    scale = 1 / spread if spread > 0 else math.nan
    return replace(
        drift,
        ks=ks_test(before.counts, now.counts, atoms, inflation),
        wasserstein=distance * scale,
        wasserstein_error=error * scale,
    )


def _joint_ends(before: FeatureProfile, now: FeatureProfile) -> tuple[np.ndarray, np.ndarray]:
    minimum, maximum = min(before.minimum, now.minimum), max(before.maximum, now.maximum)
    bounds = np.clip(before.spec.bounds, minimum, maximum)
    return np.concatenate(([minimum], bounds)), np.concatenate((bounds, [maximum]))


def _summary(profile: FeatureProfile) -> Summary:
    if not profile.finite:
        return Summary(*[math.nan] * 7)
    lower, median, upper = map(float, profile.quantiles((0.25, 0.5, 0.75)))
    spread = profile.standard_deviation
    return Summary(profile.mean, spread, lower, median, upper, profile.minimum, profile.maximum)


def _bins(grouping: Grouping, p: np.ndarray, q: np.ndarray) -> tuple[Bin, ...]:
    """Bars for the groups that hold something; groups of numbers within the baseline's range get their ends."""
    terms = psi_terms(p, q)
    shares = p / max(int(p.sum()), 1), q / max(int(q.sum()), 1)
    ends: list[tuple[float | None, float | None]] = [(None, None)] * len(p)
    if grouping.spec.kind.is_number and len(grouping.spec.cuts) > 1:
        low, high = grouping.ends
        ends[1 : 1 + len(low)] = list(zip(low.tolist(), high.tolist(), strict=True))
    return tuple(
        Bin(label, float(shares[0][i]), float(shares[1][i]), float(terms[i]), *ends[i])
        for i, label in enumerate(grouping.labels)
        if p[i] or q[i]
    )


def _judge(drift: FeatureDrift, limits: Limits, record: Record, index: int) -> FeatureDrift:
    """Moved, when the effect is large enough and neither chance nor what healthy windows do explains it."""
    if drift.verdict is Movement.UNMEASURED or drift.psi is None:
        return drift
    significant = drift.adjusted_p <= limits.alpha
    by_psi = significant and drift.psi_excess >= limits.psi and drift.psi.effect > drift.psi_null
    if not math.isnan(drift.psi_history):
        by_psi = by_psi and drift.psi.effect > drift.psi_history and drift.history_z > limits.history_z
    moved = [rate for rate in drift.rates if significant and _rate_moved(rate, limits, record, index)]
    changed = [finding for finding in drift.findings if finding.kind is FindingKind.TYPE_CHANGED]
    verdict = Movement.MOVED if by_psi or moved or changed else Movement.STEADY
    severity = max([drift.psi_excess, *(_rate_psi(rate) for rate in moved)])
    reason = _reason(drift, moved, record.windows, verdict)
    return replace(
        drift, verdict=verdict, severity=severity, reason=reason, moved_rates=tuple(rate.name for rate in moved)
    )


def _rate_moved(rate: RateChange, limits: Limits, record: Record, index: int) -> bool:
    if rate.change < rate_floor(limits, rate.name) or rate.p_value > limits.alpha:
        return False
    if not record.windows:
        return True
    value = rate.change if rate.name == "modal" else rate.current
    z = record.rate_z(index, rate.name, value)
    return math.isnan(z) or z > record.rate_threshold


def _rate_psi(rate: RateChange) -> float:
    before, now = rate.baseline * rate.n_baseline, rate.current * rate.n_current
    return psi(np.array([before, rate.n_baseline - before]), np.array([now, rate.n_current - now]))


def _reason(drift: FeatureDrift, moved: list[RateChange], windows: int, verdict: Movement) -> str:
    assert drift.psi is not None
    parts = [f"PSI {drift.psi.effect:.3f}, chance reaches {drift.psi_null:.3f}"]
    if not math.isnan(drift.psi_history):
        parts[0] += f", {windows} past healthy windows reach {drift.psi_history:.3f}"
    parts += [f"{_WORDS[rate.name]} {rate.baseline:.2%} → {rate.current:.2%}" for rate in moved]
    if verdict is Movement.MOVED:
        parts += [finding.statement for finding in drift.findings]
    return "; ".join(parts)
