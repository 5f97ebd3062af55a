//! The order in which a batch's keys are visited: that of the tree, so that neighbours are visited one after the other.

use crate::engine::Column;
use crate::memory;

/// Fewer keys are visited as they come.
const FEW: usize = 4;

/// An order of a batch's items.
pub(crate) enum Order {
    AsGiven {
        count: usize,
        ascending: bool,
    },
    /// By the bytes of the keys; equal keys in the order in which they were given.
    Sorted(Vec<Entry>),
}

/// An item by the beginning of its key, which tells most keys apart, and its place in the batch.
pub(crate) struct Entry {
    beginning: u64,
    index: usize,
}

impl Order {
    /// Sorts keys, unless they are sorted, or so few that it is not worth it. Without memory for it, the order stays.
    pub(crate) fn of(keys: &Column<'_>) -> Order {
        let as_given = |ascending| Order::AsGiven { count: keys.len(), ascending };
        if is_ascending(keys) {
            return as_given(true);
        }
        let entries = if keys.len() < FEW { None } else { memory::room_for(keys.len()).ok() };
        let Some(mut entries) = entries else { return as_given(false) };
        entries
            .extend(keys.iter().enumerate().map(|(index, key)| Entry { beginning: beginning(key), index }));
        entries.sort_unstable_by(|a: &Entry, b: &Entry| {
            a.beginning
                .cmp(&b.beginning)
                .then_with(|| keys.item(a.index).cmp(keys.item(b.index)))
                .then(a.index.cmp(&b.index))
        });
        Order::Sorted(entries)
    }

    /// The order of a batch whose keys LMDB alone can compare.
    pub(crate) fn as_given(keys: &Column<'_>) -> Order {
        Order::AsGiven { count: keys.len(), ascending: false }
    }

    /// Whether it is known that no key is visited after a greater one.
    pub(crate) fn is_ascending(&self) -> bool {
        !matches!(self, Order::AsGiven { ascending: false, .. })
    }

    /// The places in the batch, in this order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let count = match self {
            Order::AsGiven { count, .. } => *count,
            Order::Sorted(entries) => entries.len(),
        };
        (0..count).map(|at| match self {
            Order::AsGiven { .. } => at,
            Order::Sorted(entries) => entries[at].index,
        })
    }
}

fn is_ascending(keys: &Column<'_>) -> bool {
    (1..keys.len()).all(|index| keys.item(index - 1) <= keys.item(index))
}

/// The first eight bytes as a number that compares as they do; what is missing counts as zeros.
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
        look(Order::of(&Column::variable(&bytes, &offsets).unwrap()))
    }

    #[test]
    fn keys_are_visited_in_the_order_of_their_bytes() {
        assert_eq!(order(&[b"b", b"a", b"aa", b"\xff", b"a\0"]), [1, 4, 2, 0, 3]);
        // What tells them apart stands behind the eighth byte.
        assert_eq!(order(&[b"12345678b", b"12345678", b"12345678a", b"1234567"]), [3, 1, 2, 0]);
        // Zeros at the end are bytes, too.
        assert_eq!(order(&[b"a\0\0", b"a", b"a\0", b"\0"]), [3, 1, 2, 0]);
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
