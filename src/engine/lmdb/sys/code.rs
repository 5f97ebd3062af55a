//! Converts LMDB's return codes to errors.

use std::ffi::{CStr, c_int};

use lmdb_sys as ffi;

use crate::error::{Error, Status};
use crate::memory::NoMemory;
use crate::platform::system::limit_of;

/// A status of LMDB or an `errno`, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub c_int);

impl Code {
    pub(super) fn check(rc: c_int) -> Result<(), Code> {
        if rc == ffi::MDB_SUCCESS { Ok(()) } else { Err(Code(rc)) }
    }

    /// Converts an error that the system reported.
    pub(crate) fn of(error: &std::io::Error) -> Code {
        let is_memory = error.kind() == std::io::ErrorKind::OutOfMemory;
        Code(error.raw_os_error().unwrap_or(if is_memory { libc::ENOMEM } else { libc::EIO }))
    }

    /// Returns the message of LMDB or of the system.
    pub(crate) fn text(self) -> String {
        // SAFETY: mdb_strerror returns a NUL-terminated string for every code: LMDB's own are static, an errno's is
        // libc's, copied here before any other call of this thread.
        let text = unsafe { CStr::from_ptr(ffi::mdb_strerror(self.0)) }.to_string_lossy();
        format!("{text}{}", limit_of(self.0))
    }

    /// Returns the error for this code outside of opening, where some codes have a more specific meaning.
    #[cold]
    pub(crate) fn error(self, doing: &str) -> Error {
        let status = match self.0 {
            ffi::MDB_CORRUPTED | ffi::MDB_PAGE_NOTFOUND | ffi::MDB_CURSOR_FULL => Status::Corrupted,
            ffi::MDB_PANIC => Status::EnvFailed,
            ffi::MDB_MAP_FULL => Status::MapFull,
            ffi::MDB_DBS_FULL => Status::CollectionsFull,
            ffi::MDB_READERS_FULL => Status::ReadersFull,
            ffi::MDB_BAD_TXN | ffi::MDB_TXN_FULL => Status::TxnFailed,
            ffi::MDB_INCOMPATIBLE => Status::TypeMismatch,
            ffi::MDB_VERSION_MISMATCH => Status::LockVersion,
            ffi::MDB_BAD_RSLOT => Status::SecondCopy,
            ffi::MDB_INVALID => Status::NotADatabase,
            libc::ENOSPC | libc::EDQUOT | libc::EFBIG => Status::DiskFull,
            libc::ENOMEM => Status::NoMemory,
            libc::EACCES | libc::EPERM | libc::EROFS => Status::Permission,
            _ => Status::Io,
        };
        Error::new(status, format!("{doing}: {}", self.text()))
    }
}

#[cold]
#[allow(clippy::needless_pass_by_value)] // for map_err
pub(crate) fn reading(code: Code) -> Error {
    code.error("reading")
}

impl From<NoMemory> for Code {
    fn from(_: NoMemory) -> Code {
        Code(libc::ENOMEM)
    }
}
