# Values with more or less than their type stores: one that would not come back equal is refused, with its place.

struct OddInteger <: Integer
    number::Int
end

struct Titled <: AbstractString
    text::String
    title::Int
end

Base.ncodeunits(text::Titled) = ncodeunits(text.text)
Base.codeunit(text::Titled) = UInt8
Base.codeunit(text::Titled, index::Integer) = codeunit(text.text, index)
Base.isvalid(text::Titled, index::Integer) = isvalid(text.text, index)
Base.iterate(text::Titled, index::Integer=1) = iterate(text.text, index)

# Indices from 0 on.
struct FromZero <: AbstractVector{Int}
    list::Vector{Int}
end

Base.size(list::FromZero) = size(list.list)
Base.axes(list::FromZero) = (Base.IdentityUnitRange(0:length(list.list) - 1),)
Base.getindex(list::FromZero, index::Int) = list.list[index + 1]

struct Sized{T}
    value::T
end

mutable struct Thing
    number::Int
end

struct Unwilling end
Base.convert(::Type{T}, ::Unwilling) where {T<:Union{Int,String,Date}} = throw(DomainError(T, "of no use"))

refusal(f) = try; f(); ""; catch failure; failure isa ArgumentError || rethrow(); failure.msg; end

# Such a value was stored as something else, and came back changed without an error; or the error was of another kind.
@testset "values of Any that would come back changed are refused" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        loop = Any[1]
        push!(loop, loop)
        for value in (IdDict(1 => 2), IdDict(1 => 2, 1.0 => 3), Tagged(2, UInt8[1]), Tagged(37, zeros(UInt8, 16)), Tagged(27, Any["tuple", 1]), OddInteger(3),
                FromZero([1, 2]), Vector{Any}(undef, 1), loop, [1 => 2, 1 => 3], Dict(Thing(1) => 1, Thing(1) => 2), Base.IdSet{Any}(Any[1, 1.0]),
                Set(Any[LMDB.MDBValue(UInt8[1]), UInt8[1]]))
            @test !isempty(refusal(() -> dict["k"] = value)) && isempty(dict)
            empty!(dict)
        end
        @test (dict["k"] = Titled("x", 1)) isa Titled && dict["k"] == "x" && (dict[Titled("y", 2)] = 1) == dict["y"]
        # A set with such a type, as a value.
        set = push!(PersistentSet{Any}(env; id="s"), 1, true)
        @test !isempty(refusal(() -> dict["k"] = set))
        delete!(set, true)
        dict["k"] = set
        @test dict["k"] == Set([1])
    end
end

@testset "the error names the place in the value" begin
    place(value) = match(r"\(at value(.*)\)$", refusal(() -> PC.encode_any(value)))[1]
    @test place(Any[1, Dict("a" => (1, sin))]) == "[2][\"a\"][2]"
    @test place((1, Set([(sin,)]))) == "[2], element ($sin,)[1]"
    @test place(Sized{Any}([1, Tagged(99, sin)])) == ".value[2].content"
    @test place(Dict((1, sin) => 2)) == ", key (1, $sin)[2]"
    @test !occursin("at value", refusal(() -> PC.encode_any(sin)))
    @test occursin("(at key[2][1])", refusal(() -> PC.anykey((1, (sin, 2)))))
end

# A struct with parameters was registered by its bare name, so that one stored with an integer came back with a float.
@testset "structs with parameters" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        values = (Sized(1), Sized(1.0), Sized("a"), Sized(Sized(1)), Sized{Any}(1))
        foreach(index -> dict[index] = values[index], eachindex(values))
        @test all(dict[index] === values[index] for index in eachindex(values))
        @test register_struct(Sized{Int}) == "Sized{Int64}"
    end
end

function nested(@nospecialize(wrap), count, @nospecialize(innermost)=1)
    value = Ref{Any}(innermost)
    for _ in 1:count
        value[] = wrap(value[])
    end
    return value[]
end

# With 128 nested arrays, the innermost was stored, but could not be read.
@testset "values and keys have a greatest depth" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        for (wrap, most) in Any[((@nospecialize(value)) -> Any[value], 128), ((@nospecialize(value)) -> Tagged(99, value), 128), (tuple, 64),
                ((@nospecialize(value)) -> Dict{Any,Any}(1 => value), 128), ((@nospecialize(value)) -> Set{Any}(Any[value]), 64),
                ((@nospecialize(value)) -> Sized{Any}(value), 42)]
            value = nested(wrap, most)
            dict["k"] = value
            @test isequal(dict["k"], value)
            @test occursin("128 deep", refusal(() -> dict["k"] = nested(wrap, most + 1)))
        end
        key, deeper = nested(tuple, 128), nested(tuple, 129)
        dict[key] = 1
        @test dict[key] == 1 && !haskey(dict, deeper) && get_many(dict, Any[deeper, key]; default=0) == [0, 1]
        @test !isempty(refusal(() -> dict[deeper] = 1))
    end
end

# Returns the depth of nested tuples in a type.
levels(@nospecialize(T)) = T isa DataType ? (T <: Tuple) + maximum(Any[0; map(levels, collect(T.parameters))]) : 0

# Returns the number of times that methods of this package were compiled for tuples of these depths.
function compiled_for(some_levels)
    found = 0
    for name in names(PC; all=true), method in (isdefined(PC, name) ? methods(getfield(PC, name)) : ())
        method.module === PC || continue
        compiled = isdefined(Base, :specializations) ? collect(Base.specializations(method)) : method.specializations
        # The arguments are a tuple as well.
        found += count(index -> isassigned(compiled, index) && levels(compiled[index].specTypes) - 1 in some_levels, 1:length(compiled))
    end
    return found
end

# A key of 128 nested tuples took a quarter of a minute to store, since each depth is a type of its own, for which Julia
# compiled the package's methods. The same held for values, and for the search for a part that cannot be stored.
@testset "nested tuples do not compile methods for each depth" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        within = 3:18
        before = compiled_for(within)
        key, faulty = nested(tuple, 20, "x"), nested(tuple, 20, sin)
        @test (dict[key] = key) === key && dict[key] == key && get_many(dict, Any[key]) == [key]
        @test occursin("at value" * "[1]"^20, refusal(() -> dict["k"] = faulty))
        @test occursin("at key" * "[1]"^20, refusal(() -> dict[faulty] = 1)) && !haskey(dict, faulty)
        @test compiled_for(within) == before && compiled_for(19:21) > 0
    end
end

# The digits of a large number were split off one by one, each with a copy of the rest: for a million of them that took hours.
@testset "large numbers take linear time" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        large = big(10)^1_000_000 + 7
        @test (@elapsed begin
            dict["k"] = -large
            @test dict["k"] == -large
            # Longer than a mebibyte.
            dict["k"] = large^3
            @test dict["k"] == large^3
            @test !haskey(dict, large) && !isempty(refusal(() -> dict[large] = 1))
        end) < 60
        for number in (big(0), big(255), big(2)^63 - 1, -big(2)^63, big(2)^63, big(2)^64, -big(2)^64 - 1, big(2)^2039, -big(2)^2039, typemin(Int128), typemax(UInt64), typemin(Int8))
            dict[number] = number
            @test dict[number] == number && number in keys(dict)
        end
    end
end

# An array of 800 dimensions, which another program may store, could not be read. For one with some dozens, Julia compiled for
# seconds, separately for each number of dimensions.
@testset "arrays of many dimensions are read as tags" begin
    stored(count) = vcat(UInt8[0xd8, 0x28, 0x82], PC.puthead!(UInt8[], PC.ARRAY, count), fill(0x01, count), PC.encode_any([1.5]))
    @test PC.decode_any(stored(3)) == fill(1.5, 1, 1, 1)
    for count in (65, 800, 100_000)
        value = PC.decode_any(stored(count))
        @test value isa Tagged && value.tag == 40 && PC.encode_any(value) == stored(count)
    end
end

@testset "times are not truncated" begin
    with_env(durability=:none) do env
        dates = PersistentDict{Date,Date}(env; id="d")
        @test !isempty(refusal(() -> dates[Date(2020)] = DateTime(2020, 1, 1, 12))) && isempty(dates)
        dates[DateTime(2020)] = DateTime(2021)
        @test dates[Date(2020)] == Date(2021) && !haskey(dates, DateTime(2020, 1, 1, 12))
        far = Date(Dates.UTInstant(Day(typemax(Int64) ÷ 2)))
        @test !isempty(refusal(() -> dates[far] = Date(2020))) && !haskey(dates, far)
        times = PersistentDict{DateTime,DateTime}(env; id="t")
        far = DateTime(Dates.UTInstant(Millisecond(typemax(Int64) ÷ 2)))
        @test !isempty(refusal(() -> times[far] = far)) && !haskey(times, far) && get_many(times, [far]; default=0) == [0]
    end
end

# A look-up of a key that the collection cannot hold threw, alone or among others.
@testset "a look-up of a key that cannot be stored finds nothing: $K" for K in (String, Symbol, Char, Vector{UInt8}, Int, Float64, Date, Tuple{String,Int}, Any)
    with_env(durability=:none) do env
        dict, set = PersistentDict{K,Int}(env; id="d"), PersistentSet{K}(env; id="s")
        odd = Any["\xff", Symbol("\xff"), reinterpret(Char, 0xff000000), UInt8[], OddInteger(3), Titled("\xff", 1), Unwilling(), missing, NaN, sin, ("\xff", 1), ("a", NaN), big(2)^3000,
            "é"^1500, Date(Dates.UTInstant(Day(typemax(Int64) ÷ 2))), 1:3, (1, 2, 3), IdDict(), Ref(1)]
        K in (Int, Float64) && filter!(key -> !(key isa OddInteger), odd)
        # Vectors of `Any`, so that bulk calls are compiled once.
        for key in odd
            @test !haskey(dict, key) && get(dict, key, 7) == 7 && !(key in set) && get_many(dict, Any[key]; default=7) == [7]
            @test delete!(dict, key) === dict && pop!(dict, key, 7) == 7 && setdiff!(set, Any[key]) === set && !(Any[key] ⊆ set) && !(Any[key] ⊆ keys(dict))
        end
    end
end
