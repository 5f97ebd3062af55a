"""Memory that a snapshot lends: it stays in place while an object refers to it.

An array that NumPy reads without copying can be kept beyond its block, sliced, or passed to
another thread, and NumPy reads it without a check. So each array keeps the snapshot open, and the
snapshot keeps the environment's files open and its memory map in place. The snapshot ends with
its block, or with the last array that it lent.

The child of a fork cannot keep the parent's snapshot. There, lent memory becomes a private copy at
the same address, before the parent continues.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from io import FileIO

from . import _raw as raw
from ._typing import Any
from .callers import ThreadLocal
from .handles import Opening, at_fork

__all__ = ["Lender", "Lent", "Pin"]


class Lender:
    """The opening of an environment that its snapshots belong to.

    It outlives the closing of the environment while lent memory is in use.
    """

    __slots__ = ("_opening", "_pins", "library")

    def __init__(self, library: ctypes.CDLL, opening: Opening) -> None:
        self.library: ctypes.CDLL = library
        self._opening = opening
        self._pins: list[weakref.ref[Pin]] = []

    @property
    def handle(self) -> int:
        """The library's handle of it; 0 once it is closed."""
        return self._opening.handle

    def close(self) -> None:
        """Closes it, now or with the last pin."""
        opening, self._opening = self._opening, Opening(self.library.pc_env_close)
        if all(pin() is None for pin in self._pins):
            opening.close()

    def pin(self) -> Pin:
        """Returns an object that can keep a snapshot of it open."""
        pin = Pin(self.library, self._opening)
        self._pins = [ref for ref in self._pins if ref() is not None] + [weakref.ref(pin)]
        return pin


class Pin:
    """A snapshot that has lent memory; it ends when this object is garbage-collected."""

    __slots__ = ("__weakref__", "_library", "_opening", "_owned")

    def __init__(self, library: ctypes.CDLL, opening: Opening) -> None:
        self._library = library
        self._opening = opening
        self._owned = Opening(library.pc_txn_abort)

    @property
    def transaction(self) -> int:
        """The snapshot's handle; 0 until it is taken."""
        return self._owned.handle

    def take_from(self, place: ctypes.c_uint64) -> None:
        """Takes over the snapshot whose handle is at an address."""
        self._owned.out.value = place.value

    def leave_thread(self) -> None:
        """Ends the thread's use of the snapshot: its calls are no longer part of it."""
        self._library.pc_txn_set_current(self._opening.handle, 0, None)


class Lent:
    """A piece of lent memory; NumPy takes it for a read-only array that keeps it alive."""

    __slots__ = ("__weakref__", "_pin", "address", "shape", "size", "typestr")

    def __init__(self, pin: Pin, address: int, size: int) -> None:
        self._pin = pin
        self.address: int = address
        self.size: int = size
        self.typestr: str = "|u1"
        self.shape: tuple[int, ...] = (size,)
        _lent[id(self)] = self

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Describes the memory to NumPy."""
        return {
            "version": 3,
            "typestr": self.typestr,
            "shape": self.shape,
            "data": (self.address, True),
        }

    def view(self) -> memoryview:
        """Returns a read-only view of the bytes, which keeps the memory alive."""
        memory = (ctypes.c_uint8 * self.size).from_address(self.address)
        memory._lent = self  # type: ignore[attr-defined]
        # ctypes adds a byte order to the format, which a memoryview cannot cast.
        from pickle import PickleBuffer

        return PickleBuffer(memory).raw().toreadonly()


# By identity; unlike a WeakSet, it can be iterated over while other threads add to it.
_lent: weakref.WeakValueDictionary[int, Lent] = weakref.WeakValueDictionary()

_MAP_FIXED = 0x10
_FAILED = ctypes.c_void_p(-1).value


def _own_copy(start: int, size: int) -> None:
    """Replaces the parent's pages by private memory with the same content."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = (
        *(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int),
        *(ctypes.c_int, ctypes.c_int, ctypes.c_longlong),
    )
    content = ctypes.string_at(start, size)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
    # No other thread can see it empty, since a child begins with one thread.
    at = libc.mmap(start, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if at == _FAILED:
        os.write(2, b"persistent_collections: no memory for what was lent before the fork\n")
        os._exit(70)
    ctypes.memmove(start, content, size)


class _Fork(ThreadLocal):  # type: ignore[misc]
    """Keeps lent memory from changing until the child has its own copy.

    Each thread that forks has its own object, without a lock, which would stay locked if an
    asynchronous exception (a signal handler's) ended `in_parent` early. After such an exception,
    the thread's next fork does the rest first, and the memory is kept until then.
    """

    def __init__(self) -> None:
        self._kept: list[Lent] = []
        self._pipe: tuple[FileIO, FileIO] | None = None

    def before(self) -> None:
        self.in_parent()
        self._kept = [lent for ref in _lent.valuerefs() if (lent := ref()) is not None]
        if self._kept:
            read, write = os.pipe()
            self._pipe = FileIO(read, "r"), FileIO(write, "w")

    def in_parent(self) -> None:
        if self._pipe is not None:
            read, write = self._pipe
            write.close()
            # Returns when the child has its copy, or has ended.
            read.read(1)
            read.close()
        self._pipe = None
        self._kept = []

    def in_child(self) -> None:
        pages = sorted(
            {
                page
                for lent in self._kept
                for page in range(
                    lent.address // mmap.PAGESIZE,
                    (lent.address + lent.size - 1) // mmap.PAGESIZE + 1,
                )
            }
        )
        for page in pages:
            _own_copy(page * mmap.PAGESIZE, mmap.PAGESIZE)
        if self._pipe is not None:
            read, write = self._pipe
            read.close()
            # Another process may have the parent's end too, after a fork outside of Python.
            write.write(b"x")
            write.close()
        self._pipe = None
        self._kept = []


_fork = _Fork()
at_fork(before=_fork.before, after_in_parent=_fork.in_parent, after_in_child=_fork.in_child)


def lend(library: ctypes.CDLL, pin: Pin, dictionary: int, key: bytes) -> tuple[int, Lent | None]:
    """Looks up a key; returns the status and the memory of its value."""
    address, size = ctypes.c_void_p(), ctypes.c_size_t()
    status = library.pc_dict_get_ref(
        dictionary, key, len(key), ctypes.byref(address), ctypes.byref(size)
    )
    if status != raw.PC_OK:
        return status, None
    return status, Lent(pin, address.value or 0, size.value)
