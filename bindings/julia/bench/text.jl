# Rows of dicts and sets of text: the same work for a dict and a set, and for LMDB's own functions.

function gets(bare::Bare, keys::Vector{String})
    total = 0
    for key in keys
        renew(bare)
        total += sizeof(text_of(get_bare(bare.reader, bare.dbi, key)))
        reset(bare)
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

function contained(bare::Bare, keys::Vector{String})
    total = 0
    for key in keys
        renew(bare)
        total += get_bare(bare.reader, bare.dbi, key).data != C_NULL
        reset(bare)
    end
    return total
end

function contained(dict::PersistentDict, keys::Vector{String})
    total = 0
    for key in keys
        total += haskey(dict, key)
    end
    return total
end

function contained(set::PersistentSet, keys::Vector{String})
    total = 0
    for key in keys
        total += key in set
    end
    return total
end

function many(bare::Bare, keys::Vector{String})
    renew(bare)
    values = String[text_of(get_bare(bare.reader, bare.dbi, key)) for key in keys]
    reset(bare)
    return sum(sizeof, values)
end

many(dict::PersistentDict, keys::Vector{String}) = sum(sizeof, get_many(dict, keys))

# One transaction of a get each.
function snapshots(bare::Bare, keys::Vector{String})
    total = 0
    for key in keys
        txn = begin_bare(bare.env, MDB_RDONLY)
        total += sizeof(text_of(get_bare(txn, bare.dbi, key)))
        abort_bare(txn)
    end
    return total
end

function snapshots(dict::PersistentDict, keys::Vector{String})
    total = 0
    for key in keys
        total += snapshot(() -> sizeof(dict[key]), dict.env)
    end
    return total
end

# ---- loops

function pairs_of(bare::Bare)
    renew(bare)
    total = with_cursor(bare.reader, bare.dbi) do cursor
        k, v, total = Ref(Val()), Ref(Val()), 0
        while moved(cursor, k, v)
            pair = text_of(k[]) => text_of(v[])
            total += sizeof(pair.first) + sizeof(pair.second)
        end
        total
    end
    reset(bare)
    return total
end

function pairs_of(dict::PersistentDict{String,String})
    total = 0
    for pair in dict
        total += sizeof(pair.first) + sizeof(pair.second)
    end
    return total
end

function keys_of(bare::Bare)
    renew(bare)
    total = with_cursor(bare.reader, bare.dbi) do cursor
        k, v, total = Ref(Val()), Ref(Val()), 0
        while moved(cursor, k, v)
            total += sizeof(text_of(k[]))
        end
        total
    end
    reset(bare)
    return total
end

function keys_of(items)
    total = 0
    for key in items
        total += sizeof(key)
    end
    return total
end

# The `count` entries from each of the keys on.
function ranges(bare::Bare, keys::Vector{String}, count::Int)
    renew(bare)
    total = 0
    for key in keys
        total += with_cursor(bare.reader, bare.dbi) do cursor
            k, v, sum, number = Ref(Val(sizeof(key), pointer(key))), Ref(Val()), 0, 0
            is_there = GC.@preserve key moved(cursor, k, v, MDB_SET_RANGE)
            while is_there && number < count
                sum += sizeof(text_of(k[])) + sizeof(text_of(v[]))
                number += 1
                is_there = moved(cursor, k, v)
            end
            sum
        end
    end
    reset(bare)
    return total
end

function ranges(dict::PersistentDict, keys::Vector{String}, count::Int)
    total = 0
    for key in keys
        for pair in Iterators.take(between(dict, key, nothing), count)
            total += sizeof(pair.first) + sizeof(pair.second)
        end
    end
    return total
end

# ---- writing

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

function puts_together(bare::Bare, keys::Vector{String}, value::String)
    txn = begin_bare(bare.env, 0)
    for key in keys
        put_bare(txn, bare.dbi, key, value)
    end
    commit_bare(txn)
    return length(keys)
end

puts_together(dict::PersistentDict, keys::Vector{String}, value::String) = transaction(() -> puts(dict, keys, value), dict.env)

fill_bare(bare::Bare, entries) = (txn = begin_bare(bare.env, 0); foreach(entry -> put_bare(txn, bare.dbi, entry...), entries); commit_bare(txn))

updated(bare::Bare, entries::Dict) = (fill_bare(bare, entries); length(entries))
updated(dict::PersistentDict, entries::Dict) = (merge!(dict, entries); length(entries))

# ---- sets

added(bare::Bare, elements::Vector{String}) = (fill_bare(bare, (element, "") for element in elements); length(elements))
added(set::PersistentSet, elements::Vector{String}) = (union!(set, elements); length(elements))

# Whether all of `a` is in `b`, by walking over both.
function is_subset(a::Bare, b::Bare)
    renew(a)
    answer = with_cursor(a.reader, a.dbi) do left
        with_cursor(b.reader, b.dbi) do right
            k, other, v = Ref(Val()), Ref(Val()), Ref(Val())
            is_there = moved(right, other, v)
            while moved(left, k, v)
                while is_there && order_of(other[], k[]) < 0
                    is_there = moved(right, other, v)
                end
                (is_there && order_of(other[], k[]) == 0) || return false
            end
            true
        end
    end
    reset(a)
    return answer
end

is_subset(a::PersistentSet, b::PersistentSet) = issubset(a, b)

# Adds all of `b` to `a`.
function united(a::Bare, b::Bare)
    txn = begin_bare(a.env, 0)
    count = with_cursor(txn, b.dbi) do cursor
        k, v, count = Ref(Val()), Ref(Val()), 0
        while moved(cursor, k, v)
            put_bare(txn, a.dbi, text_of(k[]), "")
            count += 1
        end
        count
    end
    commit_bare(txn)
    return count
end

united(a::PersistentSet, b::PersistentSet) = (union!(a, b); length(b))
