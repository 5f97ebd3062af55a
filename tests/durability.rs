//! The moment when a commit is on stable storage, by the writes and syncs that reach the system.
//!
//! This file defines the functions of the C library that write and sync, so that this program, and LMDB in it, call
//! these: they record the call, and execute it.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::HashSet;
use std::ffi::{c_int, c_void};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use common::status;
use parking_lot::{Condvar, Mutex};
use persistent_collections::{Dict, Durability, Environment, Options, Status};

/// A file or directory: device and inode.
type Id = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Write,
    /// A write to a descriptor that syncs each write.
    SyncedWrite,
    Sync,
}
use Event::{Sync, SyncedWrite, Write};

struct Recorder {
    events: Mutex<Vec<(Id, Event)>>,
    more: Condvar,
    /// Files whose syncs fail.
    failing: Mutex<Option<HashSet<Id>>>,
}

static RECORDER: Recorder =
    Recorder { events: Mutex::new(Vec::new()), more: Condvar::new(), failing: Mutex::new(None) };

/// A test must not count the threads of another one.
static ONE_FLUSHER_AT_A_TIME: Mutex<()> = Mutex::new(());

fn id_of(fd: c_int) -> Id {
    // SAFETY: `stat` is plain numbers, filled by fstat.
    let stat = unsafe {
        let mut stat = std::mem::zeroed::<libc::stat>();
        libc::fstat(fd, &raw mut stat);
        stat
    };
    (stat.st_dev, stat.st_ino)
}

fn record(fd: c_int, event: Event) {
    RECORDER.events.lock().push((id_of(fd), event));
    RECORDER.more.notify_all();
}

fn record_write(fd: c_int) {
    // SAFETY: only reads the flags of a descriptor.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
    record(fd, if flags & libc::O_DSYNC == 0 { Write } else { SyncedWrite });
}

fn sync(fd: c_int, call: libc::c_long) -> c_int {
    let fails = RECORDER.failing.lock().as_ref().is_some_and(|failing| failing.contains(&id_of(fd)));
    // SAFETY: passes on the caller's arguments.
    let rc = if fails { -1 } else { unsafe { libc::syscall(call, fd) } };
    if fails {
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = libc::EIO };
    }
    record(fd, Sync);
    c_int::try_from(rc).unwrap()
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

#[unsafe(no_mangle)]
extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: c_int, from: *const c_void, count: usize, at: libc::off_t) -> isize {
    record_write(fd);
    // SAFETY: passes on the caller's arguments.
    isize::try_from(unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, count, at) }).unwrap()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: c_int, from: *const libc::iovec, count: c_int) -> isize {
    record_write(fd);
    // SAFETY: passes on the caller's arguments.
    isize::try_from(unsafe { libc::syscall(libc::SYS_writev, fd, from, count) }).unwrap()
}

fn id(meta: &Metadata) -> Id {
    (meta.dev(), meta.ino())
}

/// What happens to one file from now on.
struct Watch {
    id: Id,
    from: usize,
}

impl Watch {
    fn of(path: &Path) -> Watch {
        Watch { id: id(&path.metadata().unwrap()), from: RECORDER.events.lock().len() }
    }

    /// Returns the events since the last call.
    fn take(&mut self) -> Vec<Event> {
        let events = RECORDER.events.lock();
        let seen =
            events[self.from..].iter().filter(|(id, _)| *id == self.id).map(|(_, event)| *event).collect();
        self.from = events.len();
        seen
    }

    fn wait_for(&self, event: Event) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut events = RECORDER.events.lock();
        while !events[self.from..].contains(&(self.id, event)) {
            assert!(!RECORDER.more.wait_until(&mut events, deadline).timed_out(), "there was no {event:?}");
        }
    }

    fn fail_syncs(&self, fail: bool) {
        let mut failing = RECORDER.failing.lock();
        let failing = failing.get_or_insert_with(HashSet::new);
        if fail {
            failing.insert(self.id)
        } else {
            failing.remove(&self.id)
        };
    }
}

struct Open {
    env: Environment,
    dict: Dict<i64, i64>,
    file: Watch,
    dir: tempfile::TempDir,
}

fn open(options: &Options) -> Open {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path(), options).unwrap();
    let dict = Dict::open(&env, "x").unwrap();
    dict.put(&0, &0).unwrap();
    let file = Watch::of(&dir.path().join("data.mdb"));
    Open { env, dict, file, dir }
}

fn with(durability: Durability) -> Options {
    Options::new().durability(durability)
}

#[test]
fn a_commit_of_full_durability_is_synced_before_it_returns() {
    let mut open = open(&with(Durability::Full));
    for key in 0..10 {
        open.dict.put(&key, &1).unwrap();
        let events = open.file.take();
        // The pages and their sync, then the meta page that makes them valid.
        assert_eq!(events[events.len() - 2..], [Sync, SyncedWrite], "{events:?}");
        assert!(
            events.len() > 2 && events[..events.len() - 2].iter().all(|event| *event == Write),
            "{events:?}"
        );
    }
}

#[test]
fn without_meta_sync_only_the_pages_are_synced() {
    let mut open = open(&with(Durability::NoMetaSync));
    for key in 0..10 {
        open.dict.put(&key, &1).unwrap();
        let events = open.file.take();
        assert_eq!(events[events.len() - 2..], [Sync, Write], "{events:?}");
        assert_eq!(events.iter().filter(|event| **event == Sync).count(), 1);
    }
    open.env.flush().unwrap();
    assert_eq!(open.file.take(), [Sync]);
}

#[test]
fn commits_without_durability_are_synced_by_a_flush() {
    let mut open = open(&with(Durability::None));
    for key in 0..10 {
        open.dict.put(&key, &1).unwrap();
    }
    let events = open.file.take();
    assert!(events.len() >= 20 && events.iter().all(|event| *event == Write), "{events:?}");
    open.env.flush().unwrap();
    assert_eq!(open.file.take(), [Sync]);
    let txn = open.env.begin_write().unwrap();
    assert_eq!(status(open.env.flush()), Status::InTransaction);
    txn.abort().unwrap();
    drop((open.dict, open.env));
    assert_eq!(open.file.take(), [], "closing does not sync");
}

#[test]
fn a_transaction_that_asks_not_to_be_synced_is_synced_by_a_flush_or_the_next_durable_commit() {
    let Open { env, dict, mut file, dir: _dir } = open(&with(Durability::Full));
    let unsynced = |key: i64| {
        let txn = env.begin_unsynced().unwrap();
        dict.put(&key, &1).unwrap();
        txn.commit().unwrap();
    };
    unsynced(1);
    let events = file.take();
    assert!(
        events.contains(&Write) && !events.contains(&Sync) && !events.contains(&SyncedWrite),
        "{events:?}"
    );
    env.flush().unwrap();
    assert!(file.take().contains(&Sync));
    unsynced(2);
    assert!(!file.take().contains(&Sync));
    dict.put(&3, &1).unwrap();
    assert!(file.take().contains(&Sync));
}

#[test]
fn a_failed_sync_makes_earlier_unsynced_commits_uncertain() {
    let open = open(&with(Durability::Full));
    let txn = open.env.begin_unsynced().unwrap();
    open.dict.put(&1, &1).unwrap();
    txn.commit().unwrap();
    open.file.fail_syncs(true);
    assert_eq!(status(open.dict.put(&2, &1)), Status::Io);
    open.file.fail_syncs(false);
    assert_eq!(status(open.env.flush()), Status::Io, "a later sync does not vouch for what was lost");
    assert_eq!((open.dict.get(&1).unwrap(), open.dict.get(&2).unwrap()), (Some(1), None));
}

#[test]
fn one_transaction_is_synced_once() {
    let mut open = open(&with(Durability::Full));
    open.env.transaction(|| (0..1000).try_for_each(|key| open.dict.put(&key, &1))).unwrap();
    let synced = open.file.take().into_iter().filter(|event| *event != Write).collect::<Vec<_>>();
    assert_eq!(synced, [Sync, SyncedWrite]);
}

#[test]
fn a_new_environment_and_its_directories_are_synced_before_opening_returns() {
    for durability in [Durability::Full, Durability::NoMetaSync, Durability::None] {
        let parent = tempfile::tempdir().unwrap();
        let mark = RECORDER.events.lock().len();
        let directory = parent.path().join("new");
        let env = Environment::open(&directory, &with(durability)).unwrap();
        let events = RECORDER.events.lock()[mark..].to_vec();
        let at = |path: &Path, event| {
            let id = id(&path.metadata().unwrap());
            events.iter().rposition(|found| *found == (id, event))
        };
        let data = directory.join("data.mdb");
        let written = at(&data, Write).unwrap();
        let synced = at(&data, Sync).unwrap();
        assert!(written < synced);
        assert!(at(&directory, Sync).unwrap() > written && at(parent.path(), Sync).unwrap() > written);
        drop(env);
        // Its creator may have died before it synced them: so each opening does it, as long as the environment is empty.
        let mut data = Watch::of(&data);
        let mut directory_watch = Watch::of(&directory);
        let env = Environment::open(&directory, &with(durability)).unwrap();
        assert_eq!((data.take(), directory_watch.take()), (vec![Sync], vec![Sync]));
        Dict::<i64, i64>::open(&env, "x").unwrap().put(&1, &1).unwrap();
        drop(env);
        data.take();
        drop(Environment::open(&directory, &with(durability)).unwrap());
        assert_eq!((data.take(), directory_watch.take()), (vec![], vec![]));
    }
}

fn flushing(every: Duration) -> Options {
    with(Durability::None).flush_interval(every)
}

#[test]
fn a_background_flush_syncs_what_was_committed_since_the_last() {
    let _alone = ONE_FLUSHER_AT_A_TIME.lock();
    let mark = RECORDER.events.lock().len();
    let mut open = open(&flushing(Duration::from_millis(1)));
    for key in 0..50 {
        open.file.take();
        open.dict.put(&key, &1).unwrap();
        open.file.wait_for(Sync);
    }
    let commits = usize::try_from(open.env.info().unwrap().last_commit).unwrap();
    let id = open.file.id;
    let syncs = RECORDER.events.lock()[mark..].iter().filter(|event| **event == (id, Sync)).count();
    // One for the creation, one for the first interval, and at most one for each commit: idle intervals have no sync.
    assert!((50..=commits + 2).contains(&syncs), "{syncs} syncs of {commits} commits");
}

#[test]
fn the_background_flush_ends_with_the_environment_and_flushes_once_more() {
    let _alone = ONE_FLUSHER_AT_A_TIME.lock();
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
            .filter(|name| name.trim() == "pc-flush")
            .count()
    };
    let mut open = open(&flushing(Duration::from_secs(3600)));
    // A thread sets its name when it begins, and stays in the table for a moment after it was joined.
    let until = |count| {
        let deadline = Instant::now() + Duration::from_secs(60);
        while threads() != count {
            assert!(Instant::now() < deadline, "{} threads, not {count}", threads());
            std::thread::yield_now();
        }
    };
    until(1);
    open.dict.put(&1, &1).unwrap();
    assert!(!open.file.take().contains(&Sync));
    drop((open.dict, open.env));
    assert_eq!(open.file.take(), [Sync]);
    until(0);
}

#[test]
fn the_last_of_several_openings_ends_the_background_flush() {
    let _alone = ONE_FLUSHER_AT_A_TIME.lock();
    let mut open = open(&flushing(Duration::from_millis(1)));
    let other = Environment::open(open.dir.path(), &flushing(Duration::from_millis(1))).unwrap();
    let differs = Environment::open(open.dir.path(), &flushing(Duration::from_millis(2))).unwrap_err();
    assert_eq!(differs.status(), Status::OptionsDiffer);
    assert!(differs.message().contains("flush_interval"), "{differs}");
    drop((open.dict, open.env));
    open.file.take();
    Dict::<i64, i64>::open(&other, "x").unwrap().put(&1, &1).unwrap();
    open.file.wait_for(Sync);
}

#[test]
fn a_failed_background_flush_is_reported() {
    let _alone = ONE_FLUSHER_AT_A_TIME.lock();
    let options = flushing(Duration::from_millis(1));
    let mut open = open(&options);
    open.file.fail_syncs(true);
    open.file.take();
    open.dict.put(&1, &1).unwrap();
    open.file.wait_for(Sync);
    open.file.fail_syncs(false);
    let deadline = Instant::now() + Duration::from_secs(60);
    let error = loop {
        if let Err(error) = open.dict.put(&2, &2) {
            break error;
        }
        assert!(Instant::now() < deadline, "no write reported the failed flush");
    };
    assert_eq!(error.status(), Status::Io);
    assert!(error.message().contains("background"), "{error}");
    for key in 0..100 {
        open.dict.put(&key, &key).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(status(open.env.flush()), Status::Io, "a later sync does not vouch for what was lost");
    }
    let path = open.dir.path().to_owned();
    drop((open.dict, open.env));
    let env = Environment::open(path, &options).unwrap();
    env.flush().unwrap();
    assert_eq!(Dict::<i64, i64>::open(&env, "x").unwrap().len().unwrap(), 100);
}

#[test]
fn full_durability_leaves_a_background_flush_nothing_to_do() {
    let every = Some(Duration::from_millis(1));
    let mut open = open(&with(Durability::Full).flush_interval(every));
    open.dict.put(&1, &1).unwrap();
    assert_eq!(open.file.take().iter().filter(|event| **event == Sync).count(), 1);
    let zero = Options::new().flush_interval(Duration::ZERO);
    assert_eq!(status(Environment::open(open.dir.path().join("y"), &zero)), Status::InvalidArgument);
}
