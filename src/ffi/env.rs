//! Environments.

use std::ffi::c_char;
use std::time::Duration;

use super::argument::{Out, check_flags, invalid, text};
use super::boundary::boundary;
use super::buffer::pc_buffer;
use super::handle::{self, pc_env};
use super::status::{PC_OK, pc_status};
use crate::engine::Durability;
use crate::engine::schema::CollectionInfo;
use crate::engine::schema::Kind;
use crate::environment::Environment;
use crate::error::{Error, Result, Status};
use crate::memory::{Short, Text};
use crate::options::Options;
use crate::report::Info;

/// A commit that returned is on stable storage: it survives a loss of power. The default.
pub const PC_DURABILITY_FULL: i32 = 0;
/// A crash of the system may undo the last commits; the rest is consistent.
pub const PC_DURABILITY_NO_META_SYNC: i32 = 1;
/// Commits are not synced; `pc_flush` makes them durable. A crash of the system may lose the writes since, or damage
/// the file. A crash of the process loses nothing.
pub const PC_DURABILITY_NONE: i32 = 2;

/// Open for reading only: every write is refused with `PC_ERR_READ_ONLY`, and nothing is created.
pub const PC_ENV_READ_ONLY: u32 = 0x1;
/// No process writes to the files while they are open: the library uses no lock file, so read-only media work. Implies
/// `PC_ENV_READ_ONLY`.
pub const PC_ENV_IMMUTABLE: u32 = 0x2;
/// Do not create the environment if it does not exist.
pub const PC_ENV_NO_CREATE: u32 = 0x4;
/// The path is that of the data file itself, not of its directory; the lock files are beside it. A file called
/// `data.mdb` is its directory's environment, however it is opened.
pub const PC_ENV_NO_SUBDIR: u32 = 0x8;
/// Check the structure of the data file as `pc_env_check` does, before it is used. If it is damaged, opening returns
/// `PC_ERR_CORRUPTED` and leaves nothing open.
pub const PC_ENV_VERIFY: u32 = 0x10;

const ENV_FLAGS: u32 =
    PC_ENV_READ_ONLY | PC_ENV_IMMUTABLE | PC_ENV_NO_CREATE | PC_ENV_NO_SUBDIR | PC_ENV_VERIFY;

/// How to open an environment. Zero means the default in every field.
///
/// Prepare it with `pc_env_options_init`, then set what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_env_options {
    /// `sizeof(pc_env_options)` of the header the program was compiled with; it says which fields exist.
    pub struct_size: usize,
    /// Bytes of address space to reserve at the start; 0: up to 1 TiB, which takes no disk space. It grows by itself.
    pub map_size: u64,
    /// Permission bits of new files; 0: `0644`.
    pub mode: u32,
    /// The number of different collections that one transaction can use; 0: 1,024. Any number can be open.
    pub max_collections: u32,
    /// The number of threads, of all processes, that can read at a time; 0: 1,024.
    pub max_readers: u32,
    /// One of `PC_DURABILITY_*`.
    pub durability: i32,
    /// The interval in milliseconds at which a background thread flushes as `pc_flush` does, and once more at closing;
    /// 0: never. If a flush fails, the next write and each `pc_flush` return the failure.
    pub flush_interval_ms: i64,
    /// The timeout in milliseconds of a write that waits for its turn, and of an opening that waits for others; 0:
    /// 60,000; -1: no timeout.
    pub write_timeout_ms: i64,
    /// Any of `PC_ENV_*`.
    pub flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// The statistics of an environment, as `pc_env_info` returns them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct pc_env_stat {
    /// Set it to `sizeof(pc_env_stat)` before the call; the call sets it to the size that it filled in.
    pub struct_size: usize,
    /// The bytes of address space that are reserved now.
    pub map_size: u64,
    /// The size of the data file in bytes.
    pub file_size: u64,
    /// The size of a page in bytes.
    pub page_size: u64,
    /// The number of pages that hold data.
    pub pages_used: u64,
    /// The number of free pages.
    pub pages_free: u64,
    /// The number of the newest commit.
    pub last_txn: u64,
    /// The number of reader slots.
    pub max_readers: u32,
    /// The number of reader slots in use, by all processes.
    pub readers: u32,
    /// The number of different collections that one transaction can use.
    pub max_collections: u32,
    /// The number of collections.
    pub collections: u32,
    /// One of `PC_DURABILITY_*`.
    pub durability: i32,
    /// Those of `PC_ENV_READ_ONLY`, `PC_ENV_IMMUTABLE` and `PC_ENV_NO_SUBDIR` with which it was opened.
    pub flags: u32,
    /// The commit that the oldest snapshot in use sees; `last_txn` if there is none.
    pub oldest_reader_txn: u64,
    /// The number of free pages that cannot be reused yet, since a snapshot may still read them. If there are many, the
    /// file grows because of an old snapshot; `pc_env_readers` shows its process.
    pub pages_held: u64,
    /// The format of the data file.
    pub data_format: u32,
    /// The format of the lock file; 0 with `PC_ENV_IMMUTABLE`, which uses none.
    pub lock_format: u32,
}

/// Fills the options with their defaults.
///
/// - `options`: at least `struct_size` bytes of the caller's memory.
/// - `struct_size`: pass `sizeof(pc_env_options)`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`: `NULL`, or a size that is impossible in every version: less than that
/// of the field `struct_size`, or over 4096.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_options_init(options: *mut pc_env_options, struct_size: usize) -> pc_status {
    boundary!({
        if options.is_null() {
            return Err(invalid("options is NULL"));
        }
        check_struct_size("pc_env_options", struct_size)?;
        // SAFETY: not NULL, and good for `struct_size` bytes by the header's contract; alignment is not asked for.
        unsafe {
            std::ptr::write_bytes(options.cast::<u8>(), 0, struct_size);
            options.cast::<usize>().write_unaligned(struct_size);
        }
        Ok(PC_OK)
    })
}

/// Opens an environment; by default, creates it and the last directory of its path.
///
/// - `path`: the directory (with `PC_ENV_NO_SUBDIR` the data file), NUL-terminated UTF-8. Only read during the call.
///   Or a URL `postgresql://…`: the environment is then in a PostgreSQL database; `docs/scale.md` describes it.
/// - `options`: `NULL` means all defaults. Only read during the call.
/// - `out`: receives the handle, which `pc_env_close` closes.
///
/// If a process opens the same environment twice, by any path, the library counts the openings of one environment. The
/// options must be the same, except for `max_collections`, `max_readers` and `map_size`: these are minimums, and may be
/// smaller. While another process or thread opens the same files, the call waits as long as a write would. May be
/// called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_UNSUPPORTED`: another scheme, an
/// option that only files have, or no libpq; `PC_ERR_NO_ENVIRONMENT`;
/// `PC_ERR_PERMISSION`; `PC_ERR_NOT_A_DATABASE`; `PC_ERR_TRUNCATED`; `PC_ERR_FORMAT_VERSION`; `PC_ERR_PAGE_SIZE`;
/// `PC_ERR_LOCK_VERSION`; `PC_ERR_NETWORK_FS`; `PC_ERR_PID_CLASH`; `PC_ERR_OPTIONS_DIFFER`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_REQUIRES`; `PC_ERR_DISK_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_IO`; `PC_ERR_MAP_BUSY`: the environment failed
/// before, and references into it are still borrowed; `PC_ERR_LOCK_FILES`; `PC_ERR_SECOND_COPY`; `PC_ERR_REPLACED`:
/// another process still has the previous data file open, with the same lock files; `PC_ERR_BUSY`: another process or
/// thread did not finish opening it before the timeout; `PC_ERR_INTERRUPTED`; `PC_ERR_UNAVAILABLE`: the server cannot be
/// reached.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_open(
    path: *const c_char,
    options: *const pc_env_options,
    out: *mut pc_env,
) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        // SAFETY: by the header's contract the path is NULL or text, the options NULL or `struct_size` long.
        let (path, options) = unsafe { (text("path", path)?, read_options(options)?) };
        check_path(path)?;
        let handle = handle::insert_env(Environment::open(path, &options)?)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(handle) };
        Ok(PC_OK)
    })
}

/// Opens the files of an environment again, for a part of a program that closes its own handle.
///
/// - `env`: an open environment or, in the child of a `fork`, one that the parent had open at the fork.
/// - `out`: receives the handle, which `pc_env_close` closes.
///
/// The library finds the files where the first opening found them, not by the path, which may now lead elsewhere. The
/// options are the same. May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_ENV_FAILED`; in a child also
/// `PC_ERR_REPLACED`: the parent's files no longer exist, or cannot be reached; and those of `pc_env_open`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_reopen(env: pc_env, out: *mut pc_env) -> pc_status {
    boundary!({
        let out = Out::required("out", out)?;
        let handle = handle::insert_env(handle::env_or_inherited(env)?.reopen()?)?;
        // SAFETY: the header's contract for outputs.
        unsafe { out.write(handle) };
        Ok(PC_OK)
    })
}

/// Closes an environment: closes the handle and those of its collections and iterators, and aborts its transactions.
/// The files are closed when the last running call of another thread returns.
///
/// It does not wait for those calls. Pointers into the environment become invalid. May be called from any thread.
/// Another thread aborts its own write transaction, in its next call or when it ends.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`: already closed, which is harmless; `PC_ERR_FORKED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_env_close(env: pc_env) -> pc_status {
    boundary!({
        handle::close_env(env)?;
        Ok(PC_OK)
    })
}

/// Makes all commits durable, whatever the environment's durability.
///
/// May be called from any thread, but not inside the thread's own write transaction. The caller must not hold a lock of
/// the host language's runtime meanwhile.
///
/// Statuses: `PC_OK`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_IN_TRANSACTION`; `PC_ERR_READ_ONLY`;
/// `PC_ERR_DISK_FULL`; `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub extern "C" fn pc_flush(env: pc_env) -> pc_status {
    boundary!({
        handle::env(env)?.flush()?;
        Ok(PC_OK)
    })
}

/// Returns sizes, counts and options of an environment.
///
/// - `out`: the caller's struct, with its `struct_size` set; the fields that fit are filled in.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_READERS_FULL`;
/// `PC_ERR_IO`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_info(env: pc_env, out: *mut pc_env_stat) -> pc_status {
    boundary!({
        if out.is_null() {
            return Err(invalid("out is NULL"));
        }
        // SAFETY: not NULL, and by the header's contract begins with a `struct_size`.
        let given = unsafe { out.cast::<usize>().read_unaligned() };
        check_struct_size("pc_env_stat", given)?;
        let size = given.min(size_of::<pc_env_stat>());
        let stat = stat_of(&handle::env(env)?.info()?, size);
        // SAFETY: `out` is good for the `struct_size` bytes it said.
        unsafe { std::ptr::copy_nonoverlapping((&raw const stat).cast::<u8>(), out.cast::<u8>(), size) };
        Ok(PC_OK)
    })
}

/// Returns the path that the environment was first opened by, or its URL without passwords.
///
/// - `out`: receives the text, without a NUL. Not `NULL`.
///
/// May be called from any thread.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_NO_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_path(env: pc_env, out: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        let out = unsafe { pc_buffer::required("out", out)? };
        out.store(handle::env(env)?.path().as_os_str().as_encoded_bytes())?;
        Ok(PC_OK)
    })
}

/// Lists all collections, ordered by name, as text.
///
/// - `out`: receives one line for each: name TAB kind TAB key type TAB value type TAB count LF, without a NUL.
///   In names, backslash, TAB, LF and CR are written as `\\`, `\t`, `\n`, `\r`. The kind is `dict`, `set` or
///   `raw`; a raw collection's types are `-`; a set's value type is `unit`. Not `NULL`.
///
/// May be called from any thread. Inside a transaction, it lists the collections that the transaction sees.
///
/// Statuses: `PC_OK`; `PC_ERR_INVALID_ARGUMENT`; `PC_ERR_BAD_HANDLE`; `PC_ERR_FORKED`; `PC_ERR_CORRUPTED`;
/// `PC_ERR_READERS_FULL`; `PC_ERR_NO_MEMORY`; `PC_ERR_ENV_FAILED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pc_env_list(env: pc_env, out: *mut pc_buffer) -> pc_status {
    boundary!({
        // SAFETY: the header's contract for buffers.
        let out = unsafe { pc_buffer::required("out", out)? };
        out.store(listing(&handle::env(env)?.collections()?)?.as_bytes())?;
        Ok(PC_OK)
    })
}

/// The greatest size of a struct in any version. The least is that of its size field.
const LARGEST_STRUCT: usize = 4096;

fn check_struct_size(name: &str, size: usize) -> Result<()> {
    if (size_of::<usize>()..=LARGEST_STRUCT).contains(&size) {
        return Ok(());
    }
    Err(invalid(format!("{name}: struct_size is {size}; set it to sizeof({name}) before the call")))
}

/// Reads options of any version. Fields that a shorter struct lacks count as zero, and fields that only a longer one has
/// must be zero.
///
/// # Safety
/// `options` is NULL or good for reading the `struct_size` bytes that it begins with.
unsafe fn read_options(options: *const pc_env_options) -> Result<Options> {
    let mut given = [0_u8; size_of::<pc_env_options>()];
    if !options.is_null() {
        // SAFETY: not NULL, so it begins with a `struct_size`.
        let size = unsafe { options.cast::<usize>().read_unaligned() };
        check_struct_size("pc_env_options", size)?;
        // SAFETY: good for `size` bytes by this function's contract.
        let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
        let (known, newer) = bytes.split_at(size.min(given.len()));
        if newer.iter().any(|byte| *byte != 0) {
            return Err(invalid(
                "pc_env_options: sets an option that this version of the library does not know; update the library",
            ));
        }
        given[..known.len()].copy_from_slice(known);
    }
    // SAFETY: the struct is made of integers, so any bytes are a value of it.
    let given = unsafe { given.as_ptr().cast::<pc_env_options>().read_unaligned() };
    options_from(&given)
}

fn options_from(given: &pc_env_options) -> Result<Options> {
    check_flags("pc_env_options", given.flags, ENV_FLAGS)?;
    if given.reserved != 0 {
        return Err(invalid("pc_env_options: reserved is not zero"));
    }
    if given.mode & !0o7777 != 0 {
        return Err(invalid(format!("pc_env_options: mode {:#o} has more than permission bits", given.mode)));
    }
    let mut options = Options::default();
    let has = |flag: u32| given.flags & flag != 0;
    options.read_only = has(PC_ENV_READ_ONLY);
    options.immutable = has(PC_ENV_IMMUTABLE);
    options.create = !has(PC_ENV_NO_CREATE);
    options.no_subdir = has(PC_ENV_NO_SUBDIR);
    options.check_on_open = has(PC_ENV_VERIFY);
    if given.map_size != 0 {
        options.map_size = Some(given.map_size);
    }
    for (field, given) in [
        (&mut options.mode, given.mode),
        (&mut options.max_collections, given.max_collections),
        (&mut options.max_readers, given.max_readers),
    ] {
        if given != 0 {
            *field = given;
        }
    }
    options.durability = match given.durability {
        PC_DURABILITY_FULL => Durability::Full,
        PC_DURABILITY_NO_META_SYNC => Durability::NoMetaSync,
        PC_DURABILITY_NONE => Durability::None,
        other => {
            return Err(invalid(format!("pc_env_options: durability {other} is not one of PC_DURABILITY_*")));
        }
    };
    match u64::try_from(given.flush_interval_ms) {
        Ok(0) => {}
        Ok(interval) => options.flush_interval = Some(Duration::from_millis(interval)),
        Err(_) => return Err(invalid("pc_env_options: flush_interval_ms is negative")),
    }
    match (given.write_timeout_ms, u64::try_from(given.write_timeout_ms)) {
        (0, _) => {}
        (-1, _) => options.write_timeout = None,
        (_, Ok(timeout)) => options.write_timeout = Some(Duration::from_millis(timeout)),
        _ => return Err(invalid("pc_env_options: write_timeout_ms is negative; only -1, for ever, may be")),
    }
    Ok(options)
}

fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(invalid("path is empty"));
    }
    let Some((scheme, _)) = path.split_once("://") else { return Ok(()) };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if !is_scheme || crate::engine::is_url(path) {
        return Ok(());
    }
    Err(Error::new(
        Status::Unsupported,
        format!(
            "{}:// names an engine that this version does not have: it has postgresql://, and paths of directories (./{}:// \
             if that is one)",
            Short(scheme),
            Short(scheme)
        ),
    ))
}

fn stat_of(info: &Info, size: usize) -> pc_env_stat {
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    pc_env_stat {
        struct_size: size,
        map_size: info.map_size,
        file_size: info.file_size,
        page_size: info.page_size,
        pages_used: info.pages_used,
        pages_free: info.pages_free,
        last_txn: info.last_commit,
        max_readers: info.max_readers,
        readers: info.readers,
        max_collections: info.max_collections,
        collections: info.collections,
        durability: match info.durability {
            Durability::Full => PC_DURABILITY_FULL,
            Durability::NoMetaSync => PC_DURABILITY_NO_META_SYNC,
            Durability::None => PC_DURABILITY_NONE,
        },
        flags: flag(info.read_only, PC_ENV_READ_ONLY)
            | flag(info.immutable, PC_ENV_IMMUTABLE)
            | flag(info.no_subdir, PC_ENV_NO_SUBDIR),
        oldest_reader_txn: info.oldest_reader_commit,
        pages_held: info.pages_held,
        data_format: info.data_format,
        lock_format: info.lock_format,
    }
}

fn listing(collections: &[CollectionInfo]) -> Result<String> {
    let mut lines = Text::default();
    for collection in collections {
        for c in collection.name.chars() {
            match c {
                '\\' => lines.add(format_args!("\\\\"))?,
                '\t' => lines.add(format_args!("\\t"))?,
                '\n' => lines.add(format_args!("\\n"))?,
                '\r' => lines.add(format_args!("\\r"))?,
                _ => lines.add(format_args!("{c}"))?,
            }
        }
        match &collection.schema {
            Some(schema) => {
                let kind = match schema.kind {
                    Kind::Dict => "dict",
                    Kind::Set => "set",
                };
                lines
                    .add(format_args!("\t{kind}\t{}\t{}\t{}\n", schema.key, schema.value, collection.len))?;
            }
            None => lines.add(format_args!("\traw\t-\t-\t{}\n", collection.len))?,
        }
    }
    Ok(lines.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::codec::Type;
    use crate::engine::schema::Schema;

    fn zeroed() -> pc_env_options {
        pc_env_options {
            struct_size: size_of::<pc_env_options>(),
            map_size: 0,
            mode: 0,
            max_collections: 0,
            max_readers: 0,
            durability: 0,
            flush_interval_ms: 0,
            write_timeout_ms: 0,
            flags: 0,
            reserved: 0,
        }
    }

    #[test]
    fn only_a_scheme_is_refused() {
        for path in ["a", "./x://y", "/tmp/a", "C:/a", "1x://a", "://a"] {
            check_path(path).unwrap();
        }
        for path in ["fdb://a", "s3+x.y-z://a"] {
            assert_eq!(check_path(path).unwrap_err().status(), Status::Unsupported);
        }
    }

    #[test]
    fn shorter_and_longer_options_are_read() {
        let mut longer = [0_u64; 20];
        longer[0] = size_of_val(&longer) as u64;
        longer[1] = 1 << 20;
        let at = longer.as_ptr().cast::<pc_env_options>();
        // SAFETY: the memory has the length that it states.
        assert_eq!(unsafe { read_options(at) }.unwrap().map_size, Some(1 << 20));
        let mut unknown = longer;
        unknown[19] = 1;
        // SAFETY: as above.
        let error = unsafe { read_options(unknown.as_ptr().cast()) }.err().unwrap();
        assert_eq!(error.status(), Status::InvalidArgument);
        let mut shorter = longer;
        shorter[0] = 8;
        // SAFETY: as above.
        assert_eq!(unsafe { read_options(shorter.as_ptr().cast()) }.unwrap().map_size, None);
        shorter[0] = 7;
        // SAFETY: as above.
        assert!(unsafe { read_options(shorter.as_ptr().cast()) }.is_err());
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let wrong: [fn(&mut pc_env_options); 7] = [
            |o| o.flags = 0x20,
            |o| o.reserved = 1,
            |o| o.mode = 0o10_000,
            |o| o.durability = 3,
            |o| o.durability = -1,
            |o| o.flush_interval_ms = -1,
            |o| o.write_timeout_ms = -2,
        ];
        for spoil in wrong {
            let mut options = zeroed();
            spoil(&mut options);
            assert_eq!(options_from(&options).err().unwrap().status(), Status::InvalidArgument);
        }
        options_from(&zeroed()).unwrap();
    }

    #[test]
    fn names_in_listings_stay_on_their_line() {
        let listed = listing(&[
            CollectionInfo { name: "a\tb\\\n\r".to_owned(), schema: None, len: 3 },
            CollectionInfo {
                name: "s".to_owned(),
                schema: Some(Schema { kind: Kind::Set, key: Type::Str, value: Type::Unit }),
                len: 0,
            },
        ]);
        assert_eq!(listed.unwrap(), "a\\tb\\\\\\n\\r\traw\t-\t-\t3\ns\tset\tstr\tunit\t0\n");
    }
}
