# Values that the library copies out: into room on the stack where they are short, straight into an array, or by
# way of memory of their own.

# Values of usual length fit; longer ones cost a second call.
const Room = NTuple{512,UInt8}

# What `call(buffer, capacity, length)` copies, decoded; `MISSED` if the key is absent. The call does not take part of a
# value: if it is too long it says how long it is.
@inline function received(call::F, column::Column{V}) where {F,V}
    is_shaped(column) && return received_array(call, V, column.shape)
    room, len = Ref{Room}(), Ref(Csize_t(0))
    GC.@preserve room len begin
        buffer = address(room)
        status = call(buffer, width(room), Base.unsafe_convert(Ptr{Csize_t}, len))
        status == PC_TOO_SMALL || return found(status) ? decode_value(column, buffer, len[]) : MISSED
    end
    return received_long(call, column, len[])
end

# Whether the values are arrays of one shape, whose bytes are those in memory.
@inline is_shaped(column::Column{V}) where {V} =
    V <: Array && ENDIAN_BOM == 0x04030201 && column.form === TYPED && column.shape !== nothing

function received_array(call::F, ::Type{Array{T,N}}, shape) where {F,T,N}
    array, len = Array{T,N}(undef, shape::Dims), Ref(Csize_t(0))
    GC.@preserve array len begin
        status = call(Ptr{UInt8}(pointer(array)), Csize_t(sizeof(array)), Base.unsafe_convert(Ptr{Csize_t}, len))
    end
    found(status) || return MISSED
    len[] == sizeof(array) || throw(ArgumentError("$(len[]) bytes where an array of size $shape of $T is expected"))
    return array
end

received_array(call, ::Type, shape) = MISSED

@noinline function received_long(call::F, column::Column, expected::Csize_t) where {F}
    len = Ref(expected)
    while true
        capacity = len[]
        buffer = convert(Ptr{UInt8}, Libc.malloc(capacity))
        buffer == C_NULL && throw(OutOfMemoryError())
        try
            status = GC.@preserve len call(buffer, capacity, Base.unsafe_convert(Ptr{Csize_t}, len))
            # It may have become longer meanwhile.
            status == PC_TOO_SMALL || return found(status) ? decode_value(column, buffer, len[]) : MISSED
        finally
            Libc.free(buffer)
        end
    end
end
