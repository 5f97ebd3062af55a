# Julia types and type strings.

@enum Colour::Int16 red = 1 green = 2

struct Spot
    x::Int32
    y::Float32
end

struct Gap
    a::Int8
    b::Int64
end

mutable struct Movable
    x::Float64
    n::Int64
end

@testset "type strings" begin
    for (T, name) in (
            String => "str", Vector{UInt8} => "bytes", Int => "i64", Int8 => "i8", UInt16 => "u16", UInt64 => "u64",
            Float32 => "f32", Float64 => "f64", Bool => "bool", UUID => "uuid", Date => "date", DateTime => "datetime",
            Char => "str", Symbol => "str", Colour => "i16", Any => "any", Real => "any", Union{Int,Missing} => "any",
            Tuple{String,Int} => "(str,i64)", Tuple{Date} => "(date)", Vector{Float32} => "f32[]", Vector{Int64} => "i64[]",
            Spot => "opaque[8]", Movable => "opaque[16]", LMDB.MDBValue => "bytes")
        @test typestring(T) == name
    end
    @test typestring(Vector{Float32}; shape=(768,)) == "f32[768]"
    @test typestring(Array{Int16,3}; shape=(2, 3, 4)) == "i16[4,3,2]"
    @test typestring(Matrix{Float64}) === nothing
    for T in (BigInt, Int128, Dict{String,Int}, Rational{Int}, Regex, Time, Vector{String}, Ptr{Int}, Nothing)
        @test typestring(T) === nothing
    end
    @test_throws ArgumentError typestring(Matrix{Float64}; shape=(3,))
    @test_throws ArgumentError typestring(String; shape=(3,))
end

@testset "no call is ambiguous" begin
    ours(method) = Base.moduleroot(parentmodule(method.module)) === PC
    found = Test.detect_ambiguities(PC, PC.Lib, LMDB, Base; recursive=false)
    @test filter(pair -> any(ours, pair), collect(found)) == []
end

@testset "a stored type has a Julia type" begin
    @test PC.juliatype("str") == (String, nothing)
    @test PC.juliatype("(str,i64,date)") == (Tuple{String,Int64,Date}, nothing)
    @test PC.juliatype("f32[]") == (Vector{Float32}, nothing)
    @test PC.juliatype("f32[2,3]") == (Matrix{Float32}, (3, 2))
    @test PC.juliatype("opaque[4]") == (LMDB.MDBValue, nothing)
    @test PC.juliatype("any") == (Any, nothing)
end

@testset "a value fits a narrower type, or is refused" begin
    @test PC.fit(Int32, 5) === Int32(5)
    @test PC.fit(Float64, 5) === 5.0
    @test PC.fit(Vector{Int}, Any[1, 2]) == [1, 2]
    @test PC.fit(Dict{String,Int}, Dict{Any,Any}("a" => 1)) == Dict("a" => 1)
    @test PC.fit(Union{Int32,Missing}, missing) === missing
    @test PC.fit(Union{Int32,String}, "x") === "x"
    @test PC.fit(Tuple{Int8,String}, (1, "a")) === (Int8(1), "a")
    @test PC.fit(Symbol, "a") === :a
    for (T, value) in ((Int8, 300), (Int, 1.5), (Int, true), (Bool, 1), (String, 1), (Float32, 0.1), (Char, "ab"), (Tuple{Int}, (1, 2)))
        @test_throws TypeError PC.fit(T, value)
    end
end
