//! Implements the calls of a thread, and the engine's part of the seats of threads.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::bootstrap::FORMAT;
use crate::engine::postgres::call::{Access, one};
use crate::engine::postgres::catalog::{self, CatalogSql};
use crate::engine::postgres::connection::Fault;
use crate::engine::postgres::opened::Opened;
use crate::engine::postgres::reader::Reader;
use crate::engine::postgres::sql::literal;
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::txn::{Snapshot, WriteTxn};
use crate::engine::postgres::writes::{Alone, apply};
use crate::engine::postgres::{Engine, Seat, unsupported};
use crate::engine::schema::{CollectionInfo, Schema, check_name};
use crate::engine::threads::root::{Level, Root, RootKind};
use crate::engine::threads::seats::{Mine, Seats, thread_local_seats};
use crate::engine::threads::{Begin, Begun, Seated};
use crate::engine::{Figures, Leave, Op, Outcome, ReaderFigures, Structure, Wait};
use crate::error::{Error, Result, Status};

thread_local_seats!(Engine);

/// The number of transactions that have ended: those with a number below the snapshot's end, without those in progress. It
/// grows with each end, in whichever order transactions end.
const NEWEST: &str = "(SELECT pg_snapshot_xmax(now)::text::bigint - (SELECT count(*) FROM pg_snapshot_xip(now)) \
                      FROM pg_current_snapshot() AS now)";

impl Seated for Engine {
    type Snapshot = Snapshot;
    type WriteTxn = WriteTxn;
    type Reader<'c> = Reader<'c>;
    type Outside = Infallible;
    type Held<'e> = ();

    fn seats(&self) -> &Seats<Self> {
        &self.seats
    }

    fn with_mine<R>(f: impl FnMut(&Mine<Self>) -> R) -> Result<R> {
        with_mine(f)
    }

    /// Costs nothing: the pooled snapshot has no transaction.
    fn renew(self: &Arc<Self>, pooled: &mut Option<Snapshot>) -> Result<(), Begin<Infallible>> {
        pooled.get_or_insert_with(Snapshot::of_call);
        Ok(())
    }

    fn begin_outside(self: &Arc<Self>, why: Infallible) -> Result<Begun<Snapshot, ()>> {
        match why {}
    }

    fn check_before_keeping(&self) -> Result<()> {
        Ok(())
    }

    fn reader_of_snapshot<'c>(self: &'c Arc<Self>, snapshot: &'c mut Snapshot, lasting: bool) -> Reader<'c> {
        Reader::of_snapshot(self, snapshot, lasting)
    }

    fn reader_of_write<'c>(self: &'c Arc<Self>, txn: &'c mut WriteTxn) -> Reader<'c> {
        Reader::of_write(self, txn)
    }

    fn begin_snapshot(self: &Arc<Self>, seat: &Seat) -> Result<u64> {
        // Outside of the seat, since it waits for the server.
        let snapshot = Snapshot::begin(self)?;
        seat.call(|call| call.push_root(RootKind::Snapshot(snapshot)))
    }

    fn begin_write(self: &Arc<Self>, wait: Wait, synced: bool) -> Result<Box<WriteTxn>> {
        WriteTxn::begin(self, wait, synced).map(Box::new)
    }
}

impl Seat {
    /// Returns the engine if the thread is in no transaction.
    fn outside(&self) -> Result<Option<Arc<Engine>>> {
        self.call(|call| {
            let engine = Arc::clone(call.engine()?);
            Ok(call.current().is_none().then_some(engine))
        })
    }

    /// Reads in the thread's current transaction or in the newest state.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&mut Reader<'_>) -> Result<R, Leave>) -> Result<R> {
        let outcome = match self.outside()? {
            // Outside of the seat: the caller's check may interrupt the wait, and call the library.
            Some(engine) => look(&mut Reader::of_calls(&engine)),
            None => self.call(|call| Ok(look(&mut call.reader()?)))?,
        };
        outcome.map_err(|leave| match leave {
            Leave::Failed(error) => error,
            Leave::Outside => Error::new(Status::Panic, "nothing is done outside of calls"),
        })
    }

    pub(crate) fn write(&self, opened: &Opened, op: &Op<'_>) -> Result<Outcome> {
        if let Some(engine) = self.outside()? {
            let mut alone = Alone { engine: &engine, interrupt: Interrupt::of_thread() };
            return apply(&mut alone, opened, op);
        }
        self.in_transaction(|txn| apply(txn, opened, op))
    }

    /// Runs `write` in the thread's current write transaction.
    fn in_transaction<R>(&self, write: impl FnOnce(&mut WriteTxn) -> Result<R>) -> Result<R> {
        self.call(|call| {
            match call.current() {
                Some(root) => root.check_writable()?,
                None => return Err(not_writing()),
            }
            write(call.reader()?.write().ok_or_else(not_writing)?)
        })
    }

    pub(crate) fn open_collection(&self, name: &str, create: Option<&Schema>) -> Result<Option<Opened>> {
        check_name(name)?;
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let make = |found: catalog::Found, unsettled| {
            let schema = Arc::new(found.schema);
            let target = engine.target(found.id, &schema, found.mean);
            Some(Opened::new(name, schema, target, unsettled))
        };
        let is_outside = self.outside()?.is_some();
        let found = if is_outside {
            engine.look_up(name)?
        } else {
            self.call(|call| match call.reader()?.txn()? {
                Some(txn) => txn.look_up(name),
                None => Err(not_writing()),
            })?
        };
        if let Some(found) = found {
            let unsettled = !is_outside && self.has_created(name)?;
            return Ok(make(found, unsettled));
        }
        let Some(schema) = create.filter(|_| !engine.settings.read_only) else { return Ok(None) };
        if is_outside {
            return Ok(make(engine.create_collection(name, schema)?, false));
        }
        Ok(make(self.in_transaction(|txn| txn.create(name, schema))?, true))
    }

    /// Returns true if the thread's write transaction has created a collection of this name.
    fn has_created(&self, name: &str) -> Result<bool> {
        self.call(|call| Ok(call.reader()?.write().is_some_and(|txn| txn.has_created(name))))
    }

    pub(crate) fn collections(&self) -> Result<Vec<CollectionInfo>> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let sql = engine.catalog_sql().list;
        if self.outside()?.is_some() {
            loop {
                let rows = engine.call(Access::Read, Some(Interrupt::of_thread()), |connection, waiting| {
                    one(engine.run_alone(connection, Access::Read, &[Step::once(&sql)], waiting)?)
                });
                match rows {
                    Ok(rows) => return catalog::listed(&rows),
                    Err(Fault::Refused(refusal)) if catalog::met_a_drop(&refusal) => {}
                    Err(fault) => return Err(fault.error()),
                }
            }
        }
        self.call(|call| match call.reader()?.txn()? {
            Some(txn) => catalog::listed(&one(txn.run(&[Step::once(&sql)])?).map_err(Fault::error)?),
            None => Err(not_writing()),
        })
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionInfo>> {
        check_name(name)?;
        let all = self.collections()?;
        Ok(all.into_iter().find(|info| info.name == name))
    }

    pub(crate) fn drop_collection(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        let Some(engine) = self.outside()? else {
            return self.in_transaction(|txn| txn.drop_collection(name));
        };
        let CatalogSql { drop, .. } = engine.catalog_sql();
        let rows = engine
            .call(Access::Write, Some(Interrupt::of_thread()), |connection, waiting| {
                let params = [Param::Text(name)];
                one(engine.run_alone(connection, Access::Write, &[Step::with(&drop, &params)], waiting)?)
            })
            .map_err(Fault::error)?;
        Ok(rows.int(0, 0).is_some())
    }

    /// Begins a snapshot in its own seat. The thread must not be in a transaction.
    pub(crate) fn snapshot_of(&self, _opened: &Opened) -> Result<Arc<Seat>> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let seat = Seat::new(&engine, &self.opening)?;
        seat.call(|call| {
            let level = Level { id: 0, write: false };
            let kind = RootKind::Snapshot(Snapshot::later(&engine));
            call.guarded().roots.push(Root { id: 0, kind, levels: vec![level] });
            call.guarded().current = Some(0);
            Ok(())
        })?;
        Ok(seat)
    }

    /// Makes all commits durable: a commit that is, is behind all earlier ones in the log.
    pub(crate) fn flush(&self) -> Result<()> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        engine.check_writable()?;
        let steps = [
            Step::once("BEGIN"),
            Step::once("SET LOCAL synchronous_commit = on"),
            Step::once("SELECT pg_current_xact_id()"),
            Step::once("COMMIT"),
        ];
        engine
            .call(Access::Write, Some(Interrupt::of_thread()), |connection, waiting| {
                connection.run(&steps, waiting).map(drop)
            })
            .map_err(Fault::error)
    }

    /// Returns a number that grows whenever a transaction of the server ends that has written.
    pub(crate) fn newest_commit(&self) -> Result<u64> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let sql = format!("SELECT {NEWEST}");
        let rows = engine
            .call(Access::Read, None, |connection, waiting| {
                one(engine.run_alone(connection, Access::Read, &[Step::once(&sql)], waiting)?)
            })
            .map_err(Fault::error)?;
        Ok(rows.int(0, 0).and_then(|newest| u64::try_from(newest).ok()).unwrap_or(0))
    }

    pub(crate) fn figures(&self) -> Result<Figures> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let sql = format!(
            "SELECT (SELECT coalesce(sum(pg_total_relation_size(class.oid)), 0)::bigint FROM pg_class class \
             JOIN pg_namespace space ON space.oid = class.relnamespace WHERE space.nspname = {} \
             AND class.relkind IN ('r', 'S')), current_setting('block_size')::bigint, \
             {NEWEST}",
            literal(&engine.url.schema)
        );
        let rows = engine
            .call(Access::Read, Some(Interrupt::of_thread()), |connection, waiting| {
                one(engine.run_alone(connection, Access::Read, &[Step::once(&sql)], waiting)?)
            })
            .map_err(Fault::error)?;
        let number = |column| rows.int(0, column).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let (file_size, page_size, last_txn) = (number(0), number(1), number(2));
        Ok(Figures {
            map_size: 0,
            file_size,
            page_size,
            pages_used: file_size.checked_div(page_size).unwrap_or(0),
            pages_free: 0,
            last_txn,
            max_readers: engine.settings.max_readers,
            readers: 0,
            oldest_reader_txn: last_txn,
            pages_held: 0,
            data_format: u32::try_from(FORMAT).unwrap_or(0),
            lock_format: 0,
        })
    }

    #[allow(clippy::unused_self)] // as the other engines'
    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        Err(unsupported("a list of readers"))
    }

    #[allow(clippy::unused_self)] // as the other engines'
    pub(crate) fn reap_readers(&self) -> Result<u32> {
        Err(unsupported("freeing reader slots"))
    }

    #[allow(clippy::unused_self)] // as the other engines'
    pub(crate) fn copy_to(&self, _path: &Path, _compact: bool) -> Result<bool> {
        Err(unsupported("a copy of the data file"))
    }

    #[allow(clippy::unused_self)] // as the other engines'
    pub(crate) fn check(&self) -> Result<Structure> {
        Err(unsupported("a check of the data file"))
    }
}

#[cold]
fn not_writing() -> Error {
    Error::new(Status::InSnapshot, "a snapshot is read-only; end it before writing")
}
