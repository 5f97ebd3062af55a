# Asynchronous exceptions: Ctrl-C, and stack overflow.

const SIGINT = 2

command(code, arguments...) = `$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) $code $arguments`

# Returns the output of the program, which is interrupted once in each round, at any time.
function interrupted(what, rounds, path)
    program = open(command(joinpath(@__DIR__, "interrupted.jl"), path, what, string(rounds)), "r")
    said = ""
    for line in eachline(program)
        if line == "r"
            ccall(:usleep, Cint, (Cuint,), rand(0:4000))
            kill(program, SIGINT)
        else
            said *= line
        end
    end
    wait(program)
    return program.exitcode, said
end

# A loop of transactions was interrupted by Ctrl-C. Julia throws at safepoints, and the end of each call of the library is one:
# so the exception came when a transaction had begun that the package had not recorded. All later writes were acknowledged,
# and lost at exit; iterators kept their reader slots, and finalizers swallowed the exception.
@testset "Ctrl-C at any time: $what" for what in ("transactions", "iterators", "openings")
    mktempdir() do path
        code, said = interrupted(what, 100, path)
        @test code == 0
        numbers = match(r"^left (\d+) readers (\d+) cursors (\d+) done (\d+)$", said)
        @test numbers !== nothing
        if numbers !== nothing
            left, readers, cursors, done = parse.(Int, numbers.captures)
            @test left == 0 && readers <= 1 && cursors == 0
            # All acknowledged writes are there; interrupted ones may be.
            Environment(path; write_timeout=1) do env
                counts = PersistentDict{Int,Int}(env; id="counts")
                @test what == "iterators" || done <= counts[3] <= done + 1
                @test what != "transactions" || counts[1] == counts[2]
                counts[0] = 1
            end
        end
    end
end

# Sends Ctrl-C to this process, and waits until Julia has noticed it.
function press()
    ccall(:kill, Cint, (Cint, Cint), getpid(), SIGINT)
    while unsafe_load(cglobal(:jl_signal_pending, Cint)) == 0
        ccall(:usleep, Cint, (Cuint,), 100)
    end
end

# Returns the exception of `f` if Ctrl-C was pressed before it, and not handled yet.
function pressed(f)
    was_put_off = Ref(false)
    try
        disable_sigint() do
            press()
            was_put_off[] = true
            reenable_sigint(f)
        end
        return nothing
    catch failure
        was_put_off[] || rethrow()
        return failure
    end
end

# Here the interrupt is pending before the call that begins a transaction or iterator, so that it arrives when that call ends.
@testset "an interrupt that waits for the end of a call" begin
    Base.exit_on_sigint(false)
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => number for number in 1:100))
        # `reenable_sigint` alone would throw at once: so the press is the last step before the library's call.
        for begin_it in (f -> transaction(f, env), f -> snapshot(f, env), f -> transaction(() -> transaction(f, env), env))
            failure = try; begin_it(() -> (press(); dict[1])); catch caught; caught; end
            @test failure isa InterruptException
            @test PC.OPEN_COUNT[] == 0 && isempty(PC.OPEN[])
            @test PC.written(out -> PC.Lib.pc_txn_current(PC.live(env), out), UInt64(0)) == 0
            dict[1] += 1
        end
        @test dict[1] == 4
        # Thrown by the end of a call in the body: the whole body is undone.
        failure = try; transaction(() -> (dict[2] = 0; press(); dict[3] = 0), env); catch caught; caught; end
        @test failure isa InterruptException && dict[2] == 2 && dict[3] == 3
        @test pressed(() -> collect(dict)) isa InterruptException && PC.OPEN_CURSORS[] == 0
        @test pressed(() -> transaction(() -> dict[2] = 0, env)) isa InterruptException && dict[2] == 2
    end
end

# A transaction was lost between the library and the package: a forced interrupt of Julia can do that.
@testset "a transaction that the package has not recorded is undone" begin
    with_env(durability=:none, write_timeout=1) do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        lose() = PC.written(out -> PC.Lib.pc_txn_begin(PC.live(env), PC.Lib.PC_TXN_WRITE, 0, out), UInt64(0))
        lose()
        dict["a"] = 2
        @test transaction(() -> dict["a"] += 10, env) == 11
        # A nested one, before the end of the outer one.
        transaction(() -> (dict["b"] = 1; lose(); dict["a"] = 3), env)
        @test dict["a"] == 11 && dict["b"] == 1
        @test fetch(@async (dict["c"] = 1)) == 1
    end
end

const HOLDER = """
    using PersistentCollections
    env = Environment(ARGS[1]; durability=:none)
    dict = PersistentDict{String,Int}(env; id="d")
    transaction(env) do
        dict["a"] = 1
        println("held")
        readline(stdin)
    end
    """

# Another process held the write lock, and Ctrl-C had no effect until that process released it, or for a minute.
@testset "Ctrl-C ends a wait for the write lock" begin
    Base.exit_on_sigint(false)
    mktempdir() do path
        env = Environment(path; durability=:none)
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 0
        holder = open(command("-e", HOLDER, path), "r+")
        @test readline(holder) == "held"
        waits = (() -> transaction(() -> 1, env), () -> dict["a"] = 2, () -> delete!(dict, "a"), () -> merge!(dict, Dict("b" => 1)),
            () -> PersistentDict{String,Int}(env; id="new"), () -> empty!(dict))
        for wait_for_it in waits
            presser = run(`sh -c "sleep 0.3; kill -$SIGINT $(getpid())"`; wait=false)
            begun = time()
            failure = try; wait_for_it(); catch caught; caught; end
            @test failure isa InterruptException && time() - begun < 20
            wait(presser)
        end
        # A caller that disables interrupts waits until the timeout.
        answer = Ref{Any}(nothing)
        failure = try
            disable_sigint() do
                press()
                answer[] = try; transaction(() -> 1, env; timeout=0.3); catch caught; caught; end
            end
        catch caught
            caught
        end
        @test answer[] isa LMDB.LMDBError && answer[].code == PC.Lib.PC_ERR_BUSY && failure isa InterruptException
        println(holder)
        close(holder.in)
        wait(holder)
        dict["c"] = 1
        @test sort!(collect(keys(dict))) == ["a", "c"] && dict["a"] == 1 && schema(env, "new") === nothing
        close(env)
    end
end

# A function that called itself without end read a dict each time. The stack overflowed inside the library, since it was always
# the deepest frame: Julia threw out of it, its locks stayed locked, and the next look-up waited for ever.
@testset "a stack overflow happens outside of the library" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        reading(n) = dict["a"] + reading(n + 1)
        writing(n) = (dict["b"] = n; 1 + writing(n + 1))
        beginning(n) = transaction(() -> 1 + beginning(n + 1), env)
        walking(n) = first(dict).second + walking(n + 1)
        for endless in (reading, writing, beginning, walking)
            @test_throws StackOverflowError endless(1)
            @test fetch(@async try; endless(1); catch failure; failure; end) isa StackOverflowError
            @test PC.OPEN_COUNT[] == 0
            dict["a"] = 1
            @test dict["a"] == 1
        end
    end
end

# A script that Ctrl-C or SIGTERM ended hung: Julia ran exit hooks and finalizers on the first thread while it was in a call of
# the library, and they waited for the locks of that call.
@testset "no call is made in the middle of another" begin
    with_env(durability=:none) do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        _, state = iterate(dict)
        # As if a call had been left in the middle.
        function inside(f)
            PC.Lib.INSIDE[] = true
            try
                return f()
            catch failure
                return failure
            finally
                PC.Lib.INSIDE[] = false
            end
        end
        for call in (() -> dict["a"], () -> dict["b"] = 2, () -> length(dict), () -> iterate(dict))
            @test inside(call) isa ErrorException
        end
        @test inside(() -> PC.Lib.in_finalizer(PC.Lib.pc_iter_close_address, state.cursor.iterator)) == PC.PC_OK
        @test iterate(dict, state) === nothing && collect(dict) == ["a" => 1]
    end
end
