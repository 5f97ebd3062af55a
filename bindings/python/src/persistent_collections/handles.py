"""Handles: when one can be used as it is, and what must happen first when it cannot."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .environment import Environment

__all__ = ["Handled", "Registry", "register"]

H = TypeVar("H", bound="Handled")


class Handled:
    """What has a handle of the library: an environment, a dict, a set.

    `_handle` stands in the instance as long as it can be used as it is, so that a call costs
    no check. It is missing, and `_usable` decides, once it is closed, in the child of a fork
    until it is opened anew, and while an asyncio task has a transaction open. So whoever
    keeps a handle beyond a call asks for it anew in the next.

    Nothing here looks into an instance's `__dict__`. CPython 3.11 makes that at its first use;
    where that starts the garbage collector, and a finalizer uses the same one, it makes two,
    which free the same memory.
    """

    _handle: int
    #: The handle, usable or not; 0 once it is closed.
    _held: int
    #: The same, until somebody has begun to close it.
    _closable: list[int]
    #: Whether it is the parent's, so that it must be opened anew.
    _inherited: bool

    def _usable(self) -> int:
        """The handle, after what must happen first; raises where there is none."""
        raise NotImplementedError

    def _expose(self, environment: Environment) -> int:
        """Lets the handle be used as it is, unless calls must look at their task first."""
        handle = self._held
        if not environment._guards:
            self._handle = handle
            self._heat(handle)
            # Whoever guards it adds to the guards first, and takes the handle away then.
            if environment._guards:
                self._hide()
        return handle

    def _hide(self) -> None:
        self._heat(0)
        with contextlib.suppress(AttributeError):
            del self._handle

    def _heat(self, handle: int) -> None:
        """Lends the accelerator, where there is one, a handle that can be used as it is; or 0."""

    def _take_up(self, handle: int) -> None:
        """Holds a handle that was just opened."""
        self._closable = [handle]
        self._held = handle
        self._inherited = False

    def _give_up(self) -> int:
        """Forgets the handle and gives it to who closes it; 0: there is nothing to close."""
        try:
            # Of several threads that close it, one.
            held = self._closable.pop()
        except (AttributeError, IndexError):
            return 0
        self._held = 0
        self._hide()
        return 0 if self._inherited else held

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name == "_handle":
                try:
                    object.__getattribute__(self, "_held")
                except AttributeError:
                    pass
                else:
                    return self._usable()
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class Registry:
    """Objects with handles, by identity, as long as they live."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def add(self, member: Handled) -> None:
        """Knows it from now on."""
        self._known[id(member)] = member

    def living(self) -> list[Any]:
        """Those that live; safe while other threads add."""
        return [member for ref in self._known.valuerefs() if (member := ref()) is not None]


_environments = Registry()
# Held where a child opens anew, so that its threads do so once.
reopening: threading.RLock = threading.RLock()


def register(environment: Handled) -> None:
    """Sees to it that a child of this process opens the environment anew."""
    _environments.add(environment)


def _in_child() -> None:
    global reopening
    # Another thread of the parent may have held it.
    reopening = threading.RLock()
    for environment in _environments.living():
        environment._inherit()


def at_fork(**hooks: Callable[[], object]) -> None:
    """`os.register_at_fork`, where the system has forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**hooks)


at_fork(after_in_child=_in_child)
