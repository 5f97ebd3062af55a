# Threads and the garbage collector. With one thread, the tasks run one after the other.

# Runs `f()`, which must end: otherwise a deadlock would stop the tests for ever, and Julia code could not detect it, since
# a thread that waits for the collector does not run any. So the watchdog is a separate process.
# The time is long: on a busy machine, two minutes were not enough for four threads that collect garbage.
function within(f, seconds)
    # It ends together with its `sleep`, which inherits the output: a reader of the tests' output would wait for it.
    bites = "echo 'a deadlock in the tests of threads' >&2; kill -9 $(getpid())"
    watchdog = run(`sh -c "trap 'kill \$!; exit' TERM; sleep $seconds & wait \$! && { $bites; }"`; wait=false)
    try
        return f()
    finally
        kill(watchdog)
    end
end

@testset "writers and readers on all threads" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Int,Int}(env; id="d")
        counter = PersistentDict{String,Int}(env; id="c")
        within(600) do
            Threads.@threads for number in 1:2000
                dict[number] = number
                dict[number] == number || error("lost a write")
                increment!(counter, "n")
            end
        end
        @test length(dict) == 2000 && counter["n"] == 2000
        @test sum(values(dict)) == sum(1:2000)
    end
end

@testset "transactions of many tasks" begin
    with_env(durability=:none) do env
        counter = PersistentDict{String,Int}(env; id="c")
        counter["n"] = 0
        within(600) do
            tasks = map(1:8) do _
                Threads.@spawn for _ in 1:50
                    # Tasks that share a thread are refused while another is inside; no task yields inside.
                    transaction(() -> counter["n"] += 1, env)
                end
            end
            foreach(wait, tasks)
        end
        @test counter["n"] == 400
    end
end

@testset "collecting garbage inside a transaction while others write" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Int,String}(env; id="d")
        others = all_threads() - 1
        begun, done = Threads.Atomic{Int}(0), Threads.Atomic{Bool}(false)
        function write_until_done(thread)
            number = 0
            while !done[]
                number += 1
                dict[1_000_000 * thread + number] = string(number)
                number == 1 && Threads.atomic_add!(begun, 1)
            end
            return number
        end
        written = within(600) do
            tasks = [Threads.@spawn(write_until_done(thread)) for thread in 1:others]
            # Waits until all have begun. It does not yield, since this thread could then run one of them.
            while begun[] < others
                GC.safepoint()
            end
            for round in 1:20
                transaction(env) do
                    dict[round] = "x"
                    GC.gc()
                end
            end
            done[] = true
            return mapreduce(fetch, +, tasks; init=0)
        end
        @test length(dict) == 20 + written
    end
end

@testset "iterators dropped without an end, on all threads" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:1000))
        within(600) do
            Threads.@threads for round in 1:400
                iterate(dict)
                round % 50 == 0 && GC.gc()
            end
        end
        GC.gc()
        GC.gc()
        dict[1] = 5
        @test info(env).oldest_reader_commit == info(env).last_commit
    end
end

# Returns the message of a task's failure, however Julia wraps it.
said(failure) = sprint(showerror, failure)

@testset "Threads.@threads inside a transaction is refused, not waited for" begin
    # Without a timeout, a wait would never end, and the watchdog would report it.
    with_env(durability=:none, write_timeout=Inf) do env
        dict = PersistentDict{Int,Int}(env; id="d")
        within(600) do
            failure = try
                transaction(env) do
                    Threads.@threads for number in 1:8
                        dict[number] = number
                    end
                end
            catch failure
                failure
            end
            @test occursin("Threads.@threads", said(failure)) && occursin("inside a transaction", said(failure))
        end
        # Nor did a task of the loop write on its own after the end.
        @test isempty(dict) && PC.OPEN_COUNT[] == 0
        # A loop around the transactions works.
        within(600) do
            Threads.@threads for number in 1:8
                transaction(() -> dict[number] = number, env)
            end
        end
        @test length(dict) == 8
    end
end

@testset "tasks started inside a transaction" begin
    with_env(durability=:none, write_timeout=Inf) do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(0 => 0))
        outcome(task) = try; fetch(task); catch failure; said(failure); end
        within(600) do
            transaction(env) do
                dict[0] = 1
                @test outcome(Threads.@spawn dict[0]) == 0
                @test occursin("goes on", outcome(Threads.@spawn dict[1] = 1))
                @test occursin("goes on", outcome(Threads.@spawn transaction(() -> 1, env)))
                # Logging goes to the same logger as before.
                @test_logs (:info, "inside") @info "inside"
            end
            # After its end, they are like other tasks, unless it was undone.
            begun = Channel{Task}(1)
            go = Threads.Atomic{Bool}(false)
            late() = Threads.@spawn (while !go[]; yield(); end; dict[2] = 2)
            transaction(() -> (put!(begun, late()); nothing), env)
            go[] = true
            @test outcome(take!(begun)) == 2 && dict[2] == 2
            go[] = false
            @test_throws ErrorException transaction(() -> (put!(begun, late()); error("undo")), env)
            dict[2] = 3
            go[] = true
            @test occursin("was undone", outcome(take!(begun))) && dict[2] == 3
        end
    end
end

@testset "a transaction's task stays on its thread" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Int,Int}(env; id="d")
        within(600) do
            tasks = map(1:8) do number
                Threads.@spawn begin
                    kept = snapshot(env) do
                        thread = Threads.threadid()
                        foreach(_ -> yield(), 1:20)
                        current_task().sticky && Threads.threadid() == thread
                    end
                    kept && current_task().sticky
                end
            end
            @test all(fetch, tasks)
        end
    end
end

@testset "an iteration belongs to its transaction's task" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:10_000))
        snapshot(env) do
            _, state = iterate(dict)
            refused = fetch(@async try; foldl((n, _) -> n + 1, Iterators.rest(dict, state); init=0); catch failure; failure; end)
            @test refused isa LMDB.LMDBError && refused.code == PC.Lib.PC_ERR_WRONG_THREAD
        end
        # Outside of transactions, any task on any thread may continue the iteration.
        _, state = iterate(dict)
        @test fetch(Threads.@spawn length(collect(Iterators.rest(dict, state)))) == 9_999
    end
end

@testset "opening a collection while a transaction collects garbage" begin
    mktempdir() do folder
        Environment(env -> merge!(PersistentDict{Int,Int}(env; id="d"), Dict(1 => 2)), folder)
        Environment(folder; durability=:none, write_timeout=Inf) do env
            within(600) do
                inside, ready = Threads.Atomic{Bool}(false), Threads.Atomic{Bool}(false)
                other = Threads.@spawn begin
                    ready[] = true
                    # With one thread, this must let the other task run.
                    while !inside[]; yield(); end
                    all_threads() == 1 ? 2 : PersistentDict{Int,Int}(env; id="d")[1]
                end
                while !ready[]; yield(); end
                transaction(env) do
                    inside[] = true
                    foreach(_ -> (GC.gc(false); yield()), 1:50)
                    PersistentDict{Int,Int}(env; id="e")[1] = 1
                end
                @test fetch(other) == 2
            end
        end
    end
end

@testset "dropped environments, dicts and loops are released while others work" begin
    mktempdir() do folder
        drop(path) = (dict = PersistentDict{Int,Int}(Environment(path; durability=:none); id="d"); dict[1] = 1; iterate(dict); nothing)
        within(600) do
            Threads.@threads for round in 1:40
                drop(joinpath(folder, string(round % 10)))
                round % 10 == 0 && GC.gc()
            end
            GC.gc()
            GC.gc()
        end
        # If one were still open, these different options would be refused.
        for round in 0:9
            Environment(env -> @test(PersistentDict{Int,Int}(env; id="d")[1] == 1), joinpath(folder, string(round)); durability=:full)
        end
    end
end
