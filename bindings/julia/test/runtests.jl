# Runs the package's tests, or the named ones: files (some use definitions of an earlier one), or `FILE:TEST SET`. Run it with
# one thread and with several: JULIA_NUM_THREADS=4. `share` names the files that `tools/test-julia` runs with that many threads.

using Test
using Dates, Random, UUIDs
using PersistentCollections

const PC = PersistentCollections

# Whether environments are schemas of a PostgreSQL server. Tests of what only files have are left out then.
const ON_SERVER = haskey(ENV, "PC_POSTGRES_URL")

# Makes an environment for one test, and closes and removes it afterwards. With PC_POSTGRES_URL, it is a schema there.
function with_env(f; keywords...)
    ON_SERVER && return with_schema(f; keywords...)
    mktempdir() do folder
        env = LMDB.Environment(joinpath(folder, "env"); keywords...)
        try
            f(env)
        finally
            close(env)
        end
    end
end

function with_schema(f; keywords...)
    url = ENV["PC_POSTGRES_URL"]
    LMDB.Environment(f, string(url, '?' in url ? '&' : '?', "schema=t_", randstring(RandomDevice(), 12)); keywords...)
end

# The threads of all pools: Julia 1.12 added an interactive one, which `nthreads` does not count.
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

# The files whose results can differ with the number of threads, because they use threads, tasks, the garbage collector, signals
# or other processes: `tools/test-julia` runs these with one thread and with several.
const WITH_BOTH = ["environment", "iteration", "transactions", "threads", "snapshot_arrays", "interrupts", "serialization", "waiting"]
# It runs the others once, divided so that both processes take about the same time, which is mostly compilation.
const WITH_ONE = ["types", "keys", "any", "vectors", "raw", "readme", "costs", "comparison", "odd_values", "precompiled", "versions", "shares"]
const WITH_SEVERAL = ["dict", "set", "protocol", "ancestor", "model", "docs"]
const FILES = [WITH_ONE; WITH_SEVERAL; WITH_BOTH]

# The test files that the arguments select.
named_files(arguments) = isempty(arguments) ? FILES :
    arguments == ["share"] ? [Threads.nthreads() == 1 ? WITH_ONE : WITH_SEVERAL; WITH_BOTH] : arguments


# Whether an expression is a test set with a different name than the selected one.
is_other(expression, set) = !isempty(set) && expression isa Expr && expression.head === :macrocall &&
    expression.args[1] === Symbol("@testset") && !(set in expression.args)

# Later versions of Julia count atomically.
own_passed(set) = isdefined(Base, :isfieldatomic) && Base.isfieldatomic(typeof(set), :n_passed) ?
    getproperty(set, :n_passed, :monotonic) : set.n_passed
passed(set) = own_passed(set) + mapreduce(result -> result isa Test.DefaultTestSet ? passed(result) : 0, +, set.results; init=0)

try
    results = @testset "PersistentCollections" begin
        for name in named_files(ARGS)
            # Printed at once, in case a deadlock follows.
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
