# Programs of PersistentCollections.jl 0.2, and the environments that they created.

isdefined(@__MODULE__, :Spot) || include("types.jl")
isdefined(@__MODULE__, :RawFile) || include("rawfile.jl")

struct Fixed0
    a::Int
    b::Float64
    c::Tuple{Int,Float64}
end

mutable struct Loose0
    a::Int
    b::Float64
    c::Tuple{Int,Float64}
end

Base.:(==)(one::Union{Fixed0,Loose0}, two::Union{Fixed0,Loose0}) = (one.a, one.b, one.c) == (two.a, two.b, two.c)

@testset "an environment opened and closed as in 0.2" begin
    mktempdir() do folder
        env = LMDB.Environment(folder)
        @test isopen(env) && env == LMDB.Environment(folder) && env == LMDB.Environment(joinpath(folder, "."))
        @test hash(env) == hash(LMDB.Environment(folder)) && env != LMDB.Environment(mktempdir())
        @test close(env) === true && !isopen(env) && close(env) === false
        # A second opening may ask for smaller limits than the first.
        again = LMDB.Environment(folder, flags=Cuint(0), mode=0o755, maxdbs=Cuint(1), mapsize=Csize_t(10485760), maxreaders=Cuint(126),
            rotxnflags=LMDB.MDB_RDONLY | LMDB.MDB_NOTLS)
        @test isopen(again) && again != env && info(again).max_readers >= 126
        @test fails_with(() -> LMDB.Environment(folder, flags=LMDB.MDB_NOSYNC), PC.Lib.PC_ERR_OPTIONS_DIFFER)
        @test isopen(LMDB.Environment(folder, maxdbs=1, maxreaders=1)) && info(again).max_readers >= 126
        @test close(again)
    end
end

@testset "errors have a code, and show their message and code" begin
    failure = try; LMDB.Environment("/no/such/place"); catch caught; caught; end
    @test failure isa LMDB.LMDBError && failure isa Exception && failure.code isa Integer
    @test string(failure) == "$(failure.message) ($(failure.code))" && occursin("/no/such/place", failure.message)
    @test occursin(failure.message, sprint(showerror, failure)) && occursin(string(failure.code), sprint(showerror, failure))
    # LMDB's own texts for LMDB's codes, which programs of 0.2 show.
    @test string(LMDB.LMDBError(-30798)) == "MDB_NOTFOUND: No matching key/data pair found (-30798)"
    @test string(LMDB.LMDBError(-30799)) == "MDB_KEYEXIST: Key/data pair already exists (-30799)"
    @test string(LMDB.LMDBError(-30779)) == "MDB_PROBLEM: Unexpected problem - txn should abort (-30779)"
    @test string(LMDB.LMDBError(0)) == "Successful return: 0 (0)" && string(LMDB.LMDBError(2)) == "No such file or directory (2)"
    @test all(code -> startswith(LMDB.LMDBError(code).message, "MDB_"), -30799:-30779)
    @test !any(code -> startswith(LMDB.LMDBError(code).message, "MDB_"), (-30800, -30778, -1, -72))
    @test string(LMDB.LMDBError(-20)) == "$(unsafe_string(PC.Lib.pc_strerror(Int32(-20)))) (-20)"
end

@testset "maxdbs limits the named collections that one transaction uses" begin
    with_env(maxdbs=2) do env
        dicts = [PersistentDict{String,Int}(env, id=id) for id in ("", "one", "two", "three")]
        for dict in dicts
            dict["a"] = 1
        end
        transaction(env) do
            foreach(dict -> dict["a"] += 1, dicts[1:3])
            @test fails_with(() -> dicts[4]["a"] += 1, PC.Lib.PC_ERR_COLLECTIONS_FULL)
        end
        @test [dict["a"] for dict in dicts] == [2, 2, 2, 1]
    end
end

@testset "every flag of LMDB has its name and number" begin
    numbers = (MDB_FIXEDMAP=0x01, MDB_NOSUBDIR=0x4000, MDB_NOSYNC=0x10000, MDB_RDONLY=0x20000, MDB_NOMETASYNC=0x40000, MDB_WRITEMAP=0x80000,
        MDB_MAPASYNC=0x100000, MDB_NOTLS=0x200000, MDB_NOLOCK=0x400000, MDB_NORDAHEAD=0x800000, MDB_NOMEMINIT=0x1000000)
    for (name, number) in pairs(numbers)
        flag = getfield(LMDB, name)
        @test flag == number
        reads = name in (:MDB_RDONLY, :MDB_NOLOCK)
        mktempdir() do folder
            path = joinpath(folder, "data")
            subdir = name === :MDB_NOSUBDIR ? flag : zero(flag)
            LMDB.Environment(env -> PersistentDict{String,Int}(env)["a"] = 1, path; flags=subdir)
            LMDB.Environment(path; flags=name === :MDB_NOLOCK ? flag | LMDB.MDB_RDONLY : flag) do env
                dict = PersistentDict{String,Int}(env)
                @test dict["a"] == 1
                reads ? @test_throws(LMDB.LMDBError, dict["a"] = 2) : @test((dict["a"] = 2) == dict["a"] == 2)
            end
        end
    end
end

@testset "mode, mapsize, maxreaders" begin
    mktempdir() do folder
        env = LMDB.Environment(joinpath(folder, "data"); mode=0o600, mapsize=1 << 20, maxreaders=33)
        @test filemode(joinpath(folder, "data", "data.mdb")) & 0o777 == 0o600
        @test info(env).map_size < 1 << 30 && info(env).max_readers == 33
        close(env)
    end
end

@testset "a new dict of Any" begin
    with_env(maxdbs=1) do env
        dict = PersistentDict{Any,Any}(env, id="foo")
        fixed, loose = Fixed0(1, 2.5, (2, 3.5)), Loose0(1, 2.5, (2, 3.5))
        for (key, value) in ("text" => "value", "bytes" => b"value" |> collect, "int" => 1234, "float" => 2.5, "tuple" => (1, 2.5), "fixed" => fixed, "loose" => loose, "nothing" => nothing)
            @test (dict[key] = value) === value
        end
        @test get(dict, "text", "") == "value" && get(dict, "bytes", UInt8[]) == b"value" && get(dict, "int", 0) == 1234 && get(dict, "float", 0.0) == 2.5
        @test get(dict, "tuple", (0, 0.0)) == (1, 2.5) && get(dict, "fixed", nothing) == fixed && get(dict, "loose", nothing) == loose && get(dict, "loose", nothing) isa Loose0
        @test get(dict, "nothing", UInt8[1]) === nothing && convert(Int, dict["int"]) == 1234
        dict[LMDB.MDBValue("key")] = LMDB.MDBValue("raw")
        @test dict[LMDB.MDBValue("key")] == b"raw" && !haskey(delete!(delete!(dict, LMDB.MDBValue("key")), LMDB.MDBValue("key")), LMDB.MDBValue("key"))
        @test !haskey(delete!(delete!(dict, "text"), "text"), "text")
        @test_throws KeyError dict["text"]
        @test length(collect(keys(dict))) == length(collect(values(dict))) == length(collect(dict)) == 7
    end
end

@testset "sync=false" begin
    with_env() do env
        dict = PersistentDict{String,String}(env, id="d")
        @test setindex!(dict, "v", "k"; sync=false) === dict && dict["k"] == "v"
        @test delete!(dict, "k"; sync=false) === dict && isempty(dict)
        setindex!(dict, "kept", "k"; sync=false)
        flush(env)
        @test dict["k"] == "kept"
    end
end

memory(item) = LMDB.MDBValue(item).data

@testset "MDBValue: $(repr(item))" for item in Any["text", "", 5, -1.5f0, true, 'é', (1, 2.5), 1 // 3, 1.5 + 2im, [1.5, 2.5], UInt8[1, 2], Int16[], [(1, 'a')], red, Spot(1, 2),
        Fixed0(1, 2.5, (2, 3.5)), Loose0(1, 2.5, (2, 3.5)), UUID(7), Date(2024, 2, 29), DateTime(2024), Time(1, 2), typemax(Int128), nothing]
    value = LMDB.MDBValue(item)
    @test length(value.data) == sizeof(item) && LMDB.MDBValue(value) === value
    if item !== nothing
        @test convert(typeof(item), value) == item && convert(LMDB.MDBValue, item) == value
        item isa Union{String,Vector} || @test_throws ArgumentError convert(typeof(item), LMDB.MDBValue([value.data; 0x00]))
    end
    @test convert(Any, value) === value && convert(Union{Missing,LMDB.MDBValue}, value) === value
end

@testset "values without bytes" begin
    for item in (Any[1], ["a"], Dict(), Ref("a"), big(1))
        @test_throws ArgumentError LMDB.MDBValue(item)
    end
    @test convert(Union{Nothing,Int}, LMDB.MDBValue(5)) === 5 && convert(Union{Missing,Nothing,Int}, LMDB.MDBValue(5)) === 5
end

const KEPT = Pair[
    "text" => "value", "empty" => "", "bytes" => UInt8[1, 2, 0xff], "int" => 1234, "float" => 2.5, "bool" => true, "char" => 'é', "tuple" => (1, 2.5), "rational" => 1 // 3,
    "fixed" => Fixed0(1, 2.5, (2, 3.5)), "loose" => Loose0(1, 2.5, (2, 3.5)), "vector" => [1.5, 2.5], "structs" => [Spot(1, 2), Spot(3, 4)],
    "uuid" => UUID(7), "date" => Date(2024, 2, 29), "datetime" => DateTime(2024, 2, 29, 1, 2, 3), "long" => repeat("long ", 3000), "enum" => green]

@testset "an environment of 0.2 with named collections" begin
    mktempdir() do folder
        RawFile.make(folder; unnamed=[memory("plain") => memory("record")], named=Dict(
            "any" => [memory(key) => memory(value) for (key, value) in KEPT],
            "numbers" => [memory(key) => memory(float(key)) for key in (-1, 0, 1, 255, 256, 65536)],
            "keys" => [memory(Fixed0(n, 0.5, (n, 1.5))) => memory(n) for n in 1:3],
            "tuples" => [memory((n, 0.5)) => memory(Loose0(n, 0.5, (1, 2.0))) for n in 1:3],
            "dates" => [memory(Date(2024) + Day(n)) => memory(UUID(n)) for n in 1:3],
            "none" => []))
        env = LMDB.Environment(folder, maxdbs=6)
        dict = PersistentDict{Any,Any}(env, id="any")
        @test length(dict) == length(KEPT) && Set(convert(String, key) for key in keys(dict)) == Set(map(first, KEPT))
        for (key, value) in KEPT
            @test dict[key] isa LMDB.MDBValue && convert(typeof(value), dict[key]) == value
            @test get(dict, key, value) == value && typeof(get(dict, key, value)) === typeof(value) && get(dict, key, nothing) isa LMDB.MDBValue
            typed = PersistentDict{String,typeof(value)}(env, id="any")
            @test typed[key] == value && typeof(typed[key]) === typeof(value)
        end
        @test get!(dict, "int", 0) === 1234 && get!(dict, "new", 7) === 7 && get(dict, "new", 0) === 7 && pop!(dict, "new", 0) === 7
        @test copy(PersistentDict{Int,Float64}(env, id="numbers")) == Dict(key => float(key) for key in (-1, 0, 1, 255, 256, 65536))
        @test copy(PersistentDict{Fixed0,Int}(env, id="keys")) == Dict(Fixed0(n, 0.5, (n, 1.5)) => n for n in 1:3)
        @test PersistentDict{Tuple{Int,Float64},Loose0}(env, id="tuples")[(2, 0.5)] == Loose0(2, 0.5, (1, 2.0))
        dates = PersistentDict{Date,UUID}(env, id="dates")
        @test dates[Date(2024, 1, 3)] == UUID(2) && collect(keys(dates)) == Date(2024) .+ Day.(1:3)
        @test collect(PersistentDict{String,String}(env)) == ["plain" => "record"] && isempty(PersistentDict{String,String}(env, id="none"))
        @test PersistentSet{Date}(env, id="dates") == Set(keys(dates))
        @test Set(map(found -> (found.name, found.kind, found.count), collections(env))) == Set([("", :raw, 1), ("any", :raw, length(KEPT)), ("numbers", :raw, 6),
            ("keys", :raw, 3), ("tuples", :raw, 3), ("dates", :raw, 3), ("none", :raw, 0)])
        # Writes keep the layout of 0.2, and do not change existing entries.
        dates[Date(2025)] = UUID(9)
        PersistentDict{String,Fixed0}(env, id="any")["another"] = Fixed0(5, 5.5, (5, 5.5))
        @test dict["another"] == LMDB.MDBValue(Fixed0(5, 5.5, (5, 5.5))) && !haskey(delete!(dict, "another"), "another")
        @test PersistentDict{Any,Any}(env, id="dates")[Date(2025)] == LMDB.MDBValue(UUID(9))
        @test close(env) && LMDB.Environment(env -> schema(env, "any").kind, folder; check_on_open=true) === :raw
    end
end

@testset "a collection without types cannot be read as: $V" for V in (Real, Union{Int,Missing}, Matrix{Float64}, Vector{String}, Dict{String,Int}, BigInt, Tuple{String,Int})
    mktempdir() do folder
        Environment(RawFile.make(folder; named=Dict("d" => ["a" => memory(1)]))) do env
            @test_throws ArgumentError PersistentDict{String,V}(env; id="d")
        end
    end
end
