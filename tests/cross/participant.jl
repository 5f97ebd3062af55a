# The Julia program of `test_processes.py`; `participants.py` documents the commands.

using PersistentCollections
const PC = PersistentCollections

mutable struct State
    env::Union{Nothing,Environment}
    # The iterated collection, the state after the last item, and the sum of the values so far.
    items::Any
    after::Any
    sum::Int64
end

const STATE = State(nothing, nothing, nothing, 0)

function say(words...)
    println(join(words, '\t'))
    flush(stdout)
end

numbers(name) = PersistentDict{Int64,Int64}(STATE.env; id=name)
counters(name) = PersistentDict{String,Int64}(STATE.env; id=name)

function open_environment(path)
    STATE.env = Environment(path; durability=:none)
    return ()
end

function close_environment()
    STATE.items = STATE.after = nothing
    close(STATE.env)
    return ()
end

# A user's struct of plain data.
struct Plain{N}
    bytes::NTuple{N,UInt8}
end

function julia_type(name)
    plain = match(r"^opaque\[(\d+)\]$", name)
    return plain === nothing ? PC.juliatype(name) : (Plain{parse(Int, plain[1])}, nothing)
end

function with_types(kind, name, key, value)
    K, _ = julia_type(key)
    kind == "set" && return PersistentSet{K}(STATE.env; id=name)
    V, shape = julia_type(value)
    return PersistentDict{K,V}(STATE.env; id=name, shape=shape)
end

declare(words...) = (with_types(words...); ())

function schema_of(name)
    found = schema(STATE.env, name)
    return (found.kind, found.key, found.value)
end

function add(name, key, times)
    dict = counters(name)
    for _ in 1:parse(Int, times)
        increment!(dict, key)
    end
    return ()
end

newest_commit() = (last_commit(STATE.env),)

wait_for_commit(since) = (wait(STATE.env; since=parse(Int, since)),)

function pairs_of(name, times)
    dict = counters(name)
    for n in 1:parse(Int, times)
        transaction(STATE.env) do
            dict["left"] = n
            dict["right"] = n
        end
    end
    return ()
end

function watch(name, last)
    dict, last = counters(name), parse(Int, last)
    say("watching")
    while true
        left, right = snapshot(() -> (get(dict, "left", 0), get(dict, "right", 0)), STATE.env)
        left == right || return ("$left and $right",)
        left == last && return ("whole",)
    end
end

function fill_range(name, first, last, value)
    merge!(numbers(name), Dict(n => parse(Int, value) for n in parse(Int, first):parse(Int, last)))
    return ()
end

empty_dict(name) = (empty!(numbers(name)); ())

function begin_iteration(name)
    STATE.items = numbers(name)
    (key, value), STATE.after = iterate(STATE.items)
    STATE.sum = value
    return (key,)
end

function end_iteration()
    count = 1
    step = iterate(STATE.items, STATE.after)
    while step !== nothing
        (_, value), after = step
        STATE.sum += value
        count += 1
        step = iterate(STATE.items, after)
    end
    return (count, STATE.sum)
end

function opened(kind, name)
    _, key, value = schema_of(name)
    return with_types(kind, name, key, value)
end

# Returns the records in their stored form, by the layer of the C names.
function encoded(kind, collection)
    open_iterator = kind == "set" ? PC.Lib.pc_iter_open_set : PC.Lib.pc_iter_open_dict
    iterator = PC.written(out -> open_iterator(collection.handle.id, Ptr{PC.Lib.Range}(C_NULL), out), PC.Lib.Handle(0))
    key, value = Ref(Ptr{UInt8}(C_NULL)), Ref(Ptr{UInt8}(C_NULL))
    key_len, value_len = Ref(Csize_t(0)), Ref(Csize_t(0))
    at(cell::Ref{T}) where {T} = Ptr{T}(pointer_from_objref(cell))
    found = Tuple{Vector{UInt8},Vector{UInt8}}[]
    GC.@preserve key value key_len value_len begin
        while PC.checked(PC.Lib.pc_iter_next(iterator, at(key), at(key_len), at(value), at(value_len))) != PC.Lib.PC_END
            push!(found, (copy(unsafe_wrap(Array, key[], key_len[])),
                value_len[] == 0 ? UInt8[] : copy(unsafe_wrap(Array, value[], value_len[]))))
        end
    end
    PC.checked(PC.Lib.pc_iter_close(iterator))
    return found
end

function dump_records(kind, name)
    for (key, value) in encoded(kind, opened(kind, name))
        say(bytes2hex(key), bytes2hex(value))
    end
    return ()
end

# Reads with the types of the language and writes again; reports what it cannot hold.
function copy_records(kind, name, to)
    source = opened(kind, name)
    _, key_type, value_type = schema_of(name)
    target = with_types(kind, to, key_type, value_type)
    for (key, _) in encoded(kind, source)
        try
            if kind == "set"
                push!(target, GC.@preserve key PC.decode_key(source.keycolumn, pointer(key), length(key)))
            else
                text = String(copy(key))
                target[text] = source[text]
            end
        catch failure
            failure isa InexactError || rethrow()
            say(bytes2hex(key))
        end
    end
    return ()
end

const COMMANDS = Dict{String,Function}("open" => open_environment, "close" => close_environment, "declare" => declare,
    "schema" => schema_of, "add" => add, "commit" => newest_commit, "wait" => wait_for_commit,
    "pairs" => pairs_of, "watch" => watch, "fill" => fill_range,
    "empty" => empty_dict, "begin" => begin_iteration, "end" => end_iteration, "dump" => dump_records,
    "copy" => copy_records)

for line in eachline(stdin)
    words = map(String, split(line, '\t'))
    try
        say("ok", COMMANDS[words[1]](words[2:end]...)...)
    catch failure
        failure isa LMDB.LMDBError || rethrow()
        say("error", failure.code, failure.message)
    end
end
