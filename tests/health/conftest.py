import numpy as np
import pytest

from triage.ports import Series

END = 1_700_000_100 // 300 * 300
STEP = 300.0


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def times() -> np.ndarray:
    """Four weeks of samples, five minutes apart."""
    return np.arange(END - 28 * 86_400, END, STEP)


@pytest.fixture
def daily(times: np.ndarray, rng: np.random.Generator) -> Series:
    """A signal around 10 that swings by 4 every day."""
    return Series({}, times, 10 + 4 * np.sin(2 * np.pi * times / 86_400) + rng.normal(0, 0.3, times.size))
