# Iteration: order, ranges, reuse of states, and changes during a loop.

@testset "ranges of a dict" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        merge!(dict, Dict("apple" => 1, "apply" => 2, "banana" => 3, "cherry" => 4))
        @test collect(between(dict, "apply", "cherry")) == ["apply" => 2, "banana" => 3]
        @test collect(between(dict, "apply", "cherry"; inclusive=(false, true))) == ["banana" => 3, "cherry" => 4]
        @test collect(keys(between(dict, nothing, "b"))) == ["apple", "apply"]
        @test collect(values(prefix(dict, "appl"))) == [1, 2]
        @test collect(Iterators.reverse(prefix(dict, "appl"))) == ["apply" => 2, "apple" => 1]
        @test collect(keys(Iterators.reverse(dict))) == ["cherry", "banana", "apply", "apple"]
        @test collect(Iterators.reverse(keys(dict))) == ["cherry", "banana", "apply", "apple"]
        @test collect(Iterators.reverse(Iterators.reverse(dict))) == collect(dict)
        view = between(dict, "b", nothing)
        @test first(view) == ("banana" => 3) && last(view) == ("cherry" => 4) && !isempty(view)
        @test isempty(prefix(dict, "x"))
        @test_throws ArgumentError first(prefix(dict, "x"))
        @test eltype(view) == Pair{String,Int} && eltype(keys(view)) == String && eltype(collect(values(view))) == Int
        empty!(prefix(dict, "app"))
        @test collect(keys(dict)) == ["banana", "cherry"]
        pairs = PersistentDict{Tuple{String,Int},Int}(env; id="pairs")
        merge!(pairs, Dict((name, number) => number for name in ("a", "ab") for number in -1:1))
        @test collect(keys(prefix(pairs, ("a",)))) == [("a", -1), ("a", 0), ("a", 1)]
        @test collect(keys(between(pairs, ("a", 0), ("ab", 0)))) == [("a", 0), ("a", 1), ("ab", -1)]
    end
end

@testset "a state can be reused" begin
    with_env() do env
        dict = PersistentDict{Int,Int}(env; id="d")
        merge!(dict, Dict(number => -number for number in 1:10_000))
        head, rest = Iterators.peel(dict)
        @test head == (1 => -1)
        @test collect(rest) == collect(rest) == [number => -number for number in 2:10_000]
        item, state = iterate(dict)
        @test iterate(dict, state) == iterate(dict, state)
        @test sum(values(dict)) == -sum(1:10_000)
        @test collect(zip(keys(dict), keys(dict)))[end] == (10_000, 10_000)
    end
end

@testset "changes during a loop" begin
    with_env() do env
        dict = PersistentDict{Int,Int}(env; id="d")
        merge!(dict, Dict(number => number for number in 1:100))
        # Outside of a transaction, a loop sees the entries at its beginning.
        for (key, value) in dict
            delete!(dict, key)
            dict[1000 + key] = value
        end
        @test collect(keys(dict)) == 1001:1100
        # In a transaction, it sees the current entries.
        transaction(env) do
            seen = Int[]
            for (key, value) in dict
                push!(seen, key)
                delete!(dict, key + 1)
                key < 1200 && (dict[key + 200] = 0)
            end
            @test seen == unique(seen) && issorted(seen)
            @test 1002 ∉ seen && 1201 in seen
        end
        snapshot(env) do
            @test length(collect(dict)) == length(dict)
        end
    end
end

@testset "an iterator ends with its transaction" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:100))
        state = transaction(() -> iterate(dict)[2], env)
        @test fails_with(() -> iterate(dict, state), PC.Lib.PC_ERR_BAD_HANDLE)
    end
end

# With ten readers, a program waited for a full garbage collection after every ten loops left early: a minute for 3000 of them.
@testset "iterators left early do not use up the readers" begin
    for options in ((), (maxreaders=10,))
        with_env(; options...) do env
            dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:100))
            before = Base.gc_num().full_sweep
            @test all(_ -> 1 in values(dict), 1:3000)
            @test Base.gc_num().full_sweep - before < 100
            @test !isempty(options) || fetch(Threads.@spawn dict[2]) == 2
        end
    end
end

@testset "no snapshot stays open" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:100))
        first(dict), last(dict), isempty(dict), length(dict), collect(dict), first(keys(between(dict, 5, nothing)))
        dict[1] = 2
        @test info(env).oldest_reader_commit == info(env).last_commit
    end
end
