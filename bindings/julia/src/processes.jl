# Which process a handle is of. Handles are numbers, and those of another process name other things in this one: so each
# is kept with its process. They come from elsewhere in what a module's precompilation has stored; in what `serialize`
# has written nothing of them is left (`serialization.jl`).

const PROCESS = Ref(UInt64(0))

# Never 0, which stands for no process at all.
name_process() = (PROCESS[] = hash((getpid(), time(), time_ns(), objectid(Ref(0)))) | 0x01; nothing)

@inline this_process() = PROCESS[]

# Refuses what was opened in another process; does nothing for what this one has opened.
@noinline function refuse_stranger(process::UInt64, what::String)
    (process == this_process() || process == 0) && return nothing
    throw(LMDB.LMDBError(Lib.PC_ERR_BAD_HANDLE, string(what, " was opened in another process, as happens where a module is ",
        "precompiled: open it in this one; what belongs to a module, in its __init__")))
end
