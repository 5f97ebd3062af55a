# LMDB's environment flags with their numbers, and their meaning here.

"Fixed map address. Accepted without effect."
const MDB_FIXEDMAP = 0x00000001
"The path is the data file, not a directory."
const MDB_NOSUBDIR = 0x00004000
"Writes are durable only after `flush`; a crash of the system may lose or damage what was written since."
const MDB_NOSYNC = 0x00010000
"Opens for reading only."
const MDB_RDONLY = 0x00020000
"A crash of the system may undo the last writes, but damages nothing."
const MDB_NOMETASYNC = 0x00040000
"Writes through the map. Accepted without effect: a stray pointer of the program could damage the data."
const MDB_WRITEMAP = 0x00080000
"With `MDB_WRITEMAP`: as `MDB_NOSYNC`."
const MDB_MAPASYNC = 0x00100000
"Reader slots belong to transactions. Accepted without effect: they always do."
const MDB_NOTLS = 0x00200000
"With `MDB_RDONLY`: no lock file, because no process writes. Refused otherwise."
const MDB_NOLOCK = 0x00400000
"No read-ahead. Accepted without effect."
const MDB_NORDAHEAD = 0x00800000
"Uninitialised memory in new pages. Accepted without effect: it could write old memory to the file."
const MDB_NOMEMINIT = 0x01000000

const KNOWN_FLAGS = MDB_FIXEDMAP | MDB_NOSUBDIR | MDB_NOSYNC | MDB_RDONLY | MDB_NOMETASYNC | MDB_WRITEMAP |
    MDB_MAPASYNC | MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD | MDB_NOMEMINIT

const DURABILITIES = (full=Lib.PC_DURABILITY_FULL, no_meta_sync=Lib.PC_DURABILITY_NO_META_SYNC, none=Lib.PC_DURABILITY_NONE)

# The library's flags and durability for LMDB's flags; of two wishes for durability the weaker counts.
function from_flags(flags::Integer, durability::Symbol)
    unknown = flags & ~Int64(KNOWN_FLAGS)
    unknown == 0 || throw(ArgumentError("unknown flags 0x$(string(unknown; base=16))"))
    haskey(DURABILITIES, durability) ||
        throw(ArgumentError("durability is :full, :no_meta_sync or :none, not $(repr(durability))"))
    has(flag) = flags & flag != 0
    bits = UInt32(0)
    has(MDB_NOSUBDIR) && (bits |= Lib.PC_ENV_NO_SUBDIR)
    has(MDB_RDONLY) && (bits |= Lib.PC_ENV_READ_ONLY)
    if has(MDB_NOLOCK)
        has(MDB_RDONLY) || throw(ArgumentError("MDB_NOLOCK is only for environments that no process writes: add MDB_RDONLY"))
        bits |= Lib.PC_ENV_IMMUTABLE
    end
    wished = has(MDB_NOSYNC) || has(MDB_MAPASYNC) ? DURABILITIES.none :
        has(MDB_NOMETASYNC) ? DURABILITIES.no_meta_sync : DURABILITIES.full
    return bits, max(wished, DURABILITIES[durability])
end
