//! Implements set algebra on disk. The result goes to a third set, or replaces one of the two operands.
//!
//! The walk visits all sets once, side by side, in element order. It reads each set in batches, and writes only the
//! differences to the target, also in batches, behind all elements that are still to be read. So memory use does not
//! depend on the sizes of the sets, and the target may be one of the operands.
//!
//! Sets that are only read, outside of a transaction, are read from snapshots of the commit that the write is based on: a
//! write transaction reads more slowly.

mod stream;

use std::sync::Arc;

use stream::Stream;

use crate::engine::{Access, Column, SnapshotSeat, Wait};
use crate::error::{Error, Result, Status};
use crate::memory::{Short, TryGrow};
use crate::store::collection::Collection;
use crate::store::registry::Shared;
use crate::store::stack::TxnRef;

/// The number of changes to collect before writing them.
const LARGEST_CHANGE: usize = 4096;
const LARGEST_CHANGE_BYTES: usize = 256 << 10;

/// The elements of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Union,
    Intersection,
    Difference,
    SymmetricDifference,
}

impl Operation {
    /// Returns true if the result contains an element, given its presence in each set.
    fn keeps(self, in_a: bool, in_b: bool) -> bool {
        match self {
            Self::Union => in_a || in_b,
            Self::Intersection => in_a && in_b,
            Self::Difference => in_a && !in_b,
            Self::SymmetricDifference => in_a != in_b,
        }
    }

    /// Returns true if the result contains only elements of the first set.
    fn needs_first(self) -> bool {
        !self.keeps(false, true)
    }

    /// Returns true if the result contains only elements of the second set.
    fn needs_second(self) -> bool {
        !self.keeps(true, false)
    }
}

/// Replaces `into` by the result of an operation on `a` and `b`; `into` may be one of these. Runs atomically in the
/// thread's current transaction, or in its own transaction.
pub(crate) fn combine(operation: Operation, a: &Collection, b: &Collection, into: &Collection) -> Result<()> {
    check(&[a, b, into])?;
    let shared = into.shared();
    let is_own = TxnRef::innermost(shared)?.is_none();
    loop {
        let mut seats = [None, None];
        if is_own {
            for (seat, source) in seats.iter_mut().zip([a, b]) {
                *seat = snapshot_of_source(source, into)?;
            }
        }
        let txn = Begun::begin(shared, Access::Write)?;
        for seat in &mut seats {
            // Another thread or process may have committed in between.
            if let Some(snapshot) = &*seat
                && txn.commit_number()? != snapshot.read(|session| Ok(session.commit()))? + 1
            {
                *seat = None;
            }
        }
        let sources = [a, b].into_iter().filter(|source| !Arc::ptr_eq(source.shared(), shared));
        let outcome = snapshots(sources).and_then(|_open| merge(operation, [a, b], seats, into));
        match outcome.and_then(|()| txn.commit()) {
            // The transaction is undone. The map has grown; if it could not grow, the next begin reports it.
            Err(error) if is_own && error.status() == Status::MapFull => {}
            outcome => return outcome,
        }
    }
}

/// Returns true if every element of `a` is in `b`.
pub(crate) fn is_subset(a: &Collection, b: &Collection) -> Result<bool> {
    check(&[a, b])?;
    let _open = snapshots([a, b])?;
    let (mut a, mut b) = (Stream::new(a, None), Stream::new(b, None));
    while a.fill()? {
        b.seek(&a)?;
        if !b.is_at(&a) {
            return Ok(false);
        }
        a.pass();
    }
    Ok(true)
}

/// Returns true if the sets have no common element.
pub(crate) fn is_disjoint(a: &Collection, b: &Collection) -> Result<bool> {
    check(&[a, b])?;
    let _open = snapshots([a, b])?;
    let (mut a, mut b) = (Stream::new(a, None), Stream::new(b, None));
    while a.fill()? {
        b.seek(&a)?;
        if b.has_ended() {
            break;
        }
        if b.is_at(&a) {
            return Ok(false);
        }
        a.seek(&b)?;
    }
    Ok(true)
}

/// Refuses sets that cannot be walked side by side, and opens those that are not open yet: inside a transaction,
/// opening could be too late.
fn check(sets: &[&Collection]) -> Result<()> {
    let first = sets[0];
    for set in sets {
        if set.key_type() != first.key_type() {
            return Err(Error::new(
                Status::TypeMismatch,
                format!(
                    "the elements of {:?} are {}, those of {:?} are {}; they must be of one type",
                    first.name(),
                    Short(first.key_type()),
                    set.name(),
                    Short(set.key_type())
                ),
            ));
        }
        if set.is_raw() != first.is_raw() {
            let (raw, other) = if set.is_raw() { (set, &first) } else { (&first, set) };
            return Err(Error::new(
                Status::TypeMismatch,
                format!(
                    "{:?} is raw, so its elements are encoded differently from those of {:?}; copy them one by one",
                    raw.name(),
                    other.name()
                ),
            ));
        }
        if !set.is_bytewise() {
            return Err(Error::new(
                Status::Unsupported,
                format!(
                    "{:?} has its own order (INTEGERKEY or REVERSEKEY), in which other sets cannot be walked \
                     beside it",
                    set.name()
                ),
            ));
        }
        set.open_ahead()?;
    }
    Ok(())
}

/// Begins a snapshot in every environment of the sets, or reuses the same view if the thread has a transaction.
fn snapshots<'c>(sets: impl IntoIterator<Item = &'c Collection>) -> Result<Vec<Begun>> {
    let mut begun: Vec<Begun> = Vec::new();
    for set in sets {
        if !begun.iter().any(|open| Arc::ptr_eq(&open.shared, set.shared())) {
            begun.push(Begun::begin(set.shared(), Access::Read)?);
        }
    }
    Ok(begun)
}

/// A transaction of the calling thread, aborted on drop.
struct Begun {
    shared: Arc<Shared>,
    txn: Option<TxnRef>,
}

impl Begun {
    fn begin(shared: &Arc<Shared>, access: Access) -> Result<Begun> {
        let txn = TxnRef::begin(shared, access, Wait::Default)?;
        Ok(Begun { shared: Arc::clone(shared), txn: Some(txn) })
    }

    fn commit(mut self) -> Result<()> {
        self.txn.take().map_or(Ok(()), |txn| txn.commit())
    }

    /// Returns the number of the commit that the write transaction will be.
    fn commit_number(&self) -> Result<u64> {
        let Some((_, level)) = TxnRef::innermost(&self.shared)? else { return Ok(0) };
        self.shared.seat()?.read_in(level, |session| Ok(session.commit()))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(txn) = self.txn.take() {
            // It may have ended with the environment; then an abort has nothing to undo.
            drop(txn.abort());
        }
    }
}

/// Begins a snapshot of a set that is only read, in the environment of the target.
fn snapshot_of_source(source: &Collection, into: &Collection) -> Result<Option<SnapshotSeat>> {
    if source.is_same(into) || !Arc::ptr_eq(source.shared(), into.shared()) {
        return Ok(None);
    }
    match source.shared().seat()?.snapshot_of(source.opened()) {
        // The write transaction can read it too.
        Err(error) if error.status() == Status::ReadersFull => Ok(None),
        snapshot => snapshot.map(Some),
    }
}

fn merge(
    operation: Operation,
    operands: [&Collection; 2],
    snapshots: [Option<SnapshotSeat>; 2],
    into: &Collection,
) -> Result<()> {
    // Each collection is read once, even if it has several roles.
    let mut streams: Vec<Stream<'_>> = Vec::new();
    let mut stream_of = |set, snapshot| {
        streams.iter().position(|stream| stream.set().is_same(set)).unwrap_or_else(|| {
            streams.push(Stream::new(set, snapshot));
            streams.len() - 1
        })
    };
    let [one, other] = snapshots;
    let (a, b) = (stream_of(operands[0], one), stream_of(operands[1], other));
    let target = stream_of(into, None);
    let mut changes = Changes::default();
    loop {
        // Elements that cannot change the outcome are skipped, unless they must be removed from the target.
        leap(operation, &mut streams, [a, b], target)?;
        for stream in &mut streams {
            stream.fill()?;
        }
        let ended = |at: usize| streams[at].has_ended();
        let nothing_more = (operation.needs_first() && ended(a)) || (operation.needs_second() && ended(b));
        let mut first = target;
        for at in 0..streams.len() {
            if !nothing_more && streams[at].is_before(&streams[first]) {
                first = at;
            }
        }
        if streams[first].has_ended() {
            break;
        }
        let mut has = [false; 3];
        for (at, stream) in streams.iter().enumerate() {
            has[at] = at == first || stream.is_at(&streams[first]);
        }
        let keep = !nothing_more && operation.keeps(has[a], has[b]);
        if keep != has[target] {
            changes.push(streams[first].head(), keep)?;
        }
        for (stream, has) in streams.iter_mut().zip(has) {
            if has {
                stream.pass();
            }
        }
        if changes.is_large() {
            changes.write(into)?;
        }
    }
    changes.write(into)
}

/// Advances an operand that is only read to the position of the other.
fn leap(operation: Operation, streams: &mut [Stream<'_>], [a, b]: [usize; 2], target: usize) -> Result<()> {
    for (needed, behind, ahead) in [(operation.needs_first(), b, a), (operation.needs_second(), a, b)] {
        if !needed || behind == ahead || behind == target {
            continue;
        }
        let (low, high) = streams.split_at_mut(behind.max(ahead));
        let (behind, ahead) =
            if behind < ahead { (&mut low[behind], &mut high[0]) } else { (&mut high[0], &mut low[ahead]) };
        if ahead.fill()? {
            behind.seek(ahead)?;
        }
    }
    Ok(())
}

/// The elements to add to the target, and those to remove from it.
#[derive(Default)]
struct Changes {
    added: Elements,
    removed: Elements,
}

impl Changes {
    fn push(&mut self, element: &[u8], add: bool) -> Result<()> {
        if add { self.added.push(element) } else { self.removed.push(element) }
    }

    fn is_large(&self) -> bool {
        [&self.added, &self.removed].iter().any(|elements| {
            elements.offsets.len() > LARGEST_CHANGE || elements.bytes.len() >= LARGEST_CHANGE_BYTES
        })
    }

    fn write(&mut self, into: &Collection) -> Result<()> {
        if !self.added.bytes.is_empty() {
            into.add_many(&self.added.column()?)?;
        }
        if !self.removed.bytes.is_empty() {
            into.remove_many(&self.removed.column()?)?;
        }
        self.added.clear();
        self.removed.clear();
        Ok(())
    }
}

/// A column of encoded elements.
struct Elements {
    bytes: Vec<u8>,
    offsets: Vec<u64>,
}

impl Default for Elements {
    fn default() -> Self {
        Self { bytes: Vec::new(), offsets: vec![0] }
    }
}

impl Elements {
    fn push(&mut self, element: &[u8]) -> Result<()> {
        self.bytes.try_extend(element)?;
        Ok(self.offsets.try_push(self.bytes.len() as u64)?)
    }

    fn column(&self) -> Result<Column<'_>> {
        Column::variable(&self.bytes, &self.offsets)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.offsets.truncate(1);
    }
}
