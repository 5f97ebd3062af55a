# The structs of the C ABI, field by field.

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

struct Batch
    count::Csize_t
    keys::Ptr{UInt8}
    key_offsets::Ptr{UInt64}
    values::Ptr{UInt8}
    value_offsets::Ptr{UInt64}
end

Batch() = Batch(0, C_NULL, C_NULL, C_NULL, C_NULL)
