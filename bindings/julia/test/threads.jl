# Threads and the garbage collector. With one thread these still run, one after the other.

# `f()`, which must end: a deadlock would otherwise hold the tests up for ever, and no Julia code could tell,
# since a thread that waits for the collector runs none. The watchdog is a process of its own.
function within(f, seconds)
    watchdog = run(`sh -c "sleep $seconds; echo 'a deadlock in the tests of threads' >&2; kill -9 $(getpid())"`; wait=false)
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
        within(120) do
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
        within(120) do
            tasks = map(1:8) do _
                Threads.@spawn for _ in 1:50
                    # Tasks that share a thread are refused while another is inside; none yields in there.
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
        others = Threads.nthreads() - 1
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
        written = within(120) do
            tasks = [Threads.@spawn(write_until_done(thread)) for thread in 1:others]
            # Until all are at it. This thread takes none of them upon itself, as it would if it yielded.
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
        within(120) do
            Threads.@threads for round in 1:400
                iterate(dict)
                round % 50 == 0 && GC.gc()
            end
        end
        GC.gc()
        GC.gc()
        dict[1] = 5
        @test info(env).oldest_reader_txn == info(env).last_txn
    end
end
