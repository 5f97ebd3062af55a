//! Announces commits to the threads that wait for one.
//!
//! Writers and waiting threads share a [`Notice`], one word of memory. A writer pays one exchange of that word for a
//! commit, and a system call only if a thread waits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::platform::futex::{self, Users};

/// Set in the word while a thread may sleep.
const AWAITED: u32 = 1;

/// A word by which writers announce commits: the low bits of the last commit's number, and whether a thread waits.
///
/// It may lie in memory that processes share. Its content only decides when a thread wakes: any content is valid.
#[derive(Default)]
#[repr(transparent)]
pub(crate) struct Notice(AtomicU32);

/// The content of a notice when a thread began to listen.
#[derive(Clone, Copy)]
pub(crate) struct Heard(u32);

impl Notice {
    /// Announces a commit that other threads can see already.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the low bits differ from those of the commits before
    pub(crate) fn announce(&self, commit: u64) {
        if self.0.swap((commit << 1) as u32, Ordering::AcqRel) & AWAITED != 0 {
            futex::wake(&self.0, i32::MAX, Users::Processes);
        }
    }

    /// Wakes the waiting threads without a commit.
    pub(crate) fn wake(&self) {
        self.0.fetch_add(AWAITED << 1, Ordering::AcqRel);
        futex::wake(&self.0, i32::MAX, Users::Processes);
    }

    /// Begins to listen. The thread must then look at the newest commit before it sleeps: a later commit ends the sleep.
    pub(crate) fn listen(&self) -> Heard {
        Heard(self.0.fetch_or(AWAITED, Ordering::AcqRel) | AWAITED)
    }

    /// Sleeps until the next announcement, or for a time. May return early for no reason.
    pub(crate) fn sleep(&self, heard: Heard, time: Duration) {
        futex::sleep(&self.0, heard.0, Some(time), Users::Processes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_announcement_after_listening_ends_the_sleep() {
        let notice = Notice::default();
        let heard = notice.listen();
        notice.announce(7);
        let begun = Instant::now();
        notice.sleep(heard, LONG);
        let heard = notice.listen();
        notice.wake();
        notice.sleep(heard, LONG);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn a_second_listener_does_not_hide_an_announcement_from_the_first() {
        let notice = Notice::default();
        let first = notice.listen();
        notice.announce(8);
        let second = notice.listen();
        let begun = Instant::now();
        notice.sleep(first, LONG);
        assert!(begun.elapsed() < LONG);
        assert_ne!(first.0, second.0);
    }

    #[test]
    fn every_sleeping_thread_wakes() {
        let notice = &Notice::default();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let heard = notice.listen();
                scope.spawn(move || notice.sleep(heard, LONG));
            }
            notice.announce(1);
        });
        assert!(begun.elapsed() < LONG);
    }

    /// A process that is killed while it waits costs one system call, not one for each later commit.
    #[test]
    fn an_announcement_forgets_who_waited() {
        let notice = Notice::default();
        notice.listen();
        notice.announce(1);
        assert_eq!(notice.0.load(Ordering::Relaxed) & AWAITED, 0);
    }
}
