# PersistentDict as Julia's Dict, and its additional methods.

isdefined(@__MODULE__, :Spot) || include("types.jl")

@testset "a PersistentDict works as a Dict" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        @test dict isa AbstractDict{String,Int} && isempty(dict) && length(dict) == 0
        @test (dict["b"] = 2) == 2
        dict["a"] = 0x01
        @test dict["a"] === 1 && haskey(dict, "a") && !haskey(dict, "c") && !haskey(dict, 5)
        @test_throws KeyError dict["c"]
        @test_throws KeyError dict[5]
        @test get(dict, "c", nothing) === nothing && get(dict, "a", 0) === 1 && get(() -> 9, dict, "c") === 9
        @test get!(dict, "c", 3) === 3 && get!(dict, "c", 4) === 3 && get!(() -> 5, dict, "d") === 5
        @test collect(dict) == ["a" => 1, "b" => 2, "c" => 3, "d" => 5]
        @test collect(keys(dict)) == ["a", "b", "c", "d"] && collect(values(dict)) == [1, 2, 3, 5]
        @test collect(pairs(dict)) == collect(dict)
        @test eltype(dict) == Pair{String,Int} && eltype(keys(dict)) == String
        @test dict == Dict("a" => 1, "b" => 2, "c" => 3, "d" => 5) && Dict(dict) == dict && copy(dict) isa Dict{String,Int}
        @test ("a" => 1) in dict && !(("a" => 2) in dict) && "a" in keys(dict) && 5 in values(dict)
        @test first(dict) == ("a" => 1) && last(dict) == ("d" => 5)
        @test delete!(dict, "a") === dict && delete!(dict, "a") === dict && delete!(dict, 3.5) === dict && !haskey(dict, "a")
        @test pop!(dict, "b") === 2 && pop!(dict, "b", nothing) === nothing
        @test_throws KeyError pop!(dict, "b")
        @test pop!(dict) == ("c" => 3)
        @test isempty(empty!(dict))
        @test_throws ArgumentError first(dict)
        @test_throws ArgumentError last(dict)
        @test_throws ArgumentError pop!(dict)
        @test_throws MethodError dict["a"] = "text"
        @test_throws InexactError dict["a"] = 1.5
        @test_throws MethodError dict[5] = 1
        @test isempty(dict)
        dict["é\0"] = typemin(Int)
        @test occursin("é", sprint(show, MIME("text/plain"), dict))
        @test occursin("PersistentDict{String,Int64}", replace(sprint(show, MIME("text/plain"), dict), " " => ""))
    end
end

@testset "in bulk" begin
    with_env() do env
        dict = PersistentDict{Int,String}(env; id="d")
        @test merge!(dict, Dict(3 => "c", 1 => "a"), Dict(3 => "C")) === dict
        @test collect(dict) == [1 => "a", 3 => "C"]
        @test mergewith!(*, dict, Dict(1 => "!", 2 => "b")) == Dict(1 => "a!", 2 => "b", 3 => "C")
        @test merge!(*, dict, Dict(2 => "?"))[2] == "b?"
        @test merge(dict, Dict(9 => "z")) == Dict(1 => "a!", 2 => "b?", 3 => "C", 9 => "z")
        @test filter!(pair -> isodd(pair.first), dict) == Dict(1 => "a!", 3 => "C")
        @test filter(pair -> pair.first == 1, dict) == Dict(1 => "a!")
        map!(uppercase, values(dict))
        @test dict == Dict(1 => "A!", 3 => "C")
        @test get_many(dict, [3, 1]) == ["C", "A!"]
        @test get_many(dict, [3, 2, 1]; default="-") == ["C", "-", "A!"]
        @test isequal(get_many(dict, Any[2, "x", 1]; default=missing), [missing, missing, "A!"])
        @test get_many(dict, Int[]) == String[]
        @test_throws KeyError get_many(dict, [3, 2])
        names = PersistentDict{String,Int}(env; id="names")
        names["a"] = 1
        impossible = ["\xff", "x"^3000]
        @test get_many(names, ["a"; impossible]; default=0) == [1, 0, 0]
        pairs = PersistentDict{Tuple{String,Int},Int}(env; id="pairs")
        @test get_many(pairs, [(name, 1) for name in impossible]; default=0) == [0, 0]
        anything = PersistentDict{Any,Any}(env; id="anything")
        @test get_many(anything, Any[impossible; [(name,) for name in impossible]]; default=0) == zeros(4)
        merge!(dict, Dict(number => string(number) for number in -5000:5000))
        @test length(dict) == 10_001 && issorted(keys(dict)) && first(dict).first == -5000
        @test merge!(dict) === dict
    end
end

@testset "every type, as key and as value: $(typeof(items[1]))" for items in Any[
        ["", "\0", "a", "é"], [UInt8[1], UInt8[0xff, 0]], [typemin(Int8), Int8(5)], [typemin(Int64), -1, 0], [0x05, 0xff], [typemax(UInt64), UInt64(0)],
        [-1.5, Inf], [1.5f0], [false, true], [UUID(5)], [Date(2024, 2, 29)], [DateTime(2024, 2, 29, 1, 2, 3, 4)], [:a, :b], ['a', 'é'],
        [red, green], [Spot(1, 2), Spot(-1, NaN32)], [("a", 1), ("b", -1)], [(Date(2000), 'x', true)]]
    T = typeof(items[1])
    with_env() do env
        held = T <: Tuple ? Any : T
        dict = PersistentDict{T,held}(env; id="d")
        for item in items
            dict[item] = item
        end
        @test all(isequal(dict[item], item) for item in items)
        @test length(dict) == length(items) && issetequal(collect(keys(dict)), items)
        @test eltype(collect(values(dict))) == held
        again = PersistentDict(env; id="d")
        @test length(collect(again)) == length(items)
        set = PersistentSet{T}(env; id="s")
        union!(set, items)
        @test all(item in set for item in items) && length(collect(set)) == length(items)
    end
end

@testset "arrays" begin
    with_env() do env
        vectors = PersistentDict{String,Vector{Float32}}(env; id="vectors", shape=(3,))
        vectors["a"], vectors["b"] = [1, 2, 3], Float32[4, 5, 6]
        @test vectors["a"] == [1, 2, 3] && vectors["a"] isa Vector{Float32}
        @test get_many!(Matrix{Float32}(undef, 3, 2), vectors, ["b", "a"]) == [4 1; 5 2; 6 3]
        @test get_many(vectors, ["b"]) == [[4, 5, 6]]
        @test_throws DimensionMismatch vectors["c"] = Float32[1]
        @test_throws KeyError get_many!(Matrix{Float32}(undef, 3, 1), vectors, ["x"])
        @test_throws DimensionMismatch get_many!(Matrix{Float32}(undef, 2, 1), vectors, ["a"])
        @test schema(env, "vectors").value == "f32[3]"
        free = PersistentDict{Int,Vector{Int16}}(env; id="free")
        free[1] = Int16[1, -2]
        free[2] = Int16[]
        @test free[1] == [1, -2] && isempty(free[2])
        matrices = PersistentDict{Int,Matrix{Float64}}(env; id="matrices", shape=(2, 3))
        matrices[1] = [1 2 3; 4 5 6]
        @test matrices[1] == [1 2 3; 4 5 6] && schema(env, "matrices").value == "f64[3,2]"
        @test PersistentDict(env; id="matrices")[1] == [1 2 3; 4 5 6]
        for (V, shape) in ((Matrix{Float64}, (3, 2)), (Matrix{Float64}, nothing), (Vector{Float64}, (6,)), (Vector{Float64}, nothing))
            failure = try; PersistentDict{Int,V}(env; id="matrices", shape=shape); catch caught; caught; end
            @test failure isa LMDB.LMDBError && failure.code == PC.Lib.PC_ERR_TYPE_MISMATCH && occursin("shape=(2, 3)", failure.message)
        end
        @test fails_with(() -> PersistentDict{Int,Vector{Float64}}(env; id="free"), PC.Lib.PC_ERR_TYPE_MISMATCH)
        numbers = PersistentDict{Int,Float64}(env; id="numbers")
        numbers[1], numbers[2] = 0.5, 1.5
        @test get_many!(zeros(2), numbers, [2, 1]) == [1.5, 0.5]
        @test_throws ArgumentError get_many!(zeros(Float32, 2), numbers, [2, 1])
        big = PersistentDict{String,String}(env; id="big")
        big["x"] = repeat("long ", 100_000)
        @test big["x"] == repeat("long ", 100_000) && pop!(big, "x") == repeat("long ", 100_000)
    end
end

@testset "mutable structs" begin
    with_env() do env
        dict = PersistentDict{String,Movable}(env; id="d")
        dict["a"] = Movable(1.5, 2)
        @test dict["a"].x == 1.5 && dict["a"].n == 2
    end
end

@testset "any" begin
    with_env() do env
        dict = PersistentDict{Any,Any}(env; id="d")
        dict[1], dict[1.0], dict[true], dict["1"], dict[(1, nothing)], dict[nothing] = "i", "f", "b", "s", "t", "n"
        @test length(dict) == 6 && dict[1] == "i" && dict[1.0] == "f" && dict[true] == "b" && dict[nothing] == "n"
        @test dict[0x01] == "i" && !haskey(dict, :a) && !haskey(dict, NaN)
        @test_throws ArgumentError dict[:a] = 1
        @test_throws ArgumentError dict[NaN] = 1
        @test_throws ArgumentError dict["x"] = sin
        dict["v"] = 1.5
        @test get(dict, "v", 0) === 1.5
        value = Dict{Any,Any}("list" => Any[1, (2, "3")], "set" => Set{Any}([1]), "date" => Date(2024), "matrix" => [1.0 2.0])
        dict["v"] = value
        @test isequal(dict["v"], value)
        @test collect(prefix(dict, (1,))) == [(1, nothing) => "t"]
        @test collect(keys(prefix(dict, "1"))) == ["1"]
    end
end

@testset "reopening with other types" begin
    with_env() do env
        dict = PersistentDict{String,Any}(env; id="any")
        dict["a"], dict["b"] = 5, "text"
        narrow = PersistentDict{String,Int}(env; id="any")
        @test narrow["a"] === 5
        @test_throws TypeError narrow["b"]
        @test PersistentDict{String,Union{Int32,String}}(env; id="any")["a"] === Int32(5)
        dict["c"] = Dict("x" => [1, 2])
        @test PersistentDict{String,Dict{String,Vector{Int}}}(env; id="any")["c"] == Dict("x" => [1, 2])
        PersistentDict{String,Int}(env; id="typed")["a"] = 1
        @test fails_with(() -> PersistentDict{String,String}(env; id="typed"), PC.Lib.PC_ERR_TYPE_MISMATCH)
        @test fails_with(() -> PersistentDict{Any,Any}(env; id="typed"), PC.Lib.PC_ERR_TYPE_MISMATCH)
        @test fails_with(() -> PersistentSet{String}(env; id="typed"), PC.Lib.PC_ERR_WRONG_KIND)
        @test PersistentDict(env; id="typed") isa PersistentDict{String,Int}
        @test PersistentDict(env; id="new") isa PersistentDict{Any,Any}
        for refused in (() -> PersistentDict{String,BigInt}(env; id="x"), () -> PersistentDict{Dict{String,Int},Int}(env; id="x"),
                () -> PersistentDict{Gap,Int}(env; id="x"), () -> PersistentDict{String,Matrix{Float64}}(env; id="x"),
                () -> PersistentDict{String,Tuple{Int,Int}}(env; id="x"), () -> PersistentDict{Vector{Int},Int}(env; id="x"))
            @test_throws ArgumentError refused()
        end
        @test schema(env, "x") === nothing
    end
end

@testset "counting and exchanging" begin
    with_env() do env
        counts = PersistentDict{String,Int32}(env; id="counts")
        @test increment!(counts, "a") === Int32(1) && increment!(counts, "a", -3) === Int32(-2)
        @test fails_with(() -> increment!(counts, "a", typemax(Int)), PC.Lib.PC_ERR_OVERFLOW)
        @test counts["a"] == -2
        any = PersistentDict{Any,Any}(env; id="any")
        @test increment!(any, "n", 5) === 5 && any["n"] === 5
        @test compare_exchange!(counts, "a", 7, 8) == (success=false, current=-2)
        @test compare_exchange!(counts, "a", -2, 8) == (success=true, current=8)
        @test compare_exchange!(counts, "b", 1, 2) == (success=false, current=absent)
        @test compare_exchange!(counts, "b", absent, 2) == (success=true, current=2)
        @test compare_exchange!(counts, "b", absent, 3) == (success=false, current=2)
        @test compare_exchange!(counts, "b", 2, absent) == (success=true, current=absent)
        @test !haskey(counts, "b")
    end
end

@testset "pop! keeps a value that it cannot read" begin
    with_env() do env
        dynamic = PersistentDict{Any,Any}(env; id="any")
        dynamic["a"] = "text"
        narrow = PersistentDict{String,Int}(env; id="any")
        @test_throws TypeError pop!(narrow, "a")
        @test_throws TypeError pop!(narrow, "a", 0)
        @test dynamic["a"] == "text" && pop!(dynamic, "a") == "text" && isempty(dynamic)
        # A text that is not one character.
        PersistentDict{String,String}(env; id="texts")["a"] = "text"
        @test_throws ArgumentError pop!(PersistentDict{String,Char}(env; id="texts"), "a")
        @test length(PersistentDict{String,String}(env; id="texts")) == 1
    end
end

@testset "limits" begin
    with_env() do env
        dict = PersistentDict{Vector{UInt8},String}(env; id="d")
        @test fails_with(() -> dict[UInt8[]] = "", PC.Lib.PC_ERR_KEY_SIZE)
        @test fails_with(() -> dict[zeros(UInt8, 1979)] = "", PC.Lib.PC_ERR_KEY_SIZE)
        @test fails_with(() -> dict[UInt8[1]] = "\xff", PC.Lib.PC_ERR_BAD_VALUE)
        @test !haskey(dict, UInt8[]) && get(dict, zeros(UInt8, 5000), nothing) === nothing && delete!(dict, UInt8[]) === dict
        @test fails_with(() -> PersistentDict{String,Int}(env; id="pc:x"), PC.Lib.PC_ERR_BAD_NAME)
        @test_throws ArgumentError PersistentDict{String,Int}(env; id="a\0")
        @test isempty(dict)
        days = PersistentDict{Date,Int}(env; id="days")
        @test !haskey(days, Date(10_000_000)) && get(days, Date(-10_000_000), 1) == 1 && delete!(days, Date(10_000_000)) === days
    end
end

@testset "types are inferred" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        @test (@inferred dict["a"]) == 1
        @test (@inferred haskey(dict, "a"))
        @test (@inferred first(dict)) == ("a" => 1)
        texts = PersistentDict{Int,String}(env; id="t")
        texts[1] = "x"
        @test (@inferred texts[1]) == "x"
    end
end
