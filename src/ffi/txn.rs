//! Transactions.

use std::ffi::c_void;
use std::time::Duration;

use super::argument::{Out, invalid};
use super::boundary::boundary;
use super::handle::{self, pc_env, pc_txn};
use super::status::{PC_OK, pc_status};
use crate::engine::interrupt::set_interrupt;
use crate::engine::{Access, Wait, set_reads_wait};
use crate::error::Result;
use crate::store::stack::TxnRef;

/// A snapshot: sees one state of all collections, and writes nothing.
pub const PC_TXN_READ: i32 = 1;
/// Sees and changes all collections, as one.
pub const PC_TXN_WRITE: i32 = 2;
/// With `PC_TXN_WRITE`: the commit does not wait for stable storage, whatever the environment's durability is. A crash
/// of the system may lose the commits since the last `pc_flush` or durable commit, or damage the file; a crash of the
/// process loses nothing. Inside another write transaction it has no effect.
pub const PC_TXN_NO_SYNC: i32 = 4;

/// Begins a transaction and makes it the calling thread's current one for this environment: until it ends, every
/// call of this thread on this environment's collections is part of it.
///
/// - `kind`: `PC_TXN_READ`, `PC_TXN_WRITE`, or `PC_TXN_WRITE | PC_TXN_NO_SYNC`.
/// - `timeout_ms`: how long to wait for the write lock; 0 does not wait, a negative number means the environment's
///   `write_timeout_ms`. A snapshot, and a transaction inside another one, never waits.
/// - `out`: receives the handle, which `pc_txn_commit` or `pc_txn_abort` ends. Not `NULL`.
///
/// Transactions of a thread and environment nest. Inside a snapshot, `PC_TXN_READ` is the same snapshot and
/// `PC_TXN_WRITE` is refused. Inside a write transaction, `PC_TXN_READ` sees the writes so far and refuses new ones
/// until it ends, and `PC_TXN_WRITE` is a savepoint. A write transaction belongs to its thread. The caller must not
/// hold a lock of the host language's runtime while this waits.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_SNAPSHOT`;
/// `PC_ERR_TXN_FAILED`; `PC_ERR_BUSY`: the message names the holder; `PC_ERR_READ_ONLY`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_MAP_BUSY`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_txn_begin(
    env: pc_env,
    kind: i32,
    timeout_ms: i64,
    out: *mut pc_txn,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let access = access_from(kind)?;
        let wait = match u64::try_from(timeout_ms) {
            Ok(timeout) => Wait::For(Duration::from_millis(timeout)),
            Err(_) => Wait::Default,
        };
        let environment = handle::env(env)?;
        let outer = TxnRef::current(environment.shared())?;
        let begun = handle::insert_txn(env, outer, TxnRef::begin(environment.shared(), access, wait)?)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(begun) };
        Ok(PC_OK)
    })
}

/// Commits a transaction. This ends it whatever the status, except for the three after which it continues. When the
/// call returns, an outermost write transaction is as durable as the environment, except with `PC_TXN_NO_SYNC`; a
/// savepoint becomes part of the transaction around it.
///
/// The handle and those of its iterators are closed, and pointers from `pc_dict_get_ref` become invalid. Only the
/// thread that began the transaction may call this.
///
/// Statuses: `PC_OK`; `PC_ERR_WRONG_THREAD`, `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it continues;
/// `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_TXN_FAILED`: it had failed, and was aborted; `PC_ERR_MAP_FULL`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_COMMIT_UNKNOWN`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_txn_commit(txn: pc_txn) -> pc_status {
    boundary!({
        handle::end_txn(txn, TxnRef::commit)?;
        Ok(PC_OK)
    })
}

/// Aborts a transaction: undoes its writes and ends it.
///
/// The handle and those of its iterators are closed, and pointers from `pc_dict_get_ref` become invalid. A call from
/// another thread only marks the transaction; its own thread aborts it, in its next call or when it ends.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: it has ended already; `PC_ERR_NOT_INNERMOST`, `PC_ERR_FORKED`: it continues;
/// `PC_ERR_ENV_FAILED`: it was aborted, and the environment has failed.
#[unsafe(no_mangle)]
pub extern "C" fn pc_txn_abort(txn: pc_txn) -> pc_status {
    boundary!({
        handle::end_txn(txn, TxnRef::abort)?;
        Ok(PC_OK)
    })
}

/// Returns the calling thread's innermost transaction of an environment.
///
/// - `out`: receives its handle, or id 0 if there is none. Not `NULL`.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_txn_current(env: pc_env, out: *mut pc_txn) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let current = handle::txn_of_number(TxnRef::current(handle::env(env)?.shared())?);
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(current) };
        Ok(PC_OK)
    })
}

/// Makes another of the thread's transactions its current one, or none: for bindings whose tasks share a thread.
///
/// - `txn`: a transaction of this environment and thread, or id 0: the thread's calls then run outside of any
///   transaction until another is set.
/// - `previous`: receives the one that was current, or id 0 if there was none; may be `NULL`.
///
/// A transaction that is not current continues; its thread must make it current again to end it.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_INVALID_ARGUMENT`: of another environment;
/// `PC_ERR_WRONG_THREAD`; `PC_ERR_NOT_INNERMOST`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_txn_set_current(env: pc_env, txn: pc_txn, previous: *mut pc_txn) -> pc_status {
    boundary!({
        let environment = handle::env(env)?;
        let next = if txn.id == 0 { None } else { Some(handle::txn(txn)?) };
        let before = TxnRef::set_current(environment.shared(), next.as_ref())?;
        // SAFETY: the header's contract for outputs.
        unsafe { Out::optional(previous).write(handle::txn_of_number(before)) };
        Ok(PC_OK)
    })
}

/// Sets whether the calling thread's reads may wait for the write lock; by default, they may.
///
/// - `wait`: whether they may.
///
/// A read rarely waits: only if a thread of this process is writing and another process has created or removed a
/// collection since it was opened here, or has outgrown the memory map. While `wait` is false, such a read fails at
/// once, with `PC_ERR_BUSY` or `PC_ERR_MAP_BUSY`. A caller that holds a lock of its host language's runtime then
/// releases it, and reads again with `wait` true.
///
/// Affects only the calling thread, and only reads.
///
/// Returns: the previous setting.
#[unsafe(no_mangle)]
pub extern "C" fn pc_set_reads_wait(wait: bool) -> bool {
    boundary!(true, { set_reads_wait(wait) })
}

/// The function that `pc_set_interrupt` sets: returns 0 to continue the wait. It must return normally: neither an
/// exception nor a `longjmp` may leave it.
pub type pc_interrupt = Option<unsafe extern "C" fn(context: *mut c_void) -> i32>;

/// Sets a function that can end the calling thread's waits for other writers.
///
/// - `check`: called about every 50 ms while a call of this thread waits for the write lock (to begin a transaction, to
///   write outside of one, to open a collection) or, in `pc_env_wait`, for a commit. If it returns a number other than 0, that call fails with
///   `PC_ERR_INTERRUPTED` and has written nothing. Calls that do not wait do not call it. `NULL` removes it. It may
///   call this library.
/// - `context`: passed to `check` unchanged.
///
/// For language runtimes that handle signals only in their own code: `check` handles them, and returns whether one of
/// them ends the wait. Affects only the calling thread. A wait for a program that holds LMDB's own lock without this
/// library cannot be interrupted.
///
/// Statuses: `PC_OK`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_set_interrupt(check: pc_interrupt, context: *mut c_void) -> pc_status {
    boundary!({
        set_interrupt(check.map(|check| -> Box<dyn Fn() -> bool> {
            // SAFETY: the header asks for a function that may be called with this context as long as it is set.
            Box::new(move || unsafe { check(context) } != 0)
        }));
        Ok(PC_OK)
    })
}

fn access_from(kind: i32) -> Result<Access> {
    const UNSYNCED: i32 = PC_TXN_WRITE | PC_TXN_NO_SYNC;
    match kind {
        PC_TXN_READ => Ok(Access::Read),
        PC_TXN_WRITE => Ok(Access::Write),
        UNSYNCED => Ok(Access::WriteUnsynced),
        other => Err(invalid(format!(
            "kind is {other}; pass PC_TXN_READ, PC_TXN_WRITE or PC_TXN_WRITE | PC_TXN_NO_SYNC"
        ))),
    }
}
