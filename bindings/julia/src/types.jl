# Julia types and the type strings that a schema holds.

const FIXED = (Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, Float32, Float64)
const Fixed = Union{FIXED...}

# By identity: the hash of a type is not the same in each session, for which this is precompiled.
const SCALARS = IdDict{Type,String}(
    String => "str", Vector{UInt8} => "bytes", Bool => "bool", UUID => "uuid", Date => "date",
    DateTime => "datetime", Symbol => "str", Char => "str",
    Int8 => "i8", Int16 => "i16", Int32 => "i32", Int64 => "i64",
    UInt8 => "u8", UInt16 => "u16", UInt32 => "u32", UInt64 => "u64",
    Float32 => "f32", Float64 => "f64",
)

# How a column's items are stored: as the column's type, each with its own type (`any`), or as another LMDB program wrote
# them.
@enum Form::UInt8 TYPED ANY RAW

# The keys or the values of a collection: their type in Julia, and their encoding.
struct Column{T}
    form::Form
    shape::Union{Nothing,Dims}
end

Column{T}(form::Form) where {T} = Column{T}(form, nothing)

# Enum types hold one integer type each.
enumbase(::Type{T}) where {T<:Enum} = typeof(Integer(first(instances(T))))

# A user's struct of plain data: no references, and not a type of Julia's own, which means something.
function isopaque(::Type{T}) where {T}
    isconcretetype(T) && isstructtype(T) && sizeof_data(T) > 0 || return false
    T <: Union{Tuple,NamedTuple,AbstractArray,AbstractString,AbstractDict,AbstractSet,Type,Function} && return false
    Base.moduleroot(parentmodule(T)) in (Base, Core, Dates, parentmodule(LMDB)) && return false
    return all(field -> isbitstype(field) && !haspointer(field), fieldtypes(T))
end

haspointer(::Type{T}) where {T} = T <: Ptr || (!isprimitivetype(T) && any(haspointer, fieldtypes(T)))

sizeof_data(::Type{T}) where {T} = fieldcount(T) == 0 ? 0 : sizeof(T)

# Bytes between fields have no defined content, so that equal keys would differ.
function haspadding(::Type{T}) where {T}
    isprimitivetype(T) && return false
    at = 0
    for (index, field) in enumerate(fieldtypes(T))
        (fieldoffset(T, index) != at || haspadding(field)) && return true
        at += sizeof(field)
    end
    return at != sizeof(T)
end

"""
    typestring(T; shape=nothing) -> Union{String,Nothing}

Returns the type string of the Julia type `T` in a collection's schema, or `nothing` if `T` has none: such a type can
only be used to read an existing `any`.

`shape` sets fixed dimensions of arrays, in Julia's order.

```jldoctest
julia> using PersistentCollections

julia> typestring(Tuple{String,Int64})
"(str,i64)"

julia> typestring(Matrix{Float32}; shape=(3, 4))
"f32[4,3]"
```
"""
function typestring(@nospecialize(T::Type); shape::Union{Nothing,Dims}=nothing)
    shape === nothing || return seldom(arraystring, T, shape)::String
    haskey(SCALARS, T) && return SCALARS[T]
    T === Any && return "any"
    return seldom(composed_typestring, T)::Union{String,Nothing}
end

function composed_typestring(@nospecialize(T::Type))
    T === LMDB.MDBValue && return "bytes"
    T isa Union && return "any"
    T === Union{} && return nothing
    T <: Enum && isconcretetype(T) && return SCALARS[enumbase(T)]
    if T <: Tuple && isconcretetype(T)
        fieldcount(T) == 0 && return nothing
        elements = String[]
        for field in fieldtypes(T)
            field === Vector{UInt8} || field <: Union{Vector,Tuple} && return nothing
            name = isconcretetype(field) ? typestring(field) : nothing
            (name === nothing || startswith(name, "opaque")) && return nothing
            push!(elements, name)
        end
        return string("(", join(elements, ","), ")")
    end
    T <: Vector && isconcretetype(T) && eltype(T) <: Fixed && return SCALARS[eltype(T)] * "[]"
    isconcretetype(T) || return "any"
    isopaque(T) && return "opaque[$(sizeof(T))]"
    return nothing
end

function arraystring(@nospecialize(T::Type), shape::Dims)
    T <: Array && isconcretetype(T) && eltype(T) <: Fixed ||
        throw(ArgumentError("a shape is for arrays of numbers, not for $T"))
    length(shape) == ndims(T) && all(>(0), shape) ||
        throw(ArgumentError("shape $shape does not fit $T: one positive size for each dimension"))
    return string(SCALARS[eltype(T)], "[", join(reverse(shape), ","), "]")
end

# Refuses a type by name, and suggests another one.
function refuse_type(@nospecialize(T::Type), role::String)
    hint = if T <: Array && isconcretetype(T) && eltype(T) <: Fixed
        "arrays of more than one dimension need a shape, for example shape=(3, 4)"
    elseif T <: Tuple && role == "value"
        "only keys are typed tuples; use Any for values that are tuples"
    else
        "use a type of the table in docs/format.md, a struct of plain data, or Any"
    end
    throw(ArgumentError("$T is not a valid type for the $role: $hint"))
end

function keytypestring(@nospecialize(T::Type))
    T <: Vector && T !== Vector{UInt8} && return nothing
    name = typestring(T)
    name !== nothing && startswith(name, "opaque") && haspadding(T) &&
        throw(ArgumentError("$T is not a valid type for the key: it has padding between its fields, whose content is undefined"))
    return name
end

function valuetypestring(@nospecialize(T::Type), shape::Union{Nothing,Dims})
    T <: Tuple && isconcretetype(T) && return nothing
    return typestring(T; shape=shape)
end

# Returns the Julia type, and the shape of an array, for a stored type string that is opened without types.
function juliatype(name::AbstractString)
    name == "any" && return (Any, nothing)
    for T in (String, Vector{UInt8}, Bool, UUID, Date, DateTime, FIXED...)
        SCALARS[T] == name && return (T, nothing)
    end
    if startswith(name, "(")
        return (Tuple{(juliatype(part)[1] for part in split(chop(name; head=1, tail=1), ","))...}, nothing)
    end
    element, dimensions = split(chop(name), "["; limit=2)
    element == "opaque" && return (LMDB.MDBValue, nothing)
    T = juliatype(element)[1]
    isempty(dimensions) && return (Vector{T}, nothing)
    shape = Tuple(reverse(parse.(Int, split(dimensions, ","))))
    return (Array{T,length(shape)}, shape)
end

# Converts a value that was read from an `any` to a `T`, exactly, or throws.
fit(::Type{T}, value::T) where {T} = value
fit(::Type{Any}, @nospecialize(value)) = value

function fit(::Type{T}, value) where {T}
    converted = try
        fitted(T, value)
    catch failure
        failure isa Union{MethodError,InexactError,ArgumentError,TypeError,OverflowError,BoundsError} || rethrow()
        throw(TypeError(:PersistentCollections, "reading", T, value))
    end
    return converted::T
end

function fitted(::Type{T}, value) where {T}
    if T isa Union
        for member in (T.a, T.b)
            try
                return fit(member, value)
            catch failure
                failure isa TypeError || rethrow()
            end
        end
        throw(MethodError(convert, (T, value)))
    elseif value isa Bool || T === Bool
        throw(MethodError(convert, (T, value)))
    elseif T <: Enum
        return T(value)
    elseif T === Symbol || T === Char
        value isa String || throw(MethodError(convert, (T, value)))
        return T === Symbol ? Symbol(value) : onlychar(value)
    elseif T <: Number && value isa Number
        number = convert(T, value)
        isequal(number, value) || throw(InexactError(:convert, T, value))
        return number
    elseif T <: Vector && value isa Vector
        return T([fit(eltype(T), item) for item in value])
    elseif T <: Tuple && value isa Tuple
        length(value) == fieldcount(T) || throw(MethodError(convert, (T, value)))
        return T(map(fit, fieldtypes(T), value))
    elseif T <: AbstractDict && value isa AbstractDict
        return T(fit(keytype(T), key) => fit(valtype(T), item) for (key, item) in value)
    elseif T <: AbstractSet && value isa AbstractSet
        return T([fit(eltype(T), item) for item in value])
    elseif value isa Tagged && isplainstruct(T)
        return structfrom(T, value)
    end
    return convert(T, value)
end

function onlychar(text::String)
    length(text) == 1 || throw(ArgumentError("not one character: $(repr(text))"))
    return first(text)
end
