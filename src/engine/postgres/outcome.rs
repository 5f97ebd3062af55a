//! Finds out whether a transaction committed whose connection was lost.

use std::time::{Duration, Instant};

use crate::engine::postgres::Engine;
use crate::engine::postgres::connection::Fault;
use crate::engine::postgres::pool::Use;
use crate::engine::postgres::rows::Rows;
use crate::engine::postgres::statement::{Param, Step};

/// Asks for what identifies a transaction: its number, a place in the log behind its first write, and the end of the last
/// recovery. Runs after the first write, so that the number exists.
pub(super) const ASK: &str = "SELECT pg_current_xact_id()::text, pg_current_wal_insert_lsn()::text, \
    coalesce(pg_last_wal_replay_lsn()::text, '')";

/// How long to ask for the fate of a transaction.
const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two attempts to reach a server.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the server waits between two looks at a transaction that is still in progress.
const STILL_IN_PROGRESS: &str = "SELECT pg_sleep(0.05)";

/// What identifies a transaction.
pub(super) struct Mark {
    number: String,
    written: String,
    recovered: String,
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Aborted,
    Unknown,
}

impl Mark {
    pub(super) fn read(rows: &Rows) -> Option<Mark> {
        let text = |column| rows.text(0, column).map(str::to_owned);
        Some(Mark { number: text(0)?, written: text(1)?, recovered: text(2)? })
    }
}

impl Engine {
    /// Finds out what became of a transaction, on a new connection.
    pub(super) fn fate(&self, mark: &Mark) -> Fate {
        let Some(deadline) = Instant::now().checked_add(PATIENCE) else { return Fate::Unknown };
        while Instant::now() < deadline {
            match self.ask_for_fate(mark) {
                Ok(Some(fate)) => return fate,
                Ok(None) => {}
                // The server may be restarting, or another one may be taking over: neither sends a notice.
                Err(Fault::Failed(_) | Fault::Lost(_)) => std::thread::sleep(PAUSE),
                Err(Fault::Refused(_)) => return Fate::Unknown,
            }
        }
        Fate::Unknown
    }

    /// Asks once. Returns `None` if the transaction is in progress.
    ///
    /// A transaction's number is given to another one if no record of it survived a recovery. Its records end behind
    /// `written`: a recovery that ended before has lost its commit, too, and one that ended later has kept its number.
    fn ask_for_fate(&self, mark: &Mark) -> Result<Option<Fate>, Fault> {
        const SQL: &str = "SELECT CASE \
            WHEN coalesce(pg_last_wal_replay_lsn()::text, '') <> $2 AND pg_last_wal_replay_lsn() < $3::pg_lsn \
            THEN 'aborted' \
            WHEN $1::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'aborted' \
            ELSE coalesce(pg_xact_status($1::xid8), 'unknown') END";
        let mut lease = self.lease(Use::Call)?;
        let params = [Param::Text(&mark.number), Param::Text(&mark.recovered), Param::Text(&mark.written)];
        let waiting = self.waiting();
        let connection = lease.connection()?;
        let rows = connection.run(&[Step::with(SQL, &params)], &waiting)?;
        match rows.first().and_then(|rows| rows.text(0, 0)) {
            Some("committed") => Ok(Some(Fate::Committed)),
            Some("aborted") => Ok(Some(Fate::Aborted)),
            Some("in progress") => connection.run(&[Step::once(STILL_IN_PROGRESS)], &waiting).map(|_| None),
            _ => Ok(Some(Fate::Unknown)),
        }
    }
}
