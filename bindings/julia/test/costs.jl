# The cost of the typed paths: no dynamic dispatch, and no memory except for the result.

using InteractiveUtils: code_typed

# Each in a function of its own, so that the measured code is compiled and its arguments have types.
allocated_get(dict, key) = @allocated dict[key]
allocated_default(dict, key, default) = @allocated get(dict, key, default)
allocated_put(dict, key, value) = @allocated dict[key] = value
allocated_haskey(dict, key) = @allocated haskey(dict, key)
allocated_delete(dict, key) = @allocated delete!(dict, key)
allocated_walk(items) = @allocated walk(items)
allocated_copy(value) = @allocated twin(value)

# The least memory that a result of its own takes.
twin(value::String) = GC.@preserve value unsafe_string(pointer(value), sizeof(value))
twin(value::Array) = copy(value)
twin(value) = value

function walk(items)
    count = 0
    for item in items
        count += 1
    end
    return count
end

# Measures the second call, when everything is compiled, and the third: the garbage collector may run in one of them, and compile
# a finalizer.
function twice(measured, arguments...)
    measured(arguments...)
    return min(measured(arguments...), measured(arguments...))
end

# Returns the calls in the optimised code of `f` whose target is looked up at run time, except those that only throw.
function dispatched(f, types...)
    code, _ = only(code_typed(f, types; optimize=true))
    return filter(code.code) do statement
        statement isa Expr && statement.head === :(=) && (statement = statement.args[2])
        statement isa Expr && statement.head === :call || return false
        target = statement.args[1]
        target isa Core.SSAValue && (target = code.code[target.id])
        target isa GlobalRef && (target = getfield(target.mod, target.name))
        target isa Type && return false
        return !(target isa Core.IntrinsicFunction || target isa Core.Builtin)
    end
end

@enum Mood::UInt8 CALM STORMY
struct Reading
    at::Int64
    value::Float64
end

typed_pairs() = ("key" => "v"^100, 5 => 6, "key" => 2.5, UUID(7) => Date(2020, 1, 2), true => CALM, 0x07 => Reading(1, 2.0),
    "key" => UInt8[1, 2, 3], :key => 5f0, Date(2021) => DateTime(2021), CALM => true)

@testset "dynamic dispatch is detected" begin
    @test !isempty(dispatched(numbers -> numbers[1] + 1, Vector{Any})) && isempty(dispatched(numbers -> numbers[1] + 1, Vector{Int}))
end

@testset "one entry" begin
    with_env(durability=:none) do env
        for (number, (key, value)) in enumerate(typed_pairs())
            K, V = typeof(key), typeof(value)
            dict = PersistentDict{K,V}(env; id="d$number")
            dict[key] = value
            @test (@inferred dict[key]) == value
            @test (@inferred get(dict, key, value)) == value
            @test (@inferred get(() -> value, dict, key)) == value
            @test @inferred(haskey(dict, key)) && !isempty(dict)
            @test isempty(dispatched(PC.lookup, typeof(dict), K)) && isempty(dispatched(haskey, typeof(dict), K))
            @test isempty(dispatched(PC.store, typeof(PC.Lib.pc_dict_put), typeof(dict), K, V))
            # Each call makes a new text for a symbol.
            K === Symbol && continue
            result = twice(allocated_copy, value)
            @test twice(allocated_get, dict, key) == result
            @test twice(allocated_default, dict, key, value) == result
            @test twice(allocated_put, dict, key, value) == 0
            @test twice(allocated_haskey, dict, key) == 0
            @test twice(allocated_delete, dict, key) == 0
            @test !haskey(dict, key)
        end
    end
end

@testset "arrays" begin
    with_env(durability=:none) do env
        shaped = PersistentDict{String,Matrix{Float32}}(env; id="shaped", shape=(64, 12))
        free = PersistentDict{Int,Vector{Float64}}(env; id="free")
        for (dict, key, value) in ((shaped, "a", rand(Float32, 64, 12)), (free, 1, rand(1000)), (free, 2, rand(5)))
            dict[key] = value
            @test (@inferred dict[key]) == value
            @test twice(allocated_get, dict, key) == twice(allocated_copy, value)
            @test twice(allocated_put, dict, key, value) == 0
        end
        @test_throws DimensionMismatch shaped["b"] = zeros(Float32, 12, 64)
    end
end

@testset "long values" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,String}(env; id="d")
        for length in (0, sizeof(PC.Room) - 1, sizeof(PC.Room), sizeof(PC.Room) + 1, 100_000)
            dict["k"] = "x"^length
            @test dict["k"] == "x"^length
            @test twice(allocated_get, dict, "k") == twice(allocated_copy, "x"^length)
            @test pop!(dict, "k") == "x"^length && !haskey(dict, "k")
        end
    end
end

@testset "sets and loops" begin
    with_env(durability=:none) do env
        set = union!(PersistentSet{Int}(env; id="s"), 1:10_000)
        @test @inferred(in(5, set))
        @test twice((set, n) -> @allocated(n in set), set, 5) == 0
        @test twice((set, n) -> @allocated(push!(set, n)), set, 5) == 0
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:10_000))
        for (items, T) in ((set, Int), (keys(dict), Int), (values(dict), Int), (dict, Pair{Int,Int}), (between(dict, 5, nothing), Pair{Int,Int}))
            _, state = iterate(items)
            @test Base.return_types(iterate, (typeof(items), typeof(state))) == [Union{Nothing,Tuple{T,typeof(state)}}]
            # Pages of many items: memory for their bytes and offsets, and none per item.
            @test twice(allocated_walk, items) < 40 * 10_000
        end
        texts = merge!(PersistentDict{String,String}(env; id="t"), Dict(string(number) => "v"^100 for number in 1:10_000))
        own = 10_000 * (twice(allocated_copy, "v"^100) + twice(allocated_copy, "10000"))
        @test twice(allocated_walk, texts) < own + 10_000 * (105 + 40)
    end
end

# Returns the number of allocations of a loop's items.
function allocations(items)
    walk(items)
    before = Base.gc_num()
    walk(items)
    return Base.gc_alloc_count(Base.GC_Diff(Base.gc_num(), before))
end

# Each item brings its own type along, and its bytes are read where they are: what is allocated are the key and the parts of the
# value. A `Dict` has four, a text and an array one each, a number at most one, a date three.
@testset "items of Any" begin
    with_env(durability=:none) do env
        for (name, value, most) in (("dict", Dict("name" => "Ann", "age" => 41, "tags" => ["a", "b"]), 11), ("int", 41, 0), ("large", 2^40, 1),
                ("text", "text", 1), ("float", 1.5, 1), ("list", Any[1, "a", 2.5], 3), ("array", [1.5, 2.5], 3), ("date", DateTime(2024), 5))
            dict = PersistentDict{String,Any}(env; id=name)
            merge!(dict, Dict(string(number) => value for number in 1:1000))
            @test allocations(dict) <= (most + 1) * 1000 + 200
            @test allocations(values(dict)) <= most * 1000 + 200
            keyed = merge!(PersistentDict{Any,Any}(env; id="any $name"), dict)
            @test allocations(keyed) <= (most + 1) * 1000 + 200
        end
    end
end
