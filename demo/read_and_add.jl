# The demonstration's Julia part: reads what the Python and the C program wrote, with its Julia types,
# compares the collections with each other, and adds its own set.
#
# Usage: julia --project=bindings/julia demo/read_and_add.jl ENVIRONMENT

using PersistentCollections

const failures = String[]

# Records a difference between two collections.
function compare(what, seen, expected)
    seen == expected || push!(failures, "$what: found $(repr(seen)), expected $(repr(expected))")
    return nothing
end

function timed(f, what)
    start = time_ns()
    result = f()
    println(rpad("Julia: $what", 60), lpad(round(Int, (time_ns() - start) / 1_000_000), 6), " ms")
    return result
end

function expect_type(what, value, T)
    value isa T || push!(failures, "$what: $(repr(value)) is a $(typeof(value)), expected a $T")
    return value
end

# One character's entry, each field of the type that Python wrote.
function check_entry(name, entry)
    expect_type("characters[$(repr(name))]", entry, Dict{Any,Any}) isa Dict || return nothing
    compare("fields of $(repr(name))", sort!(String.(collect(keys(entry)))), ["category", "codepoint", "decomposition", "name", "numeric"])
    isempty(failures) || return nothing
    expect_type("category of $name", entry["category"], String)
    expect_type("codepoint of $name", entry["codepoint"], Int64)
    expect_type("decomposition of $name", entry["decomposition"], String)
    expect_type("numeric of $name", entry["numeric"], Union{Nothing,Float64})
    compare("name of $(repr(name))", entry["name"], name)
    return nothing
end

function check_all(env)
    characters = PersistentDict{String,Any}(env; id="characters")
    by_codepoint = PersistentDict{Int64,String}(env; id="by_codepoint")
    letters = PersistentSet{String}(env; id="letters")
    category_counts = PersistentDict{String,Int64}(env; id="category_counts")

    for (name, kind, key, value) in (("characters", :dict, "str", "any"), ("by_codepoint", :dict, "i64", "str"),
            ("letters", :set, "str", "unit"), ("category_counts", :dict, "str", "i64"))
        compare("schema of $name", schema(env, name), (kind=kind, key=key, value=value))
    end

    # One moment for all four, whoever writes meanwhile.
    snapshot(env) do
        compare("number of characters", length(characters) > 30_000, true)
        compare("length of by_codepoint", length(by_codepoint), length(characters))

        counts = Dict{String,Int64}()
        names = Dict{Int64,String}()
        letters_found = Set{String}()
        timed("read $(length(characters)) characters") do
            previous = ""
            for (name, entry) in characters
                previous < name || push!(failures, "$(repr(name)) does not sort behind $(repr(previous))")
                previous = name
                check_entry(name, entry)
                length(failures) > 10 && return
                category = entry["category"]
                counts[category] = get(counts, category, 0) + 1
                names[entry["codepoint"]] = name
                startswith(category, "L") && push!(letters_found, string(Char(entry["codepoint"])))
            end
        end
        length(failures) > 10 && return

        timed("compared by_codepoint") do
            compare("order of by_codepoint", issorted(collect(keys(by_codepoint))), true)
            compare("by_codepoint", copy(by_codepoint) == names, true)
        end
        timed("compared $(length(letters)) letters") do
            compare("letters", copy(letters) == letters_found, true)
        end
        timed("compared $(length(category_counts)) counts of the C program") do
            compare("category_counts", copy(category_counts), counts)
        end
        for code in (0x41, 0x3b1, 0x1f600)
            compare("name of U+$(string(code; base=16))", characters[by_codepoint[code]]["codepoint"], Int64(code))
        end
    end
    return characters
end

first_word(name) = String(first(split(name, ' '; limit=2)))

function add_first_words(env, characters)
    words = PersistentSet{String}(env; id="first_words")
    expected = timed("added the set first_words") do
        found = Set(first_word(name) for name in keys(characters))
        transaction(env) do
            empty!(words)
            union!(words, found)
        end
        found
    end
    compare("first_words", copy(words), expected)
    compare("order of first_words", collect(words), sort!(collect(expected)))
    println("Julia: $(length(words)) first words, from $(first(words)) to $(last(words))")
    return nothing
end

function main(path)
    Environment(path; create=false) do env
        characters = check_all(env)
        isempty(failures) && add_first_words(env, characters)
    end
    for failure in failures
        println(stderr, "Julia: DIFFERENCE: ", failure)
    end
    return isempty(failures) ? 0 : 1
end

length(ARGS) == 1 || (println(stderr, "usage: read_and_add.jl ENVIRONMENT"); exit(2))
exit(main(ARGS[1]))
