/// \file
/// Environments: opening and closing them, and operations on a whole environment.
#ifndef PERSISTENT_COLLECTIONS_ENVIRONMENT_HPP
#define PERSISTENT_COLLECTIONS_ENVIRONMENT_HPP

#include <utility>
#include <vector>

#include "durations.hpp"
#include "memory.hpp"
#include "path.hpp"

namespace pc {

/// The failures that a commit survives once it has returned.
enum class durability : std::int32_t {
    /// A commit survives a loss of power: it is on stable storage. The default.
    full = PC_DURABILITY_FULL,
    /// A crash of the system may undo the last commits; the rest is consistent.
    no_meta_sync = PC_DURABILITY_NO_META_SYNC,
    /// pc::environment::flush makes commits durable. A crash of the system may lose the writes since, or
    /// damage the file; a crash of the process loses nothing.
    none = PC_DURABILITY_NONE
};

/// How to open an environment.
struct options {
    /// Every write is refused, and nothing is created.
    bool read_only = false;
    /// No process writes to the files while they are open: the library uses no lock file. Implies
    /// `read_only`.
    bool immutable = false;
    /// Create the environment, and the last directory of its path, if it does not exist.
    bool create = true;
    /// The path is that of the data file itself, not of its directory.
    bool no_subdir = false;
    union {
        /// Check the structure of the data file before it is used.
        bool check_on_open = false;
        /// The old name of \ref check_on_open.
        [[deprecated("use check_on_open")]] bool verify;
    };
    /// The failures that a commit survives.
    pc::durability durability = pc::durability::full;
    /// Bytes of address space to reserve at the start; 0: up to 1 TiB, which takes no disk space. It grows by
    /// itself.
    std::uint64_t map_size = 0;
    /// Permission bits of new files; 0: 0644.
    std::uint32_t mode = 0;
    /// The number of collections that can be open at a time; 0: 1,024.
    std::uint32_t max_collections = 0;
    /// The number of threads, of all processes, that can read at a time; 0: 1,024.
    std::uint32_t max_readers = 0;
    /// The interval in milliseconds of flushes in the background; 0: never.
    std::chrono::milliseconds flush_interval{0};
    /// The timeout of a write that waits for its turn, at least a millisecond; negative: no timeout.
    std::chrono::milliseconds write_timeout{60000};
};

/// A collection, as pc::environment::collections returns it.
struct collection_info {
    /// Its name.
    std::string name;
    /// One of `PC_KIND_*`.
    std::int32_t kind = 0;
    /// The type of keys or elements; `-` if it is raw.
    std::string key_type;
    /// The type of values; `unit` of a set, `-` if it is raw.
    std::string value_type;
    /// The number of entries or elements.
    std::uint64_t count = 0;
};

/// The result of pc::environment::check.
struct check_report {
    /// The number of pages of the data file: the sum of the next three.
    std::uint64_t pages = 0;
    /// The number of pages that hold data.
    std::uint64_t used = 0;
    /// The number of free pages.
    std::uint64_t free = 0;
    /// The number of pages that are neither used nor free; they waste space but do no harm.
    std::uint64_t lost = 0;
    /// The number of collections.
    std::uint64_t collections = 0;
};

/// A reader slot in use, as pc::environment::readers returns it.
struct reader_info {
    /// The process.
    std::int64_t process = 0;
    /// The system's number of the thread.
    std::uint64_t thread = 0;
    /// The commit that its snapshot sees, if it is reading.
    std::optional<std::uint64_t> commit;
    union {
        /// The number of commits since, if it is reading.
        std::optional<std::uint64_t> behind;
        /// The old name of \ref behind.
        [[deprecated("use behind")]] std::optional<std::uint64_t> commits_since;
    };

    /// Makes the information of a slot that is not reading.
    reader_info() noexcept : behind() {}
};

/// The result of pc::environment::info: the fields of `pc_env_stat`, which the header of the C ABI documents,
/// and names for those in which C says *txn* for a commit.
struct environment_info : pc_env_stat {
    /// Returns the number of the newest commit.
    [[nodiscard]] std::uint64_t last_commit() const noexcept { return last_txn; }
    /// Returns the commit that the oldest snapshot in use sees; that of \ref last_commit if there is none.
    [[nodiscard]] std::uint64_t oldest_reader_commit() const noexcept { return oldest_reader_txn; }
};

/// The types of a collection, as pc::environment::schema returns them.
struct schema {
    /// One of `PC_KIND_*`.
    std::int32_t kind = 0;
    /// The type of keys or elements; empty if it is raw.
    std::string key_type;
    /// The type of values; `unit` of a set, empty if it is raw.
    std::string value_type;
};

/// \cond internal
namespace detail {

/// Converts a name or path for C. A NUL inside would cut it short.
inline std::string c_text(std::string_view text, pc_status otherwise) {
    if (text.find('\0') != std::string_view::npos)
        raise(otherwise, "a name or path has a NUL inside; leave it out");
    return std::string(text);
}

inline std::string c_path(const path_argument &path) { return c_text(path.bytes(), PC_ERR_INVALID_ARGUMENT); }

/// Key type and value type, as the C ABI returns them: each NUL-terminated.
inline std::pair<std::string, std::string> split_types(std::string_view both) {
    const std::size_t end = both.find('\0');
    if (end == std::string_view::npos)
        return {std::string(both), std::string()};
    std::string_view second = both.substr(end + 1);
    return {std::string(both.substr(0, end)), std::string(second.substr(0, second.find('\0')))};
}

/// Removes the part before a separator from a text, and returns it.
inline std::string_view take_field(std::string_view &text, char separator) {
    const std::size_t end = text.find(separator);
    const std::string_view field = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return field;
}

/// A name from pc_env_list, where backslash, TAB, LF and CR are written with a backslash.
inline std::string unescape(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            i++;
            plain += text[i] == 't' ? '\t' : text[i] == 'n' ? '\n' : text[i] == 'r' ? '\r' : text[i];
        } else {
            plain += text[i];
        }
    }
    return plain;
}

} // namespace detail
/// \endcond

/// An environment: a directory, or a file, that holds many dicts and sets, and that other threads, processes
/// and languages can have open at the same time.
///
/// ```cpp
/// pc::options options;
/// options.durability = pc::durability::no_meta_sync;
/// pc::environment env("data", options);
/// pc::set<std::string> seen(env, "seen");
/// seen.insert("Ada");
/// for (const pc::collection_info &one : env.collections())
///     assert(one.name == "seen" && one.count == 1);
/// ```
///
/// It can be moved but not copied. Its destructor closes it; dicts, sets, transactions and iterators of
/// it then throw pc::bad_handle, and may be destroyed in any order. The same environment may be opened
/// several times, also in one process. Its functions may be called from any thread.
class [[nodiscard]] environment {
  public:
    /// Opens an environment; by default, creates it and the last directory of its path. Throws
    /// pc::no_environment, pc::permission_denied, pc::not_a_database, pc::options_differ and others.
    explicit environment(const path_argument &path, const pc::options &options = {}) {
        if (pc_abi_version() != PC_ABI_VERSION)
            detail::raise(PC_ERR_UNSUPPORTED,
                          "the library loaded is of ABI version " + std::to_string(pc_abi_version()) +
                              ", the program was compiled for " + std::to_string(PC_ABI_VERSION));
        pc_env_options given;
        pc::check(pc_env_options_init(&given, sizeof given));
        given.map_size = options.map_size;
        given.mode = options.mode;
        given.max_collections = options.max_collections;
        given.max_readers = options.max_readers;
        given.durability = static_cast<std::int32_t>(options.durability);
        given.flush_interval_ms = options.flush_interval.count();
        const auto timeout = options.write_timeout.count();
        given.write_timeout_ms = timeout < 0 ? -1 : timeout == 0 ? 1 : timeout;
        given.flags = (options.read_only ? PC_ENV_READ_ONLY : 0u) |
                      (options.immutable ? PC_ENV_IMMUTABLE : 0u) | (options.create ? 0u : PC_ENV_NO_CREATE) |
                      (options.no_subdir ? PC_ENV_NO_SUBDIR : 0u) |
                      (options.check_on_open ? PC_ENV_VERIFY : 0u);
        pc::check(pc_env_open(detail::c_path(path).c_str(), &given, handle_.out()));
    }

    environment(const environment &) = delete;
    environment &operator=(const environment &) = delete;
    /// Takes over the handle of another object.
    environment(environment &&other) noexcept = default;
    /// Closes its own handle, and takes over that of another object; moving from itself has no effect.
    environment &operator=(environment &&other) noexcept = default;
    ~environment() = default;

    /// Opens the same files again, for a part of the program that closes its own environment; in the
    /// child of a `fork`, those of an environment that the parent had open. The library finds them where
    /// they were opened, not by the path.
    ///
    /// ```cpp
    /// pc::environment again = env.reopen();
    /// env.close();
    /// assert(again.is_open());
    /// ```
    [[nodiscard]] environment reopen() const {
        environment again;
        pc::check(pc_env_reopen(handle(), again.handle_.out()));
        return again;
    }

    /// Closes the environment before its destructor does; a second call has no effect.
    void close() {
        if (is_open())
            pc::check(pc_env_close(handle_.release()));
    }
    /// Checks whether this object is still open.
    [[nodiscard]] bool is_open() const noexcept { return handle_.is_open(); }
    /// Returns the handle of the C ABI.
    [[nodiscard]] pc_env handle() const noexcept { return handle_.get(); }

    /// Makes all commits durable, whatever the durability. Throws pc::in_transaction inside the thread's
    /// own write transaction.
    void flush() const { pc::check(pc_flush(handle())); }

    /// Waits for a commit newer than `since`, of any process or thread, and returns the number of the newest
    /// commit. Returns nothing if there was none before the timeout; a negative one means no timeout. To miss
    /// no commit, take the number of \ref last_commit first, then read, then wait with that number. Throws
    /// pc::in_transaction inside the thread's own transaction.
    ///
    /// ```cpp
    /// const std::uint64_t seen = env.last_commit();
    /// pc::dict<std::string, std::int64_t>(env, "ages")["Ada"] = 36;
    /// assert(env.wait(seen) > seen);
    /// assert(!env.wait(env.last_commit(), std::chrono::milliseconds(1)));
    /// ```
    [[nodiscard]] std::optional<std::uint64_t>
    wait(std::uint64_t since, std::chrono::milliseconds timeout = std::chrono::milliseconds(-1)) const {
        const std::int64_t limit = timeout.count() < 0 ? -1 : timeout.count();
        if (pc::check(pc_env_wait(handle(), &since, limit)) == PC_TIMEOUT)
            return std::nullopt;
        return since;
    }

    /// Returns the number of the newest commit; 0 if there was none yet.
    [[nodiscard]] std::uint64_t last_commit() const {
        std::uint64_t commit = 0;
        pc::check(pc_env_wait(handle(), &commit, 0));
        return commit;
    }

    /// Returns what the environment's engine can do: any of `PC_TRAIT_*`.
    [[nodiscard]] std::uint32_t traits() const {
        std::uint32_t traits = 0;
        pc::check(pc_env_traits(handle(), &traits));
        return traits;
    }

    /// Returns sizes, counts and options.
    [[nodiscard]] environment_info info() const {
        environment_info made{};
        made.struct_size = sizeof(pc_env_stat);
        pc::check(pc_env_info(handle(), &made));
        return made;
    }

    /// Returns the path that it was first opened by, or its URL without passwords.
    [[nodiscard]] std::string path() const {
        buffer text;
        pc::check(pc_env_path(handle(), text.get()));
        return std::string(text.view());
    }

    /// Lists all collections, ordered by name.
    [[nodiscard]] std::vector<collection_info> collections() const {
        buffer text;
        pc::check(pc_env_list(handle(), text.get()));
        std::vector<collection_info> made;
        for (std::string_view lines = text.view(); !lines.empty();) {
            std::string_view line = detail::take_field(lines, '\n');
            collection_info &one = made.emplace_back();
            one.name = detail::unescape(detail::take_field(line, '\t'));
            const std::string_view kind = detail::take_field(line, '\t');
            one.kind = kind == "dict" ? PC_KIND_DICT : kind == "set" ? PC_KIND_SET : PC_KIND_RAW;
            one.key_type = detail::take_field(line, '\t');
            one.value_type = detail::take_field(line, '\t');
            one.count = std::stoull(std::string(line));
        }
        return made;
    }

    /// The old name of \ref collections.
    [[deprecated("use collections"), nodiscard]] std::vector<collection_info> list() const {
        return collections();
    }

    /// Returns the kind and types of a collection; nothing if it does not exist.
    [[nodiscard]] std::optional<pc::schema> schema(std::string_view name) const {
        buffer types;
        pc::schema made;
        const std::string text = detail::c_text(name, PC_ERR_BAD_NAME);
        if (pc::check(pc_collection_schema(handle(), text.c_str(), &made.kind, types.get())) == PC_NOT_FOUND)
            return std::nullopt;
        auto stored = detail::split_types(types.view());
        made.key_type = std::move(stored.first);
        made.value_type = std::move(stored.second);
        return made;
    }

    /// Drops a collection with all its entries; objects that have it open throw pc::no_collection from
    /// then on. Returns false if it does not exist.
    bool drop(std::string_view name) const {
        return pc::check(pc_collection_drop(handle(), detail::c_text(name, PC_ERR_BAD_NAME).c_str())) ==
               PC_OK;
    }

    /// Copies the newest commit to a path that does not exist yet, while other threads and processes
    /// read and write; `compact` leaves out free pages. Returns false, and changes nothing, if the path
    /// exists.
    [[nodiscard]] bool copy_to(const path_argument &path, bool compact = false) const {
        return pc::check(pc_env_copy(handle(), detail::c_path(path).c_str(),
                                     compact ? PC_COPY_COMPACT : 0u)) == PC_OK;
    }

    /// Checks the structure of the data file, while other threads and processes read and write. Throws
    /// pc::corrupted, which names the first damage found.
    check_report check() const {
        buffer text;
        pc::check(pc_env_check(handle(), text.get()));
        check_report report;
        for (std::string_view lines = text.view(); !lines.empty();) {
            std::string_view line = detail::take_field(lines, '\n');
            const std::string_view name = detail::take_field(line, '\t');
            const std::uint64_t number = std::stoull(std::string(line));
            (name == "pages"         ? report.pages
             : name == "used"        ? report.used
             : name == "free"        ? report.free
             : name == "lost"        ? report.lost
             : name == "collections" ? report.collections
                                     : unknown_figure()) = number;
        }
        return report;
    }

    /// Lists the reader slots in use, of all processes: their snapshots prevent free pages from being
    /// reused.
    [[nodiscard]] std::vector<reader_info> readers() const {
        buffer text;
        pc::check(pc_env_readers(handle(), text.get()));
        std::vector<reader_info> made;
        for (std::string_view lines = text.view(); !lines.empty();) {
            std::string_view line = detail::take_field(lines, '\n');
            reader_info &one = made.emplace_back();
            one.process = std::stoll(std::string(detail::take_field(line, '\t')));
            one.thread = std::stoull(std::string(detail::take_field(line, '\t')));
            const std::string_view commit = detail::take_field(line, '\t');
            if (commit != "-") {
                one.commit = std::stoull(std::string(commit));
                one.behind = std::stoull(std::string(line));
            }
        }
        return made;
    }

    /// Frees the reader slots of processes that ended without freeing them, and returns their number.
    std::uint32_t reap_readers() const {
        std::uint32_t reaped = 0;
        pc::check(pc_env_reap_readers(handle(), &reaped));
        return reaped;
    }

    /// Checks whether the calling thread is in a transaction or snapshot of this environment.
    [[nodiscard]] bool in_transaction() const {
        pc_txn current{0};
        pc::check(pc_txn_current(handle(), &current));
        return current.id != 0;
    }

  private:
    /// One that is not open.
    environment() = default;

    static std::uint64_t &unknown_figure() {
        thread_local std::uint64_t figure;
        return figure;
    }
    // It may be closed already, with another object of the same handle or by the parent of a fork.
    detail::owned_handle<pc_env, pc_env_close> handle_;
};

} // namespace pc

#endif
