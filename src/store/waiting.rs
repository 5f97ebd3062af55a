//! Waits until an environment has a newer commit.
//!
//! Writers wake the waiting threads. These also look for commits by themselves every [`LONGEST_SLEEP`]: the writer may be
//! another program, or may have died before it announced its commit.

use std::time::{Duration, Instant};

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::{Engine, Seat};
use crate::error::{Error, Result, Status};

/// How long a thread sleeps at most before it looks for a commit that was not announced.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Waits until the environment has a commit newer than `known`, and returns the newest. Returns the newest with `false`
/// on a timeout. `check_open` fails if the caller's opening was closed. The thread must not be in a transaction.
pub(crate) fn wait_for_commit(
    engine: &Engine,
    seat: &Seat,
    known: u64,
    timeout: Option<Duration>,
    check_open: impl Fn() -> Result<()>,
) -> Result<(u64, bool)> {
    let deadline = Deadline::after(timeout);
    let interrupt = Interrupt::of_thread();
    loop {
        engine.listen()?;
        let notice = engine.notice();
        let heard = notice.listen();
        check_open()?;
        let newest = seat.newest_commit()?;
        if newest > known {
            return Ok((newest, true));
        }
        let (now, end) = (Instant::now(), deadline.moment());
        if end.is_some_and(|end| end <= now) {
            return Ok((newest, false));
        }
        let until = interrupt.next(end).map_or(LONGEST_SLEEP, |until| until.saturating_duration_since(now));
        notice.sleep(heard, until.min(LONGEST_SLEEP));
        if interrupt.is_asked_to_end() {
            return Err(Error::new(Status::Interrupted, "the caller interrupted the wait for a commit"));
        }
    }
}
