# Values that the library copies out: into room on the stack where they are short, straight into an array, or by
# way of memory of their own.

# Values of usual length fit, such as 250 numbers; longer ones cost a second call.
const Room = NTuple{128,UInt128}

# What `call(buffer, capacity, length)` copies, decoded; `MISSED` if the key is absent. The call does not take part of a
# value: if it is too long it says how long it is.
@inline function received(call::F, column::Column{V}) where {F,V}
    is_shaped(column) && return received_array(call, column)
    room = Ref{Room}()
    GC.@preserve room begin
        status, len = copied_into(call, address(room), width(room))
        status == PC_TOO_SMALL || return found(status) ? decode_value(column, address(room), len) : MISSED
    end
    return received_long(call, column, len)
end

@inline function copied_into(call::F, buffer::Ptr{UInt8}, capacity::Csize_t) where {F}
    len = Ref(Csize_t(0))
    status = GC.@preserve len call(buffer, capacity, Base.unsafe_convert(Ptr{Csize_t}, len))
    return status, len[]
end

# Whether the values are arrays of one shape, whose bytes are those in memory.
@inline is_shaped(column::Column{V}) where {V} =
    V <: Array && ENDIAN_BOM == 0x04030201 && column.form === TYPED && column.shape !== nothing

@inline function received_array(call::F, column::Column{Array{T,N}}) where {F,T,N}
    shape = column.shape::Dims{N}
    array = Array{T,N}(undef, shape)
    status, len = GC.@preserve array copied_into(call, Ptr{UInt8}(pointer(array)), sizeof(array) % Csize_t)
    found(status) || return MISSED
    len == sizeof(array) || throw(ArgumentError("$len bytes where an array of size $shape of $T is expected"))
    return array
end

received_array(call, ::Column) = MISSED

@noinline function received_long(call::F, column::Column, len::Csize_t) where {F}
    while true
        capacity = len
        buffer = convert(Ptr{UInt8}, Libc.malloc(capacity))
        buffer == C_NULL && throw(OutOfMemoryError())
        try
            status, len = copied_into(call, buffer, capacity)
            # It may have become longer meanwhile.
            status == PC_TOO_SMALL || return found(status) ? decode_value(column, buffer, len) : MISSED
        finally
            Libc.free(buffer)
        end
    end
end
