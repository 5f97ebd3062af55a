/// \file
/// Exceptions: one class for each status of the C ABI that is an error, all derived from pc::error.
#ifndef PERSISTENT_COLLECTIONS_ERROR_HPP
#define PERSISTENT_COLLECTIONS_ERROR_HPP

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "../persistent_collections.h"

namespace pc {

/// The base class of every exception of this library. `what()` is one line that says what was found and
/// what to do.
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// try {
///     pc::dict<std::string, std::string> other(env, "ages");
/// } catch (const pc::error &failure) {
///     assert(failure.status() == PC_ERR_TYPE_MISMATCH);
/// }
/// ```
class error : public std::runtime_error {
  public:
    /// Makes an error from a status and a message.
    error(pc_status status, const std::string &message, std::optional<std::size_t> failed_at = std::nullopt)
        : std::runtime_error(message), status_(status), failed_at_(failed_at) {}

    /// Returns the status of the C ABI, one of `PC_ERR_*`, or `PC_NOT_FOUND` for pc::key_not_found.
    [[nodiscard]] pc_status status() const noexcept { return status_; }

    /// Returns the index of the invalid item of a batch, or nothing if the failure concerns no single
    /// item.
    [[nodiscard]] std::optional<std::size_t> failed_at() const noexcept { return failed_at_; }

  private:
    pc_status status_;
    std::optional<std::size_t> failed_at_;
};

/// \cond internal
namespace detail {

template <pc_status... Known> [[noreturn]] void throw_one_of(const error &made);

} // namespace detail
/// \endcond

/// The exception of one status; the names below stand for it.
template <pc_status Status> class status_error : public error {
  public:
    /// Makes an error from a message.
    explicit status_error(const std::string &message, std::optional<std::size_t> failed_at = std::nullopt)
        : error(Status, message, failed_at) {}

  private:
    template <pc_status... Known> friend void detail::throw_one_of(const error &);
    // A copy cannot throw, so that a compiler has little to do for each of the classes.
    explicit status_error(const error &made) noexcept : error(made) {}
};

/// `at` or a reading `operator[]` found no such key.
using key_not_found = status_error<PC_NOT_FOUND>;
/// An argument is invalid.
using invalid_argument = status_error<PC_ERR_INVALID_ARGUMENT>;
/// The environment, collection, transaction or iterator was closed, or has ended.
using bad_handle = status_error<PC_ERR_BAD_HANDLE>;
/// A bug in the library.
using panic = status_error<PC_ERR_PANIC>;
/// A memory allocation failed.
using no_memory = status_error<PC_ERR_NO_MEMORY>;
/// The operating system reported a failure that has no status of its own.
using io_error = status_error<PC_ERR_IO>;
/// The object was inherited through `fork`.
using forked = status_error<PC_ERR_FORKED>;
/// No environment exists at the path.
using no_environment = status_error<PC_ERR_NO_ENVIRONMENT>;
/// The process may not read or write the files.
using permission_denied = status_error<PC_ERR_PERMISSION>;
/// The file is not an LMDB data file.
using not_a_database = status_error<PC_ERR_NOT_A_DATABASE>;
/// The data file is shorter than its header says.
using truncated = status_error<PC_ERR_TRUNCATED>;
/// The data file has a format that this version does not read.
using format_version = status_error<PC_ERR_FORMAT_VERSION>;
/// The data file was created with another page size.
using page_size = status_error<PC_ERR_PAGE_SIZE>;
/// Another build of LMDB has the environment open.
using lock_version = status_error<PC_ERR_LOCK_VERSION>;
/// The files are on a network file system.
using network_fs = status_error<PC_ERR_NETWORK_FS>;
/// Another container's process has the same process id.
using pid_clash = status_error<PC_ERR_PID_CLASH>;
/// The environment is open in this process with other options.
using options_differ = status_error<PC_ERR_OPTIONS_DIFFER>;
/// The data file is damaged.
using corrupted = status_error<PC_ERR_CORRUPTED>;
/// All reader slots are taken.
using readers_full = status_error<PC_ERR_READERS_FULL>;
/// The environment cannot hold another open collection.
using collections_full = status_error<PC_ERR_COLLECTIONS_FULL>;
/// The data file or a lock file was removed or replaced while the environment was open.
using replaced = status_error<PC_ERR_REPLACED>;
/// The data file is in use under other lock files.
using lock_files = status_error<PC_ERR_LOCK_FILES>;
/// Another copy of LMDB or of this library in the process has the environment open.
using second_copy = status_error<PC_ERR_SECOND_COPY>;
/// The collection does not exist.
using no_collection = status_error<PC_ERR_NO_COLLECTION>;
/// A dict was opened as a set, or a set as a dict.
using wrong_kind = status_error<PC_ERR_WRONG_KIND>;
/// The stored types differ.
using type_mismatch = status_error<PC_ERR_TYPE_MISMATCH>;
/// The type is not allowed in this place.
using bad_type = status_error<PC_ERR_BAD_TYPE>;
/// The name of the collection cannot be used.
using bad_name = status_error<PC_ERR_BAD_NAME>;
/// The collection needs a newer version of the library.
using requires_newer = status_error<PC_ERR_REQUIRES>;
/// The key is not of the collection's key type.
using bad_key = status_error<PC_ERR_BAD_KEY>;
/// The value is not of the collection's value type.
using bad_value = status_error<PC_ERR_BAD_VALUE>;
/// The key is empty or too long.
using key_size = status_error<PC_ERR_KEY_SIZE>;
/// The value is too long.
using value_size = status_error<PC_ERR_VALUE_SIZE>;
/// The sum is outside the range of the value type.
using overflow = status_error<PC_ERR_OVERFLOW>;
/// A write inside a snapshot.
using in_snapshot = status_error<PC_ERR_IN_SNAPSHOT>;
/// The call is not allowed inside a transaction.
using in_transaction = status_error<PC_ERR_IN_TRANSACTION>;
/// The call needs a current transaction.
using no_transaction = status_error<PC_ERR_NO_TRANSACTION>;
/// The transaction belongs to another thread.
using wrong_thread = status_error<PC_ERR_WRONG_THREAD>;
/// Only the innermost transaction can end.
using not_innermost = status_error<PC_ERR_NOT_INNERMOST>;
/// A failure has doomed the transaction; it can only be aborted.
using transaction_failed = status_error<PC_ERR_TXN_FAILED>;
/// The write lock was not free before the timeout; the message names its holder.
using busy = status_error<PC_ERR_BUSY>;
/// The environment was opened read-only, or the collection cannot be written.
using read_only = status_error<PC_ERR_READ_ONLY>;
/// The check set by pc_set_interrupt ended a wait.
using interrupted = status_error<PC_ERR_INTERRUPTED>;
/// The transaction outgrew the memory map; a retry fits (pc::run retries).
using map_full = status_error<PC_ERR_MAP_FULL>;
/// The memory map cannot grow while references into it are borrowed.
using map_busy = status_error<PC_ERR_MAP_BUSY>;
/// No space is left for the data file.
using disk_full = status_error<PC_ERR_DISK_FULL>;
/// The commit may or may not have reached the disk.
using commit_unknown = status_error<PC_ERR_COMMIT_UNKNOWN>;
/// A failure has made the environment unusable; reopen it.
using environment_failed = status_error<PC_ERR_ENV_FAILED>;
/// Another transaction interfered; a retry may succeed (pc::run retries).
using conflict = status_error<PC_ERR_CONFLICT>;
/// The engine cannot be reached.
using unavailable = status_error<PC_ERR_UNAVAILABLE>;
/// The engine cannot do this.
using unsupported = status_error<PC_ERR_UNSUPPORTED>;

/// \cond internal
namespace detail {

template <pc_status... Known> [[noreturn]] void throw_one_of(const error &made) {
    ((made.status() == Known ? throw status_error<Known>(made) : void()), ...);
    throw made;
}

/// Throws the exception of a status. `failed_at` is the output of a batch call.
[[noreturn]] inline void raise(pc_status status, const std::string &message,
                               std::size_t failed_at = SIZE_MAX) {
    throw_one_of<PC_NOT_FOUND, PC_ERR_INVALID_ARGUMENT, PC_ERR_BAD_HANDLE, PC_ERR_PANIC, PC_ERR_NO_MEMORY,
                 PC_ERR_IO, PC_ERR_FORKED, PC_ERR_NO_ENVIRONMENT, PC_ERR_PERMISSION, PC_ERR_NOT_A_DATABASE,
                 PC_ERR_TRUNCATED, PC_ERR_FORMAT_VERSION, PC_ERR_PAGE_SIZE, PC_ERR_LOCK_VERSION,
                 PC_ERR_NETWORK_FS, PC_ERR_PID_CLASH, PC_ERR_OPTIONS_DIFFER, PC_ERR_CORRUPTED,
                 PC_ERR_READERS_FULL, PC_ERR_COLLECTIONS_FULL, PC_ERR_REPLACED, PC_ERR_LOCK_FILES,
                 PC_ERR_SECOND_COPY, PC_ERR_INTERRUPTED, PC_ERR_NO_COLLECTION, PC_ERR_WRONG_KIND,
                 PC_ERR_TYPE_MISMATCH, PC_ERR_BAD_TYPE, PC_ERR_BAD_NAME, PC_ERR_REQUIRES, PC_ERR_BAD_KEY,
                 PC_ERR_BAD_VALUE, PC_ERR_KEY_SIZE, PC_ERR_VALUE_SIZE, PC_ERR_OVERFLOW, PC_ERR_IN_SNAPSHOT,
                 PC_ERR_IN_TRANSACTION, PC_ERR_NO_TRANSACTION, PC_ERR_WRONG_THREAD, PC_ERR_NOT_INNERMOST,
                 PC_ERR_TXN_FAILED, PC_ERR_BUSY, PC_ERR_READ_ONLY, PC_ERR_MAP_FULL, PC_ERR_MAP_BUSY,
                 PC_ERR_DISK_FULL, PC_ERR_COMMIT_UNKNOWN, PC_ERR_ENV_FAILED, PC_ERR_CONFLICT,
                 PC_ERR_UNAVAILABLE, PC_ERR_UNSUPPORTED>(
        error(status, message, failed_at == SIZE_MAX ? std::nullopt : std::optional<std::size_t>(failed_at)));
}

/// Throws the exception of this thread's last failure.
[[noreturn]] inline void raise_last(pc_status status, std::size_t failed_at = SIZE_MAX) {
    const char *message = pc_last_error();
    raise(status, *message != '\0' ? message : pc_strerror(status), failed_at);
}

} // namespace detail
/// \endcond

/// Throws the exception of a status if it is an error, and returns it otherwise. For calls of the C ABI
/// itself:
///
/// ```cpp
/// pc::dict<std::string, std::int64_t> ages(env, "ages");
/// std::uint64_t count = 1;
/// pc::check(pc_dict_len(ages.handle(), &count));
/// assert(count == 0);
/// ```
inline pc_status check(pc_status status) {
    if (status < 0)
        detail::raise_last(status);
    return status;
}

} // namespace pc

#endif
