# Compares with Base's Dict and Set: each operation runs on a plain collection and on a persistent one with the same
# content, must return or throw the same, and must leave the same content.

plain(result::Union{PersistentDict,PersistentSet}) = copy(result)
plain(results::Tuple) = map(plain, results)
plain(result) = result

function outcome(@nospecialize(f), collection)
    try
        return (:gives, plain(f(collection)))
    catch failure
        return (:throws, typeof(failure))
    end
end

function agree(f, persistent, base)
    ours, theirs = outcome(f, persistent), outcome(f, base)
    same = isequal(ours, theirs) && (first(ours) === :throws || typeof(last(ours)) === typeof(last(theirs)))
    left = isequal(copy(persistent), base)
    same && left || @error "another outcome than Base's" ours theirs copy(persistent) base
    return same && left
end

in_little_space(item) =
    sprint(io -> show(IOContext(io, :limit => true, :displaysize => (6, 40)), MIME("text/plain"), item))

const DICT_PROTOCOL = [
    "membership" => d -> (haskey(d, "a"), haskey(d, "z"), haskey(d, 5), haskey(d, nothing), "a" in keys(d), 5 in keys(d), 2 in values(d)),
    "pairs in it" => d -> (("a" => 1) in d, ("a" => 2) in d, in("a" => 1.0, d, ===)),
    "an object that is not a pair, in" => d -> "a" in d,
    "getindex" => d -> (d["a"], d[SubString("abc", 1, 1)]),
    "getindex of what is absent" => d -> d["z"],
    "getindex of another type" => d -> d[5],
    "getindex of two keys" => d -> d["a", "b"],
    "setindex! of two keys" => d -> (d["a", "b"] = 1),
    "get" => d -> (get(d, "a", 0), get(d, "z", 0), get(d, "z", nothing), get(() -> 5, d, "z"), get(d, 5, 0)),
    "get!" => d -> (get!(d, "z", 5), get!(() -> 6, d, "z"), get!(d, "y", 7.0), d["y"]),
    "get! of no such value" => d -> get!(d, "z", "x"),
    "getkey" => d -> (getkey(d, "a", 0), getkey(d, "z", 0), getkey(d, 5, 0)),
    "setindex!" => d -> (d["x"] = 1.0; d[SubString("abc", 1, 2)] = 1; setindex!(d, 1, "a") === d),
    "setindex! of no such value" => d -> d["x"] = 1.5,
    "setindex! of no such key" => d -> d[1] = 1,
    "push!" => d -> (push!(d, "z" => 1) === d, push!(d, "z" => 1, "y" => 2) === d),
    "push! of many" => d -> push!(d, "z" => 1, "y" => 2, "x" => 3, "w" => 4, "a" => 7),
    "pop!" => d -> (pop!(d, "a"), pop!(d, "z", 7), pop!(d, 5, 7)),
    "pop! of what is absent" => d -> pop!(d, "z"),
    "pop! until empty" => d -> (while !isempty(d); pop!(d); end; d),
    "pop! of nothing" => d -> pop!(empty!(d)),
    "delete!, then pop!" => d -> (delete!(d, "a"); delete!(d, "z"); pop!(d, "a", 0)),
    "empty!" => d -> empty!(d),
    "empty! of the keys" => d -> empty!(keys(d)),
    "empty" => d -> (empty(d), empty(d, Int), empty(d, Int, Float64)),
    "sizes" => d -> (length(d), length(keys(d)), length(values(d)), isempty(d), isempty(keys(d)), isempty(values(d)), sizehint!(d, 10) === d),
    "types" => d -> (eltype(d), keytype(d), valtype(d), eltype(keys(d)), eltype(values(d)), keys(d) isa AbstractSet, pairs(d) === d),
    "iteration" => d -> (sort(collect(d)), sort(collect(keys(d))), sort(collect(values(d))), Set(d), Set(eachindex(d))),
    "iteration by hand" => d -> (n = 0; next = iterate(d); while next !== nothing; n += last(first(next)); next = iterate(d, last(next)); end; n),
    "Iterators" => d -> (length(collect(Iterators.take(d, 2))), length(collect(Iterators.partition(d, 2))), length(collect(Iterators.flatten(d))),
        length(collect(Iterators.take(Iterators.cycle(d), 7))), length(collect(enumerate(d))), length(collect(zip(keys(d), values(d))))),
    "splatted" => d -> (length([d...]), length((; (Symbol(k) => v for (k, v) in d)...))),
    "comprehensions" => d -> (Dict(k => 2v for (k, v) in d), sort([v for v in values(d)]), Dict(v => k for (k, v) in d)),
    "reductions" => d -> (sum(values(d)), sum(last, d), extrema(keys(d)), mapreduce(last, +, d), maximum(values(d)), count(p -> last(p) > 1, d),
        any(p -> last(p) == 2, d), all(v -> v > 0, values(d)), allunique(d), findmax(d), findmin(d), argmax(d), argmin(d)),
    "find" => d -> (findfirst(isequal(2), d), sort(findall(isodd, d)), findfirst(isequal(9), d)),
    "filter" => d -> filter(p -> last(p) > 1, d),
    "filter!" => d -> filter!(((k, v),) -> v > 1 && k != "c", d),
    "map! of the values" => d -> (map!(v -> v + 1, values(d)) isa Base.ValueIterator, sum(values(d))),
    "map! to no such value" => d -> map!(v -> v / 4, values(d)),
    "map" => d -> map(identity, d),
    "broadcasting over it" => d -> d .+ 1,
    "broadcasting" => d -> (sort(values(d) .+ 1), sort(keys(d) .* "x"), getindex.(Ref(d), ["a", "b"]), haskey.((d,), ["a", "z"])),
    "merge" => d -> (merge(d), merge(d, Dict("q" => 1.5)), merge(Dict("q" => 1), d), merge(+, d, Dict("a" => 1))),
    "merge!" => d -> (merge!(d) === d, merge!(d, Dict("q" => 1), Dict("q" => 2, "a" => 5)) === d, merge!(d, d) === d, merge!(d, Dict{Any,Any}("r" => 1)) === d),
    "merge! of no such value" => d -> merge!(d, Dict("q" => "x")),
    "merge! with a function" => d -> merge!(+, d, Dict("a" => 1), Dict("a" => 5)),
    "mergewith" => d -> (mergewith(+, d, Dict("a" => 1)), mergewith(+, d, Dict("a" => 1.5)), mergewith(+)(d, Dict("a" => 1))),
    "mergewith!" => d -> (mergewith!(+, d, Dict("a" => 1, "z" => 1)) === d, mergewith!(+)(d, Dict("a" => 1)) === d),
    "replace" => d -> (replace(d, ("a" => 1) => ("z" => 5)), replace(p -> first(p) => 2last(p), d), replace(p -> first(p) => 0, d; count=3)),
    "replace!" => d -> replace!(d, ("a" => 1) => ("z" => 5), ("b" => 2) => ("b" => 3)),
    "replace! by a function" => d -> (replace!(p -> first(p) => 2last(p), d), replace!(p -> last(p) == 4 ? ("b" => 20) : p, d; count=1)),
    "copy!" => d -> copy!(d, Dict("q" => 9)) === d,
    "conversions" => d -> (Dict(d), Dict{String,Real}(d), convert(Dict{String,Float64}, d), convert(AbstractDict{String,Int}, d) == d, length(IdDict(d))),
    "equality" => d -> (d == Dict("a" => 1.0, "b" => 2.0, "c" => 3.0), d == Dict("a" => missing, "b" => 2, "c" => 3), d == Dict("a" => 1, "b" => 2, "z" => 3),
        Dict("a" => 1, "b" => 2, "c" => 3) == d, isequal(d, Dict("a" => 1, "b" => 2, "c" => 3)), hash(d), haskey(Dict(Dict("a" => 1, "b" => 2, "c" => 3) => 1), d)),
    "keys as a set" => d -> (union(keys(d), ["z"]), intersect(keys(d), ["a"]), setdiff(keys(d), ["a"]), symdiff(keys(d), ["a", "z"]), keys(d) == Set(["a", "b", "c"]),
        issubset(["a"], keys(d)), isdisjoint(keys(d), ["q"]), setdiff!(Set(["a", "q"]), keys(d))),
    "keys are not changed as a set" => d -> delete!(keys(d), "a"),
    "random" => d -> (rand(d) in d, haskey(d, rand(keys(d)))),
    "summary" => d -> (replace(summary(d), "Persistent" => ""), replace(summary(keys(d)), "Persistent" => "")),
    "shown" => d -> sort(split(replace(sprint(show, MIME("text/plain"), d), r"^\w*Dict" => ""), '\n')),
    "shown with little space" => d -> length(split(in_little_space(d), '\n')),
    "no order, no shape" => d -> sort(d),
    "not an array" => d -> similar(d),
]

const SET_PROTOCOL = [
    "in" => s -> (1 in s, 9 in s, 1.0 in s, 1.5 in s, "x" in s, nothing in s, in.([1, 9], Ref(s))),
    "sizes and types" => s -> (length(s), isempty(s), eltype(s), allunique(s), sizehint!(copy(s), 5) isa AbstractSet),
    "push!" => s -> (push!(s, 4) === s, push!(s, 4, 5, 6, 7) === s, push!(s, 8.0) === s),
    "push! of no such element" => s -> push!(s, 4.5),
    "push! of another type" => s -> push!(s, "x"),
    "pop!" => s -> (pop!(s, 1), pop!(s, 9, 0), pop!(s, 2.0)),
    "pop! of what is absent" => s -> pop!(s, 9),
    "pop! until empty" => s -> (n = 0; while !isempty(s); n += pop!(s); end; n),
    "pop! of nothing" => s -> pop!(empty!(s)),
    "delete!" => s -> (delete!(s, 1) === s, delete!(s, "x") === s),
    "empty" => s -> (empty(s), empty(s, Float64), empty!(s)),
    "union" => s -> (union(s), union(s, [9]), union(s, [1.5]), union(s, [9], Set([10])), sort(union([9], s)), union!(Set([9]), s), s ∪ [9]),
    "intersect" => s -> (intersect(s), intersect(s, [1, 9]), intersect(s, [1, 2], [2]), intersect([1, 9], s), intersect!(Set([1, 9]), s), s ∩ [1]),
    "setdiff" => s -> (setdiff(s), setdiff(s, [1]), setdiff([1, 9], s), setdiff(Set([1, 9]), s), setdiff!(Set([1, 9]), s)),
    "symdiff" => s -> (symdiff(s), symdiff(s, [1, 9]), symdiff!(Set([1, 9]), s)),
    "union!" => s -> (union!(s) === s, union!(s, [9], Set([10])) === s, union!(s, s) === s, union!(s, [11.0], 12:13) === s),
    "union! of no such element" => s -> union!(s, [4.5]),
    "intersect!" => s -> (intersect!(s) === s, intersect!(s, s) === s, intersect!(s, [1, 2, 9], Set([1, 3])) === s),
    "setdiff!" => s -> (setdiff!(s) === s, setdiff!(s, [1, 9], [2]) === s, setdiff!(s, 1:1000) === s),
    "setdiff! of itself" => s -> setdiff!(s, s),
    "symdiff!" => s -> (symdiff!(s) === s, symdiff!(s, [1, 9], [9, 2]) === s),
    "symdiff! of itself" => s -> symdiff!(s, s),
    "subsets" => s -> (s ⊆ [1, 2, 3, 4], [1] ⊆ s, s ⊊ [1, 2, 3, 4], s ⊊ s, s ⊇ [1], s ⊋ Set([1]), s ⊈ [1], s ⊉ [9], s < Set([1, 2, 3, 4]), s < s, s <= s, issubset(s, Set([1, 2]))),
    "equality" => s -> (issetequal(s, [3, 2, 1, 1]), issetequal([1, 2, 3], s), s == Set([1, 2, 3]), isequal(s, Set([1, 2, 3])), s == Set([1.0, 2.0, 3.0]), s == Set([1, 2]),
        hash(s), s in Set([Set([1, 2, 3])]), haskey(Dict(Set([1, 2, 3]) => 1), s)),
    "isdisjoint" => s -> (isdisjoint(s, [9]), isdisjoint([1], s), isdisjoint(s, Set([9]))),
    "filter" => s -> filter(isodd, s),
    "filter!" => s -> filter!(isodd, s),
    "replace" => s -> (replace(s, 1 => 7), replace(x -> x + 1, s)),
    "replace!" => s -> replace!(s, 1 => 7, 2 => 3),
    "replace! by a function" => s -> (replace!(x -> x + 1, s), replace!(x -> x == 3 ? 10 : x, s; count=1)),
    "copies" => s -> (copy(s), Set(s), Set{Real}(s), convert(Set{Float64}, s), Base.copymutable(s), copy!(s, Set([7]))),
    "iteration" => s -> (sort(collect(s)), sort(unique(s)), [s...] |> length, Dict(x => 1 for x in s), sort(s .+ 1)),
    "reductions" => s -> (sum(s), prod(s), extrema(s), mapreduce(x -> 2x, +, s), count(isodd, s), any(isodd, s), reduce(union, [s, Set([9])])),
    "map" => s -> map(x -> x + 1, s),
    "find" => s -> findall(isodd, s),
    "only" => s -> only(s),
    "summary" => s -> replace(summary(s), "Persistent" => ""),
    "shown" => s -> sort(split(replace(sprint(show, MIME("text/plain"), s), r"^\w*Set" => ""), '\n')),
    "random" => s -> rand(s) in s,
]

@testset "dicts: $name" for (name, f) in DICT_PROTOCOL
    with_env(durability=:none) do env
        entries = Dict("a" => 1, "b" => 2, "c" => 3)
        @test agree(f, merge!(PersistentDict{String,Int}(env), entries), entries)
    end
end

@testset "sets: $name" for (name, f) in SET_PROTOCOL
    with_env(durability=:none) do env
        elements = Set([1, 2, 3])
        @test agree(f, union!(PersistentSet{Int}(env), elements), elements)
    end
end

# An iterable that throws after most of its items.
failing(items) = (index == length(items) ? error("stop") : items[index] for index in eachindex(items))

# The numbers of a server's commits have gaps.
ON_SERVER || @testset "a bulk verb is one transaction" begin
    with_env() do env
        dict, set = PersistentDict{String,Int}(env; id="d"), PersistentSet{Int}(env; id="s")
        other = union!(PersistentSet{Int}(env; id="o"), 5:25)
        commits(f) = (before = info(env).last_commit; f(); info(env).last_commit - before)
        refill() = (merge!(empty!(dict), Dict(string(letter) => 1 for letter in 'a':'z')); union!(empty!(set), 1:20))
        for verb in Any[
                () -> merge!(dict, Dict("a" => 2, "B" => 3), Dict("C" => 4)), () -> mergewith!(+, dict, Dict("a" => 2, "B" => 3), Dict("C" => 4)),
                () -> merge!(+, dict, Dict("a" => 2, "B" => 3)), () -> filter!(pair -> pair.first > "k", dict), () -> map!(v -> v + 1, values(dict)),
                () -> empty!(dict), () -> push!(dict, "A" => 1, "B" => 2, "C" => 3), () -> replace!(pair -> pair.first => 5, dict), () -> pop!(dict),
                () -> replace!(dict, ("a" => 1) => ("A" => 1), ("b" => 1) => ("B" => 1)), () -> copy!(dict, Dict("x" => 1, "y" => 2)), () -> empty!(prefix(dict, "a")),
                () -> union!(set, 30:40, [50]), () -> union!(set, other, other), () -> intersect!(set, 1:5, [2, 3]), () -> intersect!(set, other, other), () -> setdiff!(set, 1:5, [9]),
                () -> setdiff!(set, other, other), () -> symdiff!(set, 1:5, [2, 90]), () -> symdiff!(set, other, other), () -> filter!(isodd, set), () -> empty!(set),
                () -> push!(set, 60, 61, 62), () -> append!(set, 70:80), () -> replace!(x -> x + 100, set), () -> copy!(set, Set([1, 2])), () -> pop!(set)]
            refill()
            @test commits(verb) == 1
        end
    end
end

@testset "a bulk verb that fails changes nothing" begin
    with_env() do env
        dict, set = merge!(PersistentDict{String,Int}(env; id="d"), Dict("a" => 1, "b" => 2)), union!(PersistentSet{Int}(env; id="s"), 1:9)
        for verb in Any[
                () -> merge!(dict, Dict{String,Any}("c" => 3, "d" => "x")), () -> mergewith!((a, b) -> error("stop"), dict, Dict("c" => 1, "a" => 1)),
                () -> filter!(pair -> pair.first == "b" ? error("stop") : false, dict), () -> map!(v -> v == 2 ? error("stop") : 0, values(dict)),
                () -> push!(dict, "c" => 1, "d" => "x"), () -> replace!(pair -> pair.first == "b" ? error("stop") : ("z" => 1), dict), () -> copy!(dict, Dict("c" => "x")),
                () -> union!(set, failing(10:20)), () -> intersect!(set, failing(5:20)), () -> setdiff!(set, failing(1:20)), () -> symdiff!(set, [1], failing(5:20)),
                () -> filter!(x -> x == 9 ? error("stop") : false, set), () -> push!(set, 10, 11, "x"), () -> replace!(x -> x == 9 ? error("stop") : 0, set), () -> copy!(set, Set(["x"]))]
            @test (try; verb(); false; catch; true; end)
            @test dict == Dict("a" => 1, "b" => 2) && set == Set(1:9)
        end
    end
end

@testset "writes in the body of a loop do not shorten or lengthen its result" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(key => key for key in 1:10))
        set = union!(PersistentSet{Int}(env; id="s"), 1:10)
        # In a transaction, a loop sees the writes in its body, so `length` at its beginning does not predict its end.
        transaction(env) do
            @test [(delete!(dict, key + 1); key) for key in keys(dict)] == 1:2:9
            @test [(key < 15 && (dict[key + 2] = 0); key) for (key, value) in dict] == 1:2:15
            @test map(element -> (delete!(set, element + 1); element), collect(Iterators.take(set, 3))) == [1, 2, 3]
            @test [(delete!(set, element + 2); element) for element in set] == [1, 5, 6, 9, 10]
        end
    end
end

@testset "views of a part" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,String}(env; id="d"), Dict(key => string(key) for key in 1:10_000))
        set = union!(PersistentSet{String}(env; id="s"), string.(1:1000))
        for (view, count) in (between(dict, 11, 5001) => 4990, keys(between(dict, nothing, 3)) => 2, values(between(dict, 9999, nothing)) => 2, Iterators.reverse(dict) => 10_000,
                between(dict, 5, 5) => 0, prefix(set, "99") => 11, Iterators.reverse(prefix(set, "99")) => 11, between(set, nothing, nothing) => 1000)
            @test length(view) == count == length(collect(view)) && isempty(view) == (count == 0)
        end
        @test transaction(() -> length(between(dict, 11, 5001)), env) == 4990
        @test sprint(show, prefix(set, "a")) isa String && occursin("pairs of a part of a PersistentDict{Int64,String}", replace(sprint(show, between(dict, 1, 2)), ", " => ","))
        @test Dict(between(dict, 1, 3)) == Dict(1 => "1", 2 => "2") && sum(length, values(between(dict, 9, 12))) == 5
        @test (2 => "2") in between(dict, 1, 3) && !((5 => "5") in between(dict, 1, 3))
    end
end

@testset "first, last and show leave no snapshot open" begin
    with_env() do env
        dict = merge!(PersistentDict{Int,Int}(env; id="d"), Dict(number => -number for number in 1:1000))
        set = union!(PersistentSet{Int}(env; id="s"), 1:1000)
        @test first(keys(dict)) == 1 && last(keys(dict)) == 1000 && first(values(dict)) == -1 && last(values(dict)) == -1000
        @test first(set) == 1 && last(set) == 1000 && !isempty(keys(dict)) && length(between(dict, 5, 10)) == 5
        for item in (dict, set)
            text = in_little_space(item)
            @test occursin("with 1000 e", text) && occursin("⋮", text) && length(split(text, '\n')) < 10
            @test length(sprint(show, item; context=:limit => true)) < 1000
        end
        GC.enable(false)
        dict[1] = 2
        @test info(env).oldest_reader_commit == info(env).last_commit
        GC.enable(true)
        for empty in (empty!(dict), keys(dict), values(dict), empty!(set)), edge in (first, last)
            @test_throws ArgumentError edge(empty)
        end
    end
end

@testset "show works after closing" begin
    mktempdir() do folder
        env = Environment(folder)
        dict, set = PersistentDict{String,Int}(env; id="d"), PersistentSet{String}(env; id="s")
        close(env)
        for item in (dict, set), show_it in (show, (io, item) -> show(io, MIME("text/plain"), item), summary)
            @test occursin(r"^Persistent.*\(closed\)$", sprint(show_it, item))
        end
        @test occursin("closed", sprint(show, between(dict, "a", "b")))
    end
end

# ---- the contracts of Base for every collection

# `delete!(dict, key)` returned a Bool, while Base's contract is to return the dict.
@testset "delete! returns the dict" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{String,Int}(env; id="d"), Dict("a" => 1, "b" => 2))
        @test delete!(delete!(dict, "a"), "z") === dict && collect(dict) == ["b" => 2]
        @test delete!(dict, "b"; sync=false) === dict && isempty(dict)
    end
end

# `first` of an empty collection threw a BoundsError, which Base throws only for arrays.
@testset "first and last of an empty collection" begin
    with_env(durability=:none) do env
        dict, set = PersistentDict{String,Int}(env; id="d"), PersistentSet{Int}(env; id="s")
        for empty in (dict, keys(dict), values(dict), set, between(dict, "a", nothing), prefix(dict, "a"), between(set, 1, 2))
            @test_throws ArgumentError first(empty)
            @test_throws ArgumentError last(empty)
        end
    end
end

# The other languages take the name as the second argument; Julia had no method for that.
@testset "the name can be the second argument" begin
    with_env(durability=:none) do env
        PersistentDict{String,Int}(env, "d")["a"] = 1
        push!(PersistentSet{Int}(env, SubString("sets", 1, 1)), 7)
        @test PersistentDict(env, "d") == PersistentDict(env; id="d") == Dict("a" => 1)
        @test PersistentSet(env, "s") == PersistentSet{Int}(env; id="s") == Set([7])
        PersistentDict{Int,Vector{Float64}}(env, "v"; shape=(2,))[1] = [1, 2]
        @test sort!([found.name for found in collections(env)]) == ["d", "s", "v"]
        # Without a name, it opens the unnamed collection.
        PersistentDict{String,Int}(env)["b"] = 2
        @test PersistentDict{String,Int}(env, "") == Dict("b" => 2) && PersistentDict{String,Int}(env; id="") == Dict("b" => 2)
        @test_throws ArgumentError PersistentDict{String,Int}(env, "d"; id="d")
        @test_throws ArgumentError PersistentSet(env, "s"; id="t")
    end
end

# The REPL showed only the type of a range.
@testset "ranges show their items" begin
    with_env(durability=:none) do env
        dict = merge!(PersistentDict{String,Int}(env; id="d"), Dict("a" => 1, "ab" => 2, "b" => 3))
        set = union!(PersistentSet{Int}(env; id="s"), 1:100)
        as_text(view; options...) = sprint(show, MIME("text/plain"), view; context=IOContext(devnull, options...))
        @test split(as_text(prefix(dict, "a")), '\n')[2:end] == ["  \"a\" => 1", "  \"ab\" => 2"]
        @test split(as_text(keys(between(dict, "ab", nothing))), '\n')[2:end] == ["  \"ab\"", "  \"b\""]
        @test occursin("empty", as_text(prefix(dict, "z"))) && !occursin('\n', as_text(prefix(dict, "z")))
        @test length(split(as_text(between(set, 1, nothing)), '\n')) == 101
        short = split(as_text(between(set, 1, nothing); limit=true, displaysize=(10, 40)), '\n')
        @test short[2:end] == ["  1", "  2", "  3", "  4", "  5", "  6", "  ⋮"]
        dict["long"] = 5
        @test all(line -> textwidth(line) <= 20, split(as_text(prefix(dict, "long"); limit=true, displaysize=(10, 20)), '\n')[2:end])
        @test PC.OPEN_CURSORS[] == 0
        view = prefix(dict, "a")
        close(env)
        @test occursin("closed", as_text(view))
    end
end

# Base looks up a value with a Symbol as default, to which bytes without a type cannot be converted.
@testset "keys of bytes without a type" begin
    with_env(durability=:none) do env
        dict = PersistentDict{LMDB.MDBValue,LMDB.MDBValue}(env; id="d")
        dict[LMDB.MDBValue("a")] = LMDB.MDBValue("1")
        @test LMDB.MDBValue("a") in keys(dict) && !(LMDB.MDBValue("b") in keys(dict))
        @test keys(dict) == Set([LMDB.MDBValue("a")]) && issubset([LMDB.MDBValue("a")], keys(dict))
    end
end

# The compiler could not infer the result of a transaction, nor anything computed from it.
@testset "the result of a transaction is inferred" begin
    with_env(durability=:none) do env
        x = merge!(PersistentDict{String,Int}(env; id="x"), Dict("a" => 1))
        y = merge!(PersistentDict{String,Int}(env; id="y"), Dict("a" => 2))
        @test (@inferred mergewith!(+, x, y)) == Dict("a" => 3)
        @test (@inferred transaction(() -> x["a"], env)) === 3 && (@inferred snapshot(() -> x["a"], env)) === 3
        @test (@inferred pop!(x)) == ("a" => 3)
    end
end
