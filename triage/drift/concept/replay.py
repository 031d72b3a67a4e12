"""Champion replay: does what serves answer as the registry's champion would, on the very rows it was served?

And counterfactuals: would the previous version have been fine on these rows?
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from triage.drift.attribution.game import Predict, scores
from triage.drift.codes import evenly
from triage.drift.episode import find_episode
from triage.drift.losses import Loss
from triage.drift.resample import block_sums, difference
from triage.errors import Unmeasurable

MIN_ROWS = 20
EQUAL_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class ChampionReplay:
    """``equal`` is the share of rows whose logged prediction the champion repeats within tolerance.

    Where they differ: ``onset`` and ``until`` of the different rows, ``share_of_episode`` of rows that differ between
    them; ``gap`` is the median absolute difference there, ``bias`` the mean of logged minus replayed; ``correlation``
    is of all logged with replayed (near 1: preprocessing or rounding; far from it: another model or artifact), None if
    undefined.
    """

    rows: int
    equal: float
    different: int
    gap: float
    bias: float
    correlation: float | None
    onset: datetime | None
    until: datetime | None
    share_of_episode: float | None
    onset_in_window: bool

    @property
    def serves_the_champion(self) -> bool:
        """At least 99% of rows agree: a deploy or a preprocessing fault is all but ruled out."""
        return self.equal >= EQUAL_SHARE


def replay(
    rows: pd.DataFrame,
    logged: np.ndarray,
    predict: Predict,
    *,
    tolerance: float = 1e-4,
    times: pd.Series | None = None,
    max_rows: int = 20_000,
) -> ChampionReplay:
    """Score ``rows`` (as served) with the registry's champion and compare with the ``logged`` predictions (n,).

    Equal means within ``tolerance``, absolute or relative to the logged value. At most ``max_rows`` evenly spaced rows
    are scored. Raises Unmeasurable when fewer than 20 predictions were logged or the model fails.
    """
    known = np.flatnonzero(np.isfinite(np.asarray(logged, dtype=np.float64)))
    if len(known) < MIN_ROWS:
        raise Unmeasurable(
            f"{len(known)} logged predictions; replaying the champion needs {MIN_ROWS}",
            hint="name the logged prediction's column in the catalogue",
        )
    picked = evenly(pd.DataFrame({"row": known}), max_rows)["row"].to_numpy()
    answers = np.asarray(logged, dtype=np.float64)[picked]
    again = scores(predict, rows.iloc[picked])
    apart = ~np.isclose(again, answers, atol=tolerance, rtol=tolerance)
    when = None if times is None else times.iloc[picked]
    episode = find_episode(apart, 1 - EQUAL_SHARE, when)
    varied = answers.std() > 0 and again.std() > 0
    return ChampionReplay(
        rows=len(picked),
        equal=1 - float(apart.mean()),
        different=int(apart.sum()),
        gap=float(np.median(np.abs(answers - again)[apart])) if apart.any() else 0.0,
        bias=float((answers - again)[apart].mean()) if apart.any() else 0.0,
        correlation=float(np.corrcoef(answers, again)[0, 1]) if varied else None,
        onset=episode.onset if episode else None,
        until=episode.until if episode else None,
        share_of_episode=episode.share if episode else None,
        onset_in_window=episode is not None and not episode.from_first_row,
    )


@dataclass(frozen=True, slots=True)
class VersionMatch:
    """Share of logged predictions that a version repeats; None and the reason where it could not be scored."""

    version: str
    equal: float | None
    reason: str = ""


def which_version(
    rows: pd.DataFrame,
    logged: np.ndarray,
    versions: Mapping[str, Predict],
    *,
    tolerance: float = 1e-4,
    max_rows: int = 2000,
) -> tuple[VersionMatch, ...]:
    """Which version gave these answers, the best match first. One that fails to load or score does not stop the
    others."""
    found = []
    for version, predict in versions.items():
        try:
            result = replay(rows, logged, predict, tolerance=tolerance, max_rows=max_rows)
            found.append(VersionMatch(version, result.equal))
        except Unmeasurable as error:
            found.append(VersionMatch(version, None, error.message))
    return tuple(sorted(found, key=lambda match: -(match.equal if match.equal is not None else -1.0)))


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Loss per row of another version on the same rows, and ``gain`` = champion's minus its, with a 95% paired
    interval."""

    champion_loss: float
    other_loss: float
    gain: float
    low: float
    high: float
    rows: int

    @property
    def better(self) -> bool:
        return self.low > 0


def counterfactual(
    rows: pd.DataFrame,
    labels: np.ndarray,
    champion: Predict,
    other: Predict,
    loss: Loss,
    rng: np.random.Generator,
    *,
    blocks: np.ndarray | None = None,
    max_rows: int = 10_000,
) -> Counterfactual:
    """Would ``other`` (the previous version, say) have done better on these labelled rows?

    Pairs of losses, resampled by ``blocks`` (n,) where rows are clustered. Raises Unmeasurable with fewer than 20
    labels or when either model fails.
    """
    truth = np.asarray(labels, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(truth))
    if len(known) < MIN_ROWS:
        raise Unmeasurable(f"{len(known)} labelled rows; {MIN_ROWS} are needed", hint="wait for labels to arrive")
    picked = np.sort(rng.permutation(known)[:max_rows])
    frame, truth = rows.iloc[picked], truth[picked]
    ours, theirs = loss(truth, scores(champion, frame)), loss(truth, scores(other, frame))
    clusters = None if blocks is None else np.asarray(blocks)[picked]
    paired = block_sums(ours - theirs, clusters)
    nothing = block_sums(np.zeros(max(paired.count, 1)))
    gain, low, high, _ = difference(nothing, paired, rng)
    return Counterfactual(float(ours.mean()), float(theirs.mean()), gain, low, high, len(picked))
