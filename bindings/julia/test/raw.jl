# Collections without types, which other LMDB programs wrote.

isdefined(@__MODULE__, :RawFile) || include("rawfile.jl")

bytes_of(numbers::T...) where {T} = Vector{UInt8}(reinterpret(UInt8, collect(numbers)))

function with_raw(f, records)
    mktempdir() do folder
        Environment(f, RawFile.make(folder; unnamed=records))
    end
end

@testset "text" begin
    with_raw(["foo" => "bar", "x" => ""]) do env
        dict = PersistentDict{String,String}(env)
        @test collect(dict) == ["foo" => "bar", "x" => ""] && dict["foo"] == "bar"
        dict["foo"] = "baz"
        dict["new"] = "1"
        @test collect(dict) == ["foo" => "baz", "new" => "1", "x" => ""]
        @test delete!(dict, "x") === dict && length(dict) == 2 && collect(keys(prefix(dict, "f"))) == ["foo"]
        # A second opening with another type: each caller chooses the type of the bytes.
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

@testset "pop! keeps a value that cannot be converted" begin
    with_raw(["foo" => "bar"]) do env
        @test_throws ArgumentError pop!(PersistentDict{Any,Any}(env), "foo", 1)
        @test_throws ArgumentError pop!(PersistentDict{String,Int}(env), "foo")
        @test pop!(PersistentDict{Any,Any}(env), "foo", "") == "bar"
    end
end

@testset "unconverted entries are equal to themselves" begin
    with_raw(["foo" => "bar", "n" => bytes_of(7)]) do env
        dict = PersistentDict{Any,Any}(env)
        @test all(entry -> entry in dict, copy(dict)) && !(("foo" => LMDB.MDBValue("baz")) in dict) && !(("none" => nothing) in dict)
        @test dict == dict && dict == copy(dict) && copy(dict) == dict && isequal(copy(dict), dict)
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
