# Values of type `any`: which Julia value each CBOR item is. What writes them is in `any.jl`.

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
    value = integer_of(content)
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
