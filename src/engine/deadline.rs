//! Limits waits.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The end of a wait. Most calls do not wait, so the clock is read only when a wait begins.
pub(crate) struct Deadline {
    patience: Option<Duration>,
    moment: Cell<Option<Instant>>,
}

impl Deadline {
    /// Returns the end of a wait that takes at most `patience`; `None` waits forever.
    pub(crate) fn after(patience: Option<Duration>) -> Deadline {
        Deadline { patience, moment: Cell::new(None) }
    }

    /// Returns the end of a wait that ends at once.
    pub(crate) fn now() -> Deadline {
        Self::after(Some(Duration::ZERO))
    }

    /// Returns the moment at which the wait ends, or `None` if it does not end by itself. The first call begins the wait.
    pub(crate) fn moment(&self) -> Option<Instant> {
        if self.moment.get().is_none() {
            // A wait that overflows the clock has no end.
            self.moment.set(self.patience.and_then(|patience| Instant::now().checked_add(patience)));
        }
        self.moment.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_begins_when_its_end_is_first_asked_for() {
        let deadline = Deadline::after(Some(Duration::from_secs(9)));
        let begun = Instant::now();
        let moment = deadline.moment();
        assert!(moment >= Some(begun + Duration::from_secs(9)));
        assert_eq!(deadline.moment(), moment);
    }

    #[test]
    fn a_wait_without_an_end_has_no_moment() {
        assert_eq!(Deadline::after(None).moment(), None);
        assert_eq!(Deadline::after(Some(Duration::MAX)).moment(), None);
    }
}
