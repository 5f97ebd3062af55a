# What a dict costs beside plain calls of LMDB, in one run: getting, iterating, and putting without durability.
#
# Usage: julia --project=bindings/julia bindings/julia/bench/run.jl [--check]
#
# Prints nanoseconds and ratios; with `--check` it fails where a ratio is beyond its bound. LMDB is the library that
# $LMDB_LIBRARY names, which `make bench-julia` builds from the sources that this project uses.
#
# Both sides take turns, and the best turn of each counts: what else a machine does only ever adds time.

using PersistentCollections

const COUNT = 100_000
const VALUE_BYTES = 100
const GETS = 5_000
const PUTS = 500
# How long a comparison takes, and how long at most while its bound looks broken.
const LEAST_SECONDS = 4
const MOST_SECONDS = 60
# CLOCK_THREAD_CPUTIME_ID: clock_gettime(2) of Linux.
const THREAD_CLOCK = 3

# ---- LMDB, called plainly

const LIBRARY = get(ENV, "LMDB_LIBRARY", normpath(joinpath(@__DIR__, "..", "..", "..", "target", "bench", "liblmdb.so")))

const MDB_NOSYNC = 0x00010000
const MDB_NOTLS = 0x00200000
const MDB_RDONLY = 0x00020000
const MDB_CREATE = 0x00040000
const MDB_NEXT = Cint(8)
const MDB_NOTFOUND = Cint(-30798)

struct Val
    size::Csize_t
    data::Ptr{UInt8}
end

Val() = Val(0, C_NULL)

expect(code::Cint) = code == 0 || error("LMDB failed with $code")

struct Bare
    env::Ptr{Cvoid}
    dbi::Cuint
    # A read transaction that is reset.
    reader::Ptr{Cvoid}
end

function begin_bare(env::Ptr{Cvoid}, flags)
    txn = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_txn_begin, LIBRARY), Cint, (Ptr{Cvoid}, Ptr{Cvoid}, Cuint, Ptr{Ptr{Cvoid}}), env, C_NULL, flags, txn))
    return txn[]
end

commit_bare(txn) = expect(ccall((:mdb_txn_commit, LIBRARY), Cint, (Ptr{Cvoid},), txn))

function put_bare(txn::Ptr{Cvoid}, dbi::Cuint, key::String, value::String)
    k, v = Ref(Val(sizeof(key), pointer(key))), Ref(Val(sizeof(value), pointer(value)))
    GC.@preserve key value begin
        expect(ccall((:mdb_put, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Val}, Ptr{Val}, Cuint), txn, dbi, k, v, 0))
    end
end

# An environment as the project opens its own, but for what the flags say.
function open_bare(path::String)
    made = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_env_create, LIBRARY), Cint, (Ptr{Ptr{Cvoid}},), made))
    env = made[]
    expect(ccall((:mdb_env_set_mapsize, LIBRARY), Cint, (Ptr{Cvoid}, Csize_t), env, 1 << 40))
    expect(ccall((:mdb_env_set_maxdbs, LIBRARY), Cint, (Ptr{Cvoid}, Cuint), env, 1025))
    expect(ccall((:mdb_env_open, LIBRARY), Cint, (Ptr{Cvoid}, Cstring, Cuint, Base.Cmode_t), env, path, MDB_NOSYNC | MDB_NOTLS, 0o644))
    txn, dbi = begin_bare(env, 0), Ref{Cuint}()
    expect(ccall((:mdb_dbi_open, LIBRARY), Cint, (Ptr{Cvoid}, Cstring, Cuint, Ptr{Cuint}), txn, "dict", MDB_CREATE, dbi))
    commit_bare(txn)
    reader = begin_bare(env, MDB_RDONLY)
    ccall((:mdb_txn_reset, LIBRARY), Cvoid, (Ptr{Cvoid},), reader)
    return Bare(env, dbi[], reader)
end

function fill_bare(bare::Bare, entries)
    txn = begin_bare(bare.env, 0)
    foreach(entry -> put_bare(txn, bare.dbi, entry...), entries)
    commit_bare(txn)
end

function close_bare(bare::Bare)
    ccall((:mdb_txn_abort, LIBRARY), Cvoid, (Ptr{Cvoid},), bare.reader)
    ccall((:mdb_env_close, LIBRARY), Cvoid, (Ptr{Cvoid},), bare.env)
end

# ---- the same work on both sides; each gives a number, so that none of it can be left out

function gets(bare::Bare, keys::Vector{String})
    total = 0
    for key in keys
        k, v = Ref(Val(sizeof(key), pointer(key))), Ref(Val())
        expect(ccall((:mdb_txn_renew, LIBRARY), Cint, (Ptr{Cvoid},), bare.reader))
        GC.@preserve key begin
            expect(ccall((:mdb_get, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Val}, Ptr{Val}), bare.reader, bare.dbi, k, v))
        end
        value = unsafe_string(v[].data, v[].size)
        ccall((:mdb_txn_reset, LIBRARY), Cvoid, (Ptr{Cvoid},), bare.reader)
        total += sizeof(value)
    end
    return total
end

function gets(dict::PersistentDict{String,String}, keys::Vector{String})
    total = 0
    for key in keys
        total += sizeof(dict[key])
    end
    return total
end

function pairs_of(bare::Bare)
    total = 0
    expect(ccall((:mdb_txn_renew, LIBRARY), Cint, (Ptr{Cvoid},), bare.reader))
    made = Ref{Ptr{Cvoid}}()
    expect(ccall((:mdb_cursor_open, LIBRARY), Cint, (Ptr{Cvoid}, Cuint, Ptr{Ptr{Cvoid}}), bare.reader, bare.dbi, made))
    cursor = made[]
    k, v = Ref(Val()), Ref(Val())
    while true
        code = ccall((:mdb_cursor_get, LIBRARY), Cint, (Ptr{Cvoid}, Ptr{Val}, Ptr{Val}, Cint), cursor, k, v, MDB_NEXT)
        code == MDB_NOTFOUND && break
        expect(code)
        pair = unsafe_string(k[].data, k[].size) => unsafe_string(v[].data, v[].size)
        total += sizeof(pair.first) + sizeof(pair.second)
    end
    ccall((:mdb_cursor_close, LIBRARY), Cvoid, (Ptr{Cvoid},), cursor)
    ccall((:mdb_txn_reset, LIBRARY), Cvoid, (Ptr{Cvoid},), bare.reader)
    return total
end

function pairs_of(dict::PersistentDict{String,String})
    total = 0
    for pair in dict
        total += sizeof(pair.first) + sizeof(pair.second)
    end
    return total
end

function puts(bare::Bare, keys::Vector{String}, value::String)
    for key in keys
        txn = begin_bare(bare.env, 0)
        put_bare(txn, bare.dbi, key, value)
        commit_bare(txn)
    end
    return length(keys)
end

function puts(dict::PersistentDict{String,String}, keys::Vector{String}, value::String)
    for key in keys
        dict[key] = value
    end
    return length(keys)
end

# ---- taking turns

struct Comparison
    title::String
    bound::Float64
    # How many items a turn handles.
    items::Int
    # Of the number of the turn.
    ours::Function
    bare::Function
end

# Processor time of this thread, in nanoseconds: what others do on the machine meanwhile is not in it.
function spent()
    time = Ref((Clong(0), Clong(0)))
    ccall(:clock_gettime, Cint, (Cint, Ptr{Cvoid}), THREAD_CLOCK, time) == 0 || error("no clock of the thread's time")
    return time[][1] * 1_000_000_000 + time[][2]
end

took(work, turn::Int) = (begun = spent(); work(turn); spent() - begun)

# The best turn of each side. They go on while the bound looks broken, since neighbours share caches and memory.
function compare(comparison::Comparison)
    comparison.ours(1) == comparison.bare(1) || error("$(comparison.title): the two sides did different work")
    ours = bare = typemax(Int)
    begun = time()
    for turn in Iterators.countfrom(1)
        bare = min(bare, took(comparison.bare, turn))
        ours = min(ours, took(comparison.ours, turn))
        elapsed = time() - begun
        (elapsed > MOST_SECONDS || (elapsed > LEAST_SECONDS && ours <= comparison.bound * bare)) && break
    end
    return ours / comparison.items, bare / comparison.items
end

row(cells...) = println(rpad(cells[1], 24), map(cell -> lpad(cell, 12), cells[2:end])...)
rounded(number) = string(round(number; digits=number < 100 ? 2 : 0))

function main(check::Bool)
    isfile(LIBRARY) || error("no LMDB at $LIBRARY: make bench-julia builds it, or set LMDB_LIBRARY")
    value = "v"^VALUE_BYTES
    # 7919 is prime: the keys come in an order that jumps about.
    keys = ["key" * lpad(string(number * 7919 % COUNT), 8, '0') for number in 0:COUNT - 1]
    broken = mktempdir() do folder
        env = LMDB.Environment(joinpath(folder, "ours"); flags=LMDB.MDB_NOSYNC)
        dict = PersistentDict{String,String}(env; id="dict")
        merge!(dict, Dict(key => value for key in keys))
        bare = open_bare(mkdir(joinpath(folder, "bare")))
        fill_bare(bare, (key, value) for key in keys)
        # Another part of the keys at each turn.
        some(count, turn) = keys[1 + turn * count % COUNT:count + turn * count % COUNT]
        comparisons = [
            Comparison("d[k]", 1.3, GETS, turn -> gets(dict, some(GETS, turn)), turn -> gets(bare, some(GETS, turn))),
            Comparison("pairs", 1.5, COUNT, turn -> pairs_of(dict), turn -> pairs_of(bare)),
            Comparison("d[k] = v, not durable", 1.2, PUTS, turn -> puts(dict, some(PUTS, turn), value),
                turn -> puts(bare, some(PUTS, turn), value)),
        ]
        row("nanoseconds each", "ours", "LMDB", "ratio", "bound")
        broken = filter(comparisons) do comparison
            ours, plain = compare(comparison)
            row(comparison.title, rounded(ours), rounded(plain), rounded(ours / plain), comparison.bound)
            ours > comparison.bound * plain
        end
        close_bare(bare)
        close(env)
        broken
    end
    check && !isempty(broken) && (println("beyond the bound: ", join((comparison.title for comparison in broken), ", ")); exit(1))
    return nothing
end

main("--check" in ARGS)
