# Installs the package as a user does, in a separate project and depot outside of the checkout, and tests the messages of the
# first use if the library is missing or is a different one.

const PACKAGE = normpath(joinpath(@__DIR__, ".."))
const CHECKOUT = normpath(joinpath(PACKAGE, "..", ".."))
const VARIABLE = "PERSISTENT_COLLECTIONS_LIBRARY"

# Runs `code` in a fresh Julia; returns whether it succeeds, and its output.
function fresh_julia(code; project, environment...)
    given = [string(name) => value for (name, value) in environment]
    command = addenv_to(`$(Base.julia_cmd()) --startup-file=no --project=$project -e $code`, given)
    output = IOBuffer()
    process = run(pipeline(ignorestatus(command); stdout=output, stderr=output))
    return success(process), String(take!(output))
end

# Julia 1.5 lacks `addenv`.
function addenv_to(command, given)
    variables = copy(ENV)
    for (name, value) in given
        value === nothing ? delete!(variables, name) : (variables[name] = value)
    end
    return setenv(command, variables)
end

# Makes a depot with an empty registry, so that Julia does not look for another: the package needs no other package.
function make_depot(folder)
    registry = mkpath(joinpath(folder, "registries", "None"))
    write(joinpath(registry, "Registry.toml"), """
        name = "None"
        uuid = "00000000-1111-2222-3333-444444444444"
        repo = "https://registry.invalid/None.git"

        [packages]
        """)
    return folder
end

@testset "Pkg.develop, Pkg.build, using" begin
    mktempdir() do folder
        depot, project = make_depot(mkpath(joinpath(folder, "depot"))), mkpath(joinpath(folder, "project"))
        cargo_home = get(ENV, "CARGO_HOME", joinpath(homedir(), ".cargo"))
        rustup_home = get(ENV, "RUSTUP_HOME", joinpath(homedir(), ".rustup"))
        # Cargo's settings do not redirect its output.
        elsewhere = joinpath(folder, "elsewhere")
        works, output = fresh_julia("""
                using Pkg
                Pkg.develop(PackageSpec(path=$(repr(PACKAGE))))
                Pkg.build("PersistentCollections"; verbose=true)
                using PersistentCollections
                println("loaded ", PersistentCollections.Lib.library_path())
                Environment($(repr(joinpath(folder, "data")))) do env
                    PersistentDict{String,Int}(env; id="counts")["foo"] = 1
                    println("counted ", PersistentDict(env; id="counts")["foo"])
                end
                """; project=project, JULIA_DEPOT_PATH=depot, JULIA_PKG_OFFLINE="true", JULIA_LOAD_PATH=nothing, CARGO_HOME=cargo_home,
            RUSTUP_HOME=rustup_home, CARGO_TARGET_DIR=elsewhere, (Symbol(VARIABLE) => nothing,)...)
        @test works
        @test occursin("Finished", output) && occursin("release", output)
        @test occursin("loaded $(joinpath(CHECKOUT, "target", "release", PC.Lib.filename()))", output) && occursin("counted 1", output)
        works || print(output)
        @test !ispath(elsewhere) && isfile(joinpath(project, "Manifest.toml"))
    end
end

# Returns the exception of the first use with this value of the variable, as one line of text.
function refusal(library)
    works, output = fresh_julia("""
        using PersistentCollections
        try
            Environment(mktempdir())
            print("it was loaded")
        catch failure
            print("REFUSED ", sprint(showerror, failure))
        end
        """; project=PACKAGE, (Symbol(VARIABLE) => library,)...)
    @test works
    at = findfirst("REFUSED ", output)
    return at === nothing ? output : output[last(at) + 1:end]
end

@testset "a library that is missing or a different one" begin
    mktempdir() do folder
        @test occursin("no library at /no/such/library.so", refusal("/no/such/library.so"))
        text = joinpath(folder, "text.so")
        write(text, "this is not a library")
        @test occursin("cannot load $text", refusal(text))
        function compiled(name, source)
            write(joinpath(folder, "$name.c"), source)
            run(`cc -shared -fPIC -o $(joinpath(folder, "$name.so")) $(joinpath(folder, "$name.c"))`)
            return joinpath(folder, "$name.so")
        end
        other = compiled("other", "int something(void) { return 1; }\n")
        @test occursin("$other is not the library of this package", refusal(other))
        newer = compiled("newer", "unsigned pc_abi_version(void) { return 999; }\n")
        @test occursin("$newer has version 999 of the ABI, this package needs $(PC.Lib.PC_ABI_VERSION)", refusal(newer))
        lacking = compiled("lacking", "unsigned pc_abi_version(void) { return $(PC.Lib.PC_ABI_VERSION); }\n")
        @test occursin(r"lacks the function pc_\w+", refusal(lacking))
        for library in ("/no/such/library.so", newer)
            said = refusal(library)
            @test occursin("Pkg.build", said) && occursin(VARIABLE, said) && !occursin('\n', said)
        end
    end
end

@testset "the environment variable selects the library" begin
    mktempdir() do folder
        library = cp(PC.Lib.library_path(), joinpath(folder, "another name.so"))
        works, output = fresh_julia("""
            using PersistentCollections
            println(PersistentCollections.Lib.library_path(), " ", Environment(isopen, $(repr(joinpath(folder, "data")))))
            """; project=PACKAGE, (Symbol(VARIABLE) => library,)...)
        @test works && occursin("$library true", output)
    end
end

@testset "the build reports a missing tool" begin
    build(; environment...) = fresh_julia("include($(repr(joinpath(PACKAGE, "deps", "build.jl"))))"; project=PACKAGE, environment...)
    works, output = build(; PATH="/no/such/folder", (Symbol(VARIABLE) => nothing,)...)
    @test !works && occursin("cargo", output) && occursin(VARIABLE, output)
    # With the user's own library, the build has nothing to do.
    works, output = build(; PATH="/no/such/folder", (Symbol(VARIABLE) => "/a/library",)...)
    @test works
    mktempdir() do folder
        script = joinpath(mkpath(joinpath(folder, "a", "b", "deps")), "build.jl")
        cp(joinpath(PACKAGE, "deps", "build.jl"), script)
        works, output = fresh_julia("include($(repr(script)))"; project=PACKAGE, (Symbol(VARIABLE) => nothing,)...)
        @test !works && occursin("checkout of the whole project", output)
    end
end

# `Pkg.test` failed on every version: a test used a package that the project did not name.
@testset "Pkg.test" begin
    mktempdir() do folder
        works, output = fresh_julia("""
                using Pkg
                Pkg.develop(PackageSpec(path=$(repr(PACKAGE))))
                Pkg.test("PersistentCollections"; test_args=["types", "costs:dynamic dispatch is detected"])
                """; project=mkpath(joinpath(folder, "project")), JULIA_DEPOT_PATH=make_depot(mkpath(joinpath(folder, "depot"))),
            JULIA_PKG_OFFLINE="true", JULIA_LOAD_PATH=nothing, (Symbol(VARIABLE) => PC.Lib.library_path(),)...)
        @test works && occursin("0 failed", output)
        works || print(output)
    end
end

# A package that depends on this one could not be precompiled before the library was built: loading this package threw.
@testset "packages that depend on this one" begin
    mktempdir() do folder
        for (name, body) in ("Early" => "struct Point; x::Int; end; register_struct(Point)",
                "Proper" => "struct Place; x::Int; end; __init__() = register_struct(Place)")
            home = mkpath(joinpath(folder, name))
            uuid = name == "Early" ? "11111111-1111-4111-8111-111111111111" : "22222222-2222-4222-8222-222222222222"
            write(joinpath(home, "Project.toml"), """
                name = "$name"
                uuid = "$uuid"

                [deps]
                PersistentCollections = "57cfeb2a-71fd-48c5-95be-15c056e9c8a4"
                """)
            write(joinpath(mkpath(joinpath(home, "src")), "$name.jl"), "module $name; using PersistentCollections; $body; end")
            path = join([home, PACKAGE, "@stdlib"], ':')
            code = """
                using $name
                println("known ", sort!(collect(keys($name.PersistentCollections.STRUCTS))))
                try
                    $name.Environment(mktempdir())
                catch failure
                    println("REFUSED ", sprint(showerror, failure))
                end
                """
            depot = mkpath(joinpath(folder, "depot"))
            works, output = fresh_julia(code; project=home, JULIA_DEPOT_PATH=depot, JULIA_LOAD_PATH=path,
                (Symbol(VARIABLE) => "/no/such/library.so",)...)
            @test works && occursin("REFUSED", output) && occursin("no library at /no/such/library.so", output)
            # Registrations at the top level are lost, with a warning; those in `__init__` are kept.
            @test occursin("register_struct", output) == (name == "Early")
            @test occursin("known [\"Place\"]", output) == (name == "Proper")
            works || print(output)
            # With the library, Julia does not precompile again.
            works, output = fresh_julia(code; project=home, JULIA_DEPOT_PATH=depot, JULIA_LOAD_PATH=path,
                (Symbol(VARIABLE) => PC.Lib.library_path(),)...)
            @test works && !occursin("REFUSED", output) && !occursin("register_struct", output)
        end
    end
end
