//! Runs statements outside of transactions: each is one round trip and commits by itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::Engine;
use crate::engine::postgres::connection::{Connection, Fault, Waiting, unreachable_server};
use crate::engine::postgres::opened::{Opened, Target};
use crate::engine::postgres::pool::Use;
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::sql::Verb;
use crate::engine::postgres::statement::{Param, Step};
use crate::engine::postgres::status::{
    READ_ONLY_TRANSACTION, Refusal, UNDEFINED_SCHEMA, UNDEFINED_TABLE, UNKNOWN_STATEMENT,
};
use crate::engine::schema::{gone, recreated};
use crate::engine::threads::thread_number;
use crate::error::{Error, Result, Status};

/// How often a call that was lost before it could change anything is tried on another connection.
const TRIES: u32 = 3;

/// How often a statement runs that meets other writers. Each time one of them has committed.
const CONFLICTS: u32 = 1000;

/// Returns the error of a write whose answer never came.
#[cold]
pub(super) fn outcome_unknown(why: &str) -> Error {
    Error::new(
        Status::CommitUnknown,
        format!(
            "the connection to PostgreSQL was lost before it confirmed the write ({why}): read what it has stored"
        ),
    )
}

/// Returns the error of a write that is not on the standby where it should be.
#[cold]
pub(super) fn not_replicated() -> Error {
    Error::new(
        Status::CommitUnknown,
        "the write is committed on the primary server, but the synchronous standby has not confirmed it: a fail-over \
         may lose it",
    )
}

/// The round trips of one call outside of transactions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Engine {
    /// Runs `run` with a connection. What cannot have changed anything is tried again on another connection, and what met
    /// another writer runs again. Must not run inside a call of the thread's seat if `interrupt` is given.
    pub(super) fn call<R>(
        &self,
        access: Access,
        interrupt: Option<Interrupt>,
        mut run: impl FnMut(&mut Connection, &Waiting) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let deadline = Deadline::after(self.settings.write_timeout);
        let mut patience = self.url.patience;
        if access == Access::Write {
            self.check_writable()?;
            self.turns.wait_until_free(thread_number(), &deadline)?;
            // The server waits for the write lock as long, and then answers.
            patience = patience.zip(self.settings.write_timeout).and_then(|(a, b)| a.checked_add(b));
        }
        let waiting = Waiting { patience, interrupt };
        let (mut lost, mut conflicts, mut stale) = (0, 0, 0);
        loop {
            let purpose = if access == Access::Read { Use::Read } else { Use::Call };
            let mut lease = self.lease_with(purpose, &deadline, waiting.interrupt.as_ref())?;
            let connection = lease.connection()?;
            let outcome = run(connection, &waiting);
            let is_replicated = !connection.take_not_replicated();
            match outcome {
                Ok(result) if access == Access::Read => return Ok(result),
                Ok(_) if !is_replicated => {
                    self.has_committed();
                    return Err(not_replicated().into());
                }
                Ok(result) => {
                    self.has_committed();
                    return Ok(result);
                }
                Err(Fault::Refused(refusal)) if refusal.is_conflict() && conflicts < CONFLICTS => {
                    conflicts += 1;
                }
                Err(Fault::Refused(refusal)) if is_stale(&refusal) && stale < TRIES => {
                    stale += 1;
                    if refusal.is(READ_ONLY_TRANSACTION) {
                        // A server that was the primary when the connection was made.
                        lease.discard();
                        self.pool.close_idle();
                    } else {
                        connection.forget_prepared();
                    }
                }
                Err(Fault::Lost(why)) if access == Access::Write => return Err(outcome_unknown(&why).into()),
                Err(Fault::Lost(why)) => {
                    lost += 1;
                    // The others have probably met the same end.
                    self.pool.close_idle();
                    if lost == TRIES {
                        return Err(unreachable_server(&why).into());
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Runs a statement on a collection's table. Returns `None` if the collection was created in a transaction that was
    /// aborted, and the statement only reads.
    pub(super) fn call_on<R>(
        &self,
        access: Access,
        interrupt: Option<&Interrupt>,
        opened: &Opened,
        mut run: impl FnMut(&mut Connection, &Target, &Waiting) -> Result<R, Fault>,
    ) -> Result<Option<R>> {
        loop {
            let target = opened.target();
            let outcome = self
                .call(access, interrupt.cloned(), |connection, waiting| run(connection, &target, waiting));
            match outcome {
                Ok(result) => return Ok(Some(result)),
                Err(Fault::Refused(refusal)) if is_gone(&refusal) => {
                    if !self.find_again(opened, access)? {
                        return Ok(None);
                    }
                }
                Err(fault) => return Err(fault.error()),
            }
        }
    }

    /// Runs one statement on a collection's table; see [`Engine::call_on`].
    pub(super) fn statement(
        &self,
        access: Access,
        interrupt: Option<&Interrupt>,
        opened: &Opened,
        verb: Verb,
        params: &[Param<'_>],
    ) -> Result<Option<Rows>> {
        self.call_on(access, interrupt, opened, |connection, target, waiting| {
            let statement = target.statement(verb);
            one(self.run_alone(
                connection,
                access,
                &[Step::prepared(&statement, params, self.url.prepares)],
                waiting,
            )?)
        })
    }

    /// Runs statements that together are one transaction.
    pub(super) fn run_alone(
        &self,
        connection: &mut Connection,
        access: Access,
        steps: &[Step<'_>],
        waiting: &Waiting,
    ) -> Result<Vec<Rows>, Fault> {
        self.send_alone(connection, access, waiting, |connection| connection.send(steps))
    }

    /// Runs the statements that `send` sends, which together are one transaction and one round trip.
    pub(super) fn send_alone(
        &self,
        connection: &mut Connection,
        access: Access,
        waiting: &Waiting,
        send: impl FnOnce(&mut Connection) -> Result<(), Fault>,
    ) -> Result<Vec<Rows>, Fault> {
        // Without a begin, the statements of one round trip are one transaction. Behind a pooler, settings of the session
        // may be those of another client, so there the transaction has its own.
        let begin = (!self.url.prepares).then(|| self.begin_alone(access));
        let notification = if access == Access::Write { self.notification() } else { None };
        if let Some((begin, settings)) = &begin {
            connection.send(&[Step::once(begin), Step::once(settings)])?;
        }
        connection.send_by(send)?;
        if let Some(notification) = &notification {
            connection.send(&[Step::once(notification)])?;
        }
        if begin.is_some() {
            connection.send(&[Step::once("COMMIT")])?;
        }
        match connection.finish(waiting) {
            Ok(mut rows) => {
                let more = usize::from(begin.is_some()) + usize::from(notification.is_some());
                rows.truncate(rows.len().saturating_sub(more));
                if begin.is_some() {
                    rows.drain(..2.min(rows.len()));
                }
                Ok(rows)
            }
            Err(fault) => {
                if begin.is_some() {
                    connection.run_unseen(&[Step::once("ROLLBACK")]);
                }
                Err(fault)
            }
        }
    }

    /// Finds the table of a collection whose table is gone. Returns false if there is none, and reading finds nothing.
    pub(super) fn find_again(&self, opened: &Opened, access: Access) -> Result<bool> {
        match self.look_up(&opened.name)? {
            Some(found) if found.schema == *opened.schema => {
                opened.move_to(self.target(found.id, &opened.schema, found.mean));
                Ok(true)
            }
            Some(found) => Err(recreated(&opened.name, &found.schema)),
            None if !opened.unsettled.load(Ordering::Relaxed) => Err(gone(&opened.name)),
            None if access == Access::Read => Ok(false),
            None => {
                let found = self.create_collection(&opened.name, &opened.schema)?;
                if found.schema != *opened.schema {
                    return Err(recreated(&opened.name, &found.schema));
                }
                opened.unsettled.store(false, Ordering::Relaxed);
                opened.move_to(self.target(found.id, &opened.schema, found.mean));
                Ok(true)
            }
        }
    }

    pub(super) fn target(
        &self,
        id: u64,
        schema: &Arc<crate::engine::schema::Schema>,
        mean: u64,
    ) -> Arc<Target> {
        Target::new(&self.url.schema, id, schema, mean)
    }
}

/// Returns the rows of the only statement.
pub(super) fn one(mut rows: Vec<Rows>) -> Result<Rows, Fault> {
    rows.pop()
        .ok_or_else(|| Error::new(Status::Panic, "PostgreSQL answered a statement with no result").into())
}

/// Returns true if a statement met a table that no longer exists.
pub(super) fn is_gone(refusal: &Refusal) -> bool {
    refusal.is(UNDEFINED_TABLE) || refusal.is(UNDEFINED_SCHEMA)
}

/// Returns true if what the connection remembers of the server no longer holds.
fn is_stale(refusal: &Refusal) -> bool {
    refusal.is(UNKNOWN_STATEMENT) || refusal.is(READ_ONLY_TRANSACTION)
}
