//! Implements an ordered map with versions. A version is the number of a commit, and a value or `None` if the key was
//! removed.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Bound;

/// The versions of an entry, oldest first.
type History<V> = Vec<(u64, Option<V>)>;

/// One version of an entry: its value, or `None` if the key was removed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version<V>(Option<V>);

/// An ordered map with versions.
#[derive(Debug)]
pub(super) struct Versions<K, V>(BTreeMap<K, History<V>>);

impl<K, V> Default for Versions<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

fn seen<V>(history: &History<V>, at: u64) -> Option<&V> {
    history.iter().rev().find(|(commit, _)| *commit <= at).and_then(|(_, value)| value.as_ref())
}

impl<K: Ord, V> Versions<K, V> {
    /// Returns the value of a key as of a commit, or `None` if the key was absent.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q, at: u64) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key).and_then(|history| seen(history, at))
    }

    /// Returns the entries of a range as of a commit.
    pub(super) fn range<Q: Ord + ?Sized>(
        &self,
        lower: Bound<&Q>,
        upper: Bound<&Q>,
        at: u64,
    ) -> impl DoubleEndedIterator<Item = (&K, &V)>
    where
        K: Borrow<Q>,
    {
        let is_empty = match (lower, upper) {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
            (
                Bound::Included(lower) | Bound::Excluded(lower),
                Bound::Included(upper) | Bound::Excluded(upper),
            ) => lower >= upper,
        };
        // The map itself rejects bounds that cross each other.
        let range = (!is_empty).then(|| self.0.range::<Q, _>((lower, upper)));
        range
            .into_iter()
            .flatten()
            .filter_map(move |(key, history)| seen(history, at).map(|value| (key, value)))
    }

    /// Returns all entries as of a commit.
    pub(super) fn all(&self, at: u64) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().filter_map(move |(key, history)| seen(history, at).map(|value| (key, value)))
    }

    /// Sets or removes the value of a key in the next commit. Returns the version of that commit that it replaced, if
    /// any.
    pub(super) fn set(&mut self, key: K, value: Option<V>, commit: u64) -> Option<Version<V>> {
        let history = self.0.entry(key).or_default();
        if let Some((last, previous)) = history.last_mut()
            && *last == commit
        {
            return Some(Version(std::mem::replace(previous, value)));
        }
        history.push((commit, value));
        None
    }

    /// Undoes a `set` for the next commit; `previous` is the version that `set` returned.
    pub(super) fn unset<Q: Ord + ?Sized>(&mut self, key: &Q, previous: Option<Version<V>>)
    where
        K: Borrow<Q>,
    {
        let Some(history) = self.0.get_mut(key) else { return };
        match (previous, history.last_mut()) {
            (Some(Version(previous)), Some((_, value))) => *value = previous,
            _ => drop(history.pop()),
        }
        if history.is_empty() {
            self.0.remove(key);
        }
    }

    /// Drops the versions of a key that no snapshot sees; `oldest` is the oldest commit that a snapshot sees.
    pub(super) fn prune<Q: Ord + ?Sized>(&mut self, key: &Q, oldest: u64)
    where
        K: Borrow<Q>,
    {
        let Some(history) = self.0.get_mut(key) else { return };
        let first = history.iter().rposition(|(commit, _)| *commit <= oldest).unwrap_or(0);
        history.drain(..first);
        if let [(commit, None)] = history[..]
            && commit <= oldest
        {
            self.0.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_sees_its_own_versions() {
        let mut versions = Versions::default();
        assert_eq!(versions.set(1, Some('a'), 1), None);
        assert_eq!(versions.set(1, Some('b'), 2), None);
        assert_eq!(versions.set(2, Some('x'), 2), None);
        assert_eq!(versions.set(1, None, 3), None);
        let seen = |at| versions.all(at).map(|(key, value)| (*key, *value)).collect::<Vec<_>>();
        assert_eq!([seen(0), seen(1)], [vec![], vec![(1, 'a')]]);
        assert_eq!([seen(2), seen(3)], [vec![(1, 'b'), (2, 'x')], vec![(2, 'x')]]);
        assert_eq!(versions.range(Bound::Excluded(&1), Bound::Excluded(&1), 2).count(), 0);
        assert_eq!(versions.range(Bound::Included(&1), Bound::Included(&1), 2).count(), 1);
    }

    #[test]
    fn the_changes_of_an_open_transaction_are_undone_step_by_step() {
        let mut versions = Versions::default();
        versions.set(1, Some('a'), 1);
        let first = versions.set(1, Some('b'), 2);
        let second = versions.set(1, None, 2);
        assert_eq!((&first, &second), (&None, &Some(Version(Some('b')))));
        assert_eq!(versions.get(&1, 2), None);
        versions.unset(&1, second);
        assert_eq!(versions.get(&1, 2), Some(&'b'));
        versions.unset(&1, first);
        assert_eq!(versions.get(&1, 2), Some(&'a'));
    }

    #[test]
    fn versions_that_no_snapshot_sees_are_dropped() {
        let mut versions = Versions::default();
        for (commit, value) in [(1, Some('a')), (2, Some('b')), (4, None)] {
            versions.set(1, value, commit);
        }
        versions.prune(&1, 3);
        assert_eq!((versions.get(&1, 1), versions.get(&1, 3)), (None, Some(&'b')));
        versions.prune(&1, 4);
        assert!(versions.0.is_empty());
    }
}
