//! Memory that runs out: replaces the allocator, for one thread.
//!
//! The library and LMDB are linked into the test's executable, so these definitions are the ones that they call.
#![allow(missing_docs)]

use std::cell::Cell;
use std::ffi::{c_int, c_void};

/// The conditions under which an allocation fails.
#[derive(Clone, Copy, Debug)]
pub enum Shortage {
    /// One allocation of more than `above` bytes fails, counted from 1.
    One { above: usize, at: u64 },
    /// The thread can allocate at most `room` more bytes at a time; allocations up to `above` bytes always succeed.
    Room { above: usize, room: usize },
}

#[derive(Clone, Copy)]
struct Plan {
    shortage: Shortage,
    seen: u64,
    failed: bool,
    taken: usize,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(old: *mut c_void, size: usize) -> *mut c_void;
    fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void;
    fn __libc_free(old: *mut c_void);
}

/// Makes memory short for the calling thread.
pub fn arm(shortage: Shortage) {
    PLAN.set(Some(Plan { shortage, seen: 0, failed: false, taken: 0 }));
}

/// Ends the shortage. Returns whether an allocation has failed.
pub fn disarm() -> bool {
    PLAN.take().is_some_and(|plan| plan.failed)
}

/// Whether an allocation, in place of `old`, must fail.
fn fails(size: usize, old: *mut c_void) -> bool {
    let Some(mut plan) = PLAN.get() else { return false };
    let fails = match plan.shortage {
        Shortage::One { above, at } => {
            plan.seen += u64::from(size > above);
            size > above && plan.seen == at
        }
        Shortage::Room { above, room } => {
            size > above && plan.taken.saturating_sub(usable(old)).saturating_add(size) > room
        }
    };
    plan.failed |= fails;
    PLAN.set(Some(plan));
    if fails {
        // SAFETY: the address of the thread's own errno.
        unsafe { *libc::__errno_location() = libc::ENOMEM }
    }
    fails
}

fn usable(block: *mut c_void) -> usize {
    // SAFETY: NULL, or a live block of the allocator.
    unsafe { libc::malloc_usable_size(block) }
}

/// Counts the result of an allocation.
fn counted(block: *mut c_void) -> *mut c_void {
    if let Some(mut plan) = PLAN.get() {
        plan.taken += usable(block);
        PLAN.set(Some(plan));
    }
    block
}

fn give_back(size: usize) {
    if let Some(mut plan) = PLAN.get() {
        plan.taken = plan.taken.saturating_sub(size);
        PLAN.set(Some(plan));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    if fails(size, std::ptr::null_mut()) {
        return std::ptr::null_mut();
    }
    // SAFETY: passed on.
    counted(unsafe { __libc_malloc(size) })
}

#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    if fails(count.saturating_mul(size), std::ptr::null_mut()) {
        return std::ptr::null_mut();
    }
    // SAFETY: passed on.
    counted(unsafe { __libc_calloc(count, size) })
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(old: *mut c_void, size: usize) -> *mut c_void {
    if fails(size, old) {
        return std::ptr::null_mut();
    }
    give_back(usable(old));
    // SAFETY: passed on.
    counted(unsafe { __libc_realloc(old, size) })
}

#[unsafe(no_mangle)]
pub extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    if fails(size, std::ptr::null_mut()) {
        return std::ptr::null_mut();
    }
    // SAFETY: passed on.
    counted(unsafe { __libc_memalign(alignment, size) })
}

#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    memalign(alignment, size)
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    let block = memalign(alignment, size);
    if block.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: a place for the result, by the caller's contract.
    unsafe { *out = block };
    0
}

/// # Safety
/// As the system's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(old: *mut c_void) {
    give_back(usable(old));
    // SAFETY: passed on.
    unsafe { __libc_free(old) }
}
