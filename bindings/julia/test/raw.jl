# Collections without types, as another LMDB program (or PersistentCollections.jl 0.2) wrote them. The data file
# is laid out here byte by byte, so that no other LMDB is needed to have one.

module RawFile

const PAGE = 4096
const NO_PAGE = typemax(UInt64)

function database(io, flags, depth, leaves, entries, root; pad=0)
    write(io, UInt32(pad), UInt16(flags), UInt16(depth), UInt64(0), UInt64(leaves), UInt64(0), UInt64(entries), UInt64(root))
end

function meta(number, transaction, entries)
    io = IOBuffer()
    write(io, UInt64(number), UInt16(0), UInt16(0x08), UInt16(0), UInt16(0))
    write(io, 0xbeefc0de, UInt32(1), UInt64(0), UInt64(1 << 20))
    database(io, 0x08, 0, 0, 0, NO_PAGE; pad=PAGE)
    transaction == 0 ? database(io, 0, 0, 0, 0, NO_PAGE) : database(io, 0, 1, 1, entries, 2)
    write(io, UInt64(transaction == 0 ? 1 : 2), UInt64(transaction))
    return resize!(take!(io), PAGE)
end

function leaf(records)
    page = zeros(UInt8, PAGE)
    lower, upper = 16 + 2 * length(records), PAGE
    for (index, (key, value)) in enumerate(records)
        node = IOBuffer()
        write(node, UInt16(sizeof(value)), UInt16(0), UInt16(0), UInt16(sizeof(key)), key, value)
        bytes = take!(node)
        isodd(length(bytes)) && push!(bytes, 0x00)
        upper -= length(bytes)
        page[upper + 1:upper + length(bytes)] = bytes
        page[16 + 2 * index - 1:16 + 2 * index] = reinterpret(UInt8, [UInt16(upper)])
    end
    header = IOBuffer()
    write(header, UInt64(2), UInt16(0), UInt16(0x02), UInt16(lower), UInt16(upper))
    page[1:16] = take!(header)
    return page
end

# A folder with an environment that holds the records, sorted by their bytes, in its unnamed database.
function make(folder, records)
    sorted = sort!([Vector{UInt8}(key) => Vector{UInt8}(value) for (key, value) in records]; by=first)
    write(joinpath(folder, "data.mdb"), vcat(clean(meta(0, 0, 0)), clean(meta(1, 1, length(sorted))), leaf(sorted)))
    return folder
end

# What `resize!` added to a page is undefined.
function clean(page)
    page[16 + 24 + 2 * 48 + 16 + 1:end] .= 0x00
    return page
end

end

bytes_of(numbers::T...) where {T} = Vector{UInt8}(reinterpret(UInt8, collect(numbers)))

function with_raw(f, records)
    mktempdir() do folder
        Environment(f, RawFile.make(folder, records))
    end
end

@testset "text" begin
    with_raw(["foo" => "bar", "x" => ""]) do env
        dict = PersistentDict{String,String}(env)
        @test collect(dict) == ["foo" => "bar", "x" => ""] && dict["foo"] == "bar"
        dict["foo"] = "baz"
        dict["new"] = "1"
        @test collect(dict) == ["foo" => "baz", "new" => "1", "x" => ""]
        @test delete!(dict, "x") && length(dict) == 2 && collect(keys(prefix(dict, "f"))) == ["foo"]
        # A second opening with another type: the opener says what the bytes are.
        @test PersistentDict{String,Vector{UInt8}}(env)["new"] == b"1"
    end
end

@testset "unconverted" begin
    with_raw(["foo" => "bar", "n" => bytes_of(7)]) do env
        dict = PersistentDict{Any,Any}(env)
        @test dict["foo"] isa LMDB.MDBValue
        @test convert(String, dict["foo"]) == "bar" && get(dict, "foo", "") == "bar"
        @test get(dict, "n", 0) === 7 && get(dict, "none", 0) === 0
        values = PersistentDict{String,LMDB.MDBValue}(env)
        @test values["foo"].data == b"bar"
        values["foo"] = "text"
        @test convert(String, values["foo"]) == "text"
    end
end

@testset "numbers, in the machine's order" begin
    with_raw([bytes_of(1) => bytes_of(1.5, 2.5), bytes_of(256) => bytes_of(3.5)]) do env
        dict = PersistentDict{Int,Vector{Float64}}(env)
        @test dict[1] == [1.5, 2.5] && dict[256] == [3.5]
        dict[-1] = [4.5]
        @test dict[-1] == [4.5] && haskey(dict, 256) && length(dict) == 3
        @test Set(keys(dict)) == Set([1, 256, -1])
    end
    with_raw(["a" => bytes_of(1 // 2)]) do env
        @test PersistentDict{String,Rational{Int}}(env)["a"] == 1 // 2
    end
end
