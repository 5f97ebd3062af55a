# Encoded keys and values for the time of one call: an address and a width.
#
# Text and bytes are in memory already. Numbers and similar types are stored in a `Ref` that does not leave the call, so
# that the compiler keeps it on the stack: a look-up by such a key does not allocate.

@inline keycell(key::Fixed) = Ref(hton(ordered(key)))
@inline keycell(key::Bool) = Ref(UInt8(key))
@inline keycell(key::UUID) = Ref(hton(UInt128(key)))
@inline keycell(key::Date) = keycell(days(key))
@inline keycell(key::DateTime) = keycell(microseconds(key))
@inline keycell(key::Enum) = keycell(Integer(key))
keycell(key) = keybytes(key)

@inline valuecell(value::Fixed) = Ref(htol(value))
@inline valuecell(value::Bool) = Ref(UInt8(value))
@inline valuecell(value::UUID) = Ref(hton(UInt128(value)))
@inline valuecell(value::Date) = valuecell(days(value))
@inline valuecell(value::DateTime) = valuecell(microseconds(value))
@inline valuecell(value::Enum) = valuecell(Integer(value))
valuecell(value::Char) = valuebytes(value)
# A user's struct of plain data is its own encoding, and so are text, bytes and arrays.
@inline valuecell(value::T) where {T} = isbitstype(T) ? Ref(value) : valuebytes(value)

@inline address(cell::Ref{T}) where {T} = Ptr{UInt8}(Base.unsafe_convert(Ptr{T}, cell))
@inline width(cell::Ref{T}) where {T} = Csize_t(sizeof(T))

# `call(address, width)` with an encoded key. Each form in a branch of its own, so that the usual one's cell has one type.
@inline function with_key(call::F, column::Column{K}, key::K) where {F,K}
    column.form === TYPED && return with_typed_key(call, key)
    return with_moved_key(call, encode_key(column, key))
end

@inline with_typed_key(call::F, key) where {F} = with_key_cell(call, keycell(key))
@inline with_typed_key(call::F, key::String) where {F} =
    stands_as_is(key) ? with_key_cell(call, key) : with_moved_key(call, escaped(key))

@inline with_key_cell(call::F, cell) where {F} = GC.@preserve cell call(address(cell), width(cell))
@noinline with_moved_key(call::F, cell) where {F} = with_key_cell(call, cell)

# The same of a value. Not by the functions for keys: inside a call of one of these the compiler would not look into
# another of the same.
@inline function with_value(call::F, column::Column{V}, value::V) where {F,V}
    column.form === TYPED && return with_value_cell(call, valuecell(fitting(column, value)))
    return with_moved_value(call, encode_value(column, value))
end

@inline with_value_cell(call::F, cell) where {F} = GC.@preserve cell call(address(cell), width(cell))
@noinline with_moved_value(call::F, cell) where {F} = with_value_cell(call, cell)

# Types of keys that every collection of the type can hold: not floats, which may be NaN, nor times, which may be out of range.
const Certain = Union{String,Vector{UInt8},Bool,Int8,Int16,Int32,Int64,UInt8,UInt16,UInt32,UInt64,UUID,Date,Symbol,Char,Enum}

# A `Date` counts more days than a key of its type.
@inline is_certain(key) = key isa Certain
@inline is_certain(key::Date) = typemin(Int32) <= Dates.value(key) - EPOCH_DAY <= typemax(Int32)

# Does the same for a key that is looked up. Returns `absent` if the collection cannot hold such a key.
@inline function with_sought(call::F, column::Column{K}, key, absent) where {F,K}
    (key isa K && is_certain(key) && column.form === TYPED) && return with_typed_key(call, key)
    return with_uncertain(call, column, key, absent)
end

@noinline function with_uncertain(call::F, column::Column, key, absent) where {F}
    bytes = sought(column, key)
    return bytes === nothing ? absent : with_key_cell(call, bytes)
end
