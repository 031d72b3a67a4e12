"""Loops compiled to machine code by numba, on their first call: they hold no lock, and make no array on the way."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, ParamSpec, TypeVar

import numba
from numba import types

P = ParamSpec("P")
R = TypeVar("R")


def read_only(type_: types.Type) -> types.Array:
    """An array that a loop only reads: one that can be written to, or a view of Arrow's memory."""
    return types.Array(type_, 1, "C", readonly=True)


class Loop(Generic[P, R]):
    """A function of arrays and numbers whose types are ``signature``.

    What was compiled is kept on disk, beside the file or in the user's cache, for the next process. Where neither can
    be written, or what is there can't be read, it is compiled once more: half a second, and no other harm.
    """

    def __init__(self, function: Callable[P, R], signature: tuple[types.Type, ...]) -> None:
        self._function = function
        self._signature = signature
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._ready(*args, **kwargs)

    @cached_property
    def _ready(self) -> Callable[P, R]:
        try:
            return self._compile(cache=True)
        except Exception:  # a full disk, nowhere to write, a file cut short: the second try tells the loop's own faults
            return self._compile(cache=False)

    def _compile(self, cache: bool) -> Callable[P, R]:
        return numba.njit(self._signature, nogil=True, error_model="numpy", cache=cache)(self._function)  # type: ignore[no-any-return]


def compiled(*signature: types.Type) -> Callable[[Callable[P, R]], Loop[P, R]]:
    """Make a loop of a function.

    Numba sees when the file of a loop changes, but not when a function changes that the loop calls from another file:
    both must stand in one.
    """
    return lambda function: Loop(function, signature)
