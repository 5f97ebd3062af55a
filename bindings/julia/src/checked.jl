# Calls of the library, with failures turned into exceptions. The caller interprets other statuses, for example that a key
# is absent or an iterator at its end.

using .Lib: PC_OK, PC_NOT_FOUND, PC_EXISTS, PC_END, PC_TOO_SMALL

# The status, if it is an answer. Stands right behind its call: the message is the thread's last one.
@inline function checked(status::Status)
    status < 0 && fail(status)
    return status
end

@noinline fail(status::Status) = throw(LMDB.LMDBError(status, last_error(status)))

function last_error(status::Status)
    message = unsafe_string(Lib.pc_last_error())
    return isempty(message) ? unsafe_string(Lib.pc_strerror(status)) : message
end

# Bytes of an encoded key or value, for a call during which it is preserved.
address(bytes::String) = pointer(bytes)
address(bytes::Array) = Ptr{UInt8}(pointer(bytes))
address(::Nothing) = Ptr{UInt8}(C_NULL)

width(bytes) = sizeof(bytes) % Csize_t
width(::Nothing) = Csize_t(0)

# A name, type or path, which ends with its first NUL: Julia's strings have one behind their end.
function text_address(text::String)
    occursin('\0', text) && throw(ArgumentError("$(repr(text)) contains a NUL, which names and paths cannot"))
    return pointer(text)
end

text_address(::Nothing) = Ptr{UInt8}(C_NULL)

# Returns the value that `call(pointer)` writes through the pointer; `call` returns the status.
@inline function written(call, initial::T) where {T}
    cell = Ref(initial)
    GC.@preserve cell checked(call(Base.unsafe_convert(Ptr{T}, cell)))
    return cell[]
end

# A buffer of the library for the time of `f(pointer)`.
function with_buffer(f)
    buffer = Ref(Lib.Buffer())
    GC.@preserve buffer begin
        pointer = Base.unsafe_convert(Ptr{Lib.Buffer}, buffer)
        try
            return f(pointer)
        finally
            Lib.pc_buffer_free(pointer)
        end
    end
end

buffer_text(buffer::Ptr{Lib.Buffer}) = (stored = unsafe_load(buffer); unsafe_string_of(stored.data, stored.len))

unsafe_string_of(data::Ptr{UInt8}, len::Integer) = len == 0 ? "" : unsafe_string(data, len)

# Calls a function that is rarely needed. Julia compiles a function with all that it sees that function call; what is called by
# this it compiles when it is needed, so that a program's first calls do not wait for it.
seldom(f, arguments...) = Base.invokelatest(f, arguments...)
