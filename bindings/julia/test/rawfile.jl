# Writes LMDB data files byte by byte, with the layout of PersistentCollections.jl 0.2, so that the tests need no other
# LMDB: two meta pages, a leaf page for each database, and overflow pages for long values.

module RawFile

const PAGE = 4096
const HEADER = 16
# A record that does not fit twice on a page goes to pages of its own.
const MOST_INLINE = (PAGE - HEADER) ÷ 2 - 2
const NO_PAGE = typemax(UInt64)
# The map size that the old package requested, which LMDB stores.
const MAP_SIZE = 10_485_760

const LEAF, OVERFLOW, META = 0x02, 0x04, 0x08
const BIG_DATA, SUB_DATABASE = 0x01, 0x02

# A record of a leaf page: its value, and the place of that if it is not inline.
struct Record
    key::Vector{UInt8}
    value::Vector{UInt8}
    flags::UInt8
end

bytes(write_it) = (io = IOBuffer(); write_it(io); take!(io))
plain(text::AbstractString) = Vector{UInt8}(codeunits(text))
plain(data::Vector{UInt8}) = data

# The 48 bytes that describe a database.
database(; flags=0, depth=0, leaves=0, overflows=0, entries=0, root=NO_PAGE, pad=0) = bytes() do io
    write(io, UInt32(pad), UInt16(flags), UInt16(depth), UInt64(0), UInt64(leaves), UInt64(overflows), UInt64(entries), UInt64(root))
end

page_header(number, flags, lower, upper) =
    bytes(io -> write(io, UInt64(number), UInt16(0), UInt16(flags), UInt16(lower), UInt16(upper)))

padded(page::Vector{UInt8}, size=PAGE) = vcat(page, zeros(UInt8, size - length(page)))

meta(number, transaction, main, last_page) = padded(vcat(page_header(number, META, 0, 0), bytes() do io
    write(io, 0xbeefc0de, UInt32(1), UInt64(0), UInt64(MAP_SIZE))
    write(io, database(flags=0x08, pad=PAGE), main, UInt64(last_page), UInt64(transaction))
end))

# The pages come after the two meta pages.
next_page(pages) = 2 + mapreduce(length, +, pages; init=0) ÷ PAGE

# Appends the pages of one database to `pages`, of which the first is page 2; returns its description.
function add!(pages::Vector{Vector{UInt8}}, records::Vector{Record})
    isempty(records) && return database()
    overflows = 0
    nodes = map(sort(records; by=record -> record.key)) do record
        flags, data = record.flags, record.value
        if 8 + length(record.key) + length(data) > MOST_INLINE
            count = cld(HEADER + length(data), PAGE)
            overflows += count
            number = next_page(pages)
            header = bytes(io -> write(io, UInt64(number), UInt16(0), UInt16(OVERFLOW), UInt32(count)))
            push!(pages, padded(vcat(header, data), count * PAGE))
            flags, data = flags | BIG_DATA, bytes(io -> write(io, UInt64(number)))
        end
        size = length(record.value)
        node = bytes(io -> write(io, UInt16(size & 0xffff), UInt16(size >> 16), UInt16(flags), UInt16(length(record.key)), record.key, data))
        isodd(length(node)) ? push!(node, 0x00) : node
    end
    number = next_page(pages)
    lower, upper = HEADER + 2 * length(nodes), PAGE - sum(length, nodes)
    lower <= upper || error("the records do not fit on one page")
    page, at = zeros(UInt8, PAGE), PAGE
    for (index, node) in enumerate(nodes)
        at -= length(node)
        page[at + 1:at + length(node)] = node
        page[HEADER + 2 * index - 1:HEADER + 2 * index] = reinterpret(UInt8, [UInt16(at)])
    end
    page[1:HEADER] = page_header(number, LEAF, lower, upper)
    push!(pages, page)
    return database(depth=1, leaves=1, overflows=overflows, entries=length(nodes), root=number)
end

# Makes a folder with an environment whose unnamed database contains `unnamed`, and each named one its pairs of bytes.
function make(folder; unnamed=[], named=Dict{String,Vector}())
    pages = Vector{UInt8}[]
    records(pairs) = Record[Record(plain(key), plain(value), 0x00) for (key, value) in pairs]
    top = records(unnamed)
    for (name, pairs) in named
        push!(top, Record(plain(name), add!(pages, records(pairs)), SUB_DATABASE))
    end
    main = add!(pages, top)
    write(joinpath(folder, "data.mdb"), vcat(meta(0, 0, database(), 1), meta(1, 1, main, next_page(pages) - 1), pages...))
    return folder
end

end
