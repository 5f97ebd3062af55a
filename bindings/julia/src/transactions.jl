# Transactions and snapshots, and which task a call belongs to.
#
# In the library a transaction belongs to a thread, in Julia to the task that began it. While any is open,
# each call checks whether another task of its thread has one of the same environment, and leaves it for the time of the
# call: reads run outside of it, writes are refused, since they would wait for a task of their own thread. Writes of tasks
# that were started inside a transaction are refused on all threads.

@enum TransactionState::UInt8 GOES_ON COMMITTED UNDONE

mutable struct OpenTransaction
    # First, since the library writes it here; 0 before the transaction has begun.
    handle::Handle
    env::Environment
    kind::Int32
    task::Task
    thread::Int
    # Whether it is open, was committed, or was undone.
    state::TransactionState
    # Whether it has lent addresses in the map, and then the handle of an environment that it closes when it ends.
    lends::Bool
    closes::Handle
end

# All open ones of the process, oldest first. A list is never changed, so that it is read without a lock: a new one
# takes its place. Looked at only while `OPEN_COUNT` is not zero.
const OPEN = Ref(OpenTransaction[])
const OPEN_COUNT = Threads.Atomic{Int}(0)
# Held for a few statements that neither allocate nor yield, so that no finalizer and no task can come between.
const OPEN_LOCK = Threads.SpinLock()

const NO_TRANSACTION = Handle(0)

# Puts `changed(list)` in the place of the list.
function change_open(changed)
    while true
        before = OPEN[]
        after = changed(before)
        Threads.atomic_fence()
        lock(OPEN_LOCK)
        is_done = OPEN[] === before
        is_done && (OPEN[] = after)
        unlock(OPEN_LOCK)
        is_done && return nothing
    end
end

# The innermost transaction of this task, and whether another task holds one on this thread, and a writing one.
struct Standing
    own::Union{Nothing,OpenTransaction}
    others::Bool
    other_writer::Bool
end

function standing(env::Environment)
    own, others, other_writer = nothing, false, false
    task, thread = current_task(), Threads.threadid()
    for open in OPEN[]
        (open.thread == thread && open.handle != NO_TRANSACTION && open.env.identity == env.identity) || continue
        if open.task === task
            own = open
        else
            others = true
            other_writer |= open.kind == Lib.PC_TXN_WRITE
        end
    end
    return Standing(own, others, other_writer)
end

# What this task's calls by this opening of the environment are part of.
function own_handle(here::Standing, env::Environment)
    own = here.own
    return own === nothing || own.env !== env ? NO_TRANSACTION : own.handle
end

# ---- tasks that were started inside

include("inside.jl")

# Refuses to write in a task that was started inside the transaction of another task. The write would wait for that
# transaction, which may wait for this task, or may have been undone.
function refuse_started_inside(env::Environment)
    inside = started_inside()
    while inside isa Inside
        transaction = inside.transaction
        if transaction.env.identity == env.identity && transaction.task !== current_task() && transaction.state != COMMITTED
            how_it_is = transaction.state == GOES_ON ? "goes on" : "was undone"
            throw(LMDB.LMDBError(Lib.PC_ERR_WRONG_THREAD, string("this task was started inside a transaction of this environment ",
                "that ", how_it_is, ", and is no part of it: write in the transaction's own task, not in those of ",
                "Threads.@threads, @spawn or @async, or start them when it has ended")))
        end
        inside = inside.around
    end
    return nothing
end

set_current(env::Environment, txn::Handle) =
    written(out -> Lib.pc_txn_set_current(live(env), txn, out), NO_TRANSACTION)

# Runs `call` with this task's own transaction, or none, as the thread's current one. An interrupt can
# arrive only in `call`: the previous current transaction is restored in any case.
function stepping_aside(call::F, env::Environment, own::Handle) where {F}
    return disable_sigint() do
        previous = set_current(env, own)
        try
            return reenable_sigint(call)
        finally
            set_current(env, previous)
        end
    end
end

# Every call that reads goes through `reading`, every one that writes through `writing`, with the environment or the
# collection that it is for: that is kept from finalizers meanwhile, which would close it. `call` must not yield to
# other tasks.
@inline reading(call::F, whose) where {F} =
    GC.@preserve whose (OPEN_COUNT[] == 0 ? call() : reading_beside(call, environment(whose)))
@inline writing(call::F, whose) where {F} =
    GC.@preserve whose (OPEN_COUNT[] == 0 && !(started_inside() isa Inside) ? call() : writing_beside(call, environment(whose)))

environment(env::Environment) = env
environment(collection) = collection.env

@noinline function reading_beside(call::F, env::Environment) where {F}
    here = standing(env)
    return here.others ? stepping_aside(call, env, own_handle(here, env)) : call()
end

@noinline function writing_beside(call::F, env::Environment) where {F}
    here = standing(env)
    refuse_second_writer(env, here)
    return here.others ? stepping_aside(call, env, own_handle(here, env)) : call()
end

function refuse_second_writer(env::Environment, here::Standing)
    here.own === nothing || return nothing
    refuse_started_inside(env)
    here.other_writer && throw(LMDB.LMDBError(Lib.PC_ERR_WRONG_THREAD,
        "another task of this thread is in a transaction of this environment: write in that task, or wait until it has ended"))
    return nothing
end

# Whether this task is in a transaction that it may write in.
function in_write(env::Environment)
    OPEN_COUNT[] == 0 && return false
    own = standing(env).own
    return own !== nothing && own.kind == Lib.PC_TXN_WRITE
end

# ---- from the beginning to the end

# Calls `f(entry)` in a transaction, and ends it.
#
# Interrupts are deferred, except while the library may wait for other writers and while `f` runs. After one of these, the
# entry has the handle if the transaction has begun, since the library writes it there: so no open transaction is lost.
function in_transaction(f::F, env::Environment, kind::Int32, timeout_ms::Int64, flags::Int32) where {F}
    Lib.make_room()
    return disable_sigint() do
        here = standing(env)
        kind == Lib.PC_TXN_WRITE && refuse_second_writer(env, here)
        entry = OpenTransaction(NO_TRANSACTION, env, kind, current_task(), Threads.threadid(), GOES_ON, false, NO_TRANSACTION)
        change_open(list -> push!(copy(list), entry))
        Threads.atomic_add!(OPEN_COUNT, 1)
        result = try
            reenable_sigint() do
                begin_it(entry, here, kind | flags, timeout_ms)
                f(entry)
            end
        catch
            end_transaction(entry, UNDONE)
            rethrow()
        end
        end_transaction(entry, COMMITTED)
        return result
    end
end

# Begins a transaction inside this task's own, or as an outermost one. It is then the newest, and stays current.
function begin_it(entry::OpenTransaction, here::Standing, kind::Int32, timeout_ms::Int64)
    env = entry.env
    here.others ? set_current(env, own_handle(here, env)) : here.own === nothing && end_lost(env)
    GC.@preserve env entry checked(Lib.pc_txn_begin(live(env), kind, timeout_ms, handle_place(entry)))
    return nothing
end

# Undoes a current transaction of this thread that this package does not know. One exists only if Julia threw in the middle
# of a call, as it does at the fourth unanswered Ctrl-C.
function end_lost(env::Environment)
    while true
        current = written(out -> Lib.pc_txn_current(live(env), out), NO_TRANSACTION)
        (current == NO_TRANSACTION || any(open -> open.handle == current, OPEN[])) && return nothing
        checked(Lib.pc_txn_abort(current))
    end
end

# Commits or undoes; the transaction is ended whatever comes of it. Interrupts are put off.
function end_transaction(entry::OpenTransaction, state::TransactionState)
    env = entry.env
    # Before the map may move: arrays that were lent are dead from here on.
    entry.state = state
    others = standing(env).others && isopen(env)
    try
        if entry.handle != NO_TRANSACTION
            others && set_current(env, entry.handle)
            finish(entry, state)
        end
    catch
        entry.state = UNDONE
        rethrow()
    finally
        change_open(list -> filter(open -> open !== entry, list))
        Threads.atomic_sub!(OPEN_COUNT, 1)
        others && isopen(env) && set_current(env, newest_on_thread(env))
        entry.lends && close_left(entry)
    end
    return nothing
end

function finish(entry::OpenTransaction, state::TransactionState)
    call() = state == COMMITTED ? Lib.pc_txn_commit(entry.handle) : Lib.pc_txn_abort(entry.handle)
    status = call()
    if status == Lib.PC_ERR_NOT_INNERMOST
        end_lost(entry.env)
        status = call()
    end
    # What a closed environment has undone is undone.
    state == COMMITTED && checked(status)
    return nothing
end

# The one that was begun last on this thread. If a single task is left with transactions here, whose calls then step
# out of nothing, it is that task's innermost.
function newest_on_thread(env::Environment)
    newest = NO_TRANSACTION
    for open in OPEN[]
        (open.thread == Threads.threadid() && open.env === env && open.handle != NO_TRANSACTION) && (newest = open.handle)
    end
    return newest
end

# Ten years in milliseconds, for no timeout.
const FOR_EVER = Int64(315_360_000_000)

# How often a block is run that others come between, or that outgrows the map each time.
const MOST_RUNS = 64

# The map's size if it is full, since growth may make the block fit; nothing for any other failure.
full_map(failure, env::Environment) =
    failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_MAP_FULL && isopen(env) ? info(env).map_size : nothing

is_conflict(failure) = failure isa LMDB.LMDBError && failure.code == Lib.PC_ERR_CONFLICT

"""
    transaction(f, env; timeout=nothing, sync=true)

Calls `f()` in a transaction of the environment: all writes of this task in it are committed together when `f`
returns, or undone if `f` throws. Returns the result of `f`.

Inside another `transaction`, it is a part that can be undone alone; inside a `snapshot`, it throws. `timeout` is the
number of seconds to wait for other writers, 0 for no wait, `Inf` for no timeout; the default is the environment's
`write_timeout`. A negative one throws an `ArgumentError`. With `sync=false`, the commit does not wait for the disk,
whatever the environment's durability is: `flush(env)`, or the next commit that waits, makes it durable. If the
*system* crashes before, the writes may be lost *or the file damaged*. Inside another transaction, it has no effect.

The task stays on its thread from then on. Other tasks that read meanwhile see the state before the transaction.
Writes of tasks on other threads wait; those of tasks on the same thread throw. Writes of tasks that were started
inside also throw, on any thread: `Threads.@threads` in a transaction cannot write in it. (Before Julia 1.11, the
package recognizes such a task by its logger: a task that was started under a logger set by `f` itself waits, like
those of other threads.) **`f` may be called again**, from the start, if the file's map had to grow for it; it must
therefore change only collections.

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
function transaction(f::F, env::Environment; timeout::Union{Nothing,Real}=nothing, sync::Bool=true) where {F<:Function}
    wait = timeout === nothing ? Int64(-1) : isinf(LMDB.waiting_time(timeout, "timeout")) ? FOR_EVER : LMDB.milliseconds(timeout)
    outermost = standing(env).own === nothing
    outermost || return run_transaction(f, env, wait, Int32(0))
    flags = sync ? Int32(0) : Lib.PC_TXN_NO_SYNC
    filled, run = 0, 0
    while true
        run += 1
        try
            return staying(() -> run_transaction(f, env, wait, flags))
        catch failure
            size = full_map(failure, env)
            # A map that does not grow any more will not hold the block the next time either.
            grows = size !== nothing && size > filled
            (run < MOST_RUNS && (grows || is_conflict(failure))) || rethrow()
            filled = something(size, filled)
        end
    end
end

run_transaction(f::F, env::Environment, wait::Int64, flags::Int32) where {F} =
    in_transaction(entry -> marked(f, entry), env, Lib.PC_TXN_WRITE, wait, flags)

"""
    snapshot(f, env)

Calls `f()` so that all reads of this task from the environment see one moment, whatever other tasks and programs
write meanwhile, and returns its result. Writing in it throws. Inside a `transaction`, it sees the writes so far.

While a snapshot lives, the file cannot reuse space that was freed since it began.

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
function snapshot(f::F, env::Environment) where {F<:Function}
    return staying(() -> in_transaction(entry -> f(), env, Lib.PC_TXN_READ, Int64(-1), Int32(0)))
end

# Keeps the task on its thread, to which the library's transactions are bound. It stays there afterwards: Julia also
# makes it sticky if `@async` starts tasks inside, which share its thread, and the two cases cannot be told apart.
@inline function staying(f::F) where {F}
    current_task().sticky = true
    return f()
end
