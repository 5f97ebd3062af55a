# Comparison of collections by stored bytes.
#
# Two keys are equal if they are stored as the same bytes, as in a look-up. For keys of type `Any` this is stricter than
# Julia's `isequal`: 1, 1.0 and true are three keys. So the other operand's elements are encoded as keys of the
# collection, on whichever side it is. If two collections have keys of different types, two keys are equal if a look-up
# of each finds the other.

# The keys of a persistent dict as a set.
const StoredKeys = Base.KeySet{<:Any,<:PersistentDict}
const Stored = Union{PersistentSet,StoredKeys}

keycolumn(keys::StoredKeys) = keys.dict.keycolumn
keys_of(set::PersistentSet) = view_of(set, EVERYTHING)
keys_of(keys::StoredKeys) = keys_view(keys.dict, EVERYTHING)

# Whether the keys of two collections are the same bytes where they are equal.
same_form(a, b) = same_form(keycolumn(a), keycolumn(b))
same_form(a::Column{T}, b::Column{T}) where {T} =
    a.form === b.form && (a.form === TYPED ? T !== LMDB.MDBValue : T === Any && a.form === ANY)
same_form(a::Column, b::Column) = false

# ---- elements as they are stored

# Returns the key bytes of an element of `other`, or nothing if the collection cannot hold it.
bytes_in(stored, other, element) = text_of(sought(keycolumn(stored), element))

function bytes_in(stored, other::Union{Stored,PersistentDict}, element)
    bytes = text_of(sought(keycolumn(stored), element))
    (bytes === nothing || same_form(stored, other)) && return bytes
    back = GC.@preserve bytes decode_key(keycolumn(stored), pointer(bytes), sizeof(bytes))
    return text_of(sought(keycolumn(other), back)) == text_of(sought(keycolumn(other), element)) ? bytes : nothing
end

# A `String` is hashed as a whole, and vectors in a part only.
text_of(::Nothing) = nothing
text_of(bytes::String) = bytes
text_of(bytes::Array) = GC.@preserve bytes unsafe_string_of(address(bytes), sizeof(bytes))

# Holds the elements of `other` by their bytes, and whether all of them have bytes. For pairs, `key` returns the part that is
# encoded.
struct Encoded
    elements::Dict{String,Any}
    is_complete::Bool
end

function encode_all(stored, other, key=identity)
    elements, is_complete = Dict{String,Any}(), true
    for element in other
        bytes = bytes_in(stored, other, key(element))
        bytes === nothing ? (is_complete = false) : (elements[bytes] = element)
    end
    return Encoded(elements, is_complete)
end

# Calls `f(bytes, page, index)` for each entry of one commit until `f` returns false. Returns whether `f` always returned
# true.
function all_stored(f, view::View)
    cursor = open_cursor(view)
    try
        while (page = fetch_page!(cursor)).count > 0
            for index in 1:page.count
                f(stored_key(page, index), page, index) || return false
            end
        end
        return true
    finally
        close_cursor(cursor)
    end
end

function stored_key(page::Page, index::Int)
    bytes, start, stop = page.keys, page.key_offsets[index], page.key_offsets[index + 1]
    return GC.@preserve bytes unsafe_string_of(pointer(bytes) + start, stop - start)
end

# Of many keys, given by their bytes, whether each is there; nothing is not.
function present(stored::Stored, many::Vector)
    flags = falses(length(many))
    asked = findall(!isnothing, many)
    isempty(asked) || (flags[asked] = are_there(stored, many[asked]))
    return flags
end

function are_there(set::PersistentSet, many::Vector)
    columns, there = Columns(), zeros(UInt8, length(many))
    foreach(bytes -> push!(columns, bytes), many)
    GC.@preserve columns there reading(set) do
        checked(Lib.pc_set_contains_many(live(set), length(columns), address(columns.bytes), pointer(columns.offsets),
            pointer(there), Ptr{Csize_t}(C_NULL)))
    end
    return there .!= 0
end

are_there(keys::StoredKeys, many::Vector) = snapshot(keys.dict.env) do
    map(many) do bytes
        with_key_cell((at, count) -> reading(() -> found(Lib.pc_dict_contains(live(keys.dict), at, count)), keys.dict), bytes)
    end
end

"""
    contains_many(set, elements) -> BitVector

Looks many elements up in one call and one snapshot; the answers are in their order.

```jldoctest
julia> using PersistentCollections

julia> set = PersistentSet{String}(Environment(mktempdir()); id="words");

julia> union!(set, ["a", "b"]);

julia> contains_many(set, ["b", "c", "a"]) == [true, false, true]
true
```
"""
contains_many(set::PersistentSet, elements) =
    present(set, Union{Nothing,String}[text_of(sought(set.keycolumn, element)) for element in elements])

# ---- sets

# Whether all of a persistent one is in another, and the other way round.
is_within(stored::Stored, other) = is_within(stored, encode_all(stored, other))
is_within(stored::Stored, other::Encoded) = all_stored((bytes, _, _) -> haskey(other.elements, bytes), keys_of(stored))
is_within(a::PersistentSet, b::PersistentSet) =
    same_form(a, b) ? compare(Lib.pc_set_is_subset, a, b) : is_within(a, encode_all(a, b))

holds_all(stored::Stored, other) = all(present(stored, [bytes_in(stored, other, element) for element in other]))

function is_same(stored::Stored, other)
    encoded = encode_all(stored, other)
    return encoded.is_complete && length(encoded.elements) == length(stored) && is_within(stored, encoded)
end

is_same(a::PersistentSet, b::PersistentSet) =
    length(a) == length(b) && (same_form(a, b) ? is_within(a, b) : is_within(a, b) && is_within(b, a))

# What the library says of two sets of one type, which it walks.
compare(call, a::PersistentSet, b::PersistentSet) = GC.@preserve a b reading(a.env) do
    reading(() -> written(out -> call(live(a), live(b), out), false), b.env)
end

Base.:(==)(stored::Stored, other::AbstractSet) = is_same(stored, other)
Base.:(==)(other::AbstractSet, stored::Stored) = is_same(stored, other)
Base.:(==)(a::Stored, b::Stored) = is_same(a, b)

Base.issetequal(stored::Stored, other) = is_same(stored, other)
Base.issetequal(other, stored::Stored) = is_same(stored, other)
Base.issetequal(stored::Stored, other::AbstractSet) = is_same(stored, other)
Base.issetequal(other::AbstractSet, stored::Stored) = is_same(stored, other)
Base.issetequal(a::Stored, b::Stored) = is_same(a, b)

Base.issubset(stored::Stored, other) = is_within(stored, other)
Base.issubset(other, stored::Stored) = holds_all(stored, other)
Base.issubset(a::Stored, b::Stored) = is_within(a, b)

Base.:⊊(stored::Stored, other) = is_within(stored, other) && !holds_all(stored, other)
Base.:⊊(stored::Stored, other::AbstractSet) = is_within(stored, other) && !holds_all(stored, other)
Base.:⊊(other, stored::Stored) = holds_all(stored, other) && !is_within(stored, other)
Base.:⊊(other::AbstractSet, stored::Stored) = holds_all(stored, other) && !is_within(stored, other)
Base.:⊊(a::Stored, b::Stored) = is_within(a, b) && !is_within(b, a)

Base.:<(stored::Stored, other::AbstractSet) = stored ⊊ other
Base.:<(other::AbstractSet, stored::Stored) = other ⊊ stored
Base.:<(a::Stored, b::Stored) = a ⊊ b

Base.isdisjoint(stored::Stored, other) = isempty(common(stored, other))
Base.isdisjoint(other, stored::Stored) = isempty(common(stored, other))
Base.isdisjoint(a::Stored, b::Stored) = isempty(common(a, b))
Base.isdisjoint(a::PersistentSet, b::PersistentSet) =
    same_form(a, b) ? compare(Lib.pc_set_is_disjoint, a, b) : isempty(common(a, b))

# The elements of `other` that are in `stored`.
function common(stored::Stored, other)
    elements = collect(other)
    return elements[present(stored, [bytes_in(stored, other, element) for element in elements])]
end

# ---- dicts

# Also where Julia says `missing`, since two values may be equal.
function is_same(equal, dict::PersistentDict, other::AbstractDict)
    # As Julia has it of its own dicts.
    other isa IdDict && return false
    encoded = encode_all(dict, other, first)
    (encoded.is_complete && length(encoded.elements) == length(dict)) || return false
    return all_equal(dict) do bytes, value
        haskey(encoded.elements, bytes) && equal(value, encoded.elements[bytes].second)
    end
end

function is_same(equal, a::PersistentDict, b::PersistentDict)
    length(a) == length(b) || return false
    same_form(a, b) || return invoke(is_same, Tuple{Any,PersistentDict,AbstractDict}, equal, a, b)
    return all_equal(a) do bytes, value
        other = with_key_cell((at, count) -> lookup_at(b, at, count), bytes)
        !(other isa Missed) && equal(value, other)
    end
end

# Whether `equal(bytes, value)` of every entry, with three answers as `==` has.
function all_equal(equal, dict::PersistentDict)
    view, is_known = view_of(dict, EVERYTHING), true
    answer = all_stored(view) do bytes, page, index
        answer = equal(bytes, value_of(view, page, index))
        is_known &= !ismissing(answer)
        ismissing(answer) || answer
    end
    return answer && !is_known ? missing : answer
end

Base.:(==)(dict::PersistentDict, other::AbstractDict) = is_same(==, dict, other)
Base.:(==)(other::AbstractDict, dict::PersistentDict) = is_same(==, dict, other)
Base.:(==)(a::PersistentDict, b::PersistentDict) = is_same(==, a, b)
Base.isequal(dict::PersistentDict, other::AbstractDict) = is_same(isequal, dict, other)
Base.isequal(other::AbstractDict, dict::PersistentDict) = is_same(isequal, dict, other)
Base.isequal(a::PersistentDict, b::PersistentDict) = is_same(isequal, a, b)
