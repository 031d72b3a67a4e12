"""Which service is to blame, among many that all look bad: the one whose trouble its own callees do not explain."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from triage.health.robust import robust_scale

LEAST_Z = 3.0
FLOOR = 0.02


@dataclass(frozen=True, slots=True)
class Reading:
    """One service's level of the metric that got worse (latency in seconds, share of errors): higher is worse.

    ``healthy`` and ``current`` are values, shape (n,) and (m,), NaN a gap; ``before`` are the last healthy ones just
    before the onset, which say where it stood, if given. ``traffic`` is the requests per step in the window, by which
    trouble is weighed; leave it None for all where no service has it. ``resolution`` is the smallest step the value
    can take: for a share of errors 1 / traffic.
    """

    service: str
    healthy: np.ndarray
    current: np.ndarray
    before: np.ndarray = field(default_factory=lambda: np.zeros(0))
    traffic: float | None = None
    resolution: float = 0.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """``z`` robust standard deviations above healthy; ``excess`` in the metric's unit times traffic (seconds added, or
    requests failed, per step); ``own`` what remains of it after the callees' excess. ``share`` is the part of all own
    excess."""

    service: str
    z: float
    excess: float
    own: float
    share: float


def rank(
    readings: Sequence[Reading], *, calls: Mapping[str, Collection[str]] | None = None, target: str | None = None
) -> tuple[Suspect, ...]:
    """Services by what they added themselves, the most guilty first; those that can't be measured are left out.

    ``calls`` maps a caller to those it calls; with it, a service's excess is reduced by that of its callees, for a slow
    or failing callee makes its callers slow or failing. ``target`` is the service where the trouble was seen: what it
    does not reach through ``calls`` can't have caused it. Without ``calls`` the order is that of robust z, as in BARO
    (Pham et al. 2024), which names callers as readily as the guilty callee.

    Excess is counted from z = 3. Medians, so that an onset named one sample late moves little.
    """
    found = {reading.service: _excess(reading) for reading in readings if _measurable(reading)}
    if calls is None:
        own = {service: max(z, 0.0) for service, (z, _) in found.items()}
    else:
        reached = _reached(calls, target)
        own = {
            service: max(0.0, excess - sum(found[one][1] for one in calls.get(service, ()) if one in found))
            if reached is None or service in reached
            else 0.0
            for service, (_, excess) in found.items()
        }
    total = sum(own.values())
    suspects = (
        Suspect(service, z, excess, own[service], own[service] / total if total > 0 else 0.0)
        for service, (z, excess) in found.items()
    )
    return tuple(sorted(suspects, key=lambda one: (-one.own, -one.z, one.service)))


def _measurable(reading: Reading) -> bool:
    return bool(np.any(~np.isnan(reading.current)) and np.any(~np.isnan(reading.healthy)))


def _excess(reading: Reading) -> tuple[float, float]:
    healthy = reading.healthy[~np.isnan(reading.healthy)]
    before = reading.before[~np.isnan(reading.before)]
    level = float(np.median(before if before.size else healthy))
    scale = max(robust_scale(healthy), FLOOR * abs(level), reading.resolution, 1e-9)
    rise = float(np.nanmedian(reading.current)) - level
    z = rise / scale
    weight = 1.0 if reading.traffic is None else reading.traffic
    return z, rise * weight if z > LEAST_Z else 0.0


def _reached(calls: Mapping[str, Collection[str]], target: str | None) -> set[str] | None:
    if target is None:
        return None
    reached, waiting = {target}, [target]
    while waiting:
        fresh = set(calls.get(waiting.pop(), ())) - reached
        reached |= fresh
        waiting.extend(fresh)
    return reached
