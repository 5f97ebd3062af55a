#![allow(clippy::unwrap_used)]
use std::os::unix::fs::symlink;

use crate::engine::lmdb::write::lock::*;

fn open(path: &Path) -> Result<ProcessLock> {
    ProcessLock::open(path, 0o600, &Patience::new(Some(Duration::from_millis(100))))
}

fn soon() -> Deadline {
    Deadline::after(Some(Duration::from_millis(60)))
}

fn forever() -> Deadline {
    Deadline::after(None)
}

#[test]
fn a_wait_for_a_lock_of_another_thread_ends_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lock.pc");
    // Opened twice, as by two processes: the second opening must not initialise the mutex again.
    let (mine, theirs) = (open(&file).unwrap(), open(&file).unwrap());
    mine.take(LockHolder::now(7), &forever()).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let begun = Instant::now();
            (theirs.take(LockHolder::now(8), &soon()).unwrap_err(), begun.elapsed())
        });
        let (error, waited) = waiting.join().unwrap();
        assert_eq!(error.status(), Status::Busy);
        assert!(error.message().contains("(thread 7)"), "{error}");
        assert!(waited >= Duration::from_millis(60) && waited < Duration::from_secs(30), "{waited:?}");
        // The wait gets it as soon as it is released.
        let waiting = scope.spawn(|| theirs.take(LockHolder::now(8), &forever()).map(|()| theirs.release()));
        mine.release();
        waiting.join().unwrap().unwrap();
    });
    mine.take(LockHolder::now(7), &soon()).unwrap();
    mine.release();
}

#[test]
fn without_a_choice_of_clock_a_wait_polls() {
    let dir = tempfile::tempdir().unwrap();
    let lock = open(&dir.path().join("lock.pc")).unwrap();
    lock.take(LockHolder::now(1), &forever()).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| lock.poll(Duration::from_millis(30)));
        assert_eq!(waiting.join().unwrap(), libc::ETIMEDOUT);
        let waiting = scope.spawn(|| {
            let rc = lock.poll(Duration::from_secs(60));
            lock.release();
            rc
        });
        lock.release();
        assert_eq!(waiting.join().unwrap(), 0);
    });
}

#[test]
fn a_link_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("lock.pc"));
    symlink(&target, &link).unwrap();
    assert_eq!(open(&link).map(drop).unwrap_err().status(), Status::Io);
    assert!(!target.exists());
}

#[test]
fn a_file_that_stays_incomplete_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock.pc");
    let file = File::create(&path).unwrap();
    // It seems to be in use, but is never completed.
    flock(&file, libc::LOCK_SH).unwrap();
    let begun = Instant::now();
    assert_eq!(open(&path).map(drop).unwrap_err().status(), Status::LockVersion);
    assert!(begun.elapsed() >= PATIENCE);
}

#[test]
fn a_lock_file_is_for_one_data_file_until_the_lock_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock.pc");
    let (mine, same, other) = (open(&path).unwrap(), open(&path).unwrap(), open(&path).unwrap());
    mine.say_data_file(&path, (1, 2)).unwrap();
    same.say_data_file(&path, (1, 2)).unwrap();
    assert!(other.say_data_file(&path, (1, 3)).is_err());
    drop((mine, same, other));
    open(&path).unwrap().say_data_file(&path, (1, 3)).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    assert_eq!(open(Path::new("/dev/full")).map(drop).unwrap_err().status(), Status::DiskFull);
}

/// Makes the file as the first version of this library did, while another process uses it.
fn file_of_the_first_version(path: &Path) -> File {
    drop(open(path).unwrap());
    let first = File::options().read(true).write(true).open(path).unwrap();
    let lock = open(path).unwrap();
    flock(&first, libc::LOCK_SH).unwrap();
    drop(lock);
    first.set_len(size_of::<Layout>() as u64).unwrap();
    first
}

#[test]
fn a_file_of_the_first_version_is_made_larger_and_keeps_its_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock.pc");
    let first = file_of_the_first_version(&path);
    let magic = || {
        let mut bytes = [0; 8];
        first.read_exact_at(&mut bytes, 0).unwrap();
        u64::from_ne_bytes(bytes)
    };
    assert_eq!(magic(), MAGIC, "the version that the first version compares");
    let lock = open(&path).unwrap();
    assert_eq!((first.metadata().unwrap().len(), magic()), (SIZE as u64, MAGIC));
    assert!(lock.notice().is_some() && lock.notice_to_wait().is_some());
    assert_eq!(lock.room().unwrap().minor.load(Ordering::Relaxed), MINOR);
    lock.take(LockHolder::now(1), &forever()).unwrap();
    lock.release();
}

#[test]
fn a_file_of_a_later_version_keeps_its_size_and_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock.pc");
    let later = file_of_the_first_version(&path);
    later.write_all_at(&[7; 100], 600).unwrap();
    later.write_all_at(&9_u32.to_ne_bytes(), AT_ROOM as u64).unwrap();
    let lock = open(&path).unwrap();
    assert_eq!(later.metadata().unwrap().len(), 700);
    assert_eq!(lock.room().unwrap().minor.load(Ordering::Relaxed), 9);
}

#[test]
fn without_room_the_lock_works_and_nothing_is_announced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock.pc");
    let first = file_of_the_first_version(&path);
    let lock = open(&path).unwrap();
    first.set_len(size_of::<Layout>() as u64).unwrap();
    assert!(lock.notice_to_wait().is_none());
    lock.take(LockHolder::now(1), &forever()).unwrap();
    lock.release();
}
