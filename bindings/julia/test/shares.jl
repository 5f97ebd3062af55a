# Tests the division of the test files by the number of threads.

# A file that uses one of these may have results that differ with the number of threads.
const DIFFERS = r"Threads[.]@|[@](async|spawn)|GC[.]gc|addprocs[(]|kill[(]"

@testset "each test file runs, with one thread and with several if its results can differ" begin
    sources = Dict(chop(file; tail=3) => read(joinpath(@__DIR__, file), String) for file in readdir(@__DIR__) if endswith(file, ".jl"))
    with_tests = filter(name -> occursin("@testset", sources[name]), keys(sources))
    @test sort!(collect(setdiff(with_tests, ["runtests", "installing"]))) == sort(FILES)
    @test filter(name -> occursin(DIFFERS, sources[name]), [WITH_ONE; WITH_SEVERAL]) == []
    @test all(name -> occursin(DIFFERS, sources[name]), WITH_BOTH)
    @test issubset(WITH_BOTH, named_files(["share"])) && named_files(String[]) === FILES && named_files(["keys"]) == ["keys"]
end
