"""Handles of the library that end with the object that owns them, whatever happens meanwhile.

An exception can come from outside between any two steps of Python: a signal handler's, a timeout's,
a `RecursionError`. So a handle is never in a variable alone. The library writes it to a place that
an object owns already, and C code closes it when that object is gone: no step of Python lies
between, and nothing that could be interrupted, or could swallow an interrupt, runs then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import filterfalse
from operator import methodcaller
from typing import Any

__all__ = ["End", "end_with", "forget", "keep", "let_go"]


class End(weakref.ref[object]):
    """Calls a function of the library when an object is gone, with what it was given.

    The function is this reference's callback, so it gets the reference; what `ctypes` passes on to
    C then is the attribute that it looks for in an argument.
    """

    __slots__ = ("_as_parameter_",)

    _as_parameter_: Any


def end_with(owner: object, function: Callable[..., int], argument: Any) -> End:
    """Calls `function(argument)` when the owner is gone, as long as the result is kept."""
    end = End(owner, function)
    end._as_parameter_ = argument
    return end


_owner_of = methodcaller("__call__")


class _Kept:
    """The ends that one function of the library is called at."""

    def __init__(self) -> None:
        self.ends: set[End] = set()
        self._prune_at = 256

    def add(self, end: End) -> None:
        self.ends.add(end)
        if len(self.ends) > self._prune_at:
            self.ends.difference_update(filterfalse(_owner_of, list(self.ends)))
            self._prune_at = 2 * len(self.ends) + 256


_functions: list[Any] = []


def _kept(closing: Any, inherited: bool = False) -> _Kept:
    # The owner itself cannot keep its end: the garbage collector calls nothing that goes with a
    # cycle. The function outlives this module where the interpreter ends.
    try:
        found: _Kept = closing.kept
    except AttributeError:
        found = closing.kept = _Kept()
        if not inherited:
            _functions.append(closing)
    return found


def keep(owner: object, closing: Callable[..., Any], place: Any, inherited: bool = False) -> End:
    """Closes what is in a place when the owner is gone, also where that is part of a cycle.

    Memory is `inherited`: the child of a fork has its own, and frees it.
    """
    end = end_with(owner, closing, place)
    _kept(closing, inherited).add(end)
    return end


def let_go(closing: Any, end: End) -> None:
    """Closes nothing then."""
    _kept(closing).ends.discard(end)


def forget() -> None:
    """In the child of a fork: leaves alone what is the parent's."""
    for closing in _functions:
        closing.kept.ends.clear()
