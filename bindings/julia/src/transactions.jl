# Transactions and snapshots, and which task a call belongs to.
#
# In the library a transaction belongs to a thread, in Julia to the task that began it. While any is open,
# each call looks whether another task of its thread holds one of the same environment, and steps out of
# it: reads run beside it, writes are refused, since they would wait for a task of their own thread.

struct OpenTransaction
    identity::String
    kind::Int32
    handle::Handle
    task::Task
    thread::Int
end

# All open ones of the process, oldest first. Looked at only while `OPEN_COUNT` is not zero.
const OPEN = OpenTransaction[]
const OPEN_COUNT = Threads.Atomic{Int}(0)
const OPEN_LOCK = Threads.SpinLock()

const NO_TRANSACTION = Handle(0)

# The innermost transaction of this task, and whether another task holds one on this thread, and a writing one.
function standing(env::Environment)
    own, own_kind, others, other_writer = NO_TRANSACTION, Int32(0), false, false
    task, thread = current_task(), Threads.threadid()
    lock(OPEN_LOCK)
    for open in OPEN
        (open.thread == thread && open.identity == env.identity) || continue
        if open.task === task
            own, own_kind = open.handle, open.kind
        else
            others = true
            other_writer |= open.kind == Lib.PC_TXN_WRITE
        end
    end
    unlock(OPEN_LOCK)
    return (own=own, kind=own_kind, others=others, other_writer=other_writer)
end

set_current(env::Environment, txn::Handle) =
    written(out -> Lib.pc_txn_set_current(live(env), txn, out), NO_TRANSACTION)

# Runs `call` with this task's own transaction, or none, as the thread's current one.
function stepping_aside(call::F, env::Environment, own::Handle) where {F}
    previous = set_current(env, own)
    try
        return call()
    finally
        set_current(env, previous)
    end
end

# Every call that reads goes through `reading`, every one that writes through `writing`, with the environment or the
# collection that it is for: that is kept from finalizers meanwhile, which would close it. `call` must not yield to
# other tasks.
@inline reading(call::F, whose) where {F} =
    GC.@preserve whose (OPEN_COUNT[] == 0 ? call() : reading_beside(call, environment(whose)))
@inline writing(call::F, whose) where {F} =
    GC.@preserve whose (OPEN_COUNT[] == 0 ? call() : writing_beside(call, environment(whose)))

environment(env::Environment) = env
environment(collection) = collection.env

@noinline function reading_beside(call::F, env::Environment) where {F}
    here = standing(env)
    return here.others ? stepping_aside(call, env, here.own) : call()
end

@noinline function writing_beside(call::F, env::Environment) where {F}
    here = standing(env)
    here.others || return call()
    refuse_second_writer(here)
    return stepping_aside(call, env, here.own)
end

function refuse_second_writer(here)
    (here.own == NO_TRANSACTION && here.other_writer) && throw(LMDB.LMDBError(Lib.PC_ERR_WRONG_THREAD,
        "another task of this thread is in a transaction of this environment: write in that task, or wait until it has ended"))
    return nothing
end

# Whether this task is in a transaction that it may write in.
function in_write(env::Environment)
    OPEN_COUNT[] == 0 && return false
    return standing(env).kind == Lib.PC_TXN_WRITE
end

function begin_transaction(env::Environment, kind::Int32, timeout_ms::Int64)
    here = standing(env)
    kind == Lib.PC_TXN_WRITE && refuse_second_writer(here)
    start() = written(out -> Lib.pc_txn_begin(live(env), kind, timeout_ms, out), NO_TRANSACTION)
    handle = here.others ? stepping_aside(start, env, here.own) : start()
    entry = OpenTransaction(env.identity, kind, handle, current_task(), Threads.threadid())
    lock(OPEN_LOCK)
    push!(OPEN, entry)
    unlock(OPEN_LOCK)
    Threads.atomic_add!(OPEN_COUNT, 1)
    return handle
end

# Ends a transaction by `call`, which gives its status; it is ended whatever that is.
function end_transaction(call, env::Environment, handle::Handle)
    here = standing(env)
    status = try
        here.others && isopen(env) ? stepping_aside(call, env, handle) : call()
    finally
        lock(OPEN_LOCK)
        filter!(open -> open.handle != handle, OPEN)
        unlock(OPEN_LOCK)
        Threads.atomic_sub!(OPEN_COUNT, 1)
    end
    return status
end

# Milliseconds that nobody waits: ten years.
const FOR_EVER = Int64(315_360_000_000)

# How often a block is run that others come between, or that outgrows the map each time.
const MOST_RUNS = 64

# The map's size if it is full, since growth may make the block fit; nothing for any other failure.
full_map(failure, env::Environment) =
    failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_MAP_FULL && isopen(env) ? info(env).map_size : nothing

is_conflict(failure) = failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_CONFLICT

"""
    transaction(f, env; timeout=nothing)

Calls `f()` in a transaction of the environment: everything that this task reads and writes in it happens
at once when `f` returns, or not at all if `f` throws. Returns what `f` returned.

Inside another `transaction` it is a part of that one which can be undone by itself; inside a `snapshot`
it throws. `timeout` is how many seconds to wait for other writers, 0 not at all, `Inf` for ever, by
default as the environment was opened; a negative one is an `ArgumentError`.

The task stays on its thread until the end. Other tasks that read meanwhile see what was there before;
those of other threads that write wait, those of the same thread throw. **`f` may be called again**, from
the start, if the file's map had to grow for it; so let it change nothing but collections.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> accounts = PersistentDict{String,Int}(env; id="accounts");

julia> merge!(accounts, Dict("a" => 50, "b" => 0));

julia> transaction(env) do
           accounts["a"] -= 10
           accounts["b"] += 10
       end
10

julia> try
           transaction(env) do
               empty!(accounts)
               error("this undoes it")
           end
       catch failure
           failure.msg
       end
"this undoes it"

julia> accounts["a"], accounts["b"]
(40, 10)
```
"""
function transaction(f::Function, env::Environment; timeout::Union{Nothing,Real}=nothing)
    wait = timeout === nothing ? Int64(-1) : isinf(LMDB.waiting_time(timeout, "timeout")) ? FOR_EVER : LMDB.milliseconds(timeout)
    outermost = standing(env).own == NO_TRANSACTION
    outermost || return run_transaction(f, env, wait)
    filled = 0
    for run in 1:MOST_RUNS
        try
            return staying(() -> run_transaction(f, env, wait))
        catch failure
            size = full_map(failure, env)
            # A map that does not grow any more will not hold the block the next time either.
            grows = size !== nothing && size > filled
            (run < MOST_RUNS && (grows || is_conflict(failure))) || rethrow()
            filled = something(size, filled)
        end
    end
end

function run_transaction(f, env::Environment, wait::Int64)
    handle = begin_transaction(env, Lib.PC_TXN_WRITE, wait)
    result = try
        f()
    catch
        # What `f` threw says more than a failure to undo what the closed environment has undone already.
        end_transaction(() -> Lib.pc_txn_abort(handle), env, handle)
        rethrow()
    end
    end_transaction(() -> check(Lib.pc_txn_commit(handle)), env, handle)
    return result
end

"""
    snapshot(f, env)

Calls `f()` with everything that this task reads from the environment being of one moment, whatever
others write meanwhile, and returns what it returned. Writing in it throws. Inside a `transaction` it sees
what that has written so far.

A snapshot that is kept for long keeps the file from using space again that was freed since.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = merge!(PersistentDict{String,Int}(env; id="counts"), Dict("a" => 1, "b" => 2));

julia> snapshot(env) do
           sum(values(dict)) / length(dict)
       end
1.5
```
"""
function snapshot(f::Function, env::Environment)
    return staying() do
        handle = begin_transaction(env, Lib.PC_TXN_READ, Int64(-1))
        result = try
            f()
        catch
            end_transaction(() -> Lib.pc_txn_abort(handle), env, handle)
            rethrow()
        end
        end_transaction(() -> check(Lib.pc_txn_commit(handle)), env, handle)
        result
    end
end

# Keeps the task on its thread, to which the library's transactions are bound.
function staying(f)
    task = current_task()
    before = task.sticky
    task.sticky = true
    try
        return f()
    finally
        task.sticky = before
    end
end
