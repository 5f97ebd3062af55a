"""
The C ABI: constants, structs and functions under their C names, without checks.

The rest of the package calls it through `checked.jl`, which turns statuses into exceptions.
"""
module Lib

using Libdl

include("guards.jl")
include("calls.jl")
include("declarations.jl")
include("load.jl")

end
