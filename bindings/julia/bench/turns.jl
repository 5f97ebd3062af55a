# Comparing two ways to do the same work, in one run: both take turns, and the best turn of each counts, since what else a
# machine does only ever adds time.

# CLOCK_THREAD_CPUTIME_ID: clock_gettime(2) of Linux.
const THREAD_CLOCK = 3
const LEAST_ROUNDS = 15

struct Comparison
    title::String
    # What ours is compared with.
    reference_title::String
    # The ratio that ours should not exceed; nothing where there is none.
    goal::Union{Nothing,Float64}
    # Whether `--check` fails beyond the goal.
    is_checked::Bool
    # How many items a turn handles.
    items::Int
    # Both do the work of a turn, given by its number, and return a number that depends on all of it.
    ours::Function
    reference::Function
end

# A figure without another one to compare with.
struct Figure
    title::String
    unit::String
    goal::Float64
    is_checked::Bool
    measure::Function
end

struct Pace
    # How long a comparison takes, and how long at most while it is checked and its goal looks missed.
    least_seconds::Float64
    most_seconds::Float64
end

# Processor time of this thread in nanoseconds, which what others do on the machine meanwhile is not part of.
function spent()
    time = Ref((Clong(0), Clong(0)))
    ccall(:clock_gettime, Cint, (Cint, Ptr{Cvoid}), THREAD_CLOCK, time) == 0 || error("no clock of the thread's time")
    return time[][1] * 1_000_000_000 + time[][2]
end

took(work, turn::Int) = (begun = spent(); work(turn); spent() - begun)

# The best turn of each side, in nanoseconds an item.
function compare(comparison::Comparison, pace::Pace, check::Bool)
    comparison.ours(1) == comparison.reference(1) || error("$(comparison.title): the two sides did different work")
    GC.gc()
    ours = reference = typemax(Int)
    begun = time()
    for turn in Iterators.countfrom(1)
        reference = min(reference, took(comparison.reference, turn))
        ours = min(ours, took(comparison.ours, turn))
        turn < LEAST_ROUNDS && continue
        elapsed = time() - begun
        misses = check && comparison.is_checked && ours > comparison.goal * reference
        elapsed > (misses ? pace.most_seconds : pace.least_seconds) && break
    end
    return ours / comparison.items, reference / comparison.items
end

# ---- rows: printed, and kept for the file

rounded(number) = string(round(number; digits=number < 100 ? 2 : 0))
shown_goal(goal) = goal === nothing ? "-" : rounded(goal)
print_row(cells...) = (println(rpad(cells[1], 34), map(cell -> lpad(cell, 11), cells[2:end - 1])..., "  ", cells[end]); flush(stdout))

function run_row(comparison::Comparison, pace::Pace, check::Bool)
    ours, reference = compare(comparison, pace, check)
    ratio = ours / reference
    is_met = comparison.goal === nothing || ratio <= comparison.goal
    print_row(comparison.title, rounded(ours), rounded(reference), rounded(ratio), shown_goal(comparison.goal),
        string(comparison.reference_title, is_met ? "" : "  MISSED"))
    return (title=comparison.title, reference_title=comparison.reference_title, ours=ours, reference=reference, ratio=ratio,
        goal=comparison.goal, is_met=is_met, is_checked=comparison.is_checked)
end

function run_row(figure::Figure, ::Pace, ::Bool)
    value = figure.measure()
    is_met = value <= figure.goal
    print_row(figure.title, rounded(value), "", "", rounded(figure.goal), string(figure.unit, is_met ? "" : "  MISSED"))
    return (title=figure.title, unit=figure.unit, ours=value, goal=figure.goal, is_met=is_met, is_checked=figure.is_checked)
end

json(::Nothing) = "null"
json(value::Union{Bool,Int}) = string(value)
json(value::Float64) = string(round(value; sigdigits=5))
json(text::String) = string('"', escape_string(text), '"')
json(row::NamedTuple) = string("{", join((string(json(string(name)), ": ", json(value)) for (name, value) in pairs(row)), ", "), "}")

# One row a line, so that two files can be compared by `diff`. The form is that of benches/README.md; `full` says whether all rows
# were measured at the full pace.
function write_rows(path::String, began::Int, full::Bool, rows)
    mkpath(dirname(path))
    versions = (julia=string(VERSION),)
    open(path, "w") do file
        println(file, "{\"form\": 1, \"bench\": \"julia\", \"began\": ", began, ", \"full\": ", full, ", \"versions\": ", json(versions), ", \"rows\": [")
        println(file, join(map(json, rows), ",\n"))
        println(file, "]}")
    end
end
