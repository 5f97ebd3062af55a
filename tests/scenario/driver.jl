# The scenario in Julia: `driver.jl run SCENARIO ENVIRONMENT`, `driver.jl dump ENVIRONMENT…`; see README.md.

using Dates, PersistentCollections, UUIDs

const NUMBERS = Dict("i8" => Int8, "i16" => Int16, "i32" => Int32, "i64" => Int64, "u8" => UInt8, "u16" => UInt16,
    "u32" => UInt32, "u64" => UInt64, "f32" => Float32, "f64" => Float64)
const SCALARS = merge(NUMBERS, Dict("str" => String, "bytes" => Vector{UInt8}, "bool" => Bool, "uuid" => UUID,
    "date" => Date, "datetime" => DateTime, "any" => Any))
const GROUPS = Dict("(" => ")", "[" => "]", "{" => "}", "<" => ">")
# Statuses of what cannot be a key or value: PC_ERR_BAD_KEY, PC_ERR_BAD_VALUE, PC_ERR_KEY_SIZE.
const REFUSED = (-40, -41, -42)

# A user's struct of plain bytes: `opaque[n]`.
struct Plain{N}
    bytes::NTuple{N,UInt8}
end

# ---- types, values, and how they are written

# The Julia type of a type string, and the shape of an array.
function julia_type(name)
    haskey(SCALARS, name) && return (SCALARS[name], nothing)
    startswith(name, "(") && return (Tuple{(SCALARS[part] for part in split(name[2:end-1], ","))...}, nothing)
    element, lengths = split(chop(name), "[")
    element == "opaque" && return (Plain{parse(Int, lengths)}, nothing)
    isempty(lengths) && return (Vector{NUMBERS[element]}, nothing)
    shape = Tuple(reverse(parse.(Int, split(lengths, ","))))
    return (Array{NUMBERS[element],length(shape)}, shape)
end

# The value that a field stands for.
parse_field(field) = parse_value(reverse!(split(field, " ")))

# The value that begins with the last token; takes its tokens away.
function parse_value(tokens)
    token = pop!(tokens)
    if haskey(GROUPS, token)
        items = Any[]
        while tokens[end] != GROUPS[token]
            push!(items, parse_value(tokens))
        end
        pop!(tokens)
        token == "(" && return Tuple(items)
        token == "[" && return items
        token == "<" && return Set{Any}(items)
        return Dict{Any,Any}(items[index] => items[index + 1] for index in 1:2:length(items))
    end
    token == "null" && return nothing
    token == "undefined" && return missing
    token in ("true", "false") && return token == "true"
    if length(token) < 2 || token[2] != ':'
        number = parse(Int128, token)
        return number > typemax(Int64) ? UInt64(number) : Int64(number)
    end
    kind, text = token[1], String(SubString(token, 3))
    kind == 'f' && return reinterpret(Float64, parse(UInt64, text; base=16))
    kind == 's' && return unescaped(text)
    kind == 'b' && return hex2bytes(text)
    kind == 'u' && return UUID(parse(UInt128, text; base=16))
    kind == 'd' && return Date(1970) + Day(parse(Int, text))
    kind == 't' && return DateTime(1970) + Millisecond(exactly_divided(parse(Int, text), 1000))
    element, numbers = split(text, ":")
    return collect(reinterpret(NUMBERS[element], hex2bytes(numbers)))
end

exactly_divided(number, by) = rem(number, by) == 0 ? div(number, by) : error("$number is no multiple of $by")

function unescaped(text)
    bytes, index = UInt8[], 1
    while index <= ncodeunits(text)
        is_escape = codeunit(text, index) == UInt8('%')
        push!(bytes, is_escape ? parse(UInt8, text[index + 1:index + 2]; base=16) : codeunit(text, index))
        index += is_escape ? 3 : 1
    end
    return String(bytes)
end

isplain(byte) = UInt8('a') <= byte <= UInt8('z') || UInt8('A') <= byte <= UInt8('Z') ||
    UInt8('0') <= byte <= UInt8('9') || byte in b"._-"
escaped(text) = join(isplain(byte) ? Char(byte) : '%' * uppercase(string(byte; base=16, pad=2)) for byte in codeunits(text))

hex(bits) = string(bits; base=16, pad=2 * sizeof(bits))
group(open, items, close) = join([open; items; close], " ")
element_name(::Type{T}) where {T} = first(name for (name, type) in NUMBERS if type === T)

show_value(::Nothing) = "null"
show_value(::Missing) = "undefined"
show_value(value::Union{Bool,Integer}) = string(value isa Bool ? value : big(value))
show_value(value::AbstractFloat) = "f:" * hex(reinterpret(UInt64, Float64(value)))
show_value(value::AbstractString) = "s:" * escaped(value)
show_value(value::Vector{UInt8}) = "b:" * bytes2hex(value)
show_value(value::Plain) = "b:" * bytes2hex(collect(value.bytes))
show_value(value::UUID) = "u:" * hex(UInt128(value))
show_value(value::Date) = "d:$(Dates.value(value - Date(1970)))"
show_value(value::DateTime) = "t:$(1000 * Dates.value(value - DateTime(1970)))"
show_value(value::Array{T}) where {T<:Number} = "a:$(element_name(T)):" * bytes2hex(collect(reinterpret(UInt8, vec(value))))
show_value(value::Tuple) = group("(", map(show_value, collect(value)), ")")
show_value(value::Vector{Any}) = group("[", map(show_value, value), "]")
show_value(value::AbstractSet) = group("<", sort!(map(show_value, collect(value))), ">")
show_value(value::AbstractDict) = group("{", sort!(["$(show_value(key)) $(show_value(item))" for (key, item) in value]), "}")

# ---- the state of a run

# A collection and its types as strings; a set has no second.
struct Opened
    it::Any
    key::String
    value::Union{Nothing,String}
end

mutable struct Run
    path::String
    env::Environment
    opened::Dict{String,Opened}
    # The lines that are left, the last first.
    lines::Vector{Tuple{Int,String}}
    wrong::Int
end

open_env(path) = Environment(path; durability=:none)

# A key or value as the type is in Julia: arrays get the shape, bytes become structs.
function typed(type::String, field)
    value, (T, shape) = parse_field(field), julia_type(type)
    T <: Plain && return T(Tuple(value))
    return shape === nothing ? value : reshape(value, shape)
end

key_of(c::Opened, field) = typed(c.key, field)
value_of(c::Opened, field) = typed(c.value, field)

# Bytes and `u8` arrays are one type in Julia: the collection's type says which it is.
show_typed(type, value) = type !== nothing && startswith(type, "u8[") ? "a:u8:" * bytes2hex(vec(value)) : show_value(value)
show_item(c::Opened, item) = c.value === nothing ? show_value(item) : "$(show_value(item[1])) = $(show_typed(c.value, item[2]))"

function listed(c::Opened, part)
    items = [show_item(c, item) for item in part]
    return isempty(items) ? "nothing" : join(items, "\t")
end

yes(truth) = truth ? "yes" : "no"

# ---- operations: each takes the run and the fields after its name, and gives the answer

function open_dict(run, name, key, value)
    (K, _), (V, shape) = julia_type(key), julia_type(value)
    run.opened[name] = Opened(PersistentDict{K,V}(run.env; id=name, shape=shape), key, value)
    return "ok"
end

function open_set(run, name, element)
    run.opened[name] = Opened(PersistentSet{julia_type(element)[1]}(run.env; id=name), element, nothing)
    return "ok"
end

function reopen(run)
    close(run.env)
    empty!(run.opened)
    run.env = open_env(run.path)
    return "ok"
end

function schema_of(run, name)
    found = schema(run.env, name)
    found === nothing && return "absent"
    return join(found.kind == :set ? [found.kind, found.key] : [found.kind, found.key, found.value], "\t")
end

function put(run, name, key, value)
    c = run.opened[name]
    c.it[key_of(c, key)] = value_of(c, value)
    return "ok"
end

function put_new(run, name, key, value)
    c = run.opened[name]
    return compare_exchange!(c.it, key_of(c, key), absent, value_of(c, value)).success ? "ok" : "exists"
end

function take(run, name, key)
    c = run.opened[name]
    return show_typed(c.value, pop!(c.it, key_of(c, key)))
end

function remove(run, name, key)
    c = run.opened[name]
    c.value === nothing ? pop!(c.it, key_of(c, key)) : pop!(c.it, key_of(c, key))
    return "ok"
end

function exchange(run, name, key, values...)
    c = run.opened[name]
    expected, desired = (value == "absent" ? absent : value_of(c, value) for value in values)
    return compare_exchange!(c.it, key_of(c, key), expected, desired).success ? "ok" : "differs"
end

function put_many(run, name, fields...)
    c = run.opened[name]
    # A Dict would not keep the last of two of the same key for sure.
    transaction(run.env) do
        merge!(c.it, (Dict(key_of(c, fields[index]) => value_of(c, fields[index + 1])) for index in 1:2:length(fields))...)
    end
    return "ok"
end

function get_many_of(run, name, keys...)
    c = run.opened[name]
    return join((value === absent ? "absent" : show_typed(c.value, value) for value in
            get_many(c.it, [key_of(c, key) for key in keys]; default=absent)), "\t")
end

function remove_many(run, name, keys...)
    c = run.opened[name]
    before = length(c.it)
    transaction(run.env) do
        foreach(key -> delete!(c.it, key_of(c, key)), keys)
    end
    return string(before - length(c.it))
end

function add_many(run, name, elements...)
    c = run.opened[name]
    union!(c.it, [key_of(c, element) for element in elements])
    return "ok"
end

# What `range` and `remove_range` are about, and whether backwards.
function part(run, name, low, high, words...)
    c = run.opened[name]
    all(in(("after", "through", "reverse")), words) || error("no such words of a range: $words")
    low, high = (bound == "-" ? nothing : key_of(c, bound) for bound in (low, high))
    return c, between(c.it, low, high; inclusive=(!("after" in words), "through" in words))
end

function range_of(run, name, words...)
    c, found = part(run, name, words...)
    return listed(c, "reverse" in words ? Iterators.reverse(found) : found)
end

function remove_range(run, name, words...)
    c, found = part(run, name, words...)
    before = length(c.it)
    empty!(found)
    return string(before - length(c.it))
end

# The item at an end, of which an empty collection has none.
end_of(take) = function (run, name)
    c = run.opened[name]
    item = try
        take(c.it)
    catch failure
        (failure isa ArgumentError && isempty(c.it)) || rethrow()
        return "absent"
    end
    return show_item(c, item)
end

combine(verb) = (run, name, other) -> (verb(run.opened[name].it, run.opened[other].it); "ok")

const OPERATIONS = Dict{String,Function}(
    "dict" => open_dict,
    "set" => open_set,
    "drop" => (run, name) -> drop!(run.env, name) ? "ok" : "absent",
    "schema" => schema_of,
    "put" => put,
    "put_new" => put_new,
    "get" => (run, name, key) -> (c = run.opened[name]; show_typed(c.value, c.it[key_of(c, key)])),
    "has" => (run, name, key) -> (c = run.opened[name]; yes(c.value === nothing ? key_of(c, key) in c.it : haskey(c.it, key_of(c, key)))),
    "remove" => remove,
    "take" => take,
    "exchange" => exchange,
    "increment" => (run, name, key, by) -> (c = run.opened[name]; show_value(increment!(c.it, key_of(c, key), parse(Int, by)))),
    "len" => (run, name) -> string(length(run.opened[name].it)),
    "clear" => (run, name) -> (empty!(run.opened[name].it); "ok"),
    "first" => end_of(first),
    "last" => end_of(last),
    "put_many" => put_many,
    "get_many" => get_many_of,
    "remove_many" => remove_many,
    "add" => (run, name, element) -> (c = run.opened[name]; push!(c.it, key_of(c, element)); "ok"),
    "add_many" => add_many,
    "range" => range_of,
    "remove_range" => remove_range,
    "prefix" => (run, name, text) -> (c = run.opened[name]; listed(c, prefix(c.it, parse_field(text)))),
    "union" => combine(union!),
    "intersection" => combine(intersect!),
    "difference" => combine(setdiff!),
    "symmetric_difference" => combine(symdiff!),
    "is_subset" => (run, name, other) -> yes(issubset(run.opened[name].it, run.opened[other].it)),
    "is_disjoint" => (run, name, other) -> yes(isdisjoint(run.opened[name].it, run.opened[other].it)),
    "flush" => run -> (flush(run.env); "ok"),
    "reopen" => reopen,
)

# What a failure is as an answer; one that is none of the scenario's goes on.
function answer(call)
    try
        return call()
    catch failure
        failure isa LMDB.LMDBError && return failure.code in REFUSED ? "refused" : "error $(failure.code)"
        failure isa KeyError && return "absent"
        failure isa Union{MethodError,InexactError,ArgumentError,TypeError,DimensionMismatch} && return "refused"
        rethrow()
    end
end

# ---- running and dumping

function compare(run, at, name, expected, given)
    given == expected && return
    println("line $at: $name: expected $expected, got $given")
    run.wrong += 1
    return
end

# What throws a block's transaction away.
struct Undone <: Exception end

# Runs lines until the end, or until one ends the transaction that began before the first.
function run_lines(run)
    while !isempty(run.lines)
        at, line = pop!(run.lines)
        asked, expected = split(line, "\t=>\t")
        fields = map(String, split(asked, "\t"))
        name, arguments = fields[1], fields[2:end]
        name in ("commit", "abort") && return (at, name, expected)
        given = name == "begin" ? block(run, at, expected, arguments[1]) :
            !haskey(OPERATIONS, name) ? "no such operation" :
            answer(() -> OPERATIONS[name](run, arguments...))
        given === nothing || compare(run, at, name, expected, given)
    end
    return nothing
end

# A transaction with all its lines. Answers for `begin` if that fails; else its lines have been compared.
function block(run, at, expected, kind)
    began, last = false, nothing
    body = function ()
        compare(run, at, "begin", expected, "ok")
        began = true
        last = run_lines(run)
        last[2] == "abort" && throw(Undone())
    end
    failed = answer() do
        try
            kind == "write" ? transaction(body, run.env) : snapshot(body, run.env)
        catch failure
            failure isa Undone || rethrow()
        end
        nothing
    end
    began || return failed
    compare(run, last[1], last[2], last[3], something(failed, "ok"))
    return nothing
end

function run_scenario(scenario, path)
    numbered = [(at, line) for (at, line) in enumerate(eachline(scenario)) if !isempty(line) && !startswith(line, "#")]
    run = Run(path, open_env(path), Dict(), reverse!(numbered), 0)
    run_lines(run)
    close(run.env)
    return run.wrong
end

function dump_environment(path)
    Environment(path; durability=:none) do env
        for it in collections(env)
            K, _ = julia_type(it.key)
            if it.kind == :set
                println("set $(it.name) $(it.key), $(it.count)")
                c = Opened(PersistentSet{K}(env; id=it.name), it.key, nothing)
            else
                V, shape = julia_type(it.value)
                println("dict $(it.name) $(it.key) $(it.value), $(it.count)")
                c = Opened(PersistentDict{K,V}(env; id=it.name, shape=shape), it.key, it.value)
            end
            foreach(entry -> println("  ", entry), split(listed(c, c.it), "\t"))
        end
    end
end

if ARGS[1] == "run"
    exit(run_scenario(ARGS[2], ARGS[3]) == 0 ? 0 : 1)
end
for (at, path) in enumerate(ARGS[2:end])
    println("environment $at")
    dump_environment(path)
end
