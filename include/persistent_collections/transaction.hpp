/// \file
/// Transactions and snapshots, which last as long as a scope, and functions that run in one.
#ifndef PERSISTENT_COLLECTIONS_TRANSACTION_HPP
#define PERSISTENT_COLLECTIONS_TRANSACTION_HPP

#include <type_traits>

#include "codec.hpp"
#include "environment.hpp"

namespace pc {

template <class Key, class Value> class dict;
template <class T> class set;
class transaction;

/// The type of pc::unsynced.
struct unsynced_t {};
/// Asks for a transaction whose commit does not wait for stable storage, whatever the environment's
/// durability is. A crash of the system may lose the commits since the last pc::environment::flush or durable
/// commit, or damage the file; a crash of the process loses nothing. Inside another transaction it has no
/// effect.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> visits(env, "visits");
/// pc::run(env, pc::unsynced, [&] { visits["today"] = 1; });
/// env.flush(); // now it is durable
/// assert(visits.at("today") == 1);
/// ```
inline constexpr unsynced_t unsynced{};

/// \cond internal
namespace detail {

/// How to begin a transaction: a negative timeout is that of the environment.
struct beginning {
    std::int64_t timeout = -1;
    std::int32_t kind = PC_TXN_WRITE;
};
inline constexpr beginning unsynced_beginning{-1, PC_TXN_WRITE | PC_TXN_NO_SYNC};
inline beginning waiting_for(std::chrono::milliseconds timeout) noexcept {
    return {timeout.count() < 0 ? 0 : timeout.count(), PC_TXN_WRITE};
}

template <class Function> auto run_once(pc_env env, Function &function, beginning how, bool &undone);

/// A transaction or snapshot, which lasts as long as its object.
class scope {
  public:
    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

    /// Returns the handle of the C ABI.
    [[nodiscard]] pc_txn handle() const noexcept { return handle_; }

  protected:
    scope(pc_env env, beginning how) : env_(env) {
        check(pc_txn_begin(env, how.kind, how.timeout, &handle_));
    }
    /// Aborts it, with the transactions that were begun inside it and have not ended.
    ~scope() {
        while (!ended_ && pc_txn_abort(handle_) == PC_ERR_NOT_INNERMOST) {
            pc_txn inner{0};
            ended_ = pc_txn_current(env_, &inner) != PC_OK || inner.id == 0 || pc_txn_abort(inner) != PC_OK;
        }
    }

    pc_env env_;
    pc_txn handle_{0};
    bool ended_ = false;
};

/// The result of reading a value without a copy.
template <class Value> struct view_of { using type = Value; };
template <> struct view_of<std::string> { using type = std::string_view; };
template <class T> struct view_of<std::vector<T>> { using type = array_view<T>; };
template <class T, std::size_t N> struct view_of<std::array<T, N>> {
    using type = array_view<typename array_of<std::array<T, N>>::number>;
};

} // namespace detail
/// \endcond

/// A transaction for a scope: until its end, all reads and writes of the calling thread in the
/// environment's collections are part of it. It is not passed to the dicts and sets. \ref commit keeps
/// the writes; leaving the scope without it, for example by an exception, undoes them.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> accounts(env, "accounts");
/// accounts.put("Ada", 100);
/// {
///     pc::transaction transaction(env);
///     accounts.increment("Ada", -30);
///     accounts.increment("Alan", 30);
///     transaction.commit();
/// }
/// {
///     pc::transaction undone(env);
///     accounts.clear();
/// }
/// assert(accounts.at("Ada") == 70 && accounts.at("Alan") == 30);
/// ```
///
/// A transaction inside another is a savepoint: it can be aborted alone. It belongs to its thread, and
/// cannot be copied or moved. If it outgrows the memory map, it throws pc::map_full; a retry fits, and
/// pc::run retries it.
class [[nodiscard]] transaction : public detail::scope {
  public:
    /// Begins a transaction, with the write timeout of the environment's options. Throws pc::busy after
    /// the timeout, pc::in_snapshot inside a pc::snapshot, pc::read_only.
    [[nodiscard]] explicit transaction(const environment &env)
        : transaction(env.handle(), detail::beginning()) {}
    /// Begins a transaction, waiting at most this long; 0 does not wait.
    [[nodiscard]] transaction(const environment &env, std::chrono::milliseconds timeout)
        : transaction(env.handle(), detail::waiting_for(timeout)) {}
    /// Begins a transaction whose commit does not wait for stable storage; see pc::unsynced.
    [[nodiscard]] transaction(const environment &env, unsynced_t)
        : transaction(env.handle(), detail::unsynced_beginning) {}

    /// Commits the transaction and ends it, with the environment's durability. A savepoint becomes part
    /// of the transaction around it. If the call throws, the transaction is aborted, except for
    /// pc::not_innermost and pc::wrong_thread, after which it continues.
    void commit() {
        const pc_status status = pc_txn_commit(handle_);
        committed_ = status == PC_OK;
        ended_ = status != PC_ERR_WRONG_THREAD && status != PC_ERR_NOT_INNERMOST && status != PC_ERR_FORKED;
        check(status);
    }
    /// Undoes the writes, and ends the transaction.
    void abort() {
        const pc_status status = pc_txn_abort(handle_);
        ended_ = status != PC_ERR_NOT_INNERMOST && status != PC_ERR_FORKED;
        check(status);
    }
    /// Checks whether the transaction has been committed or aborted.
    [[nodiscard]] bool ended() const noexcept { return ended_; }
    /// Returns the handle of the C ABI.
    using scope::handle;

  private:
    template <class Function> friend auto detail::run_once(pc_env, Function &, detail::beginning, bool &);
    transaction(pc_env env, detail::beginning how) : scope(env, how) {}

    bool committed_ = false;
};

/// \cond internal
namespace detail {

/// Calls the function of pc::run, with the transaction if it takes one.
template <class Function> decltype(auto) call_in(transaction &txn, Function &function) {
    if constexpr (std::is_invocable_v<Function &, transaction &>)
        return function(txn);
    else
        return function();
}

/// Commits a transaction that the function has not ended itself.
inline void commit_unless_ended(transaction &txn) {
    if (!txn.ended())
        txn.commit();
}

/// Runs a function in a transaction. The result is constructed in its final place before the commit: a
/// copy after the commit could throw although the writes were kept.
template <class Result, class Function> Result result_of(transaction &txn, Function &function) {
    Result result = call_in(txn, function);
    commit_unless_ended(txn);
    return result;
}

/// Runs a function in a transaction once. `undone`: whether all of it was undone, if it throws.
template <class Function> auto run_once(pc_env env, Function &function, beginning how, bool &undone) {
    struct watch {
        ~watch() { undone = !txn.committed_; }
        const transaction &txn;
        bool &undone;
    };
    transaction txn(env, how);
    const watch watching{txn, undone};
    using result = std::decay_t<decltype(call_in(txn, function))>;
    if constexpr (std::is_void_v<result>) {
        call_in(txn, function);
        commit_unless_ended(txn);
    } else {
        return result_of<result>(txn, function);
    }
}

} // namespace detail

template <class Function> auto run_in(pc_env env, Function &&function, detail::beginning how = {}) {
    // The map is twice as large each time, so that this is never reached.
    constexpr int at_most = 64;
    for (int attempt = 1;; attempt++) {
        bool undone = true;
        try {
            return detail::run_once(env, function, how, undone);
        } catch (const error &failure) {
            const bool again = failure.status() == PC_ERR_MAP_FULL || failure.status() == PC_ERR_CONFLICT;
            pc_txn outer{0};
            // Inside another transaction it is that one which must be run again.
            if (!again || !undone || attempt == at_most || pc_txn_current(env, &outer) != PC_OK ||
                outer.id != 0)
                throw;
        }
    }
}
/// \endcond

/// Runs a function in a transaction, which is committed when the function returns and aborted when it
/// throws. If the transaction outgrows the memory map, or meets a conflict, pc::run retries it: the
/// function must allow running twice.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> stock(env, "stock");
/// std::int64_t left = pc::run(env, [&] {
///     stock.put("apples", 3);
///     return stock.increment("apples", -1);
/// });
/// assert(left == 2);
/// ```
///
/// The function takes no argument, or the pc::transaction, to end it early. Its result is returned by
/// value.
template <class Function> auto run(const environment &env, Function &&function) {
    return run_in(env.handle(), std::forward<Function>(function));
}
/// Runs a function in a transaction, waiting for its turn at most this long.
template <class Function>
auto run(const environment &env, std::chrono::milliseconds timeout, Function &&function) {
    return run_in(env.handle(), std::forward<Function>(function), detail::waiting_for(timeout));
}
/// Runs a function in a transaction whose commit does not wait for stable storage; see pc::unsynced.
template <class Function> auto run(const environment &env, unsynced_t, Function &&function) {
    return run_in(env.handle(), std::forward<Function>(function), detail::unsynced_beginning);
}

/// Makes the calling thread see one state of all collections of an environment until the end of the scope,
/// whatever is written meanwhile, and lets it read without copying. Writing in it throws pc::in_snapshot.
///
/// ```cpp
/// pc::dict<std::string, std::string> texts(env, "texts");
/// texts.put("greeting", "hello");
/// pc::snapshot snapshot(env);
/// std::string_view greeting = *snapshot.view(texts, "greeting");
/// assert(greeting == "hello");
/// ```
///
/// Inside a pc::transaction, it sees the writes so far. A snapshot that lives for long makes the file
/// grow. It belongs to its thread, and cannot be copied or moved.
class [[nodiscard]] snapshot : public detail::scope {
  public:
    /// Begins a snapshot. Never waits.
    [[nodiscard]] explicit snapshot(const environment &env) : snapshot(env.handle()) {}

    /// Returns a key's value without copying it: text as `std::string_view`, arrays and bytes as
    /// pc::array_view, other types by value. Returns nothing if the key is absent. The view is valid
    /// until the snapshot ends.
    ///
    /// Not for values of `any`. Throws pc::no_transaction if the dict is of another environment.
    template <class Key, class Value>
    [[nodiscard]] std::optional<typename detail::view_of<Value>::type> view(const dict<Key, Value> &from,
                                                                            detail::argument<Key> key) const {
        return from.template get_ref<typename detail::view_of<Value>::type>(key);
    }

    /// Returns the handle of the C ABI.
    using scope::handle;

  private:
    template <class Key, class Value> friend class dict;
    template <class T> friend class set;
    explicit snapshot(pc_env env) : scope(env, {0, PC_TXN_READ}) {}
};

} // namespace pc

#endif
