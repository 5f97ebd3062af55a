# A program that is interrupted: interrupted.jl PATH WHAT ROUNDS. In each round it prints "r" and works until Ctrl-C comes; then
# it checks whether anything is left open. At the end it prints its observations.

using PersistentCollections
const PC = PersistentCollections

Base.exit_on_sigint(false)
const path, what, rounds = ARGS[1], ARGS[2], parse(Int, ARGS[3])

function work(env, counts, items, n, done)
    if what == "transactions"
        transaction(env) do
            counts[1] = n
            transaction(() -> counts[2] = n, env)
        end
        counts[3] = n
        done[] = n
        snapshot(() -> snapshot(() -> counts[1], env), env)
    elseif what == "iterators"
        for (key, value) in items
            key == 20 && break
        end
        first(items), length(between(items, 3, 30)), collect(Iterators.reverse(items))
    else
        other = Environment(path; durability=:none)
        PersistentDict{Int,Int}(other; id="counts")[3] = n
        done[] = n
        close(other)
    end
    return nothing
end

current(env) = PC.written(out -> PC.Lib.pc_txn_current(PC.live(env), out), UInt64(0))

function main()
    env = Environment(path; durability=:none)
    counts = PersistentDict{Int,Int}(env; id="counts")
    items = merge!(PersistentDict{Int,Int}(env; id="items"), Dict(number => number for number in 1:50))
    done, left, n = Ref(0), 0, 0
    for round in 1:rounds
        try
            println("r")
            flush(stdout)
            while true
                n += 1
                work(env, counts, items, n, done)
            end
        catch failure
            failure isa InterruptException || rethrow()
        end
        left += current(env) != 0 || PC.OPEN_COUNT[] != 0 || !isempty(PC.OPEN[])
    end
    GC.gc()
    GC.gc()
    println("left ", left, " readers ", info(env).readers, " cursors ", PC.OPEN_CURSORS[], " done ", done[])
end

main()
