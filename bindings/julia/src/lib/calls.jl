# Calls of the library's functions, under their C names, which `declarations.jl` lists. Handles are plain 64-bit integers
# here: a C struct of one uint64 is passed as such. include/persistent_collections.h documents each function.

# Every symbol with the place of its address, which `load` fills.
const SYMBOLS = Pair{Symbol,Ref{Ptr{Cvoid}}}[]

# `@symbol name(argument::Type, …)::Result` defines the function `name`, which calls the library's.
# `@waiting_symbol` does so for one that may wait for a lock or a disk: other threads may collect garbage
# meanwhile, so its arguments are only plain numbers and pointers, and the caller preserves what they
# point into. Reads are among these: the first read of a collection waits for a writer, which may
# be a thread of Julia that waits to collect garbage.
macro symbol(declaration)
    return define(declaration, false)
end

macro waiting_symbol(declaration)
    return define(declaration, true)
end

function define(declaration::Expr, waits::Bool)
    call, result = declaration.args
    name = call.args[1]
    arguments = [argument.args[1] for argument in call.args[2:end]]
    types = [argument.args[2] for argument in call.args[2:end]]
    address, again = Symbol(name, :_address), Symbol(name, :_again)
    # Converted before the call, and outside of its region: numbers may come in any width.
    conversions = [:($argument = convert($type, $argument)) for (argument, type) in zip(arguments, types)]
    declared = :(const $address = Ref{Ptr{Cvoid}}(C_NULL); push!(SYMBOLS, $(QuoteNode(name)) => $address))
    waits || return esc(quote
        $declared
        @inline function $name($(arguments...))
            $(conversions...)
            target = $address[]
            target == C_NULL && (target = located($address))
            return ccall(target, $result, ($(types...),), $(arguments...))
        end
    end)
    invoke = quote
        touch_stack()
        # Julia's memory is not looked at inside of the region.
        target = $address[]
        target == C_NULL && (target = located($address))
        is_first = Threads.threadid() == 1
        is_first && INSIDE[] && refuse_inside()
        region = ccall(:jl_gc_safe_enter, Int8, ())
        # Within the region, where no finalizer runs.
        is_first && (INSIDE[] = true)
        outcome = ccall(target, $result, ($(types...),), $(arguments...))
        is_first && (INSIDE[] = false)
        ccall(:jl_gc_safe_leave, Cvoid, (Int8,), region)
    end
    return esc(quote
        $declared
        @inline function $name($(arguments...))
            $(conversions...)
            $invoke
            return outcome == PC_ERR_INTERRUPTED ? $again($(arguments...)) : outcome
        end
        # A call that Ctrl-C has ended throws where it leaves the region. If it does not, the caller has put interrupts off
        # (`disable_sigint`): then it waits on.
        @noinline function $again($(arguments...))
            ask_no_more()
            try
                $invoke
                return outcome
            finally
                ask_while_waiting()
            end
        end
    end)
end
