# Values of type `any`: which CBOR each Julia value is, and which Julia value each CBOR item is.

"""
    Tagged(tag, content)

A value that Julia has no exact type for: a CBOR tag and what it tags. It is read from collections of
type `any` that another language wrote to, such as an instant with its zone or a decimal number, and is
written back as it was. Two are equal if their tags and contents are.

```jldoctest
julia> using PersistentCollections

julia> instant = Tagged(0, "2024-02-29T12:34:56Z");

julia> instant.content
"2024-02-29T12:34:56Z"
```
"""
struct Tagged
    tag::UInt64
    content::Any
end

Base.:(==)(a::Tagged, b::Tagged) = a.tag == b.tag && a.content == b.content
Base.isequal(a::Tagged, b::Tagged) = a.tag == b.tag && isequal(a.content, b.content)
Base.hash(value::Tagged, seed::UInt) = hash(value.content, hash(value.tag, seed))
Base.show(io::IO, value::Tagged) = print(io, "Tagged(", Int128(value.tag), ", ", repr(value.content), ")")

"""
    Simple(number)

A CBOR simple value without a meaning in Julia, as another program may have stored it in a collection of
type `any`. It is written back as it was.

```jldoctest
julia> using PersistentCollections

julia> Simple(16).number
0x10
```
"""
struct Simple
    number::UInt8
end

# Tags of the CBOR registry.
const TAG_UNSIGNED_BIG = 2
const TAG_NEGATIVE_BIG = 3
const TAG_OBJECT = 27
const TAG_RATIONAL = 30
const TAG_UUID = 37
const TAG_SYMBOL = 39
const TAG_ARRAY = 40
const TAG_SET = 258
const TAG_DATE = 1004
const TAG_ARRAY_COLUMNS = 1040
const TAG_COMPLEX = 43000

# Typed arrays: of each tag the element's type, and whether its bytes are big-endian.
const TYPED_ARRAYS = Dict{Int,Tuple{DataType,Bool}}(
    64 => (UInt8, false), 65 => (UInt16, true), 66 => (UInt32, true), 67 => (UInt64, true),
    69 => (UInt16, false), 70 => (UInt32, false), 71 => (UInt64, false), 72 => (Int8, false),
    73 => (Int16, true), 74 => (Int32, true), 75 => (Int64, true),
    77 => (Int16, false), 78 => (Int32, false), 79 => (Int64, false),
    80 => (Float16, true), 81 => (Float32, true), 82 => (Float64, true),
    84 => (Float16, false), 85 => (Float32, false), 86 => (Float64, false),
)
const ARRAY_TAGS = Dict{DataType,Int}(T => tag for (tag, (T, big)) in TYPED_ARRAYS if !big)

const Packed = Union{Fixed,Float16}

# ---- Julia to CBOR

encode_any(value) = putitem!(UInt8[], value)

# An enum would come back as a plain integer, unless the type that it is read as says which enum it is.
refuse_enum(value::T) where {T<:Enum} = throw(ArgumentError(string("$T has no stored form where each item brings its own type along: ",
    "store Integer(x), or use a collection whose type names $T, such as PersistentDict{String,$(nameof(T))}")))

# `value` as it is stored where it will be read as a `T`.
stored_as(::Type{T}, value) where {T} = value
stored_as(::Type{T}, value::E) where {T,E<:Enum} = names_type(T, E) ? Integer(value) : value
stored_as(::Type{T}, list::Vector{E}) where {T,E<:Enum} = names_type(T, Vector{E}) ? Any[Integer(value) for value in list] : list

names_type(::Type{T}, ::Type{E}) where {T,E} = T isa Union ? names_type(T.a, E) || names_type(T.b, E) : T === E

putitem!(out::Vector{UInt8}, ::Nothing) = push!(out, 0xf6)
putitem!(out::Vector{UInt8}, ::Missing) = push!(out, 0xf7)
putitem!(out::Vector{UInt8}, truth::Bool) = push!(out, truth ? 0xf5 : 0xf4)
putitem!(out::Vector{UInt8}, number::Integer) = putinteger!(out, number)
putitem!(out::Vector{UInt8}, number::Union{Float16,Float32,Float64}) = putfloat!(out, Float64(number))
putitem!(out::Vector{UInt8}, text::AbstractString) = puttextstring!(out, String(text))
putitem!(out::Vector{UInt8}, bytes::AbstractVector{UInt8}) = putbytes!(out, bytes)
putitem!(out::Vector{UInt8}, value::LMDB.MDBValue) = putbytes!(out, value.data)
putitem!(out::Vector{UInt8}, value::Tagged) = putitem!(puthead!(out, TAG, value.tag), value.content)
putitem!(out::Vector{UInt8}, value::Simple) = putsimple!(out, value.number)
putitem!(::Vector{UInt8}, value::Enum) = refuse_enum(value)
putitem!(out::Vector{UInt8}, uuid::UUID) = putbytes!(puthead!(out, TAG, TAG_UUID), bits(hton(UInt128(uuid))))
putitem!(out::Vector{UInt8}, symbol::Symbol) = puttextstring!(puthead!(out, TAG, TAG_SYMBOL), String(symbol))
putitem!(out::Vector{UInt8}, char::Char) = putobject!(out, "char", string(char))
putitem!(out::Vector{UInt8}, tuple::Tuple) = putobject!(out, "tuple", tuple...)
putitem!(out::Vector{UInt8}, date::Date) = puttextstring!(puthead!(out, TAG, TAG_DATE), iso(date))
putitem!(out::Vector{UInt8}, time::DateTime) = putobject!(out, "datetime", iso(time))
putitem!(out::Vector{UInt8}, time::Time) = putobject!(out, "time", iso(time))

function putitem!(out::Vector{UInt8}, number::Rational)
    iszero(denominator(number)) && throw(ArgumentError("$number has no stored form: its denominator is zero"))
    puthead!(puthead!(out, TAG, TAG_RATIONAL), ARRAY, 2)
    return putitem!(putitem!(out, part_of(numerator(number))), part_of(denominator(number)))
end

function putitem!(out::Vector{UInt8}, number::Complex)
    puthead!(puthead!(out, TAG, TAG_COMPLEX), ARRAY, 2)
    return putitem!(putitem!(out, part_of(real(number))), part_of(imag(number)))
end

# A truth within a number, as in `im`, is one.
part_of(number::Real) = number
part_of(truth::Bool) = Int(truth)

function putitem!(out::Vector{UInt8}, list::AbstractVector)
    puthead!(out, ARRAY, length(list))
    foreach(item -> putitem!(out, item), list)
    return out
end

# Numbers of several types have no width: they are a list.
putitem!(out::Vector{UInt8}, numbers::AbstractVector{T}) where {T<:Packed} =
    isconcretetype(T) ? puttyped!(out, numbers) : putitem!(out, Vector{Any}(numbers))

function putitem!(out::Vector{UInt8}, array::AbstractArray{T}) where {T<:Packed}
    isconcretetype(T) || refuse_array(array)
    puthead!(puthead!(out, TAG, TAG_ARRAY), ARRAY, 2)
    putitem!(out, Any[reverse(size(array))...])
    return puttyped!(out, array)
end

putitem!(::Vector{UInt8}, array::AbstractArray) = refuse_array(array)

# What `map` makes of nothing may be an array that can hold nothing, which is of every element type at once.
putitem!(out::Vector{UInt8}, ::AbstractVector{Union{}}) = puthead!(out, ARRAY, 0)
putitem!(::Vector{UInt8}, array::AbstractArray{Union{}}) = refuse_array(array)

refuse_array(array) =
    throw(ArgumentError("$(typeof(array)) has no stored form: arrays of several dimensions hold numbers of fixed width"))

function puttyped!(out::Vector{UInt8}, numbers::AbstractArray{T}) where {T}
    puthead!(out, TAG, ARRAY_TAGS[T])
    little = map(htol, vec(collect(numbers)))
    return putbytes!(out, reinterpret(UInt8, little))
end

# In the order in which it iterates, which for Julia's hash tables is none: these are sorted by the bytes of their
# keys, so that equal dicts are equal bytes.
function putitem!(out::Vector{UInt8}, dict::AbstractDict)
    entries = [(encode_any(key), value) for (key, value) in dict]
    dict isa Union{Dict,IdDict,WeakKeyDict} && sort!(entries; by=first)
    return putentries!(out, entries)
end

# Pairs are a map in their own order: what is read as such where a `Dict` cannot hold its keys.
putitem!(out::Vector{UInt8}, pairs::AbstractVector{<:Pair}) =
    putentries!(out, [(encode_any(key), value) for (key, value) in pairs])

function putentries!(out::Vector{UInt8}, entries::Vector)
    puthead!(out, MAP, length(entries))
    for (key, value) in entries
        putitem!(append!(out, key), value)
    end
    return out
end

function putitem!(out::Vector{UInt8}, set::AbstractSet)
    puthead!(puthead!(out, TAG, TAG_SET), ARRAY, length(set))
    foreach(element -> append!(out, element), sort!([encode_any(element) for element in set]))
    return out
end

function putitem!(out::Vector{UInt8}, value::T) where {T}
    isplainstruct(T) ||
        throw(ArgumentError("$T has no stored form in a collection of type any: store plain data, or a struct of it"))
    puthead!(puthead!(out, TAG, TAG_OBJECT), ARRAY, 2)
    puttextstring!(out, known_as(T))
    puthead!(out, MAP, fieldcount(T))
    for field in fieldnames(T)
        isdefined(value, field) || throw(ArgumentError("field $field of the $T is undefined"))
        putitem!(puttextstring!(out, String(field)), stored_as(fieldtype(T, field), getfield(value, field)))
    end
    return out
end

function putobject!(out::Vector{UInt8}, name::String, parts...)
    puthead!(puthead!(out, TAG, TAG_OBJECT), ARRAY, 1 + length(parts))
    puttextstring!(out, name)
    foreach(part -> putitem!(out, part), parts)
    return out
end

# ---- dates and times as text: one form each, of a width that sorts and that every language reads

pad(number, width) = lpad(string(number), width, '0')

function iso(date::Date)
    0 <= year(date) <= 9999 || throw(ArgumentError("the year of $date has no stored form: it is not within 0 to 9999"))
    return string(pad(year(date), 4), "-", pad(month(date), 2), "-", pad(day(date), 2))
end

function clock(hours, minutes, seconds, nanoseconds)
    whole = string(pad(hours, 2), ":", pad(minutes, 2), ":", pad(seconds, 2))
    nanoseconds == 0 && return whole
    nanoseconds % 1000 == 0 && return string(whole, ".", pad(nanoseconds ÷ 1000, 6))
    return string(whole, ".", pad(nanoseconds, 9))
end

iso(time::DateTime) =
    string(iso(Date(time)), "T", clock(hour(time), minute(time), second(time), 1_000_000 * millisecond(time)))

iso(time::Time) = clock(hour(time), minute(time), second(time),
    1_000_000 * millisecond(time) + 1000 * microsecond(time) + nanosecond(time))

const ISO_DATE = r"^(\d{4})-(\d\d)-(\d\d)$"
const ISO_TIME = r"^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$"

function read_date(text::String)
    parts = match(ISO_DATE, text)
    parts === nothing && return nothing
    year, month, day = parse.(Int, parts.captures)
    (1 <= month <= 12 && 1 <= day <= daysinmonth(year, month)) || return nothing
    return Date(year, month, day)
end

function read_time(text::String)
    parts = match(ISO_TIME, text)
    parts === nothing && return nothing
    hours, minutes, seconds = (parse(Int, parts[index]) for index in 1:3)
    (hours < 24 && minutes < 60 && seconds < 60) || return nothing
    fraction = parts[4] === nothing ? 0 : parse(Int, rpad(parts[4], 9, '0'))
    return Time(Dates.Nanosecond(((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + fraction))
end

function read_datetime(text::String)
    date, separator, time = partition(text, 'T')
    day, clock = read_date(date), read_time(time)
    (separator && day !== nothing && clock !== nothing) || return nothing
    Dates.value(clock) % 1_000_000 == 0 || return nothing
    return DateTime(day) + Dates.Millisecond(Dates.value(clock) ÷ 1_000_000)
end

function partition(text::String, mark::Char)
    at = findfirst(isequal(mark), text)
    at === nothing && return (text, false, "")
    return (text[1:prevind(text, at)], true, text[nextind(text, at):end])
end

# ---- CBOR to Julia

function decode_any(bytes::Vector{UInt8})
    reader = Reader(bytes, 1, 0)
    value = takeitem!(reader)
    left(reader) == 0 || damaged("bytes after its end")
    return value
end

# What a tagged item is in Julia: a value only where that is equal to the item, else `Tagged`.
function meaning(tag::UInt64, content)
    value = untag(tag, content)
    return value === nothing ? Tagged(tag, content) : something(value)
end

function untag(tag::UInt64, content)
    if tag == TAG_OBJECT
        return content isa Vector{Any} && !isempty(content) ? object(content) : nothing
    elseif tag == TAG_UNSIGNED_BIG || tag == TAG_NEGATIVE_BIG
        return content isa Vector{UInt8} ? bignum(tag, content) : nothing
    elseif tag == TAG_UUID
        content isa Vector{UInt8} && length(content) == 16 || return nothing
        return Some(UUID(ntoh(reinterpret(UInt128, content)[1])))
    elseif tag == TAG_SYMBOL
        return content isa String && !occursin('\0', content) ? Some(Symbol(content)) : nothing
    elseif tag == TAG_SET
        return content isa Vector ? set_of(content) : nothing
    elseif tag == TAG_DATE
        date = content isa String ? read_date(content) : nothing
        return date === nothing ? nothing : Some(date)
    elseif tag == TAG_RATIONAL
        return rational(content)
    elseif tag == TAG_COMPLEX
        return complex_of(content)
    elseif tag == TAG_ARRAY || tag == TAG_ARRAY_COLUMNS
        return array_of(content, tag == TAG_ARRAY_COLUMNS)
    elseif tag <= 87 && haskey(TYPED_ARRAYS, tag)
        # A vector of bytes is the type that a byte string has already.
        tag == 64 && return nothing
        return content isa Vector{UInt8} ? numbers(Int(tag), content) : nothing
    end
    return nothing
end

function bignum(tag, content::Vector{UInt8})
    value = big(0)
    for byte in content
        value = value << 8 | byte
    end
    return Some(smallest(tag == TAG_NEGATIVE_BIG ? -1 - value : value))
end

function set_of(content::Vector)
    set = Set{Any}(content)
    return length(set) == length(content) ? Some(set) : nothing
end

function rational(content)
    content isa Vector{Any} && length(content) == 2 && all(isinteger_value, content) || return nothing
    over, under = content
    (under > 0 && gcd(over, under) == 1) || return nothing
    return Some(over // under)
end

isinteger_value(item) = item isa Union{Int64,BigInt}

function complex_of(content)
    content isa Vector{Any} && length(content) == 2 || return nothing
    re, im = content
    (re isa Float64 && im isa Float64) || all(part -> isinteger_value(part) || part isa Rational, content) || return nothing
    return Some(Complex(re, im))
end

function numbers(tag::Int, bytes::Vector{UInt8})
    T, isbig = TYPED_ARRAYS[tag]
    length(bytes) % sizeof(T) == 0 || return nothing
    vector = collect(reinterpret(T, bytes))
    return Some(map!(isbig ? ntoh : ltoh, vector, vector))
end

function array_of(content, columns::Bool)
    content isa Vector{Any} && length(content) == 2 || return nothing
    dimensions, elements = content
    # Bytes stay tagged by themselves, but with dimensions they are an array like another.
    if elements isa Tagged && elements.tag == 64 && elements.content isa Vector{UInt8}
        elements = elements.content
    end
    (dimensions isa Vector{Any} && all(n -> n isa Int64 && n >= 0, dimensions)) || return nothing
    (elements isa Vector && eltype(elements) <: Packed && length(elements) == reduce(*, dimensions; init=big(1))) || return nothing
    # One dimension of bytes would be written as a byte string, which is something else.
    (length(dimensions) == 1 && eltype(elements) === UInt8) && return nothing
    columns || return Some(reshape(elements, Tuple(Int.(reverse(dimensions)))))
    stored = reshape(elements, Tuple(Int.(dimensions)))
    return Some(collect(permutedims(stored, Tuple(ndims(stored):-1:1))))
end

function object(content::Vector{Any})
    name = content[1]
    if name == "tuple"
        return Some(Tuple(content[2:end]))
    elseif length(content) == 2 && content[2] isa String
        text = content[2]::String
        value = name == "datetime" ? read_datetime(text) :
            name == "time" ? read_time(text) :
            name == "char" && length(text) == 1 ? first(text) : nothing
        return value === nothing ? nothing : Some(value)
    elseif length(content) == 2 && name isa String && content[2] isa Dict{Any,Any}
        return known_struct(name, content[2])
    end
    return nothing
end
