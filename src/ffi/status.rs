//! Statuses and their texts.

use std::ffi::{CStr, c_char};

use super::boundary::boundary;
use super::last_error;
use crate::error::Status;

/// The outcome of a call: `PC_OK` is 0, other answers are positive, errors are negative.
///
/// The numbers are fixed and never reused; later versions add new ones.
pub type pc_status = i32;

/// Done; for a question, yes.
pub const PC_OK: pc_status = 0;
/// Not a failure: the key or entry does not exist.
pub const PC_NOT_FOUND: pc_status = 1;
/// Not a failure: it exists already, or has another value.
pub const PC_EXISTS: pc_status = 2;
/// Not a failure: the iterator is at its end.
pub const PC_END: pc_status = 3;
/// Not a failure: the caller's memory is too small; the needed size was written and nothing else was done.
pub const PC_TOO_SMALL: pc_status = 4;
/// Not a failure: what the call waited for did not happen before the timeout.
pub const PC_TIMEOUT: pc_status = 5;
/// An argument is missing or invalid.
pub const PC_ERR_INVALID_ARGUMENT: pc_status = -1;
/// The handle is stale, closed, zero or of another kind.
pub const PC_ERR_BAD_HANDLE: pc_status = -2;
/// A bug in this library: a panic was caught at the boundary.
pub const PC_ERR_PANIC: pc_status = -3;
/// A memory allocation failed.
pub const PC_ERR_NO_MEMORY: pc_status = -4;
/// The operating system reported a failure that has no status of its own.
pub const PC_ERR_IO: pc_status = -5;
/// The handle was inherited through `fork`.
pub const PC_ERR_FORKED: pc_status = -6;
/// No environment exists at the path.
pub const PC_ERR_NO_ENVIRONMENT: pc_status = -10;
/// The process may not read or write the files.
pub const PC_ERR_PERMISSION: pc_status = -11;
/// The file is not an LMDB data file.
pub const PC_ERR_NOT_A_DATABASE: pc_status = -12;
/// The data file is shorter than its header says.
pub const PC_ERR_TRUNCATED: pc_status = -13;
/// The data file has a format that this version does not read.
pub const PC_ERR_FORMAT_VERSION: pc_status = -14;
/// The data file was created with another page size.
pub const PC_ERR_PAGE_SIZE: pc_status = -15;
/// Another build of LMDB has the environment open.
pub const PC_ERR_LOCK_VERSION: pc_status = -16;
/// The files are on a network file system.
pub const PC_ERR_NETWORK_FS: pc_status = -17;
/// Another container's process has the same process id.
pub const PC_ERR_PID_CLASH: pc_status = -18;
/// The environment is open in this process with other options.
pub const PC_ERR_OPTIONS_DIFFER: pc_status = -19;
/// The data file is damaged.
pub const PC_ERR_CORRUPTED: pc_status = -20;
/// All reader slots are taken.
pub const PC_ERR_READERS_FULL: pc_status = -21;
/// One transaction uses more collections than `max_collections` allows.
pub const PC_ERR_COLLECTIONS_FULL: pc_status = -22;
/// The data file or a lock file was removed or replaced while the environment was open.
pub const PC_ERR_REPLACED: pc_status = -23;
/// The data file is in use under other lock files.
pub const PC_ERR_LOCK_FILES: pc_status = -24;
/// Another copy of LMDB or of this library in the process has the environment open.
pub const PC_ERR_SECOND_COPY: pc_status = -25;
/// The collection does not exist.
pub const PC_ERR_NO_COLLECTION: pc_status = -30;
/// A dict was opened as a set, or a set as a dict.
pub const PC_ERR_WRONG_KIND: pc_status = -31;
/// The stored types differ.
pub const PC_ERR_TYPE_MISMATCH: pc_status = -32;
/// The type string is unknown, or names a type that is not allowed in this place.
pub const PC_ERR_BAD_TYPE: pc_status = -33;
/// The name of the collection cannot be used.
pub const PC_ERR_BAD_NAME: pc_status = -34;
/// The collection needs a newer version of the library.
pub const PC_ERR_REQUIRES: pc_status = -35;
/// The key is not of the collection's key type.
pub const PC_ERR_BAD_KEY: pc_status = -40;
/// The value is not of the collection's value type.
pub const PC_ERR_BAD_VALUE: pc_status = -41;
/// The key is empty or too long.
pub const PC_ERR_KEY_SIZE: pc_status = -42;
/// The value is too long.
pub const PC_ERR_VALUE_SIZE: pc_status = -43;
/// The sum is outside the range of the value type.
pub const PC_ERR_OVERFLOW: pc_status = -44;
/// A write inside a snapshot.
pub const PC_ERR_IN_SNAPSHOT: pc_status = -50;
/// The call is not allowed inside a transaction.
pub const PC_ERR_IN_TRANSACTION: pc_status = -51;
/// The call needs a current transaction.
pub const PC_ERR_NO_TRANSACTION: pc_status = -52;
/// The transaction belongs to another thread.
pub const PC_ERR_WRONG_THREAD: pc_status = -53;
/// Only the innermost transaction can end.
pub const PC_ERR_NOT_INNERMOST: pc_status = -54;
/// A failure has doomed the transaction; it can only be aborted.
pub const PC_ERR_TXN_FAILED: pc_status = -55;
/// The write lock was not free before the timeout.
pub const PC_ERR_BUSY: pc_status = -56;
/// The environment was opened read-only, or the collection cannot be written.
pub const PC_ERR_READ_ONLY: pc_status = -57;
/// The check set by `pc_set_interrupt` ended a wait.
pub const PC_ERR_INTERRUPTED: pc_status = -58;
/// The transaction outgrew the memory map; a retry fits.
pub const PC_ERR_MAP_FULL: pc_status = -60;
/// The memory map cannot grow while references into it are borrowed.
pub const PC_ERR_MAP_BUSY: pc_status = -61;
/// No space is left for the data file.
pub const PC_ERR_DISK_FULL: pc_status = -62;
/// The commit may or may not have reached the disk.
pub const PC_ERR_COMMIT_UNKNOWN: pc_status = -63;
/// A failure has made the environment unusable; reopen it.
pub const PC_ERR_ENV_FAILED: pc_status = -64;
/// Another transaction changed what this one read.
pub const PC_ERR_CONFLICT: pc_status = -70;
/// The engine cannot be reached.
pub const PC_ERR_UNAVAILABLE: pc_status = -71;
/// The engine cannot do this.
pub const PC_ERR_UNSUPPORTED: pc_status = -72;

/// Returns the meaning of a status in a few words. `pc_last_error` describes the failure at hand.
///
/// - `status`: any number.
///
/// May be called from any thread.
///
/// Returns: static text, never `NULL`; "unknown status" for a number that this version does not know.
#[unsafe(no_mangle)]
pub extern "C" fn pc_strerror(status: pc_status) -> *const c_char {
    boundary!(UNKNOWN.as_ptr(), { describe(status).as_ptr() })
}

/// Returns the message of this thread's last failure: one line that says what was found and what to do.
///
/// Successful calls and answers such as `PC_NOT_FOUND` do not change it: read it only after a negative status.
///
/// Returns: the library's own text, valid until this thread's next failing call; empty if there was none, never `NULL`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_last_error() -> *const c_char {
    boundary!(c"".as_ptr(), { last_error::text() })
}

/// Makes texts with NULs of those of [`Status`], and checks the number of each constant.
macro_rules! texts {
    ($($constant:ident = $status:ident;)*) => {
        $(const _: () = assert!($constant == Status::$status as pc_status);)*

        fn describe(status: pc_status) -> &'static CStr {
            match status {
                PC_OK => c"ok",
                PC_NOT_FOUND => c"not found",
                PC_EXISTS => c"exists",
                PC_END => c"end",
                PC_TOO_SMALL => c"caller's memory is too small",
                PC_TIMEOUT => c"timeout",
                $($constant => {
                    const TEXT: &[u8] = &with_nul::<{ Status::$status.text().len() + 1 }>(Status::$status.text());
                    CStr::from_bytes_until_nul(TEXT).unwrap_or(UNKNOWN)
                })*
                _ => UNKNOWN,
            }
        }
    };
}

const UNKNOWN: &CStr = c"unknown status";

/// Returns a text with a NUL after it, for C. Evaluated when the library is compiled.
pub(super) const fn with_nul<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < text.len() {
        bytes[at] = text.as_bytes()[at];
        at += 1;
    }
    bytes
}

texts! {
    PC_ERR_INVALID_ARGUMENT = InvalidArgument;
    PC_ERR_BAD_HANDLE = BadHandle;
    PC_ERR_PANIC = Panic;
    PC_ERR_NO_MEMORY = NoMemory;
    PC_ERR_IO = Io;
    PC_ERR_FORKED = Forked;
    PC_ERR_NO_ENVIRONMENT = NoEnvironment;
    PC_ERR_PERMISSION = Permission;
    PC_ERR_NOT_A_DATABASE = NotADatabase;
    PC_ERR_TRUNCATED = Truncated;
    PC_ERR_FORMAT_VERSION = FormatVersion;
    PC_ERR_PAGE_SIZE = PageSize;
    PC_ERR_LOCK_VERSION = LockVersion;
    PC_ERR_NETWORK_FS = NetworkFs;
    PC_ERR_PID_CLASH = PidClash;
    PC_ERR_OPTIONS_DIFFER = OptionsDiffer;
    PC_ERR_CORRUPTED = Corrupted;
    PC_ERR_READERS_FULL = ReadersFull;
    PC_ERR_COLLECTIONS_FULL = CollectionsFull;
    PC_ERR_REPLACED = Replaced;
    PC_ERR_LOCK_FILES = LockFiles;
    PC_ERR_SECOND_COPY = SecondCopy;
    PC_ERR_NO_COLLECTION = NoCollection;
    PC_ERR_WRONG_KIND = WrongKind;
    PC_ERR_TYPE_MISMATCH = TypeMismatch;
    PC_ERR_BAD_TYPE = BadType;
    PC_ERR_BAD_NAME = BadName;
    PC_ERR_REQUIRES = Requires;
    PC_ERR_BAD_KEY = BadKey;
    PC_ERR_BAD_VALUE = BadValue;
    PC_ERR_KEY_SIZE = KeySize;
    PC_ERR_VALUE_SIZE = ValueSize;
    PC_ERR_OVERFLOW = Overflow;
    PC_ERR_IN_SNAPSHOT = InSnapshot;
    PC_ERR_IN_TRANSACTION = InTransaction;
    PC_ERR_NO_TRANSACTION = NoTransaction;
    PC_ERR_WRONG_THREAD = WrongThread;
    PC_ERR_NOT_INNERMOST = NotInnermost;
    PC_ERR_TXN_FAILED = TxnFailed;
    PC_ERR_BUSY = Busy;
    PC_ERR_READ_ONLY = ReadOnly;
    PC_ERR_INTERRUPTED = Interrupted;
    PC_ERR_MAP_FULL = MapFull;
    PC_ERR_MAP_BUSY = MapBusy;
    PC_ERR_DISK_FULL = DiskFull;
    PC_ERR_COMMIT_UNKNOWN = CommitUnknown;
    PC_ERR_ENV_FAILED = EnvFailed;
    PC_ERR_CONFLICT = Conflict;
    PC_ERR_UNAVAILABLE = Unavailable;
    PC_ERR_UNSUPPORTED = Unsupported;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Reads the constants of this file from its text, since Rust does not list them.
    fn constants() -> Vec<(String, i32)> {
        include_str!("status.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": pc_status = "))
            .map(|(name, number)| (name.to_owned(), number.trim_end_matches(';').parse().unwrap()))
            .collect()
    }

    #[test]
    fn the_constants_are_the_statuses() {
        let errors: Vec<_> = constants().into_iter().filter(|(_, number)| *number < 0).collect();
        let expected: Vec<_> =
            Status::ALL.iter().map(|status| (status.c_name().to_owned(), *status as i32)).collect();
        assert_eq!(errors, expected);
    }

    #[test]
    fn every_status_has_a_text() {
        for status in Status::ALL {
            assert_eq!(
                describe(*status as pc_status).to_str().unwrap(),
                status.text(),
                "{}",
                status.c_name()
            );
        }
        for (name, number) in constants() {
            assert_ne!(describe(number), UNKNOWN, "{name}");
        }
        assert_eq!(describe(-9999), UNKNOWN);
    }
}
