# CBOR (RFC 8949) as far as values of type `any` need it: heads, definite lengths, one form of each item.

const CBOR_DEPTH = 128

# The major types.
const UNSIGNED = 0x00
const NEGATIVE = 0x01
const BYTESTRING = 0x02
const TEXTSTRING = 0x03
const ARRAY = 0x04
const MAP = 0x05
const TAG = 0x06
const SIMPLE = 0x07

# ---- writing

function puthead!(out::Vector{UInt8}, major::UInt8, argument::Integer)
    first = major << 5
    if argument < 24
        push!(out, first | argument % UInt8)
    elseif argument <= typemax(UInt8)
        push!(out, first | 0x18, argument % UInt8)
    elseif argument <= typemax(UInt16)
        putbig!(push!(out, first | 0x19), argument % UInt16)
    elseif argument <= typemax(UInt32)
        putbig!(push!(out, first | 0x1a), argument % UInt32)
    else
        putbig!(push!(out, first | 0x1b), UInt64(argument))
    end
    return out
end

# Bytes as they are in memory; the caller preserves them.
function putmemory!(out::Vector{UInt8}, from::Ptr{UInt8}, count::Int)
    at = length(out)
    resize!(out, at + count)
    GC.@preserve out unsafe_copyto!(pointer(out) + at, from, count)
    return out
end

function putbig!(out::Vector{UInt8}, number::T) where {T<:Unsigned}
    cell = Ref(hton(number))
    return GC.@preserve cell putmemory!(out, Ptr{UInt8}(Base.unsafe_convert(Ptr{T}, cell)), sizeof(T))
end

function putinteger!(out::Vector{UInt8}, number::Integer)
    above = number < 0 ? -1 - big(number) : number
    above <= typemax(UInt64) && return puthead!(out, number < 0 ? NEGATIVE : UNSIGNED, UInt64(above))
    puthead!(out, TAG, number < 0 ? 3 : 2)
    return putbytes!(out, magnitude(above))
end

function putfloat!(out::Vector{UInt8}, number::Float64)
    # One NaN, whatever its payload and sign were.
    pattern = isnan(number) ? 0x7ff8000000000000 : bitsof(number)
    return putbig!(push!(out, 0xfb), pattern)
end

putbytes!(out::Vector{UInt8}, bytes) = append!(puthead!(out, BYTESTRING, length(bytes)), bytes)

function puttextstring!(out::Vector{UInt8}, text::String)
    isvalid(text) || throw(ArgumentError("text that is not valid UTF-8 cannot be stored; store its bytes"))
    puthead!(out, TEXTSTRING, sizeof(text))
    return GC.@preserve text putmemory!(out, pointer(text), sizeof(text))
end

function putsimple!(out::Vector{UInt8}, number::UInt8)
    (20 <= number < 32) && throw(ArgumentError("simple value $(Int(number)) has its own meaning"))
    return puthead!(out, SIMPLE, number)
end

# ---- reading: into a tree of plain items, of which tags are made sense elsewhere
#
# The bytes stay where they are. A function that reads takes the place where its item begins, and returns the item with the
# place behind it. A place is never beyond the end of the value.

@noinline damaged(what) = throw(ArgumentError("not a CBOR value of this format: $what"))

struct Reader
    # Where the value ends.
    stop::Ptr{UInt8}
    # How many arrays, maps and tags are around the item.
    depth::Int
    # Whether entries of maps are kept as pairs until all of them are read: see `takemap`.
    keeps_pairs::Bool
end

# How many bytes there are from a place on.
left(reader::Reader, at::Ptr{UInt8}) = UInt64(reader.stop - at)

# The place behind `count` bytes, which are all there.
@inline function behind(reader::Reader, at::Ptr{UInt8}, count::UInt64)
    count <= left(reader, at) || damaged("it ends too early")
    return at + count
end

# The reader of what is in an array, a map or a tag.
@inline function within(reader::Reader)
    reader.depth < CBOR_DEPTH || damaged("arrays, maps and tags over $CBOR_DEPTH deep")
    return Reader(reader.stop, reader.depth + 1, reader.keeps_pairs)
end

# The major type of the next item, the low five bits of its head, the head's argument, and the place behind the head.
@inline function takehead(reader::Reader, at::Ptr{UInt8})
    next = behind(reader, at, UInt64(1))
    head = unsafe_load(at)
    major, short = head >> 5, head & 0x1f
    short < 24 && return major, short, UInt64(short), next
    argument, next = takeargument(reader, next, short)
    return major, short, argument, next
end

@noinline function takeargument(reader::Reader, at::Ptr{UInt8}, short::UInt8)
    short == 24 && return takebig(UInt8, reader, at)
    short == 25 && return takebig(UInt16, reader, at)
    short == 26 && return takebig(UInt32, reader, at)
    short == 27 && return takebig(UInt64, reader, at)
    damaged("an item of indefinite length or a reserved head")
end

@inline function takebig(::Type{T}, reader::Reader, at::Ptr{UInt8}) where {T}
    next = behind(reader, at, UInt64(sizeof(T)))
    return UInt64(ntoh(unsafe_load(Ptr{T}(at)))), next
end

function takeitem(reader::Reader, at::Ptr{UInt8})
    major, short, argument, at = takehead(reader, at)
    if major == TEXTSTRING
        next = behind(reader, at, argument)
        return Taken(taketext(at, argument), next)
    elseif major == UNSIGNED
        return Taken(argument <= typemax(Int64) ? Int64(argument) : big(argument), at)
    elseif major == NEGATIVE
        return Taken(argument <= typemax(Int64) ? -1 - Int64(argument) : -1 - big(argument), at)
    elseif major == BYTESTRING
        next = behind(reader, at, argument)
        return Taken(copybytes(at, argument), next)
    elseif major == ARRAY
        return takearray(within(reader), at, argument)
    elseif major == MAP
        return takemap(within(reader), at, argument)
    elseif major == TAG
        return taketagged(within(reader), at, argument)
    end
    return Taken(simple(short, argument), at)
end

function taketext(at::Ptr{UInt8}, count::UInt64)
    text = unsafe_string(at, count)
    isvalid(text) || damaged("text that is not UTF-8")
    return text
end

# How many items an array or a map has, each of which takes a byte at least.
@inline function item_count(reader::Reader, at::Ptr{UInt8}, count::UInt64)
    count <= left(reader, at) || damaged("it ends too early")
    return Int(count)
end

function takearray(reader::Reader, at::Ptr{UInt8}, argument::UInt64)
    items = Vector{Any}(undef, item_count(reader, at, argument))
    for index in eachindex(items)
        taken = takeitem(reader, at)
        @inbounds items[index] = taken.item
        at = taken.next
    end
    return Taken(items, at)
end

# The most entries for which a `Dict` has room before they are read.
const MOST_ROOM = 1024

# Reads a map as a `Dict`, or as pairs if two keys are equal in Julia, such as 1 and 1.0. If they are, it begins again, and keeps
# the pairs of this map and of those within it: so no map is read twice for each of the maps around it.
function takemap(reader::Reader, at::Ptr{UInt8}, argument::UInt64)
    count = item_count(reader, at, argument)
    reader.keeps_pairs && return takepairs(reader, at, count)
    map, place = Dict{Any,Any}(), at
    count > 8 && sizehint!(map, min(count, MOST_ROOM))
    for number in 1:count
        key = takeitem(reader, place)
        value = takeitem(reader, key.next)
        set_entry!(map, key.item, value.item)
        length(map) == number || return takepairs(Reader(reader.stop, reader.depth, true), at, count)
        place = value.next
    end
    return Taken(map, place)
end

# Most keys are text: the first branch looks up how to hash it when it is compiled, the second one at each call.
set_entry!(map::Dict{Any,Any}, @nospecialize(key), @nospecialize(value)) =
    key isa String ? setindex!(map, value, key) : setindex!(map, value, key)

function takepairs(reader::Reader, at::Ptr{UInt8}, count::Int)
    pairs = Pair{Any,Any}[]
    for _ in 1:count
        key = takeitem(reader, at)
        value = takeitem(reader, key.next)
        push!(pairs, Pair{Any,Any}(key.item, value.item))
        at = value.next
    end
    map = Dict{Any,Any}(pairs)
    return Taken(length(map) == length(pairs) ? map : pairs, at)
end

function simple(short::UInt8, argument::UInt64)
    short == 20 && return false
    short == 21 && return true
    short == 22 && return nothing
    short == 23 && return missing
    short == 25 && return Float64(reinterpret(Float16, argument % UInt16))
    short == 26 && return Float64(reinterpret(Float32, argument % UInt32))
    short == 27 && return reinterpret(Float64, argument)
    (short < 20 || (short == 24 && argument >= 32)) && return Simple(argument)
    damaged("a simple value of reserved number")
end
