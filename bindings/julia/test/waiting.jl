# Waiting for commits.

@testset "a commit before the wait is not missed" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,Int}(env; id="counts")
        seen = last_commit(env)
        @test info(env).last_commit == seen
        dict["a"] = 1
        dict["a"] = 2
        @test wait(env; since=seen) === seen + 2
        @test wait(env; timeout=0) === nothing
        @test wait(env; timeout=0.01, since=seen + 2) === nothing
        @test wait(env; timeout=0.15) === nothing
        @test_throws ArgumentError wait(env; timeout=-1)
    end
end

@testset "other tasks run during a wait, and wake it" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,Int}(env; id="counts")
        times = map(1:41) do n
            seen = last_commit(env)
            waiting = @async wait(env; since=seen)
            # Runs until it stands in its wait.
            foreach(_ -> yield(), 1:3)
            @test !istaskdone(waiting)
            begun = time_ns()
            dict["a"] = n
            @test fetch(waiting) == seen + 1
            (time_ns() - begun) / 1e9
        end
        # Without a wake-up, it would take up to a tenth of a second.
        @test sort(times)[21] < 0.025
        seen = last_commit(env)
        waits = [@async(wait(env; since=seen)) for _ in 1:12]
        yield()
        dict["b"] = 1
        @test all(task -> fetch(task) == seen + 1, waits)
    end
end

@testset "a wait in a transaction is refused" begin
    with_env(durability=:none) do env
        @test fails_with(() -> transaction(() -> wait(env; since=0), env), PC.Lib.PC_ERR_IN_TRANSACTION)
        @test fails_with(() -> snapshot(() -> wait(env; since=0), env), PC.Lib.PC_ERR_IN_TRANSACTION)
        @test wait(env; timeout=0) === nothing
    end
end

@testset "closing ends a wait" begin
    with_env(durability=:none) do env
        waiting = @async fails_with(() -> wait(env), PC.Lib.PC_ERR_BAD_HANDLE)
        yield()
        close(env)
        @test fetch(waiting)
    end
end

# The task stands in Julia's own wait, where Ctrl-C reaches it.
@testset "an interrupt ends a wait" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,Int}(env; id="counts")
        waiting = @async try
            wait(env)
        catch failure
            failure isa InterruptException
        end
        foreach(_ -> yield(), 1:3)
        schedule(waiting, InterruptException(); error=true)
        @test fetch(waiting) === true
        dict["a"] = 1
        @test wait(env; since=0) == last_commit(env)
    end
end

@testset "traits" begin
    with_env(durability=:none) do env
        @test :lends in traits(env) && !(:remote in traits(env))
    end
end
