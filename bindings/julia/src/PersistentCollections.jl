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
- `environment.jl`: environments, their flags and errors (module `LMDB`)
- `transactions.jl`: transactions, snapshots, and which task a call belongs to
- `types.jl`, `keys.jl`, `tuples.jl`, `values.jl`: Julia types, type strings and bytes
- `raw.jl`: collections without types, and `LMDB.MDBValue`
- `cells.jl`, `received.jl`: the bytes of one item for the time of a call, and those that it copies out
- `any.jl`, `cbor.jl`, `structs.jl`: values that bring their own type along
- `collection.jl`: what dicts and sets have in common: opening, columns of many items
- `snapshot_arrays.jl`: arrays that are read where they lie
- `dict.jl`, `set.jl`, `iteration.jl`, `protocol.jl`: the collections as Julia's own
"""
module PersistentCollections

using Dates
using Logging: Logging, AbstractLogger, current_logger, with_logger
using UUIDs

include("lib/Lib.jl")
using .Lib: Handle, Status

include("checked.jl")
include("environment.jl")
using .LMDB: Environment, live

include("types.jl")
include("tuples.jl")
include("keys.jl")
include("values.jl")
include("raw.jl")
include("cells.jl")
include("cbor.jl")
include("any.jl")
include("structs.jl")

include("transactions.jl")
include("collection.jl")
include("iteration.jl")
include("received.jl")
include("dict.jl")
include("set.jl")
include("snapshot_arrays.jl")
include("protocol.jl")

export LMDB, Environment, PersistentDict, PersistentSet
export transaction, snapshot, SnapshotArray
export between, prefix, increment!, compare_exchange!, absent, get_many, get_many!
export collections, schema, info, drop!, backup
export Tagged, Simple, register_struct, typestring

__init__() = Lib.load()

end
