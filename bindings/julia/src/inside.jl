# Recognizes tasks that were started inside a transaction: they inherit the mark of the code that started them.

@static if VERSION >= v"1.11"
    # Tasks inherit scoped values, and a program cannot hide this one.
    struct Inside
        around::Union{Nothing,Inside}
        transaction::OpenTransaction
    end

    const INSIDE = Base.ScopedValues.ScopedValue{Union{Nothing,Inside}}(nothing)

    @inline started_inside() = INSIDE[]
    marked(f::F, entry::OpenTransaction) where {F} = Base.ScopedValues.with(f, INSIDE => Inside(INSIDE[], entry))
else
    # A task's logger is handed down to the tasks that it starts, and nothing else is in these versions. All that is logged goes
    # to the one around it. A logger that is set inside hides this one.
    struct Inside <: AbstractLogger
        around::AbstractLogger
        transaction::OpenTransaction
    end

    Logging.handle_message(logger::Inside, arguments...; keywords...) =
        Logging.handle_message(logger.around, arguments...; keywords...)
    Logging.shouldlog(logger::Inside, arguments...) = Logging.shouldlog(logger.around, arguments...)
    Logging.min_enabled_level(logger::Inside) = Logging.min_enabled_level(logger.around)
    Logging.catch_exceptions(logger::Inside) = Logging.catch_exceptions(logger.around)

    @inline started_inside() = current_logger()
    marked(f::F, entry::OpenTransaction) where {F} = with_logger(f, Inside(current_logger(), entry))
end
