# Runs the examples of the docstrings, prompt by prompt, and those of the package's README.

module Examples

using PersistentCollections, Test

# Splits a block into the input at each `julia>`, with its indented continuation lines, and the output after it.
function steps(block)
    found = Tuple{String,String}[]
    for part in split("\n" * block, "\njulia> ")[2:end]
        lines = split(part, '\n')
        last_line = something(findfirst(line -> !startswith(line, "       "), lines[2:end]), length(lines))
        code = join([lines[1]; SubString.(lines[2:last_line], 8)], '\n')
        push!(found, (code, strip(join(lines[last_line + 1:end], '\n'))))
    end
    return found
end

# Returns the text that the REPL shows for a value.
function shown(world::Module, code)
    mktemp() do path, file
        value = redirect_stdout(() -> include_string(world, code), file)
        close(file)
        printed = read(path, String)
        (value === nothing || endswith(code, ';')) && return strip(printed)
        return strip(printed * sprint(io -> show(IOContext(io, :limit => true, :module => world), MIME("text/plain"), value)))
    end
end

# Makes the notation of types in Julia 1.5 and in later versions the same.
plain(text) = replace(replace(text, r"\bVector\{(\w+)\}" => s"Array{\1,1}"), r"\bMatrix\{(\w+)\}" => s"Array{\1,2}") |>
    text -> replace(text, ", " => ",")

blocks(text, language) = [String(found[1]) for found in eachmatch(Regex("^```$language\\n(.*?)^```", "ms"), text)]

# Returns all docstrings of a module: the documented name and the text of each.
function docstrings(of::Module)
    found = Pair{String,String}[]
    for (binding, documents) in Docs.meta(of), document in values(documents.docs)
        push!(found, string(binding) => join(document.text))
    end
    return sort!(found; by=first)
end

const DOCUMENTED = [docstrings(PersistentCollections); docstrings(LMDB)]

end

@testset "$name" for (name, text) in Examples.DOCUMENTED
    @test !occursin("```julia\n", text)
    for block in Examples.blocks(text, "jldoctest")
        world = Module(:Example)
        for (code, expected) in Examples.steps(block)
            @test Examples.plain(Examples.shown(world, code)) == Examples.plain(expected)
        end
    end
end

@testset "every export has a docstring with an example" begin
    for name in names(PersistentCollections)
        bindings = string.([Docs.Binding(PersistentCollections, name), Docs.Binding(LMDB, name)])
        texts = [text for (found, text) in Examples.DOCUMENTED if found in bindings]
        name === :LMDB || @test !isempty(texts) && any(text -> !isempty(Examples.blocks(text, "jldoctest")), texts)
    end
end

@testset "every name of LMDB has a docstring" begin
    for name in (:Environment, :LMDBError, :MDBValue, filter(name -> startswith(string(name), "MDB_"), names(LMDB; all=true))...)
        @test haskey(Docs.meta(LMDB), Docs.Binding(LMDB, name))
    end
    @test any(text -> occursin("LMDB.Environment", text), last.(Examples.DOCUMENTED))
end

@testset "README, block $index" for (index, code) in enumerate(Examples.blocks(read(joinpath(@__DIR__, "..", "README.md"), String), "julia"))
    mktempdir() do folder
        cd(() -> include_string(Module(:Example), code), folder)
    end
    @test true
end
