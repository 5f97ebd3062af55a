# Rows of values of type `Any`, which a program without this package serializes: into LMDB, or into files.

struct Person
    name::String
    age::Int
end

const TYPICAL = Dict("name" => "Ann", "age" => 41, "tags" => ["a", "b"])
const ITEMS = ["a small dict" => TYPICAL, "an integer" => 41, "text" => "v"^20, "a float" => 1.5, "a list" => Any[1, "a", 2.5],
    "a DateTime" => DateTime(2024, 2, 29, 12, 34, 56), "a tuple" => (1, "a"), "a struct" => Person("Ann", 41), "100 floats" => collect(1.0:100.0)]

# Each counts the values that it got.
function gets_any(dict::PersistentDict, keys::Vector{String})
    total = 0
    for key in keys
        total += dict[key] !== nothing
    end
    return total
end

function gets_any(bare::Bare, keys::Vector{String})
    total = 0
    for key in keys
        renew(bare)
        total += deserialized(get_bare(bare.reader, bare.dbi, key)) !== nothing
        reset(bare)
    end
    return total
end

function walk(dict::PersistentDict)
    total = 0
    for (key, value) in dict
        total += sizeof(key) + (value !== nothing)
    end
    return total
end

function walk(bare::Bare)
    renew(bare)
    total = with_cursor(bare.reader, bare.dbi) do cursor
        k, v, total = Ref(Val()), Ref(Val()), 0
        while moved(cursor, k, v)
            total += sizeof(text_of(k[])) + (deserialized(v[]) !== nothing)
        end
        total
    end
    reset(bare)
    return total
end

function puts_any(dict::PersistentDict, keys::Vector{String}, value)
    for key in keys
        dict[key] = value
    end
    return length(keys)
end

function puts_any(bare::Bare, keys::Vector{String}, value)
    for key in keys
        bytes = serialized(value)
        txn = begin_bare(bare.env, 0)
        put_bare(txn, bare.dbi, key, bytes)
        commit_bare(txn)
    end
    return length(keys)
end

fill_any(bare::Bare, keys::Vector{String}, value) = fill_bare(bare, (key, serialized(value)) for key in keys)

# ---- a file for each key

struct Files
    folder::String
end

puts_any(files::Files, keys::Vector{String}, value) = (foreach(key -> serialize(joinpath(files.folder, key), value), keys); length(keys))
gets_any(files::Files, keys::Vector{String}) = count(key -> deserialize(joinpath(files.folder, key)) !== nothing, keys)

# ---- all of it in one file, which is written again after each change

struct OneFile
    path::String
    dict::Dict{String,Any}
end

function puts_any(file::OneFile, keys::Vector{String}, value)
    for key in keys
        file.dict[key] = value
        serialize(file.path, file.dict)
    end
    return length(keys)
end

gets_any(file::OneFile, keys::Vector{String}) = count(key -> deserialize(file.path)[key] !== nothing, keys)

# How many allocations an item of a loop takes.
function allocations(dict::PersistentDict)
    walk(dict)
    before = Base.gc_num()
    walk(dict)
    return Base.gc_alloc_count(Base.GC_Diff(Base.gc_num(), before)) / length(dict)
end

# Microseconds an item of a loop takes, in the best of the rounds.
loop_time(dict::PersistentDict) = minimum(took(turn -> walk(dict), turn) for turn in 1:2 * LEAST_ROUNDS) / length(dict) / 1000
