//! Tracks snapshots that have lent addresses in the map: it must not move until they end.

use std::time::Instant;

use crate::engine::interrupt::Interrupt;
use crate::error::Result;
use crate::platform::fork::PerProcess;
use crate::platform::sync::{Condvar, Mutex};

/// The number of pins that have ended.
#[derive(Default)]
struct Pins {
    ended: Mutex<u64>,
    changed: Condvar,
}

static PINS: PerProcess<Pins> = PerProcess::new();

/// Held by a snapshot that has lent addresses.
pub(crate) struct Pin;

impl Drop for Pin {
    fn drop(&mut self) {
        let pins = PINS.get();
        *pins.ended.lock() += 1;
        pins.changed.notify_all();
    }
}

/// Returns the number of pins of the process that have ended.
pub(crate) fn ended() -> u64 {
    *PINS.get().ended.lock()
}

/// Waits until a pin has ended since `seen`. Returns `Ok(false)` on a timeout.
pub(crate) fn wait_for_end(seen: u64, deadline: Option<Instant>) -> Result<bool> {
    let pins = PINS.get();
    let interrupt = Interrupt::of_thread();
    let mut ended = pins.ended.lock();
    while *ended == seen {
        if !interrupt.wait(&pins.changed, &mut ended, deadline)? {
            return Ok(*ended != seen);
        }
    }
    Ok(true)
}
