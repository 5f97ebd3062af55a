//! Keeps the connections of an environment in this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::deadline::Deadline;
use crate::engine::interrupt::Interrupt;
use crate::engine::postgres::connection::Connection;
use crate::engine::threads::thread_number;
use crate::error::{Error, Result, Status};
use crate::platform::fork;
use crate::platform::sync::{Condvar, Mutex};

/// What a connection is taken for, as error messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Read,
    Call,
    Snapshot,
    Iterator,
    Write,
}

impl Use {
    const fn name(self, several: bool) -> &'static str {
        match (self, several) {
            (Use::Read | Use::Call, false) => "call",
            (Use::Read | Use::Call, true) => "calls",
            (Use::Snapshot, false) => "snapshot",
            (Use::Snapshot, true) => "snapshots",
            (Use::Iterator, false) => "iterator",
            (Use::Iterator, true) => "iterators",
            (Use::Write, false) => "write transaction",
            (Use::Write, true) => "write transactions",
        }
    }
}

struct Holder {
    purpose: Use,
    thread: u64,
    since: Instant,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    held: BTreeMap<u64, Holder>,
    taken: u64,
}

/// The connections of an environment: at most `size` at a time.
pub(super) struct Pool {
    size: usize,
    state: Mutex<State>,
    freed: Condvar,
}

/// A connection that is taken from the pool until it is dropped.
pub(super) struct Lease {
    pool: Arc<Pool>,
    process: u64,
    number: u64,
    /// `None` if no connection could be made.
    connection: Option<Connection>,
}

impl Pool {
    pub(super) fn new(size: usize) -> Arc<Pool> {
        Arc::new(Pool { size, state: Mutex::default(), freed: Condvar::default() })
    }

    /// Takes a connection that is free, or makes one with `connect`. Waits until `deadline` if all are in use.
    pub(super) fn take(
        self: &Arc<Pool>,
        purpose: Use,
        deadline: &Deadline,
        interrupt: Option<&Interrupt>,
        connect: impl Fn() -> Result<Connection>,
    ) -> Result<Lease> {
        let mut state = self.state.lock();
        while state.held.len() >= self.size {
            let moment = deadline.moment();
            let in_time = match interrupt {
                Some(interrupt) => interrupt.wait(&self.freed, &mut state, moment)?,
                None => Interrupt::none().wait(&self.freed, &mut state, moment)?,
            };
            if !in_time && state.held.len() >= self.size {
                return Err(exhausted(&state, self.size));
            }
        }
        state.taken += 1;
        let number = state.taken;
        state.held.insert(number, Holder { purpose, thread: thread_number(), since: Instant::now() });
        let idle = state.idle.pop();
        drop(state);
        // A call that is safe to repeat finds out by itself whether the server has closed the connection.
        let must_live = purpose != Use::Read;
        let mut lease = Lease { pool: Arc::clone(self), process: fork::process(), number, connection: idle };
        while let Some(connection) = &mut lease.connection {
            if connection.is_usable() && (!must_live || connection.is_alive()) {
                return Ok(lease);
            }
            // The server has closed it, and perhaps the others as well.
            lease.connection = self.state.lock().idle.pop();
        }
        lease.connection = Some(connect()?);
        Ok(lease)
    }

    /// Closes the connections that nobody uses.
    pub(super) fn close_idle(&self) {
        let idle = std::mem::take(&mut self.state.lock().idle);
        drop(idle);
    }
}

#[cold]
fn exhausted(state: &State, size: usize) -> Error {
    let mut uses: BTreeMap<Use, Vec<&Holder>> = BTreeMap::new();
    for holder in state.held.values() {
        uses.entry(holder.purpose).or_default().push(holder);
    }
    let held: Vec<String> = uses
        .iter()
        .map(|(purpose, holders)| {
            let oldest = holders.iter().map(|holder| holder.since.elapsed().as_millis()).max().unwrap_or(0);
            let mut threads: Vec<u64> = holders.iter().map(|holder| holder.thread).collect();
            threads.sort_unstable();
            threads.dedup();
            let threads: Vec<String> = threads.iter().map(u64::to_string).collect();
            let count = holders.len();
            format!(
                "{count} {} of thread {}, for up to {oldest} ms",
                purpose.name(count != 1),
                threads.join(", ")
            )
        })
        .collect();
    Error::new(
        Status::Busy,
        format!(
            "all {size} connections of this process are in use: {}; end some, or raise pool= in the URL",
            held.join("; ")
        ),
    )
}

impl Lease {
    pub(super) fn connection(&mut self) -> Result<&mut Connection> {
        self.connection
            .as_mut()
            .ok_or_else(|| Error::new(Status::Unavailable, "the connection to PostgreSQL is closed"))
    }

    /// Closes the connection instead of keeping it for the next caller.
    pub(super) fn discard(&mut self) {
        self.connection = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.process != fork::process() {
            // The pool is the parent's, and may have been locked at the fork.
            return;
        }
        let connection = self.connection.take().filter(Connection::is_usable);
        let mut state = self.pool.state.lock();
        state.held.remove(&self.number);
        let mut surplus = None;
        if let Some(connection) = connection {
            if state.idle.len() < self.pool.size {
                state.idle.push(connection);
            } else {
                surplus = Some(connection);
            }
        }
        drop(state);
        drop(surplus);
        self.pool.freed.notify_one();
    }
}
