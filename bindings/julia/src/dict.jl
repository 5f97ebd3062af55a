# PersistentDict: a dict that lives in an environment.

"""
    PersistentDict{K,V}(env; id="", shape=nothing)
    PersistentDict{K,V}(env, id; shape=nothing)
    PersistentDict(env; id="")
    PersistentDict(env, id)

Opens the dict with the name `id`, and creates it if it does not exist: an `AbstractDict` whose entries are ordered by
key. Without `id`, it opens the environment's unnamed collection, of which there is one: a second dict needs a name.
Without types, the dict is opened with the stored ones.

# Types
- keys and values: `String`, `Vector{UInt8}`, `Int8` to `Int64`, `UInt8` to `UInt64`, `Float32`, `Float64`,
  `Bool`, `Char`, `Symbol`, enums, `UUID`, `Date`, `DateTime`, structs of plain data (opaque bytes to other
  languages)
- keys only: tuples of these, except structs, `Vector{UInt8}` and tuples
- values only: vectors of these integers and floats, of any length, and with `shape` arrays of them
- `Any`, unions and abstract types: each item carries its own type

A typed dict cannot have other types, such as `Vector{String}`, `Dict{String,Int}`, `BigInt` or `Rational{Int}`: use
`Any`. It returns values as they were stored, though a few as a wider type: `Int8` as `Int64`, `Float32` as `Float64`,
`Vector{String}` as `Vector{Any}`, `Dict{String,Int}` as `Dict{Any,Any}`, `Set{Int}` as `Set{Any}`, `SubString` as
`String`; arrays of integers and floats keep their element type. `Any` refuses enums, since they would come back as
integers. A dict that holds `Any` may be opened with narrower types, such as `PersistentDict{String,Vector{String}}`,
and its items are read as these. Reading an item that does not fit throws a `TypeError`.

`shape` sets the dimensions of array values, in the order of `size`. This is the reverse of the order of NumPy and of
the type string: `f32[2,3]`, in NumPy an array of shape `(2, 3)`, is in Julia a 3×2 `Matrix{Float32}`, opened with
`shape=(3, 2)`. Nothing is transposed: the bytes are the same.

# Use

An assignment is durable when it returns, unless in a [`transaction`](@ref). Any thread may use the dict, and it may
be changed during iteration: an iteration sees the entries of the moment when it began (in a transaction, the current
entries).

```jldoctest
julia> using PersistentCollections

julia> env = LMDB.Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> dict["foo"] = 1
1

julia> increment!(dict, "foo")
2

julia> collect(prefix(dict, "f")) == ["foo" => 2]
true

julia> images = PersistentDict{String,Matrix{Float32}}(env; id="images", shape=(2, 3));

julia> images["a"] = [1 2 3; 4 5 6];

julia> images["a"][2, 3]
6.0f0

julia> PersistentDict(env; id="counts")["foo"]
2
```
"""
struct PersistentDict{K,V} <: AbstractDict{K,V}
    env::Environment
    id::String
    handle::CollectionHandle
    keycolumn::Column{K}
    valuecolumn::Column{V}
end

function PersistentDict{K,V}(env::Environment, name::Name=nothing; id::Name=nothing, shape::Union{Nothing,Dims}=nothing) where {K,V}
    id = given_name(name, id)
    wanted = (keytypestring(K), valuetypestring(V, shape))
    (handle, raw), (keyform, valueform) = open_as_stored(env, id, :dict, wanted, (K, V), ("key", "value")) do keytype, valuetype
        open_dict(env, id, keytype, valuetype)
    end
    if raw
        keyform = valueform = RAW
    end
    return PersistentDict{K,V}(env, id, handle, Column{K}(keyform), Column{V}(valueform, valueform === ANY ? nothing : shape))
end

function PersistentDict(env::Environment, name::Name=nothing; id::Name=nothing)
    id = given_name(name, id)
    found = schema(env, id)
    (found === nothing || found.kind !== :dict) && return PersistentDict{Any,Any}(env, id)
    K, _ = juliatype(found.key)
    V, shape = juliatype(found.value)
    handle, _ = open_dict(env, id, found.key, found.value)
    forms = map(stored -> stored == "any" ? ANY : TYPED, (found.key, found.value))
    return PersistentDict{K,V}(env, id, handle, Column{K}(forms[1]), Column{V}(forms[2], shape))
end

function open_dict(env::Environment, id::String, keytype::Union{Nothing,String}, valuetype::Union{Nothing,String}, flags::UInt32=UInt32(0))
    return open_handle(true, env) do place
        GC.@preserve id keytype valuetype Lib.pc_dict_open(live(env), text_address(id), text_address(keytype),
            text_address(valuetype), flags, place)
    end
end

keycolumn(dict::PersistentDict) = dict.keycolumn
valuecolumn(dict::PersistentDict) = dict.valuecolumn
view_of(dict::PersistentDict, bounds::Bounds) = pairs_view(dict, bounds)
open_iterator(dict::PersistentDict, range, out) = Lib.pc_iter_open_dict(live(dict), range, out)
remove_range(dict::PersistentDict, range, removed) = Lib.pc_dict_remove_range(live(dict), range, removed)
Base.eltype(::Type{View{PersistentDict{K,V},:pairs}}) where {K,V} = Pair{K,V}
Base.eltype(::Type{View{PersistentDict{K,V},:keys}}) where {K,V} = K
Base.eltype(::Type{View{PersistentDict{K,V},:values}}) where {K,V} = V

Base.isopen(dict::PersistentDict) = isopen(dict.env)

# ---- one entry

# The result of a look-up of an absent key; it is not a possible value.
struct Missed end
const MISSED = Missed()

function lookup(dict::PersistentDict{K,V}, key) where {K,V}
    return with_sought(dict.keycolumn, key, MISSED) do at, count
        lookup_at(dict, at, count)
    end
end

@inline lookup_at(dict::PersistentDict, at::Ptr{UInt8}, count::Csize_t) = received(dict.valuecolumn) do buffer, capacity, len
    reading(() -> Lib.pc_dict_get(live(dict), at, count, buffer, capacity, len), dict)
end

function Base.getindex(dict::PersistentDict, key)
    value = lookup(dict, key)
    value isa Missed && throw(KeyError(key))
    return value
end

function Base.get(dict::PersistentDict, key, default)
    value = lookup(dict, key)
    return value isa Missed ? default : as_default(value, default)
end

function Base.get(default::Base.Callable, dict::PersistentDict, key)
    value = lookup(dict, key)
    return value isa Missed ? default() : value
end

# Converts the bytes of a dict without types to the type of the default.
as_default(value, default) = value
as_default(value::LMDB.MDBValue, default::T) where {T} = convert(T, value)
as_default(value::LMDB.MDBValue, ::Union{Nothing,Missing}) = value

function Base.haskey(dict::PersistentDict, key)
    return with_sought(dict.keycolumn, key, false) do at, count
        reading(() -> found(Lib.pc_dict_contains(live(dict), at, count)), dict)
    end
end

# Base's own asks for the value with a default of its own making, to which bytes without types would be converted.
function Base.in(entry::Pair, dict::PersistentDict, equal=(==))
    value = lookup(dict, entry.first)
    return value isa Missed ? false : equal(value, entry.second)
end

# Stores by `call(handle, key, length, value, length)`.
@inline function store(call::F, dict::PersistentDict{K,V}, key, value) where {F,K,V}
    return with_key(dict.keycolumn, storable(K, key)) do at, count
        with_value(dict.valuecolumn, storable_value(V, value)) do item, size
            writing(() -> checked(call(live(dict), at, count, item, size)), dict)
        end
    end
end

"""
    setindex!(dict::PersistentDict, value, key; sync=true)

Implements `dict[key] = value`. With `sync=false`, it does not wait for the disk, whatever the environment's
durability is: see the same keyword of [`transaction`](@ref).

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> dict["a"] = 1;

julia> setindex!(dict, 2, "a"; sync=false) === dict
true

julia> dict["a"]
2
```
"""
Base.setindex!(dict::PersistentDict, value, key) = (store(Lib.pc_dict_put, dict, key, value); dict)

Base.get!(dict::PersistentDict, key, default) = as_default(get!(() -> default, dict, key), default)

function Base.get!(default::Base.Callable, dict::PersistentDict{K,V}, key) where {K,V}
    while true
        value = lookup(dict, key)
        value isa Missed || return value
        fresh = storable_value(V, default())
        # Another writer may have been first: then theirs is the value.
        store(Lib.pc_dict_put_new, dict, key, fresh) == PC_OK && return fresh
    end
end

"""
    delete!(dict::PersistentDict, key; sync=true)

Removes the entry of `key`, if it exists. Returns the dict; `pop!(dict, key, default)` returns the removed value.
`sync` is as in `setindex!`.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> dict["a"] = 1;

julia> delete!(dict, "a") === dict, haskey(dict, "a")
(true, false)
```
"""
function Base.delete!(dict::PersistentDict, key)
    with_sought(dict.keycolumn, key, false) do at, count
        writing(() -> found(Lib.pc_dict_remove(live(dict), at, count)), dict)
    end
    return dict
end

function take(dict::PersistentDict{K,V}, key) where {K,V}
    return with_sought(dict.keycolumn, key, MISSED) do at, count
        received(dict.valuecolumn) do buffer, capacity, len
            writing(() -> Lib.pc_dict_take(live(dict), at, count, buffer, capacity, len), dict)
        end
    end
end

# Values that every opening of their type can read.
const Readable = Union{Fixed,Bool,String,UUID,Date,Vector{UInt8}}

# Takes a value and returns `given(value)`. If `given` throws, the transaction is undone and the entry stays.
@inline function taken(given::F, dict::PersistentDict{K,V}, key) where {F,K,V}
    (V <: Readable && dict.valuecolumn.form === TYPED) && return given(take(dict, key))
    return transaction(() -> given(take(dict, key)), dict.env)
end

Base.pop!(dict::PersistentDict, key) = taken(value -> value isa Missed ? throw(KeyError(key)) : value, dict, key)

Base.pop!(dict::PersistentDict, key, default) =
    taken(value -> value isa Missed ? default : as_default(value, default), dict, key)

function Base.pop!(dict::PersistentDict)
    return transaction(dict.env) do
        entry = first_item(view_of(dict, EVERYTHING))
        entry === nothing && throw(ArgumentError("dict must be non-empty"))
        delete!(dict, something(entry).first)
        something(entry)
    end
end

"""
    increment!(dict, key, by=1)

Adds `by` to the integer under `key`, as one atomic step; a missing key counts as 0. Returns the new value. Throws an
`LMDB.LMDBError` if it is outside the range of its type.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> counts = PersistentDict{String,Int}(env; id="counts");

julia> increment!(counts, "a"), increment!(counts, "a", 10)
(1, 11)
```
"""
function increment!(dict::PersistentDict{K,V}, key, by::Integer=1) where {K,V}
    result = with_key(dict.keycolumn, storable(K, key)) do at, count
        writing(dict) do
            written(out -> Lib.pc_dict_add_i64(live(dict), at, count, Int64(by), out), Int64(0))
        end
    end
    return V <: Integer && isconcretetype(V) ? V(result) : result
end

"""
    Absent

The type of [`absent`](@ref).
"""
struct Absent end

"""
    absent

Stands for a missing value in [`compare_exchange!`](@ref).

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> compare_exchange!(dict, "a", absent, 1).success
true
```
"""
const absent = Absent()

Base.show(io::IO, ::Absent) = print(io, "absent")

"""
    compare_exchange!(dict, key, expected, desired) -> (success, current)

Stores `desired` under `key` if its value is `expected`, as one step. Either may be [`absent`](@ref): the key must not
exist, or is removed. `current` is the value afterwards. The stored bytes are compared.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> jobs = PersistentDict{Int,String}(env; id="jobs");

julia> jobs[1] = "waiting";

julia> compare_exchange!(jobs, 1, "waiting", "running")
(success = true, current = "running")

julia> compare_exchange!(jobs, 1, "waiting", "running")
(success = false, current = "running")

julia> compare_exchange!(jobs, 1, "running", absent)
(success = true, current = absent)
```
"""
function compare_exchange!(dict::PersistentDict{K,V}, key, expected, desired) where {K,V}
    bytes = encode_key(dict.keycolumn, storable(K, key))
    old, new = (value === absent ? nothing : encode_value(dict.valuecolumn, storable_value(V, value)) for value in (expected, desired))
    flags = (expected === absent ? Lib.PC_EXPECT_ABSENT : UInt32(0)) | (desired === absent ? Lib.PC_DESIRE_ABSENT : UInt32(0))
    return with_buffer() do buffer
        status = GC.@preserve bytes old new writing(dict) do
            checked(Lib.pc_dict_compare_exchange(live(dict), address(bytes), width(bytes), address(old), width(old),
                address(new), width(new), flags, buffer))
        end
        current = status == PC_OK ? (desired === absent ? absent : storable_value(V, desired)) :
            status == PC_NOT_FOUND ? absent : buffer_value(dict, buffer)
        (success=status == PC_OK, current=current)
    end
end

function buffer_value(dict::PersistentDict, buffer::Ptr{Lib.Buffer})
    stored = unsafe_load(buffer)
    return decode_value(dict.valuecolumn, stored.data, stored.len)
end

# ---- all of it

function Base.length(dict::PersistentDict)
    return Int(reading(() -> written(out -> Lib.pc_dict_len(live(dict), out), UInt64(0)), dict))
end

# A server would count to know the length.
Base.isempty(dict::PersistentDict) =
    dict.env.is_remote ? isempty(view_of(dict, EVERYTHING)) : length(dict) == 0

function Base.empty!(dict::PersistentDict)
    writing(() -> checked(Lib.pc_dict_clear(live(dict))), dict)
    return dict
end

@inline Base.iterate(dict::PersistentDict) = iterate(view_of(dict, EVERYTHING))
@inline Base.iterate(dict::PersistentDict, state::State) = iterate(view_of(dict, EVERYTHING), state)
@inline Base.iterate(keys::Base.KeySet{<:Any,<:PersistentDict}) = iterate(keys_view(keys.dict, EVERYTHING))
@inline Base.iterate(keys::Base.KeySet{<:Any,<:PersistentDict}, state::State) = iterate(keys_view(keys.dict, EVERYTHING), state)
@inline Base.iterate(values::Base.ValueIterator{<:PersistentDict}) = iterate(values_view(values.dict, EVERYTHING))
@inline Base.iterate(values::Base.ValueIterator{<:PersistentDict}, state::State) = iterate(values_view(values.dict, EVERYTHING), state)
Iterators.reverse(dict::PersistentDict) = Iterators.reverse(view_of(dict, EVERYTHING))
Iterators.reverse(keys::Base.KeySet{<:Any,<:PersistentDict}) = Iterators.reverse(keys_view(keys.dict, EVERYTHING))
Iterators.reverse(values::Base.ValueIterator{<:PersistentDict}) = Iterators.reverse(values_view(values.dict, EVERYTHING))

Base.copy(dict::PersistentDict{K,V}) where {K,V} = plain(Dict{K,V}, view_of(dict, EVERYTHING))

# ---- many entries at once: each is one transaction

function store_many(dict::PersistentDict{K,V}, sources) where {K,V}
    keys, values = Columns(), Columns()
    for source in sources, (key, value) in source
        push_key!(keys, dict.keycolumn, storable(K, key))
        with_value((at, count) -> append_bytes!(values, at, count), dict.valuecolumn, storable_value(V, value))
    end
    length(keys) == 0 && return nothing
    GC.@preserve keys values writing(dict) do
        checked(Lib.pc_dict_put_many(live(dict), length(keys), address(keys.bytes), pointer(keys.offsets),
            address(values.bytes), pointer(values.offsets), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

function remove_many(dict::PersistentDict, keys::Columns)
    length(keys) == 0 && return nothing
    GC.@preserve keys writing(dict) do
        checked(Lib.pc_dict_remove_many(live(dict), length(keys), address(keys.bytes), pointer(keys.offsets),
            Ptr{UInt64}(C_NULL), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

function Base.merge!(dict::PersistentDict, others::AbstractDict...)
    store_many(dict, others)
    return dict
end

combining_merge!(combine, dict::PersistentDict, others) = transaction(dict.env) do
    for other in others, (key, value) in other
        present = lookup(dict, key)
        dict[key] = present isa Missed ? value : combine(present, value)
    end
    return dict
end

Base.mergewith!(combine, dict::PersistentDict, others::AbstractDict...) = combining_merge!(combine, dict, others)
Base.merge!(combine::Function, dict::PersistentDict, others::AbstractDict...) = combining_merge!(combine, dict, others)

Base.merge(dict::PersistentDict, others::AbstractDict...) = merge(copy(dict), others...)

function Base.map!(f, values::Base.ValueIterator{<:PersistentDict})
    dict = values.dict
    transaction(() -> store_many(dict, ((key => f(value) for (key, value) in dict),)), dict.env)
    return values
end

struct NoDefault end

"""
    get_many(dict, keys; default)

Returns the values of the keys, in their order, in one call of the library. A missing key throws a `KeyError`, or has
the value `default` if this is given.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = merge!(PersistentDict{String,Int}(env; id="counts"), Dict("a" => 1, "b" => 2));

julia> get_many(dict, ["b", "z", "a"]; default=0) == [2, 0, 1]
true
```
"""
function get_many(dict::PersistentDict{K,V}, keys; default=NoDefault()) where {K,V}
    wanted = collect(keys)
    values, offsets, present = fetch_many(dict, wanted)
    result = default isa NoDefault ? Vector{V}(undef, length(wanted)) : Vector{Union{V,typeof(default)}}(undef, length(wanted))
    for index in eachindex(wanted)
        if present[index] != 0
            result[index] = part(decode_value, dict.valuecolumn, values, offsets, index)
        else
            default isa NoDefault && throw(KeyError(wanted[index]))
            result[index] = default
        end
    end
    return result
end

# Returns the encoded values one after another, the offset of each, and a byte for each: 1 if its key exists.
function fetch_many(dict::PersistentDict, wanted::Vector)
    count = length(wanted)
    encoded = map(key -> sought(dict.keycolumn, key), wanted)
    # Keys that cannot be there are not asked for.
    asked = findall(!isnothing, encoded)
    keys = Columns()
    foreach(index -> push!(keys, encoded[index]), asked)
    present = zeros(UInt8, count)
    offsets = zeros(UInt64, count + 1)
    there = zeros(UInt8, length(asked))
    values, ends = fetch_columns(dict, keys, there)
    present[asked] = there
    lengths = zeros(UInt64, count)
    lengths[asked] = diff(ends)
    offsets[2:end] = cumsum(lengths)
    return values, offsets, present
end

function fetch_columns(dict::PersistentDict, keys::Columns, present::Vector{UInt8})
    count, size = length(keys), valuewidth(dict.valuecolumn)
    if size > 0
        values = Vector{UInt8}(undef, count * size)
        get_many_raw(dict, keys, present, values, Ptr{Lib.Buffer}(C_NULL), Ptr{UInt64}(C_NULL))
        return values, collect(UInt64, 0:size:count * size)
    end
    offsets = zeros(UInt64, count + 1)
    values = with_buffer() do buffer
        GC.@preserve offsets get_many_raw(dict, keys, present, UInt8[], buffer, pointer(offsets))
        stored = unsafe_load(buffer)
        copybytes(stored.data, stored.len)
    end
    return values, offsets
end

function get_many_raw(dict, keys::Columns, present, values::Array, buffer, offsets)
    length(keys) == 0 && return nothing
    target = sizeof(values) == 0 ? Ptr{UInt8}(C_NULL) : address(values)
    GC.@preserve keys present values reading(dict) do
        checked(Lib.pc_dict_get_many(live(dict), length(keys), address(keys.bytes), pointer(keys.offsets), pointer(present),
            target, sizeof(values), buffer, offsets, Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

"""
    get_many!(array, dict, keys)

Reads the values of the keys of a dict of numbers, or of arrays of fixed shape, directly into `array`, whose last
dimension counts the keys: `f32[768]` values become the columns of a `Matrix{Float32}` of 768 rows. Throws a
`KeyError` if one is missing, and a `DimensionMismatch` if the array is of another size.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> vectors = PersistentDict{String,Vector{Float32}}(env; id="vectors", shape=(2,));

julia> merge!(vectors, Dict("a" => Float32[1, 2], "b" => Float32[3, 4]));

julia> get_many!(Matrix{Float32}(undef, 2, 2), vectors, ["b", "a"]) == [3 1; 4 2]
true
```
"""
function get_many!(array::Array{T}, dict::PersistentDict{K,V}, keys) where {T<:Fixed,K,V}
    column = dict.valuecolumn
    wanted = keys isa AbstractVector ? keys : collect(keys)
    inner = column.shape === nothing ? () : column.shape
    (column.form === TYPED && T === (V <: Array ? eltype(V) : V) && !(V <: Array && column.shape === nothing)) ||
        throw(ArgumentError("values of type $V are not stored as $T of fixed number"))
    size(array) == (inner..., length(wanted)) ||
        throw(DimensionMismatch("$(length(wanted)) values of size $inner do not fill an array of size $(size(array))"))
    columns = Columns()
    foreach(key -> push_key!(columns, dict.keycolumn, storable(K, key)), wanted)
    present = zeros(UInt8, length(wanted))
    get_many_raw(dict, columns, present, array, Ptr{Lib.Buffer}(C_NULL), Ptr{UInt64}(C_NULL))
    missed = findfirst(iszero, present)
    missed === nothing || throw(KeyError(wanted[begin - 1 + missed]))
    ENDIAN_BOM == 0x04030201 || map!(ltoh, array, array)
    return array
end
