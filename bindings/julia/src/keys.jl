# Keys: bytes that sort as the keys do.

const EPOCH_DAY = Dates.value(Date(1970))
const EPOCH_MILLISECOND = Dates.value(DateTime(1970))

function microseconds(time::DateTime)
    count, overflows = Base.mul_with_overflow(Dates.value(time) - EPOCH_MILLISECOND, Int64(1000))
    overflows && refuse_time(time)
    return count
end

function days(date::Date)
    count = Dates.value(date) - EPOCH_DAY
    typemin(Int32) <= count <= typemax(Int32) || refuse_time(date)
    return count % Int32
end

@noinline refuse_time(time) = throw(ArgumentError("$time has no stored form: it is too far from 1970"))

date_of(days::Integer) = Date(Dates.UTInstant(Dates.Day(Int64(days) + EPOCH_DAY)))

function datetime_of(microseconds::Integer)
    milliseconds, rest = fldmod(Int64(microseconds), 1000)
    rest == 0 || throw(InexactError(:DateTime, DateTime, microseconds))
    return DateTime(Dates.UTInstant(Dates.Millisecond(milliseconds + EPOCH_MILLISECOND)))
end

# Returns the bytes of a plain value in memory.
function bits(value::T) where {T}
    bytes = Vector{UInt8}(undef, sizeof(T))
    GC.@preserve bytes unsafe_store!(Ptr{T}(pointer(bytes)), value)
    return bytes
end

ordered(value::Unsigned) = value
ordered(value::T) where {T<:Signed} = xor(unsigned(value), unsigned(typemin(T)))

bitsof(value::Float64) = reinterpret(UInt64, value)
bitsof(value::Float32) = reinterpret(UInt32, value)

# Flips the sign of positive numbers and all bits of negative ones: the integers then sort as the numbers do.
function ordered(value::T) where {T<:Union{Float32,Float64}}
    isnan(value) && throw(ArgumentError("NaN cannot be a key: it equals nothing, not even itself"))
    pattern = bitsof(iszero(value) ? zero(T) : value)
    top = one(pattern) << (8 * sizeof(T) - 1)
    return pattern & top == 0 ? xor(pattern, top) : ~pattern
end

unordered(::Type{T}, pattern::T) where {T<:Unsigned} = pattern
unordered(::Type{T}, pattern) where {T<:Signed} = xor(pattern, unsigned(typemin(T))) % T

function unordered(::Type{T}, pattern) where {T<:Union{Float32,Float64}}
    top = one(pattern) << (8 * sizeof(T) - 1)
    return reinterpret(T, pattern & top == 0 ? ~pattern : xor(pattern, top))
end

# ---- keys of collections with a type

keybytes(key::Union{Fixed,Bool,UUID,Date,DateTime,Enum}) = bits(keycell(key)[])
keybytes(key::Symbol) = keybytes(String(key))
keybytes(key::Char) = keybytes(string(key))
keybytes(key::Vector{UInt8}) = key
keybytes(key::LMDB.MDBValue) = key.data

# Nearly every text is its own encoding, so that it needs no copy.
keybytes(key::String) = stands_as_is(key) ? key : escaped(key)
@inline stands_as_is(key::String) = !isempty(key) && @inbounds(codeunit(key, 1)) != 0x00
escaped(key::String) = pushfirst!(Vector{UInt8}(codeunits(key)), 0x00)

function keybytes(key::Tuple)
    out = UInt8[]
    foreach(element -> putelement!(out, scalar(element)), key)
    return out
end

keybytes(key) = opaquebytes(key)

# What an element of a typed tuple is encoded as.
scalar(element::Union{Symbol,Char}) = string(element)
scalar(element::Enum) = Integer(element)
scalar(element::Date) = days(element)
scalar(element::DateTime) = microseconds(element)
scalar(element) = element

function encode_key(column::Column{K}, key::K) where {K}
    column.form === TYPED && return keybytes(key)
    column.form === RAW && return rawbytes(key)
    return K <: Plain ? seldom(anykey, key)::Vector{UInt8} : anykey(stored_as(K, key))
end

# ---- reading them

# `count` bytes at `data`, which must be exactly as many as a `T` has.
function load(::Type{T}, data::Ptr{UInt8}, count::Integer) where {T}
    count == sizeof(T) || throw(ArgumentError("$count bytes where $T has $(sizeof(T))"))
    return unsafe_load(Ptr{T}(data))
end

unsignedof(::Type{T}) where {T<:Integer} = unsigned(T)
unsignedof(::Type{Float32}) = UInt32
unsignedof(::Type{Float64}) = UInt64

readkey(::Type{T}, data, count) where {T<:Fixed} = unordered(T, ntoh(load(unsignedof(T), data, count)))
readkey(::Type{Bool}, data, count) = load(UInt8, data, count) != 0
readkey(::Type{UUID}, data, count) = UUID(ntoh(load(UInt128, data, count)))
readkey(::Type{Date}, data, count) = date_of(readkey(Int32, data, count))
readkey(::Type{DateTime}, data, count) = datetime_of(readkey(Int64, data, count))
readkey(::Type{Symbol}, data, count) = Symbol(readkey(String, data, count))
readkey(::Type{Char}, data, count) = onlychar(readkey(String, data, count))
readkey(::Type{T}, data, count) where {T<:Enum} = T(readkey(enumbase(T), data, count))
readkey(::Type{Vector{UInt8}}, data, count) = copybytes(data, count)
readkey(::Type{LMDB.MDBValue}, data, count) = LMDB.MDBValue(copybytes(data, count))

function readkey(::Type{String}, data, count)
    skip = count > 0 && unsafe_load(data) == 0x00 ? 1 : 0
    return unsafe_string(data + skip, count - skip)
end

function readkey(::Type{T}, data, count) where {T<:Tuple}
    at, stop = Ref(data), data + count
    key = T(map(field -> takefield(field, at, stop), fieldtypes(T)))
    at[] == stop || throw(ArgumentError("bytes after the last element of a key"))
    return key
end

readkey(::Type{T}, data, count) where {T} = readopaque(T, data, count)

function takefield(::Type{T}, at::Ref{Ptr{UInt8}}, stop::Ptr{UInt8}) where {T}
    taken = takeelement(at[], stop, 0)
    at[] = taken.next
    return fitelement(T, taken.item)
end

fitelement(::Type{Date}, element::Integer) = date_of(element)
fitelement(::Type{DateTime}, element::Integer) = datetime_of(element)
fitelement(::Type{T}, element) where {T} = fit(T, element)

@inline function decode_key(column::Column{K}, data::Ptr{UInt8}, count::Integer) where {K}
    column.form === TYPED && return readkey(K, data, count)::K
    return decode_other_key(column, data, count)
end

@noinline decode_other_key(column::Column{K}, data::Ptr{UInt8}, count::Integer) where {K} =
    K <: Plain ? seldom(decode_untyped_key, column, data, count)::K : decode_untyped_key(column, data, count)

function decode_untyped_key(column::Column{K}, data::Ptr{UInt8}, count::Integer) where {K}
    column.form === RAW && return readraw(K, data, count)::K
    return fit(K, readanykey(data, count))::K
end

function copybytes(data::Ptr{UInt8}, count::Integer)
    bytes = Vector{UInt8}(undef, count)
    GC.@preserve bytes unsafe_copyto!(pointer(bytes), data, count)
    return bytes
end

# ---- prefixes

# The bytes that the encoded keys with a given beginning begin with: no terminator, no closing.
function encode_prefix(column::Column{K}, beginning) where {K}
    column.form === ANY && return anyprefix(beginning)
    if K === String || K === Symbol
        text = string(beginning)
        (column.form === RAW || isempty(text)) && return Vector{UInt8}(codeunits(text))
        return Vector{UInt8}(keybytes(text))
    elseif K === Vector{UInt8} || K === LMDB.MDBValue
        return convert(Vector{UInt8}, beginning isa LMDB.MDBValue ? beginning.data : beginning)
    elseif K <: Tuple
        leading = beginning isa Tuple ? beginning : (beginning,)
        length(leading) <= fieldcount(K) || throw(ArgumentError("$(repr(leading)) has more elements than $K"))
        return keybytes(map(convert, fieldtypes(K)[1:length(leading)], leading))
    end
    throw(ArgumentError("keys of type $K have no prefix"))
end

function anyprefix(beginning::Union{AbstractString,Vector{UInt8}})
    out = UInt8[]
    puttext!(out, beginning isa AbstractString ? 0x02 : 0x01, beginning)
    return out
end

function anyprefix(beginning::Tuple)
    out = UInt8[0x05]
    foreach(element -> putnested!(out, element, 1), beginning)
    return out
end

anyprefix(beginning) = throw(ArgumentError("a prefix is text, bytes or a tuple of leading elements, not $(typeof(beginning))"))
