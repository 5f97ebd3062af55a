# PersistentSet as Julia's Set.

@testset "a PersistentSet works as a Set" begin
    with_env() do env
        set = PersistentSet{String}(env; id="s")
        @test set isa AbstractSet{String} && isempty(set)
        @test push!(set, "b") === set
        push!(set, "a", "c")
        push!(set, "a")
        @test length(set) == 3 && "a" in set && !("d" in set) && !(5 in set)
        @test collect(set) == ["a", "b", "c"] && eltype(set) == String && first(set) == "a" && last(set) == "c"
        @test set == Set(["a", "b", "c"]) && issetequal(set, ["c", "b", "a"]) && copy(set) isa Set{String}
        @test delete!(set, "a") === set && !("a" in set)
        @test pop!(set, "b") == "b" && pop!(set, "b", nothing) === nothing
        @test_throws KeyError pop!(set, "b")
        @test pop!(set) == "c" && isempty(set)
        @test_throws ArgumentError pop!(set)
        @test_throws ArgumentError first(set)
        @test_throws MethodError push!(set, 5)
        @test union!(set, ["x", "y"], Set(["z"])) == Set(["x", "y", "z"])
        @test issubset(["x"], set) && issubset(set, ["x", "y", "z", "w"]) && !issubset(["q"], set)
        @test union(set, ["q"]) == Set(["x", "y", "z", "q"]) && intersect(set, ["x", "q"]) == Set(["x"])
        @test setdiff(set, ["x"]) == Set(["y", "z"]) && symdiff(set, ["x", "q"]) == Set(["y", "z", "q"])
        @test intersect!(set, ["x", "y", "q"]) == Set(["x", "y"])
        @test symdiff!(set, ["y", "q"]) == Set(["x", "q"])
        @test setdiff!(set, ["q", 5, "none", "\xff", "x"^3000]) == Set(["x"])
        @test filter!(element -> element != "x", set) == Set{String}()
        @test isempty(empty!(push!(set, "x")))
        @test push!(set, "v") |> (set -> occursin("\"v\"", sprint(show, set)))
    end
end

@testset "two persistent sets: $(eltype(a)), $(eltype(b))" for (a, b) in (
        ([1, 2, 3], [3, 4]), ([1, 2], [1, 2, 3]), (Int[], [1]), ([1, 2], [3]), (Any[1, "a", (2, 3)], Any["a", 2.5]), ([1, 2], Any[2, "x"]),
        (Int8[1, 2], [2, 300]))
    with_env() do env
        one, two = PersistentSet{eltype(a)}(env; id="one"), union!(PersistentSet{eltype(b)}(env; id="two"), b)
        @test PC.same_form(one, two) == (eltype(a) === eltype(b))
        for other in (two, Set(b))
            fresh() = union!(empty!(one), a)
            fresh()
            @test issubset(one, other) == issubset(Set(a), Set(b)) && issubset(other, one) == issubset(Set(b), Set(a))
            @test isdisjoint(one, other) == isdisjoint(Set(a), Set(b)) && (one == other) == (Set(a) == Set(b))
            @test intersect!(fresh(), other) === one && one == intersect(Set(a), Set(b))
            @test setdiff!(fresh(), other) === one && one == setdiff(Set(a), Set(b))
            if all(item -> item isa eltype(a) && item isa eltype(b), b) && eltype(a) === eltype(b)
                @test union!(fresh(), other) === one && one == union(Set(a), Set(b))
                @test symdiff!(fresh(), other) === one && one == symdiff(Set(a), Set(b))
                @test union!(empty!(one), other, other) == Set(b) && intersect!(one, one) == Set(b) && isempty(setdiff!(one, one))
            end
        end
        @test two == Set(b)
    end
end

@testset "two sets of Any compare by stored keys" begin
    with_env() do env
        one, two = union!(PersistentSet{Any}(env; id="one"), Any[1, true]), union!(PersistentSet{Any}(env; id="two"), Any[1.0])
        @test length(one) == 2 && isdisjoint(one, two) && !issubset(two, one)
        @test collect(union!(one, two)) == Any[1, 1.0, true] && length(intersect!(one, two)) == 1 && first(one) === 1.0
    end
end

@testset "contains_many" begin
    with_env() do env
        set = PersistentSet{String}(env; id="s")
        union!(set, ["a", "c"])
        # An element that the set cannot hold is not in it.
        asked = Any["c", "b", 5, "a", "\xff", repeat("x", 5000), "c", nothing]
        @test contains_many(set, asked) == [element in set for element in asked] == Bool[1, 0, 0, 1, 0, 0, 1, 0]
        @test contains_many(set, (text for text in ["a", "b"])) == [true, false]
        @test isempty(contains_many(set, String[]))
        numbers = PersistentSet{Int}(env; id="numbers")
        union!(numbers, 0:2:1000)
        @test contains_many(numbers, -1:1001) == [n in numbers for n in -1:1001]
        @test transaction(() -> (push!(numbers, 1); contains_many(numbers, [1, 3])), env) == [true, false]
        anything = PersistentSet(env; id="anything")
        union!(anything, Any[1, 1.0, "x", (1, "a")])
        asked = Any[1, true, 1.0, "x", (1, "a"), (1, "b"), [1]]
        @test contains_many(anything, asked) == [element in anything for element in asked]
        close(env)
        @test fails_with(() -> contains_many(numbers, [1]), PC.Lib.PC_ERR_BAD_HANDLE)
    end
end

@testset "ranges" begin
    with_env() do env
        set = union!(PersistentSet{Int}(env; id="s"), -5:5)
        @test collect(between(set, -2, 2)) == -2:1
        @test collect(between(set, -2, 2; inclusive=(false, true))) == -1:2
        @test collect(Iterators.reverse(between(set, nothing, -3))) == [-4, -5]
        @test collect(Iterators.reverse(set)) == 5:-1:-5
        @test isempty(empty!(between(set, 0, nothing))) && collect(set) == -5:-1
        @test PersistentSet(env; id="s") isa PersistentSet{Int}
    end
end
