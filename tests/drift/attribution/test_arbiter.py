"""What the labels say of a feature that no other feature depends on."""

import numpy as np

from triage.drift.attribution.arbiter import population_moved

LOSS_OF = np.array([0.1, 0.5, 0.9])


def _window(seed: int, shares: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, 6000, p=shares)
    return codes, LOSS_OF[codes] + rng.normal(0, 0.2, 6000)


CODES, LOSS = _window(0, (0.5, 0.3, 0.2))
STUCK = np.where(np.random.default_rng(1).random(6000) < 0.4, 2, CODES)


def test_losses_that_stayed_with_their_values_say_that_the_population_moved():
    codes, loss = _window(2, (0.3, 0.2, 0.5))
    assert population_moved(CODES, LOSS, STUCK, LOSS, codes, loss) is True


def test_losses_of_every_kind_under_the_new_value_say_that_the_feature_broke():
    codes, loss = _window(3, (0.5, 0.3, 0.2))
    broken = np.where(np.random.default_rng(4).random(6000) < 0.4, 2, codes)
    assert population_moved(CODES, LOSS, STUCK, LOSS, broken, loss) is False


def test_where_the_loss_does_not_depend_on_the_feature_nothing_is_said():
    flat = np.random.default_rng(5).normal(0.5, 0.2, 6000)
    codes, _ = _window(6, (0.3, 0.2, 0.5))
    assert population_moved(CODES, flat, STUCK, flat, codes, flat[::-1]) is None
