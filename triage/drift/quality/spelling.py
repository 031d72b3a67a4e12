"""Categories that were never seen before, explained: another spelling of a known one, or a known one renamed."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triage.drift.codes import as_labels

MIN_RENAMED_SHARE = 0.005
_NOT_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class NewCategory:
    """``new`` holds ``share`` of the current rows; ``old`` is the known category it stands for, empty if none is found.

    ``spelling`` says that the two differ only in case, spaces or punctuation.
    """

    new: str
    old: str
    spelling: bool
    share: float


def explain_new_categories(baseline: pd.Series, current: pd.Series, *, most: int = 50) -> tuple[NewCategory, ...]:
    """The ``most`` frequent unseen categories, and the known category each one replaced.

    A rename is believed when the known category lost (within 4 standard errors, or a third) what the new one holds, and
    no other pair fits better; each known category is used once.
    """
    before, after = _shares(baseline), _shares(current)
    n, m = max(len(baseline), 1), max(len(current), 1)
    fresh = sorted((label for label in after if label not in before), key=lambda label: -after[label])[:most]
    folded: dict[str, str] = {}
    for label in sorted(before, key=lambda label: -before[label]):
        folded.setdefault(_fold(label), label)
    lost = {label: share - after.get(label, 0.0) for label, share in before.items()}
    used: set[str] = set()
    found = []
    for label in fresh:
        share, twin = after[label], folded.get(_fold(label), "")
        if twin and _fold(label):
            found.append(NewCategory(label, twin, True, share))
            continue
        old = ""
        if share >= MIN_RENAMED_SHARE:
            fits = {}
            for known, loss in lost.items():
                error = 4 * np.sqrt(before[known] * (1 / n + 1 / m)) + share / 3
                if known not in used and loss > before[known] / 4 and abs(loss - share) <= error:
                    fits[known] = abs(loss - share)
            old = min(fits, key=lambda known: fits[known]) if fits else ""
            used.add(old)
        found.append(NewCategory(label, old, False, share))
    return tuple(found)


def _shares(values: pd.Series) -> dict[str, float]:
    positions, labels = as_labels(values)
    counts = np.bincount(positions[positions >= 0], minlength=len(labels)) / max(len(values), 1)
    return dict(zip(labels, counts.tolist(), strict=True))


def _fold(label: str) -> str:
    return _NOT_WORD.sub("", label.casefold())
