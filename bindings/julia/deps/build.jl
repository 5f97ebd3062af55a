# Builds the library with cargo, unless PERSISTENT_COLLECTIONS_LIBRARY names one that is built already.

if isempty(get(ENV, "PERSISTENT_COLLECTIONS_LIBRARY", ""))
    checkout = normpath(joinpath(@__DIR__, "..", "..", ".."))
    manifest = joinpath(checkout, "Cargo.toml")
    isfile(manifest) || error("""
        the library's source is not at $checkout: use the package from a checkout of the whole project,
        or set PERSISTENT_COLLECTIONS_LIBRARY to the path of a library that is built already""")
    Sys.which("cargo") === nothing && error("""
        building the library needs Rust's cargo on PATH; or set PERSISTENT_COLLECTIONS_LIBRARY to the path
        of a library that is built already""")
    # Where the package looks for it, whatever cargo's own settings say.
    run(`cargo build --release --manifest-path $manifest --target-dir $(joinpath(checkout, "target"))`)
end
