# LMDB, called plainly: what a program pays that does without this package. Values of other types than text are serialized by
# Julia's own `Serialization`, as such a program would do it.

const LIBRARY = get(ENV, "LMDB_LIBRARY", normpath(joinpath(@__DIR__, "..", "..", "..", "target", "bench", "liblmdb.so")))

const MDB_NOSYNC = 0x00010000
const MDB_NOTLS = 0x00200000
const MDB_RDONLY = 0x00020000
const MDB_CREATE = 0x00040000
const MDB_NEXT = Cint(8)
const MDB_SET_RANGE = Cint(17)
const MDB_NOTFOUND = Cint(-30798)

struct Val
    size::Csize_t
    data::Ptr{UInt8}
end

Val() = Val(0, C_NULL)

expect(code::Cint) = code == 0 || error("LMDB failed with $code")

# A named database, with a read transaction of its environment that is reset between reads.
struct Bare
    env::Ptr{Cvoid}
    dbi::Cuint
    reader::Ptr{Cvoid}
end

function begin_bare(env::Ptr{Cvoid}, flags)
    txn = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_txn_begin, LIBRARY), Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Cuint, Ptr{Ptr{Cvoid}}), env, C_NULL, flags, txn))
    return txn[]
end

commit_bare(txn) = expect(ccall((:mdb_txn_commit, LIBRARY), Cint, (Ptr{Cvoid},), txn))
abort_bare(txn) = ccall((:mdb_txn_abort, LIBRARY), Cvoid, (Ptr{Cvoid},), txn)
renew(bare::Bare) = expect(ccall((:mdb_txn_renew, LIBRARY), Cint, (Ptr{Cvoid},), bare.reader))
reset(bare::Bare) = ccall((:mdb_txn_reset, LIBRARY), Cvoid, (Ptr{Cvoid},), bare.reader)

# An environment as this project opens its own, except for the flags.
function open_bare(path::String)
    made = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_env_create, LIBRARY), Cint, (Ptr{Ptr{Cvoid}},), made))
    env = made[]
    expect(ccall((:mdb_env_set_mapsize, LIBRARY), Cint, (Ptr{Cvoid}, Csize_t), env, 1 << 40))
    expect(ccall((:mdb_env_set_maxdbs, LIBRARY), Cint, (Ptr{Cvoid}, Cuint), env, 1025))
    expect(ccall((:mdb_env_open, LIBRARY), Cint, (Ptr{Cvoid}, Cstring, Cuint, Base.Cmode_t), env, path, MDB_NOSYNC | MDB_NOTLS, 0o644))
    return env
end

close_bare(env::Ptr{Cvoid}, reader::Ptr{Cvoid}) = (abort_bare(reader); ccall((:mdb_env_close, LIBRARY), Cvoid, (Ptr{Cvoid},), env))

function reader_of(env::Ptr{Cvoid})
    reader = begin_bare(env, MDB_RDONLY)
    ccall((:mdb_txn_reset, LIBRARY), Cvoid, (Ptr{Cvoid},), reader)
    return reader
end

function open_database(env::Ptr{Cvoid}, reader::Ptr{Cvoid}, name::String)
    txn, dbi = begin_bare(env, 0), Ref{Cuint}()
    expect(ccall((:mdb_dbi_open, LIBRARY), Cint, (Ptr{Cvoid}, Cstring, Cuint, Ptr{Cuint}), txn, name, MDB_CREATE, dbi))
    commit_bare(txn)
    return Bare(env, dbi[], reader)
end

# ---- one entry in a transaction

function put_bare(txn::Ptr{Cvoid}, dbi::Cuint, key::String, value::Union{String,Vector{UInt8}})
    k, v = Ref(Val(sizeof(key), pointer(key))), Ref(Val(sizeof(value), pointer(value)))
    GC.@preserve key value begin
        expect(ccall((:mdb_put, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Val}, Ptr{Val}, Cuint), txn, dbi, k, v, 0))
    end
end

# The stored bytes, which are valid until the transaction ends; of size 0 at `C_NULL` if the key is absent.
@inline function get_bare(txn::Ptr{Cvoid}, dbi::Cuint, key::String)
    k, v = Ref(Val(sizeof(key), pointer(key))), Ref(Val())
    code = GC.@preserve key ccall((:mdb_get, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Val}, Ptr{Val}), txn, dbi, k, v)
    code == MDB_NOTFOUND && return Val()
    expect(code)
    return v[]
end

text_of(value::Val) = unsafe_string(value.data, value.size)

function serialized(value)
    out = IOBuffer()
    serialize(out, value)
    return take!(out)
end

deserialized(value::Val) = deserialize(IOBuffer(unsafe_wrap(Vector{UInt8}, value.data, value.size)))

# ---- cursors

function with_cursor(f::F, txn::Ptr{Cvoid}, dbi::Cuint) where {F}
    made = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_cursor_open, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Ptr{Cvoid}}), txn, dbi, made))
    result = f(made[])
    ccall((:mdb_cursor_close, LIBRARY), Cvoid, (Ptr{Cvoid},), made[])
    return result
end

# Whether there is a next entry, whose key and value are then in `k` and `v`.
@inline function moved(cursor::Ptr{Cvoid}, k::Ref{Val}, v::Ref{Val}, how::Cint=MDB_NEXT)
    code = ccall((:mdb_cursor_get, LIBRARY), Cint, (Ptr{Cvoid}, Ptr{Val}, Ptr{Val}, Cint), cursor, k, v, how)
    code == MDB_NOTFOUND && return false
    return expect(code)
end

function order_of(a::Val, b::Val)
    order = ccall(:memcmp, Cint, (Ptr{UInt8}, Ptr{UInt8}, Csize_t), a.data, b.data, min(a.size, b.size))
    return order == 0 ? cmp(a.size, b.size) : order
end
