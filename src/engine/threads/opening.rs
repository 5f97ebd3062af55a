//! Tracks one opening of an environment: open, closed or failed.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result, Status};
use crate::platform::fork;

/// The state of an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Open,
    Closed,
    /// The environment below can no longer be used.
    Failed,
}

/// One opening of an environment, from open to close.
pub(crate) struct Opening {
    pub(crate) id: u64,
    state: AtomicU8,
    /// The error of its calls.
    failure: OnceLock<Error>,
    process: u64,
}

impl Opening {
    pub(crate) fn new() -> Arc<Opening> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Opening {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            state: AtomicU8::new(0),
            failure: OnceLock::new(),
            process: fork::process(),
        })
    }

    /// Fails in a child of the process that opened it.
    #[inline]
    pub(crate) fn check_process(&self) -> Result<()> {
        if self.process == fork::process() { Ok(()) } else { Err(fork::forked()) }
    }

    /// Makes all later calls fail.
    pub(crate) fn close(&self) {
        self.state.store(State::Closed as u8, Ordering::SeqCst);
    }

    /// Makes all later calls fail with an error, unless the opening is closed.
    pub(crate) fn fail(&self, why: &Error) {
        self.failure.get_or_init(|| why.clone());
        let (open, failed) = (State::Open as u8, State::Failed as u8);
        // An opening that is not open keeps its state.
        let _ = self.state.compare_exchange(open, failed, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Returns the error of calls after a failure.
    pub(crate) fn failure(&self) -> Error {
        self.failure.get().cloned().unwrap_or_else(has_failed)
    }

    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Open,
            1 => State::Closed,
            _ => State::Failed,
        }
    }
}

/// Returns the error of every call on a failed environment.
#[cold]
pub(crate) fn has_failed() -> Error {
    Error::new(Status::EnvFailed, "the environment has met a failure; close it and open it again")
}
