//! Writes: each operation is one round trip, in a write transaction or by itself.

use crate::codec;
use crate::engine::bounds::bounds;
use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::Engine;
use crate::engine::postgres::batch::Batch;
use crate::engine::postgres::call::{Access, one};
use crate::engine::postgres::connection::{Connection, Fault, Waiting};
use crate::engine::postgres::opened::{Opened, Target};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::{self, Ends, Verb};
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::txn::WriteTxn;
use crate::engine::{Column, Op, Outcome, ScanStart};
use crate::error::{Error, Result, Status};

/// The largest value. A field of PostgreSQL has at most 1 GiB, and its text form, which tools use, takes twice the bytes.
const LARGEST_VALUE: usize = 512 << 20;

/// Where operations run: by themselves, or in a transaction.
pub(super) trait Place {
    /// Runs one statement.
    fn statement(&mut self, opened: &Opened, verb: Verb, params: &[Param<'_>]) -> Result<Rows>;

    /// Runs one statement for each part of a batch, all or none.
    fn batch(&mut self, opened: &Opened, verb: Verb, batch: &Batch<'_>) -> Result<Vec<Rows>>;

    /// Reads a value.
    fn value(&mut self, opened: &Opened, key: &[u8]) -> Result<Option<Vec<u8>>>;
}

/// Calls outside of transactions.
pub(super) struct Alone<'e> {
    pub engine: &'e Engine,
    pub interrupt: Interrupt,
}

impl Place for Alone<'_> {
    fn statement(&mut self, opened: &Opened, verb: Verb, params: &[Param<'_>]) -> Result<Rows> {
        let rows = self.engine.statement(Access::Write, Some(&self.interrupt), opened, verb, params)?;
        rows.ok_or_else(not_created)
    }

    fn batch(&mut self, opened: &Opened, verb: Verb, batch: &Batch<'_>) -> Result<Vec<Rows>> {
        let engine = self.engine;
        let rows =
            engine.call_on(Access::Write, Some(&self.interrupt), opened, |connection, target, waiting| {
                engine.send_alone(connection, Access::Write, waiting, |connection| {
                    send_batch(connection, target, verb, batch, engine.url.prepares, waiting)
                })
            })?;
        rows.ok_or_else(not_created)
    }

    fn value(&mut self, opened: &Opened, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let rows = self.engine.statement(
            Access::Read,
            Some(&self.interrupt),
            opened,
            Verb::Get,
            &[Param::Bytes(key)],
        )?;
        rows.and_then(|rows| rows.get(0, 0).map(crate::memory::copy)).transpose().map_err(Error::from)
    }
}

impl Place for WriteTxn {
    fn statement(&mut self, opened: &Opened, verb: Verb, params: &[Param<'_>]) -> Result<Rows> {
        WriteTxn::statement(self, opened, verb, params)
    }

    fn batch(&mut self, opened: &Opened, verb: Verb, batch: &Batch<'_>) -> Result<Vec<Rows>> {
        self.check_not_dropped(opened)?;
        let engine = std::sync::Arc::clone(self.txn.engine());
        let waiting = engine.waiting();
        loop {
            let rows = self.txn.many(opened, |connection, target| {
                send_batch(connection, target, verb, batch, engine.url.prepares, &waiting)
            })?;
            match rows {
                Some(rows) => {
                    self.has_written()?;
                    return Ok(rows);
                }
                None => self.create_again(opened)?,
            }
        }
    }

    fn value(&mut self, opened: &Opened, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let rows = self.txn.statement(opened, Verb::Get, &[Param::Bytes(key)], None)?;
        let rows = rows.map(|rows| one(rows).map_err(Fault::error)).transpose()?;
        rows.and_then(|rows| rows.get(0, 0).map(crate::memory::copy)).transpose().map_err(Error::from)
    }
}

#[cold]
fn not_created() -> Error {
    Error::new(Status::Panic, "a write did not create the collection that it needs")
}

/// Sends the statements of a batch. The system takes each part before the next one is built.
fn send_batch(
    connection: &mut Connection,
    target: &Target,
    verb: Verb,
    batch: &Batch<'_>,
    prepares: bool,
    waiting: &Waiting,
) -> Result<(), Fault> {
    let statement = target.statement(verb);
    let mut from = 0;
    while let Some(chunk) = batch.chunk(from).map_err(Fault::Failed)? {
        from += chunk.len;
        let both = [Param::ArrayOfBytes(chunk.keys.bytes()), Param::ArrayOfBytes(chunk.values.bytes())];
        let params = if verb == Verb::PutMany { &both[..] } else { &both[..1] };
        connection.send(&[Step::prepared(&statement, params, prepares)])?;
        connection.drain(waiting)?;
    }
    Ok(())
}

/// Runs an operation.
pub(super) fn apply(place: &mut impl Place, opened: &Opened, op: &Op<'_>) -> Result<Outcome> {
    match *op {
        Op::Put { key, value, fresh } => {
            check_size(value)?;
            let verb = if fresh { Verb::PutNew } else { Verb::Put };
            let rows = place.statement(opened, verb, &[Param::Bytes(key), Param::Bytes(value)])?;
            Ok(if rows.affected() == 0 { Outcome::Exists } else { Outcome::Done })
        }
        Op::Remove { key } => {
            let rows = place.statement(opened, Verb::Remove, &[Param::Bytes(key)])?;
            Ok(if rows.affected() == 0 { Outcome::Missing } else { Outcome::Done })
        }
        Op::Take { key, cap } => take(place, opened, key, cap),
        Op::CompareExchange { key, expected, desired } => exchange(place, opened, key, expected, desired),
        Op::Add { key, kind, by } => add(place, opened, key, kind, by),
        Op::PutMany { keys, values } => put_many(place, opened, keys, values),
        Op::AddMany { keys } => affected(place, opened, Verb::AddMany, keys),
        Op::RemoveMany { keys } => affected(place, opened, Verb::RemoveMany, keys),
        Op::RemoveRange { range } => {
            let (lower, upper) = bounds(range, ScanStart::Range);
            let mut params = Vec::new();
            for bound in [lower, upper] {
                if let std::ops::Bound::Included(key) | std::ops::Bound::Excluded(key) = bound {
                    params.push(Param::Bytes(key));
                }
            }
            let rows = place.statement(opened, Verb::RemoveRange(Ends::of(lower, upper)), &params)?;
            Ok(Outcome::Count(rows.affected()))
        }
    }
}

fn check_size(value: &[u8]) -> Result<()> {
    if value.len() <= LARGEST_VALUE {
        return Ok(());
    }
    Err(Error::new(
        Status::ValueSize,
        format!("a value on PostgreSQL has at most {LARGEST_VALUE} bytes, and this one has {}", value.len()),
    ))
}

fn take(place: &mut impl Place, opened: &Opened, key: &[u8], cap: usize) -> Result<Outcome> {
    let most = i64::try_from(cap).unwrap_or(i64::MAX).to_be_bytes();
    loop {
        let rows = place.statement(opened, Verb::Take, &[Param::Bytes(key), Param::Int(&most)])?;
        if let Some(value) = rows.get(0, 0) {
            return Ok(Outcome::Value(crate::memory::copy(value)?));
        }
        match rows.int(0, 1).and_then(|size| usize::try_from(size).ok()) {
            None => return Ok(Outcome::Missing),
            Some(size) if size > cap => return Ok(Outcome::TooSmall(size)),
            // Another writer has replaced the value since the statement began.
            Some(_) => {}
        }
    }
}

fn exchange(
    place: &mut impl Place,
    opened: &Opened,
    key: &[u8],
    expected: Option<&[u8]>,
    desired: Option<&[u8]>,
) -> Result<Outcome> {
    let key = Param::Bytes(key);
    let bytes = Param::Bytes;
    if let Some(desired) = desired {
        check_size(desired)?;
    }
    loop {
        let rows = match (expected, desired) {
            (Some(old), Some(new)) => {
                place.statement(opened, Verb::Exchange, &[key, bytes(old), bytes(new)])?
            }
            (Some(old), None) => place.statement(opened, Verb::ExchangeRemove, &[key, bytes(old)])?,
            (None, Some(new)) => place.statement(opened, Verb::ExchangeNew, &[key, bytes(new)])?,
            (None, None) => {
                let Param::Bytes(key) = key else { return Ok(Outcome::Done) };
                let found = place.value(opened, key)?;
                return Ok(found.map_or(Outcome::Done, |value| Outcome::Differs(Some(value))));
            }
        };
        if rows.int(0, 0) == Some(1) {
            return Ok(Outcome::Done);
        }
        let found = rows.get(0, 1);
        // If it is the expected value, another writer has changed it since the statement began.
        if found != expected {
            return Ok(Outcome::Differs(found.map(crate::memory::copy).transpose()?));
        }
    }
}

fn add(place: &mut impl Place, opened: &Opened, key: &[u8], kind: &codec::Type, by: i64) -> Result<Outcome> {
    if sql::adds(kind, by) {
        let number = by.to_be_bytes();
        let rows = place.statement(opened, Verb::Add, &[Param::Bytes(key), Param::Int(&number)])?;
        if let Some(value) = rows.get(0, 0) {
            let (_, sum) = codec::add_integer(kind, Some(value), 0)?;
            return Ok(Outcome::Sum(sum));
        }
    }
    // The sum leaves the range, or the integer is one that the server cannot add to.
    loop {
        let current = place.value(opened, key)?;
        let (bytes, sum) = codec::add_integer(kind, current.as_deref(), by)?;
        if exchange_once(place, opened, key, current.as_deref(), &bytes)? {
            return Ok(Outcome::Sum(sum));
        }
    }
}

fn exchange_once(
    place: &mut impl Place,
    opened: &Opened,
    key: &[u8],
    expected: Option<&[u8]>,
    desired: &[u8],
) -> Result<bool> {
    Ok(exchange(place, opened, key, expected, Some(desired))? == Outcome::Done)
}

fn put_many(
    place: &mut impl Place,
    opened: &Opened,
    keys: &Column<'_>,
    values: &Column<'_>,
) -> Result<Outcome> {
    values
        .iter()
        .enumerate()
        .try_for_each(|(index, value)| check_size(value).map_err(|error| error.at(index)))?;
    let batch = Batch::new(keys, Some(values))?;
    if batch.is_empty() {
        return Ok(Outcome::Count(0));
    }
    let results = place.batch(opened, Verb::PutMany, &batch)?;
    let new = results.iter().filter_map(|rows| rows.int(0, 0)).sum::<i64>();
    Ok(Outcome::Count(u64::try_from(new).unwrap_or(0)))
}

fn affected(place: &mut impl Place, opened: &Opened, verb: Verb, keys: &Column<'_>) -> Result<Outcome> {
    let batch = Batch::new(keys, None)?;
    if batch.is_empty() {
        return Ok(Outcome::Count(0));
    }
    let results = place.batch(opened, verb, &batch)?;
    Ok(Outcome::Count(results.iter().map(Rows::affected).sum()))
}
