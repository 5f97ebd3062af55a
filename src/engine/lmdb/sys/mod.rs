//! RAII over `lmdb_sys`: the only calls into LMDB.
//!
//! Nothing here knows of collections or threads. Lifetimes carry LMDB's rules: what a read returns borrows
//! the transaction, and a write needs it exclusively, so bytes of the map cannot outlive what keeps them in
//! place. A cursor borrows its transaction; a savepoint is ended before its parent is used, by [`RwTxn`].

mod cursor;
mod page;

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use lmdb_sys as ffi;

pub(crate) use cursor::{Cursor, Go, Record, WriteCursor, is_named_database};
pub(crate) use page::Rest;

use crate::codec::MAX_KEY;
use crate::error::{Error, Status};
use crate::memory::{NoMemory, TryGrow};
use crate::platform::fork;
use crate::platform::system::limit_of;

/// The number of an open named database.
pub(crate) type Dbi = ffi::MDB_dbi;

/// The main database: the records of an unnamed collection, and an entry for each named database.
pub(crate) const MAIN: Dbi = 1;

/// A status of LMDB or an `errno`, never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub c_int);

impl Code {
    fn check(rc: c_int) -> Result<(), Code> {
        if rc == ffi::MDB_SUCCESS { Ok(()) } else { Err(Code(rc)) }
    }

    /// Of a failure that the system reported.
    pub(crate) fn of(error: &std::io::Error) -> Code {
        let is_memory = error.kind() == std::io::ErrorKind::OutOfMemory;
        Code(error.raw_os_error().unwrap_or(if is_memory { libc::ENOMEM } else { libc::EIO }))
    }

    /// LMDB's or the system's own words for it.
    pub(crate) fn text(self) -> String {
        // SAFETY: mdb_strerror returns a NUL-terminated string for every code: LMDB's own are static, an
        // errno's is libc's, copied here before any other call of this thread.
        let text = unsafe { CStr::from_ptr(ffi::mdb_strerror(self.0)) }.to_string_lossy();
        format!("{text}{}", limit_of(self.0))
    }

    /// The error that this code is outside of opening, where a code says more.
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

/// How LMDB opens an environment.
pub(crate) struct OpenParameters<'a> {
    pub path: &'a CStr,
    pub flags: c_uint,
    pub mode: u32,
    pub map_size: usize,
    pub max_readers: u32,
    pub max_dbs: u32,
}

/// An open `MDB_env`, closed when dropped; then its guard is dropped too. In a child process of the one that
/// opened it, nothing of it is touched.
pub(crate) struct RawEnv {
    env: NonNull<ffi::MDB_env>,
    process: u64,
    guard: OnceLock<Box<dyn Any + Send + Sync>>,
    /// How many transactions this process has committed.
    commits: Arc<AtomicU64>,
}

// SAFETY: an MDB_env may be used by many threads at once; every call here that LMDB wants alone (closing,
// resizing the map) takes the environment by value or documents its gate.
unsafe impl Send for RawEnv {}
// SAFETY: as above.
unsafe impl Sync for RawEnv {}

impl RawEnv {
    pub(crate) fn open(with: &OpenParameters<'_>) -> Result<RawEnv, Code> {
        let mut env = ptr::null_mut();
        // SAFETY: `env` is a valid place for the pointer.
        Code::check(unsafe { ffi::mdb_env_create(&raw mut env) })?;
        let env = NonNull::new(env).ok_or(Code(libc::ENOMEM))?;
        let env = RawEnv { env, process: fork::process(), guard: OnceLock::new(), commits: Arc::default() };
        // SAFETY: the environment was created and is not open yet, as these three need it.
        unsafe {
            Code::check(ffi::mdb_env_set_mapsize(env.env.as_ptr(), with.map_size))?;
            Code::check(ffi::mdb_env_set_maxreaders(env.env.as_ptr(), with.max_readers))?;
            Code::check(ffi::mdb_env_set_maxdbs(env.env.as_ptr(), with.max_dbs))?;
        }
        // SAFETY: the path is NUL-terminated; after a failure LMDB wants mdb_env_close, which `env`'s drop does.
        Code::check(unsafe {
            ffi::mdb_env_open(env.env.as_ptr(), with.path.as_ptr(), with.flags, with.mode as ffi::mdb_mode_t)
        })?;
        Ok(env)
    }

    /// Makes sure that keys may be as long as this library needs: LMDB's default limit is 511 bytes.
    pub(crate) fn check_key_size(&self) -> Result<(), Error> {
        // SAFETY: the environment is open.
        let longest = unsafe { ffi::mdb_env_get_maxkeysize(self.env.as_ptr()) };
        if usize::try_from(longest).is_ok_and(|longest| longest >= MAX_KEY) {
            return Ok(());
        }
        Err(other_lmdb(&format!("one with keys of {longest} bytes at most")))
    }

    /// The count of what this process has committed, which may outlive the environment.
    pub(crate) fn commits(&self) -> &Arc<AtomicU64> {
        &self.commits
    }

    /// Whether this process opened it.
    fn is_ours(&self) -> bool {
        self.process == fork::process()
    }

    /// Hands over what is dropped once the files are closed.
    pub(crate) fn hold(&self, guard: Box<dyn Any + Send + Sync>) {
        let first = self.guard.set(guard).is_ok();
        debug_assert!(first, "an environment is registered once");
    }

    /// Maps the file anew with another size. On failure nothing is mapped, and the environment is of no more
    /// use.
    ///
    /// The caller has no write transaction in this process, and has stopped every call that reads: LMDB
    /// unmaps first. Read transactions without cursors survive.
    pub(crate) fn resize(&self, size: usize) -> Result<(), Code> {
        // SAFETY: the environment is open; `map.rs` sees to the rest.
        Code::check(unsafe { ffi::mdb_env_set_mapsize(self.env.as_ptr(), size) })
    }

    /// Closes the number of a named database. No call of the process may be under way, and no transaction
    /// that has written to it.
    pub(crate) fn close_dbi(&self, dbi: Dbi) {
        // SAFETY: the environment is open; `reclaim.rs` has stopped every call.
        unsafe { ffi::mdb_dbi_close(self.env.as_ptr(), dbi) }
    }

    /// Flushes what was written to stable storage, whatever the durability.
    pub(crate) fn sync(&self) -> Result<(), Code> {
        // SAFETY: the environment is open for as long as `self` lives.
        Code::check(unsafe { ffi::mdb_env_sync(self.env.as_ptr(), 1) })
    }

    pub(crate) fn info(&self) -> ffi::MDB_envinfo {
        // SAFETY: MDB_envinfo is plain numbers and a pointer: all zeros is a value of it.
        let mut info = unsafe { std::mem::zeroed::<ffi::MDB_envinfo>() };
        // SAFETY: the environment is open and `info` a valid place; the call fails only for null pointers.
        unsafe { ffi::mdb_env_info(self.env.as_ptr(), &raw mut info) };
        info
    }

    /// The newest commit in the map.
    #[inline]
    pub(crate) fn last_txn(&self) -> u64 {
        self.info().me_last_txnid as u64
    }

    pub(crate) fn stat(&self) -> ffi::MDB_stat {
        // SAFETY: MDB_stat is plain numbers: all zeros is a value of it.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the environment is open and `stat` a valid place; the call fails only for null pointers.
        unsafe { ffi::mdb_env_stat(self.env.as_ptr(), &raw mut stat) };
        stat
    }

    /// The descriptor of the data file. It stays LMDB's.
    pub(crate) fn descriptor(&self) -> Result<c_int, Code> {
        let mut fd = -1;
        // SAFETY: the environment is open and `fd` a valid place.
        Code::check(unsafe { ffi::mdb_env_get_fd(self.env.as_ptr(), &raw mut fd) })?;
        Ok(fd)
    }

    /// The reader slots in use, of all processes.
    pub(crate) fn readers(&self) -> Result<Vec<ReaderSlot>, Code> {
        unsafe extern "C" fn collect(line: *const c_char, context: *mut c_void) -> c_int {
            // SAFETY: LMDB passes a NUL-terminated line, and the context that was given to mdb_reader_list,
            // which is the vector below, borrowed by nobody else meanwhile.
            let (line, slots) = unsafe { (CStr::from_ptr(line), &mut *context.cast::<Vec<ReaderSlot>>()) };
            // One line for a slot: process, thread (hexadecimal), transaction or "-"; before them a heading.
            let line = line.to_string_lossy();
            let mut words = line.split_whitespace();
            if let (Some(Ok(process)), Some(Ok(thread)), Some(txn)) = (
                words.next().map(str::parse),
                words.next().map(|thread| u64::from_str_radix(thread, 16)),
                words.next(),
            ) {
                let pushed = slots.try_push(ReaderSlot { process, thread, txn: txn.parse().ok() });
                // LMDB ends the list there, and returns it.
                return if pushed.is_ok() { 0 } else { -libc::ENOMEM };
            }
            0
        }
        let mut slots: Vec<ReaderSlot> = Vec::new();
        // SAFETY: the environment is open; the callback gets the vector, which outlives the call.
        let rc = unsafe {
            ffi::mdb_reader_list(self.env.as_ptr(), Some(collect), (&raw mut slots).cast::<c_void>())
        };
        match rc {
            0.. => Ok(slots),
            _ if rc == -libc::ENOMEM => Err(Code(libc::ENOMEM)),
            _ => Err(Code(rc)),
        }
    }

    /// Writes the newest commit to a file, without free pages. The caller sees to it that the map stays in place.
    pub(crate) fn copy_compacted(&self, to: &std::fs::File) -> Result<(), Code> {
        // A write past the limit on file sizes would be a signal that ends the process. LMDB writes in a thread
        // of its own, which inherits what is blocked here, and takes a pending signal with it when it ends.
        // SAFETY: sigset_t is plain data, filled by the calls that follow.
        let (mut block, mut before) = unsafe { std::mem::zeroed::<(libc::sigset_t, libc::sigset_t)>() };
        // SAFETY: both are valid places; only this thread's mask changes, and is put back below.
        unsafe {
            libc::sigemptyset(&raw mut block);
            libc::sigaddset(&raw mut block, libc::SIGXFSZ);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const block, &raw mut before);
        }
        // SAFETY: the environment is open, the descriptor too during the call, and the map stays.
        let rc = unsafe { ffi::mdb_env_copyfd2(self.env.as_ptr(), to.as_raw_fd(), ffi::MDB_CP_COMPACT) };
        // SAFETY: the mask that was taken above.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
        Code::check(rc)
    }

    /// Frees the reader slots of processes that are gone.
    pub(crate) fn reap_readers(&self) -> Result<u32, Code> {
        let mut dead = 0;
        // SAFETY: the environment is open and `dead` a valid place.
        Code::check(unsafe { ffi::mdb_reader_check(self.env.as_ptr(), &raw mut dead) })?;
        Ok(u32::try_from(dead).unwrap_or(0))
    }
}

impl Drop for RawEnv {
    fn drop(&mut self) {
        if !self.is_ours() {
            std::mem::forget(self.guard.take());
            return;
        }
        // SAFETY: transactions hold an `Arc` of what holds this, so none is left; cursors borrow those.
        unsafe { ffi::mdb_env_close(self.env.as_ptr()) }
    }
}

/// The lists of fixed sizes that a savepoint has: of dirty pages, and of pages that it frees.
///
/// Source: `MDB_IDL_LOGN`, 16, in LMDB 0.9's `midl.h`.
const FIXED_LISTS: usize = (1 << 17) * size_of::<ffi::MDB_val>() + ((1 << 17) + 1) * size_of::<usize>();

/// Fails unless so much memory can be had now: it is taken, and given back.
///
/// For calls in which LMDB cannot do without. Another thread may take it before they come to it.
fn ensure_memory(size: usize) -> Result<(), NoMemory> {
    // The allocator's own words and the ends of pages, for the few parts that LMDB asks for.
    let size = size.saturating_add(64 << 10);
    // SAFETY: what malloc gives is freed once; the detour hides from the compiler that nobody uses it.
    unsafe {
        let taken = std::hint::black_box(libc::malloc(size));
        if taken.is_null() {
            return Err(NoMemory { bytes: size });
        }
        libc::free(taken);
    }
    Ok(())
}

/// Counts of free pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreePages {
    pub all: u64,
    /// Those that a certain transaction or a later one has freed.
    pub since: u64,
}

/// A reader slot in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReaderSlot {
    /// The process that has it.
    pub process: u32,
    /// LMDB's number of the thread that took it.
    pub thread: u64,
    /// The snapshot that it keeps; `None` between two.
    pub txn: Option<u64>,
}

/// The version string of the LMDB that is linked in.
pub(crate) fn version() -> &'static CStr {
    // SAFETY: LMDB returns a static NUL-terminated string; the outputs may be null.
    unsafe { CStr::from_ptr(ffi::mdb_version(ptr::null_mut(), ptr::null_mut(), ptr::null_mut())) }
}

/// Makes sure that the LMDB in the program is the one that this library was built with: a linker that meets another
/// `liblmdb` first takes that one, without a word.
pub(crate) fn check_version() -> Result<(), Error> {
    let mut found = [0; 3];
    let [major, minor, patch] = &mut found;
    // SAFETY: three valid places for numbers.
    unsafe { ffi::mdb_version(major, minor, patch) };
    let built_with = [ffi::MDB_VERSION_MAJOR, ffi::MDB_VERSION_MINOR, ffi::MDB_VERSION_PATCH];
    let same =
        found.iter().zip(built_with).all(|(found, built_with)| u32::try_from(*found) == Ok(built_with));
    if same { Ok(()) } else { Err(other_lmdb(&format!("{}.{}.{}", found[0], found[1], found[2]))) }
}

fn other_lmdb(which: &str) -> Error {
    Error::new(
        Status::Unsupported,
        format!(
            "this program was linked with another LMDB ({which}) in place of the one that this library brings along; put \
             this library before liblmdb on the link line, or link the shared library"
        ),
    )
}

fn val(bytes: &[u8]) -> ffi::MDB_val {
    ffi::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() }
}

const NOTHING: ffi::MDB_val = ffi::MDB_val { mv_size: 0, mv_data: ptr::null_mut() };

/// # Safety
/// `val` must have been filled by LMDB, and its bytes must stay in place during `'t`.
unsafe fn slice<'t>(val: ffi::MDB_val) -> &'t [u8] {
    if val.mv_size == 0 {
        return &[];
    }
    // SAFETY: LMDB filled it with the address and size of a record in the map or in a dirty page; the caller
    // vouches for the lifetime.
    unsafe { std::slice::from_raw_parts(val.mv_data.cast(), val.mv_size) }
}

/// The reads that every transaction has. Not owned: [`RoTxn`] and [`RwTxn`] lend it.
pub(crate) struct Txn(NonNull<ffi::MDB_txn>);

impl Txn {
    /// The transaction's number: of the snapshot that it reads, or the one that it will commit.
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

    /// How many records a database holds.
    pub(crate) fn entries(&self, dbi: Dbi) -> Result<u64, Code> {
        // SAFETY: MDB_stat is plain numbers.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the transaction is live, and `stat` a valid place; LMDB checks the number.
        match unsafe { ffi::mdb_stat(self.0.as_ptr(), dbi, &raw mut stat) } {
            ffi::MDB_SUCCESS => Ok(stat.ms_entries as u64),
            ffi::MDB_NOTFOUND => Ok(0),
            rc => Err(Code(rc)),
        }
    }

    /// How many pages a snapshot knows to be free: the lengths of the free list's records, whose keys are the
    /// transactions that freed them.
    pub(crate) fn free_pages(&self, since: u64) -> Result<FreePages, Code> {
        const FREE: Dbi = 0;
        let word = |bytes: &[u8]| bytes.first_chunk().map_or(0, |first| usize::from_ne_bytes(*first) as u64);
        let mut cursor = self.cursor(FREE)?;
        let mut pages = FreePages { all: 0, since: 0 };
        let mut go = Go::First;
        while let Some((txn, record)) = cursor.go(go)? {
            go = Go::Next;
            pages.all += word(record);
            pages.since += if word(txn) >= since { word(record) } else { 0 };
        }
        Ok(pages)
    }

    /// As many pages as the free list can hold at most, by the pages that it takes.
    pub(crate) fn most_free_pages(&self) -> Result<usize, Code> {
        const FREE: Dbi = 0;
        // SAFETY: MDB_stat is plain numbers.
        let mut stat = unsafe { std::mem::zeroed::<ffi::MDB_stat>() };
        // SAFETY: the transaction is live, and `stat` a valid place.
        Code::check(unsafe { ffi::mdb_stat(self.0.as_ptr(), FREE, &raw mut stat) })?;
        let pages = stat.ms_leaf_pages.saturating_add(stat.ms_overflow_pages);
        Ok(pages.saturating_mul(stat.ms_psize as usize / size_of::<usize>()))
    }

    /// The persistent flags (`MDB_DUPSORT`, …) of a database.
    pub(crate) fn flags(&self, dbi: Dbi) -> Result<c_uint, Code> {
        let mut flags = 0;
        // SAFETY: as for `entries`.
        Code::check(unsafe { ffi::mdb_dbi_flags(self.0.as_ptr(), dbi, &raw mut flags) })?;
        Ok(flags)
    }

    /// Opens a named database (`None`: the main one). `Ok(None)`: there is none of that name.
    ///
    /// Only `spaces.rs` and `txn.rs` call this, under the process's writer lock: two openings at the same
    /// time can be given one number.
    pub(crate) fn open_dbi(&self, name: Option<&CStr>, flags: c_uint) -> Result<Option<Dbi>, Code> {
        let mut dbi = 0;
        let name = name.map_or(ptr::null(), CStr::as_ptr);
        // SAFETY: the transaction is live; the name is null or NUL-terminated; the caller holds the writer lock.
        match unsafe { ffi::mdb_dbi_open(self.0.as_ptr(), name, flags, &raw mut dbi) } {
            ffi::MDB_SUCCESS => Ok(Some(dbi)),
            ffi::MDB_NOTFOUND => Ok(None),
            rc => Err(Code(rc)),
        }
    }

    /// Compares two keys by a database's own order.
    pub(crate) fn compare(&self, dbi: Dbi, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        let (a, b) = (val(a), val(b));
        // SAFETY: the transaction is live and the database open in it; both values outlive the call.
        unsafe { ffi::mdb_cmp(self.0.as_ptr(), dbi, &raw const a, &raw const b) }.cmp(&0)
    }

    pub(crate) fn cursor(&self, dbi: Dbi) -> Result<Cursor<'_>, Code> {
        Cursor::open(self, dbi)
    }
}

/// A read transaction, aborted when dropped. It may move between threads, one at a time (`MDB_NOTLS`).
pub(crate) struct RoTxn {
    txn: Txn,
    /// Keeps the environment open.
    env: Arc<RawEnv>,
}

// SAFETY: with MDB_NOTLS, which open.rs always sets, a read transaction is not tied to a thread.
unsafe impl Send for RoTxn {}

impl RoTxn {
    pub(crate) fn begin(env: &Arc<RawEnv>) -> Result<RoTxn, Code> {
        let mut txn = ptr::null_mut();
        // SAFETY: the environment is open.
        Code::check(unsafe {
            ffi::mdb_txn_begin(env.env.as_ptr(), ptr::null_mut(), ffi::MDB_RDONLY, &raw mut txn)
        })?;
        Ok(RoTxn { txn: Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?), env: Arc::clone(env) })
    }

    /// Lets the snapshot go and keeps the reader slot for [`RoTxn::renew`].
    #[inline]
    pub(crate) fn reset(&mut self) {
        // SAFETY: the transaction is live; nothing borrows from it, since `self` is exclusive.
        unsafe { ffi::mdb_txn_reset(self.txn.0.as_ptr()) }
    }

    /// Takes the newest snapshot after a reset.
    #[inline]
    pub(crate) fn renew(&mut self) -> Result<(), Code> {
        // SAFETY: the transaction was reset, or LMDB says EINVAL.
        Code::check(unsafe { ffi::mdb_txn_renew(self.txn.0.as_ptr()) })
    }

    /// Ends it in the way that keeps the databases opened in it open for the process.
    pub(crate) fn commit(self) -> Result<(), Code> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the transaction is live; it is freed by this call whatever it returns, and the drop that
        // would end it again does not run.
        let rc = unsafe { ffi::mdb_txn_commit(this.txn.0.as_ptr()) };
        // SAFETY: `this` is never used again nor dropped, so its environment is taken out exactly once.
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
    /// From the outermost to the innermost; only the last one is used. Never empty until ended.
    levels: Vec<Txn>,
    env: Arc<RawEnv>,
}

// SAFETY: a write transaction is only used and ended by the thread that began it: it lies in that thread's
// seat, whose other visitors (closing, growth) leave write transactions alone.
unsafe impl Send for RwTxn {}

impl RwTxn {
    /// Begins one. The caller holds the process's writer lock; LMDB waits for other processes.
    pub(crate) fn begin(env: &Arc<RawEnv>, synced: bool) -> Result<RwTxn, Code> {
        let mut txn = ptr::null_mut();
        let flags = if synced { 0 } else { ffi::MDB_NOSYNC };
        // SAFETY: the environment is open.
        Code::check(unsafe { ffi::mdb_txn_begin(env.env.as_ptr(), ptr::null_mut(), flags, &raw mut txn) })?;
        let txn = Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?);
        Ok(RwTxn { levels: vec![txn], env: Arc::clone(env) })
    }

    /// How many levels there are: 1 without savepoints.
    pub(crate) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Begins a level inside. `memory`: how much LMDB may take for it beside the lists of fixed sizes.
    pub(crate) fn begin_savepoint(&mut self, memory: usize) -> Result<(), Code> {
        ensure_memory(FIXED_LISTS.saturating_add(memory))?;
        let parent = self.top().0.as_ptr();
        let mut txn = ptr::null_mut();
        self.levels.try_room(1)?;
        // SAFETY: the environment is open and the parent is its live innermost transaction, unused until the
        // child ends, since only the last level is ever used.
        Code::check(unsafe { ffi::mdb_txn_begin(self.env.env.as_ptr(), parent, 0, &raw mut txn) })?;
        self.levels.push(Txn(NonNull::new(txn).ok_or(Code(libc::ENOMEM))?));
        Ok(())
    }

    /// Commits the innermost level, which is gone after, whatever the outcome.
    pub(crate) fn commit_level(&mut self) -> Result<(), Code> {
        let Some(txn) = self.levels.pop() else { return Err(Code(libc::EINVAL)) };
        // SAFETY: the innermost live level; freed by the call whatever it returns, and popped above.
        Code::check(unsafe { ffi::mdb_txn_commit(txn.0.as_ptr()) })?;
        if self.levels.is_empty() {
            self.env.commits.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Undoes the innermost level, which is gone after.
    pub(crate) fn abort_level(&mut self) {
        if let Some(txn) = self.levels.pop() {
            // SAFETY: the innermost live level; freed by the call, and popped above.
            unsafe { ffi::mdb_txn_abort(txn.0.as_ptr()) }
        }
    }

    fn top(&self) -> &Txn {
        self.levels.last().expect("a write transaction has a level until it is ended, and is dropped then")
    }

    /// Stores a record. `Ok(false)`: `MDB_NOOVERWRITE` was given and the key is there.
    pub(crate) fn put(&mut self, dbi: Dbi, key: &[u8], value: &[u8], flags: c_uint) -> Result<bool, Code> {
        let (mut key, mut data) = (val(key), val(value));
        // SAFETY: the innermost level is live and used by its thread; LMDB copies key and value, and writes
        // through neither without MDB_RESERVE, which nobody passes.
        let rc = unsafe { ffi::mdb_put(self.top().0.as_ptr(), dbi, &raw mut key, &raw mut data, flags) };
        match rc {
            ffi::MDB_SUCCESS => Ok(true),
            ffi::MDB_KEYEXIST => Ok(false),
            rc => Err(Code(rc)),
        }
    }

    /// Removes a key with all its values. `Ok(false)`: it was not there.
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

    /// Removes a database that is open, and closes its number at once, whatever becomes of the transaction.
    /// No call of the process may be under way.
    pub(crate) fn remove_database(&mut self, dbi: Dbi) -> Result<(), Code> {
        // SAFETY: the innermost level is live; `reclaim.rs` has stopped every call.
        Code::check(unsafe { ffi::mdb_drop(self.top().0.as_ptr(), dbi, 1) })
    }

    /// A cursor that may remove what it stands on.
    pub(crate) fn write_cursor(&mut self, dbi: Dbi) -> Result<WriteCursor<'_>, Code> {
        WriteCursor::open(self, dbi)
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
        while !self.levels.is_empty() && self.env.is_ours() {
            self.abort_level();
        }
    }
}
