"""Layer 1: the constants, structs and functions of the library, with their C names.

Generated from include/persistent_collections.h by tools/generate-bindings: do not edit.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    Union,
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

from ._typing import Any

# Versions
PC_ABI_VERSION = 1

# Statuses
PC_OK = 0
PC_NOT_FOUND = 1
PC_EXISTS = 2
PC_END = 3
PC_TOO_SMALL = 4
PC_TIMEOUT = 5
PC_ERR_INVALID_ARGUMENT = -1
PC_ERR_BAD_HANDLE = -2
PC_ERR_PANIC = -3
PC_ERR_NO_MEMORY = -4
PC_ERR_IO = -5
PC_ERR_FORKED = -6
PC_ERR_NO_ENVIRONMENT = -10
PC_ERR_PERMISSION = -11
PC_ERR_NOT_A_DATABASE = -12
PC_ERR_TRUNCATED = -13
PC_ERR_FORMAT_VERSION = -14
PC_ERR_PAGE_SIZE = -15
PC_ERR_LOCK_VERSION = -16
PC_ERR_NETWORK_FS = -17
PC_ERR_PID_CLASH = -18
PC_ERR_OPTIONS_DIFFER = -19
PC_ERR_CORRUPTED = -20
PC_ERR_READERS_FULL = -21
PC_ERR_COLLECTIONS_FULL = -22
PC_ERR_REPLACED = -23
PC_ERR_LOCK_FILES = -24
PC_ERR_SECOND_COPY = -25
PC_ERR_NO_COLLECTION = -30
PC_ERR_WRONG_KIND = -31
PC_ERR_TYPE_MISMATCH = -32
PC_ERR_BAD_TYPE = -33
PC_ERR_BAD_NAME = -34
PC_ERR_REQUIRES = -35
PC_ERR_BAD_KEY = -40
PC_ERR_BAD_VALUE = -41
PC_ERR_KEY_SIZE = -42
PC_ERR_VALUE_SIZE = -43
PC_ERR_OVERFLOW = -44
PC_ERR_IN_SNAPSHOT = -50
PC_ERR_IN_TRANSACTION = -51
PC_ERR_NO_TRANSACTION = -52
PC_ERR_WRONG_THREAD = -53
PC_ERR_NOT_INNERMOST = -54
PC_ERR_TXN_FAILED = -55
PC_ERR_BUSY = -56
PC_ERR_READ_ONLY = -57
PC_ERR_INTERRUPTED = -58
PC_ERR_MAP_FULL = -60
PC_ERR_MAP_BUSY = -61
PC_ERR_DISK_FULL = -62
PC_ERR_COMMIT_UNKNOWN = -63
PC_ERR_ENV_FAILED = -64
PC_ERR_CONFLICT = -70
PC_ERR_UNAVAILABLE = -71
PC_ERR_UNSUPPORTED = -72

# Environments
PC_DURABILITY_FULL = 0
PC_DURABILITY_NO_META_SYNC = 1
PC_DURABILITY_NONE = 2
PC_ENV_READ_ONLY = 1
PC_ENV_IMMUTABLE = 2
PC_ENV_NO_CREATE = 4
PC_ENV_NO_SUBDIR = 8
PC_ENV_VERIFY = 16

# Environments: copies, checks and readers
PC_COPY_COMPACT = 1

# Environments: commits and traits
PC_TRAIT_REMOTE = 1
PC_TRAIT_LENDS = 2
PC_TRAIT_RAW = 4
PC_TRAIT_COPY = 8
PC_TRAIT_CHECK = 16
PC_TRAIT_LEN_IS_CHEAP = 32
PC_TRAIT_CONFLICTS = 64

# Collections: common to dicts and sets
PC_KIND_DICT = 1
PC_KIND_SET = 2
PC_KIND_RAW = 3
PC_OPEN_EXISTING = 1
PC_OPEN_ANY_INT = 2

# Ranges
PC_RANGE_LOWER = 1
PC_RANGE_LOWER_EXCLUSIVE = 2
PC_RANGE_UPPER = 4
PC_RANGE_UPPER_INCLUSIVE = 8
PC_RANGE_PREFIX = 16
PC_RANGE_REVERSE = 32

# Dicts
PC_EXPECT_ABSENT = 1
PC_DESIRE_ABSENT = 2

# Transactions
PC_TXN_READ = 1
PC_TXN_WRITE = 2
PC_TXN_NO_SYNC = 4

# Values
PC_VALUE_NULL = 0
PC_VALUE_UNDEFINED = 1
PC_VALUE_BOOL = 2
PC_VALUE_I64 = 3
PC_VALUE_U64 = 4
PC_VALUE_F64 = 5
PC_VALUE_STR = 6
PC_VALUE_BYTES = 7
PC_VALUE_UUID = 8
PC_VALUE_DATE = 9
PC_VALUE_DATETIME = 10
PC_VALUE_ARRAY = 11
PC_VALUE_TUPLE = 12
PC_VALUE_LIST = 13
PC_VALUE_MAP = 14
PC_VALUE_SET = 15
PC_VALUE_ENCODED = 16
PC_ELEMENT_I8 = 1
PC_ELEMENT_I16 = 2
PC_ELEMENT_I32 = 3
PC_ELEMENT_I64 = 4
PC_ELEMENT_U8 = 5
PC_ELEMENT_U16 = 6
PC_ELEMENT_U32 = 7
PC_ELEMENT_U64 = 8
PC_ELEMENT_F32 = 9
PC_ELEMENT_F64 = 10


class pc_buffer(Structure):
    """A growing piece of memory for answers whose size the caller cannot know."""

    _fields_ = [("data", c_void_p), ("len", c_size_t), ("cap", c_size_t)]


class pc_env_options(Structure):
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


class pc_env_stat(Structure):
    """The statistics of an environment, as `pc_env_info` returns them."""

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


class pc_range(Structure):
    """A range of keys."""

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


class pc_value_data(Structure):
    """The bytes of a `pc_value`, and their number."""

    _fields_ = [("data", c_void_p), ("len", c_size_t)]


class pc_value_items(Structure):
    """The items of a `pc_value`, and their number."""

    _fields_ = [("items", c_void_p), ("len", c_size_t)]


class pc_value_as(Union):
    """The content of a `pc_value`; its `kind` says which field is valid."""

    _fields_ = [
        ("boolean", c_bool),
        ("i64", c_int64),
        ("u64", c_uint64),
        ("f64", c_double),
        ("bytes", pc_value_data),
        ("items", pc_value_items),
        ("uuid", c_uint8 * 16),
        ("reserved", c_uint8 * 24),
    ]


class pc_value(Structure):
    """A key or value of any type."""

    _fields_ = [("kind", c_uint32), ("subtype", c_uint32), ("as_", pc_value_as)]


class pc_batch(Structure):
    """Entries as columns: all keys one after the other, all values likewise, and where each begins
    and ends.
    """

    _fields_ = [
        ("count", c_size_t),
        ("keys", c_void_p),
        ("key_offsets", c_void_p),
        ("values", c_void_p),
        ("value_offsets", c_void_p),
    ]


# The function that `pc_set_interrupt` sets.
pc_interrupt = CFUNCTYPE(c_int32, c_void_p)

_handle = c_uint64
_status = c_int32
_to_batch = POINTER(pc_batch)
_to_bool = POINTER(c_bool)
_to_buffer = POINTER(pc_buffer)
_to_env_options = POINTER(pc_env_options)
_to_env_stat = POINTER(pc_env_stat)
_to_handle = POINTER(c_uint64)
_to_int32 = POINTER(c_int32)
_to_int64 = POINTER(c_int64)
_to_pointer = POINTER(c_void_p)
_to_range = POINTER(pc_range)
_to_size = POINTER(c_size_t)
_to_uint32 = POINTER(c_uint32)
_to_uint64 = POINTER(c_uint64)
_to_value = POINTER(pc_value)

#: The functions: the type of the result, then those of the arguments.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    # Versions
    "pc_version": (c_char_p,),
    "pc_abi_version": (c_uint32,),
    "pc_lmdb_version": (c_char_p,),
    # Statuses
    "pc_strerror": (c_char_p, c_int32),
    "pc_last_error": (c_char_p,),
    # Buffers
    "pc_buffer_free": (None, _to_buffer),
    # Environments
    "pc_env_options_init": (_status, _to_env_options, c_size_t),
    "pc_env_open": (_status, c_char_p, _to_env_options, _to_handle),
    "pc_env_reopen": (_status, _handle, _to_handle),
    "pc_env_close": (_status, _handle),
    "pc_flush": (_status, _handle),
    "pc_env_info": (_status, _handle, _to_env_stat),
    "pc_env_path": (_status, _handle, _to_buffer),
    "pc_env_list": (_status, _handle, _to_buffer),
    # Environments: copies, checks and readers
    "pc_env_copy": (_status, _handle, c_char_p, c_uint32),
    "pc_env_check": (_status, _handle, _to_buffer),
    "pc_env_readers": (_status, _handle, _to_buffer),
    "pc_env_reap_readers": (_status, _handle, _to_uint32),
    # Environments: commits and traits
    "pc_env_wait": (_status, _handle, _to_uint64, c_int64),
    "pc_env_traits": (_status, _handle, _to_uint32),
    # Collections: common to dicts and sets
    "pc_collection_drop": (_status, _handle, c_char_p),
    "pc_collection_schema": (_status, _handle, c_char_p, _to_int32, _to_buffer),
    # Dicts
    "pc_dict_open": (_status, _handle, c_char_p, c_char_p, c_char_p, c_uint32, _to_handle),
    "pc_dict_close": (_status, _handle),
    "pc_dict_schema": (_status, _handle, _to_buffer, _to_bool),
    "pc_dict_put": (_status, _handle, c_char_p, c_size_t, c_char_p, c_size_t),
    "pc_dict_put_new": (_status, _handle, c_char_p, c_size_t, c_char_p, c_size_t),
    "pc_dict_get": (_status, _handle, c_char_p, c_size_t, c_void_p, c_size_t, _to_size),
    "pc_dict_get_buffer": (_status, _handle, c_char_p, c_size_t, _to_buffer),
    "pc_dict_get_ref": (_status, _handle, c_char_p, c_size_t, _to_pointer, _to_size),
    "pc_dict_contains": (_status, _handle, c_char_p, c_size_t),
    "pc_dict_remove": (_status, _handle, c_char_p, c_size_t),
    "pc_dict_take": (_status, _handle, c_char_p, c_size_t, c_void_p, c_size_t, _to_size),
    "pc_dict_compare_exchange": (
        _status,
        _handle,
        c_char_p,
        c_size_t,
        c_char_p,
        c_size_t,
        c_char_p,
        c_size_t,
        c_uint32,
        _to_buffer,
    ),
    "pc_dict_add_i64": (_status, _handle, c_char_p, c_size_t, c_int64, _to_int64),
    "pc_dict_len": (_status, _handle, _to_uint64),
    "pc_dict_clear": (_status, _handle),
    "pc_dict_first": (_status, _handle, _to_buffer, _to_buffer),
    "pc_dict_last": (_status, _handle, _to_buffer, _to_buffer),
    "pc_dict_remove_range": (_status, _handle, _to_range, _to_uint64),
    # Sets
    "pc_set_open": (_status, _handle, c_char_p, c_char_p, c_uint32, _to_handle),
    "pc_set_close": (_status, _handle),
    "pc_set_schema": (_status, _handle, _to_buffer, _to_bool),
    "pc_set_add": (_status, _handle, c_char_p, c_size_t),
    "pc_set_remove": (_status, _handle, c_char_p, c_size_t),
    "pc_set_contains": (_status, _handle, c_char_p, c_size_t),
    "pc_set_len": (_status, _handle, _to_uint64),
    "pc_set_clear": (_status, _handle),
    "pc_set_first": (_status, _handle, _to_buffer),
    "pc_set_last": (_status, _handle, _to_buffer),
    "pc_set_remove_range": (_status, _handle, _to_range, _to_uint64),
    # Sets: algebra
    "pc_set_union": (_status, _handle, _handle, _handle),
    "pc_set_intersection": (_status, _handle, _handle, _handle),
    "pc_set_difference": (_status, _handle, _handle, _handle),
    "pc_set_symmetric_difference": (_status, _handle, _handle, _handle),
    "pc_set_is_subset": (_status, _handle, _handle, _to_bool),
    "pc_set_is_disjoint": (_status, _handle, _handle, _to_bool),
    # Batches
    "pc_dict_put_many": (
        _status,
        _handle,
        c_size_t,
        c_char_p,
        c_void_p,
        c_void_p,
        c_void_p,
        _to_size,
    ),
    "pc_dict_get_many": (
        _status,
        _handle,
        c_size_t,
        c_char_p,
        c_void_p,
        c_void_p,
        c_void_p,
        c_size_t,
        _to_buffer,
        c_void_p,
        _to_size,
    ),
    "pc_dict_values": (_status, _handle, _to_range, _to_buffer),
    "pc_dict_remove_many": (_status, _handle, c_size_t, c_char_p, c_void_p, _to_uint64, _to_size),
    "pc_set_add_many": (_status, _handle, c_size_t, c_char_p, c_void_p, _to_uint64, _to_size),
    "pc_set_remove_many": (_status, _handle, c_size_t, c_char_p, c_void_p, _to_uint64, _to_size),
    "pc_set_contains_many": (_status, _handle, c_size_t, c_char_p, c_void_p, c_void_p, _to_size),
    # Transactions
    "pc_txn_begin": (_status, _handle, c_int32, c_int64, _to_handle),
    "pc_txn_commit": (_status, _handle),
    "pc_txn_abort": (_status, _handle),
    "pc_txn_current": (_status, _handle, _to_handle),
    "pc_txn_set_current": (_status, _handle, _handle, _to_handle),
    "pc_set_reads_wait": (c_bool, c_bool),
    "pc_set_interrupt": (_status, pc_interrupt, c_void_p),
    # Values
    "pc_value_null": (pc_value,),
    "pc_value_bool": (pc_value, c_bool),
    "pc_value_i64": (pc_value, c_int64),
    "pc_value_u64": (pc_value, c_uint64),
    "pc_value_f64": (pc_value, c_double),
    "pc_value_str": (pc_value, c_char_p),
    "pc_value_bytes": (pc_value, c_char_p, c_size_t),
    "pc_value_map_get": (_status, _to_value, c_char_p, _to_value),
    # Iterators
    "pc_iter_open_dict": (_status, _handle, _to_range, _to_handle),
    "pc_iter_open_set": (_status, _handle, _to_range, _to_handle),
    "pc_iter_next": (_status, _handle, _to_pointer, _to_size, _to_pointer, _to_size),
    "pc_iter_prev": (_status, _handle, _to_pointer, _to_size, _to_pointer, _to_size),
    "pc_iter_next_batch": (_status, _handle, c_size_t, c_size_t, _to_batch),
    "pc_iter_seek": (_status, _handle, c_char_p, c_size_t),
    "pc_iter_close": (_status, _handle),
    "pc_iter_next_value": (_status, _handle, _to_value, _to_value),
    # Calls that take values
    "pc_encode_key": (_status, c_char_p, _to_value, _to_buffer),
    "pc_encode_key_bound": (_status, c_char_p, _to_value, _to_buffer),
    "pc_encode_key_prefix": (_status, c_char_p, _to_value, _to_buffer),
    "pc_decode_key": (_status, c_char_p, c_char_p, c_size_t, _to_value, _to_buffer),
    "pc_encode_value": (_status, c_char_p, _to_value, _to_buffer),
    "pc_decode_value": (_status, c_char_p, c_char_p, c_size_t, _to_value, _to_buffer),
    "pc_dict_put_value": (_status, _handle, _to_value, _to_value),
    "pc_dict_get_value": (_status, _handle, _to_value, _to_value, _to_buffer),
    "pc_dict_contains_value": (_status, _handle, _to_value),
    "pc_dict_remove_value": (_status, _handle, _to_value),
    "pc_set_add_value": (_status, _handle, _to_value),
    "pc_set_remove_value": (_status, _handle, _to_value),
    "pc_set_contains_value": (_status, _handle, _to_value),
}
