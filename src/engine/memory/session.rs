//! Implements the calls of a thread, and the engine's part of the seats of threads.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::engine::memory::opened::Opened;
use crate::engine::memory::reader::Reader;
use crate::engine::memory::txn::{Snapshot, WriteTxn};
use crate::engine::memory::{Engine, Seat};
use crate::engine::schema::{CollectionInfo, Schema, check_name};
use crate::engine::threads::root::{Level, Root, RootKind};
use crate::engine::threads::seats::{Mine, Seats, thread_local_seats};
use crate::engine::threads::{Begin, Begun, Seated, WriteTxn as _};
use crate::engine::{Figures, Leave, Op, Outcome, ReaderFigures, Structure, Wait};
use crate::error::{Error, Result, Status};

thread_local_seats!(Engine);

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

    fn renew(self: &Arc<Self>, pooled: &mut Option<Snapshot>) -> Result<(), Begin<Infallible>> {
        match pooled {
            Some(snapshot) => snapshot.renew(),
            None => *pooled = Some(Snapshot::begin(self)),
        }
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

    fn begin_write(self: &Arc<Self>, wait: Wait, _synced: bool) -> Result<Box<WriteTxn>> {
        WriteTxn::begin(self, wait).map(Box::new)
    }
}

impl Seat {
    /// Reads in the thread's current transaction or in the newest snapshot.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&mut Reader<'_>) -> Result<R, Leave>) -> Result<R> {
        self.call(|call| match look(&mut call.reader()?) {
            Ok(result) => Ok(result),
            Err(Leave::Failed(error)) => Err(error),
            Err(Leave::Outside) => Err(Error::new(Status::Panic, "nothing is done outside of calls")),
        })
    }

    /// Writes in the thread's current transaction, or in its own.
    fn in_write_txn<R>(&self, write: impl Fn(&mut Reader<'_>) -> Result<R>) -> Result<R> {
        let written = self.call(|call| {
            let Some(root) = call.current() else { return Ok(Err(Arc::clone(call.engine()?))) };
            root.check_writable()?;
            write(&mut call.reader()?).map(Ok)
        })?;
        let engine = match written {
            Ok(result) => return Ok(result),
            Err(engine) => engine,
        };
        let mut txn = WriteTxn::begin(&engine, Wait::Default)?;
        let result = write(&mut Reader::of_write(&engine, &mut txn))?;
        txn.commit()?;
        Ok(result)
    }

    pub(crate) fn write(&self, opened: &Opened, op: &Op<'_>) -> Result<Outcome> {
        self.in_write_txn(|reader| {
            let found = reader.find(opened)?;
            let txn = reader.write().ok_or_else(not_writing)?;
            let id = found.unwrap_or_else(|| txn.create(&opened.name, Arc::clone(&opened.schema)));
            txn.apply(id, op)
        })
    }

    pub(crate) fn open_collection(&self, name: &str, create: Option<&Schema>) -> Result<Option<Opened>> {
        check_name(name)?;
        let opened = |schema, unsettled| {
            let unsettled = AtomicBool::new(unsettled);
            Some(Opened { name: name.to_owned(), schema, unsettled })
        };
        if let Some(live) = self.read(|reader| Ok(reader.live(name)))? {
            return Ok(opened(live.schema, false));
        }
        let is_read_only = self.call(|call| Ok(call.engine()?.is_read_only()))?;
        let Some(schema) = create.filter(|_| !is_read_only) else { return Ok(None) };
        let in_transaction = self.innermost()?.is_some();
        let schema = Arc::new(schema.try_clone()?);
        let schema = self.in_write_txn(|reader| {
            // Another thread may have created it in between.
            if let Some(live) = reader.live(name) {
                return Ok(live.schema);
            }
            reader.write().ok_or_else(not_writing)?.create(name, Arc::clone(&schema));
            Ok(Arc::clone(&schema))
        })?;
        Ok(opened(schema, in_transaction))
    }

    pub(crate) fn collections(&self) -> Result<Vec<CollectionInfo>> {
        self.read(|reader| {
            let names = reader
                .look(|table, at| table.catalog.all(at).map(|(name, _)| name.clone()).collect::<Vec<_>>());
            Ok(names.iter().filter_map(|name| info(reader, name)).collect())
        })
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Option<CollectionInfo>> {
        check_name(name)?;
        self.read(|reader| Ok(info(reader, name)))
    }

    pub(crate) fn drop_collection(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        self.in_write_txn(|reader| {
            let exists = reader.live(name).is_some();
            if exists {
                reader.write().ok_or_else(not_writing)?.drop_name(name);
            }
            Ok(exists)
        })
    }

    /// Begins a snapshot in its own seat. The thread must not be in a transaction.
    pub(crate) fn snapshot_of(&self, opened: &Opened) -> Result<Arc<Seat>> {
        let engine = self.call(|call| Ok(Arc::clone(call.engine()?)))?;
        let seat = Seat::new(&engine, &self.opening)?;
        let snapshot = self.call(|call| {
            call.reader()?.find(opened)?;
            call.snapshot()
        })?;
        seat.call(|call| {
            let level = Level { id: 0, write: false };
            let root = Root { id: 0, kind: RootKind::Snapshot(snapshot), levels: vec![level] };
            call.guarded().roots.push(root);
            call.guarded().current = Some(0);
            Ok(())
        })?;
        Ok(seat)
    }

    pub(crate) fn flush(&self) -> Result<()> {
        self.call(|_| Ok(()))
    }

    pub(crate) fn figures(&self) -> Result<Figures> {
        self.call(|call| {
            let engine = call.engine()?;
            let table = engine.stored.lock();
            Ok(Figures {
                map_size: 0,
                file_size: 0,
                page_size: 0,
                pages_used: 0,
                pages_free: 0,
                last_txn: table.last,
                max_readers: engine.settings.max_readers,
                readers: u32::try_from(table.snapshots.values().sum::<usize>()).unwrap_or(u32::MAX),
                oldest_reader_txn: table.oldest(),
                pages_held: 0,
                data_format: 0,
                lock_format: 0,
            })
        })
    }

    pub(crate) fn readers(&self) -> Result<Vec<ReaderFigures>> {
        self.call(|_| Ok(Vec::new()))
    }

    pub(crate) fn reap_readers(&self) -> Result<u32> {
        self.call(|_| Ok(0))
    }

    #[allow(clippy::unused_self)] // as the other engine's
    pub(crate) fn copy_to(&self, _path: &Path, _compact: bool) -> Result<bool> {
        Err(Error::new(Status::Unsupported, "an environment in memory has no files to copy"))
    }

    /// Returns the figures without a check: data in memory cannot be damaged.
    pub(crate) fn check(&self) -> Result<Structure> {
        let collections = self.collections()?.len() as u64;
        Ok(Structure { pages: 0, used: 0, free: 0, lost: 0, collections })
    }
}

#[cold]
fn not_writing() -> Error {
    Error::new(Status::InSnapshot, "a snapshot is read-only; end it before writing")
}

fn info(reader: &Reader<'_>, name: &str) -> Option<CollectionInfo> {
    let live = reader.live(name)?;
    let len = reader
        .look(|table, at| table.records.get(&live.id).map_or(0, |records| records.all(at).count() as u64));
    Some(CollectionInfo { name: name.to_owned(), schema: live.schema.try_clone().ok(), len })
}
