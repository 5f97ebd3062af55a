# coverage.jl SOURCES TRACE...: prints how many lines of the Julia files in the folder SOURCES ran, and how many have code.
#
# Julia writes a line into a trace only when it compiles the function around it. The lines of functions that never ran are
# taken from the source.

# The lines of statements inside of functions.
function code_lines!(lines::Set{Int}, expression, inside::Bool)
    if expression isa LineNumberNode
        inside && push!(lines, expression.line)
    elseif expression isa Expr
        short = expression.head === :(=) && expression.args[1] isa Expr && is_signature(expression.args[1])
        # A line number in a macro call is its place, which has no code of its own.
        parts = expression.head === :macrocall ? expression.args[3:end] : expression.args
        for part in parts
            code_lines!(lines, part, inside || short || expression.head in (:function, :->))
        end
    end
    return lines
end

is_signature(left::Expr) = left.head === :call ||
    left.head in (:where, :(::)) && left.args[1] isa Expr && is_signature(left.args[1])

function code_lines(path::String)
    lines, text, at = Set{Int}(), read(path, String), 1
    while at <= ncodeunits(text)
        # `parse` counts from the line where it begins.
        before = count(==('\n'), SubString(text, 1, prevind(text, at)))
        expression, at = Meta.parse(text, at)
        for line in code_lines!(Set{Int}(), expression, false)
            push!(lines, line + before)
        end
    end
    return lines
end

# How often each line ran, by file, as several traces tell together.
function traced(traces)
    runs = Dict{String,Dict{Int,Int}}()
    for trace in traces
        file = ""
        for line in eachline(trace)
            if startswith(line, "SF:")
                file = abspath(line[4:end])
            elseif startswith(line, "DA:")
                number, times = parse.(Int, split(line[4:end], ','))
                of_file = get!(Dict{Int,Int}, runs, file)
                of_file[number] = get(of_file, number, 0) + times
            end
        end
    end
    return runs
end

function main(sources, traces)
    runs = traced(traces)
    total = covered = 0
    for (folder, _, files) in walkdir(sources), file in sort(files)
        path = abspath(joinpath(folder, file))
        endswith(file, ".jl") || continue
        of_file = get(runs, path, Dict{Int,Int}())
        lines = union(code_lines(path), keys(of_file))
        ran = count(line -> get(of_file, line, 0) > 0, collect(lines))
        println(stderr, lpad(ran, 5), " of ", lpad(length(lines), 4), "  ", relpath(path, sources))
        total += length(lines)
        covered += ran
    end
    println(covered, " ", total)
end

main(ARGS[1], ARGS[2:end])
