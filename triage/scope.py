"""What one run has read already, so that two steps that need the same window read it once."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Scope:
    """Values of one run by key. Lives as long as the executor; a resumed run reads again."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of ``key``, computed at its first use. What ``compute`` raises is raised, and not kept."""
        if key not in self._kept:
            self._kept[key] = compute()
        return cast(T, self._kept[key])
