"""The versions that a serving log names, as the registry writes them."""

import numpy as np
import pandas as pd

from triage.drift.codes import as_labels


def served_by(column: pd.Series) -> np.ndarray:
    """The version of each row as text, shape (n,), "" where there is none: pandas makes 2 a 2.0 beside nulls."""
    positions, labels = as_labels(column)
    return np.array([*labels, ""], dtype=object)[positions]


def mostly_served_by(column: pd.Series) -> str:
    """The version of most rows, or nothing where no row names one."""
    named = pd.Series(served_by(column))
    counts = named[named != ""].value_counts()
    return str(counts.idxmax()) if len(counts) else ""
