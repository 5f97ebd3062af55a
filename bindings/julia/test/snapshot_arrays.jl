# Arrays that are read in place, and not after the end of their snapshot.

# Measures the second call, when everything is compiled.
twice_measured(measured, argument) = (measured(argument); measured(argument))

@testset "views in a snapshot" begin
    with_env() do env
        vectors = PersistentDict{String,Vector{Float32}}(env; id="v", shape=(3,))
        free = PersistentDict{Int,Vector{Int16}}(env; id="f")
        matrices = PersistentDict{String,Matrix{Float64}}(env; id="m", shape=(2, 3))
        bytes = PersistentDict{String,Vector{UInt8}}(env; id="b")
        vectors["a"] = [1, 2, 3]
        # Keys and values of odd lengths, so that the data are at odd addresses.
        for length in 0:9
            free[length] = collect(Int16, 1:length)
            bytes["k"^(length + 1)] = collect(0x01:UInt8(length))
            matrices["k"^(length + 1)] = [1.0 3 5; 2 4 6]
        end
        snapshot(env) do
            array = @inferred view(vectors, "a")
            @test array isa SnapshotArray{Float32,1} && array == [1, 2, 3] && sum(array) == 6 && array[end] == 3
            @test copy(array) isa Vector{Float32} && copy(array) == collect(array) == Array(array) == array
            @test all(view(free, length) == 1:length for length in 0:9)
            @test all(view(bytes, "k"^(length + 1)) == 1:length for length in 0:9)
            @test any(UInt(view(matrices, "k"^length).data) % 8 != 0 for length in 1:10)
            matrix = view(matrices, "kkk")
            @test matrix == [1 3 5; 2 4 6] && matrix[2, 1] == 2 && size(matrix) == (2, 3) && matrix * [1, 0, 0] == [1, 2]
            @test_throws BoundsError array[4]
            @test_throws BoundsError copyto!(zeros(Float32, 2), array)
            @test_throws Exception array[1] = 5f0
            @test_throws KeyError view(vectors, "b")
            first_element(array) = @allocated array[1]
            @test twice_measured(first_element, array) == 0
        end
    end
end

@testset "arrays cannot be read outside of a snapshot or after it" begin
    with_env() do env
        dict = PersistentDict{String,Vector{Float64}}(env; id="d")
        dict["a"] = [1.0, 2.0]
        @test fails_with(() -> view(dict, "a"), PC.Lib.PC_ERR_NO_TRANSACTION)
        @test fails_with(() -> transaction(() -> view(dict, "a"), env), PC.Lib.PC_ERR_NO_TRANSACTION)
        array = snapshot(() -> view(dict, "a"), env)
        for use in (array -> array[1], sum, copy, collect, array -> array == [1.0, 2.0], array -> copyto!(zeros(2), array), repr)
            @test fails_with(() -> use(array), PC.Lib.PC_ERR_NO_TRANSACTION)
        end
        @test size(array) == (2,)
        # In a transaction, a copy includes its own writes.
        transaction(env) do
            dict["a"] = [5.0]
            @test snapshot(() -> sum(view(dict, "a")), env) == 5
        end
        # The inner snapshot is the same one, but its arrays end with the inner block.
        snapshot(env) do
            inner = snapshot(() -> view(dict, "a"), env)
            outer = view(dict, "a")
            @test fails_with(() -> inner[1], PC.Lib.PC_ERR_NO_TRANSACTION) && outer[1] == 5
        end
        anything = PersistentDict{String,Any}(env; id="any")
        anything["a"] = [1.0]
        @test_throws ArgumentError snapshot(() -> view(PersistentDict{String,Vector{Float64}}(env; id="any"), "a"), env)
    end
end

@testset "other tasks and threads" begin
    with_env() do env
        dict = PersistentDict{String,Vector{Float64}}(env; id="d")
        dict["a"] = [1.0, 2.0]
        snapshot(env) do
            array, thread = view(dict, "a"), Threads.threadid()
            # Tasks of the same thread can read them; those of other threads cannot.
            @test fetch(@async sum(array)) == 3
            seen = fetch.([Threads.@spawn(try; (Threads.threadid(), sum(array)); catch failure; (Threads.threadid(), failure.code); end) for _ in 1:16])
            @test all(result -> result == (thread, 3.0) || (result[1] != thread && result[2] == PC.Lib.PC_ERR_WRONG_THREAD), seen)
        end
    end
end

@testset "closing an environment that has lent arrays" begin
    mktempdir() do folder
        env = Environment(folder)
        dict = PersistentDict{String,Vector{Float64}}(env; id="d")
        dict["a"] = [1.0, 2.0]
        snapshot(env) do
            array = view(dict, "a")
            @test close(env) && !isopen(env) && !close(env)
            GC.gc()
            @test sum(array) == 3
            @test fails_with(() -> view(dict, "a"), PC.Lib.PC_ERR_BAD_HANDLE)
        end
        @test PC.OPEN_COUNT[] == 0
        # It was closed with the snapshot: otherwise the different options would be refused.
        Environment(env -> @test(PersistentDict{String,Vector{Float64}}(env; id="d")["a"] == [1, 2]), folder; durability=:none)
    end
end

@testset "growth waits for arrays that were lent" begin
    with_env(mapsize=1 << 20, durability=:none, write_timeout=0.2) do env
        dict = PersistentDict{Int,Vector{UInt8}}(env; id="d")
        dict[0] = fill(0x07, 5000)
        fill_up() = foreach(key -> dict[key] = zeros(UInt8, 20_000), 1:100)
        before = info(env).map_size
        snapshot(env) do
            array = view(dict, 0)
            # A wait for this thread's own snapshot would never end; so the growth waits only for another thread's.
            failure = fetch(Threads.@spawn try; fill_up(); catch failure; failure; end)
            @test failure isa LMDB.LMDBError && failure.code == PC.Lib.PC_ERR_MAP_BUSY
            @test info(env).map_size == before && all(==(0x07), array)
        end
        fill_up()
        @test length(dict) == 101 && info(env).map_size > before
    end
end

@testset "many arrays into a matrix" begin
    with_env(durability=:none) do env
        dict = PersistentDict{Int,Vector{Float32}}(env; id="d", shape=(64,))
        merge!(dict, Dict(number => fill(Float32(number), 64) for number in 1:1000))
        wanted, matrix = collect(1000:-1:1), Matrix{Float32}(undef, 64, 1000)
        @test get_many!(matrix, dict, wanted) === matrix && matrix == repeat(reshape(wanted, 1, 1000), 64)
        fetch_all() = @allocated get_many!(matrix, dict, wanted)
        # Memory for the keys as columns, and for the marks of those found: none that grows with the values.
        @test (fetch_all(); fetch_all()) < 1000 * (8 + 8 + 1) * 4 + 1000
    end
end
