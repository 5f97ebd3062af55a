//! Applies writes in a write transaction.

use std::sync::Arc;

use crate::codec;
use crate::engine::lmdb::SpaceOp;
use crate::engine::lmdb::sys::{Code, Go, WriteCursor, reading};
use crate::engine::lmdb::txn::foreign;
use crate::engine::lmdb::txn::order::Order;
use crate::engine::lmdb::txn::scan::remove_range;
use crate::engine::lmdb::txn::spaces::{Db, Space};
use crate::engine::lmdb::txn::write_txn::WriteTxn;
use crate::engine::{Column, Op, Outcome, Range};
use crate::error::{Error, Result, Status};
use crate::memory;

impl WriteTxn {
    /// Creates a space, if it does not exist.
    fn create(&mut self, space: &Arc<Space>) -> Result<()> {
        let Some(db) = self.resolve(space)? else { return self.open(space, lmdb_sys::MDB_CREATE).map(drop) };
        if !foreign::is_name(&self.txn, space.as_str().as_bytes())? {
            // Its number is open, but another process has removed it from the file.
            self.write_lock.engine().names_are_gone();
            return Err(Error::new(
                Status::Conflict,
                format!("collection {:?} was removed by another process; begin again", space.as_str()),
            ));
        }
        if db.flags != 0 && !db.is_main() {
            return Err(Error::new(
                Status::TypeMismatch,
                format!(
                    "{:?} was created by another program with an order of its own, and only that program can create it again",
                    space.as_str()
                ),
            ));
        }
        Ok(())
    }

    /// Applies one write in the innermost level. Invalid input leaves the transaction as it was; a failure of the
    /// engine dooms it.
    pub(crate) fn apply(&mut self, op: &SpaceOp<'_>) -> Result<Outcome> {
        self.check_usable()?;
        self.writes += 1;
        let (SpaceOp::Create(space) | SpaceOp::In(space, _)) = op;
        if Arc::ptr_eq(space, self.write_lock.engine().spaces.catalog()) {
            self.forget();
            self.sequence_is_own = true;
        }
        let SpaceOp::In(_, op) = op else { return self.create(space).map(|()| Outcome::Done) };
        self.stored = self.stored.saturating_add(op.size());
        let db = self.resolve(space)?.ok_or_else(|| {
            Error::new(Status::NoCollection, format!("collection {space:?} is not there any more"))
        })?;
        self.perform(db, op)
    }

    /// Does the same in a collection that was just found.
    pub(crate) fn apply_to(&mut self, db: Db, op: &Op<'_>) -> Result<Outcome> {
        self.check_usable()?;
        self.writes += 1;
        self.stored = self.stored.saturating_add(op.size());
        self.perform(db, op)
    }

    fn perform(&mut self, db: Db, op: &Op<'_>) -> Result<Outcome> {
        foreign::check_write(&self.txn, db, op)?;
        match *op {
            Op::Put { key, value, fresh, .. } => {
                let flags = if fresh { lmdb_sys::MDB_NOOVERWRITE } else { 0 };
                Ok(if self.put(db, key, value, flags)? { Outcome::Done } else { Outcome::Exists })
            }
            Op::Remove { key, .. } => {
                Ok(if self.remove(db, key)? { Outcome::Done } else { Outcome::Missing })
            }
            Op::Take { key, cap, .. } => self.take(db, key, cap),
            Op::CompareExchange { key, expected, desired, .. } => {
                self.compare_exchange(db, key, expected, desired)
            }
            Op::Add { key, kind, by, .. } => {
                let current = self.txn.get(db.dbi, key).map_err(reading)?;
                let (bytes, sum) = codec::add_integer(kind, current, by)?;
                self.put(db, key, &bytes, 0)?;
                Ok(Outcome::Sum(sum))
            }
            Op::PutMany { keys, values, .. } => self.put_many(db, keys, Some(values)),
            Op::AddMany { keys, .. } => self.put_many(db, keys, None),
            Op::RemoveMany { keys, .. } => {
                let records = self.txn.entries(db.dbi).map_err(reading)?;
                let mut count = 0;
                for index in order_in(db, keys, records).iter() {
                    count += u64::from(self.remove(db, keys.item(index))?);
                }
                Ok(Outcome::Count(count))
            }
            Op::RemoveRange { range, .. } => self.remove_range(db, range),
        }
    }

    fn put(&mut self, db: Db, key: &[u8], value: &[u8], flags: u32) -> Result<bool> {
        self.txn.put(db.dbi, key, value, flags).map_err(|code| self.fail(code, "storing a record"))
    }

    fn remove(&mut self, db: Db, key: &[u8]) -> Result<bool> {
        if db.is_main() && foreign::is_name(&self.txn, key)? {
            return Ok(false);
        }
        self.txn.remove(db.dbi, key).map_err(|code| self.fail(code, "removing a record"))
    }

    fn take(&mut self, db: Db, key: &[u8], cap: usize) -> Result<Outcome> {
        if db.is_main() && foreign::is_name(&self.txn, key)? {
            return Ok(Outcome::Missing);
        }
        let Some(value) = self.txn.get(db.dbi, key).map_err(reading)? else {
            return Ok(Outcome::Missing);
        };
        if value.len() > cap {
            return Ok(Outcome::TooSmall(value.len()));
        }
        let value = memory::copy(value)?;
        self.remove(db, key)?;
        Ok(Outcome::Value(value))
    }

    fn compare_exchange(
        &mut self,
        db: Db,
        key: &[u8],
        expected: Option<&[u8]>,
        desired: Option<&[u8]>,
    ) -> Result<Outcome> {
        let current = self.txn.get(db.dbi, key).map_err(reading)?;
        if current != expected {
            return Ok(Outcome::Differs(current.map(memory::copy).transpose()?));
        }
        match desired {
            Some(value) => self.put(db, key, value, 0)?,
            None => self.remove(db, key)?,
        };
        Ok(Outcome::Done)
    }

    fn put_many(&mut self, db: Db, keys: &Column<'_>, values: Option<&Column<'_>>) -> Result<Outcome> {
        let before = self.txn.entries(db.dbi).map_err(reading)?;
        let order = order_in(db, keys, before);
        let put_all = |cursor: WriteCursor<'_>| put_in_order(cursor, &order, keys, values);
        let stored = self.txn.write_cursor(db.dbi).and_then(put_all);
        stored.map_err(|code| self.fail(code, "storing a record"))?;
        let after = self.txn.entries(db.dbi).map_err(reading)?;
        Ok(Outcome::Count(after - before))
    }

    fn remove_range(&mut self, db: Db, range: &Range) -> Result<Outcome> {
        if range.is_all() && !db.is_main() {
            let count = self.txn.entries(db.dbi).map_err(reading)?;
            self.txn.empty(db.dbi).map_err(|code| self.fail(code, "clearing a collection"))?;
            return Ok(Outcome::Count(count));
        }
        let turned;
        let range = if range.reverse {
            turned = range.turned(false)?;
            &turned
        } else {
            range
        };
        match remove_range(&mut self.txn, db, range) {
            Ok(count) => Ok(Outcome::Count(count)),
            Err(code) => Err(self.fail(code, "removing a range")),
        }
    }
}

/// Returns the best order in which to visit a batch.
fn order_in(db: Db, keys: &Column<'_>, records: u64) -> Order {
    // In all other collections, only LMDB knows the order.
    if db.is_bytewise() { Order::of(keys, records) } else { Order::as_given(keys) }
}

/// Stores records, and appends them once they are greater than all existing records: then LMDB does not search for a
/// position, and fills its pages instead of splitting them in half.
fn put_in_order(
    mut cursor: WriteCursor<'_>,
    order: &Order,
    keys: &Column<'_>,
    values: Option<&Column<'_>>,
) -> Result<(), Code> {
    let value = |index| values.map_or(&[][..], |values| values.item(index));
    if !order.is_ascending() {
        return order.iter().try_for_each(|index| cursor.put(keys.item(index), value(index)));
    }
    let last = cursor.go(Go::Last)?.map(|(key, _)| memory::copy(key)).transpose()?;
    let mut lies_behind = last.is_none();
    let mut order = order.iter().peekable();
    while let Some(index) = order.next() {
        let key = keys.item(index);
        // Of equal keys, the last one wins.
        if order.peek().is_some_and(|next| keys.item(*next) == key) {
            continue;
        }
        lies_behind = lies_behind || last.as_ref().is_none_or(|last| key > last.as_slice());
        if lies_behind {
            cursor.append(key, value(index))?;
        } else {
            cursor.put(key, value(index))?;
        }
    }
    Ok(())
}
