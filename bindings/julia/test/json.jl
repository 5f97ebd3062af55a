# A small JSON parser, for the vectors: objects become vectors of pairs, which keep their order.

module Json

mutable struct Text
    text::String
    at::Int
end

peek(source) = source.text[source.at]
skip!(source) = (while peek(source) in " \t\r\n"; source.at += 1; end; source)

function next!(source)
    char = peek(source)
    source.at = nextind(source.text, source.at)
    return char
end

expect!(source, char) = next!(skip!(source)) == char || error("JSON: expected $char at $(source.at)")

function parse(text::AbstractString)
    source = Text(String(text) * " \n ", 1)
    return value!(source)
end

function value!(source)
    char = peek(skip!(source))
    char == '{' && return object!(source)
    char == '[' && return array!(source)
    char == '"' && return string!(source)
    for (word, meaning) in ("true" => true, "false" => false, "null" => nothing)
        if startswith(SubString(source.text, source.at), word)
            source.at += length(word)
            return meaning
        end
    end
    digits = match(r"^-?\d+", SubString(source.text, source.at))
    digits === nothing && error("JSON: unexpected $char at $(source.at)")
    source.at += length(digits.match)
    return Base.parse(Int, digits.match)
end

function items!(item!, source, closing)
    items = Any[]
    next!(source)
    while peek(skip!(source)) != closing
        push!(items, item!(source))
        peek(skip!(source)) == ',' && next!(source)
    end
    next!(source)
    return items
end

array!(source) = items!(value!, source, ']')

object!(source) = Pair{String,Any}[items!(source, '}') do source
    key = string!(skip!(source))
    expect!(source, ':')
    key => value!(source)
end...]

const ESCAPES = Dict('n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', '"' => '"', '\\' => '\\', '/' => '/')

function string!(source)
    expect!(source, '"')
    out = IOBuffer()
    while (char = next!(source)) != '"'
        if char != '\\'
            print(out, char)
        elseif peek(source) == 'u'
            next!(source)
            print(out, unicode!(source))
        else
            print(out, ESCAPES[next!(source)])
        end
    end
    return String(take!(out))
end

function unit!(source)
    unit = Base.parse(UInt32, source.text[source.at:source.at + 3]; base=16)
    source.at += 4
    return unit
end

function unicode!(source)
    unit = unit!(source)
    0xd800 <= unit < 0xdc00 || return Char(unit)
    source.at += 2
    return Char(0x10000 + ((unit - 0xd800) << 10) + (unit!(source) - 0xdc00))
end

end
