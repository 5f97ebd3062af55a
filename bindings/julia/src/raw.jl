# Collections without types, which another LMDB program or PersistentCollections.jl 0.2 wrote: the
# caller names the types of their keys and values, which are stored as Julia has them in memory.

# ---- bytes

# What is asked of the result is only `pointer` and `sizeof`.
rawbytes(item::String) = item
rawbytes(item::Union{AbstractString,Symbol}) = String(item)
rawbytes(item::LMDB.MDBValue) = item.data
rawbytes(item::Array{T}) where {T} = isbitstype(T) ? item : refuse_raw(typeof(item))

function rawbytes(item::T) where {T}
    isbitstype(T) && return bits(item)
    isopaque(T) && return opaquebytes(item)
    refuse_raw(T)
end

@noinline refuse_raw(@nospecialize(T::Type)) =
    throw(ArgumentError("$T has no plain bytes, which are all that a collection without types holds"))

readraw(::Type{Any}, data, count) = LMDB.MDBValue(copybytes(data, count))
readraw(::Type{LMDB.MDBValue}, data, count) = LMDB.MDBValue(copybytes(data, count))
readraw(::Type{String}, data, count) = unsafe_string(data, count)
readraw(::Type{Symbol}, data, count) = Symbol(unsafe_string(data, count))
readraw(::Type{Bool}, data, count) = load(UInt8, data, count) != 0
readraw(::Type{T}, data, count) where {T<:Enum} = T(load(enumbase(T), data, count))

function readraw(::Type{Vector{T}}, data, count) where {T}
    isbitstype(T) || refuse_raw(Vector{T})
    length, rest = sizeof(T) == 0 ? (0, count) : divrem(count, sizeof(T))
    rest == 0 || throw(ArgumentError("$count bytes are not a whole number of $T"))
    array = Vector{T}(undef, length)
    GC.@preserve array unsafe_copyto!(Ptr{UInt8}(pointer(array)), data, count)
    return array
end

function readraw(::Type{T}, data, count) where {T}
    isbitstype(T) && return load(T, data, count)
    isopaque(T) || refuse_raw(T)
    return readopaque(T, data, count)
end

# Whether a collection without types can be read as these.
israw(@nospecialize(T::Type)) = T === Any || T === LMDB.MDBValue || T === String || T === Symbol || isbitstype(T) ||
    (isconcretetype(T) && T <: Vector && isbitstype(eltype(T))) || isopaque(T)

# Returns the type string to request for a raw column: the width, if no type string has the same bytes.
function raw_typestring(@nospecialize(T::Type), wanted::Union{Nothing,String})
    T <: Array && wanted !== nothing && endswith(wanted, "]") && return wanted
    israw(T) || throw(ArgumentError(
        "a collection without types cannot be read as $T: name a type of plain data (an array of several dimensions with its shape), or Any, which gives LMDB.MDBValue"))
    T <: Union{Fixed,Bool,String,Symbol} && return wanted
    return isbitstype(T) && sizeof(T) > 0 || isopaque(T) ? "opaque[$(sizeof(T))]" : "bytes"
end

# ---- MDBValue

LMDB.MDBValue(item) = LMDB.MDBValue(as_bytes(rawbytes(item)))
LMDB.MDBValue(value::LMDB.MDBValue) = value

as_bytes(bytes::Vector{UInt8}) = bytes
as_bytes(text::String) = Vector{UInt8}(codeunits(text))
as_bytes(array::Array) = GC.@preserve array copybytes(Ptr{UInt8}(pointer(array)), sizeof(array))

read_value(::Type{T}, value::LMDB.MDBValue) where {T} =
    (bytes = value.data; GC.@preserve bytes readraw(T, pointer(bytes), length(bytes)))

Base.convert(::Type{LMDB.MDBValue}, item) = LMDB.MDBValue(item)
Base.convert(::Type{LMDB.MDBValue}, value::LMDB.MDBValue) = value
Base.convert(::Type{T}, value::LMDB.MDBValue) where {T} = read_value(T, value)
# Types that can hold an MDBValue itself.
Base.convert(::Type{Any}, value::LMDB.MDBValue) = value
Base.convert(::Type{T}, value::LMDB.MDBValue) where {T>:Nothing} = within_union(T, value)
Base.convert(::Type{T}, value::LMDB.MDBValue) where {T>:Missing} = within_union(T, value)
Base.convert(::Type{T}, value::LMDB.MDBValue) where {T>:Union{Nothing,Missing}} = within_union(T, value)
# What Base has for every source, and would be ambiguous with these.
Base.convert(::Type{Ref{T}}, value::LMDB.MDBValue) where {T} = Ref{T}(convert(T, value))
Base.convert(::Type{T}, value::LMDB.MDBValue) where {T<:VecElement} = read_value(T, value)

within_union(::Type{T}, value::LMDB.MDBValue) where {T} =
    value isa T ? value : convert(present_part(T), value)

# A union without nothing and missing.
present_part(@nospecialize(T)) = T isa Union ? Union{present_part(T.a),present_part(T.b)} : T in (Nothing, Missing) ? Union{} : T
