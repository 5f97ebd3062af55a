"""
The C ABI: constants, structs and functions under their C names, without checks.

The rest of the package calls it through `checked.jl`, which turns statuses into exceptions.
"""
module Lib

using Libdl

include("constants.jl")
include("structs.jl")
include("guards.jl")
include("symbols.jl")
include("load.jl")

end
