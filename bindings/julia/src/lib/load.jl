# Finding the library: once, when it is first used. So a package that depends on this one is precompiled without it.

const VARIABLE = "PERSISTENT_COLLECTIONS_LIBRARY"
const LIBRARY = Ref{Ptr{Cvoid}}(C_NULL)

# The checkout of the project that this package is part of.
checkout() = normpath(joinpath(@__DIR__, "..", "..", "..", ".."))

filename() = Sys.iswindows() ? "persistent_collections.dll" : "libpersistent_collections." * Libdl.dlext

function library_path()
    named = get(ENV, VARIABLE, "")
    isempty(named) || return named
    return joinpath(checkout(), "target", "release", filename())
end

const LOADING = ReentrantLock()

# The address of a function, for whose first call the library is loaded.
@noinline function located(address::Ref{Ptr{Cvoid}})
    lock(LOADING)
    try
        LIBRARY[] == C_NULL && load()
    finally
        unlock(LOADING)
    end
    return address[]
end

# Nothing is loaded yet, whatever a system image says that was made where it was.
function forget()
    LIBRARY[] = C_NULL
    for (name, address) in SYMBOLS
        address[] = C_NULL
    end
    INSIDE[] = false
    return nothing
end

# Loads the library and looks up every symbol, or throws one error that says what to do.
function load()
    path = library_path()
    advice = "run Pkg.build(\"PersistentCollections\") (or cargo build --release in the checkout), or set $VARIABLE to the library's path"
    isfile(path) || error("PersistentCollections: no library at $path; $advice")
    library = try
        dlopen(path)
    catch failure
        error("PersistentCollections: cannot load $path ($(sprint(showerror, failure))); $advice")
    end
    version = dlsym(library, :pc_abi_version; throw_error=false)
    version === nothing && error("PersistentCollections: $path is not the library of this package; $advice")
    found = ccall(version, UInt32, ())
    found == PC_ABI_VERSION ||
        error("PersistentCollections: $path has version $found of the ABI, this package needs $PC_ABI_VERSION; $advice")
    symbols = Ptr{Cvoid}[]
    for (name, address) in SYMBOLS
        symbol = dlsym(library, name; throw_error=false)
        symbol === nothing && error("PersistentCollections: $path lacks the function $name; $advice")
        push!(symbols, symbol)
    end
    for index in eachindex(symbols)
        SYMBOLS[index].second[] = symbols[index]
    end
    LIBRARY[] = library
    guard_first_thread()
    return nothing
end
