//! The one error type and its numbers.
//!
//! Every failure has a [`Status`], whose number is the `pc_status` of the C ABI, and one line of text that says
//! what was found and what to do about it.

use std::cell::Cell;
use std::fmt;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $c_name:literal, $text:literal;)*) => {
        /// The kind of a failure. The discriminant is the number of the C ABI's `pc_status`; numbers are never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Status {
            $($(#[$doc])* $name = $number,)*
        }

        impl Status {
            /// All statuses.
            pub const ALL: &'static [Status] = &[$(Status::$name,)*];

            /// Returns the name of the constant in the C header, for example `PC_ERR_BUSY`.
            #[must_use]
            pub const fn c_name(self) -> &'static str {
                match self { $(Status::$name => $c_name,)* }
            }

            /// Returns the meaning of the status in a few words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Status::$name => $text,)* }
            }
        }
    };
}

statuses! {
    /// An argument is missing or invalid.
    InvalidArgument = -1, "PC_ERR_INVALID_ARGUMENT", "invalid argument";
    /// The handle is stale, closed, zero or of another kind.
    BadHandle = -2, "PC_ERR_BAD_HANDLE", "bad handle";
    /// A bug in this library: a panic was caught at the boundary.
    Panic = -3, "PC_ERR_PANIC", "internal panic";
    /// A memory allocation failed.
    NoMemory = -4, "PC_ERR_NO_MEMORY", "out of memory";
    /// The operating system reported a failure that has no status of its own.
    Io = -5, "PC_ERR_IO", "input/output error";
    /// The handle was inherited through `fork`.
    Forked = -6, "PC_ERR_FORKED", "handle inherited through fork";

    /// No environment exists at the path.
    NoEnvironment = -10, "PC_ERR_NO_ENVIRONMENT", "no such environment";
    /// The process may not read or write the files.
    Permission = -11, "PC_ERR_PERMISSION", "permission denied";
    /// The file is not an LMDB data file.
    NotADatabase = -12, "PC_ERR_NOT_A_DATABASE", "not a database";
    /// The data file is shorter than its header says.
    Truncated = -13, "PC_ERR_TRUNCATED", "data file is truncated";
    /// The data file has a format that this version does not read.
    FormatVersion = -14, "PC_ERR_FORMAT_VERSION", "unknown data format version";
    /// The data file was created with another page size.
    PageSize = -15, "PC_ERR_PAGE_SIZE", "data file has another page size";
    /// Another build of LMDB has the environment open.
    LockVersion = -16, "PC_ERR_LOCK_VERSION", "lock file of another LMDB build";
    /// The files are on a network file system.
    NetworkFs = -17, "PC_ERR_NETWORK_FS", "network file system";
    /// Another container's process has the same process id.
    PidClash = -18, "PC_ERR_PID_CLASH", "another process has the same process id";
    /// The environment is open in this process with other options.
    OptionsDiffer = -19, "PC_ERR_OPTIONS_DIFFER", "environment is open with other options";
    /// The data file is damaged.
    Corrupted = -20, "PC_ERR_CORRUPTED", "data file is damaged";
    /// All reader slots are taken.
    ReadersFull = -21, "PC_ERR_READERS_FULL", "all reader slots are taken";
    /// One transaction uses more collections than `max_collections` allows.
    CollectionsFull = -22, "PC_ERR_COLLECTIONS_FULL", "too many collections";
    /// The data file or a lock file was removed or replaced while the environment was open.
    Replaced = -23, "PC_ERR_REPLACED", "files were removed or replaced";
    /// The data file is in use under other lock files.
    LockFiles = -24, "PC_ERR_LOCK_FILES", "data file is in use under other lock files";
    /// Another copy of LMDB or of this library in the process has the environment open.
    SecondCopy = -25, "PC_ERR_SECOND_COPY", "open by another copy of the library in this process";

    /// The collection does not exist.
    NoCollection = -30, "PC_ERR_NO_COLLECTION", "no such collection";
    /// A dict was opened as a set, or a set as a dict.
    WrongKind = -31, "PC_ERR_WRONG_KIND", "collection is of the other kind";
    /// The stored types differ.
    TypeMismatch = -32, "PC_ERR_TYPE_MISMATCH", "types differ from the stored ones";
    /// The type string is unknown, or names a type that is not allowed in this place.
    BadType = -33, "PC_ERR_BAD_TYPE", "unknown or unfit type";
    /// The name of the collection cannot be used.
    BadName = -34, "PC_ERR_BAD_NAME", "invalid collection name";
    /// The collection needs a newer version of the library.
    Requires = -35, "PC_ERR_REQUIRES", "collection needs a newer version";

    /// The key is not of the collection's key type.
    BadKey = -40, "PC_ERR_BAD_KEY", "key does not fit its type";
    /// The value is not of the collection's value type.
    BadValue = -41, "PC_ERR_BAD_VALUE", "value does not fit its type";
    /// The key is empty or too long.
    KeySize = -42, "PC_ERR_KEY_SIZE", "key size out of bounds";
    /// The value is too long.
    ValueSize = -43, "PC_ERR_VALUE_SIZE", "value too large";
    /// The sum is outside the range of the value type.
    Overflow = -44, "PC_ERR_OVERFLOW", "arithmetic overflow";

    /// A write inside a snapshot.
    InSnapshot = -50, "PC_ERR_IN_SNAPSHOT", "not possible inside a snapshot";
    /// The call is not allowed inside a transaction.
    InTransaction = -51, "PC_ERR_IN_TRANSACTION", "not possible inside a transaction";
    /// The call needs a current transaction.
    NoTransaction = -52, "PC_ERR_NO_TRANSACTION", "needs a current transaction";
    /// The transaction belongs to another thread.
    WrongThread = -53, "PC_ERR_WRONG_THREAD", "transaction belongs to another thread";
    /// Only the innermost transaction can end.
    NotInnermost = -54, "PC_ERR_NOT_INNERMOST", "not the innermost transaction";
    /// A failure has doomed the transaction; it can only be aborted.
    TxnFailed = -55, "PC_ERR_TXN_FAILED", "transaction has failed";
    /// The write lock was not free before the timeout.
    Busy = -56, "PC_ERR_BUSY", "write lock is taken";
    /// The environment was opened read-only, or the collection cannot be written.
    ReadOnly = -57, "PC_ERR_READ_ONLY", "read-only";
    /// The caller interrupted a wait.
    Interrupted = -58, "PC_ERR_INTERRUPTED", "wait was interrupted";

    /// The transaction outgrew the memory map; a retry fits.
    MapFull = -60, "PC_ERR_MAP_FULL", "memory map is full";
    /// The memory map cannot grow while references into it are borrowed.
    MapBusy = -61, "PC_ERR_MAP_BUSY", "memory map is in use";
    /// No space is left for the data file.
    DiskFull = -62, "PC_ERR_DISK_FULL", "disk is full";
    /// The commit may or may not have reached the disk.
    CommitUnknown = -63, "PC_ERR_COMMIT_UNKNOWN", "outcome of the commit is unknown";
    /// A failure has made the environment unusable; reopen it.
    EnvFailed = -64, "PC_ERR_ENV_FAILED", "environment has failed";

    /// Another transaction changed what this one read.
    Conflict = -70, "PC_ERR_CONFLICT", "conflict with another transaction";
    /// The engine cannot be reached.
    Unavailable = -71, "PC_ERR_UNAVAILABLE", "engine is unavailable";
    /// The engine cannot do this.
    Unsupported = -72, "PC_ERR_UNSUPPORTED", "not supported by this engine";
}

/// A failure: a status, and one line that says what was found and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: Status,
    message: Box<str>,
    index: Option<usize>,
}

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

thread_local! {
    static CALLS_TO_REPEAT: Cell<u64> = const { Cell::new(0) };
}

/// Returns how many errors that ask for a retry of the transaction were made in this thread. A transaction's closure may
/// return another type of error, which does not show what it was made from.
#[doc(hidden)]
#[must_use]
pub fn calls_to_repeat() -> u64 {
    CALLS_TO_REPEAT.get()
}

impl Error {
    /// Makes an error from a status and a line of text.
    #[must_use]
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        if matches!(status, Status::MapFull | Status::Conflict) {
            CALLS_TO_REPEAT.set(CALLS_TO_REPEAT.get() + 1);
        }
        Self { status, message: message.into().into_boxed_str(), index: None }
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.status
    }

    /// Returns the same error for one item of a batch.
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.message = format!("item {index}: {}", self.message).into_boxed_str();
        self.index = Some(index);
        self
    }

    /// Returns which item of a batch was bad, counted from 0, or `None` outside batches.
    #[must_use]
    pub const fn index(&self) -> Option<usize> {
        self.index
    }

    /// Returns one line that says what was found and what to do.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.status.c_name())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique() {
        let numbers: HashSet<i32> = Status::ALL.iter().map(|s| *s as i32).collect();
        let names: HashSet<&str> = Status::ALL.iter().map(|s| s.c_name()).collect();
        assert_eq!(numbers.len(), Status::ALL.len());
        assert_eq!(names.len(), Status::ALL.len());
        assert!(numbers.iter().all(|n| *n < 0), "errors are negative");
    }
}
