# The calls of a typical program. Their code is made when the package is precompiled, so that a program's first calls do not wait
# for it. A program's other types cost as much as before.

const TYPICAL_KEYS = (String, Int)
const TYPICAL_VALUES = (String, Int, Float64, Any)
# Values within an item of `Any`.
const TYPICAL_ITEMS = (String, Int, Float64, Bool, Nothing, Vector{Any}, Vector{String}, Vector{Int}, Vector{Float64}, Dict{String,Any},
    Dict{String,Int}, Dict{String,String}, DateTime, Date)

# Opening and closing: each call by the types of its function and its arguments.
function opening_calls()
    calls = Any[Tuple{typeof(Lib.load)}, Tuple{Type{Environment},String}, Tuple{typeof(close),Environment}]
    for C in (PersistentDict{String,Int}, PersistentSet{String})
        push!(calls, Tuple{Type{C},Environment,String}, Tuple{Core.kwftype(Type{C}),NamedTuple{(:id,),Tuple{String}},Type{C},Environment})
    end
    return calls
end

# Reading and writing.
function item_calls()
    calls = Any[Tuple{typeof(decode_any),Ptr{UInt8},UInt64}, Tuple{typeof(retire),CollectionHandle}, Tuple{typeof(drop_cursor),Cursor}]
    read(C) = push!(calls, Tuple{typeof(iterate),C}, Tuple{typeof(iterate),C,State}, Tuple{typeof(length),C})
    for T in TYPICAL_KEYS
        S = PersistentSet{T}
        read(S)
        push!(calls, Tuple{typeof(push!),S,T}, Tuple{typeof(in),T,S}, Tuple{typeof(delete!),S,T}, Tuple{typeof(union!),S,Vector{T}})
    end
    for K in TYPICAL_KEYS, V in TYPICAL_VALUES
        D = PersistentDict{K,V}
        read(D)
        push!(calls, Tuple{typeof(getindex),D,K}, Tuple{typeof(haskey),D,K}, Tuple{typeof(delete!),D,K}, Tuple{typeof(merge!),D,Dict{K,V}})
        # A value is given as what it is; `Any` is the type of none.
        for T in (V === Any ? TYPICAL_ITEMS : (V,))
            push!(calls, Tuple{typeof(setindex!),D,T,K}, Tuple{typeof(get),D,K,T})
        end
    end
    foreach(T -> push!(calls, Tuple{typeof(putitem!),Vector{UInt8},T,Int}), TYPICAL_ITEMS)
    return calls
end

# Before 1.9, Julia keeps only what it inferred, and loses a part of that when it loads it: calls to that part then box their
# arguments (on 1.5.3, one get by a precompiled `getindex` allocates five times). So older versions make that code when it is used.
typical_calls() = VERSION >= v"1.9" ? [opening_calls(); item_calls()] : opening_calls()

# Only while the package is precompiled: otherwise this would cost a program the time that it saves.
ccall(:jl_generating_output, Cint, ()) == 0 || foreach(precompile, typical_calls())
