# PersistentSet: a set that lives in an environment.

"""
    PersistentSet{T}(env; id="")
    PersistentSet{T}(env, id)
    PersistentSet(env; id="")
    PersistentSet(env, id)

Opens the set with the name `id`, and creates it if it does not exist: an `AbstractSet` whose elements are in order.
Without `id`, it opens the environment's unnamed collection, of which there is one: a second set needs a name. Without
a type, the set is opened with the stored one. Elements have the types of a [`PersistentDict`](@ref)'s keys;
transactions, threads and iteration work as there.

Set operations between two persistent sets of the same type compare the stored bytes: in sets of `Any`, `1`, `1.0` and
`true` are three elements, in every language.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> letters = PersistentSet{String}(env; id="letters");

julia> push!(letters, "b", "a", "c");

julia> "a" in letters, "z" in letters, first(letters)
(true, false, "a")

julia> setdiff!(letters, ["a"]) == Set(["b", "c"])
true
```
"""
struct PersistentSet{T} <: AbstractSet{T}
    env::Environment
    id::String
    handle::CollectionHandle
    keycolumn::Column{T}
end

function PersistentSet{T}(env::Environment, name::Name=nothing; id::Name=nothing) where {T}
    id = given_name(name, id)
    (handle, raw), (form,) = open_as_stored(env, id, :set, (keytypestring(T),), (T,), ("element",)) do type
        open_set(env, id, type)
    end
    return PersistentSet{T}(env, id, handle, Column{T}(raw ? RAW : form))
end

function PersistentSet(env::Environment, name::Name=nothing; id::Name=nothing)
    id = given_name(name, id)
    found = schema(env, id)
    (found === nothing || found.kind !== :set) && return PersistentSet{Any}(env, id)
    T, _ = juliatype(found.key)
    handle, _ = open_set(env, id, found.key)
    return PersistentSet{T}(env, id, handle, Column{T}(found.key == "any" ? ANY : TYPED))
end

function open_set(env::Environment, id::String, type::Union{Nothing,String}, flags::UInt32=UInt32(0))
    return open_handle(false, env) do place
        GC.@preserve id type Lib.pc_set_open(live(env), text_address(id), text_address(type), flags, place)
    end
end

keycolumn(set::PersistentSet) = set.keycolumn
view_of(set::PersistentSet, bounds::Bounds) = keys_view(set, bounds)
open_iterator(set::PersistentSet, range, out) = Lib.pc_iter_open_set(live(set), range, out)
remove_range(set::PersistentSet, range, removed) = Lib.pc_set_remove_range(live(set), range, removed)
Base.eltype(::Type{View{PersistentSet{T},:keys}}) where {T} = T

Base.isopen(set::PersistentSet) = isopen(set.env)

function Base.in(element, set::PersistentSet)
    return with_sought(set.keycolumn, element, false) do at, count
        reading(() -> found(Lib.pc_set_contains(live(set), at, count)), set)
    end
end

# Whether it was there already.
function add(set::PersistentSet{T}, element) where {T}
    return with_key(set.keycolumn, storable(T, element)) do at, count
        writing(() -> checked(Lib.pc_set_add(live(set), at, count)), set) == PC_EXISTS
    end
end

Base.push!(set::PersistentSet, element) = (add(set, element); set)

# Julia has it from 1.11 on.
if isdefined(Base, :in!)
    Base.in!(element, set::PersistentSet) = add(set, element)
end

# Whether it was there.
function remove(set::PersistentSet, element)
    return with_sought(set.keycolumn, element, false) do at, count
        writing(() -> found(Lib.pc_set_remove(live(set), at, count)), set)
    end
end

Base.delete!(set::PersistentSet, element) = (remove(set, element); set)
# As Julia's own: from 1.11 on the stored element, which may be of another type than the one that is looked for.
Base.pop!(set::PersistentSet, element) = remove(set, element) ? popped(set, element) : throw(KeyError(element))
Base.pop!(set::PersistentSet, element, default) = remove(set, element) ? popped(set, element) : default

popped(set::PersistentSet, element) = VERSION >= v"1.11" ? stored_element(set, element) : element

function stored_element(set::PersistentSet{T}, element) where {T}
    column = set.keycolumn
    bytes = encode_key(column, storable(T, element))
    return GC.@preserve bytes decode_key(column, address(bytes), sizeof(bytes))
end

function Base.pop!(set::PersistentSet)
    return transaction(set.env) do
        element = first_item(view_of(set, EVERYTHING))
        element === nothing && throw(ArgumentError("set must be non-empty"))
        remove(set, something(element))
        something(element)
    end
end

Base.length(set::PersistentSet) = Int(reading(() -> written(out -> Lib.pc_set_len(live(set), out), UInt64(0)), set))
Base.isempty(set::PersistentSet) =
    set.env.is_remote ? isempty(view_of(set, EVERYTHING)) : length(set) == 0

function Base.empty!(set::PersistentSet)
    writing(() -> checked(Lib.pc_set_clear(live(set))), set)
    return set
end

@inline Base.iterate(set::PersistentSet) = iterate(view_of(set, EVERYTHING))
@inline Base.iterate(set::PersistentSet, state::State) = iterate(view_of(set, EVERYTHING), state)
Iterators.reverse(set::PersistentSet) = Iterators.reverse(view_of(set, EVERYTHING))

Base.copy(set::PersistentSet{T}) where {T} = plain(Set{T}, view_of(set, EVERYTHING))

# ---- many elements at once: each is one transaction

# Encoded elements to store.
function to_store(set::PersistentSet{T}, sources) where {T}
    elements = Columns()
    for source in sources, element in source
        push!(elements, encode_key(set.keycolumn, storable(T, element)))
    end
    return elements
end

function add_many(set::PersistentSet, elements::Columns)
    length(elements) == 0 && return nothing
    GC.@preserve elements writing(set) do
        checked(Lib.pc_set_add_many(live(set), length(elements), address(elements.bytes), pointer(elements.offsets),
            Ptr{UInt64}(C_NULL), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

function remove_many(set::PersistentSet, elements::Columns)
    length(elements) == 0 && return nothing
    GC.@preserve elements writing(set) do
        checked(Lib.pc_set_remove_many(live(set), length(elements), address(elements.bytes), pointer(elements.offsets),
            Ptr{UInt64}(C_NULL), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end
