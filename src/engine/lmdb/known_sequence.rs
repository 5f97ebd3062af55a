//! Remembers the catalog's sequence number in the newest commit of this process.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// A commit and its sequence number, read without a lock. Only the thread that has the process's turn to write sets it.
#[derive(Default)]
pub(crate) struct KnownSequence {
    /// 0 if none is known, and while the number is being replaced.
    commit: AtomicU64,
    sequence: AtomicU64,
}

impl KnownSequence {
    /// Returns the sequence number in a commit, or `None` if another commit is remembered.
    #[inline]
    pub(crate) fn at(&self, commit: u64) -> Option<u64> {
        if commit == 0 || self.commit.load(Ordering::Acquire) != commit {
            return None;
        }
        let sequence = self.sequence.load(Ordering::Relaxed);
        // A commit that is still the same was not replaced meanwhile: commits only rise.
        fence(Ordering::Acquire);
        (self.commit.load(Ordering::Relaxed) == commit).then_some(sequence)
    }

    #[inline]
    pub(crate) fn set(&self, commit: u64, sequence: u64) {
        self.commit.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        self.sequence.store(sequence, Ordering::Relaxed);
        self.commit.store(commit, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_commit_is_known() {
        let known = KnownSequence::default();
        assert_eq!((known.at(0), known.at(1)), (None, None));
        known.set(1, 7);
        assert_eq!((known.at(1), known.at(2)), (Some(7), None));
        known.set(2, 8);
        assert_eq!((known.at(1), known.at(2)), (None, Some(8)));
    }

    #[test]
    fn a_reader_never_gets_the_number_of_another_commit() {
        const LAST: u64 = 200_000;
        let known = KnownSequence::default();
        std::thread::scope(|scope| {
            scope.spawn(|| (1..=LAST).for_each(|commit| known.set(commit, commit * 3)));
            let (mut commit, mut found) = (1, 0);
            while commit < LAST {
                commit = known.commit.load(Ordering::Acquire).max(commit);
                if let Some(sequence) = known.at(commit) {
                    assert_eq!(sequence, commit * 3);
                    found += 1;
                }
            }
            assert!(found > 0);
        });
    }
}
