# Environments and collections in other processes, in precompiled modules and in copies.

using Distributed, Serialization

# A handle was serialized as its number. In the process that deserialized it, that number belonged to another collection: a
# program read and wrote the wrong dict, in any environment it had open. Workers of `pmap` and precompiled modules did so.

in_another_process(code, arguments...) = readlines(`$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) -e $code $arguments`)

there_and_back_again(object) = (io = IOBuffer(); serialize(io, object); deserialize(seekstart(io)))

@testset "another process opens a collection that was sent" begin
    with_env(durability=:none) do env
        vectors = merge!(PersistentDict{String,Vector{Float32}}(env; id="v", shape=(2,)), Dict("a" => [1, 2]))
        things = push!(PersistentSet{Any}(env; id="s"), 1, "x")
        as_stored = PersistentDict(env; id="v")
        file = joinpath(env.path, "sent")
        serialize(file, (vectors, things, as_stored, keys(vectors), prefix(vectors, "a"), env))
        said = in_another_process("""
            using PersistentCollections, Serialization
            # The same names, and so the same numbers, in an environment of its own.
            own = Environment(mktempdir(); durability=:none)
            dict = PersistentDict{String,Vector{Float32}}(own; id="v", shape=(2,))
            set = PersistentSet{Any}(own; id="s")
            dict["a"] = [7, 7]
            vectors, things, as_stored, names, some, env = deserialize(ARGS[1])
            println(vectors["a"] == as_stored["a"] == [1, 2], collect(names) == ["a"], length(some) == 1, 1 in things)
            vectors["b"] = [3, 4]
            push!(things, 2.5)
            println(length(dict) == 1, isempty(set), vectors.env === env, info(env).collections)
            """, file)
        @test said == ["truetruetruetrue", "truetruetrue2"]
        @test vectors["b"] == [3, 4] && 2.5 in things
    end
end

@testset "deserializing in the same process gives the same collection" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{String,Int}(env; id="d"), Dict("a" => 1))
        again, other_env, twice = there_and_back_again((dict, env, dict))
        @test again == dict && other_env == env && again.env === other_env === twice.env
        again["b"] = 2
        close(other_env)
        @test dict["b"] == 2 && !isopen(again)
        # A closed collection stays closed.
        closed = there_and_back_again(again)
        @test !isopen(closed) && fails_with(() -> closed["a"], PC.Lib.PC_ERR_BAD_HANDLE)
    end
end

@testset "deserializing does not create anything" begin
    mktempdir() do folder
        path = joinpath(folder, "env")
        io = IOBuffer()
        Environment(env -> serialize(io, (env, PersistentDict{String,Int}(env; id="d"))), path)
        Environment(env -> drop!(env, "d"), path)
        @test fails_with(() -> deserialize(seekstart(io)), PC.Lib.PC_ERR_NO_COLLECTION)
        Environment(env -> PersistentDict{Int,Int}(env; id="d"), path)
        @test fails_with(() -> deserialize(seekstart(io)), PC.Lib.PC_ERR_TYPE_MISMATCH)
        rm(path; recursive=true)
        @test fails_with(() -> deserialize(seekstart(io)), PC.Lib.PC_ERR_NO_ENVIRONMENT)
        @test !ispath(path)
    end
end

@testset "objects that cannot be sent are refused" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{String,Vector{Float64}}(env; id="d"), Dict("a" => [1.0]))
        @test_throws ArgumentError there_and_back_again(iterate(dict))
        @test_throws ArgumentError there_and_back_again(dict.handle)
        snapshot(env) do
            @test_throws ArgumentError there_and_back_again(PC.OPEN[])
            # An array in a snapshot is sent with its content.
            @test there_and_back_again(view(dict, "a")) == [1.0]
            @test deepcopy(view(dict, "a")) isa Vector{Float64}
        end
    end
end

struct Owner
    dict::PersistentDict{String,Int}
end

@testset "copies" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{String,Int}(env; id="d"), Dict("a" => 1))
        set = push!(PersistentSet{Int}(env; id="s"), 1)
        @test deepcopy(dict) isa Dict{String,Int} && deepcopy(dict) == dict && deepcopy(set) isa Set{Int}
        owner = deepcopy(Owner(dict))
        @test owner.dict.env === env && deepcopy([env])[1] === env
        foreach(_ -> deepcopy(Any[env, dict]), 1:10)
        GC.gc()
        owner.dict["b"] = 2
        @test dict["b"] == 2 && isopen(env)
    end
end

@testset "workers" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number^2 for number in 1:20))
        worker = only(addprocs(1; exeflags=`--startup-file=no --project=$(Base.active_project())`))
        try
            Distributed.remotecall_eval(Main, worker, quote
                using PersistentCollections
                const own = PersistentDict{Int,Int}(Environment(mktempdir(); durability=:none); id="d")
                own[1] = -1
            end)
            square = let dict = dict; number -> (dict[number + 100] = myid(); dict[number]) end
            @test pmap(square, WorkerPool([worker]), 1:20) == (1:20) .^ 2
            @test all(number -> dict[number + 100] == worker, 1:20)
            @test Distributed.remotecall_eval(Main, worker, :(length(own))) == 1
            @test remotecall_fetch(other -> other == Dict(1 => -1), worker, Distributed.remotecall_eval(Main, worker, :(copy(own))))
        finally
            rmprocs(worker)
        end
    end
end

@testset "a module that keeps a dict in its precompiled form" begin
    mktempdir() do folder
        package, project, data = joinpath(folder, "Keeper"), Base.active_project(), joinpath(folder, "data")
        mkpath(joinpath(package, "src"))
        write(joinpath(package, "src", "Keeper.jl"), """
            module Keeper
            using PersistentCollections
            const env = Environment($(repr(data)); durability=:none)
            const dict = PersistentDict{String,Int}(env; id="d")
            const begun = (dict["a"] = 1; iterate(dict)[2])
            const late = Ref{PersistentDict{String,Int}}()
            __init__() = late[] = PersistentDict{String,Int}(Environment($(repr(data)); durability=:none); id="d")
            end
            """)
        depot = mkpath(joinpath(folder, "depot"))
        code = """
            using PersistentCollections
            const own = PersistentDict{String,Int}(Environment(mktempdir(); durability=:none); id="d")
            own["a"] = 7
            using Keeper
            println(Keeper.late[]["a"], " ", isopen(Keeper.env))
            for f in (() -> Keeper.dict["a"], () -> Keeper.dict["a"] = 2, () -> info(Keeper.env), () -> length(Keeper.dict),
                    () -> iterate(Keeper.dict, Keeper.begun))
                try
                    f()
                    println("done")
                catch failure
                    println(failure.code, occursin("__init__", failure.message))
                end
            end
            println(close(Keeper.env), own["a"])
            """
        said = withenv("JULIA_DEPOT_PATH" => depot, "JULIA_LOAD_PATH" => join([folder, project, "@stdlib"], ':')) do
            map(_ -> read(`$(Base.julia_cmd()) --startup-file=no -e $code`, String), 1:2)
        end
        # The first of the two precompiles it.
        @test said[2] == "1 false\n" * "-2true\n"^5 * "false7\n"
    end
end
