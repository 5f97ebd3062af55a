# Values of type `any`: which Julia value each CBOR item is. What writes them is in `any.jl`.

decode_any(bytes::Vector{UInt8}) = GC.@preserve bytes decode_any(pointer(bytes), sizeof(bytes))

function decode_any(data::Ptr{UInt8}, count::Integer)
    reader = Reader(data + count, 0, false)
    taken = takeitem(reader, data)
    left(reader, taken.next) == 0 || damaged("bytes after its end")
    return taken.item
end

# Reads the content of a tag, which is a value of Julia where that is equal to the item, else `Tagged`.
function taketagged(reader::Reader, at::Ptr{UInt8}, tag::UInt64)
    # A vector of bytes is the type that a byte string has already.
    if tag <= 87 && tag != 64 && haskey(TYPED_ARRAYS, tag)
        major, _, count, start = takehead(reader, at)
        if major == BYTESTRING
            next = behind(reader, start, count)
            array = numbers(TYPED_ARRAYS[tag]..., start, count)
            array === nothing || return Taken(array, next)
        end
    end
    taken = takeitem(reader, at)
    value = untag(tag, taken.item)
    return Taken(value === nothing ? Tagged(tag, taken.item) : value, taken.next)
end

# Returns nothing if the bytes are not a whole number of elements.
function numbers(::Type{T}, isbig::Bool, data::Ptr{UInt8}, count::UInt64) where {T}
    length, rest = divrem(count, sizeof(T))
    rest == 0 || return nothing
    vector = Vector{T}(undef, length)
    GC.@preserve vector unsafe_copyto!(Ptr{UInt8}(pointer(vector)), data, count)
    isbig ? map!(ntoh, vector, vector) : ENDIAN_BOM == 0x04030201 || map!(ltoh, vector, vector)
    return vector
end

# Returns nothing where no value of Julia is equal to the tagged item.
function untag(tag::UInt64, content)
    if tag == TAG_OBJECT
        return content isa Vector{Any} && !isempty(content) ? object(content) : nothing
    elseif tag == TAG_UNSIGNED_BIG || tag == TAG_NEGATIVE_BIG
        return content isa Vector{UInt8} ? bignum(tag, content) : nothing
    elseif tag == TAG_UUID
        content isa Vector{UInt8} && length(content) == 16 || return nothing
        return UUID(ntoh(reinterpret(UInt128, content)[1]))
    elseif tag == TAG_SYMBOL
        return content isa String && !occursin('\0', content) ? Symbol(content) : nothing
    elseif tag == TAG_SET
        return content isa Vector ? set_of(content) : nothing
    elseif tag == TAG_DATE
        return content isa String ? read_date(content) : nothing
    elseif tag == TAG_RATIONAL
        return rational(content)
    elseif tag == TAG_COMPLEX
        return complex_of(content)
    elseif tag == TAG_ARRAY || tag == TAG_ARRAY_COLUMNS
        return array_of(content, tag == TAG_ARRAY_COLUMNS)
    end
    return nothing
end

function bignum(tag, content::Vector{UInt8})
    value = integer_of(content)
    return smallest(tag == TAG_NEGATIVE_BIG ? -1 - value : value)
end

function set_of(content::Vector)
    set = Set{Any}(content)
    return length(set) == length(content) ? set : nothing
end

function rational(content)
    content isa Vector{Any} && length(content) == 2 && all(isinteger_value, content) || return nothing
    over, under = content
    (under > 0 && gcd(over, under) == 1) || return nothing
    return over // under
end

isinteger_value(item) = item isa Union{Int64,BigInt}

function complex_of(content)
    content isa Vector{Any} && length(content) == 2 || return nothing
    re, im = content
    (re isa Float64 && im isa Float64) || all(part -> isinteger_value(part) || part isa Rational, content) || return nothing
    return Complex(re, im)
end

# Arrays of more have no meaning here: Julia compiles code for each number of dimensions, and refuses some hundreds.
const MOST_DIMENSIONS = 64

function array_of(content, columns::Bool)
    content isa Vector{Any} && length(content) == 2 || return nothing
    dimensions, elements = content
    # Bytes stay tagged by themselves, but with dimensions they are an array like another.
    if elements isa Tagged && elements.tag == 64 && elements.content isa Vector{UInt8}
        elements = elements.content
    end
    (dimensions isa Vector{Any} && length(dimensions) <= MOST_DIMENSIONS && all(n -> n isa Int64 && n >= 0, dimensions)) || return nothing
    (elements isa Vector && eltype(elements) <: Packed && length(elements) == reduce(*, dimensions; init=big(1))) || return nothing
    # One dimension of bytes would be written as a byte string, which is something else.
    (length(dimensions) == 1 && eltype(elements) === UInt8) && return nothing
    columns || return reshape(elements, Tuple(Int.(reverse(dimensions))))
    stored = reshape(elements, Tuple(Int.(dimensions)))
    return collect(permutedims(stored, Tuple(ndims(stored):-1:1)))
end

function object(content::Vector{Any})
    name = content[1]
    name isa String || return nothing
    if name == "tuple"
        popfirst!(content)
        return Tuple(content)
    end
    length(content) == 2 || return nothing
    part = content[2]
    part isa Dict{Any,Any} && return known_struct(name, part)
    part isa String || return nothing
    name == "datetime" && return read_datetime(part)
    name == "time" && return read_time(part)
    return name == "char" && length(part) == 1 ? first(part) : nothing
end

# ---- dates and times: as `iso` in `any.jl` writes them, and with any number of digits after the second

# The number that `count` digits of a text are, from its byte `from` on; -1 if one is not a digit.
function digits_at(text::String, from::Int, count::Int)
    number = 0
    for index in from:from + count - 1
        digit = codeunit(text, index) - UInt8('0')
        digit <= 9 || return -1
        number = 10 * number + Int(digit)
    end
    return number
end

is_at(text::String, index::Int, mark::Char) = codeunit(text, index) == UInt8(mark)

read_date(text::String) = sizeof(text) == 10 ? read_date_at(text, 1) : nothing
read_time(text::String) = sizeof(text) >= 8 ? read_time_at(text, 1) : nothing

function read_datetime(text::String)
    (sizeof(text) >= 19 && is_at(text, 11, 'T')) || return nothing
    date, time = read_date_at(text, 1), read_time_at(text, 12)
    (date === nothing || time === nothing) && return nothing
    milliseconds, rest = divrem(Dates.value(time), 1_000_000)
    return rest == 0 ? DateTime(date) + Dates.Millisecond(milliseconds) : nothing
end

# Of the ten bytes from `from` on.
function read_date_at(text::String, from::Int)
    (is_at(text, from + 4, '-') && is_at(text, from + 7, '-')) || return nothing
    year, month, day = digits_at(text, from, 4), digits_at(text, from + 5, 2), digits_at(text, from + 8, 2)
    (year >= 0 && 1 <= month <= 12 && 1 <= day <= daysinmonth(year, month)) || return nothing
    return Date(year, month, day)
end

# Of the bytes from `from` on, at least eight.
function read_time_at(text::String, from::Int)
    (is_at(text, from + 2, ':') && is_at(text, from + 5, ':')) || return nothing
    hours, minutes, seconds = digits_at(text, from, 2), digits_at(text, from + 3, 2), digits_at(text, from + 6, 2)
    (0 <= hours < 24 && 0 <= minutes < 60 && 0 <= seconds < 60) || return nothing
    nanoseconds = sizeof(text) == from + 7 ? 0 : read_fraction(text, from + 8)
    nanoseconds < 0 && return nothing
    return Time(Dates.Nanosecond(((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanoseconds))
end

# A point and at most nine digits, as nanoseconds.
function read_fraction(text::String, from::Int)
    count = sizeof(text) - from
    (1 <= count <= 9 && is_at(text, from, '.')) || return -1
    return digits_at(text, from + 1, count) * 10^(9 - count)
end
