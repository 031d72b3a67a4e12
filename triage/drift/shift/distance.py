"""How far one window lies from the baseline, feature by feature: figures, and no judgement."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from triage.drift.profiles.edges import Kind
from triage.drift.profiles.groups import Grouping
from triage.drift.profiles.profile import FeatureProfile, WindowProfile
from triage.drift.shift.ks import ks_binned
from triage.drift.shift.psi import null_quantile, psi, used_bins

CHANCE = 0.99


@dataclass(frozen=True, slots=True)
class Distance:
    """``psi`` and ``psi_chance`` (what 1% of windows exceed when nothing changed) in nats, ``ks`` and the shares as
    fractions. None is unmeasured, with its ``reason``, or does not apply: ``ks`` to categories, ``unseen`` to numbers.
    """

    feature: str
    rows: int
    psi: float | None = None
    psi_chance: float | None = None
    ks: float | None = None
    null_share: float | None = None
    unseen_share: float | None = None
    reason: str = ""


def distances(baseline: WindowProfile, current: WindowProfile, least_rows: int) -> Iterator[Distance]:
    """One for each feature of the baseline, in its order. Raises DataError when the two have other edges.

    Shares are known of any row that was read; distances need ``least_rows`` of them.
    """
    baseline.require_same_edges(current)
    for before, now in zip(baseline.features, current.features, strict=True):
        yield _distance(Grouping(before), now, least_rows)


def _distance(grouping: Grouping, now: FeatureProfile, least_rows: int) -> Distance:
    before, spec = grouping.baseline, grouping.spec
    if spec.kind is Kind.UNMEASURED:
        return Distance(spec.name, now.rows, reason=spec.reason)
    if not before.values:
        return Distance(spec.name, now.rows, reason="the baseline holds no value")
    if not now.read:
        return Distance(spec.name, now.rows, reason="; ".join(now.reasons) or "no row could be read")
    unseen = None
    if not spec.kind.is_number and grouping.closed:
        unseen = grouping.unseen(now) / now.read
    if now.read < least_rows:
        why = f"{now.read:,} rows, at least {least_rows:,} are needed"
        return Distance(spec.name, now.rows, null_share=now.null_share, unseen_share=unseen, reason=why)
    p, q = grouping.fold(before), grouping.fold(now)
    ks = None
    if spec.kind.is_number and before.finite and now.finite:
        atoms = np.zeros(len(before.counts), bool)
        atoms[list(spec.atoms)] = True
        ks = ks_binned(before.counts, now.counts, atoms)[0]
    chance = null_quantile(CHANCE, used_bins(p, q), before.read, now.read)
    return Distance(
        spec.name, now.rows, psi=psi(p, q), psi_chance=chance, ks=ks, null_share=now.null_share, unseen_share=unseen
    )
