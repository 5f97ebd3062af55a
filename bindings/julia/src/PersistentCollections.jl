"""
Dictionaries and sets that live on disk, in one LMDB environment, and are shared by Julia, Python, C, C++ and Rust.

```jldoctest
julia> using PersistentCollections

julia> env = LMDB.Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> dict["foo"] = 1
1

julia> transaction(env) do
           dict["bar"] = dict["foo"] + 1
       end
2
```

# Files
- `lib/`: the C ABI under its C names, and finding the library (module `Lib`)
- `checked.jl`: its calls, with statuses turned into exceptions
- `processes.jl`: the process that a handle belongs to
- `environment.jl`: environments, their flags and errors (module `LMDB`)
- `transactions.jl`, `inside.jl`: transactions, snapshots, and the task that a call belongs to
- `types.jl`, `keys.jl`, `tuples.jl`, `values.jl`: Julia types, type strings and bytes
- `raw.jl`: collections without types, and `LMDB.MDBValue`
- `cells.jl`, `received.jl`: the bytes of one item during a call, and those that it copies out
- `any.jl`, `any_reading.jl`, `cbor.jl`, `structs.jl`: values that carry their own type
- `places.jl`: the place of a fault in a value
- `collection.jl`: code common to dicts and sets: opening, columns of many items
- `upkeep.jl`: statistics, copies, the check of the data file, readers
- `snapshot_arrays.jl`: arrays that are read without a copy
- `dict.jl`, `set.jl`, `iteration.jl`, `protocol.jl`: the interfaces of Base
- `comparison.jl`, `algebra.jl`: equality and set operations, by stored bytes
- `serialization.jl`: sending to other processes, and copying
- `precompile.jl`: the calls whose code Julia makes when it precompiles the package
"""
module PersistentCollections

using Dates
using Logging: Logging, AbstractLogger, current_logger, with_logger
using Serialization: Serialization, AbstractSerializer, deserialize, serialize
using UUIDs

include("lib/Lib.jl")
using .Lib: Handle, Status

include("processes.jl")
include("checked.jl")
include("environment.jl")
using .LMDB: Environment
import .LMDB: live

include("types.jl")
include("tuples.jl")
include("keys.jl")
include("values.jl")
include("raw.jl")
include("cells.jl")
include("cbor.jl")
include("any.jl")
include("any_reading.jl")
include("places.jl")
include("structs.jl")

include("transactions.jl")
include("collection.jl")
include("upkeep.jl")
include("waiting.jl")
include("iteration.jl")
include("received.jl")
include("dict.jl")
include("set.jl")
include("snapshot_arrays.jl")
include("comparison.jl")
include("protocol.jl")
include("algebra.jl")
include("serialization.jl")

include("precompile.jl")

export LMDB, Environment, PersistentDict, PersistentSet
export transaction, snapshot, SnapshotArray
export between, prefix, increment!, compare_exchange!, absent, get_many, get_many!, contains_many
export last_commit, traits
export collections, schema, info, drop!, copy_to, check, readers, reap_readers
# Deprecated.
export backup
export Tagged, Simple, register_struct, typestring

# What may be used by its full name besides.
VERSION >= v"1.11" && eval(Expr(:public, :View, :Lib))

function __init__()
    name_process()
    Lib.find_out_whether_it_compiles()
    Lib.forget()
end

end
