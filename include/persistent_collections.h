/*
 * Persistent Collections: dictionaries and sets that live on disk, the same from C, C++, Python, Julia and Rust.
 *
 * This file is generated from the library's source; do not edit it. It compiles as C99 or newer and as C++11 or newer.
 *
 *
 * OVERVIEW
 *
 * An environment is a directory (or a file) that holds many collections: dicts, which map keys to values, and sets.
 * Both are ordered by key, and have a name and stored types. Any number of processes, in any of the languages, can read
 * and write them at the same time. C++ has its own header over this one: persistent_collections.hpp.
 *
 *     pc_env env;
 *     pc_dict ages;
 *     int64_t sum;
 *     if (pc_env_open("data", NULL, &env) < 0 || pc_dict_open(env, "ages", "str", "i64", 0, &ages) < 0) {
 *         fprintf(stderr, "%s\n", pc_last_error());
 *         return 1;
 *     }
 *     if (pc_dict_add_i64(ages, "Ada", 3, 36, &sum) < 0) { ... }
 *     pc_env_close(env);
 *
 * The sections of this file: versions; statuses; buffers; environments, with copies, checks and readers; collections of
 * both kinds; ranges; dicts; sets; set algebra; batches; transactions; values; iterators; calls that take values.
 *
 *
 * CONVENTIONS
 *
 * Statuses. Nearly every function returns a pc_status: PC_OK is 0; positive numbers are answers other than failures, such
 * as PC_NOT_FOUND; negative ones are errors. After an error, pc_last_error() says in one line what was found and what to do.
 *
 * The order of arguments is handle, inputs, outputs. Outputs are written only on success, except for the required size that
 * goes with PC_TOO_SMALL, and failed_at. Outputs must not overlap inputs or each other. A NULL where a pointer is required
 * returns PC_ERR_INVALID_ARGUMENT; a NULL with length 0 is an empty input. Flags and kinds that this version does not know
 * return PC_ERR_INVALID_ARGUMENT.
 *
 * Texts (names, types, paths) are NUL-terminated UTF-8. Keys and values are pointer and length, and may hold any byte.
 *
 * Encoded. Calls that take keys and values as bytes take and return them encoded, as on disk. For str and bytes these are
 * the plain bytes, except that one zero byte precedes a str key that is empty or begins with a zero byte. Encoded keys
 * of fixed-width types are in an order-preserving form, which is not the number in memory; encoded values of fixed-width
 * types are little-endian. pc_encode_key, pc_decode_key, pc_encode_value and pc_decode_value convert; calls
 * whose names end in _value take and return pc_value and convert by themselves. docs/format.md specifies the encodings.
 *
 * In structs that begin with struct_size, this field says which version of the header the program was compiled with.
 *
 * Statuses of reads. Besides those it lists, a call that reads can return PC_OK, PC_ERR_BAD_HANDLE, PC_ERR_FORKED,
 * PC_ERR_NO_COLLECTION (dropped since it was opened), PC_ERR_TYPE_MISMATCH (dropped and created again with other types),
 * PC_ERR_TXN_FAILED, PC_ERR_READERS_FULL, PC_ERR_PID_CLASH, PC_ERR_CORRUPTED, PC_ERR_IO, PC_ERR_NO_MEMORY and
 * PC_ERR_ENV_FAILED.
 *
 * Statuses of writes. A call that writes can return those of reads, and PC_ERR_IN_SNAPSHOT (the thread's current transaction
 * is a snapshot), PC_ERR_BUSY, PC_ERR_READ_ONLY, PC_ERR_MAP_FULL, PC_ERR_MAP_BUSY, PC_ERR_DISK_FULL and
 * PC_ERR_COMMIT_UNKNOWN.
 *
 * Statuses of servers. Where the environment is opened by a URL, every call that reaches the server can also return
 * PC_ERR_UNAVAILABLE (it cannot be reached, or does not answer), PC_ERR_PERMISSION, PC_ERR_BUSY (all connections are in
 * use), PC_ERR_INTERRUPTED and PC_ERR_UNSUPPORTED, and a commit PC_ERR_CONFLICT.
 *
 *
 * THREADS AND LIFETIMES
 *
 * Any thread may use a handle, and several threads at the same time, except as documented for transactions and iterators. A
 * handle that is closed, stale, zero or of another kind returns PC_ERR_BAD_HANDLE, always and from any thread. Closing an
 * environment closes all handles that were opened in it; closing a dict or set, or ending a transaction, closes its
 * iterators. Handles may be closed in any order, on any thread.
 *
 * Memory that the library returns is in a pc_buffer of the caller (valid until its next use), in an iterator (until the
 * next call on it), or in the environment (pc_dict_get_ref: until the transaction ends, in a write transaction until the
 * thread's next write). The library uses memory that the caller passes in only during the call.
 *
 * The current transaction. pc_txn_begin makes a transaction the calling thread's current one for that environment: all
 * calls of that thread on that environment are part of it until it ends. Calls of other threads are not. Without one, a
 * write commits by itself, durably, and a read sees the newest commit.
 *
 * A call can wait for its turn to write, or for the disk. Do not hold a lock meanwhile that another thread needs in order
 * to end its transaction, such as the global lock of a host language's interpreter.
 *
 * After fork, handles that the child inherited return PC_ERR_FORKED; reopen the environment there.
 */

#ifndef PERSISTENT_COLLECTIONS_H
#define PERSISTENT_COLLECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Versions ==== */

/// The library's version as text.
#define PC_VERSION "0.1.0"

/// The first number of the library's version at the time of compiling; `pc_version` returns that of the loaded library.
#define PC_VERSION_MAJOR 0

/// The second number of the library's version.
#define PC_VERSION_MINOR 1

/// The third number of the library's version.
#define PC_VERSION_PATCH 0

/// The version of this interface. It rises when programs that were compiled against an older header would no longer
/// run; compare it with `pc_abi_version`.
#define PC_ABI_VERSION 1

/// Returns the version of the loaded library.
///
/// May be called from any thread.
///
/// Returns: the version, for example `0.1.0`; static text, never `NULL`.
const char *pc_version(void);

/// Returns the version of this interface in the loaded library. A binding compares it with the version it was written
/// for, before any other call.
///
/// May be called from any thread.
///
/// Returns: the library's own `PC_ABI_VERSION`.
uint32_t pc_abi_version(void);

/// Returns the version of the LMDB inside the library.
///
/// May be called from any thread.
///
/// Returns: LMDB's own version text; static, never `NULL`.
const char *pc_lmdb_version(void);

/* ==== Statuses ==== */

/// The outcome of a call: `PC_OK` is 0, other answers are positive, errors are negative.
///
/// The numbers are fixed and never reused; later versions add new ones.
typedef int32_t pc_status;

/// Done; for a question, yes.
#define PC_OK 0

/// Not a failure: the key or entry does not exist.
#define PC_NOT_FOUND 1

/// Not a failure: it exists already, or has another value.
#define PC_EXISTS 2

/// Not a failure: the iterator is at its end.
#define PC_END 3

/// Not a failure: the caller's memory is too small; the needed size was written and nothing else was done.
#define PC_TOO_SMALL 4

/// Not a failure: what the call waited for did not happen before the timeout.
#define PC_TIMEOUT 5

/// An argument is missing or invalid.
#define PC_ERR_INVALID_ARGUMENT (-1)

/// The handle is stale, closed, zero or of another kind.
#define PC_ERR_BAD_HANDLE (-2)

/// A bug in this library: a panic was caught at the boundary.
#define PC_ERR_PANIC (-3)

/// A memory allocation failed.
#define PC_ERR_NO_MEMORY (-4)

/// The operating system reported a failure that has no status of its own.
#define PC_ERR_IO (-5)

/// The handle was inherited through `fork`.
#define PC_ERR_FORKED (-6)

/// No environment exists at the path.
#define PC_ERR_NO_ENVIRONMENT (-10)

/// The process may not read or write the files.
#define PC_ERR_PERMISSION (-11)

/// The file is not an LMDB data file.
#define PC_ERR_NOT_A_DATABASE (-12)

/// The data file is shorter than its header says.
#define PC_ERR_TRUNCATED (-13)

/// The data file has a format that this version does not read.
#define PC_ERR_FORMAT_VERSION (-14)

/// The data file was created with another page size.
#define PC_ERR_PAGE_SIZE (-15)

/// Another build of LMDB has the environment open.
#define PC_ERR_LOCK_VERSION (-16)

/// The files are on a network file system.
#define PC_ERR_NETWORK_FS (-17)

/// Another container's process has the same process id.
#define PC_ERR_PID_CLASH (-18)

/// The environment is open in this process with other options.
#define PC_ERR_OPTIONS_DIFFER (-19)

/// The data file is damaged.
#define PC_ERR_CORRUPTED (-20)

/// All reader slots are taken.
#define PC_ERR_READERS_FULL (-21)

/// One transaction uses more collections than `max_collections` allows.
#define PC_ERR_COLLECTIONS_FULL (-22)

/// The data file or a lock file was removed or replaced while the environment was open.
#define PC_ERR_REPLACED (-23)

/// The data file is in use under other lock files.
#define PC_ERR_LOCK_FILES (-24)

/// Another copy of LMDB or of this library in the process has the environment open.
#define PC_ERR_SECOND_COPY (-25)

/// The collection does not exist.
#define PC_ERR_NO_COLLECTION (-30)

/// A dict was opened as a set, or a set as a dict.
#define PC_ERR_WRONG_KIND (-31)

/// The stored types differ.
#define PC_ERR_TYPE_MISMATCH (-32)

/// The type string is unknown, or names a type that is not allowed in this place.
#define PC_ERR_BAD_TYPE (-33)

/// The name of the collection cannot be used.
#define PC_ERR_BAD_NAME (-34)

/// The collection needs a newer version of the library.
#define PC_ERR_REQUIRES (-35)

/// The key is not of the collection's key type.
#define PC_ERR_BAD_KEY (-40)

/// The value is not of the collection's value type.
#define PC_ERR_BAD_VALUE (-41)

/// The key is empty or too long.
#define PC_ERR_KEY_SIZE (-42)

/// The value is too long.
#define PC_ERR_VALUE_SIZE (-43)

/// The sum is outside the range of the value type.
#define PC_ERR_OVERFLOW (-44)

/// A write inside a snapshot.
#define PC_ERR_IN_SNAPSHOT (-50)

/// The call is not allowed inside a transaction.
#define PC_ERR_IN_TRANSACTION (-51)

/// The call needs a current transaction.
#define PC_ERR_NO_TRANSACTION (-52)

/// The transaction belongs to another thread.
#define PC_ERR_WRONG_THREAD (-53)

/// Only the innermost transaction can end.
#define PC_ERR_NOT_INNERMOST (-54)

/// A failure has doomed the transaction; it can only be aborted.
#define PC_ERR_TXN_FAILED (-55)

/// The write lock was not free before the timeout.
#define PC_ERR_BUSY (-56)

/// The environment was opened read-only, or the collection cannot be written.
#define PC_ERR_READ_ONLY (-57)

/// The check set by `pc_set_interrupt` ended a wait.
#define PC_ERR_INTERRUPTED (-58)

/// The transaction outgrew the memory map; a retry fits.
#define PC_ERR_MAP_FULL (-60)

/// The memory map cannot grow while references into it are borrowed.
#define PC_ERR_MAP_BUSY (-61)

/// No space is left for the data file.
#define PC_ERR_DISK_FULL (-62)

/// The commit may or may not have reached the disk.
#define PC_ERR_COMMIT_UNKNOWN (-63)

/// A failure has made the environment unusable; reopen it.
#define PC_ERR_ENV_FAILED (-64)

/// Another transaction changed what this one read.
#define PC_ERR_CONFLICT (-70)

/// The engine cannot be reached.
#define PC_ERR_UNAVAILABLE (-71)

/// The engine cannot do this.
#define PC_ERR_UNSUPPORTED (-72)

/// Returns the meaning of a status in a few words. `pc_last_error` describes the failure at hand.
///
/// - `status`: any number.
///
/// May be called from any thread.
///
/// Returns: static text, never `NULL`; "unknown status" for a number that this version does not know.
const char *pc_strerror(pc_status status);

/// Returns the message of this thread's last failure: one line that says what was found and what to do.
///
/// Successful calls and answers such as `PC_NOT_FOUND` do not change it: read it only after a negative status.
///
/// Returns: the library's own text, valid until this thread's next failing call; empty if there was none, never `NULL`.
const char *pc_last_error(void);

/* ==== Buffers ==== */

/// A growing piece of memory for answers whose size the caller cannot know.
///
/// Initialize it with zeros (`pc_buffer b = {0};`), pass it to any number of calls, one at a time, and free it with
/// `pc_buffer_free`. A call that fills it replaces its content and may move it: `data` is valid until the next call
/// that gets this buffer. The library allocates and frees the memory; the caller only reads it.
typedef struct pc_buffer {
    /// The bytes; `NULL` until a call stores something.
    uint8_t *data;
    /// The number of bytes that the last call stored.
    size_t len;
    /// The number of bytes that are allocated.
    size_t cap;
} pc_buffer;

/// Frees the buffer's memory and sets it to zeros, ready to be used again.
///
/// - `buffer`: may be `NULL`, or all zeros.
///
/// No other thread may be using the buffer.
void pc_buffer_free(pc_buffer *buffer);

/* ==== Environments ==== */

/// A commit that returned is on stable storage: it survives a loss of power. The default.
#define PC_DURABILITY_FULL 0

/// A crash of the system may undo the last commits; the rest is consistent.
#define PC_DURABILITY_NO_META_SYNC 1

/// Commits are not synced; `pc_flush` makes them durable. A crash of the system may lose the writes since, or damage
/// the file. A crash of the process loses nothing.
#define PC_DURABILITY_NONE 2

/// Open for reading only: every write is refused with `PC_ERR_READ_ONLY`, and nothing is created.
#define PC_ENV_READ_ONLY 1

/// No process writes to the files while they are open: the library uses no lock file, so read-only media work. Implies
/// `PC_ENV_READ_ONLY`.
#define PC_ENV_IMMUTABLE 2

/// Do not create the environment if it does not exist.
#define PC_ENV_NO_CREATE 4

/// The path is that of the data file itself, not of its directory; the lock files are beside it. A file called
/// `data.mdb` is its directory's environment, however it is opened.
#define PC_ENV_NO_SUBDIR 8

/// Check the structure of the data file as `pc_env_check` does, before it is used. If it is damaged, opening returns
/// `PC_ERR_CORRUPTED` and leaves nothing open.
#define PC_ENV_VERIFY 16

/// How to open an environment. Zero means the default in every field.
///
/// Prepare it with `pc_env_options_init`, then set what should differ.
typedef struct pc_env_options {
    /// `sizeof(pc_env_options)` of the header the program was compiled with; it says which fields exist.
    size_t struct_size;
    /// Bytes of address space to reserve at the start; 0: up to 1 TiB, which takes no disk space. It grows by itself.
    uint64_t map_size;
    /// Permission bits of new files; 0: `0644`.
    uint32_t mode;
    /// The number of different collections that one transaction can use; 0: 1,024. Any number can be open.
    uint32_t max_collections;
    /// The number of threads, of all processes, that can read at a time; 0: 1,024.
    uint32_t max_readers;
    /// One of `PC_DURABILITY_*`.
    int32_t durability;
    /// The interval in milliseconds at which a background thread flushes as `pc_flush` does, and once more at closing;
    /// 0: never. If a flush fails, the next write and each `pc_flush` return the failure.
    int64_t flush_interval_ms;
    /// The timeout in milliseconds of a write that waits for its turn, and of an opening that waits for others; 0:
    /// 60,000; -1: no timeout.
    int64_t write_timeout_ms;
    /// Any of `PC_ENV_*`.
    uint32_t flags;
    /// Zero.
    uint32_t reserved;
} pc_env_options;

/// A handle of an environment: a directory, or a file, that holds many dicts and sets.
///
/// It may be used from any thread. Zero is never a valid handle.
typedef struct pc_env {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_env;

/// The statistics of an environment, as `pc_env_info` returns them.
typedef struct pc_env_stat {
    /// Set it to `sizeof(pc_env_stat)` before the call; the call sets it to the size that it filled in.
    size_t struct_size;
    /// The bytes of address space that are reserved now.
    uint64_t map_size;
    /// The size of the data file in bytes.
    uint64_t file_size;
    /// The size of a page in bytes.
    uint64_t page_size;
    /// The number of pages that hold data.
    uint64_t pages_used;
    /// The number of free pages.
    uint64_t pages_free;
    /// The number of the newest commit.
    uint64_t last_txn;
    /// The number of reader slots.
    uint32_t max_readers;
    /// The number of reader slots in use, by all processes.
    uint32_t readers;
    /// The number of different collections that one transaction can use.
    uint32_t max_collections;
    /// The number of collections.
    uint32_t collections;
    /// One of `PC_DURABILITY_*`.
    int32_t durability;
    /// Those of `PC_ENV_READ_ONLY`, `PC_ENV_IMMUTABLE` and `PC_ENV_NO_SUBDIR` with which it was opened.
    uint32_t flags;
    /// The commit that the oldest snapshot in use sees; `last_txn` if there is none.
    uint64_t oldest_reader_txn;
    /// The number of free pages that cannot be reused yet, since a snapshot may still read them. If there are many, the
    /// file grows because of an old snapshot; `pc_env_readers` shows its process.
    uint64_t pages_held;
    /// The format of the data file.
    uint32_t data_format;
    /// The format of the lock file; 0 with `PC_ENV_IMMUTABLE`, which uses none.
    uint32_t lock_format;
} pc_env_stat;

/// Fills the options with their defaults.
///
/// - `options`: at least `struct_size` bytes of the caller's memory.
/// - `struct_size`: pass `sizeof(pc_env_options)`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or a size that is impossible in every version: less than that
/// of the field `struct_size`, or over 4096.
pc_status pc_env_options_init(pc_env_options *options,
                              size_t struct_size);

/// Opens an environment; by default, creates it and the last directory of its path.
///
/// - `path`: the directory (with `PC_ENV_NO_SUBDIR` the data file), NUL-terminated UTF-8. Only read during the call.
///   Or a URL `postgresql://…`: the environment is then in a PostgreSQL database; `docs/scale.md` describes it.
/// - `options`: `NULL` means all defaults. Only read during the call.
/// - `out`: receives the handle, which `pc_env_close` closes.
///
/// If a process opens the same environment twice, by any path, the library counts the openings of one environment. The
/// options must be the same, except for `max_collections`, `max_readers` and `map_size`: these are minimums, and may be
/// smaller. While another process or thread opens the same files, the call waits as long as a write would. May be
/// called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_UNSUPPORTED`: another scheme, an
/// option that only files have, or no libpq; `PC_ERR_NO_ENVIRONMENT`;
/// `PC_ERR_PERMISSION`; `PC_ERR_NOT_A_DATABASE`; `PC_ERR_TRUNCATED`; `PC_ERR_FORMAT_VERSION`; `PC_ERR_PAGE_SIZE`;
/// `PC_ERR_LOCK_VERSION`; `PC_ERR_NETWORK_FS`; `PC_ERR_PID_CLASH`; `PC_ERR_OPTIONS_DIFFER`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_REQUIRES`; `PC_ERR_DISK_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_MAP_BUSY`: the environment failed
/// before, and references into it are still borrowed; `PC_ERR_LOCK_FILES`; `PC_ERR_SECOND_COPY`; `PC_ERR_REPLACED`:
/// another process still has the previous data file open, with the same lock files; `PC_ERR_BUSY`: another process or
/// thread did not finish opening it before the timeout; `PC_ERR_INTERRUPTED`; `PC_ERR_UNAVAILABLE`: the server cannot be
/// reached.
pc_status pc_env_open(const char *path,
                      const pc_env_options *options,
                      pc_env *out);

/// Opens the files of an environment again, for a part of a program that closes its own handle.
///
/// - `env`: an open environment or, in the child of a `fork`, one that the parent had open at the fork.
/// - `out`: receives the handle, which `pc_env_close` closes.
///
/// The library finds the files where the first opening found them, not by the path, which may now lead elsewhere. The
/// options are the same. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_ENV_FAILED`; in a child also
/// `PC_ERR_REPLACED`: the parent's files no longer exist, or cannot be reached; and those of `pc_env_open`.
pc_status pc_env_reopen(pc_env env,
                        pc_env *out);

/// Closes an environment: closes the handle and those of its collections and iterators, and aborts its transactions.
/// The files are closed when the last running call of another thread returns.
///
/// It does not wait for those calls. Pointers into the environment become invalid. May be called from any thread.
/// Another thread aborts its own write transaction, in its next call or when it ends.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
pc_status pc_env_close(pc_env env);

/// Makes all commits durable, whatever the environment's durability.
///
/// May be called from any thread, but not inside the thread's own write transaction. The caller must not hold a lock of
/// the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_flush(pc_env env);

/// Returns sizes, counts and options of an environment.
///
/// - `out`: the caller's struct, with its `struct_size` set; the fields that fit are filled in.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_info(pc_env env,
                      pc_env_stat *out);

/// Returns the path that the environment was first opened by, or its URL without passwords.
///
/// - `out`: receives the text, without a NUL. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
pc_status pc_env_path(pc_env env,
                      pc_buffer *out);

/// Lists all collections, ordered by name, as text.
///
/// - `out`: receives one line for each: name TAB kind TAB key type TAB value type TAB count LF, without a NUL.
///   In names, backslash, TAB, LF and CR are written as `\\`, `\t`, `\n`, `\r`. The kind is `dict`, `set` or
///   `raw`; a raw collection's types are `-`; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread. Inside a transaction, it lists the collections that the transaction sees.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_list(pc_env env,
                      pc_buffer *out);

/* ==== Environments: copies, checks and readers ==== */

/// Leave out free pages: the copy is smaller but takes longer.
#define PC_COPY_COMPACT 1

/// Copies an environment to a path that does not exist yet, while other threads and processes read and write.
///
/// It copies the newest commit, also inside a snapshot. The copy is of the same kind: a directory, which may exist if
/// it is empty, or a file if the environment was opened with `PC_ENV_NO_SUBDIR`. The call writes the copy under a
/// temporary name in its directory, syncs it and renames it: a copy that failed or was interrupted is not an
/// environment. Its remains have the name of the data file followed by `.copy-` and numbers, and may be removed.
///
/// - `path`: NUL-terminated UTF-8. Only read during the call.
/// - `flags`: 0 or `PC_COPY_COMPACT`.
///
/// May be called from any thread, but not inside the thread's own write transaction. A write waits for a compacting
/// copy only if the map must grow, and no longer than it waits for other writers. The caller must not hold a lock of
/// the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`; `PC_EXISTS`: the path exists already, and was not changed; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_UNSUPPORTED`: a scheme;
/// `PC_ERR_NO_ENVIRONMENT`: the path's parent directory does not exist; `PC_ERR_PERMISSION`; `PC_ERR_DISK_FULL`;
/// `PC_ERR_CORRUPTED`; `PC_ERR_BUSY`: other writers commit so quickly that no moment between two commits was found;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_copy(pc_env env,
                      const char *path,
                      uint32_t flags);

/// Checks the structure of the data file as of the newest commit, while other threads and processes read and write:
/// each page has the right type for its place, and is used once or free; keys are in order; counts are right. It does
/// not decode values. It reads every page in use, from the file and not from the map: damage cannot harm the process.
///
/// - `report`: receives one line for each figure, name TAB number LF, without a NUL: `pages`, the sum of the next
///   three; `used`; `free`; `lost`, which are neither used nor free: they waste space but do no harm; `collections`.
///   Later versions may add more. May be `NULL`. Unchanged on failure.
///
/// May be called from any thread, also inside transactions; it does not check uncommitted writes. The caller should not
/// hold a lock of the host language's runtime meanwhile: checking a large file takes long.
///
/// Statuses: `PC_OK`; `PC_ERR_CORRUPTED`: the message names the first damage found, and its page;
/// `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_BUSY`: other writers commit so quickly that
/// no moment between two commits was found; `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`;
/// `PC_ERR_ENV_FAILED`.
pc_status pc_env_check(pc_env env,
                       pc_buffer *report);

/// Lists the reader slots in use, of all processes, as text. It shows which snapshots prevent free pages from being
/// reused, so that the file grows.
///
/// - `out`: receives one line for each: process id TAB thread TAB commit TAB commits since LF, without a NUL. The
///   thread is the system's number of the thread that took the slot. The commit is the one that the slot's snapshot
///   sees, or `-` if the slot is only kept for the next read. Not `NULL`.
///
/// May be called from any thread. An environment opened with `PC_ENV_IMMUTABLE` has no slots.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`;
/// `PC_ERR_ENV_FAILED`.
pc_status pc_env_readers(pc_env env,
                         pc_buffer *out);

/// Frees the reader slots of processes that ended without freeing them, such as killed ones. Opening an environment
/// does so too, and so does a read that finds no free slot.
///
/// - `reaped`: receives their number; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_reap_readers(pc_env env,
                              uint32_t *reaped);

/* ==== Environments: commits and traits ==== */

/// The data is on another machine or in another process: each call may be a round trip.
#define PC_TRAIT_REMOTE 1

/// `pc_dict_get_ref` works.
#define PC_TRAIT_LENDS 2

/// Collections that other LMDB programs made, without types, can be used.
#define PC_TRAIT_RAW 4

/// `pc_env_copy` works.
#define PC_TRAIT_COPY 8

/// `pc_env_check` reads the stored data.
#define PC_TRAIT_CHECK 16

/// The length of a collection is stored, and not counted entry by entry.
#define PC_TRAIT_LEN_IS_CHEAP 32

/// A commit can return `PC_ERR_CONFLICT`, after which the program repeats the transaction.
#define PC_TRAIT_CONFLICTS 64

/// Waits until the environment has a newer commit than the one that the caller knows, of any process, thread or handle.
///
/// - `commit`: the number of the commit that the caller knows, or 0. Receives the number of the newest commit, also with
///   `PC_TIMEOUT`; unchanged on failure. Not `NULL`.
/// - `timeout_ms`: how long to wait; 0 does not wait, -1 means no timeout.
///
/// To miss no commit, first get the newest number (pass 0 and a timeout of 0), then read, then wait with that number: a
/// commit in between ends the wait at once. Every commit counts, whichever collection it changes, and several commits
/// may end one wait. A commit by this library wakes the waiting threads of all processes. Commits by other LMDB programs
/// are noticed within 100 ms, and so are all commits if the environment is open with `PC_ENV_READ_ONLY`. With
/// `PC_ENV_IMMUTABLE` there are none.
///
/// May be called from any thread, but not inside the thread's own transaction, which sees no commit of others. It also
/// ends when another thread closes the handle, or when the check of `pc_set_interrupt` says so. The caller must not hold
/// a lock of the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`: there is a newer commit; `PC_TIMEOUT`: there is none; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_HANDLE`: also if the handle is closed during the wait; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`;
/// `PC_ERR_INTERRUPTED`; `PC_ERR_READERS_FULL`; `PC_ERR_REPLACED`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_wait(pc_env env,
                      uint64_t *commit,
                      int64_t timeout_ms);

/// Returns what the engine of an environment can do.
///
/// - `traits`: receives any of `PC_TRAIT_*`. Not `NULL`. Later versions may add more.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_traits(pc_env env,
                        uint32_t *traits);

/* ==== Collections: common to dicts and sets ==== */

/// The collection is a dict.
#define PC_KIND_DICT 1

/// The collection is a set.
#define PC_KIND_SET 2

/// The collection has no schema: another LMDB program wrote it.
#define PC_KIND_RAW 3

/// Do not create the collection: return `PC_ERR_NO_COLLECTION` if it does not exist.
#define PC_OPEN_EXISTING 1

/// For host languages with one number type: `i64` accepts any stored integer width, `f64` any stored float width. The
/// schema shows the stored one.
#define PC_OPEN_ANY_INT 2

/// Drops a collection of any kind, with all its entries. Its open handles return `PC_ERR_NO_COLLECTION` from then on.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
///
/// May be called from any thread. Inside a transaction, it is part of it.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: no collection has this name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_IN_SNAPSHOT`; `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_MAP_FULL`; `PC_ERR_DISK_FULL`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
pc_status pc_collection_drop(pc_env env,
                             const char *name);

/// Returns a collection's kind and types, without opening it.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
/// - `kind`: receives one of `PC_KIND_*`. Not `NULL`.
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Both are empty for a raw collection; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: no collection has this name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_REQUIRES`; `PC_ERR_CORRUPTED`; `PC_ERR_NO_MEMORY`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_ENV_FAILED`.
pc_status pc_collection_schema(pc_env env,
                               const char *name,
                               int32_t *kind,
                               pc_buffer *types);

/* ==== Ranges ==== */

/// The range has a lower bound: keys from `lower` on, including it.
#define PC_RANGE_LOWER 1

/// The lower bound itself is excluded.
#define PC_RANGE_LOWER_EXCLUSIVE 2

/// The range has an upper bound: keys below `upper`, excluding it.
#define PC_RANGE_UPPER 4

/// The upper bound itself is included.
#define PC_RANGE_UPPER_INCLUSIVE 8

/// Only keys that begin with `prefix`.
#define PC_RANGE_PREFIX 16

/// From the last key to the first.
#define PC_RANGE_REVERSE 32

/// A range of keys. All zeros mean every key, in ascending order; so does `NULL` as an argument.
///
/// Bounds are encoded (`pc_encode_key_bound`): for a fixed-width type, they are not the number in memory. A prefix is
/// bytes that encoded keys begin with (`pc_encode_key_prefix`): for `str` and `bytes` the text or bytes themselves, for
/// tuples the encoded leading elements. A prefix and bounds may be combined. Only the flags say which of them are
/// present: `NULL` with length 0 is an empty bound or prefix. The memory belongs to the caller, and is only read during
/// the call.
typedef struct pc_range {
    /// The lower bound; used if `flags` has `PC_RANGE_LOWER`.
    const void *lower;
    /// Its length in bytes.
    size_t lower_len;
    /// The upper bound; used if `flags` has `PC_RANGE_UPPER`.
    const void *upper;
    /// Its length in bytes.
    size_t upper_len;
    /// The prefix; used if `flags` has `PC_RANGE_PREFIX`.
    const void *prefix;
    /// Its length in bytes.
    size_t prefix_len;
    /// Any of `PC_RANGE_*`.
    uint32_t flags;
    /// Zero.
    uint32_t reserved;
} pc_range;

/* ==== Dicts ==== */

/// `pc_dict_compare_exchange`: no value is expected; `expected` and its length are ignored.
#define PC_EXPECT_ABSENT 1

/// `pc_dict_compare_exchange`: on a match, the key is removed; `desired` and its length are ignored.
#define PC_DESIRE_ABSENT 2

/// A handle of a dict: keys and their values, ordered by key. It may be used from any thread. Zero is never a valid
/// handle.
typedef struct pc_dict {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_dict;

/// Opens a dict; by default, creates it if it does not exist.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `key_type`, `value_type`: type strings such as `str`, `i64`, `f32[768]`, `any`; `NULL` means the stored type, or
///   `any` if the dict is new. Types that differ from the stored ones are refused, except that a stored `any` may be
///   opened as any type.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_dict_close` closes. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread. If a transaction that created the dict is
/// aborted, the next write to the dict creates it again.
///
/// Statuses: those of reads and, if it is created, of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_NAME`;
/// `PC_ERR_BAD_TYPE`; `PC_ERR_NO_COLLECTION`; `PC_ERR_WRONG_KIND`: the name is a set's; `PC_ERR_TYPE_MISMATCH`: the
/// message names both types; `PC_ERR_REQUIRES`; `PC_ERR_COLLECTIONS_FULL`.
pc_status pc_dict_open(pc_env env,
                       const char *name,
                       const char *key_type,
                       const char *value_type,
                       uint32_t flags,
                       pc_dict *out);

/// Closes a dict's handle and those of its iterators. Written data stays.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
pc_status pc_dict_close(pc_dict dict);

/// Returns the types of an open dict: the stored ones; for a raw collection, those passed when it was opened.
///
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Not `NULL`.
/// - `raw`: receives true if the dict has no schema because another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_schema(pc_dict dict,
                         pc_buffer *types,
                         bool *raw);

/// Stores a value under a key, replacing an existing value.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number in memory; `pc_encode_key` makes
///   it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put(pc_dict dict,
                      const void *key,
                      size_t key_len,
                      const void *value,
                      size_t value_len);

/// Stores a value under a key if the key does not exist.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number in memory; `pc_encode_key` makes
///   it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: the key exists, and nothing was changed; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`; `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put_new(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          const void *value,
                          size_t value_len);

/// Copies a key's value into the caller's memory. Allocates nothing.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `buf`, `cap`: the memory for the encoded value, and its size. `NULL` with 0 asks only for the length.
/// - `len`: receives the value's length, also if it is more than `cap`; then nothing is copied. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_TOO_SMALL`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_get(pc_dict dict,
                      const void *key,
                      size_t key_len,
                      void *buf,
                      size_t cap,
                      size_t *len);

/// Copies a key's value into a buffer, which grows as needed.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `value`: receives the encoded value, replacing its content. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_dict_get_buffer(pc_dict dict,
                             const void *key,
                             size_t key_len,
                             pc_buffer *value);

/// Returns the address of a key's value, without copying it. Only inside a transaction.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `value`, `len`: receive the address of the encoded value, and its length. Not `NULL`. The memory belongs to the
///   environment, is not aligned and must not be written. It is valid until the transaction ends; in a write
///   transaction, only until the thread's next write. A snapshot that lent such a pointer delays the growth of the map,
///   and does not end with its thread: `pc_txn_abort` ends it from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_NO_TRANSACTION`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_get_ref(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          const void **value,
                          size_t *len);

/// Checks whether a key exists.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_contains(pc_dict dict,
                           const void *key,
                           size_t key_len);

/// Removes a key and its value.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove(pc_dict dict,
                         const void *key,
                         size_t key_len);

/// Removes a key and copies its value into the caller's memory, as one step: if several threads or processes take the
/// same key, exactly one gets it.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `buf`, `cap`: the memory for the encoded value, and its size.
/// - `len`: receives the value's length, also if it is more than `cap`; then nothing is copied and nothing is removed.
///   Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`; `PC_TOO_SMALL`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_take(pc_dict dict,
                       const void *key,
                       size_t key_len,
                       void *buf,
                       size_t cap,
                       size_t *len);

/// Replaces a key's value if it is the expected one, as one step. It compares encoded bytes.
///
/// - `key`, `expected`, `desired`: encoded, with their lengths; a fixed-width key is not the number in memory;
///   `pc_encode_key` makes it. Only read during the call.
/// - `flags`: `PC_EXPECT_ABSENT`: the key should not exist; `PC_DESIRE_ABSENT`: it should be removed.
/// - `current`: receives the actual value if another one was expected; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_OK`: exchanged; `PC_EXISTS`: the key has another value; `PC_NOT_FOUND`: the key does
/// not exist, though a value was expected; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`;
/// `PC_ERR_KEY_SIZE`; `PC_ERR_VALUE_SIZE`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_compare_exchange(pc_dict dict,
                                   const void *key,
                                   size_t key_len,
                                   const void *expected,
                                   size_t expected_len,
                                   const void *desired,
                                   size_t desired_len,
                                   uint32_t flags,
                                   pc_buffer *current);

/// Adds to a key's integer, as one step; a missing key counts as 0. For every integer type, and for integers in `any`.
///
/// - `key`: encoded; a fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the
///   call.
/// - `delta`: the number to add; may be negative.
/// - `result`: receives the sum; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_OVERFLOW`: the sum is outside the range of the value type, or of `int64_t`, and
/// nothing was changed; `PC_ERR_TYPE_MISMATCH`: the value type is not an integer type, or this value of `any` is not an
/// integer; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_add_i64(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          int64_t delta,
                          int64_t *result);

/// Counts the entries. Takes constant time.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
pc_status pc_dict_len(pc_dict dict, uint64_t *len);

/// Removes every entry; the dict and its types stay.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes.
pc_status pc_dict_clear(pc_dict dict);

/// Copies the entry with the lowest key.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number in memory; `pc_decode_key` converts it. Not
///   `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Must not be the buffer of `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_first(pc_dict dict,
                        pc_buffer *key,
                        pc_buffer *value);

/// Copies the entry with the highest key, as `pc_dict_first` does.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number in memory; `pc_decode_key` converts it. Not
///   `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Must not be the buffer of `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_last(pc_dict dict,
                       pc_buffer *key,
                       pc_buffer *value);

/// Removes the entries of a range of keys, all of them, or none on a failure.
///
/// - `range`: the keys to remove; its direction does not matter; `NULL` means all. Its bounds are encoded: a
///   fixed-width key is not the number in memory; `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives their number; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
pc_status pc_dict_remove_range(pc_dict dict,
                               const pc_range *range,
                               uint64_t *removed);

/* ==== Sets ==== */

/// A handle of a set: elements in order. It may be used from any thread. Zero is never a valid handle.
typedef struct pc_set {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_set;

/// Opens a set; by default, creates it if it does not exist.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `type`: the elements' type string, one that keys can have; `NULL` means the stored type, or `any` if the set is
///   new. A type that differs from the stored one is refused, except that a stored `any` may be opened as any type.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_set_close` closes. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread. If a transaction that created the set is
/// aborted, the next write to the set creates it again.
///
/// Statuses: those of reads and, if it is created, of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_NAME`;
/// `PC_ERR_BAD_TYPE`; `PC_ERR_NO_COLLECTION`; `PC_ERR_WRONG_KIND`: the name is a dict's; `PC_ERR_TYPE_MISMATCH`: the
/// message names both types; `PC_ERR_REQUIRES`; `PC_ERR_COLLECTIONS_FULL`.
pc_status pc_set_open(pc_env env,
                      const char *name,
                      const char *type,
                      uint32_t flags,
                      pc_set *out);

/// Closes a set's handle and those of its iterators. Written data stays.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
pc_status pc_set_close(pc_set set);

/// Returns the type of an open set's elements: the stored one; for a raw collection, the one passed when it was opened.
///
/// - `types`: receives the type, NUL-terminated. Not `NULL`.
/// - `raw`: receives true if the set has no schema because another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_schema(pc_set set,
                        pc_buffer *types,
                        bool *raw);

/// Adds an element.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it existed already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_add(pc_set set,
                     const void *element,
                     size_t len);

/// Removes an element.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove(pc_set set,
                        const void *element,
                        size_t len);

/// Checks whether an element exists.
///
/// - `element`: encoded; a fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during
///   the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_contains(pc_set set,
                          const void *element,
                          size_t len);

/// Counts the elements. Takes constant time.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
pc_status pc_set_len(pc_set set, uint64_t *len);

/// Removes every element; the set and its type stay.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes.
pc_status pc_set_clear(pc_set set);

/// Copies the lowest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number in memory; `pc_decode_key` converts it.
///   Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_first(pc_set set,
                       pc_buffer *element);

/// Copies the highest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number in memory; `pc_decode_key` converts it.
///   Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_last(pc_set set,
                      pc_buffer *element);

/// Removes the elements of a range, all of them, or none on a failure.
///
/// - `range`: the elements to remove; its direction does not matter; `NULL` means all. Its bounds are encoded: a
///   fixed-width element is not the number in memory; `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives their number; may be `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
pc_status pc_set_remove_range(pc_set set,
                              const pc_range *range,
                              uint64_t *removed);

/* ==== Sets: algebra ==== */

/// Makes `into` the union of two sets: the elements that are in either.
///
/// It replaces the elements of `into`, which may be `a` or `b`; those may be the same. The library walks the sets in
/// order, some elements at a time, and writes only the differences to `into`: its use of memory does not depend on the
/// sizes of the sets.
///
/// The elements must be of one type, and either all three sets are raw or none is. `a` and `b` may be in other
/// environments than `into`; they are read in the thread's transaction there, or else in one snapshot for each
/// environment.
///
/// May be called from any thread. The call is one write, done as a whole or not at all. Inside a transaction, it is
/// part of it; outside of transactions, it returns when it is durable. It holds the write lock of the environment of
/// `into`.
///
/// Statuses: those of writes, for `into`, and of reads; `PC_ERR_TYPE_MISMATCH`: the types differ, or one set is raw and
/// another is not; `PC_ERR_UNSUPPORTED`: a raw set with its own order.
pc_status pc_set_union(pc_set a,
                       pc_set b,
                       pc_set into);

/// Makes `into` the intersection of two sets: the elements that are in both. Otherwise like `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_intersection(pc_set a,
                              pc_set b,
                              pc_set into);

/// Makes `into` the difference of two sets: the elements of `a` that are not in `b`. Otherwise like `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_difference(pc_set a,
                            pc_set b,
                            pc_set into);

/// Makes `into` the symmetric difference of two sets: the elements that are in exactly one of them. Otherwise like
/// `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_symmetric_difference(pc_set a,
                                      pc_set b,
                                      pc_set into);

/// Checks whether each element of `a` is in `b`. Stops at the first that is not.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may be in two environments. May be called from any thread. Outside of transactions, each environment is
/// read in one snapshot.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_TYPE_MISMATCH`: the types differ, or one set is raw and
/// the other is not; `PC_ERR_UNSUPPORTED`: a raw set with its own order.
pc_status pc_set_is_subset(pc_set a,
                           pc_set b,
                           bool *out);

/// Checks whether the two sets have no common element. Stops at the first one.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may be in two environments. May be called from any thread. Outside of transactions, each environment is
/// read in one snapshot.
///
/// Statuses: as for `pc_set_is_subset`.
pc_status pc_set_is_disjoint(pc_set a,
                             pc_set b,
                             bool *out);

/* ==== Batches ==== */

/// Stores many entries, all of them, or none on a failure. If a key occurs twice, its last value wins.
///
/// - `count`: the number of entries.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `values`, `value_offsets`: the encoded values, likewise. Values of fixed-width numbers are little-endian, so a
///   column of them is an array of the numbers.
/// - `failed_at`: on a failure, receives the index of the invalid entry, or `SIZE_MAX` if the failure concerns no
///   single entry; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put_many(pc_dict dict,
                           size_t count,
                           const void *keys,
                           const uint64_t *key_offsets,
                           const void *values,
                           const uint64_t *value_offsets,
                           size_t *failed_at);

/// Reads the values of many keys.
///
/// - `count`: the number of keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `present`: `count` bytes; each receives 1 if its key exists, else 0.
/// - `values_out`, `values_cap`: for value types of a fixed width, the memory for the values and its size; `count`
///   times the width is needed. The value of an absent key is zeros. `values` and `value_offsets` are `NULL` then.
/// - `values`, `value_offsets`: if `values_out` is `NULL`, the buffer receives the values one after the other, and the
///   caller's memory the `count + 1` offsets into it. An absent key's value is empty.
/// - `failed_at`: on a failure, receives the index of the invalid key, or `SIZE_MAX` if the failure concerns no single
///   key; may be `NULL`.
///
/// After a failure, the contents of `present`, the values and the offsets are undefined. All values are from one state
/// of the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, also if some are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`; `PC_ERR_BAD_VALUE`: a stored value does not have the width of its type; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_get_many(pc_dict dict,
                           size_t count,
                           const void *keys,
                           const uint64_t *key_offsets,
                           uint8_t *present,
                           void *values_out,
                           size_t values_cap,
                           pc_buffer *values,
                           uint64_t *value_offsets,
                           size_t *failed_at);

/// Copies the values of a range, one after the other in the order of their keys: a column of numbers in one call.
///
/// - `range`: the keys and the direction; `NULL` means all, ascending. Only read during the call.
/// - `values`: receives the values, replacing its content. Not `NULL`.
///
/// Only for value types of a fixed width, so that the buffer's length gives their number. Values of numbers are
/// little-endian. All are from one state of the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`: also if the type has no fixed width; `PC_ERR_BAD_VALUE`: a
/// stored value does not have the width of its type; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
pc_status pc_dict_values(pc_dict dict,
                         const pc_range *range,
                         pc_buffer *values);

/// Removes many keys: all that exist, or none on a failure.
///
/// - `count`: the number of keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` if the key type has a fixed width. Fixed-width keys are not the numbers in memory.
/// - `removed`: receives the number of those that existed; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid key, or `SIZE_MAX` if the failure concerns no single
///   key; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove_many(pc_dict dict,
                              size_t count,
                              const void *keys,
                              const uint64_t *key_offsets,
                              uint64_t *removed,
                              size_t *failed_at);

/// Adds many elements, all of them, or none on a failure.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `added`: receives the number of new elements; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_add_many(pc_set set,
                          size_t count,
                          const void *elements,
                          const uint64_t *offsets,
                          uint64_t *added,
                          size_t *failed_at);

/// Removes many elements: all that exist, or none on a failure.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `removed`: receives the number of those that existed; may be `NULL`.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// The memory belongs to the caller, and is only read during the call. May be called from any thread. Outside of
/// transactions, the call is one transaction, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove_many(pc_set set,
                             size_t count,
                             const void *elements,
                             const uint64_t *offsets,
                             uint64_t *removed,
                             size_t *failed_at);

/// Checks which of many elements exist.
///
/// - `count`: the number of elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets
///   may be `NULL` if the element type has a fixed width. Fixed-width elements are not the numbers in memory.
/// - `present`: `count` bytes; each receives 1 if its element exists, else 0. After a failure, their content is
///   undefined.
/// - `failed_at`: on a failure, receives the index of the invalid element, or `SIZE_MAX` if the failure concerns no
///   single element; may be `NULL`.
///
/// All answers are from one state of the set. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, also if some are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_contains_many(pc_set set,
                               size_t count,
                               const void *elements,
                               const uint64_t *offsets,
                               uint8_t *present,
                               size_t *failed_at);

/* ==== Transactions ==== */

/// A snapshot: sees one state of all collections, and writes nothing.
#define PC_TXN_READ 1

/// Sees and changes all collections, as one.
#define PC_TXN_WRITE 2

/// With `PC_TXN_WRITE`: the commit does not wait for stable storage, whatever the environment's durability is. A crash
/// of the system may lose the commits since the last `pc_flush` or durable commit, or damage the file; a crash of the
/// process loses nothing. Inside another write transaction it has no effect.
#define PC_TXN_NO_SYNC 4

/// A handle of a transaction. Zero is never a valid handle.
typedef struct pc_txn {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_txn;

/// The function that `pc_set_interrupt` sets: returns 0 to continue the wait. It must return normally: neither an
/// exception nor a `longjmp` may leave it.
typedef int32_t (*pc_interrupt)(void *context);

/// Begins a transaction and makes it the calling thread's current one for this environment: until it ends, every
/// call of this thread on this environment's collections is part of it.
///
/// - `kind`: `PC_TXN_READ`, `PC_TXN_WRITE`, or `PC_TXN_WRITE | PC_TXN_NO_SYNC`.
/// - `timeout_ms`: how long to wait for the write lock; 0 does not wait, a negative number means the environment's
///   `write_timeout_ms`. A snapshot, and a transaction inside another one, never waits.
/// - `out`: receives the handle, which `pc_txn_commit` or `pc_txn_abort` ends. Not `NULL`.
///
/// Transactions of a thread and environment nest. Inside a snapshot, `PC_TXN_READ` is the same snapshot and
/// `PC_TXN_WRITE` is refused. Inside a write transaction, `PC_TXN_READ` sees the writes so far and refuses new ones
/// until it ends, and `PC_TXN_WRITE` is a savepoint. A write transaction belongs to its thread. The caller must not
/// hold a lock of the host language's runtime while this waits.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_SNAPSHOT`;
/// `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`: the message names the holder; `PC_ERR_READ_ONLY`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_MAP_BUSY`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_begin(pc_env env,
                       int32_t kind,
                       int64_t timeout_ms,
                       pc_txn *out);

/// Commits a transaction. This ends it whatever the status, except for the three after which it continues. When the
/// call returns, an outermost write transaction is as durable as the environment, except with `PC_TXN_NO_SYNC`; a
/// savepoint becomes part of the transaction around it.
///
/// The handle and those of its iterators are closed, and pointers from `pc_dict_get_ref` become invalid. Only the
/// thread that began the transaction may call this.
///
/// Statuses: `PC_OK`; `PC_ERR_WRONG_THREAD`, `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it continues;
/// `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_TXN_FAILED`: it had failed, and was aborted; `PC_ERR_MAP_FULL`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_commit(pc_txn txn);

/// Aborts a transaction: undoes its writes and ends it.
///
/// The handle and those of its iterators are closed, and pointers from `pc_dict_get_ref` become invalid. A call from
/// another thread only marks the transaction; its own thread aborts it, in its next call or when it ends.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it continues;
/// `PC_ERR_ENV_FAILED`: it was aborted, and the environment has failed.
pc_status pc_txn_abort(pc_txn txn);

/// Returns the calling thread's innermost transaction of an environment.
///
/// - `out`: receives its handle, or id 0 if there is none. Not `NULL`.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_current(pc_env env,
                         pc_txn *out);

/// Makes another of the thread's transactions its current one, or none: for bindings whose tasks share a thread.
///
/// - `txn`: a transaction of this environment and thread, or id 0: the thread's calls then run outside of any
///   transaction until another is set.
/// - `previous`: receives the one that was current, or id 0 if there was none; may be `NULL`.
///
/// A transaction that is not current continues; its thread must make it current again to end it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_INVALID_ARGUMENT`: of another environment;
/// `PC_ERR_WRONG_THREAD`; `PC_ERR_NOT_INNERMOST`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_set_current(pc_env env,
                             pc_txn txn,
                             pc_txn *previous);

/// Sets whether the calling thread's reads may wait for the write lock; by default, they may.
///
/// - `wait`: whether they may.
///
/// A read rarely waits: only if a thread of this process is writing and another process has created or removed a
/// collection since it was opened here, or has outgrown the memory map. While `wait` is false, such a read fails at
/// once, with `PC_ERR_BUSY` or `PC_ERR_MAP_BUSY`. A caller that holds a lock of its host language's runtime then
/// releases it, and reads again with `wait` true.
///
/// Affects only the calling thread, and only reads.
///
/// Returns: the previous setting.
bool pc_set_reads_wait(bool wait);

/// Sets a function that can end the calling thread's waits for other writers.
///
/// - `check`: called about every 50 ms while a call of this thread waits for the write lock (to begin a transaction, to
///   write outside of one, to open a collection) or, in `pc_env_wait`, for a commit. If it returns a number other than 0, that call fails with
///   `PC_ERR_INTERRUPTED` and has written nothing. Calls that do not wait do not call it. `NULL` removes it. It may
///   call this library.
/// - `context`: passed to `check` unchanged.
///
/// For language runtimes that handle signals only in their own code: `check` handles them, and returns whether one of
/// them ends the wait. Affects only the calling thread. A wait for a program that holds LMDB's own lock without this
/// library cannot be interrupted.
///
/// Statuses: `PC_OK`.
pc_status pc_set_interrupt(pc_interrupt check,
                           void *context);

/* ==== Values ==== */

/// Nothing.
#define PC_VALUE_NULL 0

/// Undefined: Julia's `missing`.
#define PC_VALUE_UNDEFINED 1

/// A truth value, in `as.boolean`.
#define PC_VALUE_BOOL 2

/// An integer, in `as.i64`.
#define PC_VALUE_I64 3

/// An integer, in `as.u64`. Decoding returns it only above `INT64_MAX`, or if the type is `u64`.
#define PC_VALUE_U64 4

/// A floating-point number, in `as.f64`.
#define PC_VALUE_F64 5

/// Text, in `as.bytes`: UTF-8. Decoded text is followed by a NUL that `len` does not count.
#define PC_VALUE_STR 6

/// Bytes, in `as.bytes`; also of the types `opaque[n]`.
#define PC_VALUE_BYTES 7

/// A UUID, in `as.uuid`.
#define PC_VALUE_UUID 8

/// A date, in `as.i64`: days since 1970-01-01.
#define PC_VALUE_DATE 9

/// A date and time without a zone, in `as.i64`: microseconds since 1970-01-01T00:00:00.
#define PC_VALUE_DATETIME 10

/// An array of numbers, in `as.bytes`: little-endian, in C order; `subtype` is one of `PC_ELEMENT_*`. The dimensions
/// are those of the type; in `any` there is one. Decoded arrays are aligned to 8 bytes.
#define PC_VALUE_ARRAY 11

/// A tuple, in `as.items`.
#define PC_VALUE_TUPLE 12

/// A list, in `as.items`.
#define PC_VALUE_LIST 13

/// A map, in `as.items`: `2 * len` items, a key, its value, the next key, its value.
#define PC_VALUE_MAP 14

/// A set, in `as.items`.
#define PC_VALUE_SET 15

/// Any other item, encoded, in `as.bytes`: in a value, one CBOR item; in a key, one element of the tuple layer. It is
/// written back unchanged.
#define PC_VALUE_ENCODED 16

/// Elements of an array: `int8_t`.
#define PC_ELEMENT_I8 1

/// Elements of an array: `int16_t`.
#define PC_ELEMENT_I16 2

/// Elements of an array: `int32_t`.
#define PC_ELEMENT_I32 3

/// Elements of an array: `int64_t`.
#define PC_ELEMENT_I64 4

/// Elements of an array: `uint8_t`.
#define PC_ELEMENT_U8 5

/// Elements of an array: `uint16_t`.
#define PC_ELEMENT_U16 6

/// Elements of an array: `uint32_t`.
#define PC_ELEMENT_U32 7

/// Elements of an array: `uint64_t`.
#define PC_ELEMENT_U64 8

/// Elements of an array: `float`.
#define PC_ELEMENT_F32 9

/// Elements of an array: `double`.
#define PC_ELEMENT_F64 10

/// The bytes of a `pc_value`, and their number.
typedef struct pc_value_data {
    /// The bytes; may be `NULL` if there are none.
    const uint8_t *data;
    /// How many.
    size_t len;
} pc_value_data;

/// The items of a `pc_value`, and their number.
typedef struct pc_value_items {
    /// The items; may be `NULL` if there are none.
    const struct pc_value *items;
    /// Their number; for a map, the number of pairs.
    size_t len;
} pc_value_items;

/// The content of a `pc_value`; its `kind` says which field is valid.
typedef union pc_value_as {
    /// `PC_VALUE_BOOL`.
    bool boolean;
    /// `PC_VALUE_I64`, `PC_VALUE_DATE`, `PC_VALUE_DATETIME`.
    int64_t i64;
    /// `PC_VALUE_U64`.
    uint64_t u64;
    /// `PC_VALUE_F64`.
    double f64;
    /// `PC_VALUE_STR`, `PC_VALUE_BYTES`, `PC_VALUE_ARRAY`, `PC_VALUE_ENCODED`.
    struct pc_value_data bytes;
    /// `PC_VALUE_TUPLE`, `PC_VALUE_LIST`, `PC_VALUE_MAP`, `PC_VALUE_SET`.
    struct pc_value_items items;
    /// `PC_VALUE_UUID`.
    uint8_t uuid[16];
    /// Reserved for future kinds: the size will always be 32 bytes.
    uint8_t reserved[24];
} pc_value_as;

/// A key or value of any type. The caller makes one for the library to encode, or the library makes one when it
/// decodes. It owns no memory: its pointers lead to the caller's memory, or into the `pc_buffer` that was passed for
/// it.
typedef struct pc_value {
    /// One of `PC_VALUE_*`.
    uint32_t kind;
    /// For an array, one of `PC_ELEMENT_*`; else 0.
    uint32_t subtype;
    /// Its content.
    union pc_value_as as;
} pc_value;

/// Makes a null.
///
/// Returns: a value of the kind `PC_VALUE_NULL`.
pc_value pc_value_null(void);

/// Makes a truth value.
///
/// - `boolean`: its content.
///
/// Returns: a value of the kind `PC_VALUE_BOOL`.
pc_value pc_value_bool(bool boolean);

/// Makes an integer.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_I64`.
pc_value pc_value_i64(int64_t number);

/// Makes an unsigned integer.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_U64`.
pc_value pc_value_u64(uint64_t number);

/// Makes a floating-point number.
///
/// - `number`: its content.
///
/// Returns: a value of the kind `PC_VALUE_F64`.
pc_value pc_value_f64(double number);

/// Makes a text.
///
/// - `utf8`: NUL-terminated UTF-8 of the caller, to which the value points. `NULL` is an empty text.
///
/// The library checks that it is UTF-8 when the value is used.
///
/// Returns: a value of the kind `PC_VALUE_STR`.
pc_value pc_value_str(const char *utf8);

/// Makes bytes.
///
/// - `data`, `len`: bytes of the caller, to which the value points. `NULL` with length 0 is empty.
///
/// Returns: a value of the kind `PC_VALUE_BYTES`.
pc_value pc_value_bytes(const void *data, size_t len);

/// Looks up a text key in a map.
///
/// - `map`: of the kind `PC_VALUE_MAP`. Not `NULL`.
/// - `key`: NUL-terminated UTF-8. Only read during the call.
/// - `out`: receives its value, which points to the same memory as the map's items. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or not a map.
pc_status pc_value_map_get(const pc_value *map, const char *key, pc_value *out);

/* ==== Iterators ==== */

/// A handle of an iterator. Zero is never a valid handle.
///
/// An iterator opened outside of transactions owns a snapshot until it is closed: the collection may be changed
/// meanwhile, and it does not see that. Opened inside a transaction it belongs to that, sees what that sees, own
/// writes included, and ends with it.
///
/// An iterator may be used from any thread, but what it gives out holds until the next call on it, from any thread:
/// threads that share one must take turns themselves. Where another thread closes the collection or the environment
/// meanwhile, what a thread was given holds until that thread's next call of the library.
typedef struct pc_iter {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_iter;

/// Entries as columns: all keys one after the other, all values likewise, and where each begins and ends. The key of
/// entry `i` begins at `keys[key_offsets[i]]` and ends before `keys[key_offsets[i + 1]]`. The memory belongs to the
/// iterator and is valid until the next call on it.
typedef struct pc_batch {
    /// The number of entries.
    size_t count;
    /// The encoded keys.
    const uint8_t *keys;
    /// `count + 1` offsets into `keys`.
    const uint64_t *key_offsets;
    /// The encoded values; a set has none.
    const uint8_t *values;
    /// `count + 1` offsets into `values`; for a set, all are zero.
    const uint64_t *value_offsets;
} pc_batch;

/// Opens an iterator over a dict's entries, before the first of them.
///
/// - `range`: the keys and the direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` closes. Not `NULL`.
///
/// May be called from any thread. Closing the dict's handle closes the iterator.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with its own order.
pc_status pc_iter_open_dict(pc_dict dict,
                            const pc_range *range,
                            pc_iter *out);

/// Opens an iterator over a set's elements, before the first of them. They are its keys; its values are empty.
///
/// - `range`: the elements and the direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` closes. Not `NULL`.
///
/// May be called from any thread. Closing the set's handle closes the iterator.
///
/// Statuses: as for `pc_iter_open_dict`.
pc_status pc_iter_open_set(pc_set set,
                           const pc_range *range,
                           pc_iter *out);

/// Steps to the next entry in the iterator's direction and returns it, encoded: a fixed-width key is not the number in
/// memory; `pc_decode_key` converts it.
///
/// - `key`, `key_len`: receive the address of the key and its length. Not `NULL`.
/// - `value`, `value_len`: receive the address of the value and its length; either may be `NULL`.
///
/// The memory belongs to the iterator: it is valid until the next call on it, not aligned, and must not be written.
///
/// Statuses: `PC_OK`; `PC_END`: no entry is left; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`;
/// `PC_ERR_WRONG_THREAD`: it belongs to another thread's transaction; `PC_ERR_NO_COLLECTION`; `PC_ERR_TXN_FAILED`;
/// `PC_ERR_ENV_FAILED`; `PC_ERR_CONFLICT`: this process has committed, and the iterator has kept only the entries ahead
/// of it.
pc_status pc_iter_next(pc_iter iter,
                       const void **key,
                       size_t *key_len,
                       const void **value,
                       size_t *value_len);

/// Steps to the previous entry, against the iterator's direction, and returns it as `pc_iter_next` does. After
/// `pc_iter_next` returned an entry, this returns the one before it.
///
/// - `key`, `key_len`: receive the address of the key and its length. Not `NULL`.
/// - `value`, `value_len`: receive the address of the value and its length; either may be `NULL`.
///
/// The memory belongs to the iterator: it is valid until the next call on it, not aligned, and must not be written.
///
/// Statuses: as for `pc_iter_next`; `PC_END`: no entry is before it.
pc_status pc_iter_prev(pc_iter iter,
                       const void **key,
                       size_t *key_len,
                       const void **value,
                       size_t *value_len);

/// Returns the next entries as columns: the fastest way to read many of them. Keys and values are encoded: a
/// fixed-width key is not the number in memory.
///
/// - `max_items`: the maximal number of entries; 0 leaves it to the library.
/// - `max_bytes`: the approximate size of keys and values; 0 leaves it to the library. At least one entry is returned,
///   whatever its size.
/// - `out`: receives the columns; the memory belongs to the iterator and is valid until the next call on it. Not
///   `NULL`.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_NO_MEMORY`.
pc_status pc_iter_next_batch(pc_iter iter,
                             size_t max_items,
                             size_t max_bytes,
                             pc_batch *out);

/// Goes to a key: the next `pc_iter_next` returns the first entry at or beyond it in the iterator's direction, within
/// the iterator's range.
///
/// - `key`, `key_len`: an encoded key, or the beginning of one; for a fixed-width type, this is not the number in
///   memory. Only read during the call.
///
/// Statuses: `PC_OK`, whether or not such an entry exists; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`.
pc_status pc_iter_seek(pc_iter iter,
                       const void *key,
                       size_t key_len);

/// Closes an iterator. Its memory becomes invalid; its snapshot, if it owned one, ends.
///
/// May be called from any thread, also after its transaction ended, which closed it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
pc_status pc_iter_close(pc_iter iter);

/// Steps to the next entry, as `pc_iter_next` does, and returns it decoded.
///
/// - `key`: receives the key, or the element. Not `NULL`.
/// - `value`: receives the value, or `PC_VALUE_NULL` for a set; may be `NULL`.
///
/// Strings and items in them belong to the iterator, and are valid until the next call on it.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_BAD_KEY`, `PC_ERR_BAD_VALUE`: the stored item is not of its type (the
/// iterator has stepped over it); `PC_ERR_NO_MEMORY` (it has not).
pc_status pc_iter_next_value(pc_iter iter,
                             pc_value *key,
                             pc_value *value);

/* ==== Calls that take values ==== */

/// Encodes a key as a collection of this key type stores it.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `value`: the key; a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded key, replacing its content. Not `NULL`.
///
/// Raw collections store numbers as keys in the layout of memory instead. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_encode_key(const char *type,
                        const pc_value *value,
                        pc_buffer *out);

/// Encodes a bound of a range (`pc_range`) of keys of this type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `bound`: a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded bound, replacing its content. Not `NULL`.
///
/// A bound is encoded as `pc_encode_key` encodes a key, but need not be a key that can be stored. It may be empty. If it
/// is longer than a key can be, `out` receives its first 1,979 bytes, one more than a key can have; they have the same
/// place among the keys. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_NO_MEMORY`.
pc_status pc_encode_key_bound(const char *type,
                              const pc_value *bound,
                              pc_buffer *out);

/// Encodes a prefix of keys of this type: the bytes that all keys beginning with it begin with.
///
/// - `type`: a type string, NUL-terminated: `str`, `bytes`, `opaque[n]`, a tuple or `any`. Only read during the call.
/// - `prefix`: for `str` a text, for `bytes` and `opaque[n]` bytes, for a tuple type a tuple of leading elements, for
///   `any` a text, bytes or a tuple. Only read during the call.
/// - `out`: receives the encoded prefix for a `pc_range`, replacing its content. Not `NULL`.
///
/// The prefix may be empty: all keys begin with it; for `any`, all keys of its kind. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`: also of a type whose keys have no prefix;
/// `PC_ERR_BAD_KEY`; `PC_ERR_NO_MEMORY`.
pc_status pc_encode_key_prefix(const char *type,
                               const pc_value *prefix,
                               pc_buffer *out);

/// Decodes a key of a collection of this key type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `key`, `len`: the encoded key. Only read during the call.
/// - `out`: receives the key. Not `NULL`.
/// - `storage`: receives the memory that `out` points to, replacing its content; valid until its next use. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_decode_key(const char *type,
                        const void *key,
                        size_t len,
                        pc_value *out,
                        pc_buffer *storage);

/// Encodes a value as a dict of this value type stores it.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `value`: a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded value, replacing its content. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_VALUE`; `PC_ERR_VALUE_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_encode_value(const char *type,
                          const pc_value *value,
                          pc_buffer *out);

/// Decodes a value of a dict of this value type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `bytes`, `len`: the encoded value. Only read during the call.
/// - `out`: receives the value. Not `NULL`.
/// - `storage`: receives the memory that `out` points to, replacing its content; valid until its next use. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_VALUE`; `PC_ERR_VALUE_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_decode_value(const char *type,
                          const void *bytes,
                          size_t len,
                          pc_value *out,
                          pc_buffer *storage);

/// Stores a value under a key, replacing an existing value: `pc_dict_put` with encoding.
///
/// - `key`, `value`: of kinds that fit the dict's types. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put_value(pc_dict dict,
                            const pc_value *key,
                            const pc_value *value);

/// Reads a key's value, decoded.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
/// - `value`: receives the value. Not `NULL`.
/// - `storage`: receives the memory that `value` points to, replacing its content; valid until its next use. Not
///   `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_BAD_VALUE`: the stored value is not of the type that the dict was opened with; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_get_value(pc_dict dict,
                            const pc_value *key,
                            pc_value *value,
                            pc_buffer *storage);

/// Checks whether a key exists: `pc_dict_contains` with encoding.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_contains_value(pc_dict dict,
                                 const pc_value *key);

/// Removes a key and its value: `pc_dict_remove` with encoding.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove_value(pc_dict dict,
                               const pc_value *key);

/// Adds an element: `pc_set_add` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it existed already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_add_value(pc_set set,
                           const pc_value *element);

/// Removes an element: `pc_set_remove` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread. Outside of transactions, it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it did not exist; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove_value(pc_set set,
                              const pc_value *element);

/// Checks whether an element exists: `pc_set_contains` with encoding.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it exists; `PC_NOT_FOUND`: it does not; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_contains_value(pc_set set,
                                const pc_value *element);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* PERSISTENT_COLLECTIONS_H */
