# Arrays that are read where they lie in the data file, inside a snapshot.

"""
    SnapshotArray{T,N} <: AbstractArray{T,N}

The result of [`view(dict, key)`](@ref) inside a [`snapshot`](@ref): a dict's array in the data file, without a copy.
It is read-only, and only tasks of the thread on which the snapshot was begun may use it, until the snapshot ends.
Using it later, or on another thread, throws an `LMDB.LMDBError`. `copy` returns a plain array that may be kept.

While a snapshot has lent such arrays, the file's map cannot grow: a write that needs it to grow waits for the end of
the snapshot.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Vector{Float64}}(env; id="d");

julia> dict["a"] = [1.0, 2.0];

julia> kept = snapshot(() -> copy(view(dict, "a")), env)
2-element Array{Float64,1}:
 1.0
 2.0
```
"""
struct SnapshotArray{T,N} <: AbstractArray{T,N}
    data::Ptr{T}
    size::Dims{N}
    lender::OpenTransaction
end

"""
    view(dict::PersistentDict, key) -> SnapshotArray

Returns the array under `key` without a copy, inside a [`snapshot`](@ref). Throws a `KeyError` if the key is missing,
an `LMDB.LMDBError` outside of a snapshot, and an `ArgumentError` for values of type `any`, which are not stored as
plain arrays.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> vectors = PersistentDict{String,Vector{Float32}}(env; id="vectors", shape=(3,));

julia> vectors["a"] = [1, 2, 3];

julia> snapshot(() -> sum(view(vectors, "a")), env)
6.0f0
```
"""
function Base.view(dict::PersistentDict{K,Array{T,N}}, key) where {K,T<:Fixed,N}
    column = dict.valuecolumn
    column.form === ANY && throw(ArgumentError("values of type any carry their own type and are not plain arrays: read a copy, dict[key]"))
    lender = lending_snapshot(dict.env)
    array = with_sought(dict.keycolumn, key, MISSED) do at, count
        data, len = Ref(Ptr{UInt8}(C_NULL)), Ref(Csize_t(0))
        status = GC.@preserve data len reading(dict) do
            Lib.pc_dict_get_ref(live(dict), at, count, Base.unsafe_convert(Ptr{Ptr{UInt8}}, data), Base.unsafe_convert(Ptr{Csize_t}, len))
        end
        found(status) ? SnapshotArray{T,N}(Ptr{T}(data[]), lent_size(column, len[]), lender) : MISSED
    end
    array isa Missed && throw(KeyError(key))
    return array
end

function lent_size(column::Column{Array{T,N}}, len::Csize_t) where {T,N}
    shape = column.shape
    size = shape === nothing ? (Int(len) ÷ sizeof(T),) : shape
    (length(size) == N && prod(size) * sizeof(T) == len) || throw(ArgumentError("$len bytes are not an array of $T of this shape"))
    return size::Dims{N}
end

# The snapshot that this task is in, which from now on has lent addresses. An environment that is closed at this
# moment either sees that it has, or is seen to be closed.
function lending_snapshot(env::Environment)
    own = OPEN_COUNT[] == 0 ? nothing : standing(env).own
    (own === nothing || own.kind != Lib.PC_TXN_READ) && throw(LMDB.LMDBError(Lib.PC_ERR_NO_TRANSACTION,
        "arrays are viewed inside a snapshot(env) do … end: elsewhere nothing would keep them as they are"))
    lock(OPEN_LOCK)
    is_open = isopen(env) && isopen(own.env)
    is_open && (own.lends = true)
    unlock(OPEN_LOCK)
    is_open || live(env)
    return own
end

# Returns an open snapshot that has lent addresses, or nothing.
function lender_of(env::Environment)
    for open in OPEN[]
        open.env === env && open.lends && open.state == GOES_ON && return open
    end
    return nothing
end

function LMDB.left_to_snapshot(env::Environment, handle::Handle)
    OPEN_COUNT[] == 0 && return false
    lock(OPEN_LOCK)
    lender = lender_of(env)
    lender === nothing || (lender.closes = handle)
    unlock(OPEN_LOCK)
    return lender !== nothing
end

# Closes the environment that was left to an ended snapshot, or leaves it to the next snapshot.
function close_left(entry::OpenTransaction)
    lock(OPEN_LOCK)
    handle, entry.closes, entry.lends = entry.closes, NO_TRANSACTION, false
    next = handle == NO_TRANSACTION ? nothing : lender_of(entry.env)
    next === nothing || (next.closes = handle)
    unlock(OPEN_LOCK)
    (handle == NO_TRANSACTION || next !== nothing) || checked(Lib.pc_env_close(handle))
    return nothing
end

# ---- reading them

Base.size(array::SnapshotArray) = array.size
Base.IndexStyle(::Type{<:SnapshotArray}) = IndexLinear()

# A snapshot ends on its own thread, so that it cannot come between this look and the read that follows.
@inline usable(lender::OpenTransaction) = lender.state == GOES_ON && lender.thread == Threads.threadid()

@noinline function refuse_use(lender::OpenTransaction)
    lender.state == GOES_ON || throw(LMDB.LMDBError(Lib.PC_ERR_NO_TRANSACTION,
        "the snapshot that this array was read in has ended: copy what is to be kept inside of it"))
    throw(LMDB.LMDBError(Lib.PC_ERR_WRONG_THREAD,
        "this array can be read on the thread of its snapshot alone: give other threads a copy"))
end

@inline function Base.getindex(array::SnapshotArray, index::Int)
    @boundscheck checkbounds(array, index)
    usable(array.lender) || refuse_use(array.lender)
    # The data may be unaligned: this load does not need alignment.
    return ltoh(unsafe_load(array.data, index))
end

function Base.copyto!(target::Array{T}, array::SnapshotArray{T}) where {T}
    length(target) >= length(array) || throw(BoundsError(target, length(array)))
    usable(array.lender) || refuse_use(array.lender)
    GC.@preserve target unsafe_copyto!(Ptr{UInt8}(pointer(target)), Ptr{UInt8}(array.data), sizeof(T) * length(array))
    ENDIAN_BOM == 0x04030201 || map!(ltoh, view(target, 1:length(array)), view(target, 1:length(array)))
    return target
end

Base.copy(array::SnapshotArray{T,N}) where {T,N} = copyto!(Array{T,N}(undef, array.size), array)
