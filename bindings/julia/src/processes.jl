# The process that a handle belongs to. Handles are numbers, which name other objects in another process, so each is kept
# with its process. The precompiled file of a module can contain handles of the process that precompiled it; `serialize`
# does not write handles (`serialization.jl`).

const PROCESS = Ref(UInt64(0))

# Never 0, which means no process.
name_process() = (PROCESS[] = hash((getpid(), time(), time_ns(), objectid(Ref(0)))) | 0x01; nothing)

@inline this_process() = PROCESS[]

# Throws if the object was opened in another process.
@noinline function refuse_stranger(process::UInt64, what::String)
    (process == this_process() || process == 0) && return nothing
    throw(LMDB.LMDBError(Lib.PC_ERR_BAD_HANDLE, string(what, " was opened in another process, as happens where a module is ",
        "precompiled: open it in this one; what belongs to a module, in its __init__")))
end
