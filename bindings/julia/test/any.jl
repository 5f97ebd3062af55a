# Values of type any.

isdefined(@__MODULE__, :Spot) || include("types.jl")

struct Point
    x::Float64
    y::Float64
end

struct Line
    name::String
    from::Point
    to::Point
end

there_and_back(value) = PC.decode_any(PC.encode_any(value))

@testset "a value comes back unchanged: $(repr(value))" for value in Any[
        nothing, missing, true, false, 0, -1, 23, 24, 255, 65536, typemax(Int64), typemin(Int64), big(2)^64 - 1, big(2)^64,
        -big(2)^64, -big(2)^64 - 1, 1.5, -0.0, NaN, Inf, -Inf, "", "héllo\0", UInt8[], UInt8[1, 2], Any[], Any[1, "a", [2.0]],
        (), (1, ("a", nothing)), Dict{Any,Any}(), Dict{Any,Any}("a" => 1, 2 => Any["x"]), Set{Any}(), Set{Any}([1, "x", 2.5]),
        DateTime(2024, 2, 29, 12, 34, 56), DateTime(1, 1, 1, 0, 0, 0, 120), Date(2024, 2, 29), Time(12, 34, 56), Time(1, 2, 3, 4, 5, 6),
        UUID(typemax(UInt128)), 1 // 3, -big(2)^70 // 3, 1 + 2im, 1.5 - 2.0im, :sym, 'é', Tagged(0, "2024-02-29T12:34:56Z"),
        Tagged(4, Any[-2, 314]), Tagged(64, UInt8[1]), [1.0, 2.0], Int16[1, -2], Float32[1.5], Float16[1.5], UInt64[1], Float64[],
        [1 2 3; 4 5 6], rand(UInt8, 2, 3), fill(1.5), zeros(Float32, 2, 0, 3), Set{Any}([(1, 2), Any[3]]), (Any[1],), Dict{Any,Any}("s" => Set{Any}([1]))]
    back = there_and_back(value)
    @test isequal(back, value)
    @test typeof(back) == typeof(value) || (value isa Number && back isa Number)
end

@testset "narrow and wide types of one kind" begin
    @test there_and_back(Int8(5)) === 5
    @test there_and_back(1.5f0) === 1.5
    @test there_and_back(big(5)) === 5
    @test isequal(there_and_back(["a", "b"]), Any["a", "b"])
    @test there_and_back([true, false]) == Any[true, false]
    @test there_and_back(view([1, 2, 3], 2:3)) == [2, 3]
    @test there_and_back(SubString("abc", 2)) == "bc"
    @test isequal(there_and_back(Union{}[]), Any[]) && isequal(there_and_back([Union{}[], 1]), Any[Any[], 1])
    @test bytes2hex(PC.encode_any(Union{}[])) == "80"
    for bytes in (view(UInt8[1, 2, 3], 1:2), 0x01:0x02, codeunits("\x01\x02"))
        @test there_and_back(bytes) == [0x01, 0x02] && there_and_back(bytes) isa Vector{UInt8}
    end
    @test isequal(there_and_back(Union{Int,Float64}[1, 2.5]), Any[1, 2.5])
end

@testset "complex and rational numbers with parts of all types" begin
    for number in (im, 1//2 + 3//4 * im, true // true, complex(big(2)^70, 1))
        @test isequal(there_and_back(number), number)
    end
end

@testset "bytes" begin
    bytes(value) = bytes2hex(PC.encode_any(value))
    @test bytes(NaN) == bytes(-NaN) == "fb7ff8000000000000"
    @test bytes(Dict("b" => 1, "a" => 2, 10 => 3)) == "a30a03616102616201"
    @test bytes(Set(["b", "a"])) == "d9010282" * "6161" * "6162"
    @test bytes((1, "a")) == "d81b83" * "657475706c65" * "01" * "6161"
    @test bytes([1 2; 3 4]) == "d8288282" * "0202" * "d84f5820" * "0100000000000000" * "0300000000000000" * "0200000000000000" * "0400000000000000"
    @test bytes(DateTime(2024, 2, 29, 12, 34, 56)) == "d81b82" * "68" * bytes2hex(b"datetime") * "73" * bytes2hex(b"2024-02-29T12:34:56")
    @test bytes(Time(1, 2, 3, 4)) == "d81b82" * "64" * bytes2hex(b"time") * "6f" * bytes2hex(b"01:02:03.004000")
    @test bytes(Point(1, 2)) == "d81b82" * "65" * bytes2hex(b"Point") * "a2" * "6178" * "fb3ff0000000000000" * "6179" * "fb4000000000000000"
end

@testset "column-major arrays of other programs can be read" begin
    # 1040([[2, 3], the six elements column after column])
    @test PC.decode_any(hex2bytes("d904108282" * "0203" * "d84846" * "010203040506")) == permutedims(Int8[1 3 5; 2 4 6])
    # Big-endian 16-bit integers.
    @test PC.decode_any(hex2bytes("d84944" * "0001ffff")) == Int16[1, -1]
end

@testset "structs" begin
    line = Line("l", Point(0, 1), Point(2, 3))
    @test there_and_back(line) == line
    object = Tagged(27, Any["Unheard", Dict{Any,Any}("x" => 1.0, "y" => 2.0)])
    @test there_and_back(object) == object
    @test PC.fit(Point, object) == Point(1, 2)
    @test_throws TypeError PC.fit(Point, Tagged(27, Any["Point", Dict{Any,Any}("x" => 1.0)]))
    @test there_and_back(Tagged(27, Any["Point", Dict{Any,Any}("z" => 1.0)])) isa Tagged
    @test_throws ArgumentError register_struct(Line; name="Point")
    @test_throws ArgumentError register_struct(Line; name="tuple")
    @test_throws ArgumentError register_struct(String)
    @test register_struct(Line; name="a line") == "a line"
    @test there_and_back(line) == line
end

struct Counted
    count::Int
    Counted(count) = new(count + 1)
end

@testset "a struct comes back as itself, or as its fields" begin
    with_env() do env
        dict = PersistentDict{Any,Any}(env; id="d")
        dict["counted"] = Counted(1)
        @test dict["counted"] == Tagged(27, Any["Counted", Dict{Any,Any}("count" => 2)])
    end
end

struct Holder
    content::Any
end

Base.isequal(a::Holder, b::Holder) = isequal(a.content, b.content)
Base.hash(holder::Holder, seed::UInt) = hash(holder.content, seed)

@testset "every value inside every container" begin
    leaves = Any[nothing, missing, true, -7, typemax(Int64), big(2)^80, -big(2)^80, 1.5, NaN, -Inf, 2 // 3, -big(2)^70 // 3, 1 + 2im, 1.5 - 2.0im, "", "é\0", :sym, 'é',
        UInt8[], UInt8[0, 255], Date(2024, 2, 29), DateTime(2024, 2, 29, 1, 2, 3, 4), Time(1, 2, 3, 4, 5), UUID(7), (), [1.0, 2.0], Float32[], [1 2; 3 4], Any[], Dict{Any,Any}(), Set{Any}(),
        Tagged(0, "2024-02-29T12:34:56Z"), Tagged(4, Any[-2, 314]), Simple(16), Point(1, 2), Line("l", Point(0, 1), Point(2, 3))]
    within = Any[identity, x -> (x,), x -> Any[x, x], x -> Dict{Any,Any}("k" => x), x -> Dict{Any,Any}(x => 1), x -> Set{Any}([x]), x -> Holder(x), x -> Tagged(99, x)]
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="any")
        values = Dict{Any,Any}((i, k) => outer(leaf) for (i, outer) in enumerate(within), (k, leaf) in enumerate(leaves))
        # All of them together, in each pair of containers; Julia 1.5 cannot hash a vector with a `Time` and a `DateTime`.
        together = filter(leaf -> !(leaf isa Time), leaves)
        merge!(values, Dict(string(i, " ", j) => outer(inner(together)) for (i, outer) in enumerate(within), (j, inner) in enumerate(within)))
        register_struct(Holder)
        merge!(dict, values)
        @test length(dict) == length(within) * (length(leaves) + length(within))
        differing = [key for (key, value) in values if !isequal(dict[key], value) || typeof(dict[key]) !== typeof(value)]
        @test isempty(differing)
        @test isequal(copy(dict), values) && get(dict, (1, 8), 0) === 1.5
    end
end

@testset "values that cannot be stored" begin
    for value in (big"1.5", sin, r"x", Ref(1), Int, Channel(1), (a=1,), ["a" "b"], Union{Int,Float64}[1 2.5], Matrix{Union{}}(undef, 0, 2), 1 => 2, 1 // 0, Date(20000), "\xff", [1, sin], ErrorException("x"))
        @test_throws ArgumentError PC.encode_any(value)
    end
end

struct Coloured
    colour::Colour
    other::Union{Colour,Nothing}
end

@testset "enums need a type that names them" begin
    for encode in (PC.encode_any, PC.anykey), value in (green, (green,))
        failure = try; encode(value); catch caught; caught; end
        @test failure isa ArgumentError && occursin("Colour", failure.msg) && occursin("Integer(x)", failure.msg)
    end
    @test_throws ArgumentError PC.encode_any([red, green])
    @test_throws ArgumentError PC.encode_any(Dict("a" => green))
    for value in (Coloured(red, green), Coloured(green, nothing))
        @test there_and_back(value) === value
    end
    with_env() do env
        any = PersistentDict{Any,Any}(env; id="any")
        @test_throws ArgumentError any["a"] = green
        @test_throws ArgumentError any[green] = 1
        @test isempty(any)
        any["a"] = Integer(green)
        @test any["a"] === 2
        for V in (Colour, Union{Colour,Missing}), id in ("any", "new $V")
            named = PersistentDict{String,V}(env; id=id)
            named["a"] = red
            @test named["a"] === red
        end
        named = PersistentDict{Union{Colour,String},Union{Vector{Colour},Missing}}(env; id="vectors")
        named[green] = [red, green]
        @test named[green] == [red, green] && collect(keys(named)) == [green]
        any["k"] = map(sin, Union{}[])
        any["l"] = Union{}[]
        @test isequal(any["l"], Any[]) && isempty(any["k"])
    end
end

@testset "damaged bytes" begin
    for hex in ("", "18", "61", "9f01ff", "5f41", "fc", "a101", "0000", "62c328", "9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "f810", "f4f4", "1c", repeat("81", 500) * "01")
        @test_throws ArgumentError PC.decode_any(hex2bytes(hex))
    end
    @test PC.decode_any(hex2bytes("d81b82" * "68" * bytes2hex(b"datetime") * "6161")) == Tagged(27, Any["datetime", "a"])
    @test PC.decode_any(hex2bytes("d8254100")) == Tagged(37, UInt8[0])
    @test PC.decode_any(hex2bytes("d90102820101")) == Tagged(258, Any[1, 1])
    @test PC.decode_any(hex2bytes("d81e820204")) == Tagged(30, Any[2, 4])
    @test PC.decode_any(hex2bytes("f93e00")) === 1.5
    @test PC.decode_any(hex2bytes("f0")) == Simple(16)
    @test_throws ArgumentError PC.encode_any(Simple(22))
    # Two keys that are equal in Julia.
    @test PC.decode_any(hex2bytes("a2" * "01" * "02" * "fb3ff0000000000000" * "03")) == [1 => 2, 1.0 => 3]
    @test bytes2hex(PC.encode_any(["b" => 1, "a" => 2])) == "a2" * "616201" * "616102"
end

# Reads bytes of which the last one is the last of its page: the page behind it cannot be read, so that a step too far ends the
# process. Returns whether they were read or refused.
function reads_within(read, bytes::Vector{UInt8}, at_end::Ptr{UInt8})
    data = at_end - length(bytes)
    GC.@preserve bytes unsafe_copyto!(data, pointer(bytes), length(bytes))
    try
        read(data, length(bytes))
    catch failure
        failure isa ArgumentError || rethrow()
    end
    return true
end

# Values and keys are read where they are stored, and nothing but these checks ends the reading.
Sys.islinux() && @testset "damaged values and keys are not read beyond their end" begin
    step = Int(ccall(:getpagesize, Cint, ()))
    pages = ccall(:mmap, Ptr{UInt8}, (Ptr{Cvoid}, Csize_t, Cint, Cint, Cint, Int64), C_NULL, 2 * step, 3, 0x22, -1, 0)
    @test ccall(:mprotect, Cint, (Ptr{Cvoid}, Csize_t, Cint), pages + step, step, 0) == 0
    value = Any[nothing, 7, 300, 70_000, big(2)^40, -big(2)^70, 1.5, "text", UInt8[1, 2, 3], [1.5, 2.5], Int16[1 2; 3 4], (1, "a"), 'x', :sym,
        DateTime(2024, 2, 29, 1, 2, 3, 4), Time(1, 2, 3, 4, 5), Date(2024), UUID(7), Set([1, 2]), 2 // 3, 1 + 2im, Dict("k" => Dict(1 => 2)), Simple(40)]
    key = (true, 7, -300, 2^40, typemin(Int64), big(2)^70, -big(2)^70, 1.5, "te\0xt", UInt8[1, 0, 2], (), (nothing, ("a",)), UUID(7))
    random = MersenneTwister(7)
    for (read, bytes, expected) in ((PC.decode_any, PC.encode_any(value), value), (PC.readanykey, PC.anykey(key), key))
        for count in 0:length(bytes) - 1
            @test_throws ArgumentError GC.@preserve bytes read(pointer(bytes), count)
            @test reads_within(read, bytes[1:count], pages + step)
        end
        for _ in 1:20_000
            damaged = copy(bytes[1:rand(random, 1:length(bytes))])
            damaged[rand(random, 1:length(damaged), 2)] = rand(random, UInt8, 2)
            reads_within(read, damaged, pages + step) || @test false
        end
        @test isequal(read(bytes), expected)
    end
    ccall(:munmap, Cint, (Ptr{Cvoid}, Csize_t), pages, 2 * step)
end

# Each map around others was read twice as soon as it had two equal keys, and so the innermost 2^128 times.
@testset "maps with equal keys are read in linear time" begin
    # {1: {1: …, 1.0: 0}, 1.0: 0}
    bytes = hex2bytes("a201"^127 * "00" * ("fb3ff0000000000000" * "00")^127)
    value, depth = PC.decode_any(bytes), 0
    while value != 0
        @test value isa Vector{Pair{Any,Any}} && value[2] == (1.0 => 0)
        value, depth = value[1].second, depth + 1
    end
    @test depth == 127
    @test PC.decode_any(hex2bytes("a2" * "01" * "a10203" * "fb3ff0000000000000" * "80")) == [1 => Dict(2 => 3), 1.0 => []]
end

@testset "dates and times are read exactly, or stay tags" begin
    text(value) = (bytes = PC.puttextstring!(UInt8[], value); bytes)
    date(value) = PC.decode_any([hex2bytes("d903ec"); text(value)])
    object(name, value) = PC.decode_any([hex2bytes("d81b82"); text(name); text(value)])
    @test date("2024-02-29") === Date(2024, 2, 29) && date("0000-12-31") === Date(0, 12, 31)
    for odd in ("2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-001", "2024-02-29\n", "+024-02-29", "2024-02-2٢", "20240229", "2024/02/29")
        @test date(odd) == Tagged(1004, odd)
    end
    for (fraction, nanoseconds) in ("" => 0, ".5" => 500_000_000, ".000000001" => 1, ".123456" => 123_456_000)
        @test object("time", "23:59:58" * fraction) === Time(23, 59, 58) + Nanosecond(nanoseconds)
    end
    for odd in ("24:00:00", "23:60:00", "23:59:60", "23:59:58.", "23:59:58.0000000001", "23:59:58,5", "23:59:58\n", "23:59", "23:59:5x", "23-59-58", "23:59:58.-1")
        @test object("time", odd) == Tagged(27, Any["time", odd])
        @test object("datetime", "2024-02-29T" * odd) == Tagged(27, Any["datetime", "2024-02-29T" * odd])
    end
    @test object("datetime", "2024-02-29T12:00:00.25") === DateTime(2024, 2, 29, 12, 0, 0, 250)
    for odd in ("2024-02-29 12:00:00", "2024-02-30T12:00:00", "2024-02-29T12:00:00.0001", "")
        @test object("datetime", odd) == Tagged(27, Any["datetime", odd])
    end
end
