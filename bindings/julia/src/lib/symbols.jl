# The library's functions under their C names. Handles are plain 64-bit integers here: a C struct of one
# uint64 is passed as such. See include/persistent_collections.h for what each does.

const Handle = UInt64
const Status = Int32
const Bytes = Ptr{UInt8}
const Size = Csize_t

# Every symbol with the place of its address, which `load` fills.
const SYMBOLS = Pair{Symbol,Ref{Ptr{Cvoid}}}[]

# `@symbol name(argument::Type, …)::Result` defines the function `name`, which calls the library's.
# `@waiting_symbol` does so for one that may wait for a lock or a disk: other threads may collect garbage
# meanwhile, so its arguments are only plain numbers and pointers, and the caller preserves what they
# point into. Reads are among these: the first one of a collection waits until nobody writes, and the writer may be
# a thread of Julia that waits to collect garbage.
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

@symbol pc_version()::Cstring
@symbol pc_abi_version()::UInt32
@symbol pc_lmdb_version()::Cstring
@symbol pc_strerror(status::Status)::Cstring
@symbol pc_last_error()::Cstring
@symbol pc_buffer_free(buffer::Ptr{Buffer})::Cvoid

@symbol pc_env_options_init(options::Ptr{EnvOptions}, size::Size)::Status
@waiting_symbol pc_env_open(path::Bytes, options::Ptr{EnvOptions}, out::Ptr{Handle})::Status
@waiting_symbol pc_env_reopen(env::Handle, out::Ptr{Handle})::Status
@waiting_symbol pc_env_close(env::Handle)::Status
@waiting_symbol pc_flush(env::Handle)::Status
@waiting_symbol pc_env_info(env::Handle, out::Ptr{EnvStat})::Status
@waiting_symbol pc_env_list(env::Handle, out::Ptr{Buffer})::Status
@waiting_symbol pc_env_copy(env::Handle, path::Bytes, flags::UInt32)::Status
@waiting_symbol pc_env_check(env::Handle, report::Ptr{Buffer})::Status
@waiting_symbol pc_env_readers(env::Handle, out::Ptr{Buffer})::Status
@waiting_symbol pc_env_reap_readers(env::Handle, reaped::Ptr{UInt32})::Status
@waiting_symbol pc_collection_drop(env::Handle, name::Bytes)::Status
@waiting_symbol pc_collection_schema(env::Handle, name::Bytes, kind::Ptr{Int32}, types::Ptr{Buffer})::Status

@waiting_symbol pc_dict_open(env::Handle, name::Bytes, key_type::Bytes, value_type::Bytes, flags::UInt32, out::Ptr{Handle})::Status
@waiting_symbol pc_dict_close(dict::Handle)::Status
@waiting_symbol pc_dict_schema(dict::Handle, types::Ptr{Buffer}, raw::Ptr{Bool})::Status
@waiting_symbol pc_dict_put(dict::Handle, key::Bytes, key_len::Size, value::Bytes, value_len::Size)::Status
@waiting_symbol pc_dict_put_new(dict::Handle, key::Bytes, key_len::Size, value::Bytes, value_len::Size)::Status
@waiting_symbol pc_dict_get(dict::Handle, key::Bytes, key_len::Size, buffer::Bytes, cap::Size, len::Ptr{Size})::Status
@waiting_symbol pc_dict_get_buffer(dict::Handle, key::Bytes, key_len::Size, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_get_ref(dict::Handle, key::Bytes, key_len::Size, value::Ptr{Bytes}, len::Ptr{Size})::Status
@waiting_symbol pc_dict_contains(dict::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_dict_remove(dict::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_dict_take(dict::Handle, key::Bytes, key_len::Size, buffer::Bytes, cap::Size, len::Ptr{Size})::Status
@waiting_symbol pc_dict_compare_exchange(dict::Handle, key::Bytes, key_len::Size, expected::Bytes, expected_len::Size, desired::Bytes, desired_len::Size, flags::UInt32, current::Ptr{Buffer})::Status
@waiting_symbol pc_dict_add_i64(dict::Handle, key::Bytes, key_len::Size, delta::Int64, result::Ptr{Int64})::Status
@waiting_symbol pc_dict_len(dict::Handle, len::Ptr{UInt64})::Status
@waiting_symbol pc_dict_clear(dict::Handle)::Status
@waiting_symbol pc_dict_first(dict::Handle, key::Ptr{Buffer}, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_last(dict::Handle, key::Ptr{Buffer}, value::Ptr{Buffer})::Status
@waiting_symbol pc_dict_remove_range(dict::Handle, range::Ptr{Range}, removed::Ptr{UInt64})::Status
@waiting_symbol pc_dict_put_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, values::Bytes, value_offsets::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_dict_get_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, present::Bytes, values_out::Bytes, values_cap::Size, values::Ptr{Buffer}, value_offsets::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_dict_values(dict::Handle, range::Ptr{Range}, values::Ptr{Buffer})::Status
@waiting_symbol pc_dict_remove_many(dict::Handle, count::Size, keys::Bytes, key_offsets::Ptr{UInt64}, removed::Ptr{UInt64}, failed_at::Ptr{Size})::Status

@waiting_symbol pc_set_open(env::Handle, name::Bytes, type::Bytes, flags::UInt32, out::Ptr{Handle})::Status
@waiting_symbol pc_set_close(set::Handle)::Status
@waiting_symbol pc_set_schema(set::Handle, types::Ptr{Buffer}, raw::Ptr{Bool})::Status
@waiting_symbol pc_set_add(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_remove(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_contains(set::Handle, element::Bytes, len::Size)::Status
@waiting_symbol pc_set_len(set::Handle, len::Ptr{UInt64})::Status
@waiting_symbol pc_set_clear(set::Handle)::Status
@waiting_symbol pc_set_first(set::Handle, element::Ptr{Buffer})::Status
@waiting_symbol pc_set_last(set::Handle, element::Ptr{Buffer})::Status
@waiting_symbol pc_set_remove_range(set::Handle, range::Ptr{Range}, removed::Ptr{UInt64})::Status
@waiting_symbol pc_set_add_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, added::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_remove_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, removed::Ptr{UInt64}, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_contains_many(set::Handle, count::Size, elements::Bytes, offsets::Ptr{UInt64}, present::Bytes, failed_at::Ptr{Size})::Status
@waiting_symbol pc_set_union(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_intersection(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_difference(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_symmetric_difference(a::Handle, b::Handle, into::Handle)::Status
@waiting_symbol pc_set_is_subset(a::Handle, b::Handle, out::Ptr{Bool})::Status
@waiting_symbol pc_set_is_disjoint(a::Handle, b::Handle, out::Ptr{Bool})::Status

@waiting_symbol pc_txn_begin(env::Handle, kind::Int32, timeout_ms::Int64, out::Ptr{Handle})::Status
@waiting_symbol pc_txn_commit(txn::Handle)::Status
@waiting_symbol pc_txn_abort(txn::Handle)::Status
@waiting_symbol pc_txn_current(env::Handle, out::Ptr{Handle})::Status
@waiting_symbol pc_txn_set_current(env::Handle, txn::Handle, previous::Ptr{Handle})::Status
@symbol pc_set_reads_wait(wait::Bool)::Bool
@symbol pc_set_interrupt(check::Ptr{Cvoid}, context::Ptr{Cvoid})::Status

@waiting_symbol pc_iter_open_dict(dict::Handle, range::Ptr{Range}, out::Ptr{Handle})::Status
@waiting_symbol pc_iter_open_set(set::Handle, range::Ptr{Range}, out::Ptr{Handle})::Status
@waiting_symbol pc_iter_next(iter::Handle, key::Ptr{Bytes}, key_len::Ptr{Size}, value::Ptr{Bytes}, value_len::Ptr{Size})::Status
@waiting_symbol pc_iter_prev(iter::Handle, key::Ptr{Bytes}, key_len::Ptr{Size}, value::Ptr{Bytes}, value_len::Ptr{Size})::Status
@waiting_symbol pc_iter_next_batch(iter::Handle, max_items::Size, max_bytes::Size, out::Ptr{Batch})::Status
@waiting_symbol pc_iter_seek(iter::Handle, key::Bytes, key_len::Size)::Status
@waiting_symbol pc_iter_close(iter::Handle)::Status
