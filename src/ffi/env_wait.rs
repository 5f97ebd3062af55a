//! Waits for commits, and reports what an environment's engine can do.

use std::time::Duration;

use super::argument::{Out, invalid};
use super::boundary::boundary;
use super::handle::{self, pc_env};
use super::status::{PC_OK, PC_TIMEOUT, pc_status};
use crate::engine::Traits;

/// The data is on another machine or in another process: each call may be a round trip.
pub const PC_TRAIT_REMOTE: u32 = 0x1;
/// `pc_dict_get_ref` works.
pub const PC_TRAIT_LENDS: u32 = 0x2;
/// Collections that other LMDB programs made, without types, can be used.
pub const PC_TRAIT_RAW: u32 = 0x4;
/// `pc_env_copy` works.
pub const PC_TRAIT_COPY: u32 = 0x8;
/// `pc_env_check` reads the stored data.
pub const PC_TRAIT_CHECK: u32 = 0x10;
/// The length of a collection is stored, and not counted entry by entry.
pub const PC_TRAIT_LEN_IS_CHEAP: u32 = 0x20;
/// A commit can return `PC_ERR_CONFLICT`, after which the program repeats the transaction.
pub const PC_TRAIT_CONFLICTS: u32 = 0x40;

/// Waits until the environment has a newer commit than the one that the caller knows, of any process, thread or handle.
///
/// - `commit`: the number of the commit that the caller knows, or 0. Receives the number of the newest commit, also with
///   `PC_TIMEOUT`; unchanged on failure. Not `NULL`.
/// - `timeout_ms`: how long to wait; 0 does not wait, -1 means no timeout.
///
/// To miss no commit, first get the newest number (pass 0 and a timeout of 0), then read, then wait with that number: a
/// commit in between ends the wait at once. Every commit counts, whichever collection it changes, and several commits
/// may end one wait. A commit by this library wakes the waiting threads of all processes. Commits by other LMDB programs
/// are noticed within 100 ms, and so are all commits if the environment is open with `PC_ENV_READ_ONLY`. With
/// `PC_ENV_IMMUTABLE` there are none.
///
/// May be called from any thread, but not inside the thread's own transaction, which sees no commit of others. It also
/// ends when another thread closes the handle, or when the check of `pc_set_interrupt` says so. The caller must not hold
/// a lock of the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`: there is a newer commit; `PC_TIMEOUT`: there is none; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_HANDLE`: also if the handle is closed during the wait; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`;
/// `PC_ERR_INTERRUPTED`; `PC_ERR_READERS_FULL`; `PC_ERR_REPLACED`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_wait(env: pc_env, commit: *mut u64, timeout_ms: i64) -> pc_status {
    boundary!({
        let out = Out::required("commit", commit)?;
        let timeout = match (timeout_ms, u64::try_from(timeout_ms)) {
            (-1, _) => None,
            (_, Ok(timeout)) => Some(Duration::from_millis(timeout)),
            _ => return Err(invalid("timeout_ms is negative; only -1, for no timeout, may be")),
        };
        // SAFETY: not NULL, and by the header's contract good for reading.
        let known = unsafe { commit.read_unaligned() };
        let (newest, is_newer) = handle::env(env)?.wait_and_look(known, timeout)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(newest) };
        Ok(if is_newer { PC_OK } else { PC_TIMEOUT })
    })
}

/// Returns what the engine of an environment can do.
///
/// - `traits`: receives any of `PC_TRAIT_*`. Not `NULL`. Later versions may add more.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_traits(env: pc_env, traits: *mut u32) -> pc_status {
    boundary!({
        let out = Out::required("traits", traits)?;
        let bits = bits(handle::env(env)?.traits()?);
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(bits) };
        Ok(PC_OK)
    })
}

fn bits(traits: Traits) -> u32 {
    let Traits { remote, lends, raw, copy, check, len_is_cheap, conflicts } = traits;
    [
        (remote, PC_TRAIT_REMOTE),
        (lends, PC_TRAIT_LENDS),
        (raw, PC_TRAIT_RAW),
        (copy, PC_TRAIT_COPY),
        (check, PC_TRAIT_CHECK),
        (len_is_cheap, PC_TRAIT_LEN_IS_CHEAP),
        (conflicts, PC_TRAIT_CONFLICTS),
    ]
    .into_iter()
    .filter_map(|(has, bit)| has.then_some(bit))
    .fold(0, |bits, bit| bits | bit)
}
