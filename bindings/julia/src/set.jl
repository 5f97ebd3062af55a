# PersistentSet: a set that lives in an environment.

"""
    PersistentSet{T}(env; id="")
    PersistentSet(env; id="")

The set called `id` in the environment, made if there is none; an `AbstractSet` whose elements are in
order. Without a type it is opened as it is stored. Elements are of the types that a
[`PersistentDict`](@ref)'s keys can have, and all that is said there of transactions, threads and
iteration holds here too.

Set operations between two persistent sets of the same type go by the stored bytes: of two sets of `Any` neither
holds the other's `1` because it has a `1.0` or a `true`, which are three elements in every language.

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

function PersistentSet{T}(env::Environment; id::AbstractString="") where {T}
    id = String(id)
    handle, (form,) = open_as_stored(env, id, :set, (keytypestring(T),), (T,), ("element",)) do type
        open_set(env, id, type)
    end
    return PersistentSet{T}(env, id, handle, Column{T}(holds_raw(handle) ? RAW : form))
end

function PersistentSet(env::Environment; id::AbstractString="")
    found = schema(env, id)
    (found === nothing || found.kind !== :set) && return PersistentSet{Any}(env; id=id)
    T, _ = juliatype(found.key)
    return PersistentSet{T}(env, String(id), open_set(env, String(id), found.key), Column{T}(found.key == "any" ? ANY : TYPED))
end

function open_set(env::Environment, id::String, type::Union{Nothing,String})
    handle = writing(env) do
        GC.@preserve id type written(Handle(0)) do out
            Lib.pc_set_open(live(env), text_address(id), text_address(type), UInt32(0), out)
        end
    end
    return CollectionHandle(handle, false, env)
end

keycolumn(set::PersistentSet) = set.keycolumn
view_of(set::PersistentSet, bounds::Bounds) = keys_view(set, bounds)
open_iterator(set::PersistentSet, range, out) = Lib.pc_iter_open_set(set.handle.id, range, out)
remove_range(set::PersistentSet, range, removed) = Lib.pc_set_remove_range(set.handle.id, range, removed)
Base.eltype(::Type{View{PersistentSet{T},:keys}}) where {T} = T

Base.isopen(set::PersistentSet) = isopen(set.env)

function Base.in(element, set::PersistentSet)
    return with_sought(set.keycolumn, element, false) do at, count
        reading(() -> found(Lib.pc_set_contains(set.handle.id, at, count)), set)
    end
end

function Base.push!(set::PersistentSet{T}, element) where {T}
    with_key(set.keycolumn, storable(T, element)) do at, count
        writing(() -> check(Lib.pc_set_add(set.handle.id, at, count)), set)
    end
    return set
end

# Whether it was there.
function remove(set::PersistentSet, element)
    return with_sought(set.keycolumn, element, false) do at, count
        writing(() -> found(Lib.pc_set_remove(set.handle.id, at, count)), set)
    end
end

Base.delete!(set::PersistentSet, element) = (remove(set, element); set)
Base.pop!(set::PersistentSet, element) = remove(set, element) ? element : throw(KeyError(element))
Base.pop!(set::PersistentSet, element, default) = remove(set, element) ? element : default

function Base.pop!(set::PersistentSet)
    return transaction(set.env) do
        element = first_item(view_of(set, EVERYTHING))
        element === nothing && throw(ArgumentError("set must be non-empty"))
        remove(set, something(element))
        something(element)
    end
end

Base.length(set::PersistentSet) = Int(reading(() -> written(out -> Lib.pc_set_len(set.handle.id, out), UInt64(0)), set))
Base.isempty(set::PersistentSet) = length(set) == 0

function Base.empty!(set::PersistentSet)
    writing(() -> check(Lib.pc_set_clear(set.handle.id)), set)
    return set
end

@inline Base.iterate(set::PersistentSet) = iterate(view_of(set, EVERYTHING))
@inline Base.iterate(set::PersistentSet, state::State) = iterate(view_of(set, EVERYTHING), state)
Iterators.reverse(set::PersistentSet) = Iterators.reverse(view_of(set, EVERYTHING))

Base.copy(set::PersistentSet{T}) where {T} = Set{T}(view_of(set, EVERYTHING))

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
        check(Lib.pc_set_add_many(set.handle.id, length(elements), address(elements.bytes), pointer(elements.offsets),
            Ptr{UInt64}(C_NULL), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

function remove_many(set::PersistentSet, elements::Columns)
    length(elements) == 0 && return nothing
    GC.@preserve elements writing(set) do
        check(Lib.pc_set_remove_many(set.handle.id, length(elements), address(elements.bytes), pointer(elements.offsets),
            Ptr{UInt64}(C_NULL), Ptr{Csize_t}(C_NULL)))
    end
    return nothing
end

# ---- two sets of one type: the library walks them

# Whether the elements of two sets are the same bytes where they are equal.
same_form(a::PersistentSet{T}, b::PersistentSet{T}) where {T} =
    a.keycolumn.form === b.keycolumn.form && (a.keycolumn.form === TYPED ? T !== LMDB.MDBValue : T === Any && a.keycolumn.form === ANY)
same_form(a::PersistentSet, b) = false

# Makes `set` what `call(a, b, into)` does of it and each of the others.
function combine!(call, set::PersistentSet, others)
    one(other) = GC.@preserve set other writing(set) do
        reading(() -> check(call(set.handle.id, other.handle.id, set.handle.id)), other.env)
    end
    length(others) == 1 ? one(first(others)) : transaction(() -> foreach(one, others), set.env)
    return set
end

compare(call, a::PersistentSet, b::PersistentSet) = GC.@preserve a b reading(a.env) do
    reading(() -> written(out -> call(a.handle.id, b.handle.id, out), false), b.env)
end

Base.issubset(a::PersistentSet, b::PersistentSet) =
    same_form(a, b) ? compare(Lib.pc_set_is_subset, a, b) : invoke(issubset, Tuple{AbstractSet,AbstractSet}, a, b)
Base.isdisjoint(a::PersistentSet, b::PersistentSet) =
    same_form(a, b) ? compare(Lib.pc_set_is_disjoint, a, b) : invoke(isdisjoint, Tuple{AbstractSet,AbstractSet}, a, b)

# ---- with any collections

function Base.union!(set::PersistentSet, others...)
    all(other -> same_form(set, other), others) && return combine!(Lib.pc_set_union, set, others)
    add_many(set, to_store(set, others))
    return set
end

Base.append!(set::PersistentSet, elements) = union!(set, elements)

function Base.filter!(keep, set::PersistentSet)
    transaction(set.env) do
        elements = Columns()
        for element in set
            keep(element) || push!(elements, encode_key(set.keycolumn, element))
        end
        remove_many(set, elements)
    end
    return set
end

function Base.setdiff!(set::PersistentSet, others...)
    all(other -> same_form(set, other), others) && return combine!(Lib.pc_set_difference, set, others)
    elements = Columns()
    for other in others, element in other
        bytes = sought(set.keycolumn, element)
        bytes === nothing || push!(elements, bytes)
    end
    remove_many(set, elements)
    return set
end

Base.intersect!(set::PersistentSet, others...) = intersect_all!(set, others)
Base.intersect!(set::PersistentSet, other::AbstractSet) = intersect_all!(set, (other,))

function intersect_all!(set::PersistentSet, others)
    all(other -> same_form(set, other), others) && return combine!(Lib.pc_set_intersection, set, others)
    kept = map(other -> other isa AbstractSet ? other : Set(other), others)
    return filter!(element -> all(other -> element in other, kept), set)
end

function Base.symdiff!(set::PersistentSet, others...)
    all(other -> same_form(set, other), others) && return combine!(Lib.pc_set_symmetric_difference, set, others)
    transaction(set.env) do
        for other in others
            elements = Set(other)
            present = [element for element in elements if element in set]
            setdiff!(set, present)
            union!(set, setdiff(elements, present))
        end
    end
    return set
end
