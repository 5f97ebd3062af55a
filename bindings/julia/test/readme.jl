# The program in the README of PersistentCollections.jl 0.2, unchanged.

@testset "README of 0.2" begin
    mktempdir() do folder
        cd(folder) do
            env = LMDB.Environment("data")
            dict = PersistentDict{String,String}(env)
            dict["foo"] = "bar"
            @test dict["foo"] == "bar"
            @test collect(keys(dict)) == ["foo"]
            @test collect(values(dict)) == ["bar"]

            dynamic = PersistentDict{Any,Any}(env; id="dynamic")
            dynamic["foo"] = "bar"
            @test get(dynamic, "foo", "") == "bar"
            @test convert(String, dynamic["foo"]) == "bar"

            env2 = LMDB.Environment("data2", maxdbs=2)
            dict1 = PersistentDict{String,String}(env2, id="mydict1")
            dict2 = PersistentDict{String,Int}(env2, id="mydict2")
            dict1["foo"] = "bar"
            dict2["foo"] = 1
            @test dict1["foo"] == "bar" && dict2["foo"] == 1

            unsafe_env = LMDB.Environment("data3", flags=LMDB.MDB_NOSYNC)
            unsafe_dict = PersistentDict{String,String}(unsafe_env)
            flush(unsafe_env) do
                unsafe_dict["foo"] = "bar"
                unsafe_dict["foo"] = "baz"
            end
            try
                unsafe_dict["foo"] = "bar"
            finally
                flush(unsafe_env)
            end
            @test unsafe_dict["foo"] == "bar"
            @test all(close, (env, env2, unsafe_env))
        end
    end
end
