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

unreadable(what) = throw(ArgumentError("not a key of the tuple layer: $what"))

function takebyte!(bytes::Vector{UInt8}, at::Ref{Int})
    at[] <= length(bytes) || unreadable("it ends too early")
    byte = @inbounds bytes[at[]]
    at[] += 1
    return byte
end

function takebytes!(bytes::Vector{UInt8}, at::Ref{Int}, count::Integer)
    count <= length(bytes) - at[] + 1 || unreadable("it ends too early")
    taken = bytes[at[]:at[] + count - 1]
    at[] += count
    return taken
end

function taketext!(bytes::Vector{UInt8}, at::Ref{Int})
    text = UInt8[]
    while true
        byte = takebyte!(bytes, at)
        if byte == 0x00
            (at[] <= length(bytes) && bytes[at[]] == 0xff) || return text
            at[] += 1
        end
        push!(text, byte)
    end
end

takebits!(::Type{T}, bytes, at) where {T} = ntoh(reinterpret(T, takebytes!(bytes, at, sizeof(T)))[1])

function takeinteger!(bytes::Vector{UInt8}, at::Ref{Int}, width::Integer, negative::Bool)
    digits = takebytes!(bytes, at, width)
    negative && map!(~, digits, digits)
    if width < 8
        value = foldl((value, digit) -> value << 8 | digit, digits; init=Int64(0))
        return negative ? -value : value
    end
    value = integer_of(digits)
    return smallest(negative ? -value : value)
end

smallest(number::BigInt) = typemin(Int64) <= number <= typemax(Int64) ? Int64(number) : number

# The element that begins at `at`, which is moved behind it.
function takeelement!(bytes::Vector{UInt8}, at::Ref{Int}, depth::Int)
    code = takebyte!(bytes, at)
    if code == 0x00
        return nothing
    elseif code == 0x01
        return taketext!(bytes, at)
    elseif code == 0x02
        text = String(taketext!(bytes, at))
        isvalid(text) || unreadable("its text is not UTF-8")
        return text
    elseif code == 0x05
        depth < TUPLE_DEPTH || unreadable("tuples nested over $TUPLE_DEPTH deep")
        return taketuple!(bytes, at, depth + 1)
    elseif 0x0c <= code <= 0x1c
        return takeinteger!(bytes, at, abs(Int(code) - 0x14), code < 0x14)
    elseif code == 0x0b
        return takeinteger!(bytes, at, ~takebyte!(bytes, at), true)
    elseif code == 0x1d
        return takeinteger!(bytes, at, takebyte!(bytes, at), false)
    elseif code == 0x20
        return unordered(Float32, takebits!(UInt32, bytes, at))
    elseif code == 0x21
        return unordered(Float64, takebits!(UInt64, bytes, at))
    elseif code == 0x26 || code == 0x27
        return code == 0x27
    elseif code == 0x30
        return UUID(takebits!(UInt128, bytes, at))
    end
    unreadable("unknown kind 0x$(string(code; base=16, pad=2))")
end

function taketuple!(bytes::Vector{UInt8}, at::Ref{Int}, depth::Int)
    elements = Any[]
    while true
        at[] <= length(bytes) || unreadable("it ends too early")
        if bytes[at[]] == 0x00
            at[] += 1
            (at[] <= length(bytes) && bytes[at[]] == 0xff) || return Tuple(elements)
            at[] += 1
            push!(elements, nothing)
        else
            push!(elements, takeelement!(bytes, at, depth))
        end
    end
end

function readanykey(bytes::Vector{UInt8})
    at = Ref(1)
    key = takeelement!(bytes, at, 0)
    at[] == length(bytes) + 1 || unreadable("bytes after its end")
    return key
end
