//! Implements snapshots, and write transactions with their savepoints.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::codec;
use crate::engine::bounds::bounds;
use crate::engine::memory::Engine;
use crate::engine::memory::table::{Live, Records, Table, Value};
use crate::engine::memory::versions::Version;
use crate::engine::schema::Schema;
use crate::engine::threads::pin::Pin;
use crate::engine::threads::{self, thread_number};
use crate::engine::{Column, Op, Outcome, ScanStart, Wait};
use crate::error::{Error, Result, Status};

/// A consistent, unchanging view.
pub(crate) struct Snapshot {
    engine: Arc<Engine>,
    /// The commit that it sees; `None` between the calls of a thread.
    at: Option<u64>,
    pin: Option<Pin>,
}

impl Snapshot {
    pub(super) fn begin(engine: &Arc<Engine>) -> Self {
        let at = engine.stored.lock().keep();
        Self { engine: Arc::clone(engine), at: Some(at), pin: None }
    }

    pub(super) fn renew(&mut self) {
        self.let_go();
        self.at = Some(self.engine.stored.lock().keep());
    }

    fn let_go(&mut self) {
        if let Some(at) = self.at.take() {
            self.engine.stored.lock().release(at);
        }
    }

    pub(super) fn at(&self) -> u64 {
        self.at.unwrap_or(0)
    }

    pub(super) fn pin(&mut self) {
        self.pin = Some(Pin);
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.let_go();
    }
}

impl threads::Snapshot for Snapshot {
    fn reset(&mut self) {
        self.let_go();
    }

    fn recycle(&mut self) {
        self.let_go();
        self.pin = None;
    }

    fn is_pinned(&self) -> bool {
        self.pin.is_some()
    }
}

/// One step of a write transaction, and the version that it replaced.
enum Step {
    Record { id: u64, key: Vec<u8>, previous: Option<Version<Value>> },
    Name { name: String, previous: Option<Version<Live>> },
}

/// A write transaction, the only one of the process until it is dropped.
pub(crate) struct WriteTxn {
    engine: Arc<Engine>,
    /// The number of its commit.
    commit: u64,
    steps: Vec<Step>,
    /// The number of steps at the begin of each savepoint.
    savepoints: Vec<usize>,
    /// The number of writes: data that was read before the last one may have changed.
    writes: u64,
}

impl WriteTxn {
    pub(super) fn begin(engine: &Arc<Engine>, wait: Wait) -> Result<Self> {
        if engine.is_read_only() {
            return Err(Error::new(Status::ReadOnly, "the environment was opened read-only"));
        }
        engine.turns.take(thread_number(), &wait.deadline(engine.settings.write_timeout))?;
        let commit = engine.stored.lock().last + 1;
        Ok(Self { engine: Arc::clone(engine), commit, steps: Vec::new(), savepoints: Vec::new(), writes: 0 })
    }

    /// Returns the commit that it sees: its own writes belong to the next commit.
    pub(super) fn at(&self) -> u64 {
        self.commit
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// Returns true if only this transaction has added the name to the catalog.
    pub(super) fn has_created(&self, name: &str) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Name { name: own, .. } if own == name))
    }

    /// Creates an empty collection.
    pub(super) fn create(&mut self, name: &str, schema: Arc<Schema>) -> u64 {
        let mut table = self.engine.stored.lock();
        table.created += 1;
        let id = table.created;
        table.records.insert(id, Records::default());
        let previous = table.catalog.set(name.to_owned(), Some(Live { id, schema }), self.commit);
        self.steps.push(Step::Name { name: name.to_owned(), previous });
        self.writes += 1;
        id
    }

    /// Removes a name from the catalog. Its records stay for the snapshots that see them.
    pub(super) fn drop_name(&mut self, name: &str) {
        let previous = self.engine.stored.lock().catalog.set(name.to_owned(), None, self.commit);
        self.steps.push(Step::Name { name: name.to_owned(), previous });
        self.writes += 1;
    }

    fn undo_to(&mut self, count: usize) {
        let mut table = self.engine.stored.lock();
        for step in self.steps.drain(count..).rev() {
            match step {
                Step::Record { id, key, previous } => {
                    if let Some(records) = table.records.get_mut(&id) {
                        records.unset(key.as_slice(), previous);
                    }
                }
                Step::Name { name, previous } => table.catalog.unset(name.as_str(), previous),
            }
        }
    }

    fn set(&mut self, table: &mut Table, id: u64, key: &[u8], value: Option<&[u8]>) {
        let records = table.records.entry(id).or_default();
        let previous = records.set(key.to_vec(), value.map(Value::from), self.commit);
        self.steps.push(Step::Record { id, key: key.to_vec(), previous });
    }

    /// Applies one write to a collection. A failed write changes nothing.
    pub(super) fn apply(&mut self, id: u64, op: &Op<'_>) -> Result<Outcome> {
        self.writes += 1;
        let engine = Arc::clone(&self.engine);
        let table = &mut *engine.stored.lock();
        let at = self.commit;
        let current = |table: &Table, key: &[u8]| {
            table.records.get(&id).and_then(|records| records.get(key, at)).cloned()
        };
        Ok(match *op {
            Op::Put { key, fresh: true, .. } if current(table, key).is_some() => Outcome::Exists,
            Op::Put { key, value, .. } => {
                self.set(table, id, key, Some(value));
                Outcome::Done
            }
            Op::Remove { key } => {
                if self.remove(table, id, key) {
                    Outcome::Done
                } else {
                    Outcome::Missing
                }
            }
            Op::Take { key, cap } => match current(table, key) {
                None => Outcome::Missing,
                Some(value) if value.len() > cap => Outcome::TooSmall(value.len()),
                Some(value) => {
                    self.set(table, id, key, None);
                    Outcome::Value(value.to_vec())
                }
            },
            Op::CompareExchange { key, expected, desired } => {
                let value = current(table, key);
                if value.as_deref() != expected {
                    return Ok(Outcome::Differs(value.map(|value| value.to_vec())));
                }
                if value.is_some() || desired.is_some() {
                    self.set(table, id, key, desired);
                }
                Outcome::Done
            }
            Op::Add { key, kind, by } => {
                let (bytes, sum) = codec::add_integer(kind, current(table, key).as_deref(), by)?;
                self.set(table, id, key, Some(&bytes));
                Outcome::Sum(sum)
            }
            Op::PutMany { keys, values } => self.put_many(table, id, keys, Some(values)),
            Op::AddMany { keys } => self.put_many(table, id, keys, None),
            Op::RemoveMany { keys } => {
                Outcome::Count(keys.iter().map(|key| u64::from(self.remove(table, id, key))).sum())
            }
            Op::RemoveRange { range } => {
                let (lower, upper) = bounds(range, ScanStart::Range);
                let records = table.records.entry(id).or_default();
                let keys: Vec<_> = records.range(lower, upper, at).map(|(key, _)| key.clone()).collect();
                for key in &keys {
                    self.set(table, id, key, None);
                }
                Outcome::Count(keys.len() as u64)
            }
        })
    }

    fn remove(&mut self, table: &mut Table, id: u64, key: &[u8]) -> bool {
        let is_there = table.records.get(&id).is_some_and(|records| records.get(key, self.commit).is_some());
        if is_there {
            self.set(table, id, key, None);
        }
        is_there
    }

    fn put_many(
        &mut self,
        table: &mut Table,
        id: u64,
        keys: &Column<'_>,
        values: Option<&Column<'_>>,
    ) -> Outcome {
        let mut new = 0;
        for (index, key) in keys.iter().enumerate() {
            let is_there =
                table.records.get(&id).is_some_and(|records| records.get(key, self.commit).is_some());
            new += u64::from(!is_there);
            self.set(table, id, key, Some(values.map_or(&[], |values| values.item(index))));
        }
        Outcome::Count(new)
    }
}

impl threads::WriteTxn for WriteTxn {
    fn begin_savepoint(&mut self) -> Result<()> {
        self.savepoints.push(self.steps.len());
        Ok(())
    }

    fn commit_savepoint(&mut self) -> Result<()> {
        self.savepoints.pop();
        Ok(())
    }

    fn abort_savepoint(&mut self) {
        if let Some(count) = self.savepoints.pop() {
            self.undo_to(count);
            self.writes += 1;
        }
    }

    fn check_usable(&self) -> Result<()> {
        Ok(())
    }

    fn commit(mut self) -> Result<()> {
        let steps = std::mem::take(&mut self.steps);
        if steps.is_empty() {
            return Ok(());
        }
        let mut table = self.engine.stored.lock();
        table.last = self.commit;
        let oldest = table.oldest();
        for step in &steps {
            match step {
                Step::Record { id, key, .. } => {
                    if let Some(records) = table.records.get_mut(id) {
                        records.prune(key.as_slice(), oldest);
                    }
                }
                Step::Name { name, .. } => table.catalog.prune(name.as_str(), oldest),
            }
        }
        drop(table);
        self.engine.commits.fetch_add(1, Ordering::AcqRel);
        self.engine.notice.announce(self.commit);
        Ok(())
    }

    fn abort(self) {}
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        self.undo_to(0);
        self.engine.turns.release();
    }
}
