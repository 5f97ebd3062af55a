# Comparing and combining collections, by their stored keys and values.

# Sets and dicts of `Any` have three keys for 1, 1.0 and true, where Julia's own have one. A comparison used the rule of its
# left side: `Set([1, 2]) == set` and `set == Set([1, 2])` disagreed if `set` contained 1 and true.

with_sets(f, elements...) = with_env(durability=:none) do env
    f((union!(PersistentSet{eltype(list)}(env; id=string(number)), list) for (number, list) in enumerate(elements))...)
end

both_ways(relation, a, b) = (one = relation(a, b); one == relation(b, a) ? one : error("the sides disagree"))

@testset "a set of Any and plain sets" begin
    with_sets(Any[1, true]) do set
        @test !both_ways(==, set, Set([1, 2])) && !both_ways(==, set, Set([1])) && !both_ways(isequal, set, Set(Any[1.0, 2]))
        @test both_ways(issetequal, set, Any[true, 1]) && !both_ways(issetequal, set, [1])
        @test set ⊆ Any[true, 1, 5] && !(set ⊆ [1]) && [1] ⊆ set && !([1.0] ⊆ set) && Set([true]) ⊆ set
        @test Set([1]) ⊊ set && !(set ⊊ Any[1, true]) && Any[1] ⊊ set && set > Set([true]) && !(set < Set([1, 2]))
        @test both_ways(isdisjoint, set, [1.0]) && !both_ways(isdisjoint, set, Set([1]))
        @test both_ways(intersect, set, Set([1.0])) == Set() && intersect(Set(Any[1.0, true]), set) == Set([true])
        @test setdiff(set, [1]) == Set([true]) && setdiff(Set([1.0]), set) == Set([1.0])
        @test symdiff(set, Any[1, 5]) == Set([true, 5]) && symdiff(Set([true, 5]), set) == Set([1, 5])
        @test setdiff!(Set([1.0]), set) == Set([1.0]) && intersect!(Set(Any[1.0, "a"]), set) == Set() && intersect!(Set([1]), set) == Set([1])
        @test setdiff!(BitSet([1, 2]), set) == BitSet([2]) && symdiff!(BitSet([1, 3]), set) == BitSet([1, 3])
        @test setdiff([1, 2], set) == [2] && union(Set([5]), set) == Set([5, 1])
        @test collect(intersect!(set, Any[true, 1.0])) == Any[true] && collect(symdiff!(set, Any[1, 1.0, true])) == Any[1, 1.0]
        @test collect(setdiff!(set, [1])) == Any[1.0] && isempty(setdiff!(set, Set([1.0])))
    end
end

@testset "typed sets and plain sets: $(eltype(list))" for (list, equal) in (
        ([1, 2], Any[1.0, 2]), (["a", "b"], SubString.(["a", "b"])), ([1.5, 2], Float32[1.5, 2]), ([Date(2020)], [DateTime(2020)]),
        ([(1, "a")], [(1.0, "a")]), ([:a], [:a]), (UInt8[1, 2], Any[true, 2]))
    with_sets(list) do set
        @test both_ways(==, set, Set(equal)) && both_ways(issetequal, set, equal) && set ⊆ equal && equal ⊆ set
        @test all(element -> element in set, equal) && isempty(setdiff(set, equal))
        # In Julia, a `Date` and a `DateTime` that are equal have different hashes.
        @test hash(Set(equal)) == hash(set) || eltype(list) === Date
        more = Any[equal..., missing]
        @test !both_ways(==, set, Set(more)) && set ⊊ more && !(more ⊆ set) && length(symdiff(set, more)) == 1
    end
end

@testset "sets of different types" begin
    with_sets([1, 2], Any[1.0, 2], Any[1, 2], Int8[1, 2], [1.0, 2.0]) do ints, floats, same, bytes, doubles
        @test !both_ways(==, ints, floats) && both_ways(==, ints, same) && both_ways(==, ints, bytes) && both_ways(==, ints, doubles)
        @test !(ints ⊆ floats) && !(floats ⊆ ints) && intersect(ints, floats) == Set([2]) && setdiff(ints, floats) == Set([1])
        @test ints ⊆ same && same ⊆ ints && !isdisjoint(ints, floats) && isempty(symdiff(ints, same))
        @test collect(intersect!(bytes, floats)) == [2] && isempty(setdiff!(bytes, same))
    end
end

@testset "dicts" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        dict[1], dict[true] = "a", "b"
        @test !both_ways(==, dict, Dict(1 => "a", 2 => "b")) && !both_ways(isequal, dict, Dict(1 => "a", 2 => "b"))
        @test !both_ways(==, keys(dict), Set([1, 2])) && keys(dict) ⊆ Any[1, true] && setdiff(keys(dict), [1]) == Set([true])
        delete!(dict, true)
        @test both_ways(==, dict, Dict(1 => "a")) && !both_ways(==, dict, Dict(1.0 => "a")) && !both_ways(==, dict, Dict(1 => "b"))
        @test both_ways(==, keys(dict), Set([1])) && !both_ways(==, keys(dict), Set([1.0])) && both_ways(==, keys(dict), keys(Dict(1 => 2)))
        typed = merge!(PersistentDict{Int,Any}(env; id="t"), Dict(1 => "a"))
        @test both_ways(==, typed, dict) && both_ways(==, typed, Dict(1.0 => "a")) && both_ways(==, keys(typed), keys(dict))
        typed[2] = missing
        dict[2] = missing
        @test ismissing(typed == dict) && ismissing(dict == Dict(1 => "a", 2 => missing)) && isequal(typed, dict) && isequal(Dict(1 => "a", 2 => missing), dict)
        dict[2] = typed[2] = NaN
        @test both_ways(isequal, typed, dict) && !both_ways(==, dict, Dict(1 => "a", 2 => NaN)) && both_ways(isequal, dict, Dict(1 => "a", 2 => NaN))
        @test !both_ways(==, dict, IdDict{Any,Any}(1 => "a", 2 => NaN)) && hash(dict) == hash(Dict(1 => "a", 2 => NaN))
        @test PC.OPEN_CURSORS[] == 0
    end
end

@testset "a plain copy cannot hold two equal keys" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Any,Any}(env; id="d")
        dict[1], dict[true] = "a", "b"
        for make in (copy, deepcopy, dict -> merge(dict, Dict(2 => 3)))
            @test_throws ArgumentError make(dict)
        end
        set = push!(PersistentSet{Any}(env; id="s"), 1, 1.0, true)
        for make in (copy, deepcopy, set -> setdiff(set, [1]), set -> symdiff(set, [1]))
            @test_throws ArgumentError make(set)
        end
        @test setdiff(set, Any[1, 1.0]) == Set([true]) && length(collect(set)) == 3
    end
end

@testset "no comparison is ambiguous" begin
    ours = filter(detect_ambiguities(PersistentCollections, Base, Core)) do pair
        any(method -> Base.moduleroot(method.module) === PersistentCollections, pair)
    end
    @test isempty(ours)
end
