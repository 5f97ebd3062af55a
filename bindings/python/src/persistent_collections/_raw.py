"""Layer 1: the shared library, its structs, constants and functions, with their C names.

Handles are structs of one `uint64_t`; as arguments they are passed as plain
`uint64_t`, which the calling conventions of all supported platforms treat alike.
`ctypes.CDLL` lets go of the GIL during every call: a call that waits for the
write lock must not stop the thread that holds it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path

from .errors import LibraryError

PC_ABI_VERSION = 1

PC_OK = 0
PC_NOT_FOUND = 1
PC_EXISTS = 2
PC_END = 3
PC_TOO_SMALL = 4

PC_ERR_BAD_HANDLE = -2
PC_ERR_FORKED = -6
PC_ERR_BAD_KEY = -40
PC_ERR_BAD_VALUE = -41
PC_ERR_KEY_SIZE = -42
PC_ERR_VALUE_SIZE = -43
PC_ERR_WRONG_THREAD = -53
PC_ERR_NOT_INNERMOST = -54
PC_ERR_INTERRUPTED = -58

PC_DURABILITY_FULL = 0
PC_DURABILITY_NO_META_SYNC = 1
PC_DURABILITY_NONE = 2

PC_ENV_READ_ONLY = 0x1
PC_ENV_IMMUTABLE = 0x2
PC_ENV_NO_CREATE = 0x4
PC_ENV_NO_SUBDIR = 0x8
PC_ENV_VERIFY = 0x10

PC_COPY_COMPACT = 0x1

PC_KIND_DICT = 1
PC_KIND_SET = 2
PC_KIND_RAW = 3

PC_OPEN_EXISTING = 0x1
PC_OPEN_ANY_INT = 0x2

PC_EXPECT_ABSENT = 0x1
PC_DESIRE_ABSENT = 0x2

PC_RANGE_LOWER = 0x01
PC_RANGE_LOWER_EXCLUSIVE = 0x02
PC_RANGE_UPPER = 0x04
PC_RANGE_UPPER_INCLUSIVE = 0x08
PC_RANGE_PREFIX = 0x10
PC_RANGE_REVERSE = 0x20

PC_TXN_READ = 1
PC_TXN_WRITE = 2
PC_TXN_NO_SYNC = 4


class pc_buffer(ctypes.Structure):
    """A growing buffer of the library's; all zeros at first."""

    _fields_ = [("data", c_void_p), ("len", c_size_t), ("cap", c_size_t)]


class pc_env_options(ctypes.Structure):
    """How to open an environment."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("map_size", c_uint64),
        ("mode", c_uint32),
        ("max_collections", c_uint32),
        ("max_readers", c_uint32),
        ("durability", c_int32),
        ("flush_interval_ms", c_int64),
        ("write_timeout_ms", c_int64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class pc_env_stat(ctypes.Structure):
    """What `pc_env_info` tells."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("map_size", c_uint64),
        ("file_size", c_uint64),
        ("page_size", c_uint64),
        ("pages_used", c_uint64),
        ("pages_free", c_uint64),
        ("last_txn", c_uint64),
        ("max_readers", c_uint32),
        ("readers", c_uint32),
        ("max_collections", c_uint32),
        ("collections", c_uint32),
        ("durability", c_int32),
        ("flags", c_uint32),
        ("oldest_reader_txn", c_uint64),
        ("pages_held", c_uint64),
        ("data_format", c_uint32),
        ("lock_format", c_uint32),
    ]


class pc_range(ctypes.Structure):
    """A key range; all zeros is everything."""

    _fields_ = [
        ("lower", c_char_p),
        ("lower_len", c_size_t),
        ("upper", c_char_p),
        ("upper_len", c_size_t),
        ("prefix", c_char_p),
        ("prefix_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class pc_batch(ctypes.Structure):
    """Columns of keys and values; the pointers are the iterator's."""

    _fields_ = [
        ("count", c_size_t),
        ("keys", c_void_p),
        ("key_offsets", c_void_p),
        ("values", c_void_p),
        ("value_offsets", c_void_p),
    ]


class _pc_slice(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class _pc_value_as(ctypes.Union):
    _fields_ = [
        ("boolean", c_bool),
        ("i64", c_int64),
        ("u64", c_uint64),
        ("f64", c_double),
        ("bytes", _pc_slice),
        ("items", _pc_slice),
        ("uuid", c_uint8 * 16),
        ("reserved", c_uint8 * 24),
    ]


class pc_value(ctypes.Structure):
    """A tagged union of 32 bytes."""

    _fields_ = [("kind", c_uint32), ("subtype", c_uint32), ("as_", _pc_value_as)]


# What `pc_set_interrupt` sets. It is called with the interpreter's lock held.
pc_interrupt = CFUNCTYPE(c_int32, c_void_p)

_handle = c_uint64
_handle_out = POINTER(c_uint64)
_bytes = (c_char_p, c_size_t)
_buffer = POINTER(pc_buffer)
_size_out = POINTER(c_size_t)
_u64_out = POINTER(c_uint64)
_bool_out = POINTER(c_bool)
_value = POINTER(pc_value)
_range = POINTER(pc_range)
_pointer_out = POINTER(c_void_p)
_column = (c_char_p, c_void_p)

# Arguments of every function that returns a pc_status.
STATUS_FUNCTIONS: dict[str, tuple[object, ...]] = {
    "pc_env_options_init": (POINTER(pc_env_options), c_size_t),
    "pc_env_open": (c_char_p, POINTER(pc_env_options), _handle_out),
    "pc_env_reopen": (_handle, _handle_out),
    "pc_env_close": (_handle,),
    "pc_flush": (_handle,),
    "pc_env_info": (_handle, POINTER(pc_env_stat)),
    "pc_env_list": (_handle, _buffer),
    "pc_env_copy": (_handle, c_char_p, c_uint32),
    "pc_env_check": (_handle, _buffer),
    "pc_env_readers": (_handle, _buffer),
    "pc_env_reap_readers": (_handle, POINTER(c_uint32)),
    "pc_collection_drop": (_handle, c_char_p),
    "pc_collection_schema": (_handle, c_char_p, POINTER(c_int32), _buffer),
    "pc_dict_open": (_handle, c_char_p, c_char_p, c_char_p, c_uint32, _handle_out),
    "pc_dict_close": (_handle,),
    "pc_dict_schema": (_handle, _buffer, _bool_out),
    "pc_dict_put": (_handle, *_bytes, *_bytes),
    "pc_dict_put_new": (_handle, *_bytes, *_bytes),
    "pc_dict_get": (_handle, *_bytes, c_void_p, c_size_t, _size_out),
    "pc_dict_get_buffer": (_handle, *_bytes, _buffer),
    "pc_dict_get_ref": (_handle, *_bytes, _pointer_out, _size_out),
    "pc_dict_contains": (_handle, *_bytes),
    "pc_dict_remove": (_handle, *_bytes),
    "pc_dict_take": (_handle, *_bytes, c_void_p, c_size_t, _size_out),
    "pc_dict_compare_exchange": (_handle, *_bytes, *_bytes, *_bytes, c_uint32, _buffer),
    "pc_dict_add_i64": (_handle, *_bytes, c_int64, POINTER(c_int64)),
    "pc_dict_len": (_handle, _u64_out),
    "pc_dict_clear": (_handle,),
    "pc_dict_first": (_handle, _buffer, _buffer),
    "pc_dict_last": (_handle, _buffer, _buffer),
    "pc_dict_remove_range": (_handle, _range, _u64_out),
    "pc_dict_put_many": (_handle, c_size_t, *_column, c_void_p, c_void_p, _size_out),
    "pc_dict_get_many": (
        *(_handle, c_size_t, *_column, c_void_p),
        *(c_void_p, c_size_t, _buffer, c_void_p, _size_out),
    ),
    "pc_dict_values": (_handle, _range, _buffer),
    "pc_dict_remove_many": (_handle, c_size_t, *_column, _u64_out, _size_out),
    "pc_set_open": (_handle, c_char_p, c_char_p, c_uint32, _handle_out),
    "pc_set_close": (_handle,),
    "pc_set_schema": (_handle, _buffer, _bool_out),
    "pc_set_add": (_handle, *_bytes),
    "pc_set_remove": (_handle, *_bytes),
    "pc_set_contains": (_handle, *_bytes),
    "pc_set_len": (_handle, _u64_out),
    "pc_set_clear": (_handle,),
    "pc_set_first": (_handle, _buffer),
    "pc_set_last": (_handle, _buffer),
    "pc_set_remove_range": (_handle, _range, _u64_out),
    "pc_set_add_many": (_handle, c_size_t, *_column, _u64_out, _size_out),
    "pc_set_remove_many": (_handle, c_size_t, *_column, _u64_out, _size_out),
    "pc_set_contains_many": (_handle, c_size_t, *_column, c_void_p, _size_out),
    "pc_set_union": (_handle, _handle, _handle),
    "pc_set_intersection": (_handle, _handle, _handle),
    "pc_set_difference": (_handle, _handle, _handle),
    "pc_set_symmetric_difference": (_handle, _handle, _handle),
    "pc_set_is_subset": (_handle, _handle, _bool_out),
    "pc_set_is_disjoint": (_handle, _handle, _bool_out),
    "pc_txn_begin": (_handle, c_int32, c_int64, _handle_out),
    "pc_txn_commit": (_handle,),
    "pc_txn_abort": (_handle,),
    "pc_txn_current": (_handle, _handle_out),
    "pc_txn_set_current": (_handle, _handle, _handle_out),
    "pc_iter_open_dict": (_handle, _range, _handle_out),
    "pc_iter_open_set": (_handle, _range, _handle_out),
    "pc_iter_next": (_handle, _pointer_out, _size_out, _pointer_out, _size_out),
    "pc_iter_prev": (_handle, _pointer_out, _size_out, _pointer_out, _size_out),
    "pc_iter_next_batch": (_handle, c_size_t, c_size_t, POINTER(pc_batch)),
    "pc_iter_seek": (_handle, *_bytes),
    "pc_iter_close": (_handle,),
    "pc_value_map_get": (_value, c_char_p, _value),
    "pc_encode_key": (c_char_p, _value, _buffer),
    "pc_decode_key": (c_char_p, *_bytes, _value, _buffer),
    "pc_encode_value": (c_char_p, _value, _buffer),
    "pc_decode_value": (c_char_p, *_bytes, _value, _buffer),
    "pc_dict_put_value": (_handle, _value, _value),
    "pc_dict_get_value": (_handle, _value, _value, _buffer),
    "pc_dict_contains_value": (_handle, _value),
    "pc_dict_remove_value": (_handle, _value),
    "pc_set_add_value": (_handle, _value),
    "pc_set_remove_value": (_handle, _value),
    "pc_set_contains_value": (_handle, _value),
    "pc_iter_next_value": (_handle, _value, _value),
}

# The rest: result, arguments.
OTHER_FUNCTIONS: dict[str, tuple[object, tuple[object, ...]]] = {
    "pc_buffer_free": (None, (_buffer,)),
    "pc_version": (c_char_p, ()),
    "pc_abi_version": (c_uint32, ()),
    "pc_lmdb_version": (c_char_p, ()),
    "pc_strerror": (c_char_p, (c_int32,)),
    "pc_last_error": (c_char_p, ()),
    "pc_set_reads_wait": (c_bool, (c_bool,)),
    "pc_set_interrupt": (c_int32, (pc_interrupt, c_void_p)),
    "pc_value_null": (pc_value, ()),
    "pc_value_bool": (pc_value, (c_bool,)),
    "pc_value_i64": (pc_value, (c_int64,)),
    "pc_value_u64": (pc_value, (c_uint64,)),
    "pc_value_f64": (pc_value, (c_double,)),
    "pc_value_str": (pc_value, (c_char_p,)),
    "pc_value_bytes": (pc_value, _bytes),
}

_VARIABLE = "PERSISTENT_COLLECTIONS_LIBRARY"


def library_name(name: str) -> str:
    """The file name of a shared library on this system."""
    if sys.platform == "win32":
        return f"{name}.dll"
    if sys.platform == "darwin":
        return f"lib{name}.dylib"
    return f"lib{name}.so"


def candidates() -> list[Path]:
    """Where the library is looked for, in order."""
    chosen = os.environ.get(_VARIABLE)
    return [Path(chosen)] if chosen else places(library_name("persistent_collections"))


def places(file_name: str) -> list[Path]:
    """Where a file of the package may lie: inside it or, in a checkout, under `target`."""
    package = Path(__file__).resolve().parent
    found = [package / file_name]
    for directory in package.parents:
        # A checkout is known by its manifest and by where this file lies in it.
        inside = directory / "bindings" / "python" / "src" / package.name
        if inside == package and (directory / "Cargo.toml").is_file():
            target = Path(os.environ.get("CARGO_TARGET_DIR") or directory / "target")
            found += [target / profile / file_name for profile in ("release", "debug")]
    return found


def _open(path: Path) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise LibraryError(f"cannot load the library {path}: {error}") from error
    try:
        library.pc_abi_version.restype = c_uint32
        abi = library.pc_abi_version()
        if abi != PC_ABI_VERSION:
            raise LibraryError(
                f"{path} has ABI version {abi}, this package needs {PC_ABI_VERSION}; "
                "install a package and a library of the same version"
            )
        for name, arguments in STATUS_FUNCTIONS.items():
            function = getattr(library, name)
            function.restype = c_int32
            function.argtypes = arguments
        for name, (result, arguments) in OTHER_FUNCTIONS.items():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
    except AttributeError as error:
        raise LibraryError(f"{path} is not a persistent_collections library: {error}") from error
    return library


_loaded: dict[str, ctypes.CDLL] = {}


def load() -> ctypes.CDLL:
    """The library, loaded at the first call; `LibraryError` if there is none that fits."""
    library = _loaded.get("library")
    if library is None:
        places = candidates()
        for place in places:
            if place.is_file():
                # No lock, which in the child of a fork a thread could hold that is not there. Of
                # threads that come here at once, each loads it, and all use what one has loaded.
                library = _loaded.setdefault("library", _open(place))
                break
        else:
            raise LibraryError(
                "the persistent_collections library was not found; looked at "
                + ", ".join(map(str, places))
                + f"; build it (cargo build --release) or set {_VARIABLE} to its path"
            )
    return library
