# What dicts and sets have in common: opening them by Julia types, and many items as columns.

mutable struct CollectionHandle
    # First, since the library writes it here.
    id::Handle
    # The process that it is of; 0 where it was not opened.
    process::UInt64
    isdict::Bool
    env::Environment
    # What is stored, as type strings: by these it is opened again elsewhere.
    types::Tuple{String,String}

    CollectionHandle(isdict::Bool, env::Environment) = finalizer(retire, new(0, 0, isdict, env, ("", "")))
end

# Where the library writes the handle of an object that has it as its first field. So it is never lost: the object is
# there before the call, and an interrupt at the end of the call finds the handle in it.
handle_place(object) = Ptr{Handle}(pointer_from_objref(object))

# The finalizer. A closed environment has closed its collections.
function retire(handle::CollectionHandle)
    id, handle.id = handle.id, Handle(0)
    (id == 0 || !isopen(handle.env)) && return nothing
    Lib.in_finalizer(handle.isdict ? Lib.pc_dict_close_address : Lib.pc_set_close_address, id)
    return nothing
end

# The number for a call, which is one of this process.
@inline function live(handle::CollectionHandle)
    handle.process == this_process() || refuse_handle(handle)
    return handle.id
end

@inline live(collection) = live(collection.handle)

@noinline function refuse_handle(handle::CollectionHandle)
    refuse_stranger(handle.process, "the $(handle.isdict ? "dict" : "set") of the environment $(repr(handle.env.path))")
    LMDB.refuse_closed(handle.env)
end

# A collection's name, which may be given by its place or as `id`.
const Name = Union{Nothing,AbstractString}

function given_name(name::Name, id::Name)
    (name === nothing || id === nothing) ||
        throw(ArgumentError("a collection has one name, and two were given: $(repr(name)) and id=$(repr(id))"))
    return String(something(name, id, ""))
end

# Opens by `call(place)`, and asks for the types.
function open_handle(call::F, isdict::Bool, env::Environment) where {F}
    handle = CollectionHandle(isdict, env)
    GC.@preserve handle writing(() -> checked(call(handle_place(handle))), env)
    handle.process = this_process()
    raw = with_buffer() do types
        is_raw = written(false) do raw
            isdict ? Lib.pc_dict_schema(handle.id, types, raw) : Lib.pc_set_schema(handle.id, types, raw)
        end
        handle.types = two_texts(types)
        is_raw
    end
    return handle, raw
end

"""
    schema(env, name) -> NamedTuple or nothing

Returns `(kind, key, value)` of the collection called `name`, where `kind` is `:dict`, `:set` or `:raw` (written by
another LMDB program) and the others are type strings. Returns `nothing` if the collection does not exist.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> PersistentDict{String,Int64}(env; id="counts");

julia> schema(env, "counts")
(kind = :dict, key = "str", value = "i64")

julia> schema(env, "none") === nothing
true
```
"""
function schema(env::Environment, name::AbstractString)
    name = String(name)
    return with_buffer() do types
        kind = Ref(Int32(0))
        status = reading(env) do
            GC.@preserve name kind checked(Lib.pc_collection_schema(live(env), text_address(name),
                Base.unsafe_convert(Ptr{Int32}, kind), types))
        end
        status == PC_NOT_FOUND && return nothing
        key, value = two_texts(types)
        return (kind=kind_name(kind[]), key=key, value=value)
    end
end

kind_name(kind::Int32) = kind == Lib.PC_KIND_DICT ? :dict : kind == Lib.PC_KIND_SET ? :set : :raw

# The first two texts of a buffer, each ended by a NUL.
function two_texts(buffer::Ptr{Lib.Buffer})
    parts = split(buffer_text(buffer), '\0')
    return String(parts[1]), length(parts) > 1 ? String(parts[2]) : ""
end

"""
    collections(env) -> Vector

Lists all collections of the environment, ordered by name, each as `(name, kind, key, value, count)`, with `kind` one
of `:dict`, `:set`, `:raw`, and type strings, which are `"-"` for a raw one.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> union!(PersistentSet{String}(env; id="words"), ["a", "b"]);

julia> for found in collections(env)
           println(found.name, ": ", found.count, " of ", found.key)
       end
words: 2 of str
```
"""
function collections(env::Environment)
    text = with_buffer() do out
        reading(() -> checked(Lib.pc_env_list(live(env), out)), env)
        buffer_text(out)
    end
    return map(split(text, '\n'; keepempty=false)) do line
        name, kind, key, value, count = split(line, '\t')
        (name=unescaped(name), kind=Symbol(kind), key=String(key), value=String(value), count=parse(Int, count))
    end
end

unescaped(name) = replace(String(name), r"\\[\\tn]" => mark -> mark == "\\t" ? "\t" : mark == "\\n" ? "\n" : "\\")

"""
    drop!(env, name) -> Bool

Removes the collection called `name` with all its entries. Returns `false` if it does not exist.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> PersistentDict{String,Int}(env; id="counts")["a"] = 1;

julia> drop!(env, "counts"), drop!(env, "counts")
(true, false)
```
"""
function drop!(env::Environment, name::AbstractString)
    name = String(name)
    status = writing(env) do
        GC.@preserve name checked(Lib.pc_collection_drop(live(env), text_address(name)))
    end
    return status == PC_OK
end

# ---- opening

# Returns how to open one column: the type string to request (nothing requests the stored one) and the form of its items.
function plan(@nospecialize(T::Type), wanted::Union{Nothing,String}, stored::Union{Nothing,String}, role::String)
    if stored === nothing
        wanted === nothing && seldom(refuse_type, T, role)
        return wanted, wanted == "any" ? ANY : TYPED
    elseif stored == "any"
        return nothing, ANY
    end
    T <: Array && wanted != stored && seldom(refuse_shape, T, wanted, stored)
    wanted === nothing && seldom(refuse_type, T, role)
    # A vector of bytes reads both types that are one.
    (wanted == "bytes" && stored == "u8[]") && return nothing, TYPED
    # If they differ the library says so, and names both.
    return wanted, TYPED
end

# Names the shape that an array of fixed dimensions is stored with, as Julia counts dimensions; other types are the
# library's to compare.
function refuse_shape(@nospecialize(T::Type), wanted::Union{Nothing,String}, stored::String)
    held, shape = juliatype(stored)
    shape === nothing && return nothing
    asked = wanted === nothing ? "$T" : wanted
    throw(LMDB.LMDBError(Lib.PC_ERR_TYPE_MISMATCH, string("the values are stored as $stored, but were requested as $asked: ",
        "open the dict with values of type $held and shape=$shape (Julia's dimensions, the reverse of the type string's)")))
end

# Calls `open(types…)` with the types of the schema, or those of a new collection. If another process creates the
# collection between reading the schema and opening, it reads the schema again. Returns the result, and the form of each column.
function open_as_stored(open::F, env::Environment, name::String, kind::Symbol, wanted, types, roles) where {F}
    for attempt in 1:3
        found = schema(env, name)
        plans = Tuple{Union{Nothing,String},Form}[plan_for(found, kind, types[index], wanted[index], roles[index], index) for index in 1:length(types)]
        try
            return open((type for (type, form) in plans)...), Form[form for (type, form) in plans]
        catch failure
            (failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_TYPE_MISMATCH && found === nothing && attempt < 3) || rethrow()
        end
    end
end

# What to request for one column of a collection with that schema.
function plan_for(found, kind::Symbol, @nospecialize(T::Type), wanted::Union{Nothing,String}, role::String, index::Int)
    found === nothing && return plan(T, wanted, nothing, role)
    found.kind === :raw && return seldom(raw_typestring, T, wanted)::Union{Nothing,String}, RAW
    # Otherwise the library says that it is of the other kind.
    found.kind === kind || return wanted, TYPED
    return plan(T, wanted, index == 1 ? found.key : found.value, role)
end

# ---- columns: many encoded items behind each other, and where each begins

struct Columns
    bytes::Vector{UInt8}
    offsets::Vector{UInt64}
end

Columns() = Columns(UInt8[], UInt64[0])

Base.length(columns::Columns) = length(columns.offsets) - 1

Base.push!(columns::Columns, item::Union{String,Array}) =
    GC.@preserve item append_bytes!(columns, address(item), width(item))

push_key!(columns::Columns, column::Column{K}, key::K) where {K} =
    with_key((at, count) -> append_bytes!(columns, at, count), column, key)

function append_bytes!(columns::Columns, from::Ptr{UInt8}, count::Csize_t)
    bytes = columns.bytes
    at = length(bytes)
    resize!(bytes, at + count)
    GC.@preserve bytes unsafe_copyto!(pointer(bytes) + at, from, count)
    push!(columns.offsets, at + count)
    return columns
end

# ---- items as the caller passes them

# A key to store, converted as `Dict` does.
@inline storable(::Type{K}, key) where {K} = key isa K ? key : converted_key(K, key)

function converted_key(::Type{K}, key) where {K}
    converted = convert(K, key)::K
    is_as_good(converted, key) || throw(ArgumentError("$(brief(key)) is not a valid key for type $K"))
    return converted
end

is_as_good(converted, key) = isequal(converted, key)
is_as_good(converted::LMDB.MDBValue, key) = true

# A value to store, converted as `Dict` does; but of a time nothing is cut off.
@inline storable_value(::Type{V}, value) where {V} = value isa V ? value : converted_value(V, value)

converted_value(::Type{V}, value) where {V} = convert(V, value)::V

function converted_value(::Type{V}, value) where {V<:Dates.TimeType}
    converted = convert(V, value)::V
    value isa LMDB.MDBValue || isequal(converted, value) || throw(ArgumentError("$(brief(value)) is not the same as a $V"))
    return converted
end

# The longest encoded key of the library.
const MAX_KEY = 1978

# Returns the encoded key of a look-up, or nothing if the collection cannot hold such a key.
function sought(column::Column{K}, key) where {K}
    # Text of other programs may not be Unicode.
    column.form === RAW || is_text(key) || return nothing
    bytes = attempt() do
        converted = key isa K ? key : convert(K, key)::K
        key isa K || is_as_good(converted, key) ? encode_key(column, converted) : nothing
    end
    return bytes === nothing || !(0 < sizeof(bytes) <= MAX_KEY) ? nothing : bytes
end

# Returns whether the text in a key is valid Unicode.
is_text(key::Union{String,SubString{String}}) = isvalid(key)
is_text(key::Union{Symbol,Char}) = isvalid(string(key))
is_text(key::AbstractString) = attempt(() -> isvalid(String(key))) === true
is_text(key::Tuple) = all(is_text_within, key)
is_text(key) = true

# Of a tuple's elements. As in `putnested!`, nothing is compiled for the types of tuples in it.
is_text_within(element) = is_text(element)

function is_text_within(@nospecialize(tuple::Tuple))
    all_of_them = true
    each_element((@nospecialize(element)) -> all_of_them &= is_text_within(element)::Bool, tuple)
    return all_of_them
end

# Whether a look-up's status says that the key is there. A key that no collection of this type can hold is not.
function found(status::Status)
    status == Lib.PC_ERR_BAD_KEY && return false
    status == Lib.PC_ERR_KEY_SIZE && return false
    return checked(status) == PC_OK
end
