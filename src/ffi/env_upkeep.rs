//! Copies an environment, checks its file, and lists its readers.

use std::ffi::c_char;

use super::argument::{Out, check_flags, invalid, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::handle::{self, pc_env};
use super::status::{PC_EXISTS, PC_OK, pc_status};
use crate::error::Result;
use crate::memory::Text;
use crate::report::{ReaderInfo, Report};

/// Leave out free pages: the copy is smaller but takes longer.
pub const PC_COPY_COMPACT: u32 = 0x1;

/// Copies an environment to a path that does not exist yet, while other threads and processes read and write.
///
/// It copies the newest commit, also inside a snapshot. The copy is of the same kind: a directory, which may exist if
/// it is empty, or a file if the environment was opened with `PC_ENV_NO_SUBDIR`. The call writes the copy under a
/// temporary name in its directory, syncs it and renames it: a copy that failed or was interrupted is not an
/// environment. Its remains have the name of the data file followed by `.copy-` and numbers, and may be removed.
///
/// - `path`: NUL-terminated UTF-8. Only read during the call.
/// - `flags`: 0 or `PC_COPY_COMPACT`.
///
/// May be called from any thread, but not inside the thread's own write transaction. A write waits for a compacting
/// copy only if the map must grow, and no longer than it waits for other writers. The caller must not hold a lock of
/// the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`; `PC_EXISTS`: the path exists already, and was not changed; `PC_ERR_INVALID_ARGUMENT`;
/// `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_UNSUPPORTED`: a scheme;
/// `PC_ERR_NO_ENVIRONMENT`: the path's parent directory does not exist; `PC_ERR_PERMISSION`; `PC_ERR_DISK_FULL`;
/// `PC_ERR_CORRUPTED`; `PC_ERR_BUSY`: other writers commit so quickly that no moment between two commits was found;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_copy(env: pc_env, path: *const c_char, flags: u32) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for texts.
        let path = unsafe { text("path", path)? };
        if path.is_empty() {
            return Err(invalid("path is empty"));
        }
        check_flags("pc_env_copy", flags, PC_COPY_COMPACT)?;
        let copied = handle::env(env)?.copy_to(path, flags & PC_COPY_COMPACT != 0)?;
        Ok(if copied { PC_OK } else { PC_EXISTS })
    })
}

/// Checks the structure of the data file as of the newest commit, while other threads and processes read and write:
/// each page has the right type for its place, and is used once or free; keys are in order; counts are right. It does
/// not decode values. It reads every page in use, from the file and not from the map: damage cannot harm the process.
///
/// - `report`: receives one line for each figure, name TAB number LF, without a NUL: `pages`, the sum of the next
///   three; `used`; `free`; `lost`, which are neither used nor free: they waste space but do no harm; `collections`.
///   Later versions may add more. May be `NULL`. Unchanged on failure.
///
/// May be called from any thread, also inside transactions; it does not check uncommitted writes. The caller should not
/// hold a lock of the host language's runtime meanwhile: checking a large file takes long.
///
/// Statuses: `PC_OK`; `PC_ERR_CORRUPTED`: the message names the first damage found, and its page;
/// `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_BUSY`: other writers commit so quickly that
/// no moment between two commits was found; `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`;
/// `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_check(env: pc_env, report: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        let out = unsafe { pc_buffer::optional("report", report)? };
        let found = handle::env(env)?.check()?;
        if let Some(out) = out {
            out.store(figures(&found).as_bytes())?;
        }
        Ok(PC_OK)
    })
}

/// Lists the reader slots in use, of all processes, as text. It shows which snapshots prevent free pages from being
/// reused, so that the file grows.
///
/// - `out`: receives one line for each: process id TAB thread TAB commit TAB commits since LF, without a NUL. The
///   thread is the system's number of the thread that took the slot. The commit is the one that the slot's snapshot
///   sees, or `-` if the slot is only kept for the next read. Not `NULL`.
///
/// May be called from any thread. An environment opened with `PC_ENV_IMMUTABLE` has no slots.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`;
/// `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_readers(env: pc_env, out: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        let out = unsafe { pc_buffer::required("out", out)? };
        out.store(listing(&handle::env(env)?.readers()?)?.as_bytes())?;
        Ok(PC_OK)
    })
}

/// Frees the reader slots of processes that ended without freeing them, such as killed ones. Opening an environment
/// does so too, and so does a read that finds no free slot.
///
/// - `reaped`: receives their number; may be `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_reap_readers(env: pc_env, reaped: *mut u32) -> pc_status {
    boundary!({
        let count = handle::env(env)?.reap_readers()?;
        // SAFETY: the header's contract for outputs.
        unsafe { Out::optional(reaped).write(count) };
        Ok(PC_OK)
    })
}

fn figures(report: &Report) -> String {
    let Report { pages, used, free, lost, collections } = report;
    format!("pages\t{pages}\nused\t{used}\nfree\t{free}\nlost\t{lost}\ncollections\t{collections}\n")
}

fn listing(readers: &[ReaderInfo]) -> Result<String> {
    let mut lines = Text::default();
    for reader in readers {
        let txn = reader.commit.map_or_else(|| "-".to_owned(), |txn| txn.to_string());
        lines.add(format_args!("{}\t{}\t{txn}\t{}\n", reader.process, reader.thread, reader.behind))?;
    }
    Ok(lines.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reader_is_a_line() {
        let readers = [
            ReaderInfo { process: 7, thread: 300, commit: Some(12), behind: 3 },
            ReaderInfo { process: 8, thread: 1, commit: None, behind: 0 },
        ];
        assert_eq!(listing(&readers).unwrap(), "7\t300\t12\t3\n8\t1\t-\t0\n");
    }
}
