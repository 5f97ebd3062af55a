# Set operations of sets and of the keys of dicts. They compare stored bytes, as `comparison.jl` explains.

# ---- persistent sets changed in place

# Replaces `set` by the result of `call(a, b, into)` for it and each of the others, of the same type: the library reads both.
function combine!(call, set::PersistentSet, others)
    one(other) = GC.@preserve set other writing(set) do
        reading(() -> checked(call(live(set), live(other), live(set))), other.env)
    end
    length(others) == 1 ? one(first(others)) : transaction(() -> foreach(one, others), set.env)
    return set
end

is_like(set::PersistentSet, other) = false
is_like(set::PersistentSet, other::PersistentSet) = same_form(set, other)
are_like(set::PersistentSet, others) = all(other -> is_like(set, other), others)

function Base.union!(set::PersistentSet, others...)
    are_like(set, others) && return combine!(Lib.pc_set_union, set, others)
    add_many(set, to_store(set, others))
    return set
end

Base.append!(set::PersistentSet, elements) = union!(set, elements)

function setdiff_all!(set::PersistentSet, others)
    are_like(set, others) && return combine!(Lib.pc_set_difference, set, others)
    elements = Columns()
    for other in others, element in other
        bytes = bytes_in(set, other, element)
        bytes === nothing || push!(elements, bytes)
    end
    remove_many(set, elements)
    return set
end

function intersect_all!(set::PersistentSet, others)
    are_like(set, others) && return combine!(Lib.pc_set_intersection, set, others)
    encoded = [encode_all(set, other).elements for other in others]
    return keep_stored!((bytes, _, _) -> all(elements -> haskey(elements, bytes), encoded), set)
end

function symdiff_all!(set::PersistentSet, others)
    are_like(set, others) && return combine!(Lib.pc_set_symmetric_difference, set, others)
    transaction(() -> foreach(other -> toggle_stored!(set, other), others), set.env)
    return set
end

function toggle_stored!(set::PersistentSet{T}, other) where {T}
    # An element that differs from the stored ones only by its type is converted, or refused, as by `push!`.
    elements = Dict(text_of(encode_key(set.keycolumn, storable(T, element))) => nothing for element in other)
    many = collect(keys(elements))
    flags = present(set, many)
    removed, added = Columns(), Columns()
    foreach((bytes, is_there) -> push!(is_there ? removed : added, bytes), many, flags)
    remove_many(set, removed)
    add_many(set, added)
    return set
end

Base.setdiff!(set::PersistentSet, others...) = setdiff_all!(set, others)
Base.setdiff!(set::PersistentSet, other) = setdiff_all!(set, (other,))
Base.setdiff!(set::PersistentSet, other::Stored) = setdiff_all!(set, (other,))
Base.intersect!(set::PersistentSet, others...) = intersect_all!(set, others)
Base.intersect!(set::PersistentSet, other) = intersect_all!(set, (other,))
Base.intersect!(set::PersistentSet, other::AbstractSet) = intersect_all!(set, (other,))
Base.intersect!(set::PersistentSet, other::Stored) = intersect_all!(set, (other,))
Base.symdiff!(set::PersistentSet, others...) = symdiff_all!(set, others)
Base.symdiff!(set::PersistentSet, other) = symdiff_all!(set, (other,))
Base.symdiff!(set::PersistentSet, other::AbstractSet) = symdiff_all!(set, (other,))
Base.symdiff!(set::PersistentSet, other::Stored) = symdiff_all!(set, (other,))

# Removes the entries of which `keep(bytes, page, index)` is false, by the bytes that they are stored under.
function keep_stored!(keep, collection::Persistent)
    transaction(collection.env) do
        removed = Columns()
        all_stored(view_of(collection, EVERYTHING)) do bytes, page, index
            keep(bytes, page, index) || push!(removed, bytes)
            true
        end
        remove_many(collection, removed)
    end
    return collection
end

function Base.filter!(keep, collection::Persistent)
    view = view_of(collection, EVERYTHING)
    return keep_stored!((_, page, index) -> keep(item(view, page, index)), collection)
end

# ---- new sets, which are plain ones, and refuse to hold two elements that are equal to these

function Base.setdiff(stored::Stored, other, more...)
    encoded = [encode_all(stored, each).elements for each in (other, more...)]
    return selected(bytes -> !any(elements -> haskey(elements, bytes), encoded), stored)
end

# The elements of which `keep(bytes)` is true.
function selected(keep, stored::Stored)
    view, found = keys_of(stored), eltype(stored)[]
    all_stored(view) do bytes, page, index
        keep(bytes) && push!(found, key_of(view, page, index))
        true
    end
    return plain(Set{eltype(stored)}, found)
end

function Base.symdiff(stored::Stored, other, more...)
    elements = collect(other)
    many = [bytes_in(stored, other, element) for element in elements]
    theirs = Set(many)
    result = Set{Base.promote_eltype(stored, other)}(selected(bytes -> !(bytes in theirs), stored))
    union!(result, elements[.!present(stored, many)])
    return isempty(more) ? result : symdiff(result, more...)
end

Base.intersect(stored::Stored, other) = Set{Base.promote_eltype(stored, other)}(common(stored, other))
Base.intersect(other::AbstractSet, stored::Stored) = Set{Base.promote_eltype(other, stored)}(common(stored, other))
Base.intersect(a::Stored, b::Stored) = Set{Base.promote_eltype(a, b)}(common(a, b))

# ---- plain sets changed by persistent ones

Base.setdiff!(set::AbstractSet, stored::Stored) = without!(set, common(stored, set))
Base.intersect!(set::AbstractSet, stored::Stored) = filter!(in(Set(common(stored, set))), set)
Base.symdiff!(set::AbstractSet, stored::Stored) = toggle!(set, stored)
Base.symdiff!(set::BitSet, stored::Stored) = toggle!(set, stored)

without!(set::AbstractSet, elements) = (foreach(element -> delete!(set, element), elements); set)

function toggle!(set::AbstractSet, stored::Stored)
    rest = setdiff(stored, set)
    return union!(without!(set, common(stored, set)), rest)
end
