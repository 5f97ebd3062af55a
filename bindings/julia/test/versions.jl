# Properties in other versions of Julia than the running one: read from the sources, and tested as far as possible here.

using Test: detect_ambiguities

# ---- methods of other versions

# Returns a signature as the type of its arguments.
function signature(text)
    expression, parameters = Meta.parse(text), Any[]
    while expression.head === :where
        append!(parameters, expression.args[2:end])
        expression = expression.args[1]
    end
    type_of(argument) = argument isa Symbol ? :Any : argument.head === :(...) ? :(Vararg{$(type_of(argument.args[1]))}) : argument.args[end]
    tuple = :(Tuple{$(map(type_of, expression.args[2:end])...)})
    return expression.args[1], Core.eval(Base, isempty(parameters) ? tuple : Expr(:where, tuple, parameters...))
end

# Parses a recorded line: the first and the last version, and the signature.
function recorded(line)
    found = match(r"^(\S+) - (\S*)\s+\S+\.jl\s+(.+?)(?:\s+\[\w+\])?$", line)
    name, types = signature(found[3])
    return (from=VersionNumber(found[1]), to=isempty(found[2]) ? v"9" : VersionNumber(found[2]), name=name, types=types)
end

const BASE_METHODS = map(recorded, filter(line -> !startswith(line, '#') && !isempty(line), readlines(joinpath(@__DIR__, "base_methods.txt"))))

# Returns the argument types of a method.
function arguments(method::Method)
    types = Base.unwrap_unionall(method.sig).parameters[2:end]
    return Base.rewrap_unionall(Tuple{types...}, method.sig)
end

is_ours(method::Method) = Base.moduleroot(method.module) === PC

# Returns the pairs of `ours` and `theirs` that are ambiguous for some arguments.
function ambiguities(ours, theirs)
    all_of_them, found = [ours; theirs], Tuple{Any,Any}[]
    for a in ours, b in theirs
        both = typeintersect(a, b)
        (both === Union{} || Base.morespecific(a, b) || Base.morespecific(b, a) || a == b) && continue
        any(c -> both <: c && Base.morespecific(c, a) && Base.morespecific(c, b), all_of_them) || push!(found, (a, b))
    end
    return found
end

named(name::Symbol) = name === :reverse ? Iterators.reverse : isdefined(Base, name) ? getfield(Base, name) : nothing

# `symdiff!(set, other_set)` was ambiguous from Julia 1.9 on, and `set ⊊ other_set` from 1.6 on: these versions of Base have
# methods that 1.5 lacks.
@testset "no call is ambiguous in Julia $version" for version in (v"1.10", v"1.11", v"1.12", v"1.13")
    there = filter(row -> row.from <= version <= row.to, BASE_METHODS)
    for name in unique(row.name for row in there)
        f = named(name)
        f === nothing && continue
        ours = [arguments(method) for method in methods(f) if is_ours(method)]
        @test isempty(ambiguities(ours, [row.types for row in there if row.name === name]))
    end
end

# Methods for Base's own dicts, and for the type without values: Julia cannot infer from the types that they never match.
never_meets(types) = occursin(r"<:(?:Dict|IdDict|WeakKeyDict)\b|Type\{Union\{\}\}", string(types))

# Returns the methods of Base that share arguments with one of this package's and are not in the record.
function missing_in_record(@nospecialize(f))
    known, ours, found = Any[], Any[], Any[]
    for row in BASE_METHODS
        named(row.name) === f && push!(known, row.types)
    end
    for method in methods(f)
        is_ours(method) && push!(ours, arguments(method))
    end
    isempty(ours) && return found
    for method in methods(f)
        types = arguments(method)
        (!(Base.moduleroot(method.module) in (Base, Core)) || is_ours(method) || never_meets(types)) && continue
        any(own -> typeintersect(own, types) !== Union{}, ours) && !any(row -> row == types, known) && push!(found, method)
    end
    return found
end

# The record lacked 7 methods that share arguments with this package's: it was written from memory, and not compared with Base.
VERSION < v"1.10" && @testset "the record has every method of the running version" begin
    found = missing_in_record(Iterators.reverse)
    for name in names(Base; all=true)
        f = isdefined(Base, name) ? getfield(Base, name) : nothing
        f isa Function && !(f isa Core.Builtin) && append!(found, missing_in_record(f))
    end
    @test found == []
end

@testset "an ambiguity is detected" begin
    others = [signature("f(s::AbstractSet, itr::AbstractSet)")[2]]
    @test length(ambiguities([Tuple{PersistentSet,Any}], others)) == 1
    @test isempty(ambiguities([Tuple{PersistentSet,Any}, Tuple{PersistentSet,AbstractSet}], others))
    @test isempty(filter(pair -> any(is_ours, pair), detect_ambiguities(PersistentCollections, Base; recursive=true)))
end

# ---- the package as other packages use it

# `Pkg.test()` failed on every version: a test used a package that the project did not name.
@testset "the project names all packages it uses, with bounds" begin
    project = read(joinpath(@__DIR__, "..", "Project.toml"), String)
    section(name) = (found = match(Regex("^\\[$name\\]\\n((?:[^\\[].*\\n?|\\n)*)", "m"), project); found === nothing ? "" : found[1])
    keys_in(name) = Set(String(found[1]) for found in eachmatch(r"^(\w+) ="m, section(name)))
    targets = Set(String(found[1]) for found in eachmatch(r"\"(\w+)\"", section("targets")))
    @test !isempty(keys_in("deps")) && issubset(targets, keys_in("extras"))
    @test keys_in("compat") == union(keys_in("deps"), keys_in("extras"), ["julia"])
    for file in filter(endswith(".jl"), readdir(@__DIR__; join=true)), line in eachline(file)
        found = match(r"^using ([\w, ]+)", line)
        found === nothing && continue
        for package in split(found[1], r"[, ]+"; keepempty=false)
            @test package == "PersistentCollections" || package in keys_in("deps") || package in targets
        end
    end
end

# The hash of a type differs between processes, and a precompiled `Dict` keeps the old one.
@testset "constants with types as keys use identity" begin
    for name in names(PC; all=true)
        constant = isdefined(PC, name) ? getfield(PC, name) : nothing
        @test !(constant isa Dict) || !(keytype(constant) <: Type)
    end
    @test PC.SCALARS isa IdDict && PC.typestring(Vector{UInt8}) == "bytes"
end

# ---- additions of later versions of Julia

@testset "a set reports whether it has an element, and returns the stored one" begin
    with_env(durability=:none) do env
        set = union!(PersistentSet{Int}(env; id="s"), [1, 2])
        @test PC.add(set, 1) && !PC.add(set, 3) && 3 in set
        @test PC.stored_element(set, 1.0) === 1 && PC.stored_element(set, 2) === 2
        @test pop!(set, 1.0) === pop!(Set([1]), 1.0) && pop!(set, 2.0, nothing) == 2 && pop!(set, 7.0, nothing) === nothing
        @test_throws KeyError pop!(set, 1.0)
        isdefined(Base, :in!) && @test Base.in!(3, set) && !Base.in!(4, set) && 4 in set
    end
end

# If a block set its own logger, this hid the mark of the tasks that it started, and their writes waited for the timeout. From
# 1.11 on, scoped values mark them, which a logger does not hide: this tests the code for these versions, with a stand-in.
module Scoped
mutable struct ScopedValue{T}
    value::T
end
Base.getindex(scoped::ScopedValue) = scoped.value
function with(f, (scoped, value)::Pair)
    before, scoped.value = scoped.value, value
    try
        return f()
    finally
        scoped.value = before
    end
end
end

with_stand_in(code) = code
with_stand_in(code::Expr) = code == :(Base.ScopedValues) ? Scoped : Expr(code.head, map(with_stand_in, code.args)...)

@testset "from 1.11 on, scoped values mark tasks" begin
    with_env(durability=:none) do env
        chosen = Meta.parse(read(joinpath(@__DIR__, "..", "src", "inside.jl"), String)).args[end]
        @test chosen.head === :if && :VERSION in chosen.args[1].args
        later = Module(:Later)
        Core.eval(later, :(const OpenTransaction = $(PC.OpenTransaction)))
        foreach(code -> Core.eval(later, with_stand_in(code)), chosen.args[2].args)
        entry() = PC.OpenTransaction(0, env, PC.Lib.PC_TXN_WRITE, current_task(), 1, PC.GOES_ON, false, 0)
        outer, inner = entry(), entry()
        innermost() = Base.invokelatest(later.marked, () -> Base.invokelatest(later.started_inside), inner)
        seen = Base.invokelatest(later.marked, innermost, outer)
        @test seen.transaction === inner && seen.around.transaction === outer && seen.around.around === nothing
        @test Base.invokelatest(later.started_inside) === nothing
    end
end
