//! Sorts the keys of a batch into the order of the tree, so that neighbours are visited one after the other.

use crate::engine::Column;
use crate::memory;

/// Batches with fewer keys are visited in the given order.
const FEW: usize = 4;

/// A batch with at most one key per this many pages of a tree is sparse: its neighbours share no page.
const SPARSE: u64 = 4;

/// The lower bound of the number of records in a page, in most collections.
pub(crate) const PAGE_HAS: u64 = 16;

/// The order in which a batch's items are visited.
pub(crate) enum Order {
    AsGiven {
        count: usize,
        ascending: bool,
    },
    /// By the bytes of the keys; equal keys stay in the given order.
    Sorted(Vec<Entry>),
}

/// An item: eight bytes of its key that distinguish most keys, then its index in the batch. Numbers are sorted without
/// branches, which would often be mispredicted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry(u128);

impl Entry {
    fn new(bytes: u64, index: usize) -> Entry {
        Entry(u128::from(bytes) << 64 | index as u128)
    }

    fn bytes(self) -> u64 {
        (self.0 >> 64) as u64
    }

    #[allow(clippy::cast_possible_truncation)] // the lower half is a `usize`
    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Order {
    /// Sorts keys for visits among so many records, unless they are already sorted, or too few to be worth it. If
    /// memory runs out, the keys stay in the given order.
    pub(crate) fn of(keys: &Column<'_>, records: u64) -> Order {
        let as_given = |ascending| Order::AsGiven { count: keys.len(), ascending };
        if is_ascending(keys) {
            return as_given(true);
        }
        let is_sparse = records / PAGE_HAS / SPARSE > keys.len() as u64;
        let entries = if keys.len() < FEW || is_sparse { None } else { memory::room_for(keys.len()).ok() };
        let Some(mut entries) = entries else { return as_given(false) };
        let common = common_length(keys);
        entries
            .extend(keys.iter().enumerate().map(|(index, key)| Entry::new(beginning(&key[common..]), index)));
        entries.sort_unstable();
        // Sorts the keys that those bytes do not distinguish.
        for run in entries.chunk_by_mut(|a, b| a.bytes() == b.bytes()) {
            if run.len() > 1 {
                run.sort_unstable_by(|a, b| {
                    keys.item(a.index()).cmp(keys.item(b.index())).then(a.index().cmp(&b.index()))
                });
            }
        }
        Order::Sorted(entries)
    }

    /// Returns the given order, for a batch whose keys only LMDB can compare.
    pub(crate) fn as_given(keys: &Column<'_>) -> Order {
        Order::AsGiven { count: keys.len(), ascending: false }
    }

    /// Returns true if the keys are known to be visited in ascending order.
    pub(crate) fn is_ascending(&self) -> bool {
        !matches!(self, Order::AsGiven { ascending: false, .. })
    }

    /// Returns the indexes in the batch, in this order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let count = match self {
            Order::AsGiven { count, .. } => *count,
            Order::Sorted(entries) => entries.len(),
        };
        (0..count).map(move |at| match self {
            Order::AsGiven { .. } => at,
            Order::Sorted(entries) => entries[at].index(),
        })
    }
}

fn is_ascending(keys: &Column<'_>) -> bool {
    (1..keys.len()).all(|index| keys.item(index - 1) <= keys.item(index))
}

/// Returns the length of the common prefix of all keys.
fn common_length(keys: &Column<'_>) -> usize {
    let first = keys.item(0);
    keys.iter().fold(first.len(), |common, key| {
        if key.get(..common) == Some(&first[..common]) {
            return common;
        }
        first.iter().zip(key).take(common).take_while(|(a, b)| a == b).count()
    })
}

/// Returns the first eight bytes as a number that compares like them; missing bytes count as zeros.
fn beginning(key: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = key.len().min(8);
    bytes[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn order(keys: &[&[u8]]) -> Vec<usize> {
        order_of(keys, |order| order.iter().collect())
    }

    fn order_of<R>(keys: &[&[u8]], look: impl FnOnce(Order) -> R) -> R {
        let bytes = keys.concat();
        let mut offsets = vec![0];
        offsets.extend(keys.iter().scan(0, |end, key| {
            *end += key.len() as u64;
            Some(*end)
        }));
        look(Order::of(&Column::variable(&bytes, &offsets).unwrap(), 0))
    }

    #[test]
    fn keys_are_visited_in_the_order_of_their_bytes() {
        assert_eq!(order(&[b"b", b"a", b"aa", b"\xff", b"a\0"]), [1, 4, 2, 0, 3]);
        // What tells them apart stands behind the eighth byte.
        assert_eq!(order(&[b"12345678b", b"12345678", b"12345678a", b"1234567"]), [3, 1, 2, 0]);
        assert_eq!(order(&[b"same1", b"same", b"same0", b"same"]), [1, 3, 2, 0]);
        // Zeros at the end are bytes, too.
        assert_eq!(order(&[b"a\0\0", b"a", b"a\0", b"\0"]), [3, 1, 2, 0]);
    }

    #[test]
    fn keys_that_have_no_page_in_common_stay_as_they_are() {
        let keys = Column::fixed(b"dcba", 1, 4).unwrap();
        let order = |records| Order::of(&keys, records).iter().collect::<Vec<_>>();
        let most = 5 * PAGE_HAS * SPARSE - 1;
        assert_eq!((order(most), order(most + 1)), (vec![3, 2, 1, 0], vec![0, 1, 2, 3]));
    }

    /// Of equal keys the last one counts, as if each had been stored by itself.
    #[test]
    fn equal_keys_keep_their_order() {
        assert_eq!(order(&[b"b", b"a", b"b", b"a", b"b"]), [1, 3, 0, 2, 4]);
    }

    #[test]
    fn keys_that_are_sorted_or_few_stay_as_they_are() {
        assert_eq!(order(&[b"a", b"b", b"b", b"c", b"d"]), [0, 1, 2, 3, 4]);
        assert_eq!(order(&[b"c", b"b", b"a"]), [0, 1, 2]);
        assert_eq!(order(&[]), [0; 0]);
        let ascends = |keys: &[&[u8]]| order_of(keys, |order| order.is_ascending());
        assert!(ascends(&[b"a", b"b", b"b"]) && ascends(&[]) && ascends(&[b"d", b"c", b"b", b"a"]));
        assert!(!ascends(&[b"c", b"b", b"a"]));
    }
}
