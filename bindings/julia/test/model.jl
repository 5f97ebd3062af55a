# Random operations, each also done to Julia's own Dict and Set.

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
                @test delete!(dict, at) == haskey(model, at)
                delete!(model, at)
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
