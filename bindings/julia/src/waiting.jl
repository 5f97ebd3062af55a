# Waits for commits of other tasks, threads and processes.

"""
    last_commit(env) -> Int

Returns the number of the newest commit, for [`wait`](@ref Base.wait(::Environment)); 0 if there was none yet.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> before = last_commit(env);

julia> PersistentDict{String,Int}(env; id="counts")["a"] = 1;

julia> last_commit(env) > before
true
```
"""
last_commit(env::Environment) = Int(reading(() -> written(commit -> Lib.pc_env_wait(live(env), commit, 0), UInt64(0)), env))

# How long a thread waits outside of Julia before it looks whether its task still waits. The library looks as often for
# commits of programs that do not announce them.
const TURN = 100

# The status of one wait in a thread of libuv, so that other tasks of Julia run meanwhile. An interrupt of the waiting task
# does not end it, so it has a task of its own, which keeps the memory.
function wait_outside(handle::UInt64, since::UInt64, milliseconds::Int64)
    return fetch(@async begin
        commit = Ref(since)
        GC.@preserve commit @threadcall(Lib.pc_env_wait_address[], Status, (UInt64, Ptr{UInt64}, Int64),
            handle, Base.unsafe_convert(Ptr{UInt64}, commit), milliseconds)
    end)
end

"""
    wait(env::Environment; timeout=Inf, since=last_commit(env)) -> Union{Int,Nothing}

Waits until the environment has a commit newer than `since`, and returns the number of the newest commit. Returns
`nothing` if there was none for `timeout` seconds. Commits of all processes and threads count, whichever collection they
change, and several may end one wait. Other tasks run meanwhile.

Without `since`, it waits for a commit after the call. To miss none, pass the number that the last wait returned or,
before the first read, that of [`last_commit`](@ref). Commits of other LMDB programs are noticed within 0.1 seconds.

Throws an `LMDB.LMDBError` in a `transaction` or `snapshot` of this environment, which sees no commit of others, and if
the environment is closed meanwhile.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> seen = last_commit(env);

julia> writer = @async dict["a"] = 1;

julia> wait(env; since=seen) == seen + 1
true

julia> wait(env; timeout=0) === nothing
true
```
"""
function Base.wait(env::Environment; timeout::Real=Inf, since::Integer=last_commit(env))
    left = LMDB.waiting_time(timeout, "timeout")
    known, begun = UInt64(since), time_ns()
    # On this thread first: it refuses a transaction of this task, and keeps the message of a failure.
    look() = reading(env) do
        commit = Ref(known)
        status = GC.@preserve commit checked(Lib.pc_env_wait(live(env), Base.unsafe_convert(Ptr{UInt64}, commit), 0))
        status == Lib.PC_TIMEOUT ? nothing : Int(commit[])
    end
    while true
        newest = look()
        newest === nothing || return newest
        remaining = isinf(left) ? Inf : left - (time_ns() - begun) / 1e9
        remaining > 0 || return nothing
        pause = min(TURN, ceil(Int64, 1000 * min(remaining, 1.0)))
        # A thread of libuv may fail where this one does not: without a reader slot, for example.
        wait_outside(live(env), known, pause) < 0 && sleep(pause / 1000)
    end
end

"""
    traits(env) -> Vector{Symbol}

Returns what the environment's engine can do, of these: `:remote` (each call may be a round trip), `:lends` (a
[`SnapshotArray`](@ref) is a view of the stored bytes), `:raw` (collections of other LMDB programs can be used), `:copy`
and `:check` (these functions work), `:len_is_cheap` (lengths are stored), `:conflicts` (a transaction may have to run
again).

```jldoctest
julia> using PersistentCollections

julia> :copy in traits(Environment(mktempdir()))
true
```
"""
function traits(env::Environment)
    bits = written(out -> Lib.pc_env_traits(live(env), out), UInt32(0))
    return [name for (bit, name) in TRAITS if bits & bit != 0]
end

const TRAITS = (Lib.PC_TRAIT_REMOTE => :remote, Lib.PC_TRAIT_LENDS => :lends, Lib.PC_TRAIT_RAW => :raw,
    Lib.PC_TRAIT_COPY => :copy, Lib.PC_TRAIT_CHECK => :check, Lib.PC_TRAIT_LEN_IS_CHEAP => :len_is_cheap,
    Lib.PC_TRAIT_CONFLICTS => :conflicts)
