# What this package costs beside plain calls of LMDB, and beside Julia's `Serialization` where values are of type `Any`; and what a
# program waits for before its first calls.
#
# Usage: julia --project=bindings/julia bindings/julia/bench/run.jl [--quick] [--check] [PART OF A TITLE]
#
# Prints nanoseconds an item for both sides, the ratio and the goal, and writes the same to target/bench/julia.json. It takes five
# minutes, with `--quick` one. With `--check`, it fails if a row marked for that misses its goal: those whose bounds leave
# room for other machines. LMDB is the library that $LMDB_LIBRARY names, which `make bench-julia` builds from the sources that
# this project uses. Nothing is durable on either side: a durable write waits for the disk in every library.
#
# - `turns.jl`: how two sides are compared
# - `lmdb.jl`: LMDB, called plainly
# - `text.jl`, `any.jl`: the work of the rows
# - `first_calls.jl`: a program that is run for the rows of first calls

using PersistentCollections
using Dates
using Serialization
using Statistics: median

include("turns.jl")
include("lmdb.jl")
include("text.jl")
include("any.jl")

const COUNT = 100_000
const VALUE = "v"^100
const GETS = 5_000
const PUTS = 500
const ANY_COUNT = 10_000
const PROCESSES = 7

const QUICK = Pace(0.6, 5)
const FULL = Pace(4, 60)

# In an order that jumps about: 7919 is prime.
keys_for(count) = ["key" * lpad(string(number * 7919 % count), 8, '0') for number in 0:count - 1]
# A different part of the keys at each turn.
some(keys, count, turn) = keys[1 + turn * count % length(keys):count + turn * count % length(keys)]

against_lmdb(title, goal, is_checked, items, work, ours, bare, arguments) =
    Comparison(title, "LMDB", goal, is_checked, items, turn -> work(ours, arguments(turn)...), turn -> work(bare, arguments(turn)...))

function text_rows(env, bare_env, reader)
    keys = keys_for(COUNT)
    dict, bare = PersistentDict{String,String}(env; id="dict"), open_database(bare_env, reader, "dict")
    merge!(dict, Dict(key => VALUE for key in keys))
    fill_bare(bare, (key, VALUE) for key in keys)
    row(title, goal, items, work, arguments; is_checked=false) = against_lmdb(title, goal, is_checked, items, work, dict, bare, arguments)
    return [
        row("d[k]", 1.3, GETS, gets, turn -> (some(keys, GETS, turn),); is_checked=true),
        row("haskey(d, k)", 1.3, GETS, contained, turn -> (some(keys, GETS, turn),)),
        row("get_many(d, keys), a key", 1.3, GETS, many, turn -> (some(keys, GETS, turn),)),
        row("a snapshot of one d[k]", nothing, GETS, snapshots, turn -> (some(keys, GETS, turn),)),
        row("pairs", 1.5, COUNT, pairs_of, turn -> (); is_checked=true),
        Comparison("keys(d)", "LMDB", 1.5, false, COUNT, turn -> keys_of(Base.keys(dict)), turn -> keys_of(bare)),
        row("d[k] = v", 1.2, PUTS, puts, turn -> (some(keys, PUTS, turn), VALUE); is_checked=true),
        row("d[k] = v in a transaction", 1.5, GETS, puts_together, turn -> (some(keys, GETS, turn), VALUE)),
        row("merge!(d, a Dict), an entry", 1.5, GETS, updated, turn -> (updates[1 + turn % length(updates)],)),
    ]
end

const updates = [Dict(key => VALUE for key in some(keys_for(COUNT), GETS, turn)) for turn in 1:4]

function set_rows(env, bare_env, reader)
    elements = keys_for(COUNT)
    few = elements[1:10:end]
    all, part = (PersistentSet{String}(env; id=id) for id in ("all", "part"))
    bare_all, bare_part = (open_database(bare_env, reader, name) for name in ("all", "part"))
    foreach(((set, with),) -> union!(set, with), ((all, elements), (part, few)))
    foreach(((bare, with),) -> added(bare, with), ((bare_all, elements), (bare_part, few)))
    row(title, goal, items, work, arguments) = against_lmdb(title, goal, false, items, work, all, bare_all, arguments)
    return [
        row("x in s", 1.3, GETS, contained, turn -> (some(elements, GETS, turn),)),
        row("union!(s, a Vector), an element", 1.5, GETS, added, turn -> (some(elements, GETS, turn),)),
        Comparison("keys of a set", "LMDB", 1.5, false, COUNT, turn -> keys_of(all), turn -> keys_of(bare_all)),
        Comparison("issubset(a, b), an element of b", "LMDB", 1.5, false, COUNT, turn -> is_subset(part, all), turn -> is_subset(bare_part, bare_all)),
        Comparison("union!(a, b), an element of b", "LMDB", 1.5, false, length(few), turn -> united(all, part), turn -> united(bare_all, bare_part)),
    ]
end

function any_rows(env, bare_env, reader, folder)
    keys = keys_for(ANY_COUNT)
    rows, dicts = Any[], Dict{String,Any}()
    for (number, (what, value)) in enumerate(ITEMS)
        dict, bare = PersistentDict{String,Any}(env; id="any $number"), open_database(bare_env, reader, "any $number")
        merge!(dict, Dict(key => value for key in keys))
        fill_any(bare, keys, value)
        dicts[what] = dict
        # Only the first one is checked: the times of the others lie closer to what LMDB itself takes.
        is_first = number == 1
        push!(rows, Comparison("d[k] of $what", "LMDB and deserialize", 0.5, is_first, GETS, turn -> gets_any(dict, some(keys, GETS, turn)),
            turn -> gets_any(bare, some(keys, GETS, turn))))
        is_first || continue
        push!(rows, Comparison("pairs of $what", "LMDB and deserialize", 0.5, false, ANY_COUNT, turn -> walk(dict), turn -> walk(bare)))
        push!(rows, Comparison("d[k] = $what", "LMDB and serialize", nothing, false, PUTS, turn -> puts_any(dict, some(keys, PUTS, turn), value),
            turn -> puts_any(bare, some(keys, PUTS, turn), value)))
        files, one = Files(mkdir(joinpath(folder, "files"))), OneFile(joinpath(folder, "file"), Dict{String,Any}(key => value for key in keys))
        puts_any(files, keys[1:PUTS], value)
        push!(rows, Comparison("d[k] of $what", "a file for each key", nothing, false, PUTS, turn -> gets_any(dict, keys[1:PUTS]), turn -> gets_any(files, keys[1:PUTS])))
        push!(rows, Comparison("d[k] = $what", "a file for each key", nothing, false, PUTS, turn -> puts_any(dict, keys[1:PUTS], value),
            turn -> puts_any(files, keys[1:PUTS], value)))
        push!(rows, Comparison("d[k] = $what", "$ANY_COUNT items in a file", nothing, false, 1, turn -> puts_any(dict, some(keys, 1, turn), value),
            turn -> puts_any(one, some(keys, 1, turn), value)))
        push!(rows, Comparison("d[k] of $what", "$ANY_COUNT items in a file", nothing, false, 1, turn -> gets_any(dict, some(keys, 1, turn)),
            turn -> gets_any(one, some(keys, 1, turn))))
    end
    for what in ("a small dict", "an integer", "text")
        push!(rows, Figure("pairs of $what", "µs an item", 1, false, () -> loop_time(dicts[what])))
        push!(rows, Figure("pairs of $what", "allocations an item", 12.1, what == "a small dict", () -> allocations(dicts[what])))
    end
    return rows
end

# Vectors of one shape, whose bytes are read as they are.
function vector_rows(env, bare_env, reader)
    keys, value = keys_for(1000), rand(Float32, 768)
    dict, bare = PersistentDict{String,Vector{Float32}}(env; id="vectors", shape=(768,)), open_database(bare_env, reader, "vectors")
    merge!(dict, Dict(key => value for key in keys))
    fill_any(bare, keys, value)
    return [Comparison("d[k] of a typed 768 × Float32", "LMDB and deserialize", 0.5, false, length(keys), turn -> gets_any(dict, keys), turn -> gets_any(bare, keys))]
end

# Loops that are left before their end. They come last: until the garbage collector finds such a loop, its snapshot holds pages
# that writes could use again.
function range_rows(env, bare_env, reader)
    keys = keys_for(COUNT)
    dict, bare = PersistentDict{String,String}(env; id="dict"), open_database(bare_env, reader, "dict")
    return [against_lmdb("10 entries from a key on, an entry", nothing, false, 10 * PUTS, ranges, dict, bare, turn -> (some(keys, PUTS, turn), 10))]
end

# What `first_calls.jl` prints in each of some processes.
function first_calls()
    julia = `$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project())`
    program = joinpath(@__DIR__, "first_calls.jl")
    # Precompiles, if that is not done yet.
    run(`$julia -e "using PersistentCollections"`)
    return [parse.(Float64, split(readchomp(`$julia $program`))) for _ in 1:PROCESSES]
end

# The medians of processes that each do everything for the first time.
function first_call_rows()
    seconds = Vector{Float64}[]
    middle(moment) = (isempty(seconds) && append!(seconds, first_calls()); median([each[moment] for each in seconds]))
    return [
        Figure("using PersistentCollections", "s of a process", 0.5, false, () -> middle(1)),
        Figure("the first d[k], d[k] = v before", "s of a process", 0.3, false, () -> middle(4)),
        Figure("the first d[k] = v", "s of a process", 0.3, false, () -> middle(3)),
        Figure("opening an environment and a dict", "s of a process", 0.5, false, () -> middle(2)),
    ]
end

function main(arguments)
    isfile(LIBRARY) || error("no LMDB at $LIBRARY: make bench-julia builds it, or set LMDB_LIBRARY")
    began = round(Int, time())
    pace, check = "--quick" in arguments ? QUICK : FULL, "--check" in arguments
    parts = filter(argument -> !startswith(argument, "--"), arguments)
    is_wanted(row) = isempty(parts) || any(part -> occursin(part, row.title), parts)
    results = mktempdir() do folder
        env = Environment(joinpath(folder, "ours"); durability=:none)
        bare_env = open_bare(mkdir(joinpath(folder, "bare")))
        reader = reader_of(bare_env)
        print_row("nanoseconds an item", "ours", "reference", "ratio", "goal", "reference")
        results = Any[]
        for rows in (() -> text_rows(env, bare_env, reader), () -> set_rows(env, bare_env, reader), () -> any_rows(env, bare_env, reader, folder),
                () -> vector_rows(env, bare_env, reader), () -> range_rows(env, bare_env, reader), first_call_rows), row in rows()
            is_wanted(row) && push!(results, run_row(row, pace, check))
        end
        close_bare(bare_env, reader)
        close(env)
        results
    end
    write_rows(normpath(joinpath(@__DIR__, "..", "..", "..", "target", "bench", "julia.json")), began, pace === FULL && isempty(parts), results)
    missed = [row.title for row in results if row.is_checked && !row.is_met]
    check && !isempty(missed) && (println("beyond the goal: ", join(missed, ", ")); exit(1))
    return nothing
end

main(ARGS)
