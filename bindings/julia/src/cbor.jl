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
        append!(push!(out, first | 0x19), bits(hton(argument % UInt16)))
    elseif argument <= typemax(UInt32)
        append!(push!(out, first | 0x1a), bits(hton(argument % UInt32)))
    else
        append!(push!(out, first | 0x1b), bits(hton(UInt64(argument))))
    end
    return out
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
    return append!(push!(out, 0xfb), bits(hton(pattern)))
end

putbytes!(out::Vector{UInt8}, bytes) = append!(puthead!(out, BYTESTRING, length(bytes)), bytes)

function puttextstring!(out::Vector{UInt8}, text::String)
    isvalid(text) || throw(ArgumentError("text that is not valid UTF-8 cannot be stored; store its bytes"))
    return append!(puthead!(out, TEXTSTRING, sizeof(text)), codeunits(text))
end

function putsimple!(out::Vector{UInt8}, number::UInt8)
    (20 <= number < 32) && throw(ArgumentError("simple value $(Int(number)) has its own meaning"))
    return puthead!(out, SIMPLE, number)
end

# ---- reading: into a tree of plain items, of which tags are made sense elsewhere

damaged(what) = throw(ArgumentError("not a CBOR value of this format: $what"))

mutable struct Reader
    bytes::Vector{UInt8}
    at::Int
    depth::Int
end

left(reader::Reader) = length(reader.bytes) - reader.at + 1

function takeraw!(reader::Reader, count::Integer)
    count <= left(reader) || damaged("it ends too early")
    taken = reader.bytes[reader.at:reader.at + Int(count) - 1]
    reader.at += Int(count)
    return taken
end

takebig!(::Type{T}, reader) where {T} = ntoh(reinterpret(T, takeraw!(reader, sizeof(T)))[1])

# The major type of the next item, the low five bits of its head, and the head's argument.
function takehead!(reader::Reader)
    head = takeraw!(reader, 1)[1]
    major, short = head >> 5, head & 0x1f
    argument = if short < 24
        UInt64(short)
    elseif short == 24
        UInt64(takeraw!(reader, 1)[1])
    elseif short == 25
        UInt64(takebig!(UInt16, reader))
    elseif short == 26
        UInt64(takebig!(UInt32, reader))
    elseif short == 27
        takebig!(UInt64, reader)
    else
        damaged("an item of indefinite length or a reserved head")
    end
    return major, short, argument
end

function takeitem!(reader::Reader)
    major, short, argument = takehead!(reader)
    ARRAY <= major <= TAG || return takeitem!(reader, major, short, argument)
    reader.depth < CBOR_DEPTH || damaged("arrays, maps and tags over $CBOR_DEPTH deep")
    reader.depth += 1
    item = takeitem!(reader, major, short, argument)
    reader.depth -= 1
    return item
end

function takeitem!(reader::Reader, major::UInt8, short::UInt8, argument::UInt64)
    if major == UNSIGNED
        return argument <= typemax(Int64) ? Int64(argument) : big(argument)
    elseif major == NEGATIVE
        return argument <= typemax(Int64) ? -1 - Int64(argument) : -1 - big(argument)
    elseif major == BYTESTRING
        return takeraw!(reader, argument)
    elseif major == TEXTSTRING
        text = String(takeraw!(reader, argument))
        isvalid(text) || damaged("text that is not UTF-8")
        return text
    elseif major == ARRAY
        argument <= left(reader) || damaged("it ends too early")
        return Any[takeitem!(reader) for _ in 1:argument]
    elseif major == MAP
        argument <= left(reader) || damaged("it ends too early")
        return takemap!(reader, argument)
    elseif major == TAG
        return meaning(argument, takeitem!(reader))
    end
    return simple(short, argument)
end

# Reads a map as a `Dict`, or as pairs if two keys are equal in Julia, such as 1 and 1.0.
function takemap!(reader::Reader, count)
    pairs = Pair{Any,Any}[]
    for _ in 1:count
        key = takeitem!(reader)
        push!(pairs, key => takeitem!(reader))
    end
    map = Dict{Any,Any}(pairs)
    return length(map) == length(pairs) ? map : pairs
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
