//! Lets threads sleep on a word of memory until another thread wakes them.
//!
//! Source: `futex(2)`.

use std::io;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Who can use a word.
#[derive(Clone, Copy)]
pub(crate) enum Users {
    /// The threads of this process. The kernel finds them by the address of the word.
    Process,
    /// Those of all processes that have mapped the word's file. The kernel finds them by the place in the file.
    Processes,
}

impl Users {
    fn flag(self) -> libc::c_int {
        match self {
            Users::Process => libc::FUTEX_PRIVATE_FLAG,
            Users::Processes => 0,
        }
    }
}

/// Sleeps until another thread wakes this one, unless the word differs from `expected`. Returns `false` on a timeout.
/// May return early for no reason.
#[cold]
pub(crate) fn sleep(word: &AtomicU32, expected: u32, time: Option<Duration>, users: Users) -> bool {
    let time = time.map(|time| libc::timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let how = libc::FUTEX_WAIT | users.flag();
    // SAFETY: the word and, if given, the timeout are readable until the call returns; the call keeps neither. If the
    // word's file has been truncated meanwhile, the call fails.
    let rc = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), how, expected, time) };
    rc == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ETIMEDOUT)
}

/// Wakes at most `threads` of the threads that sleep on a word.
#[cold]
pub(crate) fn wake(word: &AtomicU32, threads: i32, users: Users) {
    let how = libc::FUTEX_WAKE | users.flag();
    // SAFETY: the kernel does not read the word. If its memory has been freed and reused for another word, the threads
    // that sleep on that word wake without a reason, which they expect.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), how, threads) };
}
