# The constants, structs and functions of the library, with their C names.
#
# Generated from include/persistent_collections.h by tools/generate-bindings: do not edit.

# Versions
const PC_ABI_VERSION = 0x00000001

# Statuses
const PC_OK = Int32(0)
const PC_NOT_FOUND = Int32(1)
const PC_EXISTS = Int32(2)
const PC_END = Int32(3)
const PC_TOO_SMALL = Int32(4)
const PC_TIMEOUT = Int32(5)
const PC_ERR_INVALID_ARGUMENT = Int32(-1)
const PC_ERR_BAD_HANDLE = Int32(-2)
const PC_ERR_PANIC = Int32(-3)
const PC_ERR_NO_MEMORY = Int32(-4)
const PC_ERR_IO = Int32(-5)
const PC_ERR_FORKED = Int32(-6)
const PC_ERR_NO_ENVIRONMENT = Int32(-10)
const PC_ERR_PERMISSION = Int32(-11)
const PC_ERR_NOT_A_DATABASE = Int32(-12)
const PC_ERR_TRUNCATED = Int32(-13)
const PC_ERR_FORMAT_VERSION = Int32(-14)
const PC_ERR_PAGE_SIZE = Int32(-15)
const PC_ERR_LOCK_VERSION = Int32(-16)
const PC_ERR_NETWORK_FS = Int32(-17)
const PC_ERR_PID_CLASH = Int32(-18)
const PC_ERR_OPTIONS_DIFFER = Int32(-19)
const PC_ERR_CORRUPTED = Int32(-20)
const PC_ERR_READERS_FULL = Int32(-21)
const PC_ERR_COLLECTIONS_FULL = Int32(-22)
const PC_ERR_REPLACED = Int32(-23)
const PC_ERR_LOCK_FILES = Int32(-24)
const PC_ERR_SECOND_COPY = Int32(-25)
const PC_ERR_NO_COLLECTION = Int32(-30)
const PC_ERR_WRONG_KIND = Int32(-31)
const PC_ERR_TYPE_MISMATCH = Int32(-32)
const PC_ERR_BAD_TYPE = Int32(-33)
const PC_ERR_BAD_NAME = Int32(-34)
const PC_ERR_REQUIRES = Int32(-35)
const PC_ERR_BAD_KEY = Int32(-40)
const PC_ERR_BAD_VALUE = Int32(-41)
const PC_ERR_KEY_SIZE = Int32(-42)
const PC_ERR_VALUE_SIZE = Int32(-43)
const PC_ERR_OVERFLOW = Int32(-44)
const PC_ERR_IN_SNAPSHOT = Int32(-50)
const PC_ERR_IN_TRANSACTION = Int32(-51)
const PC_ERR_NO_TRANSACTION = Int32(-52)
const PC_ERR_WRONG_THREAD = Int32(-53)
const PC_ERR_NOT_INNERMOST = Int32(-54)
const PC_ERR_TXN_FAILED = Int32(-55)
const PC_ERR_BUSY = Int32(-56)
const PC_ERR_READ_ONLY = Int32(-57)
const PC_ERR_INTERRUPTED = Int32(-58)
const PC_ERR_MAP_FULL = Int32(-60)
const PC_ERR_MAP_BUSY = Int32(-61)
const PC_ERR_DISK_FULL = Int32(-62)
const PC_ERR_COMMIT_UNKNOWN = Int32(-63)
const PC_ERR_ENV_FAILED = Int32(-64)
const PC_ERR_CONFLICT = Int32(-70)
const PC_ERR_UNAVAILABLE = Int32(-71)
const PC_ERR_UNSUPPORTED = Int32(-72)

# Environments
const PC_DURABILITY_FULL = Int32(0)
const PC_DURABILITY_NO_META_SYNC = Int32(1)
const PC_DURABILITY_NONE = Int32(2)
const PC_ENV_READ_ONLY = 0x00000001
const PC_ENV_IMMUTABLE = 0x00000002
const PC_ENV_NO_CREATE = 0x00000004
const PC_ENV_NO_SUBDIR = 0x00000008
const PC_ENV_VERIFY = 0x00000010

# Environments: copies, checks and readers
const PC_COPY_COMPACT = 0x00000001

# Environments: commits and traits
const PC_TRAIT_REMOTE = Int32(1)
const PC_TRAIT_LENDS = Int32(2)
const PC_TRAIT_RAW = Int32(4)
const PC_TRAIT_COPY = Int32(8)
const PC_TRAIT_CHECK = Int32(16)
const PC_TRAIT_LEN_IS_CHEAP = Int32(32)
const PC_TRAIT_CONFLICTS = Int32(64)

# Collections: common to dicts and sets
const PC_KIND_DICT = Int32(1)
const PC_KIND_SET = Int32(2)
const PC_KIND_RAW = Int32(3)
const PC_OPEN_EXISTING = 0x00000001
const PC_OPEN_ANY_INT = 0x00000002

# Ranges
const PC_RANGE_LOWER = 0x00000001
const PC_RANGE_LOWER_EXCLUSIVE = 0x00000002
const PC_RANGE_UPPER = 0x00000004
const PC_RANGE_UPPER_INCLUSIVE = 0x00000008
const PC_RANGE_PREFIX = 0x00000010
const PC_RANGE_REVERSE = 0x00000020

# Dicts
const PC_EXPECT_ABSENT = 0x00000001
const PC_DESIRE_ABSENT = 0x00000002

# Transactions
const PC_TXN_READ = Int32(1)
const PC_TXN_WRITE = Int32(2)
const PC_TXN_NO_SYNC = Int32(4)

# ---- structs

struct Buffer
    data::Ptr{UInt8}
    len::Csize_t
    cap::Csize_t
end

Buffer() = Buffer(C_NULL, 0, 0)

struct EnvOptions
    struct_size::Csize_t
    map_size::UInt64
    mode::UInt32
    max_collections::UInt32
    max_readers::UInt32
    durability::Int32
    flush_interval_ms::Int64
    write_timeout_ms::Int64
    flags::UInt32
    reserved::UInt32
end

EnvOptions() = EnvOptions(sizeof(EnvOptions), 0, 0, 0, 0, 0, 0, 0, 0, 0)

struct EnvStat
    struct_size::Csize_t
    map_size::UInt64
    file_size::UInt64
    page_size::UInt64
    pages_used::UInt64
    pages_free::UInt64
    last_txn::UInt64
    max_readers::UInt32
    readers::UInt32
    max_collections::UInt32
    collections::UInt32
    durability::Int32
    flags::UInt32
    oldest_reader_txn::UInt64
    pages_held::UInt64
    data_format::UInt32
    lock_format::UInt32
end

EnvStat() = EnvStat(sizeof(EnvStat), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

struct Range
    lower::Ptr{UInt8}
    lower_len::Csize_t
    upper::Ptr{UInt8}
    upper_len::Csize_t
    prefix::Ptr{UInt8}
    prefix_len::Csize_t
    flags::UInt32
    reserved::UInt32
end

Range() = Range(C_NULL, 0, C_NULL, 0, C_NULL, 0, 0, 0)

struct Batch
    count::Csize_t
    keys::Ptr{UInt8}
    key_offsets::Ptr{UInt64}
    values::Ptr{UInt8}
    value_offsets::Ptr{UInt64}
end

Batch() = Batch(0, C_NULL, C_NULL, C_NULL, C_NULL)

# ---- functions

const Handle = UInt64
const Status = Int32
const Bytes = Ptr{UInt8}
const Size = Csize_t

# Versions
@symbol pc_version()::Cstring
@symbol pc_abi_version()::UInt32
@symbol pc_lmdb_version()::Cstring

# Statuses
@symbol pc_strerror(status::Status)::Cstring
@symbol pc_last_error()::Cstring

# Buffers
@symbol pc_buffer_free(buffer::Ptr{Buffer})::Cvoid

# Environments
@symbol pc_env_options_init(options::Ptr{EnvOptions}, struct_size::Size)::Status
@waiting_symbol pc_env_open(path::Bytes, options::Ptr{EnvOptions}, out::Ptr{Handle})::Status
@waiting_symbol pc_env_reopen(env::Handle, out::Ptr{Handle})::Status
@waiting_symbol pc_env_close(env::Handle)::Status
@waiting_symbol pc_flush(env::Handle)::Status
@waiting_symbol pc_env_info(env::Handle, out::Ptr{EnvStat})::Status
@waiting_symbol pc_env_path(env::Handle, out::Ptr{Buffer})::Status
@waiting_symbol pc_env_list(env::Handle, out::Ptr{Buffer})::Status

# Environments: copies, checks and readers
@waiting_symbol pc_env_copy(env::Handle, path::Bytes, flags::UInt32)::Status
@waiting_symbol pc_env_check(env::Handle, report::Ptr{Buffer})::Status
@waiting_symbol pc_env_readers(env::Handle, out::Ptr{Buffer})::Status
@waiting_symbol pc_env_reap_readers(env::Handle, reaped::Ptr{UInt32})::Status

# Environments: commits and traits
@waiting_symbol pc_env_wait(env::Handle, commit::Ptr{UInt64}, timeout_ms::Int64)::Status
@waiting_symbol pc_env_traits(env::Handle, traits::Ptr{UInt32})::Status

# Collections: common to dicts and sets
@waiting_symbol pc_collection_drop(env::Handle, name::Bytes)::Status
@waiting_symbol pc_collection_schema(env::Handle, name::Bytes, kind::Ptr{Int32}, types::Ptr{Buffer})::Status

# Dicts
@waiting_symbol pc_dict_open(env::Handle, name::Bytes, key_type::Bytes, value_type::Bytes, flags::UInt32, out::Ptr{Handle})::Status
@waiting_symbol pc_dict_close(dict::Handle)::Status
@waiting_symbol pc_dict_schema(dict::Handle, types::Ptr{Buffer}, raw::Ptr{Bool})::Status
@waiting_symbol pc_dict_put(dict::Handle, key::Bytes, key_len::Size, value::Bytes, value_len::Size)::Status
@waiting_symbol pc_dict_put_new(dict::Handle, key::Bytes, key_len::Size, value::Bytes, value_len::Size)::Status
@waiting_symbol pc_dict_get(dict::Handle, key::Bytes, key_len::Size, buf::Bytes, cap::Size, len::Ptr{Size})::Status
@waiting_symbol pc_dict_get_buffer(dict::Handle, key::Bytes, key_len::Size, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_get_ref(dict::Handle, key::Bytes, key_len::Size, value::Ptr{Bytes}, len::Ptr{Size})::Status
@waiting_symbol pc_dict_contains(dict::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_dict_remove(dict::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_dict_take(dict::Handle, key::Bytes, key_len::Size, buf::Bytes, cap::Size, len::Ptr{Size})::Status
@waiting_symbol pc_dict_compare_exchange(dict::Handle, key::Bytes, key_len::Size, expected::Bytes, expected_len::Size, desired::Bytes, desired_len::Size, flags::UInt32, current::Ptr{Buffer})::Status
@waiting_symbol pc_dict_add_i64(dict::Handle, key::Bytes, key_len::Size, delta::Int64, result::Ptr{Int64})::Status
@waiting_symbol pc_dict_len(dict::Handle, len::Ptr{UInt64})::Status
@waiting_symbol pc_dict_clear(dict::Handle)::Status
@waiting_symbol pc_dict_first(dict::Handle, key::Ptr{Buffer}, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_last(dict::Handle, key::Ptr{Buffer}, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_remove_range(dict::Handle, range::Ptr{Range}, removed::Ptr{UInt64})::Status

# Sets
@waiting_symbol pc_set_open(env::Handle, name::Bytes, type::Bytes, flags::UInt32, out::Ptr{Handle})::Status
@waiting_symbol pc_set_close(set::Handle)::Status
@waiting_symbol pc_set_schema(set::Handle, types::Ptr{Buffer}, raw::Ptr{Bool})::Status
@waiting_symbol pc_set_add(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_remove(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_contains(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_len(set::Handle, len::Ptr{UInt64})::Status
@waiting_symbol pc_set_clear(set::Handle)::Status
@waiting_symbol pc_set_first(set::Handle, element::Ptr{Buffer})::Status
@waiting_symbol pc_set_last(set::Handle, element::Ptr{Buffer})::Status
@waiting_symbol pc_set_remove_range(set::Handle, range::Ptr{Range}, removed::Ptr{UInt64})::Status

# Sets: algebra
@waiting_symbol pc_set_union(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_intersection(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_difference(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_symmetric_difference(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_is_subset(a::Handle, b::Handle, out::Ptr{Bool})::Status
@waiting_symbol pc_set_is_disjoint(a::Handle, b::Handle, out::Ptr{Bool})::Status

# Batches
@waiting_symbol pc_dict_put_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, values::Bytes, value_offsets::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_dict_get_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, present::Bytes, values_out::Bytes, values_cap::Size, values::Ptr{Buffer}, value_offsets::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_dict_values(dict::Handle, range::Ptr{Range}, values::Ptr{Buffer})::Status
@waiting_symbol pc_dict_remove_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, removed::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_add_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, added::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_remove_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, removed::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_contains_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, present::Bytes, failed_at::Ptr{Size})::Status

# Transactions
@waiting_symbol pc_txn_begin(env::Handle, kind::Int32, timeout_ms::Int64, out::Ptr{Handle})::Status
@waiting_symbol pc_txn_commit(txn::Handle)::Status
@waiting_symbol pc_txn_abort(txn::Handle)::Status
@waiting_symbol pc_txn_current(env::Handle, out::Ptr{Handle})::Status
@waiting_symbol pc_txn_set_current(env::Handle, txn::Handle, previous::Ptr{Handle})::Status
@symbol pc_set_reads_wait(wait::Bool)::Bool
@symbol pc_set_interrupt(check::Ptr{Cvoid}, context::Ptr{Cvoid})::Status

# Iterators
@waiting_symbol pc_iter_open_dict(dict::Handle, range::Ptr{Range}, out::Ptr{Handle})::Status
@waiting_symbol pc_iter_open_set(set::Handle, range::Ptr{Range}, out::Ptr{Handle})::Status
@waiting_symbol pc_iter_next(iter::Handle, key::Ptr{Bytes}, key_len::Ptr{Size}, value::Ptr{Bytes}, value_len::Ptr{Size})::Status
@waiting_symbol pc_iter_prev(iter::Handle, key::Ptr{Bytes}, key_len::Ptr{Size}, value::Ptr{Bytes}, value_len::Ptr{Size})::Status
@waiting_symbol pc_iter_next_batch(iter::Handle, max_items::Size, max_bytes::Size, out::Ptr{Batch})::Status
@waiting_symbol pc_iter_seek(iter::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_iter_close(iter::Handle)::Status
