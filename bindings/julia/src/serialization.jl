# Environments and collections in other processes, and in copies of objects that contain them.
#
# A handle is valid only in its own process. So an environment is serialized as its path and options, a collection also as
# its name and types, and deserializing opens it again. It creates nothing: a missing environment, or a collection of
# another type, is an error. Objects that cannot be opened elsewhere, such as a running iteration, are refused.

# ---- environments

# Returns the options with which an environment is opened again, as numbers.
function options_to_send(options::Lib.EnvOptions)
    # It exists; and another check would take time at each opening.
    flags = (options.flags | Lib.PC_ENV_NO_CREATE) & ~Lib.PC_ENV_VERIFY
    return (options.map_size, options.mode, options.max_collections, options.max_readers, options.durability,
        options.flush_interval_ms, options.write_timeout_ms, flags)
end

function Serialization.serialize(s::AbstractSerializer, env::Environment)
    Serialization.serialize_cycle_header(s, env) && return nothing
    serialize(s, isopen(env))
    # Without links, which may lead elsewhere by then.
    serialize(s, env.place)
    serialize(s, options_to_send(env.options))
    return nothing
end

function Serialization.deserialize(s::AbstractSerializer, ::Type{Environment})
    was_open = deserialize(s)::Bool
    path = deserialize(s)::String
    env = Environment(path, Lib.EnvOptions(sizeof(Lib.EnvOptions), deserialize(s)..., 0))
    Serialization.deserialize_cycle(s, env)
    return was_open ? LMDB.open_files(env) : env
end

# ---- collections

column_to_send(column::Column) = (Int(column.form), column.shape)
column_sent(::Type{T}, (form, shape)) where {T} = Column{T}(Form(form), shape)

function Serialization.serialize(s::AbstractSerializer, dict::PersistentDict)
    Serialization.serialize_type(s, typeof(dict))
    foreach(part -> serialize(s, part), (dict.env, dict.id, dict.handle.types, column_to_send(dict.keycolumn), column_to_send(dict.valuecolumn)))
    return nothing
end

function Serialization.deserialize(s::AbstractSerializer, ::Type{PersistentDict{K,V}}) where {K,V}
    env, id, types, keycolumn, valuecolumn = (deserialize(s) for _ in 1:5)
    handle = reopened(true, env, types) do
        open_dict(env, id, types..., Lib.PC_OPEN_EXISTING)
    end
    return PersistentDict{K,V}(env, id, handle, column_sent(K, keycolumn), column_sent(V, valuecolumn))
end

function Serialization.serialize(s::AbstractSerializer, set::PersistentSet)
    Serialization.serialize_type(s, typeof(set))
    foreach(part -> serialize(s, part), (set.env, set.id, set.handle.types, column_to_send(set.keycolumn)))
    return nothing
end

function Serialization.deserialize(s::AbstractSerializer, ::Type{PersistentSet{T}}) where {T}
    env, id, types, keycolumn = (deserialize(s) for _ in 1:4)
    handle = reopened(false, env, types) do
        open_set(env, id, first(types), Lib.PC_OPEN_EXISTING)
    end
    return PersistentSet{T}(env, id, handle, column_sent(T, keycolumn))
end

# What was closed stays so.
function reopened(open, isdict::Bool, env::Environment, types)
    isopen(env) && return first(open())
    handle = CollectionHandle(isdict, env)
    handle.types = types
    return handle
end

# ---- arrays of snapshots are sent as plain arrays

Serialization.serialize(s::AbstractSerializer, array::SnapshotArray) = serialize(s, copy(array))

# ---- objects that cannot be sent

const Unsendable = Union{Cursor,OpenTransaction,CollectionHandle}

what_it_is(::Cursor) = "an iteration that has begun"
what_it_is(::OpenTransaction) = "a transaction"
what_it_is(::CollectionHandle) = "the handle of a collection"

Serialization.serialize(::AbstractSerializer, object::Unsendable) = throw(ArgumentError(string(what_it_is(object),
    " is of its own process: send the collection, and begin there")))

# ---- copies

# `copy` and `deepcopy` of a collection return a plain one. A collection inside of an object that is copied deeply stays the
# same handle, since a field of its type cannot hold a plain one.
Base.deepcopy(collection::Union{PersistentDict,PersistentSet}) = copy(collection)
Base.deepcopy(array::SnapshotArray) = copy(array)
Base.deepcopy_internal(handle::Union{Environment,PersistentDict,PersistentSet,SnapshotArray,Unsendable}, ::IdDict) = handle
