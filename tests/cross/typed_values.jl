# The Julia side of `test_typed_values.py`: reads and writes the values of the Rust type in `typed_values.rs`.
#
#     julia typed_values.jl COMMAND ENVIRONMENT KEY

using PersistentCollections

parent() = Dict{Any,Any}(
    "title" => "parent", "initial" => "p", "tries" => 0, "largest" => 0, "huge" => -1, "weight" => -0.5,
    "samples" => [], "urgent" => false, "place" => Any[0, ""], "nothing" => 7, "sizes" => Dict(), "by_number" => Dict(),
    "history" => [], "state" => "Waiting", "parent" => nothing,
)

job() = Dict{Any,Any}(
    "title" => "straße 😀", "initial" => "ß", "tries" => 3, "largest" => typemax(UInt64), "huge" => big(2)^100,
    "weight" => 2.0, "samples" => Any[0.1, -1.0, 1e300], "urgent" => true, "place" => Any[-128, "here"],
    "nothing" => nothing, "sizes" => Dict("a" => 1, "b" => typemin(Int64)),
    "by_number" => Dict(-1 => Any["x", ""], typemax(Int64) => []),
    "history" => Any["Waiting", Dict("Failed" => "disk"), Dict("Retried" => Any[255, false])],
    "state" => Dict("Running" => Dict("worker" => 65535, "since" => nothing)), "parent" => parent(),
)

# Whether two values are equal, and numbers of the same kind, down to their items.
same(a, b) = false
same(a::T, b::T) where {T<:Union{Bool,AbstractString,Nothing}} = a == b
same(a::Float64, b::Float64) = isequal(a, b)
same(a::Integer, b::Integer) = !(a isa Bool) && !(b isa Bool) && a == b
same(a::AbstractVector, b::AbstractVector) = length(a) == length(b) && all(map(same, a, b))
same(a::AbstractDict, b::AbstractDict) = length(a) == length(b) && all(haskey(b, k) && same(a[k], b[k]) for k in keys(a))

function main(command, path, key)
    env = Environment(path)
    jobs = PersistentDict{String,Any}(env; id="jobs")
    if command == "check"
        same(jobs[key], job()) || error("not the same: $(jobs[key])")
    elseif command == "write"
        # In the forms that Julia programs use: a tuple, an array of numbers, an integer for a float.
        jobs[key] = merge(job(), Dict("place" => (-128, "here"), "samples" => [0.1, -1.0, 1e300], "weight" => 2))
    elseif command == "finish"
        transaction(env) do
            changed = jobs[key]
            changed["tries"] -= 1
            push!(changed["history"], changed["state"])
            changed["state"] = Dict("Running" => Dict("worker" => 4, "since" => -5))
            # A field that is absent reads as None.
            delete!(changed, "parent")
            jobs[key] = changed
        end
    else
        jobs[key] = merge(job(), Dict("tries" => "three"))
    end
    close(env)
end

main(ARGS...)
