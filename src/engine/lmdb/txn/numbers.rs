//! Counts the numbers of named databases, and records which of them a transaction has used.
//!
//! LMDB looks a name up when a transaction first uses its number, and afterwards uses only the number. If the number
//! were closed and given to another name, the transaction would read that name's records, without an error.

use crate::engine::Settings;
use crate::engine::lmdb::sys::Dbi;
use crate::memory::NoMemory;

/// The number of databases that stay open at first. Each read and write takes a nanosecond longer for every number that
/// was ever in use.
pub(crate) const FEWEST: u32 = 16;

/// The number of names that are opened before a snapshot or a write transaction begins, of those that are read by numbers.
pub(crate) const OPENED_AHEAD: u32 = 64;

/// The number of databases that stay open at most. A write transaction may open more, up to `max_collections`.
pub(crate) const MOST: u32 = 128;

/// The number of additional databases that may be open after commits that have created collections, so that calls are
/// not stopped for each.
pub(crate) const SLACK: u32 = 16;

/// Returns the number of databases for which LMDB reserves space: those of one transaction, those that are open, and
/// the catalog.
pub(crate) fn most_numbers(settings: &Settings) -> u32 {
    settings.max_collections.saturating_add(MOST + SLACK + 1)
}

const BITS: usize = u64::BITS as usize;

/// The number of words stored inline: most transactions use no number beyond these.
const FIRST: usize = 2;

/// A set of numbers.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    first: [u64; FIRST],
    more: Vec<u64>,
    /// The number of members, without those of the library's own spaces.
    counted: u32,
}

impl Numbers {
    fn place(number: Dbi) -> (usize, u64) {
        (number as usize / BITS, 1 << (number as usize % BITS))
    }

    fn word(&mut self, word: usize) -> Option<&mut u64> {
        if word < FIRST { self.first.get_mut(word) } else { self.more.get_mut(word - FIRST) }
    }

    #[inline]
    pub(crate) fn has(&self, number: Dbi) -> bool {
        let (word, bit) = Self::place(number);
        let word = if word < FIRST { self.first.get(word) } else { self.more.get(word - FIRST) };
        word.is_some_and(|word| word & bit != 0)
    }

    /// Reserves space for more words.
    #[cold]
    fn make_room(&mut self, words: usize) -> Result<(), NoMemory> {
        let missing = words.saturating_sub(self.more.len());
        self.more.try_reserve(missing).map_err(|_| NoMemory { bytes: missing * size_of::<u64>() })?;
        self.more.resize(self.more.len() + missing, 0);
        Ok(())
    }

    /// Adds a number. `counts` is true if the number belongs to a collection.
    #[inline]
    pub(crate) fn add(&mut self, number: Dbi, counts: bool) -> Result<(), NoMemory> {
        let (word, bit) = Self::place(number);
        if word >= FIRST {
            self.make_room(word + 1 - FIRST)?;
        }
        if let Some(word) = self.word(word) {
            let is_new = *word & bit == 0;
            *word |= bit;
            self.counted += u32::from(is_new && counts);
        }
        Ok(())
    }

    /// Removes a number, which was added with the same `counts`.
    pub(crate) fn remove(&mut self, number: Dbi, counts: bool) {
        let (word, bit) = Self::place(number);
        if let Some(word) = self.word(word) {
            let was_there = *word & bit != 0;
            *word &= !bit;
            self.counted -= u32::from(was_there && counts);
        }
    }

    /// Adds all numbers of another set. They are not counted.
    pub(crate) fn add_all(&mut self, other: &Numbers) -> Result<(), NoMemory> {
        self.make_room(other.more.len())?;
        self.first.iter_mut().zip(&other.first).for_each(|(word, more)| *word |= more);
        self.more.iter_mut().zip(&other.more).for_each(|(word, more)| *word |= more);
        Ok(())
    }

    /// Returns the number of members that count.
    pub(crate) fn count(&self) -> u32 {
        self.counted
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_are_kept_within_the_transaction_and_beyond() {
        let mut numbers = Numbers::default();
        let some = [0, 1, 63, 64, 255, 256, 1000];
        for number in some {
            assert!(!numbers.has(number));
            numbers.add(number, number != 1000).unwrap();
            numbers.add(number, number != 1000).unwrap();
        }
        let listed: Vec<_> = (0..2000).filter(|number| numbers.has(*number)).collect();
        assert_eq!((listed, numbers.count()), (some.to_vec(), 6));
        for number in [256, 64, 64, 100_000] {
            numbers.remove(number, true);
        }
        assert!(!numbers.has(256) && !numbers.has(64) && numbers.has(63) && numbers.has(1000));
        assert_eq!(numbers.count(), 4);
    }

    #[test]
    fn sets_of_any_sizes_are_added() {
        for (a, b) in [([1, 2], [3, 700]), ([3, 700], [1, 2]), ([900, 256], [320, 1]), ([5, 6], [5, 7])] {
            let [mut one, mut other] = [Numbers::default(), Numbers::default()];
            for (set, numbers) in [(&mut one, a), (&mut other, b)] {
                for number in numbers {
                    set.add(number, true).unwrap();
                }
            }
            one.add_all(&other).unwrap();
            let mut expected = [a, b].concat();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!((0..2000).filter(|number| one.has(*number)).collect::<Vec<_>>(), expected);
        }
    }
}
