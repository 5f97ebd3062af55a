# Values of type `any`: which CBOR each Julia value is. What reads them is in `any_reading.jl`.

"""
    Tagged(tag, content)

A value for which Julia has no exact type: a CBOR tag and its content. Collections of type `any` that another language
wrote to may contain such values, for example an instant with its zone or a decimal number. It is written back
unchanged. Two are equal if their tags and contents are.

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

A CBOR simple value without a meaning in Julia, which another program may have stored in a collection of type `any`.
It is written back unchanged.

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
const ARRAY_TAGS = IdDict{DataType,Int}(T => tag for (tag, (T, big)) in TYPED_ARRAYS if !big)

const Packed = Union{Fixed,Float16}

# ---- Julia to CBOR

# Encodes a value, or refuses it if it would not come back equal. The error names the place in the value.
function encode_any(value)
    try
        return encode_item(value)
    catch failure
        (failure isa ArgumentError && failure.msg !== TOO_DEEP) || rethrow()
        place = place_of(value)
        isempty(place) && rethrow()
        throw(ArgumentError(string(failure.msg, " (at value", place, ")")))
    end
end

encode_item(value) = putitem!(UInt8[], value, 0)

# Arrays, maps and tags count, as they do for the library and for readers; a value that contains itself has no end of them.
deeper(depth::Int) = depth < CBOR_DEPTH ? depth + 1 : refuse_depth()
@noinline refuse_depth() = throw(ArgumentError(TOO_DEEP))
const TOO_DEEP = "a value with arrays, maps and tags over $CBOR_DEPTH deep has no stored form"

@noinline refuse_any(what) =
    throw(ArgumentError("$what has no stored form in a collection of type any: store plain data, or a struct of it"))

# Refuses an enum, which would come back as a plain integer unless the collection's type names the enum.
refuse_enum(value::T) where {T<:Enum} = throw(ArgumentError(string("$T has no stored form where each item brings its own type along: ",
    "store Integer(x), or use a collection whose type names $T, such as PersistentDict{String,$(nameof(T))}")))

# Returns the value to store for `value` if it will be read as a `T`.
stored_as(::Type{T}, value) where {T} = value
stored_as(::Type{T}, value::E) where {T,E<:Enum} = names_type(T, E) ? Integer(value) : value
stored_as(::Type{T}, list::Vector{E}) where {T,E<:Enum} = names_type(T, Vector{E}) ? Any[Integer(value) for value in list] : list

names_type(::Type{T}, ::Type{E}) where {T,E} = T isa Union ? names_type(T.a, E) || names_type(T.b, E) : T === E

# `depth` containers are around the item.
putitem!(out::Vector{UInt8}, ::Nothing, depth) = push!(out, 0xf6)
putitem!(out::Vector{UInt8}, ::Missing, depth) = push!(out, 0xf7)
putitem!(out::Vector{UInt8}, truth::Bool, depth) = push!(out, truth ? 0xf5 : 0xf4)
putitem!(out::Vector{UInt8}, number::Integer, depth) = putinteger!(out, plain_integer(number))
putitem!(out::Vector{UInt8}, number::Union{Float16,Float32,Float64}, depth) = putfloat!(out, Float64(number))
putitem!(out::Vector{UInt8}, text::AbstractString, depth) = puttextstring!(out, plain_text(text))
putitem!(out::Vector{UInt8}, bytes::AbstractVector{UInt8}, depth) = (refuse_offsets(bytes); putbytes!(out, bytes))
putitem!(out::Vector{UInt8}, value::LMDB.MDBValue, depth) = putbytes!(out, value.data)
putitem!(out::Vector{UInt8}, value::Simple, depth) = putsimple!(out, value.number)
putitem!(::Vector{UInt8}, value::Enum, depth) = refuse_enum(value)
putitem!(out::Vector{UInt8}, uuid::UUID, depth) = putbytes!(puttag!(out, TAG_UUID, depth), bits(hton(UInt128(uuid))))
putitem!(out::Vector{UInt8}, symbol::Symbol, depth) = puttextstring!(puttag!(out, TAG_SYMBOL, depth), String(symbol))
putitem!(out::Vector{UInt8}, char::Char, depth) = putobject!(out, depth, "char", string(char))
putitem!(out::Vector{UInt8}, tuple::Tuple, depth) = putobject!(out, depth, "tuple", tuple...)
putitem!(out::Vector{UInt8}, date::Date, depth) = puttextstring!(puttag!(out, TAG_DATE, depth), iso(date))
putitem!(out::Vector{UInt8}, time::DateTime, depth) = putobject!(out, depth, "datetime", iso(time))
putitem!(out::Vector{UInt8}, time::Time, depth) = putobject!(out, depth, "time", iso(time))

# Converts a number of a program's own type to one of Julia's types, or refuses it if that would lose information.
plain_integer(number::Union{Base.BitInteger,BigInt}) = number
plain_integer(number::Integer) = equal_as(BigInt, number)
plain_text(text::Union{String,SubString{String}}) = String(text)
plain_text(text::AbstractString) = equal_as(String, text)

function equal_as(::Type{T}, value) where {T}
    plain = attempt(() -> (plain = T(value); isequal(plain, value) ? Some(plain) : nothing))
    plain === nothing && refuse_any(typeof(value))
    return something(plain)::T
end

puttag!(out::Vector{UInt8}, tag, depth) = (deeper(depth); puthead!(out, TAG, tag))

# What would be read as something else than a `Tagged` is stored as that.
function putitem!(out::Vector{UInt8}, value::Tagged, depth)
    start = length(out) + 1
    putitem!(puttag!(out, value.tag, depth), value.content, depth + 1)
    if value.tag in MEANINGFUL
        read = decode_any(out[start:end])
        read isa Tagged || is_struct(value) || throw(ArgumentError("$(brief(value)) would be read as $(brief(read)): store that"))
    end
    return out
end

const MEANINGFUL = Set{UInt64}([TAG_UNSIGNED_BIG, TAG_NEGATIVE_BIG, TAG_OBJECT, TAG_RATIONAL, TAG_UUID, TAG_SYMBOL, TAG_ARRAY,
    TAG_SET, TAG_DATE, TAG_ARRAY_COLUMNS, TAG_COMPLEX, keys(TYPED_ARRAYS)...])

# A struct's fields, as they are read where the struct is not known: they may be written back where it is.
is_struct(value::Tagged) = value.tag == TAG_OBJECT && value.content isa Vector && length(value.content) == 2 &&
    !(first(value.content) in RESERVED_NAMES)

function putitem!(out::Vector{UInt8}, number::Rational, depth)
    iszero(denominator(number)) && throw(ArgumentError("$number has no stored form: its denominator is zero"))
    puthead!(puttag!(out, TAG_RATIONAL, depth), ARRAY, 2)
    return putpart!(putpart!(out, numerator(number), depth), denominator(number), depth)
end

function putitem!(out::Vector{UInt8}, number::Complex, depth)
    puthead!(puttag!(out, TAG_COMPLEX, depth), ARRAY, 2)
    return putpart!(putpart!(out, real(number), depth), imag(number), depth)
end

# Within a tag and its array. A truth within a number, as in `im`, is a number.
putpart!(out::Vector{UInt8}, part, depth) = putitem!(out, part isa Bool ? Int(part) : part, deeper(deeper(depth)))

function putitem!(out::Vector{UInt8}, list::AbstractVector, depth)
    refuse_offsets(list)
    inner = deeper(depth)
    puthead!(out, ARRAY, length(list))
    for index in eachindex(list)
        (list isa Array && !isassigned(list, index)) && throw(ArgumentError("element $index is undefined"))
        putitem!(out, list[index], inner)
    end
    return out
end

# Numbers of several types have no width: they are a list.
putitem!(out::Vector{UInt8}, numbers::AbstractVector{T}, depth) where {T<:Packed} =
    isconcretetype(T) ? puttyped!(out, numbers, depth) : putitem!(out, Vector{Any}(numbers), depth)

function putitem!(out::Vector{UInt8}, array::AbstractArray{T}, depth) where {T<:Packed}
    isconcretetype(T) || refuse_array(array)
    puthead!(puttag!(out, TAG_ARRAY, depth), ARRAY, 2)
    putitem!(out, Any[reverse(size(array))...], deeper(depth + 1))
    return puttyped!(out, array, depth + 2)
end

putitem!(::Vector{UInt8}, array::AbstractArray, depth) = refuse_array(array)

# What `map` makes of nothing may be an array that can hold nothing, which is of every element type at once.
putitem!(out::Vector{UInt8}, ::AbstractVector{Union{}}, depth) = (deeper(depth); puthead!(out, ARRAY, 0))
putitem!(::Vector{UInt8}, array::AbstractArray{Union{}}, depth) = refuse_array(array)

refuse_array(array) =
    throw(ArgumentError("$(typeof(array)) has no stored form: arrays of several dimensions hold numbers of fixed width"))

refuse_offsets(array) = Base.has_offset_axes(array) &&
    throw(ArgumentError("$(typeof(array)) has no stored form: its indices, which do not begin at 1, would be lost"))

function puttyped!(out::Vector{UInt8}, numbers::AbstractArray{T}, depth) where {T}
    refuse_offsets(numbers)
    puttag!(out, ARRAY_TAGS[T], depth)
    little = ENDIAN_BOM == 0x04030201 ? (numbers isa Array ? numbers : collect(numbers)) : map(htol, collect(numbers))
    puthead!(out, BYTESTRING, sizeof(little))
    return GC.@preserve little putmemory!(out, Ptr{UInt8}(pointer(little)), sizeof(little))
end

# Writes entries in the order of iteration. Julia's hash tables have no order: their entries are sorted by the bytes of
# the keys, so that equal dicts have equal bytes.
function putitem!(out::Vector{UInt8}, dict::AbstractDict, depth)
    inner = deeper(depth)
    refuse_equal(dict)
    # The garbage collector may take entries of a `WeakKeyDict`: they are counted when they are held.
    return putentries!(out, collect(dict), inner, dict isa Union{Dict,WeakKeyDict})
end

putitem!(::Vector{UInt8}, ::IdDict, depth) =
    throw(ArgumentError("an IdDict has no stored form, since it is equal to no other dict: store a Dict of it"))

# Writes a vector of pairs as a map in its own order. A map whose keys a `Dict` cannot hold is read as such a vector.
putitem!(out::Vector{UInt8}, pairs::AbstractVector{<:Pair}, depth) = putentries!(out, pairs, deeper(depth), false)

function putentries!(out::Vector{UInt8}, entries::AbstractVector, inner, sorts::Bool)
    puthead!(out, MAP, length(entries))
    places = sizehint!(Place[], length(entries))
    for (key, value) in entries
        start = length(out)
        putitem!(out, key, inner)
        stop = length(out)
        putitem!(out, value, inner)
        push!(places, Place(start, stop, length(out)))
    end
    return putsorted!(out, places, sorts, "key")
end

function putitem!(out::Vector{UInt8}, set::AbstractSet, depth)
    inner = deeper(deeper(depth))
    refuse_equal(set)
    elements = collect(set)
    puthead!(puthead!(out, TAG, TAG_SET), ARRAY, length(elements))
    places = sizehint!(Place[], length(elements))
    for element in elements
        start = length(out)
        putitem!(out, element, inner)
        push!(places, Place(start, length(out), length(out)))
    end
    return putsorted!(out, places, true, "element")
end

# Where the key of an entry begins in the bytes that were written, and where it and its value end.
struct Place
    start::Int
    stop::Int
    last::Int
end

# Brings entries into the order of their keys, if they are to be sorted, and refuses equal ones. All bytes from the first one on
# are entries.
function putsorted!(out::Vector{UInt8}, places::Vector{Place}, sorts::Bool, what::String)
    rises(index) = order_of_keys(out, places[index], places[index + 1]) < 0
    all(rises, 1:length(places) - 1) && return out
    begins = places[1].start
    sort!(places; lt=(a, b) -> order_of_keys(out, a, b) < 0)
    all(rises, 1:length(places) - 1) || refuse_twice(what)
    sorts || return out
    written, at = out[begins + 1:end], begins
    for place in places
        count = place.last - place.start
        copyto!(out, at + 1, written, place.start - begins + 1, count)
        at += count
    end
    return out
end

# Negative, zero or positive.
function order_of_keys(out::Vector{UInt8}, a::Place, b::Place)
    first, second = a.stop - a.start, b.stop - b.start
    order = GC.@preserve out ccall(:memcmp, Cint, (Ptr{UInt8}, Ptr{UInt8}, Csize_t), pointer(out) + a.start, pointer(out) + b.start,
        min(first, second))
    return order == 0 ? first - second : Int(order)
end

refuse_twice(what) = throw(ArgumentError("two $(what)s that would be stored as the same bytes have no stored form"))

# Sets and dicts are read as Julia's own, which hold no two keys that are `isequal`.
refuse_equal(::Union{Dict,Set,BitSet}) = nothing
# Julia takes it for granted of every other set too.
refuse_equal(set::AbstractSet) = allunique(element for element in set) || refuse_equal_keys(set)
refuse_equal(dict::AbstractDict) = allunique(key for (key, value) in dict) || refuse_equal_keys(dict)
refuse_equal_keys(collection) = throw(ArgumentError(string("a $(typeof(collection)) has no stored form where it holds two keys ",
    "that are equal, such as 1 and 1.0: it would not be read as it was")))

function putitem!(out::Vector{UInt8}, value::T, depth) where {T}
    isplainstruct(T) || refuse_any(T)
    inner = deeper(deeper(deeper(depth)))
    puthead!(puthead!(out, TAG, TAG_OBJECT), ARRAY, 2)
    puttextstring!(out, known_as(T))
    puthead!(out, MAP, fieldcount(T))
    for field in fieldnames(T)
        isdefined(value, field) || throw(ArgumentError("field $field of the $T is undefined"))
        putitem!(puttextstring!(out, String(field)), stored_as(fieldtype(T, field), getfield(value, field)), inner)
    end
    return out
end

function putobject!(out::Vector{UInt8}, depth, name::String, parts...)
    inner = begin_object!(out, depth, name, length(parts))
    foreach(part -> putwithin!(out, part, inner), parts)
    return out
end

# How deep its parts are.
function begin_object!(out::Vector{UInt8}, depth, name::String, count::Int)
    inner = deeper(deeper(depth))
    puthead!(puthead!(out, TAG, TAG_OBJECT), ARRAY, 1 + count)
    puttextstring!(out, name)
    return inner
end

# Each depth of tuples is a type of its own: nothing is compiled for that of a tuple within a tuple.
putwithin!(out::Vector{UInt8}, item, depth::Int) = putitem!(out, item, depth)

function putwithin!(out::Vector{UInt8}, @nospecialize(tuple::Tuple), depth::Int)
    inner = begin_object!(out, depth, "tuple", nfields(tuple))
    each_element((@nospecialize(element)) -> putwithin!(out, element, inner), tuple)
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
