# The package's tests, or those that are named: files (some use what an earlier one defines), or `FILE:TEST SET`. Run with
# one thread and with several: JULIA_NUM_THREADS=4. `share` names what `tools/test-julia` runs with that many threads.

using Test
using Dates, Random, UUIDs
using PersistentCollections

const PC = PersistentCollections

# An environment of its own for each test, closed and removed afterwards.
function with_env(f; keywords...)
    mktempdir() do folder
        env = LMDB.Environment(joinpath(folder, "env"); keywords...)
        try
            f(env)
        finally
            close(env)
        end
    end
end

# Of all pools: from Julia 1.12 on there is an interactive one, which `nthreads` does not count.
all_threads() = isdefined(Threads, :maxthreadid) ? Threads.maxthreadid() : Threads.nthreads()

# Whether `f` throws an `LMDBError` with that status.
function fails_with(f, code)
    try
        f()
    catch failure
        failure isa LMDB.LMDBError || rethrow()
        failure.code == code || @error "another status than expected" failure
        return failure.code == code && !isempty(failure.message)
    end
    return false
end

# What can differ with the number of threads, which is what uses threads, tasks, the garbage collector, signals or other processes:
# `tools/test-julia` runs these with one thread and with several.
const WITH_BOTH = ["environment", "iteration", "transactions", "threads", "snapshot_arrays", "interrupts", "serialization"]
# It runs the others once, divided so that both processes take about as long: nearly all of it is compiling.
const WITH_ONE = ["types", "keys", "any", "vectors", "raw", "readme", "costs", "comparison", "odd_values", "versions", "shares"]
const WITH_SEVERAL = ["dict", "set", "protocol", "ancestor", "model", "docs"]
const FILES = [WITH_ONE; WITH_SEVERAL; WITH_BOTH]

# The names that the arguments ask for.
named_files(arguments) = isempty(arguments) ? FILES :
    arguments == ["share"] ? [Threads.nthreads() == 1 ? WITH_ONE : WITH_SEVERAL; WITH_BOTH] : arguments


# Whether an expression is a test set of another name than the one that is asked for.
is_other(expression, set) = !isempty(set) && expression isa Expr && expression.head === :macrocall &&
    expression.args[1] === Symbol("@testset") && !(set in expression.args)

# Later versions count atomically.
own_passed(set) = isdefined(Base, :isfieldatomic) && Base.isfieldatomic(typeof(set), :n_passed) ?
    getproperty(set, :n_passed, :monotonic) : set.n_passed
passed(set) = own_passed(set) + mapreduce(result -> result isa Test.DefaultTestSet ? passed(result) : 0, +, set.results; init=0)

try
    results = @testset "PersistentCollections" begin
        for name in named_files(ARGS)
            # At once, also where a deadlock follows.
            isempty(ARGS) || (println("julia: $name begins"); flush(stdout))
            file, set = occursin(':', name) ? split(name, ':'; limit=2) : (name, "")
            @testset "$name" begin
                include(expression -> is_other(expression, set) ? nothing : expression, "$file.jl")
            end
        end
    end
    println("julia: $(passed(results)) passed, 0 failed")
catch failure
    failure isa Test.TestSetException || rethrow()
    println("julia: $(failure.pass) passed, $(failure.fail + failure.error) failed")
    exit(1)
end
