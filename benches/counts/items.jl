# items.jl DIRECTORY COUNTING: counts the instructions of what Julia programs do most with collections.

using PersistentCollections
using Libdl

const KEYS = 10_000
const COUNT = 1000
const VALUE = "v"^100

const directory = ARGS[1]
const counting = dlopen(ARGS[2])
const count_begin = dlsym(counting, :count_begin)
const count_end = dlsym(counting, :count_end)

function open_at(name)
    env = Environment(joinpath(directory, name); durability=:none)
    return env, PersistentDict{String,String}(env; id="dict")
end

function gets(dict, keys)
    total = 0
    for key in keys
        total += sizeof(dict[key])
    end
    return total
end

function contained(dict, keys)
    total = 0
    for key in keys
        total += haskey(dict, key)
    end
    return total
end

# Walks over all entries, so that it does not matter how many are read ahead.
function walk(dict)
    total = 0
    for pair in dict
        total += sizeof(pair.first) + sizeof(pair.second)
    end
    return total
end

function snapshots(env, dict, keys)
    total = 0
    for key in keys
        total += snapshot(() -> sizeof(dict[key]), env)
    end
    return total
end

function puts(dict, keys)
    for key in keys
        dict[key] = VALUE
    end
end

function transactions(env, dict, keys)
    for key in keys
        transaction(() -> dict[key] = VALUE, env)
    end
end

# Counts one row.
function measure(row, work, items, keys)
    # A copy for each row, so that no row depends on those before it.
    path = mktempdir(directory)
    cp(joinpath(directory, "filled"), path; force=true)
    env, dict = open_at(path)
    some = keys[1:items]
    # At first Julia compiles.
    work(env, dict, some)
    GC.enable(false)
    ccall(count_begin, Cvoid, ())
    work(env, dict, some)
    ccall(count_end, Cvoid, (Cstring, Cint), row, items)
    GC.enable(true)
    close(env)
end

const ROWS = [
    ("d[k]", (env, dict, keys) -> gets(dict, keys), COUNT),
    ("haskey(d, k)", (env, dict, keys) -> contained(dict, keys), COUNT),
    ("get_many(), a key", (env, dict, keys) -> get_many(dict, keys), COUNT),
    ("for (k, v) in d, an entry", (env, dict, keys) -> walk(dict), KEYS),
    ("a snapshot of one get", snapshots, COUNT),
    ("d[k] = v", (env, dict, keys) -> puts(dict, keys), COUNT),
    ("d[k] = v in a transaction", (env, dict, keys) -> transaction(() -> puts(dict, keys), env), COUNT),
    ("a transaction of one put", transactions, COUNT),
]

function main()
    # In an order that jumps about: 7919 is prime.
    keys = ["key" * lpad(string(number * 7919 % KEYS), 8, '0') for number in 0:KEYS - 1]
    env, dict = open_at("filled")
    transaction(() -> puts(dict, keys), env)
    close(env)
    for (row, work, items) in ROWS
        measure(row, work, items, keys)
    end
end

main()
