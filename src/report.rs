//! What an environment tells of itself.

use crate::engine::Durability;

/// What an environment tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Bytes of address space reserved.
    pub map_size: u64,
    /// Bytes of the data file.
    pub file_size: u64,
    /// Bytes of a page.
    pub page_size: u64,
    /// Pages that hold something.
    pub pages_used: u64,
    /// Pages that are free for new data.
    pub pages_free: u64,
    /// The number of the last commit.
    pub last_commit: u64,
    /// How many reader slots there are.
    pub max_readers: u32,
    /// How many reader slots are taken, of all processes.
    pub readers: u32,
    /// The oldest commit that a snapshot still keeps; the last commit, if none does.
    pub oldest_reader_commit: u64,
    /// How many different collections one transaction can use.
    pub max_collections: u32,
    /// How many collections there are.
    pub collections: u32,
    /// When a commit is on stable storage.
    pub durability: Durability,
    /// Whether it was opened for reading only.
    pub read_only: bool,
    /// Whether it was opened as one that nobody writes.
    pub immutable: bool,
    /// Whether the path names the data file.
    pub no_subdir: bool,
    /// Of the free pages, those that cannot be used again yet, since a snapshot may still read them
    /// ([`Environment::readers`](crate::Environment::readers) tells whose): why a file grows though much in it is free.
    pub pages_held: u64,
    /// The format of the data file.
    pub data_format: u32,
    /// The format of the lock file; 0 where there is none.
    pub lock_format: u32,
}

/// A reader slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderInfo {
    /// The process that has it.
    pub process: u32,
    /// The system's number of the thread that took it.
    pub thread: u64,
    /// The commit that its snapshot sees; `None`: the slot is kept for the next read.
    pub commit: Option<u64>,
    /// How many commits there were since: as many commits' free pages wait for it.
    pub behind: u64,
}

/// What [`Environment::check`](crate::Environment::check) found in a data file that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Pages of the data file, as far as any was ever used: the sum of the next three.
    pub pages: u64,
    /// Pages that hold something, the two header pages among them.
    pub used: u64,
    /// Pages that are listed as free.
    pub free: u64,
    /// Pages that are neither used nor listed as free. They waste space and harm nothing: nobody reads them, and
    /// nobody will be given them. A copy leaves them where they are; LMDB does not compact a file that has any.
    pub lost: u64,
    /// Named databases, the catalog's own left out.
    pub collections: u64,
}

/// How far a copy into another environment has come; see [`Environment::copy_into`](crate::Environment::copy_into).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The records of all collections that the target has by now.
    pub records: u64,
    /// The bytes of their keys and values, as stored.
    pub bytes: u64,
    /// The records of all collections of the source.
    pub total_records: u64,
}
