/*
 * Persistent Collections: dictionaries and sets that live on disk, the same from C, C++, Python, Julia and Rust.
 *
 * This file is made from the library's source; do not edit it. It compiles as C99 or newer and as C++11 or newer.
 *
 *
 * OVERVIEW
 *
 * An environment is a directory (or a file) that holds many collections: dicts, which map keys to values, and sets.
 * Both are ordered by key and have a name, and types, which are stored with them. What one process writes, others
 * read, at the same time, in any of the languages. C++ has a header of its own over this one:
 * persistent_collections.hpp.
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
 * The sections of this file: versions; statuses; buffers; environments; copies of them, and who reads; collections, dicts
 * and sets alike; ranges; dicts; sets; algebra of sets; batches; transactions; values; iterators; calls that take values.
 *
 *
 * CONVENTIONS
 *
 * Statuses. Nearly every function returns a pc_status: PC_OK is 0; positive numbers are answers that are no failure, such
 * as PC_NOT_FOUND; negative ones are errors. After an error pc_last_error() says in one line what was found and what to do.
 *
 * Arguments stand in the order handle, inputs, outputs. Outputs are written only on success; the size that PC_TOO_SMALL
 * tells, and failed_at, are the exceptions. Outputs must not overlap inputs or each other. A NULL where a pointer is
 * needed is PC_ERR_INVALID_ARGUMENT; a NULL with length 0 is an empty input. Flags and kinds that this version does not
 * know are PC_ERR_INVALID_ARGUMENT.
 *
 * Texts (names, types, paths) are NUL-terminated UTF-8. Keys and values are pointer and length, and may hold any byte.
 *
 * Encoded. Calls that take keys and values as bytes take and give them encoded, as they stand on disk. For str and bytes
 * these are the plain bytes, but for one zero byte before a str key that is empty or begins with a zero byte. Encoded keys
 * of fixed-width types are in an order-preserving form, which is not the number as it stands in memory; encoded values of
 * fixed-width types are little-endian. pc_encode_key, pc_decode_key, pc_encode_value and pc_decode_value convert; calls
 * whose names end in _value take and give pc_value and convert by themselves. docs/format.md specifies the encodings.
 *
 * Structs that begin with struct_size tell by it which version of the header the program was compiled with.
 *
 * Statuses of reads. Besides those it lists, a call that reads can give PC_OK, PC_ERR_BAD_HANDLE, PC_ERR_FORKED,
 * PC_ERR_NO_COLLECTION (dropped since it was opened), PC_ERR_TYPE_MISMATCH (dropped and made anew with other types),
 * PC_ERR_TXN_FAILED, PC_ERR_READERS_FULL, PC_ERR_PID_CLASH, PC_ERR_CORRUPTED, PC_ERR_IO, PC_ERR_NO_MEMORY and
 * PC_ERR_ENV_FAILED.
 *
 * Statuses of writes. A call that writes can give those of reads, and PC_ERR_IN_SNAPSHOT (the thread's current transaction
 * is a snapshot), PC_ERR_BUSY, PC_ERR_READ_ONLY, PC_ERR_MAP_FULL, PC_ERR_MAP_BUSY, PC_ERR_DISK_FULL and
 * PC_ERR_COMMIT_UNKNOWN.
 *
 *
 * THREADS AND LIFETIMES
 *
 * Handles may be used from any thread, several at a time, but for what is said of transactions and iterators. A handle
 * that is closed, stale, zero or of another kind is PC_ERR_BAD_HANDLE, always and from any thread. Closing an environment
 * retires the handles of all that was opened in it; closing a dict or set, those of its iterators; ending a transaction,
 * those of its iterators. Handles may be closed in any order, on any thread.
 *
 * Memory that the library hands out lives in a pc_buffer of the caller's (until its next use), in an iterator (until the
 * next call on it), or in the environment (pc_dict_get_ref: until the transaction ends, in a write transaction until the
 * thread's next write). Memory that the caller passes in is used during the call alone.
 *
 * The current transaction. pc_txn_begin makes a transaction the calling thread's current one for that environment: all
 * calls of that thread on that environment are part of it until it ends. Other threads are not. Without one, a write
 * commits by itself, durably, and a read sees the newest commit.
 *
 * A call can wait for its turn to write, or for the disk. Do not hold a lock meanwhile that another thread needs in order
 * to end its transaction, such as the global lock of a host language's interpreter.
 *
 * After fork, handles that the child inherited answer PC_ERR_FORKED; open the environment anew there.
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

/// The library's version, first number, at the time of compiling; `pc_version` gives that of the loaded library.
#define PC_VERSION_MAJOR 0

/// The library's version, second number.
#define PC_VERSION_MINOR 1

/// The library's version, third number.
#define PC_VERSION_PATCH 0

/// The version of this interface. It rises when a program that was compiled against an older header would no
/// longer run; compare it with `pc_abi_version`.
#define PC_ABI_VERSION 1

/// Tells the version of the loaded library.
///
/// May be called from any thread.
///
/// Returns: the version, for example `0.1.0`; static text, never `NULL`.
const char *pc_version(void);

/// Tells which version of this interface the loaded library has. A binding compares it with the one it was written
/// for, before any other call.
///
/// May be called from any thread.
///
/// Returns: the library's own `PC_ABI_VERSION`.
uint32_t pc_abi_version(void);

/// Tells the version of the LMDB inside the library.
///
/// May be called from any thread.
///
/// Returns: what LMDB itself says; static text, never `NULL`.
const char *pc_lmdb_version(void);

/* ==== Statuses ==== */

/// What a call came to: `PC_OK` is 0, other answers are positive, errors are negative.
///
/// The numbers are fixed and never used again for something else; later versions add new ones.
typedef int32_t pc_status;

/// Done; or, of a question, yes.
#define PC_OK 0

/// Not a failure: what was asked for is absent.
#define PC_NOT_FOUND 1

/// Not a failure: it was there already, or another value stands there.
#define PC_EXISTS 2

/// Not a failure: the iterator is at its end.
#define PC_END 3

/// Not a failure: the caller's memory is too small; the needed size was written and nothing else was done.
#define PC_TOO_SMALL 4

/// An argument is missing or makes no sense.
#define PC_ERR_INVALID_ARGUMENT (-1)

/// The handle is stale, closed, zero or of another kind.
#define PC_ERR_BAD_HANDLE (-2)

/// A defect of this library: a panic was caught at the boundary.
#define PC_ERR_PANIC (-3)

/// Memory could not be had.
#define PC_ERR_NO_MEMORY (-4)

/// The operating system reported a failure that has no status of its own.
#define PC_ERR_IO (-5)

/// The handle was inherited through `fork`.
#define PC_ERR_FORKED (-6)

/// There is no environment at the path.
#define PC_ERR_NO_ENVIRONMENT (-10)

/// The process may not read or write the files.
#define PC_ERR_PERMISSION (-11)

/// The file is not an LMDB data file.
#define PC_ERR_NOT_A_DATABASE (-12)

/// The data file is shorter than its header says.
#define PC_ERR_TRUNCATED (-13)

/// The data file has a format that this version does not read.
#define PC_ERR_FORMAT_VERSION (-14)

/// The data file was made with another page size.
#define PC_ERR_PAGE_SIZE (-15)

/// Another build of LMDB has the environment open.
#define PC_ERR_LOCK_VERSION (-16)

/// The files lie on a network file system.
#define PC_ERR_NETWORK_FS (-17)

/// Another container's process has the same process id.
#define PC_ERR_PID_CLASH (-18)

/// The environment is open in this process with other options.
#define PC_ERR_OPTIONS_DIFFER (-19)

/// The data file is damaged.
#define PC_ERR_CORRUPTED (-20)

/// All reader slots are taken.
#define PC_ERR_READERS_FULL (-21)

/// The environment cannot hold another open collection.
#define PC_ERR_COLLECTIONS_FULL (-22)

/// The data file or a lock file was removed or replaced while the environment was open.
#define PC_ERR_REPLACED (-23)

/// The data file is in use under other lock files.
#define PC_ERR_LOCK_FILES (-24)

/// Another copy of LMDB or of this library in the process has the environment open.
#define PC_ERR_SECOND_COPY (-25)

/// There is no collection of that name.
#define PC_ERR_NO_COLLECTION (-30)

/// A dict was opened as a set, or a set as a dict.
#define PC_ERR_WRONG_KIND (-31)

/// The stored types are others.
#define PC_ERR_TYPE_MISMATCH (-32)

/// The type string is unknown, or names a type that cannot stand there.
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

/// The sum leaves the range of the value type.
#define PC_ERR_OVERFLOW (-44)

/// A write inside a snapshot.
#define PC_ERR_IN_SNAPSHOT (-50)

/// The call cannot be made inside a transaction.
#define PC_ERR_IN_TRANSACTION (-51)

/// The call needs a current transaction.
#define PC_ERR_NO_TRANSACTION (-52)

/// The transaction belongs to another thread.
#define PC_ERR_WRONG_THREAD (-53)

/// Only the innermost transaction can end.
#define PC_ERR_NOT_INNERMOST (-54)

/// The transaction met a failure and can only be aborted.
#define PC_ERR_TXN_FAILED (-55)

/// The write lock was not free in time.
#define PC_ERR_BUSY (-56)

/// The environment was opened read-only, or the collection cannot be written.
#define PC_ERR_READ_ONLY (-57)

/// The check set by `pc_set_interrupt` ended a wait.
#define PC_ERR_INTERRUPTED (-58)

/// The transaction outgrew the memory map; run again, it fits.
#define PC_ERR_MAP_FULL (-60)

/// The memory map cannot grow while references into it are held.
#define PC_ERR_MAP_BUSY (-61)

/// No space is left for the data file.
#define PC_ERR_DISK_FULL (-62)

/// Whether the commit reached the disk is unknown.
#define PC_ERR_COMMIT_UNKNOWN (-63)

/// The environment met a failure and must be opened again.
#define PC_ERR_ENV_FAILED (-64)

/// Another transaction changed what this one read.
#define PC_ERR_CONFLICT (-70)

/// The engine cannot be reached.
#define PC_ERR_UNAVAILABLE (-71)

/// The engine cannot do this.
#define PC_ERR_UNSUPPORTED (-72)

/// Tells what a status means, in a few words. What happened in particular, says `pc_last_error`.
///
/// - `status`: any number.
///
/// May be called from any thread.
///
/// Returns: static text, never `NULL`; "unknown status" for a number that this version does not know.
const char *pc_strerror(pc_status status);

/// Tells this thread's last failure: one line that says what was found and what to do.
///
/// It is not touched by calls that succeed, nor by answers such as `PC_NOT_FOUND`: look at it only after a negative
/// status.
///
/// Returns: the library's own text, good until this thread's next failing call; empty if there was none, never `NULL`.
const char *pc_last_error(void);

/* ==== Buffers ==== */

/// A growing piece of memory for answers whose size the caller cannot know.
///
/// Start with all zeros (`pc_buffer b = {0};`), give it to as many calls as you like, one at a time, and free it
/// with `pc_buffer_free`. A call that fills it replaces what it held and may move it: `data` is good until the
/// next call that is given this buffer. The library allocates and frees the memory; the caller only reads it.
typedef struct pc_buffer {
    /// The bytes; `NULL` as long as nothing was ever stored.
    uint8_t *data;
    /// How many bytes the last call stored.
    size_t len;
    /// How many bytes are allocated.
    size_t cap;
} pc_buffer;

/// Frees what the buffer holds and leaves it all zeros, ready to be used again.
///
/// - `buffer`: may be `NULL`, or all zeros.
///
/// No other thread may be using the buffer.
void pc_buffer_free(pc_buffer *buffer);

/* ==== Environments ==== */

/// A commit that returned is on stable storage: it survives a loss of power. The default.
#define PC_DURABILITY_FULL 0

/// A crash of the system may undo the last commits; what is left is whole.
#define PC_DURABILITY_NO_META_SYNC 1

/// Commits are not synced; `pc_flush` makes them durable. A crash of the system may lose, or damage, what was
/// written since. A crash of the process loses nothing.
#define PC_DURABILITY_NONE 2

/// Open for reading only: every write is refused with `PC_ERR_READ_ONLY`, and nothing is created.
#define PC_ENV_READ_ONLY 1

/// Nobody writes to the files as long as they are open here: no lock file is used, so read-only media will do.
/// Implies `PC_ENV_READ_ONLY`.
#define PC_ENV_IMMUTABLE 2

/// Do not create the environment if it does not exist.
#define PC_ENV_NO_CREATE 4

/// The path names the data file itself, not a directory that holds it; the lock files stand beside it. A file called
/// `data.mdb` is its directory's environment, however it is opened.
#define PC_ENV_NO_SUBDIR 8

/// Check the structure of the data file as `pc_env_check` does, before it is used. If it is damaged, opening gives
/// `PC_ERR_CORRUPTED` and leaves nothing open.
#define PC_ENV_VERIFY 16

/// How to open an environment. Zero means the default in every field.
///
/// Prepare it with `pc_env_options_init`, then set what should differ.
typedef struct pc_env_options {
    /// `sizeof(pc_env_options)` of the header the program was compiled with; it tells which fields there are.
    size_t struct_size;
    /// Bytes of address space to reserve at the start; 0: up to 1 TiB, which takes no disk space. It grows by itself.
    uint64_t map_size;
    /// Permission bits of new files; 0: `0644`.
    uint32_t mode;
    /// How many collections can be open at a time; 0: 1,024.
    uint32_t max_collections;
    /// How many threads, of all processes, can read at a time; 0: 1,024.
    uint32_t max_readers;
    /// One of `PC_DURABILITY_*`.
    int32_t durability;
    /// Every how many milliseconds a thread in the background does what `pc_flush` does, and once more at closing;
    /// 0: never. Where it fails, the next write is refused with the failure, and each `pc_flush` tells it.
    int64_t flush_interval_ms;
    /// How long a write waits for its turn, and opening for others who open, in milliseconds; 0: 60,000; -1: for ever.
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

/// What `pc_env_info` tells of an environment.
typedef struct pc_env_stat {
    /// Set it to `sizeof(pc_env_stat)` before the call; it comes back as the size that was filled in.
    size_t struct_size;
    /// Bytes of address space that are reserved now.
    uint64_t map_size;
    /// Bytes that the data file has.
    uint64_t file_size;
    /// Bytes of a page.
    uint64_t page_size;
    /// How many pages hold data.
    uint64_t pages_used;
    /// How many pages are free to be used again.
    uint64_t pages_free;
    /// The number of the newest commit.
    uint64_t last_txn;
    /// How many reader slots there are.
    uint32_t max_readers;
    /// How many reader slots are taken, by all processes.
    uint32_t readers;
    /// How many collections can be open at a time.
    uint32_t max_collections;
    /// How many collections there are.
    uint32_t collections;
    /// One of `PC_DURABILITY_*`.
    int32_t durability;
    /// Which of `PC_ENV_READ_ONLY`, `PC_ENV_IMMUTABLE`, `PC_ENV_NO_SUBDIR` it was opened with.
    uint32_t flags;
    /// The commit that the oldest snapshot in use sees; `last_txn` if there is none.
    uint64_t oldest_reader_txn;
    /// Of the free pages, how many cannot be used again yet, since a snapshot may still read them. Many of them mean that
    /// the file grows because of an old snapshot; `pc_env_readers` tells whose.
    uint64_t pages_held;
    /// The format of the data file.
    uint32_t data_format;
    /// The format of the lock file; 0 with `PC_ENV_IMMUTABLE`, where there is none.
    uint32_t lock_format;
} pc_env_stat;

/// Fills the options with their defaults.
///
/// - `options`: at least `struct_size` bytes, the caller's.
/// - `struct_size`: pass `sizeof(pc_env_options)`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or a size that no version can have: less than that of the field
/// `struct_size`, or over 4096.
pc_status pc_env_options_init(pc_env_options *options,
                              size_t struct_size);

/// Opens an environment, by default creating it and the last directory of its path.
///
/// - `path`: the directory (with `PC_ENV_NO_SUBDIR` the data file), NUL-terminated UTF-8. Only read during the call.
///   `scheme://…` is reserved for engines to come.
/// - `options`: `NULL` means all defaults. Only read during the call.
/// - `out`: receives the handle, which `pc_env_close` gives back.
///
/// The same environment opened twice in a process, by any path to it, is one environment, counted; the options must
/// be the same, but for `max_collections`, `max_readers` and `map_size`, which may be smaller, since they say how much is
/// wanted at least. Waits, as long as a write would, while another process or thread opens the same files. May be called
/// from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_UNSUPPORTED`: a scheme; `PC_ERR_NO_ENVIRONMENT`;
/// `PC_ERR_PERMISSION`; `PC_ERR_NOT_A_DATABASE`; `PC_ERR_TRUNCATED`; `PC_ERR_FORMAT_VERSION`; `PC_ERR_PAGE_SIZE`;
/// `PC_ERR_LOCK_VERSION`; `PC_ERR_NETWORK_FS`; `PC_ERR_PID_CLASH`; `PC_ERR_OPTIONS_DIFFER`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_REQUIRES`; `PC_ERR_DISK_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_MAP_BUSY`: it failed before, and
/// references into it are still held; `PC_ERR_LOCK_FILES`; `PC_ERR_SECOND_COPY`; `PC_ERR_REPLACED`: another process has
/// the data file open that was there before, with the same lock files; `PC_ERR_BUSY`: another process or thread did not
/// finish opening it in time; `PC_ERR_INTERRUPTED`.
pc_status pc_env_open(const char *path,
                      const pc_env_options *options,
                      pc_env *out);

/// Opens the files of an environment once more: for a part of a program that closes it by itself.
///
/// - `env`: an open environment, or in the child of a `fork` one that the parent had open then.
/// - `out`: receives the handle, which `pc_env_close` gives back.
///
/// The files are found where the first opening found them, never by the path, which may lead elsewhere by now; the
/// options are the same. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_ENV_FAILED`; in a child also
/// `PC_ERR_REPLACED`: the parent's files are not there any more, or cannot be reached; and those of `pc_env_open`.
pc_status pc_env_reopen(pc_env env,
                        pc_env *out);

/// Closes an environment: retires the handle and those of its collections, iterators and transactions, which are
/// aborted; then closes the files, when the last call under way in another thread is over.
///
/// It does not wait for those calls. Whatever pointed into the environment is void. May be called from any thread;
/// a write transaction of another thread is undone by that thread, at its next call or its end.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: closed already, which does no harm; `PC_ERR_FORKED`.
pc_status pc_env_close(pc_env env);

/// Makes all that was committed durable, whatever the environment's durability.
///
/// May be called from any thread, but not inside the thread's own write transaction. No lock of the host language's
/// runtime may be held meanwhile.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_flush(pc_env env);

/// Tells sizes, counts and options of an environment.
///
/// - `out`: the caller's, with its `struct_size` set; the fields that fit are filled in.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_info(pc_env env,
                      pc_env_stat *out);

/// Lists all collections, ordered by name, as text.
///
/// - `out`: receives one line for each: name TAB kind TAB key type TAB value type TAB count LF, without a NUL.
///   In names, backslash, TAB, LF and CR are written as `\\`, `\t`, `\n`, `\r`. The kind is `dict`, `set` or
///   `raw`; a raw collection's types are `-`; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread; inside a transaction it lists what that sees.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_list(pc_env env,
                      pc_buffer *out);

/* ==== Environments: copies of them, and who reads ==== */

/// Leave out free pages: the copy is smaller and takes longer to make.
#define PC_COPY_COMPACT 1

/// Copies an environment to a path that has nothing yet, while others go on reading and writing.
///
/// The newest commit is copied, inside a snapshot too. The copy is of the same kind: a directory, which may exist and
/// be empty, or a file if the environment was opened with `PC_ENV_NO_SUBDIR`. It is written under another name in its
/// directory, synced, and then given its own: a copy that failed or was cut short is no environment. What it left aside
/// is named like the data file, with `.copy-` and numbers after it, and may be removed.
///
/// - `path`: NUL-terminated UTF-8. Only read during the call.
/// - `flags`: 0 or `PC_COPY_COMPACT`.
///
/// May be called from any thread, but not inside the thread's own write transaction. A write waits for a compacting
/// copy only where the map must grow, and no longer than it waits for other writers. No lock of the host language's
/// runtime may be held meanwhile.
///
/// Statuses: `PC_OK`; `PC_EXISTS`: there is something at the path already, and it was left; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_UNSUPPORTED`: a scheme;
/// `PC_ERR_NO_ENVIRONMENT`: the path's parent directory does not exist; `PC_ERR_PERMISSION`; `PC_ERR_DISK_FULL`;
/// `PC_ERR_CORRUPTED`; `PC_ERR_BUSY`: others write so quickly that no moment between two commits was found;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_copy(pc_env env,
                      const char *path,
                      uint32_t flags);

/// Checks the structure of the data file as of the newest commit, while others go on reading and writing: each page is
/// what it should be where it stands, and is used once or free; keys stand in order; counts are right. Values are not
/// decoded. Every page that is in use is read, from the file and not from the map: damage cannot harm the process.
///
/// - `report`: receives one line for each figure, name TAB number LF, without a NUL: `pages`, which is the sum of the
///   next three; `used`; `free`; `lost`, which nobody uses nor will be given: they waste space and harm nothing;
///   `collections`. More may follow in later versions. May be `NULL`. Left as it was on failure.
///
/// May be called from any thread, inside transactions too; what is not committed is not looked at. No lock of the host
/// language's runtime should be held meanwhile: a large file takes its time.
///
/// Statuses: `PC_OK`; `PC_ERR_CORRUPTED`: the message names the first damage found, and its page;
/// `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_BUSY`: others write so quickly that no
/// moment between two commits was found; `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_check(pc_env env,
                       pc_buffer *report);

/// Lists the reader slots that are taken, of all processes, as text: whose snapshots keep free pages from being used
/// again, so that the file grows.
///
/// - `out`: receives one line for each: process id TAB thread TAB commit TAB commits since LF, without a NUL. The
///   thread is the system's number of the one that took the slot. The commit is the one that the slot's snapshot sees,
///   or `-` if it is only kept for a next read. Not `NULL`.
///
/// May be called from any thread. An environment opened with `PC_ENV_IMMUTABLE` has no slots.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`;
/// `PC_ERR_ENV_FAILED`.
pc_status pc_env_readers(pc_env env,
                         pc_buffer *out);

/// Frees the reader slots of processes that ended without doing so, such as killed ones. Opening an environment does so
/// too, and so does a read that finds no slot free.
///
/// - `reaped`: receives how many there were; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
pc_status pc_env_reap_readers(pc_env env,
                              uint32_t *reaped);

/* ==== Collections: what dicts and sets have in common ==== */

/// The collection is a dict.
#define PC_KIND_DICT 1

/// The collection is a set.
#define PC_KIND_SET 2

/// The collection has no schema: another LMDB program wrote it.
#define PC_KIND_RAW 3

/// Never create the collection; `PC_ERR_NO_COLLECTION` if there is none of that name.
#define PC_OPEN_EXISTING 1

/// For host languages with one number type: `i64` takes any stored integer width, `f64` any stored float width.
/// The schema tells the stored one.
#define PC_OPEN_ANY_INT 2

/// Drops a collection with all it holds, whatever its kind. Handles of it that are open answer
/// `PC_ERR_NO_COLLECTION` from then on.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
///
/// May be called from any thread; inside a transaction it is part of it.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: there is none of that name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_IN_SNAPSHOT`; `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_MAP_FULL`; `PC_ERR_DISK_FULL`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
pc_status pc_collection_drop(pc_env env,
                             const char *name);

/// Tells a collection's kind and types, without opening it.
///
/// - `name`: NUL-terminated UTF-8. Only read during the call.
/// - `kind`: receives one of `PC_KIND_*`. Not `NULL`.
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Both are empty for a raw collection; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`: there is none of that name; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`; `PC_ERR_BAD_NAME`; `PC_ERR_REQUIRES`; `PC_ERR_CORRUPTED`; `PC_ERR_NO_MEMORY`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_ENV_FAILED`.
pc_status pc_collection_schema(pc_env env,
                               const char *name,
                               int32_t *kind,
                               pc_buffer *types);

/* ==== Ranges ==== */

/// The range has a lower bound: keys from `lower` on, itself included.
#define PC_RANGE_LOWER 1

/// The lower bound itself is left out.
#define PC_RANGE_LOWER_EXCLUSIVE 2

/// The range has an upper bound: keys below `upper`, itself left out.
#define PC_RANGE_UPPER 4

/// The upper bound itself is included.
#define PC_RANGE_UPPER_INCLUSIVE 8

/// Only keys that begin with `prefix`.
#define PC_RANGE_PREFIX 16

/// From the last key to the first.
#define PC_RANGE_REVERSE 32

/// A range of keys. All zeros: every key, in ascending order; so does `NULL` where a range is an argument.
///
/// Bounds are encoded keys (`pc_encode_key`): of a fixed-width type they are not the number as it stands in memory.
/// A prefix is bytes that encoded keys begin with: of `str` and `bytes` the text or bytes themselves, of tuples the
/// leading elements as encoded. A prefix and bounds may be combined. Which of them are there is said by the flags
/// alone: `NULL` with length 0 is an empty bound or prefix. The memory is the caller's, and only read during the call.
typedef struct pc_range {
    /// The lower bound; looked at if `flags` has `PC_RANGE_LOWER`.
    const void *lower;
    /// Its length in bytes.
    size_t lower_len;
    /// The upper bound; looked at if `flags` has `PC_RANGE_UPPER`.
    const void *upper;
    /// Its length in bytes.
    size_t upper_len;
    /// The prefix; looked at if `flags` has `PC_RANGE_PREFIX`.
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

/// `pc_dict_compare_exchange`: on a match the key is removed; `desired` and its length are ignored.
#define PC_DESIRE_ABSENT 2

/// A handle of a dict: keys and their values, ordered by key. It may be used from any thread. Zero is never a valid
/// handle.
typedef struct pc_dict {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_dict;

/// Opens a dict, by default creating it.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `key_type`, `value_type`: type strings such as `str`, `i64`, `f32[768]`, `any`; `NULL` means as stored, or `any`
///   if the dict is new. Others than the stored ones are refused, but for a stored `any`, which may be opened as
///   anything.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_dict_close` gives back. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread; a dict created inside a transaction that is
/// undone is created again by its next write.
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

/// Closes a dict's handle and those of its iterators. Nothing that was written is undone.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: closed already, which does no harm; `PC_ERR_FORKED`.
pc_status pc_dict_close(pc_dict dict);

/// Tells the types of an open dict: as stored; of a raw one, as the opener said.
///
/// - `types`: receives key type and value type, each NUL-terminated, one after the other: the value type is at
///   `data + strlen(data) + 1`. Not `NULL`.
/// - `raw`: receives whether the dict has no schema, since another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_schema(pc_dict dict,
                         pc_buffer *types,
                         bool *raw);

/// Stores a value under a key, in place of what stood there.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number as it stands in memory,
///   `pc_encode_key` makes it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put(pc_dict dict,
                      const void *key,
                      size_t key_len,
                      const void *value,
                      size_t value_len);

/// Stores a value under a key if nothing stands there.
///
/// - `key`, `value`: encoded, with their lengths; a fixed-width key is not the number as it stands in memory,
///   `pc_encode_key` makes it. Only read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: the key was there, nothing was changed; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`; `PC_ERR_VALUE_SIZE`.
pc_status pc_dict_put_new(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          const void *value,
                          size_t value_len);

/// Copies a key's value into the caller's memory. Allocates nothing.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
/// - `buf`, `cap`: where the encoded value goes, and how much fits. `NULL` with 0 asks for the length alone.
/// - `len`: receives the value's length, also if that is more than `cap`: then nothing is copied. Not `NULL`.
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
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
/// - `value`: receives the encoded value, in place of what it held. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_dict_get_buffer(pc_dict dict,
                             const void *key,
                             size_t key_len,
                             pc_buffer *value);

/// Tells where a key's value lies, without copying it. Only inside a transaction.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
/// - `value`, `len`: receive where the encoded value is, and its length. Not `NULL`. The memory belongs to the
///   environment, is not aligned and must not be written. It is good until the transaction ends; in a write transaction
///   only until the thread's next write. A snapshot that gave out such a pointer holds back the growth of the map, and
///   does not end with its thread: `pc_txn_abort` ends it from any other.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_NO_TRANSACTION`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_get_ref(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          const void **value,
                          size_t *len);

/// Tells whether a key is there.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it is; `PC_NOT_FOUND`: it is not; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_contains(pc_dict dict,
                           const void *key,
                           size_t key_len);

/// Removes a key and its value.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it was not there; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove(pc_dict dict,
                         const void *key,
                         size_t key_len);

/// Removes a key and copies its value into the caller's memory, as one step: of several threads and processes that take
/// the same key, one gets it.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
/// - `buf`, `cap`: where the encoded value goes, and how much fits.
/// - `len`: receives the value's length, also if that is more than `cap`: then nothing is copied and nothing is
///   removed. Not `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`; `PC_TOO_SMALL`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_take(pc_dict dict,
                       const void *key,
                       size_t key_len,
                       void *buf,
                       size_t cap,
                       size_t *len);

/// Replaces a key's value if it is the expected one, as one step. Encoded bytes are compared.
///
/// - `key`, `expected`, `desired`: encoded, with their lengths; a fixed-width key is not the number as it stands in
///   memory, `pc_encode_key` makes it. Only read during the call.
/// - `flags`: `PC_EXPECT_ABSENT`: the key should not be there; `PC_DESIRE_ABSENT`: it should go.
/// - `current`: receives the value that stands there if another was expected; may be `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_OK`: exchanged; `PC_EXISTS`: another value stands there; `PC_NOT_FOUND`: none does,
/// though one was expected; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_BAD_VALUE`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_VALUE_SIZE`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_compare_exchange(pc_dict dict,
                                   const void *key,
                                   size_t key_len,
                                   const void *expected,
                                   size_t expected_len,
                                   const void *desired,
                                   size_t desired_len,
                                   uint32_t flags,
                                   pc_buffer *current);

/// Adds to a key's integer, as one step; a key that is not there counts as 0. For every integer type, and for integers
/// in `any`.
///
/// - `key`: encoded; a fixed-width key is not the number as it stands in memory, `pc_encode_key` makes it. Only read
///   during the call.
/// - `delta`: what to add; may be negative.
/// - `result`: receives the sum; may be `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_ERR_OVERFLOW`: the sum leaves the range of the value type, or of `int64_t`, and
/// nothing was changed; `PC_ERR_TYPE_MISMATCH`: values are no integers, or this one, in `any`, is none;
/// `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_add_i64(pc_dict dict,
                          const void *key,
                          size_t key_len,
                          int64_t delta,
                          int64_t *result);

/// Tells how many entries there are. Takes the same time however many.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
pc_status pc_dict_len(pc_dict dict, uint64_t *len);

/// Removes every entry; the dict and its types stay.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes.
pc_status pc_dict_clear(pc_dict dict);

/// Gives the entry with the lowest key.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number as it stands in memory, `pc_decode_key`
///   converts. Not `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Another buffer than `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_first(pc_dict dict,
                        pc_buffer *key,
                        pc_buffer *value);

/// Gives the entry with the highest key; else as `pc_dict_first`.
///
/// - `key`: receives the encoded key; a fixed-width key is not the number as it stands in memory, `pc_decode_key`
///   converts. Not `NULL`.
/// - `value`: receives the encoded value; may be `NULL`. Another buffer than `key`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the dict is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_last(pc_dict dict,
                       pc_buffer *key,
                       pc_buffer *value);

/// Removes the entries of a range of keys, all of them or, on a failure, none.
///
/// - `range`: which keys, its direction does not matter; `NULL` means all. Its bounds are encoded: a fixed-width key is
///   not the number as it stands in memory, `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives how many there were; may be `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with an order of its own.
pc_status pc_dict_remove_range(pc_dict dict,
                               const pc_range *range,
                               uint64_t *removed);

/* ==== Sets ==== */

/// A handle of a set: elements in order. It may be used from any thread. Zero is never a valid handle.
typedef struct pc_set {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_set;

/// Opens a set, by default creating it.
///
/// - `name`: NUL-terminated UTF-8, at most 255 bytes, not beginning with `pc:`.
/// - `type`: the elements' type string, one that keys can have; `NULL` means as stored, or `any` if the set is new.
///   Another than the stored one is refused, but for a stored `any`, which may be opened as anything.
/// - `flags`: 0, or any of `PC_OPEN_EXISTING`, `PC_OPEN_ANY_INT`.
/// - `out`: receives the handle, which `pc_set_close` gives back. Not `NULL`.
///
/// The texts are only read during the call. May be called from any thread; a set created inside a transaction that is
/// undone is created again by its next write.
///
/// Statuses: those of reads and, if it is created, of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_NAME`;
/// `PC_ERR_BAD_TYPE`; `PC_ERR_NO_COLLECTION`; `PC_ERR_WRONG_KIND`: the name is a dict's; `PC_ERR_TYPE_MISMATCH`: the
/// message names both types; `PC_ERR_REQUIRES`; `PC_ERR_COLLECTIONS_FULL`.
pc_status pc_set_open(pc_env env,
                      const char *name,
                      const char *type,
                      uint32_t flags,
                      pc_set *out);

/// Closes a set's handle and those of its iterators. Nothing that was written is undone.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: closed already, which does no harm; `PC_ERR_FORKED`.
pc_status pc_set_close(pc_set set);

/// Tells the type of an open set's elements: as stored; of a raw one, as the opener said.
///
/// - `types`: receives the type, NUL-terminated. Not `NULL`.
/// - `raw`: receives whether the set has no schema, since another LMDB program wrote it; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_schema(pc_set set,
                        pc_buffer *types,
                        bool *raw);

/// Adds an element.
///
/// - `element`: encoded; a fixed-width element is not the number as it stands in memory, `pc_encode_key` makes it. Only
///   read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it was there already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_add(pc_set set,
                     const void *element,
                     size_t len);

/// Removes an element.
///
/// - `element`: encoded; a fixed-width element is not the number as it stands in memory, `pc_encode_key` makes it. Only
///   read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it was not there; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove(pc_set set,
                        const void *element,
                        size_t len);

/// Tells whether an element is there.
///
/// - `element`: encoded; a fixed-width element is not the number as it stands in memory, `pc_encode_key` makes it. Only
///   read during the call. `NULL` with length 0 is an empty one.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it is; `PC_NOT_FOUND`: it is not; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_contains(pc_set set,
                          const void *element,
                          size_t len);

/// Tells how many elements there are. Takes the same time however many.
///
/// - `len`: receives the number. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`.
pc_status pc_set_len(pc_set set, uint64_t *len);

/// Removes every element; the set and its type stay.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes.
pc_status pc_set_clear(pc_set set);

/// Gives the lowest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number as it stands in memory, `pc_decode_key`
///   converts. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_first(pc_set set,
                       pc_buffer *element);

/// Gives the highest element.
///
/// - `element`: receives it, encoded; a fixed-width element is not the number as it stands in memory, `pc_decode_key`
///   converts. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`: the set is empty; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`.
pc_status pc_set_last(pc_set set,
                      pc_buffer *element);

/// Removes the elements of a range, all of them or, on a failure, none.
///
/// - `range`: which elements, its direction does not matter; `NULL` means all. Its bounds are encoded: a fixed-width
///   element is not the number as it stands in memory, `pc_encode_key` makes it. Only read during the call.
/// - `removed`: receives how many there were; may be `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with an order of its own.
pc_status pc_set_remove_range(pc_set set,
                              const pc_range *range,
                              uint64_t *removed);

/* ==== Sets: algebra ==== */

/// Makes `into` the union of two sets: the elements that are in either.
///
/// What `into` held before is replaced. It may be `a` or `b`, and those may be the same. The sets are walked in order,
/// some elements at a time, and of `into` only what differs is written: the library needs the same memory however large
/// they are.
///
/// The elements must be of one type, and all three sets raw or none. `a` and `b` may lie in other environments than
/// `into`; they are read in the thread's transaction there, or else in one snapshot for each environment.
///
/// May be called from any thread. It is one write: inside a transaction a part of it, done as a whole or not at all;
/// outside of transactions it returns when it is durable. It holds the write lock of the environment of `into`.
///
/// Statuses: those of writes, for `into`, and of reads; `PC_ERR_TYPE_MISMATCH`: other types, or one is raw and another is
/// not; `PC_ERR_UNSUPPORTED`: a raw set with an order of its own.
pc_status pc_set_union(pc_set a,
                       pc_set b,
                       pc_set into);

/// Makes `into` the intersection of two sets: the elements that are in both. In all else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_intersection(pc_set a,
                              pc_set b,
                              pc_set into);

/// Makes `into` the difference of two sets: the elements of `a` that are not in `b`. In all else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_difference(pc_set a,
                            pc_set b,
                            pc_set into);

/// Makes `into` the symmetric difference of two sets: the elements that are in one of them and not in the other. In all
/// else as `pc_set_union`.
///
/// Statuses: as for `pc_set_union`.
pc_status pc_set_symmetric_difference(pc_set a,
                                      pc_set b,
                                      pc_set into);

/// Tells whether each element of `a` is in `b`. Looks no further than the first that is not.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may lie in two environments. May be called from any thread; outside of transactions each environment is read
/// in one snapshot.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_TYPE_MISMATCH`: other types, or one is raw and the other
/// is not; `PC_ERR_UNSUPPORTED`: a raw set with an order of its own.
pc_status pc_set_is_subset(pc_set a,
                           pc_set b,
                           bool *out);

/// Tells whether no element is in both sets. Looks no further than the first that is.
///
/// - `out`: receives the answer. Not `NULL`.
///
/// The sets may lie in two environments. May be called from any thread; outside of transactions each environment is read
/// in one snapshot.
///
/// Statuses: as for `pc_set_is_subset`.
pc_status pc_set_is_disjoint(pc_set a,
                             pc_set b,
                             bool *out);

/* ==== Batches ==== */

/// Stores many entries, all of them or, on a failure, none. If a key occurs twice, its last value wins.
///
/// - `count`: how many entries.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` where the key type has a fixed width. Fixed-width keys are not the numbers as they stand in memory.
/// - `values`, `value_offsets`: the encoded values, likewise. Values of fixed-width numbers are little-endian, so a
///   column of them is the numbers' array.
/// - `failed_at`: on a failure receives which entry is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// The memory is the caller's, and only read during the call. May be called from any thread; outside of transactions it
/// is one, and returns when that is durable.
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

/// Reads many keys' values.
///
/// - `count`: how many keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` where the key type has a fixed width. Fixed-width keys are not the numbers as they stand in memory.
/// - `present`: `count` bytes; each receives 1 if its key is there, else 0.
/// - `values_out`, `values_cap`: for value types of a fixed width, where the values go, and how many bytes fit; `count`
///   times the width are needed. The value of an absent key is zeros. `values` and `value_offsets` are `NULL` then.
/// - `values`, `value_offsets`: where `values_out` is `NULL`: the buffer receives the values one after the other, the
///   caller's memory the `count + 1` offsets into it. An absent key's value is empty.
/// - `failed_at`: on a failure receives which key is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// After a failure the contents of `present`, the values and the offsets mean nothing. All values are of one state of
/// the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, however many are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`; `PC_ERR_BAD_VALUE`: what is stored is not as wide as its type; `PC_ERR_NO_MEMORY`.
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
/// - `range`: which keys, and in which direction; `NULL` means all, ascending. Only read during the call.
/// - `values`: receives the values, in place of what it held. Not `NULL`.
///
/// Only for value types of a fixed width, so that the buffer's length tells how many there are. Values of numbers are
/// little-endian. All are of one state of the dict. May be called from any thread.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`: also, the type has no fixed width; `PC_ERR_BAD_VALUE`: what is
/// stored is not as wide as its type; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw collection with an
/// order of its own.
pc_status pc_dict_values(pc_dict dict,
                         const pc_range *range,
                         pc_buffer *values);

/// Removes many keys, all that are there or, on a failure, none.
///
/// - `count`: how many keys.
/// - `keys`, `key_offsets`: the encoded keys one after the other, and `count + 1` offsets into them; the offsets may be
///   `NULL` where the key type has a fixed width. Fixed-width keys are not the numbers as they stand in memory.
/// - `removed`: receives how many were there; may be `NULL`.
/// - `failed_at`: on a failure receives which key is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// The memory is the caller's, and only read during the call. May be called from any thread; outside of transactions it
/// is one, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove_many(pc_dict dict,
                              size_t count,
                              const void *keys,
                              const uint64_t *key_offsets,
                              uint64_t *removed,
                              size_t *failed_at);

/// Adds many elements, all of them or, on a failure, none.
///
/// - `count`: how many elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets may
///   be `NULL` where the element type has a fixed width. Fixed-width elements are not the numbers as they stand in
///   memory.
/// - `added`: receives how many were not there before; may be `NULL`.
/// - `failed_at`: on a failure receives which element is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// The memory is the caller's, and only read during the call. May be called from any thread; outside of transactions it
/// is one, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_add_many(pc_set set,
                          size_t count,
                          const void *elements,
                          const uint64_t *offsets,
                          uint64_t *added,
                          size_t *failed_at);

/// Removes many elements, all that are there or, on a failure, none.
///
/// - `count`: how many elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets may
///   be `NULL` where the element type has a fixed width. Fixed-width elements are not the numbers as they stand in
///   memory.
/// - `removed`: receives how many were there; may be `NULL`.
/// - `failed_at`: on a failure receives which element is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// The memory is the caller's, and only read during the call. May be called from any thread; outside of transactions it
/// is one, and returns when that is durable.
///
/// Statuses: those of writes; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove_many(pc_set set,
                             size_t count,
                             const void *elements,
                             const uint64_t *offsets,
                             uint64_t *removed,
                             size_t *failed_at);

/// Tells which of many elements are there.
///
/// - `count`: how many elements.
/// - `elements`, `offsets`: the encoded elements one after the other, and `count + 1` offsets into them; the offsets may
///   be `NULL` where the element type has a fixed width. Fixed-width elements are not the numbers as they stand in
///   memory.
/// - `present`: `count` bytes; each receives 1 if its element is there, else 0. After a failure they mean nothing.
/// - `failed_at`: on a failure receives which element is at fault, counted from 0, or `SIZE_MAX` if none in particular;
///   may be `NULL`.
///
/// All answers are of one state of the set. May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`, however many are absent; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
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
/// of the system may lose or damage what was committed since the last `pc_flush` or durable commit; a crash of the
/// process loses nothing. Inside another write transaction it has no effect.
#define PC_TXN_NO_SYNC 4

/// A handle of a transaction. Zero is never a valid handle.
typedef struct pc_txn {
    /// Means nothing to the caller; as a foreign-function call passes it, a plain 64-bit integer.
    uint64_t id;
} pc_txn;

/// What `pc_set_interrupt` sets: returns 0 to go on waiting. It must return normally: no exception and no `longjmp`
/// may leave it.
typedef int32_t (*pc_interrupt)(void *context);

/// Begins a transaction and makes it the calling thread's current one for this environment: until it ends, every
/// call of this thread on this environment's collections is part of it.
///
/// - `kind`: `PC_TXN_READ`, `PC_TXN_WRITE`, or `PC_TXN_WRITE | PC_TXN_NO_SYNC`.
/// - `timeout_ms`: how long to wait for the write lock; 0 does not wait, negative takes the environment's
///   `write_timeout_ms`. A snapshot, and whatever begins inside another transaction, never waits.
/// - `out`: receives the handle, which `pc_txn_commit` or `pc_txn_abort` gives back. Not `NULL`.
///
/// Transactions of a thread and environment nest. Inside a snapshot, `PC_TXN_READ` is the same snapshot and
/// `PC_TXN_WRITE` is refused. Inside a write transaction, `PC_TXN_READ` sees the writes so far and refuses new ones
/// until it ends, and `PC_TXN_WRITE` is a savepoint. A write transaction belongs to its thread. No lock of the host
/// language's runtime may be held while this waits.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_SNAPSHOT`;
/// `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`: the message names the holder; `PC_ERR_READ_ONLY`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_MAP_BUSY`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_begin(pc_env env,
                       int32_t kind,
                       int64_t timeout_ms,
                       pc_txn *out);

/// Commits a transaction, which ends it whatever the status, but for the three that say that it goes on. An outermost
/// write transaction is as durable as the environment when this returns, but for `PC_TXN_NO_SYNC`; a savepoint becomes
/// part of the transaction around it.
///
/// The handle and those of its iterators are retired; what `pc_dict_get_ref` gave out is void. Only the thread that
/// began it may call this.
///
/// Statuses: `PC_OK`; `PC_ERR_WRONG_THREAD`, `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it goes on;
/// `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_TXN_FAILED`: it had failed, and is undone; `PC_ERR_MAP_FULL`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_commit(pc_txn txn);

/// Undoes a transaction and ends it.
///
/// The handle and those of its iterators are retired; what `pc_dict_get_ref` gave out is void. From another thread
/// than its own, the transaction is marked, and undone by its own thread at that thread's next call or its end.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it goes on;
/// `PC_ERR_ENV_FAILED`: it is undone, and the environment has failed.
pc_status pc_txn_abort(pc_txn txn);

/// Tells the calling thread's innermost transaction of an environment.
///
/// - `out`: receives its handle, of id 0 if there is none. Not `NULL`.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_current(pc_env env,
                         pc_txn *out);

/// Makes another of the thread's transactions its current one, or none: for bindings whose tasks share a thread.
///
/// - `txn`: a transaction of this environment and thread, or one of id 0: the thread's calls run outside of any
///   transaction until another is set.
/// - `previous`: receives the one that was current, of id 0 if there was none; may be `NULL`.
///
/// A transaction that is not current goes on; its thread must come back to it to end it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_INVALID_ARGUMENT`: of another environment;
/// `PC_ERR_WRONG_THREAD`; `PC_ERR_NOT_INNERMOST`; `PC_ERR_ENV_FAILED`.
pc_status pc_txn_set_current(pc_env env,
                             pc_txn txn,
                             pc_txn *previous);

/// Says whether the calling thread's reads may wait for the write lock; at first they may.
///
/// - `wait`: whether they may.
///
/// A read seldom waits: where a collection was made or removed by another process since it was opened here, or another
/// process has outgrown the memory map, and a thread of this process is writing. While `wait` is false such a read
/// fails at once, with `PC_ERR_BUSY` or `PC_ERR_MAP_BUSY`. For callers who hold a lock of their host language's runtime:
/// they let go of it, and read again with `wait` true.
///
/// Concerns the calling thread alone, and no writes.
///
/// Returns: what held before.
bool pc_set_reads_wait(bool wait);

/// Sets what the calling thread is asked while it waits for other writers.
///
/// - `check`: called about every 50 ms while a call of this thread waits for the write lock: to begin a transaction,
///   to write outside of one, to open a collection. If it returns anything but 0, that call fails with
///   `PC_ERR_INTERRUPTED` and has written nothing. A call that does not wait never calls it. `NULL` removes it.
///   It may call this library.
/// - `context`: passed to `check` as it is.
///
/// For a language's runtime that handles signals only in its own code: `check` handles them, and says whether one of
/// them ends the wait. Concerns the calling thread alone. What holds LMDB's own lock and does not use this library
/// cannot be waited for in this way.
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

/// An integer, in `as.u64`. Decoding gives it only above `INT64_MAX`, or where the type is `u64`.
#define PC_VALUE_U64 4

/// A floating-point number, in `as.f64`.
#define PC_VALUE_F64 5

/// Text, in `as.bytes`: UTF-8. What decoding gives is followed by a NUL that `len` does not count.
#define PC_VALUE_STR 6

/// Bytes, in `as.bytes`; also of the types `opaque[n]`.
#define PC_VALUE_BYTES 7

/// A UUID, in `as.uuid`.
#define PC_VALUE_UUID 8

/// A date, in `as.i64`: days since 1970-01-01.
#define PC_VALUE_DATE 9

/// A date and time without a zone, in `as.i64`: microseconds since 1970-01-01T00:00:00.
#define PC_VALUE_DATETIME 10

/// An array of numbers, in `as.bytes`: little-endian, in C order; `subtype` is one of `PC_ELEMENT_*`. The dimensions are
/// the type's; in `any` there is one. What decoding gives is aligned to 8 bytes.
#define PC_VALUE_ARRAY 11

/// A tuple, in `as.items`.
#define PC_VALUE_TUPLE 12

/// A list, in `as.items`.
#define PC_VALUE_LIST 13

/// A map, in `as.items`: `2 * len` items, a key, its value, the next key, its value.
#define PC_VALUE_MAP 14

/// A set, in `as.items`.
#define PC_VALUE_SET 15

/// What has no form above, in `as.bytes` and as encoded: in a value one CBOR item, in a key one element of the tuple
/// layer. It is written back unchanged.
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

/// Bytes of a `pc_value`, and how many.
typedef struct pc_value_data {
    /// The bytes; may be `NULL` if there are none.
    const uint8_t *data;
    /// How many.
    size_t len;
} pc_value_data;

/// Items of a `pc_value`, and how many.
typedef struct pc_value_items {
    /// The items; may be `NULL` if there are none.
    const struct pc_value *items;
    /// How many; of a map how many pairs of them.
    size_t len;
} pc_value_items;

/// What a `pc_value` holds; its `kind` says which field counts.
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
    /// For kinds to come: the size is 32 bytes for ever.
    uint8_t reserved[24];
} pc_value_as;

/// A key or value of any type. The caller makes one for the library to encode, or the library makes one when it decodes;
/// it owns no memory: what it points to is the caller's, or lies in the `pc_buffer` that was given for it.
typedef struct pc_value {
    /// One of `PC_VALUE_*`.
    uint32_t kind;
    /// Of an array, one of `PC_ELEMENT_*`; else 0.
    uint32_t subtype;
    /// What it holds.
    union pc_value_as as;
} pc_value;

/// Makes a null.
///
/// Returns: a value of the kind `PC_VALUE_NULL`.
pc_value pc_value_null(void);

/// Makes a truth value.
///
/// - `boolean`: what it holds.
///
/// Returns: a value of the kind `PC_VALUE_BOOL`.
pc_value pc_value_bool(bool boolean);

/// Makes an integer.
///
/// - `number`: what it holds.
///
/// Returns: a value of the kind `PC_VALUE_I64`.
pc_value pc_value_i64(int64_t number);

/// Makes an unsigned integer.
///
/// - `number`: what it holds.
///
/// Returns: a value of the kind `PC_VALUE_U64`.
pc_value pc_value_u64(uint64_t number);

/// Makes a floating-point number.
///
/// - `number`: what it holds.
///
/// Returns: a value of the kind `PC_VALUE_F64`.
pc_value pc_value_f64(double number);

/// Makes a text.
///
/// - `utf8`: NUL-terminated UTF-8, the caller's: the value points there. `NULL` is an empty text.
///
/// Whether it is UTF-8 is checked when the value is used.
///
/// Returns: a value of the kind `PC_VALUE_STR`.
pc_value pc_value_str(const char *utf8);

/// Makes bytes.
///
/// - `data`, `len`: the caller's: the value points there. `NULL` with length 0 is no bytes.
///
/// Returns: a value of the kind `PC_VALUE_BYTES`.
pc_value pc_value_bytes(const void *data, size_t len);

/// Looks up a text key in a map.
///
/// - `map`: of the kind `PC_VALUE_MAP`. Not `NULL`.
/// - `key`: NUL-terminated UTF-8. Only read during the call.
/// - `out`: receives what stands there; it points to where the map's items point to. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or no map.
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
/// entry `i` is `keys[key_offsets[i]]` up to, not including, `keys[key_offsets[i + 1]]`. The memory is the
/// iterator's and good until the next call on it.
typedef struct pc_batch {
    /// How many entries there are.
    size_t count;
    /// The encoded keys.
    const uint8_t *keys;
    /// `count + 1` offsets into `keys`.
    const uint64_t *key_offsets;
    /// The encoded values; of a set there are none.
    const uint8_t *values;
    /// `count + 1` offsets into `values`; of a set all are zero.
    const uint64_t *value_offsets;
} pc_batch;

/// Opens an iterator over a dict's entries, before the first of them.
///
/// - `range`: which keys, and in which direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` gives back. Not `NULL`.
///
/// May be called from any thread. Closing the dict's handle retires the iterator.
///
/// Statuses: those of reads; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_NO_MEMORY`; `PC_ERR_UNSUPPORTED`: a prefix, in a raw
/// collection with an order of its own.
pc_status pc_iter_open_dict(pc_dict dict,
                            const pc_range *range,
                            pc_iter *out);

/// Opens an iterator over a set's elements, before the first of them. They are its keys; its values are empty.
///
/// - `range`: which elements, and in which direction; `NULL` means all, ascending. Only read during the call.
/// - `out`: receives the handle, which `pc_iter_close` gives back. Not `NULL`.
///
/// May be called from any thread. Closing the set's handle retires the iterator.
///
/// Statuses: as for `pc_iter_open_dict`.
pc_status pc_iter_open_set(pc_set set,
                           const pc_range *range,
                           pc_iter *out);

/// Steps to the next entry in the iterator's direction and gives it out, encoded: a fixed-width key is not the number
/// as it stands in memory, `pc_decode_key` converts.
///
/// - `key`, `key_len`: receive where the key is and its length. Not `NULL`.
/// - `value`, `value_len`: receive where the value is and its length; either may be `NULL`.
///
/// The memory is the iterator's: good until the next call on it, not aligned, not to be written.
///
/// Statuses: `PC_OK`; `PC_END`: there is none left; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`;
/// `PC_ERR_WRONG_THREAD`: it belongs to another thread's transaction; `PC_ERR_NO_COLLECTION`; `PC_ERR_TXN_FAILED`;
/// `PC_ERR_ENV_FAILED`; `PC_ERR_CONFLICT`: this process has committed, and the iterator kept what was ahead of it alone.
pc_status pc_iter_next(pc_iter iter,
                       const void **key,
                       size_t *key_len,
                       const void **value,
                       size_t *value_len);

/// Steps to the entry before, against the iterator's direction, and gives it out as `pc_iter_next` does. After
/// `pc_iter_next` gave out an entry this gives out the one before that.
///
/// - `key`, `key_len`: receive where the key is and its length. Not `NULL`.
/// - `value`, `value_len`: receive where the value is and its length; either may be `NULL`.
///
/// The memory is the iterator's: good until the next call on it, not aligned, not to be written.
///
/// Statuses: as for `pc_iter_next`; `PC_END`: there is none before.
pc_status pc_iter_prev(pc_iter iter,
                       const void **key,
                       size_t *key_len,
                       const void **value,
                       size_t *value_len);

/// Gives out the next entries as columns: the fast way through many of them. Keys and values are encoded: a
/// fixed-width key is not the number as it stands in memory.
///
/// - `max_items`: at most so many; 0 leaves it to the library.
/// - `max_bytes`: about so many bytes of keys and values; 0 leaves it to the library. At least one entry is given out,
///   whatever its size.
/// - `out`: receives the columns; the memory is the iterator's, good until the next call on it. Not `NULL`.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_NO_MEMORY`.
pc_status pc_iter_next_batch(pc_iter iter,
                             size_t max_items,
                             size_t max_bytes,
                             pc_batch *out);

/// Goes to a key: the next `pc_iter_next` gives out the first entry at or beyond it in the iterator's direction,
/// within the iterator's range.
///
/// - `key`, `key_len`: an encoded key, or the beginning of one; of a fixed-width type that is not the number as it stands
///   in memory. Only read during the call.
///
/// Statuses: `PC_OK`, whether or not there is such an entry; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`;
/// `PC_ERR_FORKED`.
pc_status pc_iter_seek(pc_iter iter,
                       const void *key,
                       size_t key_len);

/// Closes an iterator. What it gave out is void; its snapshot, if it owned one, ends.
///
/// May be called from any thread, also after its transaction ended, which closed it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: closed already, which does no harm; `PC_ERR_FORKED`.
pc_status pc_iter_close(pc_iter iter);

/// Steps to the next entry, as `pc_iter_next` does, and gives it out decoded.
///
/// - `key`: receives the key, or the element. Not `NULL`.
/// - `value`: receives the value, of a set's iterator `PC_VALUE_NULL`; may be `NULL`.
///
/// Strings and items in them are the iterator's, good until the next call on it.
///
/// Statuses: as for `pc_iter_next`; `PC_ERR_BAD_KEY`, `PC_ERR_BAD_VALUE`: what is stored is not of its type (the
/// iterator has stepped over it); `PC_ERR_NO_MEMORY` (it has not).
pc_status pc_iter_next_value(pc_iter iter,
                             pc_value *key,
                             pc_value *value);

/* ==== Calls that take values ==== */

/// Encodes a key as a collection of this key type stores it.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `value`: the key; a `pc_value` of a kind that fits the type. Only read during the call.
/// - `out`: receives the encoded key, in place of what it held. Not `NULL`.
///
/// Raw collections store keys of numbers as they stand in memory instead. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_TYPE`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_NO_MEMORY`.
pc_status pc_encode_key(const char *type,
                        const pc_value *value,
                        pc_buffer *out);

/// Decodes a key of a collection of this key type.
///
/// - `type`: a type string, NUL-terminated. Only read during the call.
/// - `key`, `len`: the encoded key. Only read during the call.
/// - `out`: receives the key. Not `NULL`.
/// - `storage`: receives what `out` points to, in place of what it held; good until its next use. Not `NULL`.
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
/// - `out`: receives the encoded value, in place of what it held. Not `NULL`.
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
/// - `storage`: receives what `out` points to, in place of what it held; good until its next use. Not `NULL`.
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

/// Stores a value under a key, in place of what stood there: `pc_dict_put`, which encodes by itself.
///
/// - `key`, `value`: of kinds that fit the dict's types. Only read during the call. Not `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
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
/// - `storage`: receives what `value` points to, in place of what it held; good until its next use. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_NOT_FOUND`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`; `PC_ERR_KEY_SIZE`;
/// `PC_ERR_BAD_VALUE`: what is stored is not of the type that the dict was opened with; `PC_ERR_NO_MEMORY`.
pc_status pc_dict_get_value(pc_dict dict,
                            const pc_value *key,
                            pc_value *value,
                            pc_buffer *storage);

/// Tells whether a key is there: `pc_dict_contains`, which encodes by itself.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it is; `PC_NOT_FOUND`: it is not; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_contains_value(pc_dict dict,
                                 const pc_value *key);

/// Removes a key and its value: `pc_dict_remove`, which encodes by itself.
///
/// - `key`: of a kind that fits the dict's key type. Only read during the call. Not `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it was not there; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_dict_remove_value(pc_dict dict,
                               const pc_value *key);

/// Adds an element: `pc_set_add`, which encodes by itself.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the write is durable.
///
/// Statuses: those of writes; `PC_EXISTS`: it was there already; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_add_value(pc_set set,
                           const pc_value *element);

/// Removes an element: `pc_set_remove`, which encodes by itself.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread; outside of transactions it returns when the removal is durable.
///
/// Statuses: those of writes; `PC_NOT_FOUND`: it was not there; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_remove_value(pc_set set,
                              const pc_value *element);

/// Tells whether an element is there: `pc_set_contains`, which encodes by itself.
///
/// - `element`: of a kind that fits the set's type. Only read during the call. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: those of reads; `PC_OK`: it is; `PC_NOT_FOUND`: it is not; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_KEY`;
/// `PC_ERR_KEY_SIZE`.
pc_status pc_set_contains_value(pc_set set,
                                const pc_value *element);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* PERSISTENT_COLLECTIONS_H */
