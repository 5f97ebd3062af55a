"""Handles: when they can be used directly, and how they are made usable otherwise."""

from __future__ import annotations

import contextlib
import ctypes
import os
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from . import _raw as raw
from . import owned
from ._shapes import Guarded

__all__ = ["Handled", "Opening", "Registry", "environments", "process", "register"]


class Opening:
    """A handle that the library gives out; closed at the latest when this is collected.

    It exists before the library is called with `out`, and C code closes it then: no exception from
    outside, of a signal say, comes between, and none is swallowed by a finalizer.
    """

    __slots__ = ("__weakref__", "_close", "_end", "out", "process")

    #: How many forks lie between the first process and this one.
    here: ClassVar[int] = 0

    def __init__(self, close: Callable[[int], int]) -> None:
        self._close = close
        #: The process that it was opened in: in another one it is left alone.
        self.process: int = self.here
        #: Where the library writes the handle; 0 before, and once it is closed.
        self.out: ctypes.c_uint64 = ctypes.c_uint64()
        self._end = owned.keep(self, close, self.out)

    @property
    def handle(self) -> int:
        """The handle, or 0."""
        return self.out.value

    def close(self) -> int:
        """Closes the handle and returns the library's status; again does nothing."""
        handle = self.out.value
        if not handle or self.process != self.here:
            return raw.PC_OK
        # Handles are never used again: of two threads that come here at once, the library refuses
        # one. It is forgotten last, so that an exception from outside leaves it to be closed.
        status = self._close(handle)
        self.out.value = 0
        owned.let_go(self._close, self._end)
        return raw.PC_OK if status == raw.PC_ERR_BAD_HANDLE else status


def process() -> int:
    """Returns the number of this process, which differs in the child of a fork."""
    return Opening.here


class Handled:
    """The base of objects with a handle of the library: environments, dicts, sets.

    `_handle` stands in the instance as long as it can be used as it is, so that a call costs
    no check. It is missing, and `_usable` decides, once it is closed, in the child of a fork
    until it is reopened, and while a task or greenlet has a transaction open. So code that keeps a
    handle beyond a call asks for it again in the next.

    Nothing here looks into an instance's `__dict__`. CPython 3.11 makes that at its first use;
    where that starts the garbage collector, and a finalizer uses the same one, it makes two,
    which free the same memory.
    """

    _handle: int
    #: What was opened, by the process that did: the child of a fork opens its own.
    _openings: dict[int, Opening]
    #: Whether it was closed, or is just being closed.
    _closed: bool

    def _usable(self) -> int:
        """The handle, after what must happen first; raises where there is none."""
        raise NotImplementedError

    @property
    def _held(self) -> int:
        """The handle that this process has of it, usable or not; 0 if there is none."""
        opening = self._openings.get(Opening.here)
        return 0 if opening is None else opening.handle

    def _expose(self, environment: Guarded) -> int:
        """Lets the handle be used as it is, unless calls must look at their task first."""
        handle = self._held
        if not environment._guards:
            self._handle = handle
            self._heat(handle)
            # A thread that guards or closes it says so first, and takes the handle away then.
            if environment._guards or self._closed or environment._closed:
                self._hide()
        return handle

    def _hide(self) -> None:
        self._heat(0)
        with contextlib.suppress(AttributeError):
            del self._handle

    def _heat(self, handle: int) -> None:
        """Lends the accelerator, where there is one, a handle that can be used as it is; or 0."""

    def _begin_life(self, opening: Opening) -> None:
        """Holds what its constructor has opened."""
        self._openings = {opening.process: opening}
        self._closed = False

    def _hold(self, opening: Opening) -> None:
        """Holds what was reopened, unless another thread was first or has closed it.

        No lock is needed, and so none can be held, in a child, by a thread that is not there.
        """
        held = self._openings.setdefault(opening.process, opening)
        if held is not opening:
            opening.close()
        if self._closed:
            held.close()

    def _close_held(self) -> int:
        """Closes it for this process and returns the library's status; again does nothing."""
        self._closed = True
        self._hide()
        opening = self._openings.get(Opening.here)
        return raw.PC_OK if opening is None else opening.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            if name == "_handle":
                try:
                    object.__getattribute__(self, "_openings")
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


def register(environment: Handled) -> None:
    """Lets a child of this process know that what the environment has open is the parent's."""
    _environments.add(environment)


def environments() -> list[Any]:
    """The environments of this process that live."""
    return _environments.living()


def _in_child() -> None:
    Opening.here += 1
    owned.forget()
    for environment in environments():
        environment._inherit()


def at_fork(**hooks: Callable[[], object]) -> None:
    """`os.register_at_fork`, where the system has forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**hooks)


at_fork(after_in_child=_in_child)
