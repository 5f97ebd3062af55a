//! Copies the collections of an environment into another one, of the same engine or of another.
//!
//! Records are copied as they are encoded, in pages: memory holds a page of each side. A page that the target may
//! already have is compared with the source's, and only the differences are written. So a copy that was interrupted is
//! continued by comparing: this is also right if the source has changed since.

use std::ops::Bound;

use crate::engine::schema::{CollectionInfo, Kind, Schema};
use crate::engine::{Column, Columns, Limit, Op, Opened, Range, Seat};
use crate::error::{Error, Result, Status};
use crate::memory::{self, Short};
use crate::report::Progress;

/// The size of a page, unless a single record is larger.
const PAGE: Limit = Limit { items: 8192, bytes: 4 << 20 };

/// Copies all collections of a snapshot. The thread is in a snapshot of the source, and in no transaction of the target.
pub(crate) fn copy(
    source: &Seat,
    target: &Seat,
    goes_on: bool,
    progress: &mut dyn FnMut(&Progress) -> bool,
) -> Result<()> {
    let collections = source.collections()?;
    check(&collections, &target.collections()?, goes_on)?;
    let records = collections.iter().map(|info| info.len).sum();
    let mut moving =
        Moving { source, target, done: Progress { total_records: records, ..Progress::default() } };
    for CollectionInfo { name, schema, .. } in &collections {
        let Some(schema) = schema else { return Err(raw(name)) };
        moving.collection(name, schema, progress)?;
    }
    Ok(())
}

/// Refuses what cannot be copied or would be overwritten, before anything is written.
fn check(source: &[CollectionInfo], target: &[CollectionInfo], goes_on: bool) -> Result<()> {
    if let Some(info) = source.iter().find(|info| info.schema.is_none()) {
        return Err(raw(&info.name));
    }
    for info in target {
        let refused = |why: &str| {
            let message = format!("the target has a collection {:?}, {why}", Short(&info.name));
            Err(Error::new(Status::InvalidArgument, message))
        };
        if !goes_on {
            return refused(
                "and a copy begins in an empty environment; to go on with an interrupted copy, say so",
            );
        }
        match source.iter().find(|other| other.name == info.name) {
            None => return refused("which the source does not have; drop it, or choose another target"),
            Some(other) if other.schema != info.schema => {
                return refused("which has another kind or other types in the source; drop it first");
            }
            Some(_) => {}
        }
    }
    Ok(())
}

#[cold]
fn raw(name: &str) -> Error {
    Error::new(
        Status::Unsupported,
        format!(
            "collection {:?} is raw: another LMDB program made it, and without types it cannot be copied into another \
             environment",
            Short(name)
        ),
    )
}

struct Moving<'a> {
    source: &'a Seat,
    target: &'a Seat,
    done: Progress,
}

impl Moving<'_> {
    fn collection(
        &mut self,
        name: &str,
        schema: &Schema,
        progress: &mut dyn FnMut(&Progress) -> bool,
    ) -> Result<()> {
        let missing =
            || Error::new(Status::NoCollection, format!("collection {:?} does not exist", Short(name)));
        let from = self.source.open_collection(name, None)?.ok_or_else(missing)?;
        let into = self.target.open_collection(name, Some(schema))?.ok_or_else(missing)?;
        if into.schema() != Some(schema) {
            let message =
                format!("collection {:?} of the target has another kind or other types", Short(name));
            return Err(Error::new(Status::TypeMismatch, message));
        }
        let is_empty = self.target.edge(&into, &Range::all(), |_, _| ())?.is_none();
        let mut page = Columns::default();
        let mut lower = Bound::Unbounded;
        loop {
            let range = Range { lower, ..Range::all() };
            let is_all = self.source.scan(&from, &range, PAGE, &mut page)?.is_all;
            let last = page.len().checked_sub(1).map(|last| memory::copy(page.record(last).0)).transpose()?;
            // A page with no record is the last one.
            let is_last = is_all || last.is_none();
            if is_empty {
                self.put(&into, schema.kind, &page)?;
            } else {
                let upper = match (&last, is_last) {
                    (Some(key), false) => Bound::Included(memory::copy(key)?),
                    _ => Bound::Unbounded,
                };
                self.settle(&into, schema.kind, &page, Range { upper, ..range })?;
            }
            self.done.records += page.len() as u64;
            self.done.bytes += (page.keys.len() + page.values.len()) as u64;
            if progress(&self.done) {
                return Err(Error::new(
                    Status::Interrupted,
                    "the caller ended the copy; what was copied stays, and another call can go on with it",
                ));
            }
            let Some(key) = last.filter(|_| !is_last) else { return Ok(()) };
            lower = Bound::Excluded(key);
        }
    }

    /// Makes a range of the target equal to a page, which has all records of that range in the source.
    fn settle(&self, into: &Opened, kind: Kind, page: &Columns, mut range: Range) -> Result<()> {
        let mut is_there = memory::room_for(page.len())?;
        is_there.resize(page.len(), false);
        let (mut found, mut surplus) = (Columns::default(), Columns::default());
        let mut next = 0;
        loop {
            let is_all = self.target.scan(into, &range, PAGE, &mut found)?.is_all;
            surplus.clear();
            // Both sides are in the same order.
            for (key, value) in (0..found.len()).map(|index| found.record(index)) {
                while next < page.len() && page.record(next).0 < key {
                    next += 1;
                }
                match (next < page.len()).then(|| page.record(next)) {
                    Some((other, expected)) if other == key => is_there[next] = expected == value,
                    _ => surplus.push(key, &[])?,
                }
            }
            if surplus.len() > 0 {
                let keys = Column::variable(&surplus.keys, &surplus.key_offsets)?;
                self.target.write(into, &Op::RemoveMany { keys: &keys })?;
            }
            if is_all || found.len() == 0 {
                break;
            }
            range.lower = Bound::Excluded(memory::copy(found.record(found.len() - 1).0)?);
        }
        let mut rest = Columns::default();
        for (index, _) in is_there.iter().enumerate().filter(|(_, is_there)| !**is_there) {
            let (key, value) = page.record(index);
            rest.push(key, value)?;
        }
        self.put(into, kind, &rest)
    }

    fn put(&self, into: &Opened, kind: Kind, page: &Columns) -> Result<()> {
        if page.len() == 0 {
            return Ok(());
        }
        let keys = Column::variable(&page.keys, &page.key_offsets)?;
        let values = Column::variable(&page.values, &page.value_offsets)?;
        let op = match kind {
            Kind::Dict => Op::PutMany { keys: &keys, values: &values },
            Kind::Set => Op::AddMany { keys: &keys },
        };
        self.target.write(into, &op).map(drop)
    }
}
