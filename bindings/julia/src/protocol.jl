# What else Base's dicts and sets do. Where Base makes a new collection of a persistent one it is a plain one,
# and where it changes one in several steps that is one transaction.

const Persistent = Union{PersistentDict,PersistentSet}

# The keyword has methods of its own, for less special types, so that `dict[key] = value` is as small as it can be.
Base.setindex!(dict::Persistent, value, key; sync::Bool) = with_sync(() -> setindex!(dict, value, key), dict.env, sync)
Base.delete!(collection::Persistent, key; sync::Bool) = with_sync(() -> delete!(collection, key), collection.env, sync)
with_sync(f, env::Environment, sync::Bool) = sync ? f() : transaction(f, env; sync=false)
const KeysOrValues = Union{Base.KeySet{<:Any,<:PersistentDict},Base.ValueIterator{<:PersistentDict}}

# Other threads or processes may write between `length` and the end of a loop, so the size of a loop is unknown.
Base.IteratorSize(::Type{<:Persistent}) = Base.SizeUnknown()
Base.IteratorSize(::Type{<:KeysOrValues}) = Base.SizeUnknown()

whole(collection::Persistent) = view_of(collection, EVERYTHING)
whole(keys::Base.KeySet{<:Any,<:PersistentDict}) = keys_view(keys.dict, EVERYTHING)
whole(values::Base.ValueIterator{<:PersistentDict}) = values_view(values.dict, EVERYTHING)

Base.in(key, keys::Base.KeySet{<:Any,<:PersistentDict}) = haskey(keys.dict, key)

# The ends, leaving no iterator open.
function Base.first(collection::Union{Persistent,KeysOrValues})
    found = first_item(whole(collection))
    found === nothing && refuse_empty()
    return something(found)
end

function Base.last(collection::Union{Persistent,KeysOrValues})
    found = first_item(Iterators.reverse(whole(collection)))
    found === nothing && refuse_empty()
    return something(found)
end

Base.sizehint!(collection::Persistent, ::Integer; keywords...) = collection

Base.getkey(dict::PersistentDict{K}, key, default) where {K} = haskey(dict, key) ? storable(K, key) : default

Base.empty(::PersistentDict, ::Type{K}, ::Type{V}) where {K,V} = Dict{K,V}()
Base.empty(::PersistentSet, ::Type{T}) where {T} = Set{T}()

# ---- several at once

Base.push!(dict::PersistentDict, first::Pair, second::Pair, more::Pair...) =
    (store_many(dict, ((first, second, more...),)); dict)
Base.push!(set::PersistentSet, first, second, more...) = (add_many(set, to_store(set, ((first, second, more...),))); set)

Base.copy!(dict::PersistentDict, source::AbstractDict) = exchanged!(merge!, dict, source)
Base.copy!(set::PersistentSet, source::AbstractSet) = exchanged!(union!, set, source)

function exchanged!(fill!, collection::Persistent, source)
    collection === source && return collection
    return transaction(() -> fill!(empty!(collection), source), collection.env)
end

Base.replace(collection::Persistent, old_new::Pair...; keywords...) = replace(copy(collection), old_new...; keywords...)
Base.replace(new::Base.Callable, collection::Persistent; keywords...) = replace(new, copy(collection); keywords...)

Base.replace!(collection::Persistent, old_new::Pair...; keywords...) =
    transaction(() -> invoke(replace!, Tuple{Any,Vararg{Pair}}, collection, old_new...; keywords...), collection.env)
Base.replace!(new::Base.Callable, collection::Persistent; keywords...) =
    transaction(() -> invoke(replace!, Tuple{Base.Callable,Any}, new, collection; keywords...), collection.env)

# ---- showing

# As Julia shows plain ones. What is shown is of one moment, and no iterator is left where it stops early.
at_one_moment(show_it, io::IO, collection::Persistent) =
    isopen(collection) ? snapshot(show_it, collection.env) : summary(io, collection)

Base.summary(io::IO, dict::PersistentDict) =
    isopen(dict) ? invoke(summary, Tuple{IO,AbstractDict}, io, dict) : print(io, typeof(dict), " (closed)")
Base.summary(io::IO, set::PersistentSet) =
    isopen(set) ? invoke(summary, Tuple{IO,AbstractSet}, io, set) : print(io, typeof(set), " (closed)")

Base.show(io::IO, dict::PersistentDict) =
    at_one_moment(() -> invoke(show, Tuple{IO,AbstractDict}, io, dict), io, dict)
Base.show(io::IO, plain::MIME"text/plain", dict::PersistentDict) =
    at_one_moment(() -> invoke(show, Tuple{IO,MIME"text/plain",AbstractDict}, io, plain, dict), io, dict)
Base.show(io::IO, plain::MIME"text/plain", set::PersistentSet) =
    at_one_moment(() -> invoke(show, Tuple{IO,MIME"text/plain",AbstractSet}, io, plain, set), io, set)

# Base defines this only for `Set`. If space is limited, it shows the first elements.
Base.show(io::IO, set::PersistentSet{T}) where {T} = at_one_moment(io, set) do
    limit = get(io, :limit, false) ? 20 : typemax(Int)
    beginning = collect(Iterators.take(set, limit))
    print(io, "PersistentSet{", T, "}(")
    show(IOContext(io, :typeinfo => Vector{T}), beginning)
    print(io, length(set) > length(beginning) ? ", …)" : ")")
end
