# The tuple layer: self-delimiting elements in FoundationDB's encoding, which has one form for each here.

const TUPLE_DEPTH = 128

# ---- writing

# Text or bytes without their end: a NUL in them is followed by FF.
function puttext!(out::Vector{UInt8}, code::UInt8, text)
    push!(out, code)
    for byte in (text isa AbstractString ? codeunits(String(text)) : text)
        push!(out, byte)
        byte == 0x00 && push!(out, 0xff)
    end
    return out
end

function putelement!(out::Vector{UInt8}, text::AbstractString)
    plain = plain_text(text)
    isvalid(plain) || throw(ArgumentError("a key's text is not valid UTF-8"))
    return push!(puttext!(out, 0x02, plain), 0x00)
end

putelement!(out::Vector{UInt8}, bytes::Vector{UInt8}) = push!(puttext!(out, 0x01, bytes), 0x00)
putelement!(out::Vector{UInt8}, truth::Bool) = push!(out, truth ? 0x27 : 0x26)
putelement!(out::Vector{UInt8}, number::Float64) = append!(push!(out, 0x21), bits(hton(ordered(number))))
putelement!(out::Vector{UInt8}, number::Float32) = append!(push!(out, 0x20), bits(hton(ordered(number))))
putelement!(out::Vector{UInt8}, uuid::UUID) = append!(push!(out, 0x30), bits(hton(UInt128(uuid))))

putelement!(out::Vector{UInt8}, number::Integer) = putdigits!(out, plain_integer(number))

function putdigits!(out::Vector{UInt8}, number::Integer)
    # Before its digits are made.
    ndigits(number; base=16) <= 2 * 255 || throw(ArgumentError("an integer of over 255 bytes cannot be a key"))
    digits = magnitude(number)
    width = length(digits)
    if number < 0
        map!(~, digits, digits)
        width <= 8 ? push!(out, 0x14 - width % UInt8) : push!(out, 0x0b, ~(width % UInt8))
    else
        width <= 8 ? push!(out, 0x14 + width % UInt8) : push!(out, 0x1d, width % UInt8)
    end
    return append!(out, digits)
end

# Returns the absolute value in the fewest big-endian bytes: no bytes for zero.
function magnitude(number::Base.BitInteger)
    rest, digits = unsigned(abs(number)), UInt8[]
    while !iszero(rest)
        push!(digits, rest % UInt8)
        rest >>= 8
    end
    return reverse!(digits)
end

# Converts through hexadecimal digits, which takes time proportional to the length.
function magnitude(number::BigInt)
    iszero(number) && return UInt8[]
    digits = string(abs(number); base=16)
    return hex2bytes(isodd(length(digits)) ? "0" * digits : digits)
end

# The number whose magnitude that is.
integer_of(digits::Vector{UInt8}) = isempty(digits) ? big(0) : parse(BigInt, bytes2hex(digits); base=16)

# An element of an `any` key: which types these are is the same in every language.
function putany!(out::Vector{UInt8}, key, depth::Int=0)
    if key === nothing
        return push!(out, 0x00)
    elseif key isa Union{Bool,Integer,Float64,AbstractString,Vector{UInt8},UUID}
        return putelement!(out, key)
    elseif key isa Union{Float16,Float32}
        return putelement!(out, Float64(key))
    elseif key isa Tuple
        begin_tuple!(out, depth)
        foreach(element -> putnested!(out, element, depth + 1), key)
        return push!(out, 0x00)
    elseif key isa Enum
        refuse_enum(key)
    end
    throw(ArgumentError("a key of type any is nothing, a bool, an integer, a float, text, bytes, a UUID or a tuple of these, not $(typeof(key))"))
end

function begin_tuple!(out::Vector{UInt8}, depth::Int)
    depth < TUPLE_DEPTH || throw(ArgumentError("a key with tuples over $TUPLE_DEPTH deep has no stored form"))
    return push!(out, 0x05)
end

# In a tuple, the FF after a null distinguishes it from the end of the tuple.
putnested!(out::Vector{UInt8}, element, depth::Int) =
    element === nothing ? push!(out, 0x00, 0xff) : putany!(out, element, depth)

# Each depth of tuples is a type of its own: nothing is compiled for that of a tuple within a tuple.
function putnested!(out::Vector{UInt8}, @nospecialize(tuple::Tuple), depth::Int)
    begin_tuple!(out, depth)
    each_element((@nospecialize(element)) -> putnested!(out, element, depth + 1), tuple)
    return push!(out, 0x00)
end

# Does `foreach` without compiling for the types in the tuple: `f` must not be specialised either.
function each_element(f, @nospecialize(tuple::Tuple))
    held = Ref{Any}(tuple)
    for index in 1:nfields(tuple)
        f(getfield(held[], index))
    end
end

anykey(key) = putany!(UInt8[], key)
anykey(key::LMDB.MDBValue) = anykey(key.data)

# Encodes a tuple; an error names the place of the item that cannot be stored.
function anykey(key::Tuple)
    try
        return putany!(UInt8[], key)
    catch failure
        failure isa ArgumentError || rethrow()
        throw(ArgumentError(string(failure.msg, " (at key", place_in_key(key), ")")))
    end
end

function place_in_key(@nospecialize(key::Tuple))
    held, element = Ref{Any}(key), Ref{Any}()
    for index in 1:nfields(key)
        element[] = getfield(held[], index)
        attempt(() -> (putnested!(UInt8[], element[], 1); true)) === nothing || continue
        return string("[$index]", element[] isa Tuple ? place_in_key(element[]) : "")
    end
    return ""
end

# ---- reading
#
# The bytes stay where they are, as in `cbor.jl`: a function that reads takes the place where its element begins and the end of
# the key, and returns the element with the place behind it.

@noinline unreadable(what) = throw(ArgumentError("not a key of the tuple layer: $what"))

struct Taken
    item::Any
    next::Ptr{UInt8}
end

# The place behind `count` bytes of a key, which are all there.
@inline function behind(at::Ptr{UInt8}, stop::Ptr{UInt8}, count::Int)
    count <= stop - at || unreadable("it ends too early")
    return at + count
end

smallest(number::BigInt) = typemin(Int64) <= number <= typemax(Int64) ? Int64(number) : number

# The element that begins at `at`, in `depth` tuples.
function takeelement(at::Ptr{UInt8}, stop::Ptr{UInt8}, depth::Int)
    next = behind(at, stop, 1)
    code = unsafe_load(at)
    if code == 0x02
        return taketext(next, stop)
    elseif 0x0c <= code <= 0x1c
        return takeinteger(next, stop, abs(Int(code) - 0x14), code < 0x14)
    elseif code == 0x00
        return Taken(nothing, next)
    elseif code == 0x01
        final, escapes = text_end(next, stop)
        return Taken(unescaped(next, final, escapes), final + 1)
    elseif code == 0x05
        depth < TUPLE_DEPTH || unreadable("tuples nested over $TUPLE_DEPTH deep")
        return taketuple(next, stop, depth + 1)
    elseif code == 0x0b || code == 0x1d
        digits = behind(next, stop, 1)
        width = unsafe_load(next)
        return takeinteger(digits, stop, Int(code == 0x0b ? ~width : width), code == 0x0b)
    elseif code == 0x20
        return Taken(unordered(Float32, takebits(UInt32, next, stop)), next + 4)
    elseif code == 0x21
        return Taken(unordered(Float64, takebits(UInt64, next, stop)), next + 8)
    elseif code == 0x26 || code == 0x27
        return Taken(code == 0x27, next)
    elseif code == 0x30
        return Taken(UUID(takebits(UInt128, next, stop)), next + 16)
    end
    unreadable("unknown kind 0x$(string(code; base=16, pad=2))")
end

takebits(::Type{T}, at::Ptr{UInt8}, stop::Ptr{UInt8}) where {T} = (behind(at, stop, sizeof(T)); ntoh(unsafe_load(Ptr{T}(at))))

# Where the NUL is that ends a text or bytes, and how many others are in them, behind each of which is an FF.
function text_end(at::Ptr{UInt8}, stop::Ptr{UInt8})
    escapes = 0
    while true
        next = behind(at, stop, 1)
        if unsafe_load(at) == 0x00
            (next < stop && unsafe_load(next) == 0xff) || return at, escapes
            escapes += 1
            next += 1
        end
        at = next
    end
end

function unescaped(at::Ptr{UInt8}, final::Ptr{UInt8}, escapes::Int)
    escapes == 0 && return copybytes(at, final - at)
    bytes = sizehint!(UInt8[], final - at - escapes)
    while at < final
        byte = unsafe_load(at)
        push!(bytes, byte)
        at += byte == 0x00 ? 2 : 1
    end
    return bytes
end

function taketext(at::Ptr{UInt8}, stop::Ptr{UInt8})
    final, escapes = text_end(at, stop)
    text = escapes == 0 ? unsafe_string(at, final - at) : String(unescaped(at, final, escapes))
    isvalid(text) || unreadable("its text is not UTF-8")
    return Taken(text, final + 1)
end

function takeinteger(at::Ptr{UInt8}, stop::Ptr{UInt8}, width::Int, negative::Bool)
    next = behind(at, stop, width)
    width <= 8 || return Taken(large_integer(at, width, negative), next)
    magnitude = UInt64(0)
    for place in 1:width
        digit = unsafe_load(at, place)
        magnitude = magnitude << 8 | (negative ? ~digit : digit)
    end
    fits = magnitude <= typemax(Int64) % UInt64 + negative
    return Taken(fits ? (negative ? -(magnitude % Int64) : magnitude % Int64) : negative ? -big(magnitude) : big(magnitude), next)
end

function large_integer(at::Ptr{UInt8}, width::Int, negative::Bool)
    digits = copybytes(at, width)
    return negative ? smallest(-integer_of(map!(~, digits, digits))) : smallest(integer_of(digits))
end

function taketuple(at::Ptr{UInt8}, stop::Ptr{UInt8}, depth::Int)
    elements = Any[]
    while true
        next = behind(at, stop, 1)
        if unsafe_load(at) == 0x00
            (next < stop && unsafe_load(next) == 0xff) || return Taken(Tuple(elements), next)
            push!(elements, nothing)
            at = next + 1
        else
            taken = takeelement(at, stop, depth)
            push!(elements, taken.item)
            at = taken.next
        end
    end
end

readanykey(bytes::Vector{UInt8}) = GC.@preserve bytes readanykey(pointer(bytes), sizeof(bytes))

function readanykey(data::Ptr{UInt8}, count::Integer)
    stop = data + count
    taken = takeelement(data, stop, 0)
    taken.next == stop || unreadable("bytes after its end")
    return taken.item
end
