# Environments: opening, flags, closing, errors.

@testset "opening and closing" begin
    mktempdir() do folder
        path = joinpath(folder, "env")
        env = LMDB.Environment(path)
        @test isopen(env) && isdir(path)
        @test occursin(path, sprint(show, env))
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        @test info(env).max_readers >= 1024 && info(env).collections >= 1
        @test close(env) === true
        @test close(env) === false
        @test !isopen(env) && !isopen(dict)
        @test fails_with(() -> dict["a"], PC.Lib.PC_ERR_BAD_HANDLE)
        @test Environment(env -> PersistentDict{String,Int}(env; id="d")["a"], path) == 1
        @test_throws ErrorException Environment(_ -> error("stop"), path)
    end
end

@testset "a closed object reports that it is closed" begin
    mktempdir() do folder
        env = Environment(joinpath(folder, "env"))
        dict, set = PersistentDict{String,Int}(env; id="d"), PersistentSet{String}(env; id="s")
        dict["a"] = 1
        close(env)
        for use in (() -> dict["a"], () -> dict["a"] = 2, () -> get_many(dict, ["a"]), () -> collect(dict), () -> "a" in set,
                () -> push!(set, "a"), () -> length(set), () -> transaction(() -> 1, env), () -> snapshot(() -> 1, env), () -> flush(env),
                () -> info(env), () -> collections(env), () -> schema(env, "d"), () -> drop!(env, "d"), () -> PersistentDict(env; id="d"),
                () -> PersistentSet{String}(env; id="s"), () -> copy_to(env, joinpath(folder, "copy")),
                () -> check(env), () -> readers(env), () -> reap_readers(env))
            failure = try; use(); catch caught; caught; end
            @test failure isa LMDB.LMDBError && failure.code == PC.Lib.PC_ERR_BAD_HANDLE && occursin("closed", failure.message)
        end
        @test_throws ArgumentError Environment(folder; write_timeout=-1)
    end
end

@testset "copying, compact=$compact" for compact in (false, true)
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        path = string(env.path, " copy")
        @test copy_to(env, path; compact=compact) == path
        dict["a"] = 2
        @test Environment(copy -> collect(PersistentDict{String,Int}(copy; id="d")), path) == ["a" => 1]
        @test_throws ArgumentError copy_to(env, path)
        @test_throws ArgumentError copy_to(env, "a\0b")
        @test fails_with(() -> transaction(() -> copy_to(env, string(env.path, " second")), env), PC.Lib.PC_ERR_IN_TRANSACTION)
        @test fails_with(() -> copy_to(env, joinpath(env.path, "none", "copy")), PC.Lib.PC_ERR_NO_ENVIRONMENT)
    end
end

@testset "the same environment, opened twice" begin
    mktempdir() do folder
        one, two = Environment(folder), Environment(joinpath(folder, "."))
        PersistentDict{String,Int}(one; id="d")["a"] = 1
        @test PersistentDict{String,Int}(two; id="d")["a"] == 1
        @test close(one)
        @test PersistentDict{String,Int}(two; id="d")["a"] == 1
        @test close(two)
    end
end

@testset "flags" begin
    flags(bits; durability=:full) = LMDB.from_flags(bits, durability)
    @test flags(0) == (0, PC.Lib.PC_DURABILITY_FULL)
    @test flags(LMDB.MDB_NOSYNC)[2] == flags(0; durability=:none)[2] == PC.Lib.PC_DURABILITY_NONE
    @test flags(LMDB.MDB_NOMETASYNC)[2] == PC.Lib.PC_DURABILITY_NO_META_SYNC
    @test flags(LMDB.MDB_WRITEMAP | LMDB.MDB_MAPASYNC)[2] == PC.Lib.PC_DURABILITY_NONE
    @test flags(LMDB.MDB_RDONLY | LMDB.MDB_NOLOCK)[1] == PC.Lib.PC_ENV_READ_ONLY | PC.Lib.PC_ENV_IMMUTABLE
    @test flags(LMDB.MDB_NOSUBDIR)[1] == PC.Lib.PC_ENV_NO_SUBDIR
    @test flags(LMDB.MDB_NOTLS | LMDB.MDB_NORDAHEAD | LMDB.MDB_NOMEMINIT | LMDB.MDB_FIXEDMAP) == flags(0)
    @test_throws ArgumentError flags(LMDB.MDB_NOLOCK)
    @test_throws ArgumentError flags(0x2)
    @test_throws ArgumentError flags(0; durability=:some)
end

@testset "read-only, no_subdir" begin
    mktempdir() do folder
        file = joinpath(folder, "data.mdb")
        Environment(file; flags=LMDB.MDB_NOSUBDIR) do env
            PersistentDict{String,Int}(env; id="d")["a"] = 1
        end
        @test isfile(file)
        Environment(file; no_subdir=true, read_only=true) do env
            dict = PersistentDict{String,Int}(env; id="d")
            @test dict["a"] == 1
            @test fails_with(() -> dict["b"] = 2, PC.Lib.PC_ERR_READ_ONLY)
        end
    end
end

@testset "paths that cannot be opened" begin
    mktempdir() do folder
        @test fails_with(() -> Environment(joinpath(folder, "none", "env")), PC.Lib.PC_ERR_NO_ENVIRONMENT)
        @test fails_with(() -> Environment(joinpath(folder, "env"); create=false), PC.Lib.PC_ERR_NO_ENVIRONMENT)
        write(joinpath(folder, "data.mdb"), rand(UInt8, 8192))
        @test fails_with(() -> Environment(folder), PC.Lib.PC_ERR_NOT_A_DATABASE)
        @test_throws ArgumentError Environment("a\0b")
        failure = try; Environment(folder); catch caught; caught; end
        @test occursin("code -12", sprint(showerror, failure))
    end
end

@testset "a check on opening accepts an undamaged file" begin
    mktempdir() do folder
        Environment(env -> merge!(PersistentDict{Int,String}(env; id="d"), Dict(key => "value" for key in 1:1000)), folder)
        @test Environment(env -> length(PersistentDict{Int,String}(env; id="d")), folder; check_on_open=true) == 1000
    end
end

@testset "a check on opening detects a damaged file" begin
    mktempdir() do folder
        Environment(env -> merge!(PersistentDict{Int,String}(env; id="d"), Dict(key => "value" for key in 1:1000)), folder)
        file = joinpath(folder, "data.mdb")
        sound = read(file)
        # A leaf page of entries, recognised by its flags, says that its items begin after its end.
        pages = [start for start in 8193:4096:length(sound) if sound[start + 10] == 0x02 && any(!iszero, sound[start + 16:start + 31])]
        @test length(pages) > 2
        damaged = copy(sound)
        damaged[pages[end] + 12:pages[end] + 13] = [0xff, 0xff]
        write(file, damaged)
        @test fails_with(() -> Environment(folder; check_on_open=true), PC.Lib.PC_ERR_CORRUPTED)
        @test fails_with(() -> Environment(folder; check_on_open=true, read_only=true), PC.Lib.PC_ERR_CORRUPTED)
        @test read(file) == damaged
        write(file, sound)
        @test Environment(env -> length(PersistentDict{Int,String}(env; id="d")), folder; check_on_open=true) == 1000
    end
end

@testset "checking" begin
    mktempdir() do folder
        env = Environment(folder)
        merge!(PersistentDict{Int,String}(env; id="d"), Dict(key => "value" for key in 1:1000))
        found = check(env)
        @test keys(found) == (:pages, :used, :free, :lost, :collections)
        @test found.pages == found.used + found.free && found.lost == 0 && found.collections == 1
        # It also works inside a transaction, whose own writes it does not check.
        @test transaction(() -> (PersistentDict{Int,String}(env; id="another")[1] = ""; check(env)), env) == found
        @test snapshot(() -> check(env), env).collections == 2
        # The flags of all pages are wrong. The check reads the file, even if other calls would read the map.
        data = read(joinpath(folder, "data.mdb"))
        for start in 8193:4096:length(data)
            data[start + 10] = xor(data[start + 10], 0xff)
        end
        open(file -> write(file, data), joinpath(folder, "data.mdb"), "r+")
        @test fails_with(() -> check(env), PC.Lib.PC_ERR_CORRUPTED)
        close(env)
    end
end

@testset "readers" begin
    with_env() do env
        dict = PersistentDict{String,Int}(env; id="d")
        dict["a"] = 1
        snapshot(env) do
            @test dict["a"] == 1
            before = only(filter(reader -> reader.commit !== nothing, readers(env)))
            @test before.process == getpid() && before.thread > 0 && before.behind == 0
            @test before.commit == info(env).last_commit
            # Another process writes, and does not keep a snapshot.
            code = "using PersistentCollections; PersistentDict{String,Int}(Environment(ARGS[1]); id=\"d\")[\"a\"] = 2"
            run(`$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) -e $code $(env.path)`)
            after = only(filter(reader -> reader.commit !== nothing, readers(env)))
            @test after == merge(before, (behind=1,))
            @test info(env).oldest_reader_commit == info(env).last_commit - 1
        end
        @test all(reader -> reader.commit === nothing, readers(env))
    end
end

@testset "the reader slots of a killed process are freed" begin
    with_env() do env
        @test reap_readers(env) == 0
        dict = PersistentDict{String,Int}(env; id="d")
        code = """
            using PersistentCollections
            env = Environment(ARGS[1])
            snapshot(env) do
                println(length(PersistentDict{String,Int}(env; id="d")))
                ccall(:kill, Cint, (Cint, Cint), getpid(), 9)
            end
            """
        killed = `$(Base.julia_cmd()) --startup-file=no --project=$(Base.active_project()) -e $code $(env.path)`
        @test read(ignorestatus(killed), String) == "0\n"
        @test count(reader -> reader.process != getpid(), readers(env)) == 1
        @test reap_readers(env) === 1
        @test count(reader -> reader.process != getpid(), readers(env)) == 0
        @test reap_readers(env) == 0
    end
end

# Deprecated names: they work, and warn if Julia shows such warnings.
@testset "deprecated names" begin
    with_env() do env
        PersistentDict{String,Int}(env; id="d")["a"] = 1
        @test_deprecated backup(env, string(env.path, " copy"); compact=true)
        @test Environment(copy -> PersistentDict{String,Int}(copy; id="d")["a"], string(env.path, " copy")) == 1
        @test_deprecated Environment(env -> nothing, env.path; verify=true)
        @test (info(env).last_txn, info(env).oldest_reader_txn) == (info(env).last_commit, info(env).oldest_reader_commit)
        code = "using PersistentCollections; env = Environment(ARGS[1]; verify=true); backup(env, ARGS[2])"
        warned = `$(Base.julia_cmd()) --startup-file=no --depwarn=yes --project=$(Base.active_project()) -e $code
            $(env.path) $(string(env.path, " second"))`
        output = Pipe()
        run(pipeline(warned; stderr=output))
        close(output.in)
        said = read(output, String)
        @test occursin("the keyword `verify` of `Environment` is deprecated, use `check_on_open` instead", said)
        @test occursin("`backup` is deprecated, use `copy_to` instead", said)
    end
end

@testset "the list of collections" begin
    with_env() do env
        @test isempty(collections(env))
        PersistentDict{String,Int}(env; id="a dict")["x"] = 1
        push!(PersistentSet{Tuple{String,Int}}(env; id="tab\there"), ("x", 1))
        @test collections(env) == [
            (name="a dict", kind=:dict, key="str", value="i64", count=1),
            (name="tab\there", kind=:set, key="(str,i64)", value="unit", count=1)]
        @test schema(env, "a dict") == (kind=:dict, key="str", value="i64")
        @test schema(env, "none") === nothing
        @test drop!(env, "a dict") === true
        @test drop!(env, "a dict") === false
        @test schema(env, "a dict") === nothing
    end
end

@testset "flush" begin
    with_env(flags=LMDB.MDB_NOSYNC) do env
        dict = PersistentDict{String,String}(env)
        @test flush(() -> (dict["a"] = "b"; 7), env) == 7
        @test flush(env) === nothing
    end
end

@testset "garbage collection closes" begin
    mktempdir() do folder
        function drop()
            env = Environment(folder)
            dict = PersistentDict{String,Int}(env; id="d")
            dict["a"] = 1
            iterate(dict)
            return nothing
        end
        foreach(_ -> drop(), 1:20)
        GC.gc()
        GC.gc()
        # If it were still open, these different options would be refused.
        @test Environment(env -> PersistentDict{String,Int}(env; id="d")["a"], folder; durability=:none) == 1
    end
end

# After as many dicts as there are places had been opened, no other could be opened, though all of them were garbage.
@testset "the places of unused dicts are freed" begin
    with_env(durability=:none, maxdbs=4) do env
        for n in 1:20
            PersistentDict{Int,Int}(env; id="d$n")[n] = n
        end
        @test all(PersistentDict{Int,Int}(env; id="d$n")[n] == n for n in 1:20)
        # Dicts in use keep theirs.
        kept = [PersistentDict{Int,Int}(env; id="d$n") for n in 1:3]
        @test all(PersistentDict{Int,Int}(env; id="d$n")[n] == n for n in 4:20)
        @test [kept[n][n] for n in 1:3] == 1:3
    end
end
