"""Closes handles of the library together with the object that owns them, in all cases.

An asynchronous exception can arrive between any two steps of Python: a signal handler's, a
timeout's, a `RecursionError`. So a handle is never only in a variable. The library writes it to
memory that an object already owns, and C code closes it when that object is freed: without a step
of Python that could be interrupted, or could swallow an interrupt.
"""

from __future__ import annotations

import weakref
from _operator import methodcaller
from itertools import filterfalse

from ._abstract import Callable
from ._typing import Any

__all__ = ["End", "end_with", "forget", "keep", "let_go"]


class End(weakref.ref[object]):
    """Calls a function of the library, with an argument, when an object is freed.

    The function is this reference's callback, so its argument is the reference; `ctypes` then
    passes the reference's attribute `_as_parameter_` to C.
    """

    __slots__ = ("_as_parameter_",)

    _as_parameter_: Any


def end_with(owner: object, function: Callable[..., int], argument: Any) -> End:
    """Calls `function(argument)` when the owner is freed, if the result is still alive."""
    end = End(owner, function)
    end._as_parameter_ = argument
    return end


_owner_of = methodcaller("__call__")


class _Kept:
    """The references by which one function of the library is called."""

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
    # The owner itself cannot keep its end: the garbage collector does not call the callbacks of
    # references that are in the same cycle. The function must outlive this module at exit.
    try:
        found: _Kept = closing.kept
    except AttributeError:
        found = closing.kept = _Kept()
        if not inherited:
            _functions.append(closing)
    return found


def keep(owner: object, closing: Callable[..., Any], place: Any, inherited: bool = False) -> End:
    """Closes the handle at a place when the owner is freed, also if that is part of a cycle.

    Memory is `inherited`: the child of a fork has its own copy, and frees it.
    """
    end = end_with(owner, closing, place)
    _kept(closing, inherited).add(end)
    return end


def let_go(closing: Any, end: End) -> None:
    """Cancels the call of `keep`."""
    _kept(closing).ends.discard(end)


def forget() -> None:
    """Forgets, in the child of a fork, the handles of the parent."""
    for closing in _functions:
        closing.kept.ends.clear()
