# The place of the fault in a value that cannot be stored. It is searched only after a failure, so that storing costs nothing more.

# Returns the steps to the fault, as Julia would write them after the value; an empty text for the value itself.
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

# Returns the result of `f`, or nothing if `f` throws because a value is invalid. Interrupts, lack of memory and the
# library's errors are thrown on.
function attempt(f)
    try
        return f()
    catch failure
        failure isa Union{InterruptException,StackOverflowError,OutOfMemoryError,LMDB.LMDBError} && rethrow()
        return nothing
    end
end
