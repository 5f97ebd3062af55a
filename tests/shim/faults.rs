//! Storage that fails: replaces the calls by which LMDB writes and syncs, for one file and one thread.
//!
//! LMDB is linked into the test's executable, so these definitions are the ones that it calls. `faults.c` does the
//! same for a library that is loaded.
#![allow(missing_docs)]

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The way in which a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done.
    Error(c_int),
    /// Half is written, which is not an error to the system. A sync gives EIO.
    Short,
    /// The same, and later calls get no space: a quota is used up.
    Quota,
    /// It is done, but reported as EIO.
    Late,
}

#[derive(Clone, Copy)]
struct Plan {
    device: u64,
    file: u64,
    fault: Fault,
    /// The number of the call that fails, counted from 1.
    at: u64,
    /// Whether all calls after it fail too.
    lasting: bool,
    seen: u64,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
}

/// Makes a write or sync of the calling thread to a file fail.
pub fn arm(path: &Path, fault: Fault, at: u64, lasting: bool) {
    let meta = std::fs::metadata(path).unwrap();
    PLAN.set(Some(Plan { device: meta.dev(), file: meta.ino(), fault, at, lasting, seen: 0 }));
}

/// Makes all calls work again. Returns whether one has failed.
pub fn disarm() -> bool {
    PLAN.take().is_some_and(|plan| plan.seen >= plan.at)
}

fn is_short(fault: Option<Fault>) -> bool {
    matches!(fault, Some(Fault::Short | Fault::Quota))
}

/// Returns the fault of a call on a descriptor.
fn next(fd: c_int) -> Option<Fault> {
    let mut plan = plan_for(fd)?;
    plan.seen += 1;
    PLAN.set(Some(plan));
    (plan.seen == plan.at || plan.lasting && plan.seen > plan.at).then_some(plan.fault)
}

/// The plan, if it is one for the file of this descriptor.
fn plan_for(fd: c_int) -> Option<Plan> {
    let plan = PLAN.get()?;
    // SAFETY: `stat` is plain numbers, and a valid place for the result.
    let stat = unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        if libc::fstat(fd, &raw mut stat) != 0 {
            return None;
        }
        stat
    };
    ((stat.st_dev, stat.st_ino) == (plan.device, plan.file)).then_some(plan)
}

fn fail(errno: c_int) {
    // SAFETY: the address of the thread's own errno.
    unsafe { *libc::__errno_location() = errno }
}

unsafe fn write_at(fd: c_int, data: *const c_void, size: usize, at: i64) -> isize {
    let fault = next(fd);
    if let Some(Fault::Error(errno)) = fault {
        fail(errno);
        return -1;
    }
    let size = if is_short(fault) { size / 2 } else { size };
    // SAFETY: the caller's own arguments, or a part of its data.
    let written = unsafe { libc::syscall(libc::SYS_pwrite64, fd, data, size, at) };
    if fault == Some(Fault::Late) {
        fail(libc::EIO);
        return -1;
    }
    isize::try_from(written).unwrap()
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(fd: c_int, data: *const c_void, size: usize, at: i64) -> isize {
    // SAFETY: passed on.
    unsafe { write_at(fd, data, size, at) }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(fd: c_int, data: *const c_void, size: usize, at: i64) -> isize {
    // SAFETY: passed on.
    unsafe { write_at(fd, data, size, at) }
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> isize {
    let fault = next(fd);
    if let Some(Fault::Error(errno)) = fault {
        fail(errno);
        return -1;
    }
    // A short write leaves out the last part: LMDB calls this with at least two.
    let count = if is_short(fault) { count - 1 } else { count };
    // SAFETY: the caller's own arguments.
    let written = unsafe { libc::syscall(libc::SYS_writev, fd, parts, count) };
    if fault == Some(Fault::Late) {
        fail(libc::EIO);
        return -1;
    }
    isize::try_from(written).unwrap()
}

#[unsafe(no_mangle)]
pub extern "C" fn fallocate(fd: c_int, mode: c_int, at: i64, size: i64) -> c_int {
    if plan_for(fd).is_some_and(|plan| plan.fault == Fault::Quota) {
        fail(libc::EDQUOT);
        return -1;
    }
    // SAFETY: no memory is passed.
    let rc = unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, at, size) };
    c_int::try_from(rc).unwrap()
}

fn sync(fd: c_int, number: libc::c_long) -> c_int {
    let fault = next(fd);
    if let Some(Fault::Error(errno)) = fault {
        fail(errno);
        return -1;
    }
    // SAFETY: no memory is passed.
    let rc = unsafe { libc::syscall(number, fd) };
    if fault.is_some() {
        fail(libc::EIO);
        return -1;
    }
    c_int::try_from(rc).unwrap()
}

#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}
