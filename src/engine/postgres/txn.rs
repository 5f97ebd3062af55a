//! Implements snapshots and write transactions. Each keeps a connection until it ends.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::engine::Wait;
use crate::engine::contract::Durability;
use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::Engine;
use crate::engine::postgres::call::{Access, is_gone, not_replicated, one, outcome_unknown};
use crate::engine::postgres::catalog::{self, Found};
use crate::engine::postgres::connection::{Connection, Fault, Waiting};
use crate::engine::postgres::opened::{Opened, Target};
use crate::engine::postgres::outcome::{ASK, Fate, Mark};
use crate::engine::postgres::pool::{Lease, Use};
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::{Verb, identifier};
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::status::{LOCK_NOT_AVAILABLE, Refusal};
use crate::engine::postgres::url::Writers;
use crate::engine::schema::{gone, recreated};
use crate::engine::threads::{self, thread_number};
use crate::error::{Error, Result, Status};

/// The savepoint around the first statement on each table, which may have been dropped.
const FIRST_USE: &str = "pc_first_use";

const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Returns a time as the server takes it: in milliseconds, at most those of an `int`; 0 means no limit.
pub(super) fn lock_timeout(wait: Option<Duration>) -> u128 {
    wait.map_or(0, |wait| wait.as_millis().clamp(1, 0x7fff_ffff))
}

/// A transaction of the server on a connection of its own.
pub(super) struct Txn {
    engine: Arc<Engine>,
    lease: Lease,
    /// Statements that go with the next round trip: they cannot fail in a way that matters to the caller.
    pending: Vec<String>,
    /// The tables that it has used, which nobody can drop until it ends.
    used: HashSet<u64>,
    /// The first failure, after which the server refuses everything.
    failed: Option<Error>,
    /// Distinguishes what was read in different transactions.
    number: u64,
    has_ended: bool,
}

impl Txn {
    fn new(engine: &Arc<Engine>, lease: Lease, begin: Vec<String>) -> Txn {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Txn {
            engine: Arc::clone(engine),
            lease,
            pending: begin,
            used: HashSet::new(),
            failed: None,
            // Far apart, since a write transaction's number is compared with that of a snapshot plus one.
            number: NEXT.fetch_add(1, Ordering::Relaxed) * 4,
            has_ended: false,
        }
    }

    /// Returns a snapshot that begins with its first round trip.
    pub(super) fn snapshot(engine: &Arc<Engine>, purpose: Use) -> Result<Txn> {
        Ok(Txn::new(engine, engine.lease(purpose)?, vec![BEGIN_SNAPSHOT.to_owned()]))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn check_usable(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(why) => Err(Error::new(
                Status::TxnFailed,
                format!("the transaction has failed before ({}); end it and begin another", why.message()),
            )),
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        count_conflict(Some(error.status()));
        self.failed.get_or_insert_with(|| error.clone());
        error
    }

    /// Sends what is pending, together with the steps that follow.
    fn send_pending(&mut self) -> Result<(usize, &mut Connection), Fault> {
        let pending = std::mem::take(&mut self.pending);
        let connection = self.lease.connection()?;
        for sql in &pending {
            connection.send(&[Step::once(sql)])?;
        }
        Ok((pending.len(), connection))
    }

    fn run_raw(&mut self, steps: &[Step<'_>], waiting: &Waiting) -> Result<Vec<Rows>, Fault> {
        let (skip, connection) = self.send_pending()?;
        connection.send(steps)?;
        let mut rows = connection.finish(waiting)?;
        rows.drain(..skip.min(rows.len()));
        Ok(rows)
    }

    /// Runs statements; a failure ends the use of the transaction.
    pub(super) fn run(&mut self, steps: &[Step<'_>]) -> Result<Vec<Rows>> {
        self.check_usable()?;
        let waiting = self.engine.waiting();
        self.run_raw(steps, &waiting).map_err(|fault| self.fail(fault.error()))
    }

    /// Runs a statement on a collection's table. Returns `None` if the collection was created in a transaction that was
    /// aborted.
    pub(super) fn statement(
        &mut self,
        opened: &Opened,
        verb: Verb,
        params: &[Param<'_>],
        after: Option<&str>,
    ) -> Result<Option<Vec<Rows>>> {
        self.on(opened, |txn, target| {
            let prepares = txn.engine.url.prepares;
            let statement = target.statement(verb);
            let step = Step::prepared(&statement, params, prepares);
            let waiting = txn.engine.waiting();
            let (skip, connection) = txn.send_pending()?;
            connection.send(&[step])?;
            if let Some(after) = after {
                connection.send(&[Step::once(after)])?;
            }
            let mut rows = connection.finish(&waiting)?;
            rows.drain(..skip.min(rows.len()));
            Ok(rows)
        })
    }

    /// Runs the statements on a collection's table that `send` sends, in one round trip.
    pub(super) fn many(
        &mut self,
        opened: &Opened,
        send: impl Fn(&mut Connection, &Target) -> Result<(), Fault>,
    ) -> Result<Option<Vec<Rows>>> {
        self.on(opened, |txn, target| {
            let waiting = txn.engine.waiting();
            let (skip, connection) = txn.send_pending()?;
            connection.send_by(|connection| send(connection, target))?;
            let mut rows = connection.finish(&waiting)?;
            rows.drain(..skip.min(rows.len()));
            Ok(rows)
        })
    }

    /// Runs `run` with a collection's table, within a savepoint at its first use.
    pub(super) fn on<R>(
        &mut self,
        opened: &Opened,
        mut run: impl FnMut(&mut Txn, &Target) -> Result<R, Fault>,
    ) -> Result<Option<R>> {
        self.check_usable()?;
        loop {
            let target = opened.target();
            if self.used.contains(&target.id) {
                return run(self, &target).map(Some).map_err(|fault| self.fail(fault.error()));
            }
            self.pending.push(format!("SAVEPOINT {FIRST_USE}"));
            match run(self, &target) {
                Ok(result) => {
                    self.pending.push(format!("RELEASE {FIRST_USE}"));
                    self.used.insert(target.id);
                    return Ok(Some(result));
                }
                Err(Fault::Refused(refusal)) if is_gone(&refusal) => {
                    self.pending.push(format!("ROLLBACK TO {FIRST_USE}"));
                    self.pending.push(format!("RELEASE {FIRST_USE}"));
                    match self.look_up(&opened.name)? {
                        Some(found) if found.schema == *opened.schema && found.id != target.id => {
                            opened.move_to(self.engine.target(found.id, &opened.schema, found.mean));
                        }
                        Some(found) if found.schema == *opened.schema => {
                            // It is in this snapshot's catalog, but its table was dropped since.
                            return Err(gone(&opened.name));
                        }
                        Some(found) => return Err(recreated(&opened.name, &found.schema)),
                        None if opened.unsettled.load(Ordering::Relaxed) => return Ok(None),
                        None => return Err(gone(&opened.name)),
                    }
                }
                Err(fault) => return Err(self.fail(fault.error())),
            }
        }
    }

    pub(super) fn look_up(&mut self, name: &str) -> Result<Option<Found>> {
        let sql = self.engine.catalog_sql().look;
        let rows = self.run(&[Step::with(&sql, &[Param::Text(name)])])?;
        catalog::found(name, &one(rows).map_err(Fault::error)?)
    }

    /// Begins now instead of with the first statement.
    fn begin_now(&mut self) -> Result<()> {
        // A snapshot is taken by the first query, and its moment is its begin.
        self.run(&[Step::once("SELECT 1")]).map(drop)
    }

    /// Ends it without waiting for the answer.
    fn leave(&mut self, how: &str) {
        let has_begun = !self.pending.iter().any(|sql| sql.starts_with("BEGIN"));
        if !std::mem::replace(&mut self.has_ended, true)
            && has_begun
            && let Ok(connection) = self.lease.connection()
        {
            connection.run_unseen(&[Step::once(how)]);
        }
    }
}

impl Drop for Txn {
    fn drop(&mut self) {
        self.leave("ROLLBACK");
    }
}

/// A consistent view of an environment. That of a single call has no transaction: its statement is one by itself.
pub(crate) struct Snapshot(State);

enum State {
    Call,
    /// Begins with the first read.
    Later(Arc<Engine>),
    Begun(Box<Txn>),
}

impl Snapshot {
    pub(super) fn of_call() -> Snapshot {
        Snapshot(State::Call)
    }

    /// A snapshot for an iterator, which begins with its first read.
    pub(super) fn later(engine: &Arc<Engine>) -> Snapshot {
        Snapshot(State::Later(Arc::clone(engine)))
    }

    /// A snapshot that begins now.
    pub(super) fn begin(engine: &Arc<Engine>) -> Result<Snapshot> {
        let mut txn = Txn::snapshot(engine, Use::Snapshot)?;
        txn.begin_now()?;
        Ok(Snapshot(State::Begun(Box::new(txn))))
    }

    /// Returns its transaction, or `None` for that of a single call.
    pub(super) fn txn(&mut self) -> Result<Option<&mut Txn>> {
        if let State::Later(engine) = &self.0 {
            self.0 = State::Begun(Box::new(Txn::snapshot(engine, Use::Iterator)?));
        }
        Ok(match &mut self.0 {
            State::Begun(txn) => Some(txn),
            _ => None,
        })
    }

    pub(super) fn number(&self) -> u64 {
        match &self.0 {
            State::Begun(txn) => txn.number(),
            _ => 0,
        }
    }
}

impl threads::Snapshot for Snapshot {
    fn reset(&mut self) {}

    fn recycle(&mut self) {
        self.0 = State::Call;
    }

    fn is_pinned(&self) -> bool {
        false
    }
}

/// A write transaction with its savepoints.
pub(crate) struct WriteTxn {
    pub(super) txn: Txn,
    has_turn: bool,
    savepoints: Vec<Savepoint>,
    /// The number of writes: data that was read before the last one may have changed.
    writes: u64,
    /// Known after the first write.
    mark: Option<Mark>,
    /// Collections that it has created or dropped, in order.
    changes: Vec<Change>,
}

struct Savepoint {
    name: String,
    changes: usize,
}

/// A change of the catalog.
enum Change {
    Created(String),
    Dropped(u64),
}

impl WriteTxn {
    /// Begins it. Must not run inside a call of the thread's seat.
    pub(super) fn begin(engine: &Arc<Engine>, wait: Wait, synced: bool) -> Result<WriteTxn> {
        engine.check_writable()?;
        let deadline = wait.deadline(engine.settings.write_timeout);
        let one_at_a_time = engine.url.writers == Writers::One;
        let has_turn = one_at_a_time;
        if has_turn {
            engine.turns.take(thread_number(), &deadline)?;
        }
        let begun = Self::begin_with_turn(engine, wait, &deadline, synced, has_turn);
        if begun.is_err() && has_turn {
            engine.turns.release();
        }
        begun
    }

    fn begin_with_turn(
        engine: &Arc<Engine>,
        wait: Wait,
        deadline: &Deadline,
        synced: bool,
        has_turn: bool,
    ) -> Result<WriteTxn> {
        let interrupt = Interrupt::of_thread();
        let lease = engine.lease_with(Use::Write, deadline, Some(&interrupt))?;
        // The rest of the time that the caller has.
        let left =
            deadline.moment().map(|moment| moment.saturating_duration_since(std::time::Instant::now()));
        let timeout = lock_timeout(left);
        let mut begin = vec![
            "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE".to_owned(),
            format!("SET LOCAL lock_timeout = {timeout}"),
        ];
        if !synced || engine.settings.durability != Durability::Full {
            begin.push("SET LOCAL synchronous_commit = off".to_owned());
        }
        let mode = if has_turn || is_in_trouble() { "EXCLUSIVE" } else { "ROW SHARE" };
        let nowait = if wait == Wait::For(Duration::ZERO) { " NOWAIT" } else { "" };
        begin.push(format!("LOCK TABLE {}.writer IN {mode} MODE{nowait}", identifier(&engine.url.schema)));
        let mut txn = Txn::new(engine, lease, begin);
        let patience = engine.url.patience.zip(left).and_then(|(answer, left)| answer.checked_add(left));
        let waiting = Waiting { patience, interrupt: Some(interrupt) };
        match txn.run_raw(&[], &waiting) {
            Ok(_) => {}
            Err(Fault::Refused(refusal)) if refusal.is(LOCK_NOT_AVAILABLE) => {
                return Err(engine.busy(&mut txn, &refusal, timeout));
            }
            Err(fault) => return Err(fault.error()),
        }
        Ok(WriteTxn { txn, has_turn, savepoints: Vec::new(), writes: 0, mark: None, changes: Vec::new() })
    }

    pub(super) fn number(&self) -> u64 {
        self.txn.number() + 2
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes
    }

    /// Fails if it has dropped the collection. Otherwise the server would fail, and with it the transaction.
    pub(super) fn check_not_dropped(&mut self, opened: &Opened) -> Result<bool> {
        let id = opened.target().id;
        if !self.changes.iter().any(|change| matches!(change, Change::Dropped(dropped) if *dropped == id)) {
            return Ok(true);
        }
        match self.txn.look_up(&opened.name)? {
            Some(found) if found.schema == *opened.schema => {
                opened.move_to(self.txn.engine.target(found.id, &opened.schema, found.mean));
                Ok(true)
            }
            Some(found) => Err(recreated(&opened.name, &found.schema)),
            None => Err(gone(&opened.name)),
        }
    }

    /// Runs a writing statement, and learns the transaction's number with the first one.
    pub(super) fn statement(&mut self, opened: &Opened, verb: Verb, params: &[Param<'_>]) -> Result<Rows> {
        self.check_not_dropped(opened)?;
        let ask = self.mark.is_none().then_some(ASK);
        loop {
            let done = self.txn.statement(opened, verb, params, ask)?;
            self.writes += 1;
            if let Some(mut rows) = done {
                if ask.is_some() {
                    self.mark = rows.pop().and_then(|rows| Mark::read(&rows));
                }
                return one(rows).map_err(Fault::error);
            }
            self.create_again(opened)?;
        }
    }

    /// Creates a collection whose own transaction was aborted.
    pub(super) fn create_again(&mut self, opened: &Opened) -> Result<()> {
        let found = self.create(&opened.name, &opened.schema)?;
        if found.schema != *opened.schema {
            return Err(recreated(&opened.name, &found.schema));
        }
        opened.move_to(self.txn.engine.target(found.id, &opened.schema, found.mean));
        Ok(())
    }

    /// Creates a collection, or finds it.
    pub(super) fn create(&mut self, name: &str, schema: &crate::engine::schema::Schema) -> Result<Found> {
        self.txn.check_usable()?;
        let engine = Arc::clone(&self.txn.engine);
        let waiting = engine.waiting();
        let created = self.txn.run_raw(&[], &waiting).and_then(|_| {
            let connection = self.txn.lease.connection()?;
            engine.create_in(connection, &waiting, name, schema, None)
        });
        let found = created.map_err(|fault| self.txn.fail(fault.error()))?;
        self.ask_for_mark()?;
        self.changes.push(Change::Created(name.to_owned()));
        self.writes += 1;
        Ok(found)
    }

    /// Drops a collection. Returns false if there is none.
    pub(super) fn drop_collection(&mut self, name: &str) -> Result<bool> {
        let sql = self.txn.engine.catalog_sql().drop;
        let rows = self.txn.run(&[Step::with(&sql, &[Param::Text(name)])])?;
        self.writes += 1;
        let dropped = one(rows).map_err(Fault::error)?.int(0, 0).and_then(|id| u64::try_from(id).ok());
        if let Some(id) = dropped {
            self.ask_for_mark()?;
            self.changes.push(Change::Dropped(id));
        }
        Ok(dropped.is_some())
    }

    fn ask_for_mark(&mut self) -> Result<()> {
        if self.mark.is_none() {
            let rows = self.txn.run(&[Step::once(ASK)])?;
            self.mark = Mark::read(&one(rows).map_err(Fault::error)?);
        }
        Ok(())
    }

    /// Learns the transaction's number after writes that did not ask for it.
    pub(super) fn has_written(&mut self) -> Result<()> {
        self.writes += 1;
        self.ask_for_mark()
    }

    /// Returns true if only this transaction has added the name to the catalog.
    pub(super) fn has_created(&self, name: &str) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Created(own) if own == name))
    }
}

impl Drop for WriteTxn {
    fn drop(&mut self) {
        // The server frees the lock when it reads this, before it can read what the next writer sends.
        self.txn.leave("ROLLBACK");
        if std::mem::take(&mut self.has_turn) {
            self.txn.engine.turns.release();
        }
    }
}

impl threads::WriteTxn for WriteTxn {
    fn begin_savepoint(&mut self) -> Result<()> {
        self.txn.check_usable()?;
        let name = format!("pc_{}", self.savepoints.len());
        self.txn.pending.push(format!("SAVEPOINT {name}"));
        self.savepoints.push(Savepoint { name, changes: self.changes.len() });
        Ok(())
    }

    fn commit_savepoint(&mut self) -> Result<()> {
        if let Some(savepoint) = self.savepoints.pop() {
            self.txn.check_usable()?;
            self.txn.pending.push(format!("RELEASE {}", savepoint.name));
        }
        Ok(())
    }

    fn abort_savepoint(&mut self) {
        if let Some(Savepoint { name, changes }) = self.savepoints.pop() {
            self.txn.pending.push(format!("ROLLBACK TO {name}"));
            self.txn.pending.push(format!("RELEASE {name}"));
            self.changes.truncate(changes);
            // The locks of the tables that were first used since are gone.
            self.txn.used.clear();
            self.writes += 1;
        }
    }

    fn check_usable(&self) -> Result<()> {
        self.txn.check_usable()
    }

    fn commit(mut self) -> Result<()> {
        if self.txn.failed.is_some() {
            return self.txn.check_usable();
        }
        let engine = Arc::clone(&self.txn.engine);
        let waiting = Waiting { patience: engine.url.patience, interrupt: None };
        if self.writes > 0 {
            self.txn.pending.extend(engine.notification());
        }
        let committed = self.txn.run_raw(&[Step::once("COMMIT")], &waiting);
        self.txn.has_ended = true;
        let is_replicated = !self.txn.lease.connection().is_ok_and(Connection::take_not_replicated);
        let outcome = match committed {
            Ok(_) if !is_replicated => Err(not_replicated()),
            Ok(_) => Ok(()),
            Err(Fault::Refused(refusal)) => Err(refusal.error()),
            // What has written nothing has no outcome.
            Err(_) if self.writes == 0 => Ok(()),
            Err(fault) => {
                let why = fault.error();
                self.txn.lease.discard();
                match self.mark.take().map(|mark| engine.fate(&mark)) {
                    Some(Fate::Committed) => Ok(()),
                    Some(Fate::Aborted) => Err(why),
                    Some(Fate::Unknown) | None => Err(outcome_unknown(why.message())),
                }
            }
        };
        if self.writes > 0 && outcome.is_ok() {
            engine.has_committed();
        }
        count_conflict(outcome.as_ref().err().map(Error::status));
        outcome
    }

    fn abort(self) {}
}

impl Engine {
    /// Returns the error of a transaction that did not get the write lock, with the holder as far as the server tells.
    fn busy(&self, txn: &mut Txn, refusal: &Refusal, timeout: u128) -> Error {
        let sql = format!(
            "SELECT string_agg(format('server process %s (%s) has held it since %s', pid, \
             coalesce(nullif(application_name, ''), 'unnamed'), xact_start), '; ') \
             FROM pg_locks JOIN pg_stat_activity USING (pid) \
             WHERE relation = '{}.writer'::regclass AND granted AND mode = 'ExclusiveLock'",
            identifier(&self.url.schema).replace('\'', "''")
        );
        let waiting = self.waiting();
        let holder = txn.lease.connection().ok().and_then(|connection| {
            let rows = connection.run(&[Step::once("ROLLBACK"), Step::once(&sql)], &waiting).ok()?;
            rows.last()?.text(0, 0).map(str::to_owned)
        });
        txn.has_ended = true;
        match holder {
            Some(holder) => {
                Error::new(Status::Busy, format!("the write lock was not free within {timeout} ms: {holder}"))
            }
            None => refusal.error(),
        }
    }
}

/// How many conflicts in a row make a thread's next transaction exclude all others.
const TROUBLE: u32 = 3;

thread_local! {
    static CONFLICTS: Cell<u32> = const { Cell::new(0) };
}

/// Counts the conflicts of the calling thread's transactions; a commit without a failure ends the row.
fn count_conflict(failure: Option<Status>) {
    // While the thread ends, nothing is counted.
    let _ = CONFLICTS.try_with(|count| match failure {
        Some(Status::Conflict) => count.set(count.get().saturating_add(1)),
        Some(_) => {}
        None => count.set(0),
    });
}

fn is_in_trouble() -> bool {
    CONFLICTS.try_with(Cell::get).unwrap_or(0) >= TROUBLE
}

impl Engine {
    /// Returns the statement that begins a call behind a pooler, and its settings.
    pub(super) fn begin_alone(&self, access: Access) -> (&'static str, String) {
        let begin = match (access, self.url.writers) {
            (Access::Read, Writers::One) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
            (Access::Read, Writers::Many) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
            (Access::Write, Writers::One) => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            (Access::Write, Writers::Many) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
        };
        let timeout = lock_timeout(self.settings.write_timeout);
        let sync = if self.settings.durability == Durability::Full { "on" } else { "off" };
        let settings = format!(
            "SELECT set_config('lock_timeout', '{timeout}', true), set_config('synchronous_commit', '{sync}', true)"
        );
        (begin, settings)
    }
}
