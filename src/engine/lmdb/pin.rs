//! Snapshots that have lent addresses in the map: it must not move until they end.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

static ENDED: Mutex<u64> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// Held by a snapshot that has lent addresses.
pub(super) struct Pin;

impl Drop for Pin {
    fn drop(&mut self) {
        *ENDED.lock() += 1;
        CHANGED.notify_all();
    }
}

/// How many pins of the process have ended.
pub(super) fn ended() -> u64 {
    *ENDED.lock()
}

/// Waits until a pin has ended since `seen`. `false`: none did by the deadline.
pub(super) fn wait_for_end(seen: u64, deadline: Option<Instant>) -> bool {
    let mut ended = ENDED.lock();
    while *ended == seen {
        match deadline {
            None => CHANGED.wait(&mut ended),
            Some(deadline) if CHANGED.wait_until(&mut ended, deadline).timed_out() => return *ended != seen,
            Some(_) => {}
        }
    }
    true
}
