"""
The C ABI as it is: constants, structs and functions under their C names, with no checks.

Everything else of the package goes through `checked.jl`, which turns a status into an exception.
"""
module Lib

using Libdl

include("constants.jl")
include("structs.jl")
include("guards.jl")
include("symbols.jl")
include("load.jl")

end
