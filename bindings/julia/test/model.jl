# Random operations, compared with the same on Julia's own Dict and Set.

@testset "seed $seed" for seed in 1:3
    random = MersenneTwister(seed)
    with_env(durability=:none) do env
        dict, model = PersistentDict{Int,String}(env; id="d"), Dict{Int,String}()
        set, twin = PersistentSet{String}(env; id="s"), Set{String}()
        key() = rand(random, -20:20)
        text() = randstring(random, "ab\0é", rand(random, 0:3))
        for step in 1:600
            action = rand(random, 1:12)
            if action <= 3
                at, value = key(), text()
                dict[at] = model[at] = value
            elseif action == 4
                at = key()
                @test delete!(dict, at) === dict && haskey(dict, at) == haskey(delete!(model, at), at)
            elseif action == 5
                at = key()
                @test pop!(dict, at, "none") == pop!(model, at, "none")
            elseif action == 6
                at, value = key(), text()
                @test get!(dict, at, value) == get!(model, at, value)
            elseif action == 7
                more = Dict(key() => text() for _ in 1:4)
                merge!(dict, more)
                merge!(model, more)
            elseif action == 8
                element = text()
                push!(set, element)
                push!(twin, element)
            elseif action == 9
                element = text()
                @test (element in set) == (element in twin)
                delete!(set, element)
                delete!(twin, element)
            elseif action == 10
                before = copy(model)
                @test_throws ErrorException transaction(env) do
                    empty!(dict)
                    union!(set, ["x", "y"])
                    error("undo")
                end
                @test dict == before
            elseif action == 11
                low, high = minmax(key(), key())
                @test collect(keys(between(dict, low, high))) == sort!([at for at in keys(model) if low <= at < high])
            else
                @test collect(Iterators.reverse(set)) == sort!(collect(twin); rev=true)
            end
        end
        @test dict == model && set == twin
        @test collect(keys(dict)) == sort!(collect(keys(model)))
        @test collect(set) == sort!(collect(twin))
    end
end

# Bulk operations on two sets and their plain twins, and on dicts with keys of all kinds.
@testset "in bulk, $T, seed $seed" for T in (Int, Any), seed in 1:2
    random = MersenneTwister(seed)
    with_env(durability=:none) do env
        sets, twins = [PersistentSet{T}(env; id="s$number") for number in 1:2], [Set{T}() for _ in 1:2]
        dict, model = PersistentDict{T,Any}(env; id="d"), Dict{T,Any}()
        item() = T === Int ? rand(random, -9:9) : rand(random, Any[nothing, "a", "b\0", (1, "x"), (1, (2, nothing)), UInt8[7], -3, 40, big(2)^70, UUID(5), 2.5, ()])
        items() = T[item() for _ in 1:rand(random, 0:6)]
        for step in 1:150
            at = rand(random, 1:2)
            set, twin, other, their = sets[at], twins[at], sets[3 - at], twins[3 - at]
            verb = rand(random, [union!, setdiff!, intersect!, symdiff!])
            more = rand(random, Bool) ? (unique(items()),) : (unique(items()), Set(items()))
            action = rand(random, 1:8)
            if action <= 2
                verb(set, other)
                verb(twin, their)
            elseif action <= 4
                verb(set, more...)
                verb(twin, more...)
            elseif action == 5
                entries = Dict{T,Any}(key => rand(random, Any[1, "x", missing, [1.5]]) for key in items())
                merge!(dict, entries)
                merge!(model, entries)
            elseif action == 6
                entries = Dict{T,Any}(key => 1 for key in items())
                @test mergewith!((a, b) -> (a, b) isa Tuple{Int,Int} ? a + b : 0, dict, entries) === dict
                mergewith!((a, b) -> (a, b) isa Tuple{Int,Int} ? a + b : 0, model, entries)
            elseif action == 7
                # All its effects are undone.
                @test_throws ErrorException transaction(() -> (verb(set, other, more...); filter!(_ -> false, dict); error("undo")), env)
            else
                gone = Set(items())
                filter!(pair -> !(pair.first in gone), dict)
                filter!(pair -> !(pair.first in gone), model)
            end
            @test set == twin && other == their && length(set) == length(twin)
            @test isequal(copy(dict), model)
            @test issubset(set, other) == issubset(twin, their) && isdisjoint(set, other) == isdisjoint(twin, their)
        end
    end
end
