"""The accelerator: an optional extension module that does the hot calls without `ctypes`.

`ctypes` always works, and costs about a microsecond a call. The accelerator is one file for all
versions of CPython from 3.9 on (the stable ABI); other interpreters, and CPython without its
global lock, do without it. Which is in use:

>>> from persistent_collections import acceleration
>>> acceleration.status() in ("on", "off: PERSISTENT_COLLECTIONS_ACCELERATOR is 0")
True

It is looked for in the package's directory, then, in a checkout, under `target`. The environment
variable `PERSISTENT_COLLECTIONS_ACCELERATOR` set to `0` turns it off; set to a path, it names the
file. It calls the library that the package has loaded, so that
`PERSISTENT_COLLECTIONS_LIBRARY` holds for both.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _raw as raw
from ._shapes import Coded, Part, Rooted, Walked
from .callers import MAIN_INTERPRETER, ThreadLocal
from .errors import LibraryError

__all__ = ["candidates", "status"]

if TYPE_CHECKING:
    from typing_extensions import Self

_VARIABLE = "PERSISTENT_COLLECTIONS_ACCELERATOR"
_NAME = "persistent_collections_python"
# What the extension module and this package agree on; it has the same number.
_INTERFACE = 7

# The functions that the accelerator calls.
_FUNCTIONS = (
    "pc_dict_get",
    "pc_dict_contains",
    "pc_dict_put",
    "pc_set_contains",
    "pc_set_add",
    "pc_set_reads_wait",
    "pc_txn_begin",
    "pc_txn_commit",
    "pc_txn_abort",
    "pc_txn_current",
    "pc_iter_open_dict",
    "pc_iter_open_set",
    "pc_iter_next_batch",
    "pc_iter_seek",
    "pc_iter_close",
)


class _Writes(ThreadLocal):  # type: ignore[misc]
    """What a thread has for itself."""

    #: Its writes and ends of transactions: its iterators then look again.
    count = 0
    #: Whether exceptions from outside end its waits.
    interruptible = False


def candidates() -> list[Path]:
    """Returns the places to look for the accelerator, in order."""
    chosen = os.environ.get(_VARIABLE)
    return [Path(chosen)] if chosen else raw.places(raw.library_name(_NAME))


def _unfit() -> str | None:
    """Why this interpreter cannot take an extension module of the stable ABI, if it cannot."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} has no stable ABI of CPython"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this interpreter is built without the global lock"
    if not MAIN_INTERPRETER:
        return "it serves the process's first interpreter alone, and this is a subinterpreter"
    return None


def _import(path: Path) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(_NAME, str(path))
    spec = importlib.util.spec_from_loader(_NAME, loader)
    if spec is None:
        raise LibraryError(f"{path} is not an extension module")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    if module.INTERFACE != _INTERFACE:
        raise LibraryError(
            f"it has interface {module.INTERFACE}, this package needs {_INTERFACE}; rebuild it"
        )
    return module


def _load() -> tuple[Any, str]:
    """The module or None, and the status."""
    chosen = os.environ.get(_VARIABLE)
    if chosen == "0":
        return None, f"off: {_VARIABLE} is 0"
    unfit = _unfit()
    if unfit is not None:
        return None, f"off: {unfit}"
    places = candidates()
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        looked = f"off: not found; looked at {', '.join(map(str, places))}"
        if chosen:
            raise LibraryError(f"{_VARIABLE}: there is no file {chosen}")
        return None, looked
    try:
        return _import(path), "on"
    except (ImportError, OSError) as error:
        if chosen:
            raise LibraryError(f"{_VARIABLE}: {path} cannot be loaded: {error}") from error
        warnings.warn(
            f"the accelerator {path} cannot be loaded, all works but slower: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None, f"off: {path} cannot be loaded: {error}"


_module, _status = _load()
_connected = False


def status() -> str:
    """`"on"`, or `"off: …"` with the reason."""
    return _status


#: What the calling thread has for itself; the accelerator looks at it, too.
WRITES: Any = _Writes() if _module is None else _module.Writes()


def connect(library: ctypes.CDLL, make_interruptible: Callable[[], object]) -> None:
    """Tells the accelerator, if there is one, where the library's functions are.

    A thread calls `make_interruptible` before it waits for the first time.
    """
    global _connected
    if _module is None or _connected:
        return
    # No lock, which in the child of a fork a thread could hold that is not there: a thread that
    # connects it again changes nothing.
    addresses = {
        name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in _FUNCTIONS
    }
    _module.connect(addresses, make_interruptible)
    _connected = True


if TYPE_CHECKING or _module is None:

    class HotDict:
        """The base of `PersistentDict`: with the accelerator, its hot calls."""

        __slots__ = ()

    class HotSet:
        """The base of `PersistentSet`: with the accelerator, its hot calls."""

        __slots__ = ()

    class HotEnvironment:
        """The base of `Environment`: with the accelerator, it lends that its handles."""

        def _fail_by(self, failure: Callable[[int], BaseException]) -> None:
            """What gives the exception for a status."""

        def _heat_lender(self, handle: int) -> None:
            """Lends the handle that snapshots are begun in, as long as its own is lent."""

    class HotBlock:
        """The base of `Transaction`: with the accelerator, it begins and ends plain ones."""

        __slots__ = ("__weakref__", "_environment", "_kind", "_leaving", "_timeout")

        #: Whether the accelerator has begun it, and it goes on.
        _is_open = False

        _environment: Any
        _kind: int
        _timeout: int
        #: What `with` has found as `__exit__`.
        _leaving: Callable[[], object | None] | None

        def __new__(cls, environment: Any, kind: int, timeout: int, *_: object) -> Self:
            self = super().__new__(cls)
            self._environment = environment
            self._kind = kind
            self._timeout = timeout
            self._leaving = None
            return self

        def _begin(self) -> None:
            """Begins what the accelerator does not begin."""
            raise NotImplementedError

        def __enter__(self) -> Any:
            self._begin()
            return self

        @property
        def _holder(self) -> object:
            """The object that it ends with: what `with` holds, or else itself."""
            return (self._leaving and self._leaving()) or self

        def _finish(self, commits: bool, leaves: bool) -> None:
            """Ends what the accelerator has begun; `leaves`: in any case, and undone in silence."""

        def _hand_over(self, address: int) -> None:
            """Writes its handle to a place, and leaves it to that."""

    class Exit:
        """`__exit__` of blocks: one object for each block, whose end is the block's end.

        `with` looks `__exit__` up before it calls `__enter__`, and is alone to hold what it has
        found, until the block is left, in whichever way: by an exception inside `__enter__` or
        `__exit__`, or between these and the block. An object that each look-up makes tells the end
        of the block without a step of Python.
        """

        def __get__(self, block: Any, of: Any) -> Callable[..., None]:
            if block is None:
                found: Callable[..., None] = of._leave
                return found
            leaving = functools.partial(of._leave, block)
            block._leaving = weakref.ref(leaving)
            return leaving

else:
    HotDict, HotSet = _module.HotDict, _module.HotSet
    HotEnvironment, HotBlock, Exit = _module.HotEnvironment, _module.HotBlock, _module.Exit


def open_block(environment: object) -> Any:
    """The block that the accelerator has begun on the calling thread; None if none goes on."""
    return None if _module is None else _module.open_block(environment)


def key_coder(type_: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> Any:
    """Returns the accelerator's encoder and decoder of a type's keys, or None without it.

    It calls `encode` and `decode` for keys that it leaves to the package, and where they are
    refused.
    """
    return None if _module is None else _module.Keys(type_, encode, decode)


def value_coder(type_: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> Any:
    """Returns the accelerator's encoder and decoder of a type's values, or None without it."""
    return None if _module is None else _module.Values(type_, encode, decode)


def prepare(collection: Any, *codecs: Coded) -> None:
    """Tells the accelerator's base of a collection how it is encoded."""
    coders = [codec.coder for codec in codecs]
    if None in coders:
        return
    environment: Rooted = collection._environment
    collection._prepare(*coders, environment._failure)


def walk(
    owner: Walked, bounds: Part, what: str, keys: Coded, values: Coded | None
) -> Iterator[Any] | None:
    """A walk over a collection's `"keys"`, `"values"` or `"items"`; None: it is not one for here.

    `owner` stays alive as long as the walk.
    """
    value_coder = None if values is None else values.coder
    if keys.coder is None or (value_coder is None and what != "keys"):
        return None
    # First, since it says by its name where it is closed.
    handle = owner._handle
    environment = owner._environment
    walk: Iterator[Any] = _module.Walk(
        environment._handle,
        handle,
        owner._is_set,
        (bounds.flags, bounds.lower, bounds.upper, bounds.prefix),
        what,
        keys.coder,
        value_coder,
        environment._failure,
        owner,
    )
    return walk


def pair_columns(pairs: list[Any], keys: Coded, values: Coded) -> tuple[Any, Any] | None:
    """The encoded columns of pairs, for `put_columns`; None: they are not ones for here."""
    if keys.coder is None or values.coder is None:
        return None
    columns: tuple[Any, Any] | None = _module.pair_columns(pairs, keys.coder, values.coder)
    return columns


def key_column(items: list[Any], keys: Coded) -> Any:
    """The encoded column of keys; None: they are not ones for here."""
    return None if keys.coder is None else _module.key_column(items, keys.coder)


def pointers(column: Any) -> tuple[ctypes.c_char_p, int | None]:
    """Bytes and offsets of a column, as the library takes them; it must outlive the call."""
    return ctypes.c_char_p(column.data), column.offsets
