"""Bounds for looks that are planned: the cross-check beside the always-valid sequences."""

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import ndtr

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(160)


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """O'Brien-Fleming-like bounds: reject at look k when |z| > ``z[k]``; ``spent[k]`` of the error is used by then."""

    z: tuple[float, ...]
    spent: tuple[float, ...]


def obrien_fleming(fractions: np.ndarray, alpha: float = 0.05) -> GroupSequential:
    """Two-sided symmetric bounds for looks at ``fractions`` (ascending, up to 1) of the planned information.

    Each side spends alpha/2 as Lan and DeMets (1983) give it, 2 - 2 Phi(z(1 - alpha/4)/sqrt(t)); the bounds follow by
    recursive integration (Armitage, McPherson, Rowe 1969). Unlike a confidence sequence it needs its looks planned, and
    ends at the last. Raises ValueError on fractions out of order.

    >>> [round(z, 2) for z in obrien_fleming(np.arange(1, 6) / 5).z]
    [4.88, 3.36, 2.68, 2.29, 2.03]
    """
    fractions = np.asarray(fractions, dtype=np.float64)
    if len(fractions) == 0 or np.any(np.diff(fractions, prepend=0.0) <= 0) or fractions[-1] > 1 + 1e-9:
        raise ValueError("looks must be ascending fractions of the planned information, above 0 and up to 1")
    spent = 4 * scipy.stats.norm.sf(scipy.stats.norm.ppf(1 - alpha / 4) / np.sqrt(fractions))
    bounds = []
    nodes, mass, before, used = np.zeros(1), np.ones(1), 0.0, 0.0
    for fraction, target in zip(fractions.tolist(), spent.tolist(), strict=True):
        step = float(np.sqrt(fraction - before))
        edge = _edge(nodes, mass, step, max(target - used, 1e-15))
        bounds.append(edge / float(np.sqrt(fraction)))
        inside = edge * _NODES
        density = scipy.stats.norm.pdf((inside[:, None] - nodes[None, :]) / step) / step @ mass
        nodes, mass, before, used = inside, density * edge * _WEIGHTS, fraction, target
    return GroupSequential(tuple(bounds), tuple(spent.tolist()))


def _edge(nodes: np.ndarray, mass: np.ndarray, step: float, due: float) -> float:
    """The bound on the Brownian path that is crossed, first at this look, with probability ``due``."""

    def excess(edge: float) -> float:
        return float(mass @ (ndtr((nodes - edge) / step) + ndtr((-edge - nodes) / step))) - due

    return float(scipy.optimize.brentq(excess, 0.0, float(np.abs(nodes).max()) + 12 * step, xtol=1e-10))
