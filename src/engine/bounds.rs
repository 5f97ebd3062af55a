//! Computes the begin and the end of a scan.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::engine::{Range, ScanStart};

/// Returns the bounds of a range, from a position in its direction on.
pub(crate) fn bounds<'r>(range: &'r Range, from: ScanStart<'r>) -> (Bound<&'r [u8]>, Bound<&'r [u8]>) {
    let lower = range.lower.as_ref().map(Vec::as_slice);
    let upper = range.upper.as_ref().map(Vec::as_slice);
    let start = match from {
        ScanStart::Range => return (lower, upper),
        ScanStart::At(key) => Bound::Included(key),
        ScanStart::Beyond(key) | ScanStart::After(key, _) => Bound::Excluded(key),
    };
    let key_of = |bound: Bound<&'r [u8]>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    };
    let own = if range.reverse { upper } else { lower };
    // Uses the tighter one of the two.
    let start = match (key_of(start), key_of(own)) {
        (Some(key), Some(bound)) => {
            let order = if range.reverse { bound.cmp(key) } else { key.cmp(bound) };
            match order {
                Ordering::Less => own,
                Ordering::Equal if matches!(own, Bound::Excluded(_)) => own,
                Ordering::Greater | Ordering::Equal => start,
            }
        }
        _ => start,
    };
    if range.reverse { (lower, start) } else { (start, upper) }
}
