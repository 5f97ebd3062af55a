//! Implements the write lock between processes: a file beside LMDB's lock file, with a lock that supports timeouts.
//!
//! LMDB's own lock supports neither a try nor a timeout. It is taken after this one and is then free, unless a program
//! uses LMDB without this library. The file contains a robust mutex shared between processes: when its holder dies, at
//! any point, the next process gets it. The file also names the holder, and the time when it took the lock.
//!
//! The file has room for what later versions share. The first version of this library made it without that room: an
//! opener adds the room, and without it waits for commits by looking at the data file.
//!
//! Each process that has the environment open holds a shared `flock` on the file. A process that is alone takes an
//! exclusive one and initialises the mutex again: after a crash of the system, no process would ever release it.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::lmdb::files::claim;
use crate::engine::lmdb::files::{FileId, made_lock_file_options};
use crate::engine::lmdb::patience::Patience;
use crate::engine::notice::Notice;
use crate::engine::threads::turns::LockHolder;
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::fork::OwnFile;
use crate::platform::system::words;

/// How long to wait for a process that is opening the environment to create the lock file.
const PATIENCE: Duration = Duration::from_secs(2);

/// The beginning of an initialised file: `PCLOCK` and the version of the layout.
const MAGIC: u64 = u64::from_be_bytes(*b"PCLOCK\x00\x01");

/// The file's content. The size of the mutex distinguishes builds of the C library.
#[repr(C)]
struct Layout {
    magic: AtomicU64,
    mutex_size: AtomicU32,
    /// The holder's process, or 0 if the lock is free.
    process: AtomicU32,
    /// The holder's thread, by the process's numbering.
    thread: AtomicU64,
    /// The time when the holder took it, in microseconds since 1970-01-01.
    since: AtomicI64,
    mutex: libc::pthread_mutex_t,
}

/// The file's content after the layout that every version knows. What a version does not know is zero until a process
/// of a later version sets it; nothing here may be needed for the lock.
#[repr(C)]
struct Room {
    /// The highest [`MINOR`] of the versions that have opened the file since it was made.
    minor: AtomicU32,
    /// Announces commits, since minor version 1.
    notice: Notice,
}

/// The version of this library's `Room`.
const MINOR: u32 = 1;
/// The place of the `Room`. A mutex has some 40 bytes, and more in some C libraries.
const AT_ROOM: usize = 256;
/// The size of the file: less than the smallest block of a file system, which its beginning occupies anyway.
const SIZE: usize = 512;
const _: () = assert!(size_of::<Layout>() <= AT_ROOM && AT_ROOM + size_of::<Room>() <= SIZE);
const _: () = assert!(AT_ROOM.is_multiple_of(align_of::<Room>()));

/// The write lock of an environment that is open in this process.
pub(crate) struct ProcessLock {
    at: NonNull<Layout>,
    /// True if the file has a `Room`.
    has_room: bool,
    /// Keeps the shared `flock`.
    file: Option<OwnFile>,
    process: u64,
}

// SAFETY: the layout consists of atomics and a mutex that threads and processes share.
unsafe impl Send for ProcessLock {}
// SAFETY: as above.
unsafe impl Sync for ProcessLock {}

fn flock(file: &File, operation: libc::c_int) -> std::io::Result<()> {
    loop {
        // SAFETY: the descriptor is open as long as `file`.
        if unsafe { libc::flock(file.as_raw_fd(), operation) } == 0 {
            return Ok(());
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Takes the shared lock on the file. Waits while a process holds it exclusively to initialise the file.
fn share(file: &File, path: &Path, patience: &Patience) -> Result<std::io::Result<()>> {
    let shared = patience.poll(|| match flock(file, libc::LOCK_SH | libc::LOCK_NB) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
        outcome => Ok(Some(outcome)),
    })?;
    shared.ok_or_else(|| {
        Error::new(
            Status::Busy,
            format!(
                "a process was making {} and has not finished within {} ms; let it go on, or end it, and open again",
                path.display(),
                patience.waited().as_millis()
            ),
        )
    })
}

impl ProcessLock {
    /// Opens the lock file, and initialises it if no process uses it.
    pub(crate) fn open(path: &Path, mode: u32, patience: &Patience) -> Result<ProcessLock> {
        let failed = |error: std::io::Error| {
            let status = match error.kind() {
                std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                    Status::Permission
                }
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Status::DiskFull,
                _ => Status::Io,
            };
            Error::new(
                status,
                format!("{} cannot be used as the write lock: {}", path.display(), words(&error)),
            )
        };
        let file = made_lock_file_options(mode).read(true).open(path).map_err(failed)?;
        let size = size_of::<Layout>() as u64;
        let begun = Instant::now();
        loop {
            if begun.elapsed() > PATIENCE {
                return Err(Error::new(
                    Status::LockVersion,
                    format!(
                        "{} is in use by another version of this library, whose write lock this one does not know; \
                         close the environment there first",
                        path.display()
                    ),
                ));
            }
            let alone = flock(&file, libc::LOCK_EX | libc::LOCK_NB).is_ok();
            if alone {
                // Written, not only extended: access to a mapped hole raises a signal if the disk is full.
                file.write_all_at(&[0; SIZE], 0).and_then(|()| file.set_len(SIZE as u64)).map_err(failed)?;
            } else {
                // Another process is initialising it, or has done so.
                share(&file, path, patience)?.map_err(failed)?;
                if file.metadata().map_err(failed)?.len() < size {
                    // The initialising process died before it finished: perhaps no process uses the file now.
                    flock(&file, libc::LOCK_UN).map_err(failed)?;
                    std::thread::yield_now();
                    continue;
                }
            }
            let at = map(&file).map_err(failed)?;
            let mut lock = ProcessLock { at, has_room: false, file: None, process: fork::process() };
            if alone {
                lock.make().map_err(failed)?;
                share(&file, path, patience)?.map_err(failed)?;
            } else if lock.layout().magic.load(Ordering::Acquire) != MAGIC {
                flock(&file, libc::LOCK_UN).map_err(failed)?;
                std::thread::yield_now();
                continue;
            }
            let theirs = lock.layout().mutex_size.load(Ordering::Relaxed);
            if theirs as usize != size_of::<libc::pthread_mutex_t>() {
                return Err(Error::new(
                    Status::LockVersion,
                    format!(
                        "{} is in use by a program with another C library (its mutex has {theirs} bytes, this \
                         one's {}); close it there first",
                        path.display(),
                        size_of::<libc::pthread_mutex_t>()
                    ),
                ));
            }
            // Without it, on a full disk say, the lock works all the same.
            lock.has_room = add_room_if_missing(&file).unwrap_or(false);
            if let Some(room) = lock.room() {
                room.minor.fetch_max(MINOR, Ordering::Relaxed);
            }
            lock.file = Some(OwnFile::new(file));
            return Ok(lock);
        }
    }

    /// Announces which data file is used under this lock, and fails if other processes use another.
    pub(crate) fn say_data_file(&self, path: &Path, data: FileId) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| claim::say_data_file(file, path, data))
    }

    fn layout(&self) -> &Layout {
        // SAFETY: mapped as long as `self`, and as large as the layout; other threads and processes write only its
        // atomics, and the mutex through its own calls.
        unsafe { self.at.as_ref() }
    }

    /// Returns the room in the file, if it has one.
    #[inline]
    fn room(&self) -> Option<&Room> {
        // SAFETY: within the mapping, and aligned; other threads and processes write only its atomics, for which any
        // content is valid.
        self.has_room.then(|| unsafe { self.at.cast::<u8>().add(AT_ROOM).cast::<Room>().as_ref() })
    }

    /// Returns the notice in the file, for a thread that has the lock: that thread uses the same page for the mutex.
    #[inline]
    pub(crate) fn notice(&self) -> Option<&Notice> {
        self.room().map(|room| &room.notice)
    }

    /// Returns the notice in the file, for a thread that does not have the lock. Returns `None` if the file has been
    /// truncated: to touch the map would then end the process.
    pub(crate) fn notice_to_wait(&self) -> Option<&Notice> {
        let file = self.file.as_ref()?;
        if has_room(file).unwrap_or(false) { self.notice() } else { None }
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        // SAFETY: within the mapping.
        unsafe { &raw mut (*self.at.as_ptr()).mutex }
    }

    /// Initialises the mutex. No other process uses the file.
    fn make(&self) -> std::io::Result<()> {
        let check = |rc: libc::c_int| {
            if rc == 0 { Ok(()) } else { Err(std::io::Error::from_raw_os_error(rc)) }
        };
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        // SAFETY: the attributes are initialised before they are used and destroyed afterwards; the mutex lies in
        // memory that no other process uses yet.
        unsafe {
            check(libc::pthread_mutexattr_init(attributes.as_mut_ptr()))?;
            let made = check(libc::pthread_mutexattr_setpshared(
                attributes.as_mut_ptr(),
                libc::PTHREAD_PROCESS_SHARED,
            ))
            .and_then(|()| {
                check(libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST))
            })
            .and_then(|()| check(libc::pthread_mutex_init(self.mutex(), attributes.as_ptr())));
            libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
            made?;
        }
        let size = u32::try_from(size_of::<libc::pthread_mutex_t>()).unwrap_or(0);
        self.layout().mutex_size.store(size, Ordering::Relaxed);
        self.layout().magic.store(MAGIC, Ordering::Release);
        Ok(())
    }

    /// Takes the lock for the calling thread, which must release it. `holder` describes it.
    pub(crate) fn take(&self, mut holder: LockHolder, deadline: &Deadline) -> Result<()> {
        // SAFETY: a process that was alone with the file has initialised the mutex; it is robust, and shared between
        // processes.
        let rc = match unsafe { libc::pthread_mutex_trylock(self.mutex()) } {
            libc::EBUSY => {
                let rc = self.wait(deadline.moment())?;
                holder = LockHolder::now(holder.thread);
                rc
            }
            rc => rc,
        };
        match rc {
            0 => {}
            libc::EOWNERDEAD => {
                // The holder died. LMDB undoes its transaction; nothing else is under this lock.
                // SAFETY: the calling thread has the mutex.
                let rc = unsafe { libc::pthread_mutex_consistent(self.mutex()) };
                debug_assert_eq!(rc, 0);
            }
            rc => {
                return Err(Error::new(
                    Status::Io,
                    format!("the write lock cannot be taken: {}", std::io::Error::from_raw_os_error(rc)),
                ));
            }
        }
        let layout = self.layout();
        layout.thread.store(holder.thread, Ordering::Relaxed);
        layout.since.store(holder.since, Ordering::Relaxed);
        layout.process.store(holder.process, Ordering::Release);
        Ok(())
    }

    /// Waits for the lock. Returns the system's return code.
    #[cold]
    fn wait(&self, deadline: Option<Instant>) -> Result<libc::c_int> {
        let begun = Instant::now();
        let interrupt = Interrupt::of_thread();
        loop {
            let rc = self.wait_until(interrupt.next(deadline));
            if rc != libc::ETIMEDOUT {
                return Ok(rc);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Err(self.holder().busy(begun.elapsed()));
            }
            interrupt.ask()?;
        }
    }

    fn wait_until(&self, moment: Option<Instant>) -> libc::c_int {
        match moment.map(|moment| moment.saturating_duration_since(Instant::now())) {
            // SAFETY: as in `take`.
            None => unsafe { libc::pthread_mutex_lock(self.mutex()) },
            Some(Duration::ZERO) => libc::ETIMEDOUT,
            Some(patience) => match clocklock() {
                Some(clocklock) => {
                    let until = monotonic().saturating_add(patience);
                    let until = libc::timespec {
                        tv_sec: libc::time_t::try_from(until.as_secs()).unwrap_or(libc::time_t::MAX),
                        tv_nsec: until.subsec_nanos().into(),
                    };
                    // SAFETY: as above; the time is valid for that clock.
                    unsafe { clocklock(self.mutex(), libc::CLOCK_MONOTONIC, &raw const until) }
                }
                None => self.poll(patience),
            },
        }
    }

    /// Polls the lock until it is free or the time has passed.
    fn poll(&self, patience: Duration) -> libc::c_int {
        const PAUSE: Duration = Duration::from_millis(1);
        let begun = Instant::now();
        loop {
            // SAFETY: as in `take`.
            match unsafe { libc::pthread_mutex_trylock(self.mutex()) } {
                libc::EBUSY if begun.elapsed() < patience => std::thread::sleep(PAUSE),
                libc::EBUSY => return libc::ETIMEDOUT,
                rc => return rc,
            }
        }
    }

    /// Releases the lock. Only the thread that took it may call this; a child process does not touch its parent's lock.
    pub(crate) fn release(&self) {
        if fork::process() != self.process {
            return;
        }
        self.layout().process.store(0, Ordering::Relaxed);
        // SAFETY: the calling thread took the mutex.
        let rc = unsafe { libc::pthread_mutex_unlock(self.mutex()) };
        debug_assert_eq!(rc, 0, "released by the thread that took it");
    }

    fn holder(&self) -> LockHolder {
        let layout = self.layout();
        LockHolder {
            process: layout.process.load(Ordering::Acquire),
            thread: layout.thread.load(Ordering::Relaxed),
            since: layout.since.load(Ordering::Relaxed),
        }
    }
}

type Clocklock =
    unsafe extern "C" fn(*mut libc::pthread_mutex_t, libc::clockid_t, *const libc::timespec) -> libc::c_int;

/// The C library's wait for a mutex with a clock of the caller's choice, which not every library has (glibc since
/// 2.30). `pthread_mutex_timedlock` uses the time of day: if that is set back, it waits longer.
fn clocklock() -> Option<Clocklock> {
    static FOUND: OnceLock<Option<Clocklock>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name is NUL-terminated.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pthread_mutex_clocklock".as_ptr()) };
        // SAFETY: a null pointer is `None`, and any other pointer is that function, which has this type.
        unsafe { std::mem::transmute::<*mut libc::c_void, Option<Clocklock>>(found) }
    })
}

/// Returns the time of the clock that is never set.
fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid destination; every supported system has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

fn has_room(file: &File) -> std::io::Result<bool> {
    Ok(file.metadata()?.len() >= SIZE as u64)
}

/// Adds the room to a file of the first version, which other processes use.
///
/// Another process may do so at the same time, or may be of a version that makes the file larger. To write the last byte
/// never shortens the file, and no version uses that byte.
fn add_room_if_missing(file: &File) -> std::io::Result<bool> {
    if !has_room(file)? {
        file.write_all_at(&[0], SIZE as u64 - 1)?;
    }
    has_room(file)
}

fn map(file: &File) -> std::io::Result<NonNull<Layout>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new shared mapping; `ProcessLock`'s drop unmaps it. The file may be shorter, but it ends in the same
    // page, whose rest can be used, too.
    let at = unsafe { libc::mmap(ptr::null_mut(), SIZE, protection, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if at == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    NonNull::new(at.cast()).ok_or_else(|| std::io::Error::from_raw_os_error(libc::ENOMEM))
}

impl Drop for ProcessLock {
    fn drop(&mut self) {
        if fork::process() != self.process {
            return;
        }
        if let Some(file) = &self.file {
            claim::unsay_data_file(file);
        }
        // SAFETY: mapped by `map`, and no borrow of it is left. The mutex stays in the file, for other processes.
        unsafe { libc::munmap(self.at.as_ptr().cast(), SIZE) };
    }
}

#[cfg(test)]
mod tests;
