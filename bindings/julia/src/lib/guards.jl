# Guards of every call of the library: against the end of the stack, a wait that Ctrl-C cannot end, and a process that exits
# in the middle of another call.

# ---- the end of the stack

# At the end of the stack, Julia throws a `StackOverflowError` into the running code. Inside of the library, that would leave
# its locks held for ever. So each call first touches as much stack as the library may need (10 KB were measured), and the
# error is thrown before the call. A step of this size cannot skip the pages that Julia guards, which are 32 KB.
const STEP = 24 * 1024

# Memory in the frame of the calling function. The empty piece of assembler counts as a use of all of it; without a use, the
# compiler would remove it.
const POINTER = VERSION < v"1.12" ? "i8*" : "ptr"
const TAKE_ROOM = """
    %room = alloca i8, i32 $STEP, align 16
    store volatile i8 0, $POINTER %room
    call void asm sideeffect "", "r,~{memory}"($POINTER %room)
    ret void"""
@eval @inline take_room() = Base.llvmcall($TAKE_ROOM, Cvoid, Tuple{})

# Whether Julia compiles: with `--compile=min` it interprets, in frames of its own, and cannot take room in them.
const COMPILES = Ref(true)

find_out_whether_it_compiles() = (COMPILES[] = !(Base.JLOptions().compile_enabled in (0, 3)); nothing)

@noinline touch_stack() = COMPILES[] ? take_room() : nothing

# Throws a `StackOverflowError` unless the stack has room for the call and for the code that must follow it.
make_room() = make_room(6)
@noinline function make_room(steps::Int)
    COMPILES[] && take_room()
    return steps == 0 ? 0 : 1 + make_room(steps - 1)
end

# ---- interrupts

# Ctrl-C makes Julia's variable `jl_signal_pending` other than zero, and Julia's first thread throws when it next comes to
# a safepoint. While a call of that thread waits for other writers, the library asks whether this is so. It asks in the
# middle of a region in which no code of Julia may run; so the question is one of C: how many bytes there are before the
# first zero.
const PENDING = Ref{Ptr{Cvoid}}(C_NULL)

function find_pending()
    PENDING[] = try
        # The lowest byte comes first, or last.
        Ptr{Cvoid}(cglobal(:jl_signal_pending, Cint)) + (ENDIAN_BOM == 0x04030201 ? 0 : sizeof(Cint) - 1)
    catch
        # Another version of Julia may keep it to itself: then a wait ends when its time is over.
        C_NULL
    end
    return nothing
end

function ask_while_waiting()
    PENDING[] == C_NULL || pc_set_interrupt(cglobal(:strlen, Cvoid), PENDING[])
    return nothing
end

ask_no_more() = (pc_set_interrupt(C_NULL, C_NULL); nothing)

# Has the first thread ask, whichever thread loads the library.
function guard_first_thread()
    find_pending()
    Threads.threadid() == 1 && return ask_while_waiting()
    first = Task(ask_while_waiting)
    first.sticky = true
    ccall(:jl_set_task_tid, Cvoid, (Any, Cint), first, 0)
    schedule(first)
    return nothing
end

# ---- the end of the process

# A signal that ends the process runs Julia's exit hooks and finalizers at once, on the first thread, in the middle of
# whatever that was doing. Were that a call of the library, which holds locks, another would wait for these for ever. So
# the first thread notes that it is in one.
const INSIDE = Ref(false)

@noinline function refuse_inside()
    error(string("PersistentCollections: calls are refused, since an earlier call was left before its end: ",
        "the process is ending or an InterruptException was forced: end the process"))
end

# Closes a handle in a finalizer, without a region: at its end, Julia may throw an `InterruptException` that is meant for the
# interrupted code. Closing does not wait for a thread that waits for Julia. Handles that are open at exit end with the process.
function in_finalizer(close::Ref{Ptr{Cvoid}}, handle::UInt64)
    Threads.threadid() == 1 || return ccall(close[], Int32, (UInt64,), handle)
    INSIDE[] && return PC_OK
    INSIDE[] = true
    status = ccall(close[], Int32, (UInt64,), handle)
    INSIDE[] = false
    return status
end
