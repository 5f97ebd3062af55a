"""Handles: whether they can be used directly, and how to make them usable."""

from __future__ import annotations

import ctypes
import os
import weakref

from . import _raw as raw
from . import owned
from ._abstract import Callable
from ._typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import ClassVar

    from ._shapes import Guarded

__all__ = ["Handled", "Opening", "Registry", "environments", "process", "register"]


class Opening:
    """A handle of the library; it is closed at the latest when this object is collected.

    This object exists before the library writes the handle to `out`, and C code closes the handle.
    So an asynchronous exception, such as a signal handler's, cannot lose it, and a finalizer cannot
    swallow such an exception.
    """

    __slots__ = ("__weakref__", "_close", "_end", "out", "process")

    #: The number of forks between the first process and this one.
    here: ClassVar[int] = 0

    def __init__(self, close: Callable[[int], int]) -> None:
        self._close = close
        #: The process that opened it: other processes do not use it.
        self.process: int = self.here
        #: Where the library writes the handle; 0 before, and once it is closed.
        self.out: ctypes.c_uint64 = ctypes.c_uint64()
        self._end = owned.keep(self, close, self.out)

    @property
    def handle(self) -> int:
        """The handle, or 0."""
        return self.out.value

    def close(self) -> int:
        """Closes the handle and returns the library's status. Can be called twice."""
        handle = self.out.value
        if not handle or self.process != self.here:
            return raw.PC_OK
        # The library never reuses a handle: if two threads close it, it refuses one. The handle is
        # cleared last, so that it is still closed after an asynchronous exception.
        status = self._close(handle)
        self.out.value = 0
        owned.let_go(self._close, self._end)
        return raw.PC_OK if status == raw.PC_ERR_BAD_HANDLE else status


def process() -> int:
    """Returns the number of this process, which differs from that of a forked child."""
    return Opening.here


class Handled:
    """The base of objects with a handle of the library: environments, dicts, sets.

    The instance has the attribute `_handle` while it can be used directly, so that a call needs no
    check. It has none, so that `_usable` decides, after it was closed, in the child of a fork until
    it is reopened, and while a task or greenlet has a transaction open. So code must not keep a
    handle from one call to the next.

    Nothing here looks into an instance's `__dict__`. CPython 3.11 makes that at its first use;
    where that starts the garbage collector, and a finalizer uses the same one, it makes two,
    which free the same memory.
    """

    _handle: int
    #: The open handle, by process: the child of a fork opens its own.
    _openings: dict[int, Opening]
    #: Whether it was closed, or is being closed.
    _closed: bool

    def _usable(self) -> int:
        """Returns the handle, after making it usable; raises if it cannot be used."""
        raise NotImplementedError

    @property
    def _held(self) -> int:
        """Returns this process's handle of it, usable or not; 0 without one."""
        opening = self._openings.get(Opening.here)
        return 0 if opening is None else opening.handle

    def _expose(self, environment: Guarded) -> int:
        """Lets calls use the handle directly, unless they must check their task first."""
        handle = self._held
        if not environment._guards:
            self._handle = handle
            # The accelerator keeps Python's lock during a call, which must not wait for a server.
            if not environment._is_remote:
                self._heat(handle)
            # A thread that guards or closes it sets a flag first, and then removes the handle.
            if environment._guards or self._closed or environment._closed:
                self._hide()
        return handle

    def _hide(self) -> None:
        self._heat(0)
        try:  # noqa: SIM105
            del self._handle
        except AttributeError:
            pass

    def _heat(self, handle: int) -> None:
        """Lends the accelerator, if there is one, a handle for direct use; 0 takes it back."""

    def _begin_life(self, opening: Opening) -> None:
        """Keeps the handle that its constructor has opened."""
        self._openings = {opening.process: opening}
        self._closed = False

    def _hold(self, opening: Opening) -> None:
        """Keeps the reopened handle, unless another thread was first or has closed it.

        It uses no lock, which in a child could be held by a thread that no longer exists.
        """
        held = self._openings.setdefault(opening.process, opening)
        if held is not opening:
            opening.close()
        if self._closed:
            held.close()

    def _close_held(self) -> int:
        """Closes it for this process and returns the library's status. Can be called twice."""
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
    """A set of the living objects with handles, by identity."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def add(self, member: Handled) -> None:
        """Adds an object."""
        self._known[id(member)] = member

    def living(self) -> list[Any]:
        """Returns the living objects; other threads may add some meanwhile."""
        return [member for ref in self._known.valuerefs() if (member := ref()) is not None]


_environments = Registry()


def register(environment: Handled) -> None:
    """Registers an environment, so that a child marks its handles as the parent's."""
    _environments.add(environment)


def environments() -> list[Any]:
    """Returns the living environments of this process."""
    return _environments.living()


def _in_child() -> None:
    Opening.here += 1
    owned.forget()
    for environment in environments():
        environment._inherit()


def at_fork(**hooks: Callable[[], object]) -> None:
    """Calls `os.register_at_fork`, where the system has forks."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**hooks)


at_fork(after_in_child=_in_child)
