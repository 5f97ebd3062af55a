# tests/vectors/vectors.json of the checkout: every value is encoded to its bytes, and the bytes are decoded to the value.

isdefined(@__MODULE__, :Json) || include("json.jl")

const VECTORS = Json.parse(read(joinpath(@__DIR__, "..", "..", "..", "tests", "vectors", "vectors.json"), String))

field(entry, name) = (at = findfirst(pair -> first(pair) == name, entry); at === nothing ? nothing : last(entry[at]))

number(T, digits) = T <: Integer ? parse(T, digits) : T(float64(digits))
float64(digits) = reinterpret(Float64, parse(UInt64, digits; base=16))
uuid(digits) = UUID(parse(UInt128, digits; base=16))
integer(digits) = PC.smallest(parse(BigInt, digits))

# Returns the text in CBOR of microseconds since 1970.
function datetime_text(microseconds)
    seconds, rest = fldmod(microseconds, 1_000_000)
    whole = PC.iso(DateTime(1970) + Second(seconds))
    return rest == 0 ? whole : string(whole, ".", lpad(rest, 6, '0'))
end

function array_of(description)
    T = PC.juliatype(field(description, "element"))[1]
    numbers = T[number(T, digits) for digits in field(description, "numbers")]
    return reshape(numbers, Tuple(Int.(reverse(field(description, "shape")))))
end

# Returns the Julia value of a description, as read from an `any`; maps with `ordered` as pairs in their order.
function build(description, ordered::Bool)
    kind, content = only(description)
    again(inner) = build(inner, ordered)
    kind == "null" && return nothing
    kind == "undefined" && return missing
    kind in ("bool", "str") && return content
    kind == "int" && return integer(content)
    kind == "float" && return float64(content)
    kind == "bytes" && return hex2bytes(content)
    kind == "uuid" && return uuid(content)
    kind == "date" && return Date(1970) + Day(content)
    kind == "tuple" && return Tuple(map(again, content))
    kind == "list" && return Any[again(item) for item in content]
    kind == "set" && return Set{Any}(map(again, content))
    kind == "instant" && return Tagged(0, content)
    kind == "time" && return Time(content)
    kind == "symbol" && return Symbol(content)
    kind == "char" && return only(content)
    kind == "decimal" && return Tagged(4, Any[integer(field(content, "exponent")), integer(field(content, "mantissa"))])
    kind == "rational" && return integer(content[1]) // integer(content[2])
    kind == "complex" && return Complex(map(float64, content)...)
    kind == "simple" && return Simple(content)
    kind == "tag" && return Tagged(field(content, "number"), again(field(content, "content")))
    if kind == "datetime"
        microseconds = parse(Int, content)
        # Julia's type has milliseconds.
        microseconds % 1000 == 0 || return Tagged(27, Any["datetime", datetime_text(microseconds)])
        return DateTime(1970) + Millisecond(microseconds ÷ 1000)
    elseif kind == "array"
        array = array_of(content)
        return array isa Vector{UInt8} ? Tagged(64, array) : array
    elseif kind == "struct"
        fields = [name => again(value) for (name, value) in field(content, "fields")]
        return Tagged(27, Any[field(content, "name"), ordered ? Pair{Any,Any}[fields...] : Dict{Any,Any}(fields)])
    elseif kind == "map"
        pairs = Pair{Any,Any}[again(key) => again(value) for (key, value) in content]
        map_of = Dict{Any,Any}(pairs)
        return ordered || length(map_of) < length(pairs) ? pairs : map_of
    end
    error("a vector of the unknown kind $kind")
end

# Returns the value for a collection with a type, or nothing for a datetime that Julia cannot hold.
function build_typed(T, description)
    kind, content = only(description)
    T === LMDB.MDBValue && return LMDB.MDBValue(hex2bytes(content))
    kind == "array" && return array_of(content)
    T <: PC.Fixed && return number(T, content)
    T <: Tuple && return (parts = map(build_typed, fieldtypes(T), content); any(isnothing, parts) ? nothing : T(parts))
    T === DateTime && parse(Int, content) % 1000 != 0 && return nothing
    return build(description, false)
end

codec(role) = role == "key" ? (PC.encode_key, PC.decode_key) : (PC.encode_value, PC.decode_value)

decode_with(decode, column, bytes) = GC.@preserve bytes decode(column, pointer(bytes), length(bytes))

# If other tests registered a struct, its values are read as that struct.
same(read, expected) = isequal(read, expected) ||
    (expected isa Tagged && PC.isplainstruct(typeof(read)) && PC.encode_any(read) == PC.encode_any(expected))

encoded_hex(bytes) = bytes2hex(bytes isa String ? codeunits(bytes) : reinterpret(UInt8, vec(collect(bytes))))

@testset "$(field(entry, "type")) $(field(entry, "role")): $(field(entry, "name"))" for entry in VECTORS
    bytes = hex2bytes(field(entry, "hex"))
    description = field(entry, "value")
    encode, decode = codec(field(entry, "role"))
    if field(entry, "type") == "unit"
        # The value of a set's elements, without bytes to encode.
        @test isempty(bytes) && first(only(description)) == "null"
        continue
    end
    T, shape = PC.juliatype(field(entry, "type"))
    written = field(entry, "read_only") !== true
    if T === Any
        column = PC.Column{Any}(PC.ANY)
        @test same(decode_with(decode, column, bytes), build(description, false))
        written && @test encoded_hex(encode(column, build(description, true))) == field(entry, "hex")
    else
        column = PC.Column{T}(PC.TYPED, shape)
        value = build_typed(T, description)
        if value === nothing
            @test_throws Union{InexactError,TypeError} decode_with(decode, column, bytes)
        else
            @test isequal(decode_with(decode, column, bytes), value)
            written && @test encoded_hex(encode(column, value)) == field(entry, "hex")
        end
    end
end

@test length(VECTORS) > 200
