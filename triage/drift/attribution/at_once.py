"""Several features that moved at once, each for itself: a population that changed as a whole.

Where three or more moved and none follows from another, they are poor witnesses for each other: whether one of them
broke, or all of them moved, is asked of the labels for all together. Every division into broken and moved is played
through, and the one that makes the loss at each value what it is now is taken. What each costs by itself means little
then; the one that moved furthest gives the change its name, and its cost is that of all.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from triage.drift.attribution.arbiter import DECISIVE, distance
from triage.drift.attribution.game import Population, Replay
from triage.drift.attribution.leaders import divergence, follow
from triage.drift.attribution.reweight import RESTLESS
from triage.drift.attribution.undo import Incident
from triage.drift.codes import encode

FEWEST, MOST = 3, 4


def moved_at_once(names: Sequence[str], moved: Mapping[str, Population]) -> tuple[str, ...]:
    """Those of ``names`` that moved each for itself, furthest first; none where fewer than three did."""
    follows = follow(names, moved)
    leads = set(follows.values())
    apart = [
        name
        for name in names
        if name not in follows
        and name not in leads
        and not moved[name].switch.decided
        and moved[name].switch.scatter >= RESTLESS
    ]
    return tuple(sorted(apart, key=lambda name: -divergence(moved[name]))) if len(apart) >= FEWEST else ()


def broken_among(
    names: Sequence[str], moved: Mapping[str, Population], carried: Mapping[str, pd.Series], replay: Replay,
    picked: np.ndarray, incident: Incident,
) -> frozenset[str]:  # fmt: skip
    """Which of ``names`` broke, as far as the labels tell; the fewest that they decide for. Of more than four names
    only the first four are asked about. ``carried`` are the healthy columns with each one's change injected."""
    codes_now = {name: encode(moved[name].coding, incident.rows[name]) for name in names}
    replay.targets.update({name: (moved[name].codes[picked], moved[name].target) for name in names})
    best, nearest = frozenset[str](), np.inf
    for size in range(len(names[:MOST]) + 1):
        for group in combinations(names[:MOST], size):
            changed = {name: carried[name] for name in group}
            loss, weights = replay.under(changed, [name for name in names if name not in changed])
            apart = DECISIVE * size
            for name in names:
                codes = encode(moved[name].coding, changed[name]) if name in changed else moved[name].codes[picked]
                apart += distance(codes_now[name], incident.losses, codes, loss, weights)
            if apart < nearest:
                best, nearest = frozenset(group), apart
    for name in names:
        del replay.targets[name]
    return best
