"""
Dictionaries and sets that live on disk, in one LMDB environment, and are the same collections from
Julia, Python, C and C++.

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

# Where what lives
- `lib/`: the C ABI under its C names, and finding the library (module `Lib`)
- `checked.jl`: calls of it with a status turned into an exception
- `processes.jl`: which process a handle is of
- `environment.jl`: environments, their flags and errors (module `LMDB`)
- `transactions.jl`, `inside.jl`: transactions, snapshots, and which task a call belongs to
- `types.jl`, `keys.jl`, `tuples.jl`, `values.jl`: Julia types, type strings and bytes
- `raw.jl`: collections without types, and `LMDB.MDBValue`
- `cells.jl`, `received.jl`: the bytes of one item for the time of a call, and those that it copies out
- `any.jl`, `any_reading.jl`, `cbor.jl`, `structs.jl`: values that bring their own type along
- `places.jl`: where in a value the fault is
- `collection.jl`: what dicts and sets have in common: opening, columns of many items
- `snapshot_arrays.jl`: arrays that are read where they lie
- `dict.jl`, `set.jl`, `iteration.jl`, `protocol.jl`: the collections as Julia's own
- `comparison.jl`, `algebra.jl`: equality and set operations, by what is stored
- `serialization.jl`: what they are in other processes, and in copies
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
include("iteration.jl")
include("received.jl")
include("dict.jl")
include("set.jl")
include("snapshot_arrays.jl")
include("comparison.jl")
include("protocol.jl")
include("algebra.jl")
include("serialization.jl")

export LMDB, Environment, PersistentDict, PersistentSet
export transaction, snapshot, SnapshotArray
export between, prefix, increment!, compare_exchange!, absent, get_many, get_many!
export collections, schema, info, drop!, backup
export Tagged, Simple, register_struct, typestring

# What may be used by its full name besides.
VERSION >= v"1.11" && eval(Expr(:public, :View, :Lib))

function __init__()
    name_process()
    Lib.find_out_whether_it_compiles()
    Lib.forget()
end

end
