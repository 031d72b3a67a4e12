"""Loops compiled to machine code by numba, on their first call: they hold no lock, and make no array on the way."""

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar

import numba
from numba import types

P = ParamSpec("P")
R = TypeVar("R")


def read_only(type_: types.Type) -> types.Array:
    """An array that a loop only reads: one that can be written to, or a view of Arrow's memory."""
    return types.Array(type_, 1, "C", readonly=True)


class Loop(Generic[P, R]):
    """A function of arrays and numbers whose types are ``signature``.

    What was compiled is kept on disk, beside the file or in the user's cache, for the next process. What is there but
    can't be read is replaced; where nothing can be written, every process compiles for itself.
    """

    def __init__(self, function: Callable[P, R], signature: tuple[types.Type, ...]) -> None:
        self._function = function
        self._signature = signature
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._ready(*args, **kwargs)

    @cached_property
    def _ready(self) -> Callable[P, R]:
        with suppress(Exception):  # of the cache, whatever it is: the last try below tells the loop's own faults
            try:
                return self._compiled(self._made(cache=True))
            except Exception:
                made = self._made(cache=True)
                made._cache.flush()
                return self._compiled(made)
        return self._compiled(self._made(cache=False))

    def _made(self, cache: bool) -> Any:
        return numba.njit(self._function, nogil=True, error_model="numpy", cache=cache)

    def _compiled(self, made: Any) -> Callable[P, R]:
        made.compile(self._signature)
        made.disable_compile()
        return made  # type: ignore[no-any-return]


def compiled(*signature: types.Type) -> Callable[[Callable[P, R]], Loop[P, R]]:
    """Make a loop of a function.

    What is kept is compiled anew when the file of the loop changes, but not when another does: all loops, and what they
    call, stand in one file, which is to be touched when the options here change.
    """
    return lambda function: Loop(function, signature)
