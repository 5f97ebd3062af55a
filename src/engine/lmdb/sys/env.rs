//! An LMDB environment.

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

use lmdb_sys as ffi;

use super::code::Code;
use super::map_start::MapStart;
use super::{Dbi, other_lmdb};
use crate::codec::MAX_KEY;
use crate::error::Error;
use crate::memory::TryGrow;
use crate::platform::fork;

/// The parameters with which LMDB opens an environment.
pub(crate) struct OpenParameters<'a> {
    pub path: &'a CStr,
    pub flags: c_uint,
    pub mode: u32,
    pub map_size: usize,
    pub max_readers: u32,
    pub max_dbs: u32,
}

/// An open `MDB_env`, closed when dropped; then its guard is dropped too. A child of the process that opened it does
/// not touch it.
pub(crate) struct Env {
    pub(super) ptr: NonNull<ffi::MDB_env>,
    process: u64,
    guard: OnceLock<Box<dyn Any + Send + Sync>>,
    /// The address at which the memory map begins.
    pub(super) start: MapStart,
    /// True if the system reads only the pages of the map that are used: see `read_ahead.rs`.
    pub(super) single_pages: AtomicBool,
    /// The number of transactions that this process has committed.
    pub(super) commits: Arc<AtomicU64>,
}

// SAFETY: many threads may use an MDB_env at once; every call here that LMDB requires to be exclusive (closing,
// resizing the map) takes the environment by value or documents how it is guarded.
unsafe impl Send for Env {}
// SAFETY: as above.
unsafe impl Sync for Env {}

impl Env {
    pub(crate) fn open(with: &OpenParameters<'_>) -> Result<Env, Code> {
        let mut env = ptr::null_mut();
        // SAFETY: `env` is a valid destination for the pointer.
        Code::check(unsafe { ffi::mdb_env_create(&raw mut env) })?;
        let env = NonNull::new(env).ok_or(Code(libc::ENOMEM))?;
        let env = Env {
            ptr: env,
            process: fork::process(),
            guard: OnceLock::new(),
            start: MapStart::default(),
            single_pages: AtomicBool::new(with.flags & ffi::MDB_NORDAHEAD != 0),
            commits: Arc::default(),
        };
        // SAFETY: the environment was created and is not open yet, as these three calls require.
        unsafe {
            Code::check(ffi::mdb_env_set_mapsize(env.ptr.as_ptr(), with.map_size))?;
            Code::check(ffi::mdb_env_set_maxreaders(env.ptr.as_ptr(), with.max_readers))?;
            Code::check(ffi::mdb_env_set_maxdbs(env.ptr.as_ptr(), with.max_dbs))?;
        }
        // SAFETY: the path is NUL-terminated; after a failure LMDB requires mdb_env_close, which `env`'s drop calls.
        Code::check(unsafe {
            ffi::mdb_env_open(env.ptr.as_ptr(), with.path.as_ptr(), with.flags, with.mode as ffi::mdb_mode_t)
        })?;
        Ok(env)
    }

    /// Checks that keys may be as long as this library needs: LMDB's default limit is 511 bytes.
    pub(crate) fn check_key_size(&self) -> Result<(), Error> {
        // SAFETY: the environment is open.
        let longest = unsafe { ffi::mdb_env_get_maxkeysize(self.ptr.as_ptr()) };
        if usize::try_from(longest).is_ok_and(|longest| longest >= MAX_KEY) {
            return Ok(());
        }
        Err(other_lmdb(&format!("one with keys of {longest} bytes at most")))
    }

    /// Returns the process's count of commits, which may outlive the environment.
    pub(crate) fn commits(&self) -> &Arc<AtomicU64> {
        &self.commits
    }

    /// Returns true if this process opened it.
    pub(super) fn is_ours(&self) -> bool {
        self.process == fork::process()
    }

    /// Takes over a guard that is dropped after the files are closed.
    pub(crate) fn hold(&self, guard: Box<dyn Any + Send + Sync>) {
        let first = self.guard.set(guard).is_ok();
        debug_assert!(first, "an environment is registered once");
    }

    /// Maps the file again with another size. After a failure nothing is mapped, and the environment is unusable.
    ///
    /// The caller has no write transaction in this process, and has stopped every call that reads: LMDB unmaps first.
    /// Read transactions without cursors survive.
    pub(crate) fn resize(&self, size: usize) -> Result<(), Code> {
        self.start.forget();
        // SAFETY: the environment is open; `map.rs` guarantees the other conditions.
        Code::check(unsafe { ffi::mdb_env_set_mapsize(self.ptr.as_ptr(), size) })
    }

    /// Closes the number of a named database. No call of the process may be in progress, and no transaction that has
    /// written to it.
    pub(crate) fn close_dbi(&self, dbi: Dbi) {
        // SAFETY: the environment is open; `reclaim.rs` has stopped every call.
        unsafe { ffi::mdb_dbi_close(self.ptr.as_ptr(), dbi) }
    }

    /// Flushes all writes to stable storage, whatever the durability.
    pub(crate) fn sync(&self) -> Result<(), Code> {
        // SAFETY: the environment is open for as long as `self` lives.
        Code::check(unsafe { ffi::mdb_env_sync(self.ptr.as_ptr(), 1) })
    }

    pub(crate) fn info(&self) -> ffi::MDB_envinfo {
        // SAFETY: MDB_envinfo is plain numbers and a pointer, for which all zeros is valid.
        let mut info = unsafe { std::mem::zeroed::<ffi::MDB_envinfo>() };
        // SAFETY: the environment is open and `info` a valid destination; the call fails only for null pointers.
        unsafe { ffi::mdb_env_info(self.ptr.as_ptr(), &raw mut info) };
        info
    }

    /// Returns the newest commit in the map.
    #[inline]
    pub(crate) fn last_txn(&self) -> u64 {
        self.info().me_last_txnid as u64
    }

    pub(crate) fn stat(&self) -> ffi::MDB_stat {
        // SAFETY: MDB_stat is plain numbers, for which all zeros is valid.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the environment is open and `stat` a valid destination; the call fails only for null pointers.
        unsafe { ffi::mdb_env_stat(self.ptr.as_ptr(), &raw mut stat) };
        stat
    }

    /// Returns the descriptor of the data file. LMDB still owns it.
    pub(crate) fn descriptor(&self) -> Result<c_int, Code> {
        let mut fd = -1;
        // SAFETY: the environment is open and `fd` a valid destination.
        Code::check(unsafe { ffi::mdb_env_get_fd(self.ptr.as_ptr(), &raw mut fd) })?;
        Ok(fd)
    }

    /// Returns the reader slots in use, of all processes.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderSlot>, Code> {
        unsafe extern "C" fn collect(line: *const c_char, context: *mut c_void) -> c_int {
            // SAFETY: LMDB passes a NUL-terminated line, and the context that was given to mdb_reader_list, which is
            // the vector below, not borrowed elsewhere meanwhile.
            let (line, slots) = unsafe { (CStr::from_ptr(line), &mut *context.cast::<Vec<ReaderSlot>>()) };
            // One line for each slot, after a heading: process, thread (hexadecimal), transaction or "-".
            let line = line.to_string_lossy();
            let mut words = line.split_whitespace();
            if let (Some(Ok(process)), Some(Ok(thread)), Some(txn)) = (
                words.next().map(str::parse),
                words.next().map(|thread| u64::from_str_radix(thread, 16)),
                words.next(),
            ) {
                let pushed = slots.try_push(ReaderSlot { process, thread, txn: txn.parse().ok() });
                // A negative value makes LMDB end the list and return the value.
                return if pushed.is_ok() { 0 } else { -libc::ENOMEM };
            }
            0
        }
        let mut slots: Vec<ReaderSlot> = Vec::new();
        // SAFETY: the environment is open; the callback gets the vector, which outlives the call.
        let rc = unsafe {
            ffi::mdb_reader_list(self.ptr.as_ptr(), Some(collect), (&raw mut slots).cast::<c_void>())
        };
        match rc {
            0.. => Ok(slots),
            _ if rc == -libc::ENOMEM => Err(Code(libc::ENOMEM)),
            _ => Err(Code(rc)),
        }
    }

    /// Writes the newest commit to a file, without free pages. The caller keeps the map in place.
    pub(crate) fn copy_compacted(&self, to: &std::fs::File) -> Result<(), Code> {
        // A write beyond the file size limit would raise a signal that ends the process. LMDB writes in its own thread,
        // which inherits this blocked mask, and a pending signal disappears when that thread ends.
        // SAFETY: sigset_t is plain data; the calls that follow fill it.
        let (mut block, mut before) = unsafe { std::mem::zeroed::<(libc::sigset_t, libc::sigset_t)>() };
        // SAFETY: both are valid destinations; only this thread's mask changes, and it is restored below.
        unsafe {
            libc::sigemptyset(&raw mut block);
            libc::sigaddset(&raw mut block, libc::SIGXFSZ);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const block, &raw mut before);
        }
        let _in_order = self.read_in_order();
        // SAFETY: the environment and the descriptor stay open during the call, and the map stays in place.
        let rc = unsafe { ffi::mdb_env_copyfd2(self.ptr.as_ptr(), to.as_raw_fd(), ffi::MDB_CP_COMPACT) };
        // SAFETY: the mask that was saved above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
        Code::check(rc)
    }

    /// Frees the reader slots of dead processes.
    pub(crate) fn reap_readers(&self) -> Result<u32, Code> {
        let mut dead = 0;
        // SAFETY: the environment is open and `dead` a valid destination.
        Code::check(unsafe { ffi::mdb_reader_check(self.ptr.as_ptr(), &raw mut dead) })?;
        Ok(u32::try_from(dead).unwrap_or(0))
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.guard.take());
            return;
        }
        // SAFETY: transactions hold an `Arc` of the owner, so none is left; cursors borrow those.
        unsafe { ffi::mdb_env_close(self.ptr.as_ptr()) }
    }
}

/// A reader slot in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderSlot {
    /// The process that uses it.
    pub process: u32,
    /// LMDB's number of the thread that took it.
    pub thread: u64,
    /// The snapshot that it keeps; `None` between two snapshots.
    pub txn: Option<u64>,
}
