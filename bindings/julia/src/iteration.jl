# Iterating: a page of items at a time, ranges, and reversed.

# Which keys, and in which order. Bounds are encoded.
struct Bounds
    lower::Union{Nothing,String,Vector{UInt8}}
    upper::Union{Nothing,String,Vector{UInt8}}
    prefix::Union{Nothing,Vector{UInt8}}
    flags::UInt32
end

const EVERYTHING = Bounds(nothing, nothing, nothing, 0)

turned(bounds::Bounds) = Bounds(bounds.lower, bounds.upper, bounds.prefix, xor(bounds.flags, Lib.PC_RANGE_REVERSE))

function with_range(call, bounds::Bounds)
    lower, upper, prefix = bounds.lower, bounds.upper, bounds.prefix
    range = Ref(Lib.Range(address(lower), width(lower), address(upper), width(upper), address(prefix), width(prefix), bounds.flags, 0))
    GC.@preserve lower upper prefix range call(Base.unsafe_convert(Ptr{Lib.Range}, range))
end

"""
A lazy view of a part of a collection, the result of [`between`](@ref), [`prefix`](@ref) and `Iterators.reverse`. Each
iteration reads the collection again. `first` and `last` return its ends, and throw an `ArgumentError` if it is empty;
`keys` and `values` are views of only these; `length` counts, which takes the time of a loop; `empty!` removes its
entries from the collection.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = merge!(PersistentDict{Int,String}(env; id="names"), Dict(1 => "one", 2 => "two", 3 => "three"));

julia> view = between(dict, 2, nothing);

julia> length(view), first(view), join(values(Iterators.reverse(view)), ", ")
(2, 2 => "two", "three, two")

julia> values(view)
values of a part of a PersistentDict{Int64,String}:
  "two"
  "three"
```
"""
struct View{C,What}
    collection::C
    bounds::Bounds
end

pairs_view(collection::C, bounds::Bounds) where {C} = View{C,:pairs}(collection, bounds)
keys_view(collection::C, bounds::Bounds) where {C} = View{C,:keys}(collection, bounds)
values_view(collection::C, bounds::Bounds) where {C} = View{C,:values}(collection, bounds)

Base.IteratorSize(::Type{<:View}) = Base.SizeUnknown()
Base.IteratorEltype(::Type{<:View}) = Base.HasEltype()

Base.show(io::IO, view::View{C,What}) where {C,What} =
    print(io, What, " of a part of a ", C, isopen(view.collection) ? "" : " (closed)")

# Shows the entries of one commit; if space is limited, the first ones that fit.
function Base.show(io::IO, ::MIME"text/plain", view::View)
    show(io, view)
    isopen(view.collection) || return nothing
    limited = get(io, :limit, false)
    rows, columns = limited ? displaysize(io) : (typemax(Int), typemax(Int))
    room = limited ? max(rows - 4, 1) : rows
    shown, is_all = first_items(view, room)
    print(io, isempty(shown) && is_all ? ", which is empty" : ":")
    context = IOContext(io, :typeinfo => eltype(view))
    for item in shown
        line = sprint(show, item; context=context)
        print(io, "\n  ", textwidth(line) > columns - 2 ? string(first(line, max(columns - 3, 1)), "…") : line)
    end
    is_all || print(io, "\n  ⋮")
    return nothing
end

# At most `most` of the first items, and whether these are all. No iterator is left open.
function first_items(view::View, most::Int)
    found, cursor = eltype(view)[], open_cursor(view)
    try
        while (page = fetch_page!(cursor)).count > 0
            for index in 1:page.count
                length(found) == most && return found, false
                push!(found, item(view, page, index))
            end
        end
        return found, true
    finally
        close_cursor(cursor)
    end
end

# Copies of a batch's columns, so that decoding later, or twice, returns the items that were read.
mutable struct Page
    count::Int
    keys::Vector{UInt8}
    key_offsets::Vector{UInt64}
    values::Vector{UInt8}
    value_offsets::Vector{UInt64}
    next::Union{Nothing,Page}
end

# The library's iterator of a loop, shared by all states of the loop. Its position is after the newest page. Older pages
# refer to the next one, so that a state can be used again with the same result.
mutable struct Cursor
    # First, since the library writes it here; 0 before it is open and after its end.
    iterator::Handle
    process::UInt64
    is_counted::Bool
    reading::ReentrantLock
    # The number of items to fetch at most: one in a write transaction, so that the loop sees its later writes.
    items::Int
    grows::Bool
    # The task in whose transaction it was begun; nothing outside of any.
    owner::Union{Nothing,Task}

    function Cursor(grows::Bool, owner::Union{Nothing,Task})
        cursor = new(0, this_process(), true, ReentrantLock(), grows ? 16 : 1, grows, owner)
        Threads.atomic_add!(OPEN_CURSORS, 1)
        return finalizer(drop_cursor, cursor)
    end
end

# Each open iterator has one of the environment's readers, also one that was left early and that the garbage collector
# has not found. It knows nothing of readers, so it is asked to look when many are open: more often the fewer are in use.
const OPEN_CURSORS = Threads.Atomic{Int}(0)
const MANY_CURSORS = 128
const NEXT_SWEEP = Threads.Atomic{Int}(MANY_CURSORS)

function sweep_cursors()
    OPEN_CURSORS[] < NEXT_SWEEP[] && return nothing
    GC.gc(false)
    2 * OPEN_CURSORS[] < NEXT_SWEEP[] || GC.gc()
    NEXT_SWEEP[] = max(MANY_CURSORS, 2 * OPEN_CURSORS[])
    return nothing
end

function close_cursor(cursor::Cursor)
    iterator = retired(cursor)
    iterator == 0 || Lib.pc_iter_close(iterator)
    return nothing
end

# Closes the iterator in a finalizer, on any thread, without waiting.
function drop_cursor(cursor::Cursor)
    iterator = retired(cursor)
    (iterator == 0 || cursor.process != this_process()) || Lib.in_finalizer(Lib.pc_iter_close_address, iterator)
    return nothing
end

function retired(cursor::Cursor)
    iterator, cursor.iterator = cursor.iterator, Handle(0)
    cursor.is_counted && Threads.atomic_sub!(OPEN_CURSORS, 1)
    cursor.is_counted = false
    return iterator
end

# Immutable: the item at `index` of `page` comes next.
struct State
    cursor::Cursor
    page::Page
    index::Int
end

const MOST_ITEMS = 4096
const MOST_BYTES = 1 << 20

function open_cursor(view::View)
    Lib.make_room()
    collection, env = view.collection, view.collection.env
    own = OPEN_COUNT[] == 0 ? nothing : standing(env).own
    prepared() = Cursor(own === nothing || own.kind != Lib.PC_TXN_WRITE, own === nothing ? nothing : own.task)
    open(cursor) = with_range(view.bounds) do range
        GC.@preserve cursor reading(() -> checked(open_iterator(collection, range, handle_place(cursor))), env)
    end
    sweep_cursors()
    for is_full in (false, true)
        cursor = prepared()
        try
            open(cursor)
            return cursor
        catch failure
            # An interrupt at the end of the call may also have left it open.
            close_cursor(cursor)
            (failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_READERS_FULL) || rethrow()
        end
        # Most iterators that were left early are young, and found so in a fraction of the time.
        GC.gc(is_full)
    end
    cursor = prepared()
    open(cursor)
    return cursor
end

# The next page, empty at the end, where the iterator is closed at once: its snapshot would hold space.
function fetch_page!(cursor::Cursor)
    cursor.iterator == 0 && return Page(0, UInt8[], UInt64[0], UInt8[], UInt64[0], nothing)
    cursor.process == this_process() || refuse_stranger(cursor.process, "this iteration")
    (cursor.owner === nothing || cursor.owner === current_task()) || throw(LMDB.LMDBError(Lib.PC_ERR_WRONG_THREAD,
        "this iteration was begun in a transaction of another task, and belongs to it"))
    batch = Ref(Lib.Batch())
    page = GC.@preserve batch cursor begin
        status = checked(Lib.pc_iter_next_batch(cursor.iterator, cursor.items, MOST_BYTES, Base.unsafe_convert(Ptr{Lib.Batch}, batch)))
        status == PC_END ? nothing : copied(batch[])
    end
    if page === nothing
        close_cursor(cursor)
        return fetch_page!(cursor)
    end
    cursor.grows && (cursor.items = min(4 * cursor.items, MOST_ITEMS))
    return page
end

function copied(batch::Lib.Batch)
    count = Int(batch.count)
    keys, key_offsets = copied_column(count, batch.keys, batch.key_offsets)
    values, value_offsets = copied_column(count, batch.values, batch.value_offsets)
    return Page(count, keys, key_offsets, values, value_offsets, nothing)
end

function copied_column(count::Int, data::Ptr{UInt8}, offsets::Ptr{UInt64})
    offsets == C_NULL && return UInt8[], zeros(UInt64, count + 1)
    own = Vector{UInt64}(undef, count + 1)
    GC.@preserve own unsafe_copyto!(pointer(own), offsets, count + 1)
    start = own[1]
    own .-= start
    return copybytes(data + start, own[end]), own
end

function following(cursor::Cursor, page::Page)
    lock(cursor.reading)
    try
        next = page.next
        next === nothing || return next
        # The page is kept before an interrupt can arrive: an iteration that continues after the interrupt would otherwise
        # skip these items.
        return disable_sigint(() -> page.next = fetch_page!(cursor))
    finally
        unlock(cursor.reading)
    end
end

@inline Base.iterate(view::View) = iterate(view, first_state(view))

function first_state(view::View)
    cursor = open_cursor(view)
    try
        return State(cursor, fetch_page!(cursor), 1)
    catch
        close_cursor(cursor)
        rethrow()
    end
end

# Small enough to become a part of the loop, where the item and the state then need no memory of their own.
@inline function Base.iterate(view::View, state::State)
    page, index = state.page, state.index
    if index > page.count
        page, index = page_behind(view, state.cursor, page), 1
        page.count == 0 && return nothing
    end
    return item(view, page, index), State(state.cursor, page, index + 1)
end

@noinline page_behind(view::View, cursor::Cursor, page::Page) =
    page.count == 0 ? page : GC.@preserve view following(cursor, page)

# A part of a column's bytes, decoded.
@inline function part(decode, column::Column, bytes::Vector{UInt8}, offsets::Vector{UInt64}, index::Int)
    start = offsets[index]
    GC.@preserve bytes decode(column, pointer(bytes) + start, (offsets[index + 1] - start) % Int)
end

@inline key_of(view::View, page::Page, index::Int) =
    part(decode_key, keycolumn(view.collection), page.keys, page.key_offsets, index)
@inline value_of(view::View, page::Page, index::Int) =
    part(decode_value, valuecolumn(view.collection), page.values, page.value_offsets, index)

@inline item(view::View{C,:keys}, page::Page, index::Int) where {C} = key_of(view, page, index)
@inline item(view::View{C,:values}, page::Page, index::Int) where {C} = value_of(view, page, index)
@inline function item(view::View{C,:pairs}, page::Page, index::Int) where {C}
    return Pair{keytype(C),valtype(C)}(key_of(view, page, index), value_of(view, page, index))
end

# The first item only, leaving no iterator open.
function first_item(view::View)
    cursor = open_cursor(view)
    try
        cursor.items = 1
        page = fetch_page!(cursor)
        return page.count == 0 ? nothing : Some(item(view, page, 1))
    finally
        close_cursor(cursor)
    end
end

@noinline refuse_empty() = throw(ArgumentError("collection must be non-empty"))

function Base.first(view::View)
    found = first_item(view)
    found === nothing && refuse_empty()
    return something(found)
end

Base.last(view::View) = first(Iterators.reverse(view))

# Counts without decoding; the whole of a collection is counted already.
function Base.length(view::View)
    view.bounds.flags & ~Lib.PC_RANGE_REVERSE == 0 && return length(view.collection)
    cursor, count = open_cursor(view), 0
    cursor.items = MOST_ITEMS
    try
        while (page = fetch_page!(cursor)).count > 0
            count += page.count
        end
    finally
        close_cursor(cursor)
    end
    return count
end

Base.isempty(view::View) = first_item(view) === nothing
Iterators.reverse(view::View{C,What}) where {C,What} = View{C,What}(view.collection, turned(view.bounds))
Base.keys(view::View{C,:pairs}) where {C} = keys_view(view.collection, view.bounds)
Base.values(view::View{C,:pairs}) where {C} = values_view(view.collection, view.bounds)

# A plain collection of items with keys that are all different ones, which it cannot hold if some are equal to it.
function plain(::Type{C}, items) where {C}
    result, count = C(), 0
    for item in items
        push!(result, item)
        count += 1
        length(result) == count || throw(ArgumentError(string("a plain $C cannot hold two keys that are equal to it, as 1, 1.0 and ",
            "true are, which are different ones here: collect gives them all")))
    end
    return result
end

"""
    between(collection, lo, hi; inclusive=(true, false))

Returns a lazy view of the entries of a dict, or the elements of a set, from `lo` on and below `hi`, in order.
`nothing` as a bound leaves that side open; `inclusive` says for each bound whether it is included.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = merge!(PersistentDict{String,Int}(env; id="counts"), Dict("a" => 1, "b" => 2, "c" => 3));

julia> for (name, count) in between(dict, "a", "c")
           println(name, ": ", count)
       end
a: 1
b: 2

julia> sum(values(between(dict, "a", "c"; inclusive=(false, true))))
5

julia> first(between(dict, "b", nothing)), last(between(dict, nothing, "b"))
("b" => 2, "a" => 1)
```
"""
function between(collection, lo, hi; inclusive::Tuple{Bool,Bool}=(true, false))
    column = keycolumn(collection)
    flags = UInt32(0)
    lo === nothing || (flags |= Lib.PC_RANGE_LOWER | (inclusive[1] ? UInt32(0) : Lib.PC_RANGE_LOWER_EXCLUSIVE))
    hi === nothing || (flags |= Lib.PC_RANGE_UPPER | (inclusive[2] ? Lib.PC_RANGE_UPPER_INCLUSIVE : UInt32(0)))
    return view_of(collection, Bounds(bound(column, lo), bound(column, hi), nothing, flags))
end

bound(column::Column{K}, key) where {K} = encode_key(column, storable(K, key))
bound(::Column, ::Nothing) = nothing

"""
    prefix(collection, beginning)

Returns a lazy view of the entries of a dict, or the elements of a set, whose key begins with `beginning`: that text,
those bytes or, for tuples, those leading elements.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> characters = PersistentDict{String,Char}(env; id="characters");

julia> merge!(characters, Dict("GREEK SMALL LETTER ALPHA" => 'α', "GREEK SMALL LETTER BETA" => 'β', "DIGIT ONE" => '1'));

julia> join(values(prefix(characters, "GREEK SMALL LETTER")))
"αβ"

julia> towns = union!(PersistentSet{Tuple{String,Int}}(env; id="towns"), [("fr", 1), ("fr", 2), ("de", 3)]);

julia> length(prefix(towns, ("fr",)))
2
```
"""
prefix(collection, beginning) =
    view_of(collection, Bounds(nothing, nothing, encode_prefix(keycolumn(collection), beginning), Lib.PC_RANGE_PREFIX))

"""
    empty!(view)

Removes the entries of the view from its collection, in one step. Returns the view.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> set = union!(PersistentSet{Int}(env; id="numbers"), 1:10);

julia> isempty(empty!(between(set, 3, nothing)))
true

julia> sum(set)
3
```
"""
function Base.empty!(view::View)
    removed = Ref(UInt64(0))
    with_range(view.bounds) do range
        GC.@preserve removed writing(view.collection.env) do
            checked(remove_range(view.collection, range, Base.unsafe_convert(Ptr{UInt64}, removed)))
        end
    end
    return view
end
