"""The accelerator: an optional extension module for the hot calls, which avoids `ctypes`.

`ctypes` always works, and costs about a microsecond a call. The accelerator is one file for all
versions of CPython from 3.9 on (the stable ABI); other interpreters, and CPython without its
global lock, do without it. `status` tells whether it is in use:

>>> from persistent_collections import acceleration
>>> acceleration.status() in ("on", "off: PERSISTENT_COLLECTIONS_ACCELERATOR is 0")
True

The package looks for it in its own directory, then, in a checkout, under `target`. The environment
variable `PERSISTENT_COLLECTIONS_ACCELERATOR` set to `0` turns it off; set to a path, it names the
file. It calls the library that the package has loaded, so that
`PERSISTENT_COLLECTIONS_LIBRARY` holds for both.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref

from . import _raw as raw
from . import arrays
from ._abstract import Callable, Iterator
from ._typing import TYPE_CHECKING, Any
from .callers import MAIN_INTERPRETER, ThreadLocal
from .errors import LibraryError

__all__ = ["candidates", "status"]

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from ._shapes import Coded, Part, Rooted, Walked

_VARIABLE = "PERSISTENT_COLLECTIONS_ACCELERATOR"
_NAME = "persistent_collections_python"
# What the extension module and this package agree on; it has the same number.
_INTERFACE = 9

# The functions that the accelerator calls.
_FUNCTIONS = (
    "pc_dict_get",
    "pc_dict_contains",
    "pc_dict_put",
    "pc_dict_get_many",
    "pc_buffer_free",
    "pc_set_contains",
    "pc_set_add",
    "pc_dict_len",
    "pc_set_len",
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
    """The state of one thread."""

    #: Counts its writes and ends of transactions, after which its iterators fetch again.
    count = 0
    #: Whether asynchronous exceptions end its waits.
    interruptible = False


def candidates() -> list[Path]:
    """Returns the places to look for the accelerator, in order."""
    from pathlib import Path

    return [Path(place) for place in _candidates()]


def _candidates() -> list[str]:
    chosen = os.environ.get(_VARIABLE)
    return [chosen] if chosen else raw.places(raw.library_name(_NAME))


def _is_free_threaded() -> bool:
    if hasattr(sys, "abiflags"):
        # `sysconfig` would read the large file of all that the interpreter was built with.
        return "t" in sys.abiflags
    import sysconfig

    return bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def _unfit() -> str | None:
    """Returns why this interpreter cannot load a module of the stable ABI; None if it can."""
    if sys.implementation.name != "cpython":
        return f"{sys.implementation.name} has no stable ABI of CPython"
    if _is_free_threaded():
        return "this interpreter is built without the global lock"
    if not MAIN_INTERPRETER:
        return "it serves the process's first interpreter alone, and this is a subinterpreter"
    return None


def _import(path: str) -> Any:
    # The classes of `importlib.machinery`, which CPython has imported, without the package around.
    from _frozen_importlib import ModuleSpec
    from _frozen_importlib_external import ExtensionFileLoader

    loader = ExtensionFileLoader(_NAME, path)
    module: Any = loader.create_module(ModuleSpec(_NAME, loader, origin=path))
    loader.exec_module(module)
    if module.INTERFACE != _INTERFACE:
        raise LibraryError(
            f"it has interface {module.INTERFACE}, this package needs {_INTERFACE}; rebuild it"
        )
    return module


def _load() -> tuple[Any, str]:
    """Returns the module, or None without it, and the status."""
    chosen = os.environ.get(_VARIABLE)
    if chosen == "0":
        return None, f"off: {_VARIABLE} is 0"
    unfit = _unfit()
    if unfit is not None:
        return None, f"off: {unfit}"
    places = _candidates()
    path = next((place for place in places if os.path.isfile(place)), None)
    if path is None:
        looked = f"off: not found; looked at {', '.join(places)}"
        if chosen:
            raise LibraryError(f"{_VARIABLE}: the file {chosen} does not exist")
        return None, looked
    try:
        return _import(path), "on"
    except (ImportError, OSError) as error:
        if chosen:
            raise LibraryError(f"{_VARIABLE}: {path} cannot be loaded: {error}") from error
        import warnings

        warnings.warn(
            f"the accelerator {path} cannot be loaded, all works but slower: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None, f"off: {path} cannot be loaded: {error}"


_module, _status = _load()
_connected = False


def status() -> str:
    """Returns `"on"`, or `"off: …"` with the reason."""
    return _status


#: The state of the calling thread, which the accelerator reads too.
WRITES: Any = _Writes() if _module is None else _module.Writes()


def connect(library: ctypes.CDLL, make_interruptible: Callable[[], object]) -> None:
    """Passes the addresses of the library's functions to the accelerator, if it is loaded.

    A thread calls `make_interruptible` before it waits for the first time.
    """
    global _connected
    if _module is None or _connected:
        return
    # Without a lock: in the child of a fork, a thread that no longer exists could hold it. A second
    # thread that connects it changes nothing.
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
        """The base of `Environment`: it lends its handles to the accelerator."""

        def _fail_by(self, failure: Callable[[int], BaseException]) -> None:
            """Sets the function that makes the exception for a status."""

        def _heat_lender(self, handle: int) -> None:
            """Lends the handle that snapshots begin in, as long as its own is lent."""

    class HotBlock:
        """The base of `Transaction`: with the accelerator, it begins and ends plain ones."""

        __slots__ = ("__weakref__", "_environment", "_kind", "_leaving", "_timeout")

        #: Whether the accelerator began it and it has not ended.
        _is_open = False

        _environment: Any
        _kind: int
        _timeout: int
        #: The object that `with` found as `__exit__`.
        _leaving: Callable[[], object | None] | None

        def __new__(cls, environment: Any, kind: int, timeout: int, *_: object) -> Self:
            self = super().__new__(cls)
            self._environment = environment
            self._kind = kind
            self._timeout = timeout
            self._leaving = None
            return self

        def _begin(self) -> None:
            """Begins a block that the accelerator leaves to the package."""
            raise NotImplementedError

        def __enter__(self) -> Any:
            self._begin()
            return self

        @property
        def _holder(self) -> object:
            """Returns the object that it ends with: the one that `with` holds, or else itself."""
            return (self._leaving and self._leaving()) or self

        def _finish(self, commits: bool, leaves: bool) -> None:
            """Ends what the accelerator began; with `leaves`, always, and without an exception."""

        def _hand_over(self, address: int) -> None:
            """Moves its handle to an address, whose owner ends it."""

    class Exit:
        """The `__exit__` of blocks: an object for each block, which ends it when it is freed.

        `with` looks `__exit__` up before it calls `__enter__`, and holds the only reference to it
        until the block is left: also by an exception inside `__enter__` or `__exit__`, or between
        these and the block. So an object made by each look-up is freed when the block ends, without
        a step of Python.
        """

        def __get__(self, block: Any, of: Any) -> Callable[..., None]:
            if block is None:
                found: Callable[..., None] = of._leave
                return found
            # Not at the top: with the accelerator, the package does without it.
            import functools

            leaving = functools.partial(of._leave, block)
            block._leaving = weakref.ref(leaving)
            return leaving

else:
    HotDict, HotSet = _module.HotDict, _module.HotSet
    HotEnvironment, HotBlock, Exit = _module.HotEnvironment, _module.HotBlock, _module.Exit


#: The class of parts of collections; None without the accelerator.
BOUNDS: Any = None if _module is None else _module.Bounds


def open_block(environment: object) -> Any:
    """Returns the open block that the accelerator began on the calling thread, or None."""
    return None if _module is None else _module.open_block(environment)


def key_coder(type_: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> Any:
    """Returns the accelerator's encoder and decoder of a type's keys, or None without it.

    It calls `encode` and `decode` for keys that it leaves to the package or refuses.
    """
    return None if _module is None else _module.Keys(type_, encode, decode)


def value_coder(type_: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> Any:
    """Returns the accelerator's encoder and decoder of a type's values, or None without it."""
    return None if _module is None else _module.Values(type_, encode, decode)


class Later:
    """What encodes and decodes the objects that the accelerator leaves, made with its first use."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._made: Any = None

    @property
    def made(self) -> Any:
        """The object."""
        # Not by catching an AttributeError: an asynchronous exception that arrives then would keep
        # it, and with it the frames of callers.
        if self._made is None:
            self._made = self._make()
        return self._made

    def encode(self, value: Any) -> bytes:
        """Encodes a key or value."""
        encoded: bytes = self.made.encode(value)
        return encoded

    def decode(self, data: bytes) -> Any:
        """Decodes a key or value."""
        return self.made.decode(data)


def prepare(collection: Any, *codecs: Coded) -> None:
    """Passes the codecs of a collection to its base in the accelerator.

    Not where calls wait for a server: the accelerator keeps Python's lock during its calls.
    """
    coders = [codec.coder for codec in codecs]
    environment: Rooted = collection._environment
    if None in coders or environment._is_remote:
        return
    # In a snapshot, the package looks up values that are lent. An element that a set has need not
    # be added, where adding it would be refused in no case and make nothing durable.
    special = environment._forgets if collection._is_set else collection._lends
    collection._prepare(environment, special, environment._failure, *coders)


def walk(
    owner: Walked, bounds: Part, what: str, keys: Coded, values: Coded | None
) -> Iterator[Any] | None:
    """Returns a walk over `"keys"`, `"values"` or `"items"`; None if the package has to walk.

    `owner` stays alive as long as the walk.
    """
    value_coder = None if values is None else values.coder
    environment = owner._environment
    if keys.coder is None or (value_coder is None and what != "keys") or environment._is_remote:
        return None
    # First, since it raises an error with its name if it is closed.
    handle = owner._handle
    walk: Iterator[Any] = _module.Walk(
        environment._handle,
        handle,
        owner._is_set,
        bounds,
        what,
        keys.coder,
        value_coder,
        environment._failure,
        owner,
    )
    return walk


def pair_columns(pairs: list[Any], keys: Coded, values: Coded) -> tuple[Any, Any] | None:
    """Encodes pairs to columns, for `put_columns`; None if the accelerator does not encode them."""
    if keys.coder is None or values.coder is None:
        return None
    columns: tuple[Any, Any] | None = _module.pair_columns(pairs, keys.coder, values.coder)
    return columns


def key_column(items: Any, keys: Coded) -> Any:
    """Encodes a list or an array of keys to a column; None if the accelerator does not."""
    if keys.coder is None:
        return None
    return _column(items, keys, _module.key_array, _module.key_column)


def value_column(items: Any, values: Coded) -> Any:
    """Encodes a list or an array of values to a column; None if the accelerator does not."""
    if values.coder is None:
        return None
    return _column(items, values, _module.value_array, _module.value_column)


def _column(
    items: Any, codec: Coded, of_array: Callable[..., Any], of_list: Callable[..., Any]
) -> Any:
    if type(items) is list:
        return of_list(items, codec.coder)
    array = arrays.in_memory(items)
    if array is not None:
        address = array.__array_interface__["data"][0]
        kind, size = array.dtype.kind, array.dtype.itemsize
        made = of_array(kind, size, address, len(array), codec.coder)
        if made is not None:
            return made
    return of_list(arrays.plain_items(items, codec.type.name == "any"), codec.coder)


def get_many(
    owner: Walked, column: Any, values: Coded, default: tuple[Any, ...]
) -> list[Any] | int | None:
    """Looks up a column of keys, and returns their values, with `default` for absent keys.

    Without a default, it returns the index of the first absent key. It returns None if the
    accelerator does not decode the values, or the call fails.
    """
    if values.coder is None or owner._environment._is_remote:
        return None
    failure = owner._environment._failure
    found: list[Any] | int | None = _module.get_many(
        owner._handle, column, values.coder, failure, *default
    )
    return found


def pointers(column: Any) -> tuple[ctypes.c_char_p, int | None]:
    """Returns pointers to the bytes and offsets of a column, which must outlive the call."""
    return ctypes.c_char_p(column.data), column.offsets
