# Looking after an environment: its statistics, copies, the check of its data file, and its readers.

"""
    info(env) -> NamedTuple

Returns statistics of the environment: `map_size`, `file_size`, `page_size`, `pages_used`, `pages_free`, `last_commit`,
`max_readers`, `readers`, `max_collections`, `collections`, `durability`, `flags`, `oldest_reader_commit`, `pages_held`,
`data_format`, `lock_format`. `last_commit` is the number of the newest commit, and `oldest_reader_commit` that of the
commit which the oldest snapshot sees. `last_txn` and `oldest_reader_txn`, the former names of these two, are deprecated.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> PersistentDict{String,Int}(env; id="counts")["a"] = 1;

julia> info(env).collections, info(env).file_size > 0
(1, true)
```
"""
function info(env::Environment)
    stat = reading(() -> written(out -> Lib.pc_env_info(live(env), out), Lib.EnvStat()), env)
    names = Tuple(name for name in fieldnames(Lib.EnvStat) if name !== :struct_size)
    figures = NamedTuple{names}(map(name -> Int(getfield(stat, name)), names))
    return merge(figures, (last_commit=figures.last_txn, oldest_reader_commit=figures.oldest_reader_txn))
end

"""
    copy_to(env, path; compact=false) -> String

Copies the environment to `path`, which must not exist or be an empty directory, while other programs read and write.
The copy holds the newest commit and is of the same kind: a directory, or with `no_subdir` a file. `compact=true`
leaves out free pages, which makes a smaller copy but takes longer. Returns `path`.

Throws an `ArgumentError`, and changes nothing, if `path` exists, and an `LMDB.LMDBError` if the copy fails or this
task is in a `transaction` of the environment. May be called from any thread.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> PersistentDict{String,Int}(env; id="counts")["a"] = 1;

julia> path = copy_to(env, joinpath(mktempdir(), "data-monday"); compact=true);

julia> Environment(copy -> PersistentDict{String,Int}(copy; id="counts")["a"], path)
1
```
"""
function copy_to(env::Environment, path::AbstractString; compact::Bool=false)
    path = String(path)
    flags = compact ? Lib.PC_COPY_COMPACT : UInt32(0)
    status = reading(env) do
        GC.@preserve path checked(Lib.pc_env_copy(live(env), text_address(path), flags))
    end
    status == PC_EXISTS && throw(ArgumentError("$(repr(path)) already exists: copy to a path that does not exist yet"))
    return path
end

"""
    backup(env, path; compact=false) -> String

Deprecated: use [`copy_to`](@ref), which does the same.

```jldoctest
julia> using PersistentCollections

julia> isdir(backup(Environment(mktempdir()), joinpath(mktempdir(), "data-monday")))
true
```
"""
function backup(env::Environment, path::AbstractString; compact::Bool=false)
    Base.depwarn("`backup` is deprecated, use `copy_to` instead.", :backup)
    return copy_to(env, path; compact=compact)
end

# The lines that `call(handle, buffer)` reports of an environment, each divided at its tabs.
function report(call, env::Environment)
    text = with_buffer() do out
        reading(() -> checked(call(live(env), out)), env)
        buffer_text(out)
    end
    return map(line -> split(line, '\t'), split(text, '\n'; keepempty=false))
end

"""
    check(env) -> NamedTuple

Checks the structure of the data file as of the newest commit, while other threads and programs read and write. Each page
must have the right type for its place and be used once or free, keys must be in order, and counts right. It does not
read the values. Throws an `LMDB.LMDBError` with the code `Lib.PC_ERR_CORRUPTED`, which names the first damaged page, if
the file is damaged.

Returns numbers of pages: `pages` is the sum of `used`, `free` and `lost`; lost pages are neither used nor free, which
wastes space but does no harm. `collections` is the number of collections. `Environment(path; check_on_open=true)`
checks the file before anything else reads it.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> PersistentDict{String,Int}(env; id="counts")["a"] = 1;

julia> check(env).lost, check(env).collections
(0, 1)
```
"""
function check(env::Environment)
    return (; (Symbol(name) => parse(Int, number) for (name, number) in report(Lib.pc_env_check, env))...)
end

"""
    readers(env) -> Vector

Lists the reader slots in use, of all processes, each as `(process, thread, commit, behind)`. `thread` is the system's
number of the thread that took the slot; `commit` is the number of the commit that its snapshot sees, or `nothing` if
the slot is only kept for the next read; `behind` is the number of commits after that. A snapshot that is far behind
keeps free pages from being reused, so that the file grows.

```jldoctest
julia> using PersistentCollections

julia> env = Environment(mktempdir());

julia> dict = PersistentDict{String,Int}(env; id="counts");

julia> snapshot(env) do
           isempty(dict), any(reader -> reader.process == getpid() && reader.behind == 0, readers(env))
       end
(true, true)
```
"""
function readers(env::Environment)
    return map(report(Lib.pc_env_readers, env)) do (process, thread, commit, behind)
        seen = commit == "-" ? nothing : parse(Int, commit)
        (process=parse(Int, process), thread=parse(Int, thread), commit=seen, behind=parse(Int, behind))
    end
end

"""
    reap_readers(env) -> Int

Frees the reader slots of processes that ended without freeing them, such as killed ones, and returns their number.
Opening an environment does so too.

```jldoctest
julia> using PersistentCollections

julia> reap_readers(Environment(mktempdir()))
0
```
"""
reap_readers(env::Environment) =
    Int(reading(() -> written(reaped -> Lib.pc_env_reap_readers(live(env), reaped), UInt32(0)), env))
