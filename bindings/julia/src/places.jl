# Where in a value that has no stored form the fault is: looked for after it has failed, so that it costs nothing else.

# The steps that lead to it, as Julia would write them behind the value; none for the value itself.
function place_of(@nospecialize(value), depth::Int=0)
    depth < CBOR_DEPTH || return ""
    for (step, inner) in parts_of(value)
        is_storable(inner) || return string(step, place_of(inner, depth + 1))
    end
    return ""
end

function is_storable(@nospecialize(value))
    held = Ref{Any}(value)
    return attempt(() -> (putwithin!(UInt8[], held[], 0); true)) === true
end

parts_of(@nospecialize(value::Tuple)) = Any[("[$index]", getfield(value, index)) for index in 1:nfields(value)]
parts_of(list::AbstractVector) = (("[$index]", list[index]) for index in eachindex(list) if isassigned(list, index))
parts_of(pairs::AbstractVector{<:Pair}) = parts_of_entries(pairs)
parts_of(dict::AbstractDict) = parts_of_entries(dict)
parts_of(set::AbstractSet) = ((", element $(brief(element))", element) for element in set)
parts_of(value::Tagged) = ((".content", value.content),)
parts_of(value::T) where {T} =
    isplainstruct(T) ? ((".$field", stored_as(fieldtype(T, field), getfield(value, field))) for field in fieldnames(T) if isdefined(value, field)) : ()

parts_of_entries(entries) = Iterators.flatten(((", key $(brief(key))", key), ("[$(brief(key))]", value)) for (key, value) in entries)

# As Julia shows it, where that is short.
function brief(value)
    shown = sprint(show, value; context=:limit => true)
    return length(shown) <= 60 ? shown : string(first(shown, 50), "…")
end

# What `f` gives, or nothing if it fails because a value is not what is asked for. What comes from outside, and what the
# library says, is no such failure.
function attempt(f)
    try
        return f()
    catch failure
        failure isa Union{InterruptException,StackOverflowError,OutOfMemoryError,LMDB.LMDBError} && rethrow()
        return nothing
    end
end
