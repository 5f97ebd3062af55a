# A user's structs in values of type `any`: an object with its type's name and its fields.

const STRUCTS = Dict{String,DataType}()
const STRUCT_NAMES = IdDict{DataType,String}()
const STRUCTS_LOCK = Threads.SpinLock()
const RESERVED_NAMES = ("tuple", "datetime", "time", "char")

"""
    register_struct(T; name)

Registers the struct `T` under `name`, by default its own, with parameters if it has any (`"Pair2{Int64}"`): values of
type `any` that were stored under this name are read as `T`. Other languages see a tagged map of its fields. Storing a
`T` also registers it, so a call is only needed before a program's first reading, or if two types have the same name.
In a package, call it in `__init__`: registrations at the top level are lost when it is precompiled, and a warning
says so.

Throws an `ArgumentError` if `T` is not a concrete struct, or the name belongs to another type. May be
called from any thread.

```jldoctest
julia> using PersistentCollections

julia> struct Place; x::Float64; y::Float64; end

julia> register_struct(Place)
"Place"
```
"""
function register_struct(::Type{T}; name::AbstractString=struct_name(T)) where {T}
    is_precompiled_now(parentmodule(T)) && @warn string("register_struct($T) is lost when its package has been precompiled: ",
        "call it in the package's __init__")
    return register(T, name)
end

# Whether this process makes the precompiled file of the package that a module belongs to.
function is_precompiled_now(home::Module)
    ccall(:jl_generating_output, Cint, ()) == 0 && return false
    return Base.PkgId(Base.moduleroot(home)).uuid == Base.PkgId(Base.__toplevel__).uuid
end

function register(::Type{T}, name::AbstractString) where {T}
    isplainstruct(T) || throw(ArgumentError("$T is not a struct of plain data"))
    name = String(name)
    name in RESERVED_NAMES && throw(ArgumentError("the name $name is reserved"))
    holder = lock(STRUCTS_LOCK) do
        current = get(STRUCTS, name, nothing)
        if current === nothing || samestruct(current, T)
            haskey(STRUCT_NAMES, T) && delete!(STRUCTS, STRUCT_NAMES[T])
            STRUCTS[name] = T
            STRUCT_NAMES[T] = name
            nothing
        else
            current
        end
    end
    holder === nothing ||
        throw(ArgumentError("the name $name belongs to $holder; call register_struct($T; name=…) with another"))
    return name
end

# Without modules, since these may be called otherwise where it is read.
struct_name(T::DataType) = isempty(T.parameters) ? string(nameof(T)) : string(nameof(T), "{", join(map(struct_name, T.parameters), ","), "}")
struct_name(parameter) = string(parameter)

# The same type, defined again in another session of a notebook.
samestruct(a::DataType, b::DataType) = nameof(a) === nameof(b) && parentmodule(a) === parentmodule(b)

function known_as(::Type{T}) where {T}
    name = lock(() -> get(STRUCT_NAMES, T, nothing), STRUCTS_LOCK)
    return name === nothing ? register(T, struct_name(T)) : name
end

# A struct that a program defined, not one that Julia or this package did: those have hidden meanings.
function isplainstruct(::Type{T}) where {T}
    isconcretetype(T) && isstructtype(T) || return false
    T <: Union{Function,Number,AbstractArray,AbstractString,AbstractDict,AbstractSet,Tuple,NamedTuple,Exception} && return false
    home = Base.moduleroot(parentmodule(T))
    return !(home in (Base, Core)) && home !== @__MODULE__
end

function known_struct(name::String, fields::Dict{Any,Any})
    T = lock(() -> get(STRUCTS, name, nothing), STRUCTS_LOCK)
    return T === nothing ? nothing : build(T, fields)
end

# The struct with these fields, or nothing if they are not its own.
function build(::Type{T}, fields::Dict{Any,Any}) where {T}
    length(fields) == fieldcount(T) || return nothing
    try
        arguments = Vector{Any}(undef, fieldcount(T))
        for index in 1:fieldcount(T)
            item = get(fields, String(fieldname(T, index)), MISSING_FIELD)
            item === MISSING_FIELD && return nothing
            arguments[index] = item isa fieldtype(T, index) ? item : fit(fieldtype(T, index), item)
        end
        value = applicable(T, arguments...) ? T(arguments...) : nothing
        # A constructor may make something else of them.
        is_made_of(value, arguments) || return nothing
        return value
    catch failure
        failure isa Union{MethodError,TypeError,InexactError,ArgumentError} || rethrow()
        return nothing
    end
end

# Is no value that was read.
const MISSING_FIELD = Ref(0)

is_made_of(::Nothing, arguments) = true

function is_made_of(value::T, arguments) where {T}
    for index in 1:fieldcount(T)
        isdefined(value, index) || return false
        field = getfield(value, index)
        (field === arguments[index] || isequal(field, arguments[index])) || return false
    end
    return true
end

# What was read as an object of whatever name, as the struct that the reader asked for.
function structfrom(::Type{T}, object::Tagged) where {T}
    content = object.content
    (object.tag == TAG_OBJECT && content isa Vector{Any} && length(content) == 2 && content[2] isa Dict{Any,Any}) ||
        throw(MethodError(convert, (T, object)))
    value = build(T, content[2])
    value === nothing && throw(MethodError(convert, (T, object)))
    return value
end
