//! Files of an open environment that are reached by several names, removed, replaced or moved.
//!
//! LMDB uses paths, and keeps the files that it has opened. So links, and two names of one data file, led to two sets of
//! lock files, and two writers ran at once: 13,400 writes were acknowledged and 7,639 present. A data file that a
//! restore had replaced still took writes, which were lost.
// These tests need files, which the engine in memory does not have.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::CString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{in_child, options, pipe, status};
use persistent_collections::{Dict, Environment, Options, Status};
use tempfile::TempDir;

/// A directory with an environment in it, `data`.
fn environment() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    Dict::<String, i64>::open(&open(&path), "numbers").unwrap();
    (dir, path)
}

fn open(path: &Path) -> Environment {
    Environment::open(path, &options()).unwrap()
}

type Call<'c> = &'c dyn Fn(&Environment) -> Result<(), persistent_collections::Error>;

fn as_file(options: &Options) -> Options {
    options.clone().no_subdir(true)
}

fn durable() -> Options {
    Options::default()
}

fn numbers(env: &Environment) -> Dict<String, i64> {
    Dict::open(env, "numbers").unwrap()
}

/// Waits for a tick of the coarse clock, after which the next commit checks its files.
fn wait_for_a_tick() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(20) {
        std::thread::yield_now();
    }
}

/// Parent and child add to one number at the same time. Returns the sum.
fn both_add(parent: &Environment, child: impl FnOnce() -> Environment, each: i64) -> i64 {
    let (mut ready, mut go) = pipe();
    let dict = numbers(parent);
    let add = |env: &Environment| {
        let dict = numbers(env);
        for _ in 0..each {
            dict.increment("sum", 1).unwrap();
        }
    };
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| {
            let mut byte = [0];
            ready.read_exact(&mut byte).unwrap();
            add(parent);
        });
        assert!(in_child(|| {
            let env = child();
            go.write_all(b"x").unwrap();
            add(&env);
        }));
        adding.join().unwrap();
    });
    dict.get("sum").unwrap().unwrap()
}

#[test]
fn a_directory_and_its_data_file_are_one_environment() {
    let (_dir, path) = environment();
    let env = open(&path);
    let file = path.join("data.mdb");
    let sum = both_add(&env, || Environment::open(&file, &as_file(&options())).unwrap(), 2000);
    assert_eq!(sum, 4000);
    assert!(!path.join("data.mdb-lock").exists(), "no second set of lock files was made");
    assert_eq!(env.check().unwrap().collections, 1);
    // In one process, they are the same, too.
    let again = Environment::open(&file, &as_file(&options())).unwrap();
    numbers(&again).put("here", &1).unwrap();
    assert_eq!(numbers(&env).get("here").unwrap(), Some(1));
    assert!(!again.info().unwrap().no_subdir);
}

#[test]
fn a_data_file_that_is_new_is_its_directorys() {
    let dir = tempfile::tempdir().unwrap();
    let env = Environment::open(dir.path().join("data.mdb"), &as_file(&options())).unwrap();
    Dict::<String, i64>::open(&env, "numbers").unwrap();
    drop(env);
    assert!(dir.path().join("lock.mdb").exists());
    assert_eq!(open(dir.path()).collections().unwrap().len(), 1);
}

#[test]
fn a_link_to_a_data_file_leads_to_its_lock_files() {
    let (dir, path) = environment();
    let env = open(&path);
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    symlink(path.join("data.mdb"), other.join("data.mdb")).unwrap();
    assert_eq!(both_add(&env, || open(&other), 500), 1000);
    // With another name, as a file and in a directory.
    symlink(path.join("data.mdb"), dir.path().join("link.mdb")).unwrap();
    let link = dir.path().join("link.mdb");
    assert_eq!(both_add(&env, || Environment::open(&link, &as_file(&options())).unwrap(), 500), 2000);
    drop(env);
    // A file with a different name, linked into a directory.
    fs::rename(path.join("data.mdb"), dir.path().join("own.mdb")).unwrap();
    fs::remove_file(other.join("data.mdb")).unwrap();
    symlink(dir.path().join("own.mdb"), other.join("data.mdb")).unwrap();
    let env = Environment::open(dir.path().join("own.mdb"), &as_file(&options())).unwrap();
    assert_eq!(both_add(&env, || open(&other), 500), 3000);
    assert!(!other.join("lock.mdb").exists());
}

#[test]
fn hard_links_are_refused_with_both_paths() {
    let (dir, path) = environment();
    let env = open(&path);
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::hard_link(path.join("data.mdb"), other.join("data.mdb")).unwrap();
    assert!(in_child(|| {
        let refused = Environment::open(&other, &options()).unwrap_err();
        assert_eq!(refused.status(), Status::LockFiles);
        for shown in [&other, &path] {
            let shown = shown.join("data.mdb").display().to_string();
            assert!(refused.message().contains(&shown), "{refused}");
        }
    }));
    assert!(!other.join("lock.mdb").exists(), "nothing was made there");
    // A read-only opening would see pages that are overwritten during a read.
    let reading = options().read_only(true);
    assert!(in_child(|| assert_eq!(status(Environment::open(&other, &reading)), Status::LockFiles)));
    drop(env);
    // When no process has it open any more, both paths work.
    assert!(in_child(|| drop(open(&other))));
}

/// Other LMDB programs open a data file by name and put their lock file beside it.
#[test]
fn lock_files_that_another_program_has_in_use_are_shared() {
    let (_dir, path) = environment();
    let file = path.join("data.mdb");
    let (mut ready, mut go) = pipe();
    let (mut over, end) = pipe();
    let name = CString::new(file.to_str().unwrap()).unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            assert!(in_child(|| {
                let mut env = std::ptr::null_mut();
                // SAFETY: opens and closes an environment of LMDB by its rules.
                unsafe {
                    assert_eq!(lmdb_sys::mdb_env_create(&raw mut env), 0);
                    assert_eq!(lmdb_sys::mdb_env_open(env, name.as_ptr(), lmdb_sys::MDB_NOSUBDIR, 0o644), 0);
                    go.write_all(b"x").unwrap();
                    over.read_exact(&mut [0]).unwrap();
                    lmdb_sys::mdb_env_close(env);
                }
            }));
        });
        ready.read_exact(&mut [0]).unwrap();
        let env = Environment::open(&file, &as_file(&options())).unwrap();
        assert!(env.info().unwrap().no_subdir, "it shares the lock file that is in use");
        assert_eq!(both_add(&env, || open(&path), 200), 400);
        (&end).write_all(b"x").unwrap();
        other.join().unwrap();
    });
}

#[test]
fn writes_to_a_removed_environment_are_not_acknowledged() {
    let (_dir, path) = environment();
    let env = Environment::open(&path, &durable()).unwrap();
    let dict = numbers(&env);
    dict.put("before", &1).unwrap();
    fs::remove_dir_all(&path).unwrap();
    let refused = dict.put("after", &1).unwrap_err();
    assert_eq!(refused.status(), Status::Replaced);
    assert!(refused.message().contains("data.mdb was removed"), "{refused}");
    // From now on, every call reports it, and a new environment can be created at the path.
    assert_eq!(status(dict.get("before")), Status::Replaced);
    let new = Environment::open(&path, &durable()).unwrap();
    assert_eq!(new.collections().unwrap().len(), 0);
}

#[test]
fn transactions_and_batches_notice_a_removed_environment() {
    let write = |env: &Environment| env.transaction(|| numbers(env).put("after", &1));
    let savepoints = |env: &Environment| {
        let outer = env.begin_write()?;
        let inner = env.begin_write()?;
        numbers(env).put("after", &1)?;
        inner.commit()?;
        outer.commit()
    };
    let many = |env: &Environment| numbers(env).put_many([("a", &1), ("b", &2)]);
    let dropping = |env: &Environment| env.drop_collection("numbers").map(drop);
    let making = |env: &Environment| Dict::<String, i64>::open(env, "new").map(drop);
    let flushing = |env: &Environment| env.flush();
    for write in [&write as Call<'_>, &savepoints, &many, &dropping, &making, &flushing] {
        let (_dir, path) = environment();
        let env = Environment::open(&path, &durable()).unwrap();
        fs::remove_file(path.join("data.mdb")).unwrap();
        assert_eq!(status(write(&env)), Status::Replaced);
    }
}

#[test]
fn commits_without_durability_and_snapshots_notice_a_removal_after_a_tick() {
    let put = |env: &Environment| numbers(env).put("after", &1);
    let snapshot = |env: &Environment| env.begin_snapshot().map(drop);
    let iterator = |env: &Environment| numbers(env).iter().map(drop);
    // Single reads check from time to time.
    let gets = |env: &Environment| {
        let dict = numbers(env);
        (0..1000).try_for_each(|_| dict.get("before").map(drop))
    };
    for call in [&put as Call<'_>, &snapshot, &iterator, &gets] {
        let (_dir, path) = environment();
        let env = open(&path);
        call(&env).unwrap();
        fs::remove_file(path.join("data.mdb")).unwrap();
        wait_for_a_tick();
        assert_eq!(status(call(&env)), Status::Replaced);
    }
}

#[test]
fn removed_lock_files_keep_a_second_writer_out() {
    for name in ["lock.mdb", "lock.pc"] {
        let (_dir, path) = environment();
        let env = Environment::open(&path, &durable()).unwrap();
        let dict = numbers(&env);
        dict.put("before", &1).unwrap();
        fs::remove_file(path.join(name)).unwrap();
        if name == "lock.mdb" {
            let refused = |options: &Options| status(Environment::open(&path, options));
            assert!(in_child(|| assert_eq!(refused(&durable()), Status::LockFiles)));
        }
        assert_eq!(status(dict.put("after", &1)), Status::Replaced);
        drop((dict, env));
        assert_eq!(numbers(&open(&path)).get("before").unwrap(), Some(1));
    }
}

/// A restore renamed a new data file over the old one. The process opened the path again and closed its old handle,
/// which dropped LMDB's locks: 200 of 200 values in a live snapshot were then wrong.
#[test]
fn a_restored_data_file_is_never_mixed_with_the_one_before() {
    let (dir, path) = environment();
    let backup = dir.path().join("backup");
    let old = open(&path);
    let dict = numbers(&old);
    (0..200).for_each(|key| dict.put(&key.to_string(), &1).unwrap());
    assert!(old.copy_to(&backup, false).unwrap());
    (0..200).for_each(|key| dict.put(&key.to_string(), &2).unwrap());
    let snapshot = old.begin_snapshot().unwrap();
    fs::rename(backup.join("data.mdb"), path.join("data.mdb")).unwrap();

    let new = open(&path);
    assert_eq!(status(dict.get("0")), Status::Replaced, "the old one has ended");
    drop((snapshot, dict, old));
    let dict = numbers(&new);
    let snapshot = new.begin_snapshot().unwrap();
    std::thread::scope(|scope| {
        // Enough commits to reuse the snapshot's pages.
        scope.spawn(|| (0..2000).for_each(|n| dict.put(&(n % 200).to_string(), &3).unwrap()));
    });
    (0..200).for_each(|key| assert_eq!(dict.get(&key.to_string()).unwrap(), Some(1)));
    snapshot.commit().unwrap();
}

/// Another process has the replaced data file open.
#[test]
fn a_data_file_put_in_place_under_another_process_is_refused_until_that_has_ended() {
    let (dir, path) = environment();
    let backup = dir.path().join("backup");
    let env = Environment::open(&path, &durable()).unwrap();
    let dict = numbers(&env);
    dict.put("before", &1).unwrap();
    assert!(env.copy_to(&backup, false).unwrap());
    // With the same number of commits, and with fewer.
    for more in [false, true] {
        if more {
            assert!(env.copy_to(&backup, false).unwrap());
            (0..10).for_each(|_| dict.put("before", &1).unwrap());
        }
        let kept = dir.path().join("kept");
        fs::hard_link(path.join("data.mdb"), &kept).unwrap();
        fs::rename(backup.join("data.mdb"), path.join("data.mdb")).unwrap();
        fs::remove_dir_all(&backup).unwrap();
        for settings in [durable(), durable().read_only(true)] {
            let reading_the_same = settings.read_only && !more;
            assert!(in_child(|| {
                match Environment::open(&path, &settings) {
                    Err(refused) => assert_eq!(refused.status(), Status::Replaced),
                    // Nothing contradicts it until the next commit of the other process.
                    Ok(_) => assert!(reading_the_same),
                }
            }));
        }
        fs::rename(&kept, path.join("data.mdb")).unwrap();
    }
    dict.put("after", &1).unwrap();
}

#[test]
fn a_reader_that_sees_an_older_file_than_the_lock_file_tells_of_says_so() {
    // An overlay file system does this to a reader when another process writes: its file is a different one from then on.
    let (dir, path) = environment();
    let stale = dir.path().join("stale");
    fs::create_dir(&stale).unwrap();
    fs::copy(path.join("data.mdb"), stale.join("data.mdb")).unwrap();
    fs::hard_link(path.join("lock.mdb"), stale.join("lock.mdb")).unwrap();
    let reading = options().read_only(true);
    let reader = Environment::open(&stale, &reading).unwrap();
    let dict = numbers(&reader);
    assert_eq!(dict.get("new").unwrap(), None);
    assert!(in_child(|| numbers(&open(&path)).put("new", &1).unwrap()));
    assert_eq!(status(dict.get("new")), Status::Replaced);
    assert_eq!(status(reader.begin_snapshot()), Status::Replaced);
}

#[test]
fn an_environment_stays_the_same_when_its_path_leads_elsewhere() {
    let (dir, path) = environment();
    let (link, moved) = (dir.path().join("current"), dir.path().join("moved"));
    symlink("data", &link).unwrap();
    let env = Environment::open(&link, &durable()).unwrap();
    let dict = numbers(&env);
    let other = dir.path().join("v2");
    numbers_in(&other, 7);
    fs::remove_file(&link).unwrap();
    symlink("v2", &link).unwrap();
    dict.put("flipped", &1).unwrap();
    fs::rename(&path, &moved).unwrap();
    dict.put("moved", &1).unwrap();
    wait_for_a_tick();
    drop(env.begin_snapshot().unwrap());
    // Opened again, it is the same, and not the environment at the path.
    let again = env.reopen().unwrap();
    numbers(&again).put("again", &1).unwrap();
    assert_eq!(dict.get("again").unwrap(), Some(1));
    drop((dict, env));
    assert_eq!(numbers(&again).len().unwrap(), 3);
    drop(again);
    assert_eq!(numbers(&open(&moved)).len().unwrap(), 3);
    assert_eq!(numbers(&open(&other)).len().unwrap(), 1);
}

fn numbers_in(path: &Path, value: i64) {
    let env = open(path);
    Dict::<String, i64>::open(&env, "numbers").unwrap().put("it is another", &value).unwrap();
}

#[test]
fn a_child_finds_the_files_of_its_parent_whatever_the_path_leads_to() {
    let (dir, path) = environment();
    let (link, moved) = (dir.path().join("current"), dir.path().join("moved"));
    symlink("data", &link).unwrap();
    let env = Environment::open(&link, &durable()).unwrap();
    numbers(&env).put("parent", &1).unwrap();
    numbers_in(&dir.path().join("v2"), 7);
    fs::remove_file(&link).unwrap();
    symlink("v2", &link).unwrap();
    let found = || {
        let own = env.reopen().unwrap();
        let dict = numbers(&own);
        assert_eq!(dict.get("parent").unwrap(), Some(1));
        dict.increment("children", 1).unwrap();
        drop(own.begin_snapshot().unwrap());
    };
    assert!(in_child(found));
    fs::rename(&path, &moved).unwrap();
    assert!(in_child(found));
    // A program may close unknown descriptors; then only the path is left, which leads to another environment.
    assert!(in_child(|| {
        (3..1000).for_each(|fd| {
            // SAFETY: closes descriptors that this child does not use.
            unsafe { libc::close(fd) };
        });
        assert_eq!(status(env.reopen()), Status::Replaced);
    }));
    assert_eq!(numbers(&env).get("children").unwrap(), Some(2));
    fs::remove_dir_all(&moved).unwrap();
    assert!(in_child(|| assert_eq!(status(env.reopen()), Status::Replaced)));
    assert!(!path.exists() && !moved.exists(), "nothing was made there");
}

#[test]
fn a_child_that_has_changed_its_root_or_user_finds_the_files_or_says_that_it_cannot() {
    // SAFETY: only returns a number.
    if unsafe { libc::geteuid() } != 0 {
        // Only root can do either; another test covers the error of a child without the rights.
        return;
    }
    let (dir, path) = environment();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let env = Environment::open(&path, &durable()).unwrap();
    let root = tempfile::tempdir().unwrap();
    let inside = CString::new(root.path().to_str().unwrap()).unwrap();
    // SAFETY: the path is NUL-terminated; only the child is affected.
    let enter = || unsafe { libc::chroot(inside.as_ptr()) == 0 && libc::chdir(c"/".as_ptr()) == 0 };
    // Without /proc, no path leads there from the new root.
    assert!(in_child(|| {
        assert!(enter());
        assert_eq!(status(env.reopen()), Status::Replaced);
    }));
    // The environment itself still works in a process that does either.
    assert!(in_child(|| {
        let own = env.reopen().unwrap();
        let dict = numbers(&own);
        assert!(enter());
        dict.put("chroot", &1).unwrap();
        drop(own.begin_snapshot().unwrap());
        // SAFETY: only the child is affected.
        assert_eq!(unsafe { libc::setuid(65534) }, 0);
        dict.put("setuid", &1).unwrap();
        drop(own.begin_snapshot().unwrap());
    }));
    assert_eq!(numbers(&env).len().unwrap(), 2);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn lock_files_are_regular_files_of_their_own() {
    let (dir, path) = environment();
    let victim = dir.path().join("victim");
    fs::write(&victim, "a text").unwrap();
    for name in ["lock.mdb", "lock.pc"] {
        let lock = path.join(name);
        let refuse = || {
            let refused = Environment::open(&path, &options()).unwrap_err();
            assert_eq!(refused.status(), Status::LockVersion);
            assert!(refused.message().contains(name), "{refused}");
        };
        fs::remove_file(&lock).unwrap();
        symlink(&victim, &lock).unwrap();
        refuse();
        fs::remove_file(&lock).unwrap();
        fs::hard_link(path.join("data.mdb"), &lock).unwrap();
        refuse();
        fs::remove_file(&lock).unwrap();
        let fifo = CString::new(lock.to_str().unwrap()).unwrap();
        // SAFETY: the path is NUL-terminated.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        refuse();
        fs::remove_file(&lock).unwrap();
        drop(open(&path));
    }
    assert_eq!(fs::read_to_string(&victim).unwrap(), "a text");
}

/// A daemon had closed its standard streams: the data file got descriptor 1, and a line of the log was written to it.
#[test]
fn no_file_takes_the_place_of_a_standard_stream_or_is_inherited_by_programs() {
    let (dir, path) = environment();
    assert!(in_child(|| {
        for fd in 0..3 {
            // SAFETY: closes this child's own streams.
            unsafe { libc::close(fd) };
        }
        let env = Environment::open(&path, &options().flush_interval(Duration::from_secs(3600))).unwrap();
        let dict = numbers(&env);
        let entries = dict.iter().unwrap();
        for compact in [false, true] {
            assert!(env.copy_to(dir.path().join(format!("copy {compact}")), compact).unwrap());
        }
        env.check().unwrap();
        let mut ours = 0;
        for fd in 0..100 {
            // SAFETY: only reads the flags of a descriptor, which need not be open.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            if flags < 0 {
                continue;
            }
            let target = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
            if target.starts_with(dir.path()) {
                ours += 1;
                assert!(fd > 2 && flags & libc::FD_CLOEXEC != 0, "{fd}: {}", target.display());
            }
        }
        // The data file, its meta pages and claim, both lock files, the directory, and the flusher's descriptor.
        assert!(ours >= 6, "{ours}");
        drop(entries);
    }));
}

/// Another package had the same files open in the same process. Closing them cleared this library's reader slots.
#[test]
fn a_second_lmdb_that_clears_the_reader_slots_is_noticed() {
    let (_dir, path) = environment();
    let env = open(&path);
    let dict = numbers(&env);
    dict.get("any").unwrap();
    let name = CString::new(path.to_str().unwrap()).unwrap();
    let mut other = std::ptr::null_mut();
    // SAFETY: opens and closes an environment of LMDB by its rules; begins a read, so that it reads the slots.
    unsafe {
        assert_eq!(lmdb_sys::mdb_env_create(&raw mut other), 0);
        assert_eq!(lmdb_sys::mdb_env_open(other, name.as_ptr(), 0, 0o644), 0);
        let mut txn = std::ptr::null_mut();
        let flags = lmdb_sys::MDB_RDONLY;
        assert_eq!(lmdb_sys::mdb_txn_begin(other, std::ptr::null_mut(), flags, &raw mut txn), 0);
        lmdb_sys::mdb_txn_abort(txn);
        lmdb_sys::mdb_env_close(other);
    }
    let failure = dict.get("any").unwrap_err();
    assert_eq!(failure.status(), Status::SecondCopy);
    assert!(failure.message().contains("one library in a process"), "{failure}");
    // Snapshots may have lost their pages, so the environment can no longer be used.
    assert_eq!(status(env.begin_snapshot()), Status::SecondCopy);
    drop((dict, env));
    assert_eq!(numbers(&open(&path)).get("any").unwrap(), None);
}
