//! LMDB's transactions.

use std::ffi::{CStr, c_uint};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use lmdb_sys as ffi;

use super::code::Code;
use super::env::Env;
use super::{Dbi, NOTHING, slice, val};
use crate::memory::{NoMemory, TryGrow};

/// The read operations of every transaction. Not owned: [`RoTxn`] and [`RwTxn`] lend it.
pub(crate) struct Txn(pub(super) NonNull<ffi::MDB_txn>);

impl Txn {
    /// Returns the transaction's number: that of the snapshot that it reads, or that of its future commit.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        // SAFETY: the transaction lives as long as `self`.
        unsafe { ffi::mdb_txn_id(self.0.as_ptr()) as u64 }
    }

    #[inline]
    pub(crate) fn get(&self, dbi: Dbi, key: &[u8]) -> Result<Option<&[u8]>, Code> {
        let mut key = val(key);
        let mut data = NOTHING;
        // SAFETY: the transaction is live and used by this thread only (it is behind its seat's lock); the key
        // outlives the call; LMDB checks the database's number itself.
        match unsafe { ffi::mdb_get(self.0.as_ptr(), dbi, &raw mut key, &raw mut data) } {
            // SAFETY: filled by LMDB just now; the page stays while the transaction is neither ended nor
            // written through, which the borrow of `self` excludes.
            ffi::MDB_SUCCESS => Ok(Some(unsafe { slice(data) })),
            ffi::MDB_NOTFOUND | ffi::MDB_BAD_VALSIZE => Ok(None),
            rc => Err(Code(rc)),
        }
    }

    /// Returns the number of records in a database.
    pub(crate) fn entries(&self, dbi: Dbi) -> Result<u64, Code> {
        // SAFETY: MDB_stat is plain numbers, for which all zeros is valid.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the transaction is live, and `stat` a valid destination; LMDB checks the number.
        match unsafe { ffi::mdb_stat(self.0.as_ptr(), dbi, &raw mut stat) } {
            ffi::MDB_SUCCESS => Ok(stat.ms_entries as u64),
            ffi::MDB_NOTFOUND => Ok(0),
            rc => Err(Code(rc)),
        }
    }

    /// Returns the persistent flags (`MDB_DUPSORT`, …) of a database.
    pub(crate) fn flags(&self, dbi: Dbi) -> Result<c_uint, Code> {
        let mut flags = 0;
        // SAFETY: as for `entries`.
        Code::check(unsafe { ffi::mdb_dbi_flags(self.0.as_ptr(), dbi, &raw mut flags) })?;
        Ok(flags)
    }

    /// Opens a named database; `None` means the main one. Returns `Ok(None)` if it does not exist.
    ///
    /// Only `spaces.rs` and `write_txn/mod.rs` call this, under the process's write lock: two concurrent openings can
    /// get the same number.
    pub(crate) fn open_dbi(&self, name: Option<&CStr>, flags: c_uint) -> Result<Option<Dbi>, Code> {
        let mut dbi = 0;
        let name = name.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the transaction is live; the name is null or NUL-terminated; the caller holds the write lock.
        match unsafe { ffi::mdb_dbi_open(self.0.as_ptr(), name, flags, &raw mut dbi) } {
            ffi::MDB_SUCCESS => Ok(Some(dbi)),
            ffi::MDB_NOTFOUND => Ok(None),
            rc => Err(Code(rc)),
        }
    }

    /// Compares two keys in a database's own order.
    pub(crate) fn compare(&self, dbi: Dbi, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        let (a, b) = (val(a), val(b));
        // SAFETY: the transaction is live and the database open in it; both values outlive the call.
        unsafe { ffi::mdb_cmp(self.0.as_ptr(), dbi, &raw const a, &raw const b) }.cmp(&0)
    }
}

/// A read transaction, aborted when dropped. It may move between threads, one at a time (`MDB_NOTLS`).
pub(crate) struct RoTxn {
    txn: Txn,
    /// Keeps the environment open.
    pub(super) env: Arc<Env>,
}

// SAFETY: with MDB_NOTLS, which open.rs always sets, a read transaction is not tied to a thread.
unsafe impl Send for RoTxn {}

impl RoTxn {
    pub(crate) fn begin(env: &Arc<Env>) -> Result<RoTxn, Code> {
        let mut txn = ptr::null_mut();
        // SAFETY: the environment is open.
        Code::check(unsafe {
            ffi::mdb_txn_begin(env.ptr.as_ptr(), ptr::null_mut(), ffi::MDB_RDONLY, &raw mut txn)
        })?;
        Ok(RoTxn { txn: Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?), env: Arc::clone(env) })
    }

    /// Releases the snapshot and keeps the reader slot for [`RoTxn::renew`].
    #[inline]
    pub(crate) fn reset(&mut self) {
        // SAFETY: the transaction is live; nothing borrows from it, since `self` is exclusive.
        unsafe { ffi::mdb_txn_reset(self.txn.0.as_ptr()) }
    }

    /// Moves to the newest snapshot after a reset.
    #[inline]
    pub(crate) fn renew(&mut self) -> Result<(), Code> {
        // SAFETY: the transaction was reset; otherwise LMDB returns EINVAL.
        Code::check(unsafe { ffi::mdb_txn_renew(self.txn.0.as_ptr()) })
    }

    /// Ends it such that the databases opened in it stay open for the process.
    pub(crate) fn commit(self) -> Result<(), Code> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the transaction is live; it is freed by this call whatever it returns, and the drop that
        // would end it again does not run.
        let rc = unsafe { ffi::mdb_txn_commit(this.txn.0.as_ptr()) };
        // SAFETY: `this` is never used again nor dropped, so its environment is moved out exactly once.
        drop(unsafe { ptr::read(&raw const this.env) });
        Code::check(rc)
    }
}

impl std::ops::Deref for RoTxn {
    type Target = Txn;
    fn deref(&self) -> &Txn {
        &self.txn
    }
}

impl Drop for RoTxn {
    fn drop(&mut self) {
        if self.env.is_ours() {
            // SAFETY: the transaction is live, and nothing borrows from it any more.
            unsafe { ffi::mdb_txn_abort(self.txn.0.as_ptr()) }
        }
    }
}

/// A write transaction with its savepoints, aborted when dropped. It must stay on its thread.
pub(crate) struct RwTxn {
    /// `None` after it ended.
    outermost: Option<Txn>,
    /// The levels inside it, of which only the last one is used.
    savepoints: Vec<Txn>,
    env: Arc<Env>,
}

// SAFETY: a write transaction is only used and ended by the thread that began it: it lies in that thread's
// seat, whose other visitors (closing, growth) leave write transactions alone.
unsafe impl Send for RwTxn {}

impl RwTxn {
    /// Begins a write transaction. The caller holds the process's write lock; LMDB waits for other processes.
    pub(crate) fn begin(env: &Arc<Env>, synced: bool) -> Result<RwTxn, Code> {
        let mut txn = ptr::null_mut();
        let flags = if synced { 0 } else { ffi::MDB_NOSYNC };
        // SAFETY: the environment is open.
        Code::check(unsafe { ffi::mdb_txn_begin(env.ptr.as_ptr(), ptr::null_mut(), flags, &raw mut txn) })?;
        let txn = Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?);
        Ok(RwTxn { outermost: Some(txn), savepoints: Vec::new(), env: Arc::clone(env) })
    }

    /// Returns the number of levels: 1 without savepoints.
    pub(crate) fn depth(&self) -> usize {
        self.savepoints.len() + usize::from(self.outermost.is_some())
    }

    /// Begins a nested level. `memory` is how much LMDB may allocate for it beside the lists of fixed sizes.
    pub(crate) fn begin_savepoint(&mut self, memory: usize) -> Result<(), Code> {
        ensure_memory(FIXED_LISTS.saturating_add(memory))?;
        let parent = self.top().0.as_ptr();
        let mut txn = ptr::null_mut();
        self.savepoints.try_room(1)?;
        // SAFETY: the environment is open and the parent is its live innermost transaction, unused until the
        // child ends, since only the last level is ever used.
        Code::check(unsafe { ffi::mdb_txn_begin(self.env.ptr.as_ptr(), parent, 0, &raw mut txn) })?;
        self.savepoints.push(Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?));
        Ok(())
    }

    /// Commits the innermost level, which ends whatever the outcome.
    pub(crate) fn commit_level(&mut self) -> Result<(), Code> {
        let Some(txn) = self.pop() else { return Err(Code(libc::EINVAL)) };
        // SAFETY: the innermost live level; freed by the call whatever it returns, and popped above.
        Code::check(unsafe { ffi::mdb_txn_commit(txn.0.as_ptr()) })?;
        if self.outermost.is_none() {
            self.env.commits.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Undoes the innermost level, which ends.
    pub(crate) fn abort_level(&mut self) {
        if let Some(txn) = self.pop() {
            // SAFETY: the innermost live level; freed by the call, and popped above.
            unsafe { ffi::mdb_txn_abort(txn.0.as_ptr()) }
        }
    }

    /// Takes out the innermost level.
    fn pop(&mut self) -> Option<Txn> {
        self.savepoints.pop().or_else(|| self.outermost.take())
    }

    #[inline]
    fn top(&self) -> &Txn {
        self.savepoints
            .last()
            .or(self.outermost.as_ref())
            .expect("a write transaction has a level until it is ended, and is dropped then")
    }

    /// Stores a record. Returns `Ok(false)` if `MDB_NOOVERWRITE` was given and the key exists.
    pub(crate) fn put(&mut self, dbi: Dbi, key: &[u8], value: &[u8], flags: c_uint) -> Result<bool, Code> {
        let (mut key, mut data) = (val(key), val(value));
        // SAFETY: the innermost level is live and used by its thread; LMDB copies key and value, and writes through
        // neither without MDB_RESERVE, which no caller passes.
        let rc = unsafe { ffi::mdb_put(self.top().0.as_ptr(), dbi, &raw mut key, &raw mut data, flags) };
        match rc {
            ffi::MDB_SUCCESS => Ok(true),
            ffi::MDB_KEYEXIST => Ok(false),
            rc => Err(Code(rc)),
        }
    }

    /// Removes a key with all its values. Returns `Ok(false)` if it was absent.
    pub(crate) fn remove(&mut self, dbi: Dbi, key: &[u8]) -> Result<bool, Code> {
        let mut key = val(key);
        // SAFETY: as for `put`; a null data pointer means all values.
        match unsafe { ffi::mdb_del(self.top().0.as_ptr(), dbi, &raw mut key, ptr::null_mut()) } {
            ffi::MDB_SUCCESS => Ok(true),
            ffi::MDB_NOTFOUND | ffi::MDB_BAD_VALSIZE => Ok(false),
            rc => Err(Code(rc)),
        }
    }

    /// Removes every record of a database and keeps the database.
    pub(crate) fn empty(&mut self, dbi: Dbi) -> Result<(), Code> {
        // SAFETY: the innermost level is live; `0` keeps the database, so that no number is closed.
        Code::check(unsafe { ffi::mdb_drop(self.top().0.as_ptr(), dbi, 0) })
    }

    /// Removes an open database, and closes its number at once, whatever the transaction's outcome. No call of the
    /// process may be in progress.
    pub(crate) fn remove_database(&mut self, dbi: Dbi) -> Result<(), Code> {
        // SAFETY: the innermost level is live; `reclaim.rs` has stopped every call.
        Code::check(unsafe { ffi::mdb_drop(self.top().0.as_ptr(), dbi, 1) })
    }
}

impl std::ops::Deref for RwTxn {
    type Target = Txn;
    fn deref(&self) -> &Txn {
        self.top()
    }
}

impl Drop for RwTxn {
    fn drop(&mut self) {
        while self.outermost.is_some() && self.env.is_ours() {
            self.abort_level();
        }
    }
}

/// The size of a savepoint's fixed-size lists: of dirty pages, and of pages that it frees.
///
/// Source: `MDB_IDL_LOGN`, 16, in LMDB 0.9's `midl.h`.
const FIXED_LISTS: usize = (1 << 17) * size_of::<ffi::MDB_val>() + ((1 << 17) + 1) * size_of::<usize>();

/// Fails unless this much memory can be allocated now: allocates it and frees it again.
///
/// For calls in which LMDB cannot handle a failed allocation. Another thread may still take the memory before them.
fn ensure_memory(size: usize) -> Result<(), NoMemory> {
    // Adds the allocator's overhead and the ends of pages, for the few blocks that LMDB requests.
    let size = size.saturating_add(64 << 10);
    // SAFETY: the block from malloc is freed once; the detour hides from the compiler that it is unused.
    unsafe {
        let taken = std::hint::black_box(libc::malloc(size));
        if taken.is_null() {
            return Err(NoMemory { bytes: size });
        }
        libc::free(taken);
    }
    Ok(())
}
