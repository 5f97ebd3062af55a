# Transactions, snapshots, nesting, and other tasks of the same thread.

@testset "all or nothing" begin
    with_env() do env
        a, b = PersistentDict{String,Int}(env; id="a"), PersistentSet{String}(env; id="b")
        @test transaction(() -> (a["x"] = 1; push!(b, "x"); :done), env) === :done
        @test a["x"] == 1 && "x" in b
        @test_throws ErrorException transaction(env) do
            a["x"] = 2
            empty!(b)
            error("undo")
        end
        @test a["x"] == 1 && "x" in b
        transaction(env) do
            a["x"] = 3
            @test_throws ErrorException transaction(() -> (a["x"] = 4; a["y"] = 1; error("inner")), env)
            @test a["x"] == 3 && !haskey(a, "y")
            transaction(() -> a["z"] = 5, env)
        end
        @test copy(a) == Dict("x" => 3, "z" => 5)
        @test PC.OPEN_COUNT[] == 0 && isempty(PC.OPEN[])
    end
end

@testset "snapshots" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["x"] = 1
        snapshot(env) do
            @test fails_with(() -> dict["x"] = 2, PC.Lib.PC_ERR_IN_SNAPSHOT)
            @test fails_with(() -> transaction(() -> nothing, env), PC.Lib.PC_ERR_IN_SNAPSHOT)
            @test snapshot(() -> dict["x"], env) == 1
        end
        transaction(env) do
            dict["x"] = 3
            @test snapshot(() -> dict["x"], env) == 3
        end
        @test_throws ErrorException snapshot(() -> error("x"), env)
        @test PC.OPEN_COUNT[] == 0
    end
end

@testset "other tasks of the thread" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["x"] = 1
        # Runs `f` in another task on this thread, while this task is in its transaction.
        beside(f) = fetch(@async try; f(); catch failure; failure; end)
        transaction(env) do
            dict["x"] = 2
            @test beside(() -> dict["x"]) == 1
            @test beside(() -> collect(dict)) == ["x" => 1]
            @test beside(() -> snapshot(() -> dict["x"], env)) == 1
            refused = beside(() -> dict["x"] = 5)
            @test refused isa LMDB.LMDBError && occursin("task", refused.message)
            @test beside(() -> transaction(() -> nothing, env)) isa LMDB.LMDBError
            @test dict["x"] == 2
            dict["x"] = 3
        end
        @test dict["x"] == 3
        # A snapshot of one task does not affect the others.
        snapshot(env) do
            beside(() -> dict["x"] = 4)
            @test dict["x"] == 3 && beside(() -> dict["x"]) == 4
            @test beside(() -> transaction(() -> (dict["x"] = 5; dict["x"]), env)) == 5
            @test dict["x"] == 3
        end
        @test dict["x"] == 5
        @test PC.OPEN_COUNT[] == 0
    end
end

@testset "set algebra with a set of another environment, and in transactions" begin
    with_env() do env
        with_env() do other
            one, two = union!(PersistentSet{Int}(env; id="s"), 1:5), union!(PersistentSet{Int}(other; id="s"), 4:8)
            @test_throws ErrorException transaction(() -> (union!(one, two); @test(one == Set(1:8)); error("undo")), env)
            @test one == Set(1:5) && !isdisjoint(one, two) && !issubset(one, two)
            @test intersect!(one, two) == Set(4:5) && issubset(one, two)
            transaction(env) do
                @test fetch(@async issubset(one, two))
                refused = fetch(@async try; union!(one, two); catch failure; failure; end)
                @test refused isa LMDB.LMDBError && refused.code == PC.Lib.PC_ERR_WRONG_THREAD
            end
            @test one == Set(4:5)
        end
    end
end

# `@async` in a transaction pins the surrounding task to its thread. The end of the transaction reverted that, so that the task
# could move to another thread.
@testset "a transaction leaves its task on its thread" begin
    with_env(durability=:none) do env
        task = Threads.@spawn begin
            transaction(() -> wait(@async nothing), env)
            current_task().sticky
        end
        @test fetch(task)
    end
end

@testset "snapshots of tasks that share a thread, ended in any order" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["x"] = 1
        # Tasks that each begin a snapshot, one after the other, and end it on a signal.
        turns = [Channel{Nothing}(2) for _ in 1:3]
        tasks = map(turns) do turn
            task = @async snapshot(env) do
                before = dict["x"]
                take!(turn)
                inner = snapshot(() -> dict["x"], env)
                take!(turn)
                (before, inner, dict["x"])
            end
            yield()
            dict["x"] += 1
            task
        end
        foreach(number -> (put!(turns[number], nothing); yield()), (2, 1, 3))
        for number in (1, 3, 2)
            put!(turns[number], nothing)
            @test fetch(tasks[number]) == (number, number, number)
            @test dict["x"] == 4
        end
        @test PC.OPEN_COUNT[] == 0
    end
end

@testset "a block with a conflict is retried" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        conflict = LMDB.LMDBError(PC.Lib.PC_ERR_CONFLICT, "others came between")
        runs = 0
        @test transaction(env) do
            runs += 1
            dict["run"] = get(dict, "run", 0) + 1
            # From an inner block, the outermost block is retried.
            transaction(() -> runs < 3 ? throw(conflict) : runs, env)
        end == 3
        @test dict["run"] == 1
        runs = 0
        @test fails_with(() -> transaction(() -> (runs += 1; throw(conflict)), env), PC.Lib.PC_ERR_CONFLICT)
        @test runs == PC.MOST_RUNS
    end
end

ON_SERVER || @testset "a block that outgrows the map is retried after the map has grown" begin
    with_env(mapsize=1 << 20) do env
        dict = PersistentDict{Int,Vector{UInt8}}(env; id="d")
        dict[0] = UInt8[1]
        before, runs = info(env).map_size, 0
        transaction(env) do
            runs += 1
            foreach(key -> dict[key] = zeros(UInt8, 10_000), 1:1000)
        end
        @test length(dict) == 1001 && info(env).map_size > before && runs >= 2
        @test all(dict[key] == zeros(UInt8, 10_000) for key in 1:1000) && PC.OPEN_COUNT[] == 0
        dict[0] = UInt8[2]
        @test dict[0] == [2]
    end
end

@testset "the timeout of a transaction" begin
    with_env() do env
        for timeout in (-1, -0.001, -Inf, NaN)
            runs = 0
            @test_throws ArgumentError transaction(() -> runs += 1, env; timeout=timeout)
            @test runs == 0
        end
        @test transaction(() -> 1, env; timeout=0) == transaction(() -> 1, env; timeout=Inf) == 1
    end
end

@testset "bad input leaves a transaction usable" begin
    with_env() do env
        dict = PersistentDict{String,String}(env; id="d")
        transaction(env) do
            dict["a"] = "1"
            @test fails_with(() -> dict["b"] = "\xff", PC.Lib.PC_ERR_BAD_VALUE)
            dict["c"] = "2"
        end
        @test copy(dict) == Dict("a" => "1", "c" => "2")
    end
end

@testset "an environment closed inside" begin
    mktempdir() do folder
        env = Environment(folder)
        dict = PersistentDict{String,Int}(env; id="d")
        @test fails_with(() -> transaction(() -> (dict["a"] = 1; close(env)), env), PC.Lib.PC_ERR_BAD_HANDLE)
        @test PC.OPEN_COUNT[] == 0
        @test Environment(env -> isempty(PersistentDict{String,Int}(env; id="d")), folder)
    end
end

@testset "a created collection is undone with its transaction" begin
    with_env() do env
        local dict
        @test_throws ErrorException transaction(env) do
            dict = PersistentDict{String,Int}(env; id="new")
            dict["a"] = 1
            error("undo")
        end
        @test schema(env, "new") === nothing
        dict["b"] = 2
        @test collect(dict) == ["b" => 2] && schema(env, "new") !== nothing
    end
end
