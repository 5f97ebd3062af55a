# Values of collections with a type: as plain as their type allows, little-endian.

# What is asked of the result is only `pointer` and `sizeof`.
valuebytes(value::String) = value
valuebytes(value::Vector{UInt8}) = value
valuebytes(value::LMDB.MDBValue) = value.data
valuebytes(value::Union{Fixed,Bool,UUID,Date,DateTime,Enum}) = bits(valuecell(value)[])
valuebytes(value::Symbol) = String(value)
valuebytes(value::Char) = string(value)
valuebytes(value::Array{T}) where {T<:Fixed} = ENDIAN_BOM == 0x04030201 ? value : htol.(value)
valuebytes(value) = opaquebytes(value)

function opaquebytes(value::T) where {T}
    isbitstype(T) && return bits(value)
    bytes = Vector{UInt8}(undef, sizeof(T))
    GC.@preserve value bytes unsafe_copyto!(pointer(bytes), Ptr{UInt8}(pointer_from_objref(value)), sizeof(T))
    return bytes
end

function readopaque(::Type{T}, data::Ptr{UInt8}, count) where {T}
    isbitstype(T) && return load(T, data, count)
    count == sizeof(T) || throw(ArgumentError("$count bytes where $T has $(sizeof(T))"))
    # A mutable struct's constructor may ask for anything; its fields are laid in place instead.
    value = ccall(:jl_new_struct_uninit, Any, (Any,), T)::T
    GC.@preserve value unsafe_copyto!(Ptr{UInt8}(pointer_from_objref(value)), data, sizeof(T))
    return value
end

readvalue(::Type{String}, data, count) = unsafe_string(data, count)
readvalue(::Type{Vector{UInt8}}, data, count) = copybytes(data, count)
readvalue(::Type{LMDB.MDBValue}, data, count) = LMDB.MDBValue(copybytes(data, count))
readvalue(::Type{T}, data, count) where {T<:Fixed} = ltoh(load(T, data, count))
readvalue(::Type{Bool}, data, count) = load(UInt8, data, count) != 0
readvalue(::Type{UUID}, data, count) = UUID(ntoh(load(UInt128, data, count)))
readvalue(::Type{Date}, data, count) = date_of(readvalue(Int32, data, count))
readvalue(::Type{DateTime}, data, count) = datetime_of(readvalue(Int64, data, count))
readvalue(::Type{Symbol}, data, count) = Symbol(unsafe_string(data, count))
readvalue(::Type{Char}, data, count) = onlychar(unsafe_string(data, count))
readvalue(::Type{T}, data, count) where {T<:Enum} = T(readvalue(enumbase(T), data, count))
readvalue(::Type{T}, data, count) where {T} = readopaque(T, data, count)

function readvalue(::Type{Vector{T}}, data, count) where {T<:Fixed}
    length, rest = divrem(count, sizeof(T))
    rest == 0 || throw(ArgumentError("$count bytes are not a whole number of $T"))
    return readarray(T, data, (Int(length),))
end

function readarray(::Type{T}, data::Ptr{UInt8}, shape::Dims) where {T<:Fixed}
    array = Array{T}(undef, shape)
    GC.@preserve array unsafe_copyto!(Ptr{UInt8}(pointer(array)), data, sizeof(array))
    ENDIAN_BOM == 0x04030201 || map!(ltoh, array, array)
    return array
end

# ---- a column's values

# Types of keys and values that nearly every column holds as what they are.
const Plain = Union{Fixed,Bool,String,Vector{UInt8},UUID,Date,DateTime}

function encode_value(column::Column{V}, value::V) where {V}
    column.form === ANY && return encode_as_any(V, value)
    fitting(column, value)
    column.form === RAW && return rawbytes(value)
    return valuebytes(value)
end

@noinline encode_as_any(::Type{V}, value) where {V} =
    V <: Plain ? seldom(encode_any, value)::Vector{UInt8} : encode_any(stored_as(V, value))

# The value, if it is of the shape that the column holds.
@inline fitting(::Column, value) = value

@inline function fitting(column::Column, value::Array{T,N}) where {T,N}
    shape = column.shape
    (shape === nothing || size(value) == shape::Dims{N}) || refuse_size(shape, size(value))
    return value
end

@noinline refuse_size(shape, size) = throw(DimensionMismatch("the collection holds arrays of size $shape, not $size"))

@inline function decode_value(column::Column{V}, data::Ptr{UInt8}, count::Integer) where {V}
    (column.form === TYPED && column.shape === nothing) && return readvalue(V, data, count)::V
    return decode_other_value(column, data, count)
end

@noinline decode_other_value(column::Column{V}, data::Ptr{UInt8}, count::Integer) where {V} =
    V <: Plain ? seldom(decode_untyped_value, column, data, count)::V : decode_untyped_value(column, data, count)

function decode_untyped_value(column::Column{V}, data::Ptr{UInt8}, count::Integer) where {V}
    column.form === ANY && return fit(V, decode_any(data, count))::V
    column.shape === nothing || return readshaped(V, data, count, column.shape)::V
    return readraw(V, data, count)::V
end

function readshaped(::Type{Array{T,N}}, data, count, shape) where {T<:Fixed,N}
    count == prod(shape) * sizeof(T) || throw(ArgumentError("$count bytes where an array of size $shape of $T is expected"))
    return readarray(T, data, NTuple{N,Int}(shape))
end

# How many bytes every encoded key or value of a column takes; 0 where they differ.
function keywidth(column::Column{K}) where {K}
    column.form === TYPED || return 0
    K <: Union{Fixed,Bool,UUID} && return sizeof(K)
    K === Date && return 4
    K === DateTime && return 8
    K <: Enum && return sizeof(enumbase(K))
    K <: Union{String,Symbol,Char,Vector{UInt8},LMDB.MDBValue,Tuple} && return 0
    return sizeof(K)
end

function valuewidth(column::Column{V}) where {V}
    column.form === TYPED || return 0
    column.shape === nothing || return prod(column.shape) * sizeof(eltype(V))
    V <: Vector && return 0
    return keywidth(column)
end
