"""
Environments under their names in PersistentCollections.jl 0.2: `LMDB.Environment`, the flags `LMDB.MDB_…` with LMDB's
own numbers, `LMDB.LMDBError`, `LMDB.MDBValue`.
"""
module LMDB

using ..Lib
import ..checked, ..written, ..with_buffer, ..buffer_text, ..text_address, ..this_process, ..refuse_stranger

include("lmdb_flags.jl")
include("lmdb_errors.jl")

VERSION >= v"1.11" && eval(Expr(:public, :Environment, :LMDBError, :MDBValue,
    filter(name -> startswith(string(name), "MDB_"), names(@__MODULE__; all=true))...))

"""
    LMDBError(code, message)
    LMDBError(code)

The exception of every failing call of the library. `code` is the library's status (`PC_ERR_…` of the C header, a
negative number). `message` is one line that says what happened, to which object, and what to do; by default, it is
the meaning of the status, or LMDB's own message for one of LMDB's codes. Both are shown.

```jldoctest
julia> using PersistentCollections

julia> failure = try; LMDB.Environment("/no/such/place"); catch caught; caught; end;

julia> failure isa LMDB.LMDBError, failure.code
(true, -10)

julia> LMDB.LMDBError(-10, "nothing is there")
nothing is there (-10)

julia> LMDB.LMDBError(-30798)
MDB_NOTFOUND: No matching key/data pair found (-30798)
```
"""
struct LMDBError <: Exception
    code::Int32
    message::String
end

LMDBError(code::Integer) = LMDBError(code, something(lmdb_text(code), unsafe_string(Lib.pc_strerror(code))))

Base.show(io::IO, failure::LMDBError) = print(io, failure.message, " (", failure.code, ")")
Base.showerror(io::IO, failure::LMDBError) = print(io, "LMDBError: ", failure.message, " (code ", failure.code, ")")

"""
    MDBValue(item)

Stored bytes: the keys and values of a collection without types that is opened as `Any`. Made from text, a number, a
struct of plain data, mutable or not, or a vector of these, it holds the bytes of its memory. `convert` converts it
back to any of these, or throws an `ArgumentError` if the number of bytes does not fit. `data` holds the bytes. A
collection of type `any` stores it as bytes.

```jldoctest
julia> using PersistentCollections

julia> value = LMDB.MDBValue("hi");

julia> value.data == [0x68, 0x69]
true

julia> convert(String, value), convert(Int16, value)
("hi", 26984)
```
"""
struct MDBValue
    data::Vector{UInt8}

    MDBValue(data::Vector{UInt8}) = new(data)
end

Base.:(==)(a::MDBValue, b::MDBValue) = a.data == b.data
Base.hash(value::MDBValue, seed::UInt) = hash(value.data, hash(MDBValue, seed))

"""
    Environment(path; keywords...)
    Environment(f, path; keywords...)

Opens the LMDB environment at `path`, a directory, and creates it (not its parent) if it does not exist. A `path` that
begins with `postgresql://` opens an environment in a PostgreSQL database. With a
function, typically as a do-block, calls `f(env)`, closes the environment and returns the result of `f`. Without one,
close it with `close`; the garbage collector closes an environment that is dropped.

The same environment may be opened several times, by any path: the openings are equal (`==`), and each must be closed.
Options that differ from those of an open one throw an error, except that `maxdbs`, `maxreaders` and `mapsize` may be
smaller. Any thread may use an environment.

```jldoctest
julia> using PersistentCollections

julia> path = joinpath(mktempdir(), "data");

julia> Environment(path) do env
           PersistentDict{String,Int}(env; id="counts")["foo"] = 1
       end;

julia> env = Environment(path; read_only=true);

julia> PersistentDict{String,Int}(env; id="counts")["foo"]
1

julia> close(env), close(env)
(true, false)
```

# Keywords
- `flags`: LMDB's flags, for programs of PersistentCollections.jl 0.2: `MDB_RDONLY`, `MDB_NOSUBDIR`,
  `MDB_NOSYNC`, `MDB_NOMETASYNC` and, with `MDB_RDONLY`, `MDB_NOLOCK` have an effect; those that tune
  LMDB inside are accepted without one
- `mode`: permission bits of new files (0o644)
- `maxdbs`: how many different collections with a name one transaction can use (1,024); any number can be open, and the
  unnamed one, with the `id` `""`, is not counted
- `mapsize`: bytes of address space to begin with; rarely needed, since the map grows by itself
- `maxreaders`: the maximal number of readers at a time (1,024)
- `durability`: `:full` (a write is on stable storage when it returns; the default), `:no_meta_sync` (a crash of the
  system may undo the last ones), `:none` (only `flush` makes writes durable, and a crash of the system may lose the
  writes since, or damage the file)
- `flush_interval`: seconds between flushes in the background; 0 for none
- `write_timeout`: seconds that a write waits for its turn (60); `Inf` for no timeout
- `read_only`, `immutable` (no process writes; no lock file is used), `create`, `no_subdir` (`path` is the data file),
  `check_on_open` (checks the structure of the data file first, as [`check`](@ref) does)
- `verify`: deprecated, the former name of `check_on_open`
- `rotxnflags`: accepted and not needed

Throws an `LMDB.LMDBError`, and changes nothing, if it cannot be opened. Its code may be `Lib.PC_ERR_LOCK_FILES` (the
data file is in use under other lock files), `Lib.PC_ERR_SECOND_COPY` (another copy of the library in this process has
it open) or another. Later calls throw one with `Lib.PC_ERR_REPLACED` if the files were removed or replaced: close the
environment and reopen it.
"""
mutable struct Environment
    path::String
    # The path without links, as it was when it was opened.
    place::String
    # Device and inode of the data file: calls of one environment know each other by these.
    identity::Tuple{UInt64,UInt64}
    handle::Threads.Atomic{UInt64}
    # The process that the handle is of: see `processes.jl`.
    process::UInt64
    options::Lib.EnvOptions
    # Whether each call is a round trip to a server.
    is_remote::Bool

    # Closed as yet.
    Environment(path::String, options::Lib.EnvOptions) =
        finalizer(drop_handle, new(path, is_url(path) ? path : abspath(path), (0, 0), Threads.Atomic{UInt64}(0), this_process(), options, is_url(path)))
end

function Environment(path::AbstractString; flags::Integer=0, mode::Integer=0, maxdbs::Integer=0,
        mapsize::Integer=0, maxreaders::Integer=0, rotxnflags::Integer=0, durability::Symbol=:full,
        flush_interval::Real=0, write_timeout::Union{Nothing,Real}=nothing, read_only::Bool=false,
        immutable::Bool=false, create::Bool=true, no_subdir::Bool=false, check_on_open::Bool=false,
        verify::Union{Nothing,Bool}=nothing)
    if verify !== nothing
        Base.depwarn("the keyword `verify` of `Environment` is deprecated, use `check_on_open` instead.", :Environment)
        check_on_open |= verify
    end
    bits, durability_number = from_flags(flags, durability)
    bits |= (read_only ? Lib.PC_ENV_READ_ONLY : UInt32(0)) | (immutable ? Lib.PC_ENV_IMMUTABLE : UInt32(0)) |
        (create ? UInt32(0) : Lib.PC_ENV_NO_CREATE) | (no_subdir ? Lib.PC_ENV_NO_SUBDIR : UInt32(0)) |
        (check_on_open ? Lib.PC_ENV_VERIFY : UInt32(0))
    timeout = write_timeout === nothing ? 0 :
        isinf(waiting_time(write_timeout, "write_timeout")) ? -1 : max(1, milliseconds(write_timeout))
    # LMDB never counted the unnamed collection, which is one like the others to the library.
    places = maxdbs == 0 ? 0 : maxdbs + 1
    return open_files(Environment(String(path), Lib.EnvOptions(sizeof(Lib.EnvOptions), mapsize, mode, places, maxreaders,
        durability_number, milliseconds(flush_interval), timeout, bits, 0)))
end

# Opens it. The library writes the handle into its place, so that an interrupt at the end of the call cannot lose it.
function open_files(env::Environment)
    Lib.make_room()
    path, options, handle = env.path, Ref(env.options), env.handle
    open() = GC.@preserve path options handle checked(Lib.pc_env_open(text_address(path),
        Base.unsafe_convert(Ptr{Lib.EnvOptions}, options), Base.unsafe_convert(Ptr{UInt64}, handle)))
    try
        try
            open()
        catch failure
            (failure isa LMDBError && failure.code == Lib.PC_ERR_OPTIONS_DIFFER) || rethrow()
            # An environment that was dropped without a close stays open until the garbage collector finds it.
            GC.gc()
            open()
        end
        if env.is_remote
            # Without passwords. Two URLs are the same environment if they are the same text otherwise.
            env.path = env.place = shown_path(env)
            env.identity = (UInt64(0), hash(env.path) % UInt64)
        else
            env.place = realpath(path)
            env.identity = file_identity(env.place)
        end
    catch
        close(env)
        rethrow()
    end
    return env
end

# Whether a path is that of an environment on a server.
is_url(path::String) = startswith(path, "postgresql://") || startswith(path, "postgres://")

# The path that an environment was opened by; of a URL, without passwords.
shown_path(env::Environment) = with_buffer() do out
    checked(Lib.pc_env_path(live(env), out))
    buffer_text(out)
end

function file_identity(place::String)
    status = stat(isdir(place) ? joinpath(place, "data.mdb") : place)
    return (UInt64(status.device), UInt64(status.inode))
end

function Environment(f::Function, path::AbstractString; keywords...)
    env = Environment(path; keywords...)
    try
        return f(env)
    finally
        close(env)
    end
end

milliseconds(seconds::Real) = round(Int64, 1000 * seconds)

# Seconds to wait, which may be `Inf`.
function waiting_time(seconds::Real, name::String)
    seconds >= 0 || throw(ArgumentError("$name must be a number of seconds from 0 on, or Inf, not $seconds"))
    return seconds
end

# Closes the handle in a finalizer, which cannot report a failure. A finalizer runs between two statements of the thread that
# collects garbage, never inside a call of the library. Closing does not wait, except with a `flush_interval` for a sync.
function drop_handle(env::Environment)
    handle = Threads.atomic_xchg!(env.handle, UInt64(0))
    handle == 0 || Lib.in_finalizer(Lib.pc_env_close_address, handle)
    return nothing
end

Base.:(==)(a::Environment, b::Environment) = a === b || (a.identity == b.identity && isopen(a) && isopen(b))
Base.hash(env::Environment, seed::UInt) = hash(env.identity, hash(Environment, seed))

Base.show(io::IO, env::Environment) =
    print(io, "Environment(", repr(env.path), isopen(env) ? ")" : ") (closed)")

"""
    isopen(env::Environment) -> Bool

Returns `true` until the environment is closed.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> isopen(env), close(env), isopen(env)
(true, true, false)
```
"""
Base.isopen(env::Environment) = env.handle[] != 0 && env.process == this_process()

# Whether a snapshot that has lent addresses closes the handle when it ends: `snapshot_arrays.jl`.
function left_to_snapshot end

# The handle of an environment for a call, which is for an open one.
@inline function live(env::Environment)
    handle = env.handle[]
    (handle == 0 || env.process != this_process()) && refuse_closed(env)
    return handle
end

@noinline function refuse_closed(env::Environment)
    refuse_stranger(env.process, "the environment $(repr(env.path))")
    throw(LMDBError(Lib.PC_ERR_BAD_HANDLE, "the environment $(repr(env.path)) was closed: open it again to use it"))
end

"""
    close(env::Environment) -> Bool

Closes the environment with all collections, iterators and transactions that were opened through it. Returns `false`
if it was already closed. Running calls of other threads return first. If a snapshot has lent a
[`SnapshotArray`](@ref), the data stay in memory until that snapshot ends.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> close(env), close(env)
(true, false)
```
"""
function Base.close(env::Environment)
    return disable_sigint() do
        handle = Threads.atomic_xchg!(env.handle, UInt64(0))
        (handle == 0 || env.process != this_process()) && return false
        left_to_snapshot(env, handle) || checked(Lib.pc_env_close(handle))
        return true
    end
end

"""
    flush(env::Environment)
    flush(f, env::Environment)

Makes all commits durable. This is only needed if the environment was opened with less durability. With a function,
calls it first, and returns its result.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir(); durability=:none);

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> flush(env) do
           dict["a"] = 1
           dict["b"] = 2
       end
2
```
"""
function Base.flush(env::Environment)
    checked(Lib.pc_flush(live(env)))
    return nothing
end

function Base.flush(f::Function, env::Environment)
    try
        return f()
    finally
        flush(env)
    end
end

end
