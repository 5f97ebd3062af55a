# Finding the library: once, when the package is loaded.

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

# Loads the library and looks every symbol up, or says in one error what is wrong and what to do.
function load()
    path = library_path()
    mend = "run Pkg.build(\"PersistentCollections\") (or cargo build --release in the checkout), or set $VARIABLE to the library's path"
    isfile(path) || error("PersistentCollections: no library at $path; $mend")
    library = try
        dlopen(path)
    catch failure
        error("PersistentCollections: cannot load $path ($(sprint(showerror, failure))); $mend")
    end
    version = dlsym(library, :pc_abi_version; throw_error=false)
    version === nothing && error("PersistentCollections: $path is not the library of this package; $mend")
    found = ccall(version, UInt32, ())
    found == PC_ABI_VERSION ||
        error("PersistentCollections: $path has version $found of the ABI, this package needs $PC_ABI_VERSION; $mend")
    for (name, address) in SYMBOLS
        symbol = dlsym(library, name; throw_error=false)
        symbol === nothing && error("PersistentCollections: $path lacks the function $name; $mend")
        address[] = symbol
    end
    LIBRARY[] = library
    return nothing
end
