"""Shapley values of a game whose worth is a mean over rows: exact for few players, sampled for many."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

EXACT_PLAYERS = 6


@dataclass(frozen=True, slots=True)
class Shares:
    """``rows`` holds each player's contribution in each row, shape (players, n); its mean over rows is the Shapley
    value.

    ``orders`` is the number of orders averaged over, 0 when exact. ``complete`` is False when time or rows ran out
    first.
    """

    rows: np.ndarray
    orders: int
    complete: bool


def shapley(
    players: int,
    worth: Callable[[frozenset[int]], np.ndarray],
    rng: np.random.Generator,
    *,
    may_go_on: Callable[[], bool] = lambda: True,
    max_orders: int = 12,
) -> Shares:
    """Split ``worth(all) − worth(none)`` among the players. ``worth`` returns one value per row, shape (n,); it is
    cached here.

    Exact over all coalitions up to 6 players; above that over random orders, each with its reverse (antithetic:
    Mitchell et al. 2022). The contributions add up exactly either way. ``may_go_on`` is asked before each new order.
    """
    cache: dict[frozenset[int], np.ndarray] = {}

    def value(coalition: frozenset[int]) -> np.ndarray:
        if coalition not in cache:
            cache[coalition] = worth(coalition)
        return cache[coalition]

    n = len(value(frozenset()))
    rows = np.zeros((players, n))
    if players <= EXACT_PLAYERS:
        for player in range(players):
            others = [other for other in range(players) if other != player]
            for size in range(players):
                weight = factorial(size) * factorial(players - size - 1) / factorial(players)
                for group in combinations(others, size):
                    before = frozenset(group)
                    rows[player] += weight * (value(before | {player}) - value(before))
        return Shares(rows, 0, True)
    orders = 0
    for _ in range(max_orders // 2):
        if orders and not may_go_on():
            return Shares(rows / orders, orders, False)
        order = rng.permutation(players)
        for sequence in (order, order[::-1]):
            before = frozenset[int]()
            for player in sequence.tolist():
                after = before | {player}
                rows[player] += value(after) - value(before)
                before = after
            orders += 1
    return Shares(rows / orders, orders, True)
