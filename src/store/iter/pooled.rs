//! Keeps the memory of a thread's last iterator for its next one: to allocate it again takes as long as to read some
//! ten records.

use std::cell::Cell;
use std::mem;
use std::ops::{Deref, DerefMut};

use crate::engine::Columns;

/// The memory that a thread keeps at most, in bytes.
const MOST: usize = 64 << 10;

thread_local! {
    static SPARE: Cell<Option<Columns>> = const { Cell::new(None) };
}

/// Columns whose memory the thread that drops them keeps.
pub(super) struct PooledColumns(Columns);

impl PooledColumns {
    /// Returns columns without records, with the memory that the thread keeps, if any.
    pub(super) fn new() -> PooledColumns {
        let Some(mut spare) = SPARE.try_with(Cell::take).ok().flatten() else {
            return PooledColumns(Columns::without_memory());
        };
        spare.clear();
        PooledColumns(spare)
    }

    pub(super) fn into_inner(mut self) -> Columns {
        mem::replace(&mut self.0, Columns::without_memory())
    }
}

impl From<Columns> for PooledColumns {
    fn from(columns: Columns) -> PooledColumns {
        PooledColumns(columns)
    }
}

impl Deref for PooledColumns {
    type Target = Columns;

    #[inline]
    fn deref(&self) -> &Columns {
        &self.0
    }
}

impl DerefMut for PooledColumns {
    #[inline]
    fn deref_mut(&mut self) -> &mut Columns {
        &mut self.0
    }
}

impl Drop for PooledColumns {
    fn drop(&mut self) {
        let memory = self.0.memory();
        if memory > 0 && memory <= MOST {
            let columns = mem::replace(&mut self.0, Columns::without_memory());
            // While the thread ends, the columns are released here.
            drop(SPARE.try_with(|spare| spare.replace(Some(columns))));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(value: &[u8]) -> PooledColumns {
        let mut columns = PooledColumns::new();
        assert_eq!(columns.len(), 0);
        columns.clear();
        columns.push(b"key", value).unwrap();
        columns
    }

    #[test]
    fn a_thread_keeps_the_memory_of_what_it_dropped_last() {
        let first = filled(b"value");
        let at = first.keys.as_ptr();
        drop(first);
        let second = filled(b"another");
        assert_eq!(second.keys.as_ptr(), at);
        assert_eq!(second.record(0), (&b"key"[..], &b"another"[..]));
        // It is in use, so another one gets memory of its own.
        assert_ne!(filled(b"third").keys.as_ptr(), at);
    }

    #[test]
    fn much_memory_is_not_kept() {
        drop(filled(&vec![0; MOST]));
        assert_eq!(PooledColumns::new().memory(), 0);
    }
}
