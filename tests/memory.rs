//! Memory that runs out: if a value, a file or the caller decides the size of an allocation, its failure is a status and
//! never ends the process.
// The engine in memory, which is not released, does not survive a lack of memory.
#![cfg(not(feature = "memory-engine"))]
#![allow(missing_docs, clippy::unwrap_used)]
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "memory/cases.rs"]
mod cases;
#[path = "shim/memory.rs"]
mod memory;
#[path = "memory/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cases::{CASES, Case, SIMPLE};
use memory::{Shortage, arm, disarm};
use persistent_collections::ffi::*;
use world::{LARGE, World, last_error, ok};

/// More than this is large: pages of LMDB are smaller.
const PAGE: usize = 4096;

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(SIMPLE)
}

#[test]
fn every_export_is_among_the_cases() {
    let header =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/include/persistent_collections.h"));
    // A declaration is at the left margin, and its name is before the first parenthesis.
    let declared: BTreeSet<String> = header
        .unwrap()
        .lines()
        .filter(|line| {
            line.starts_with(|first: char| first.is_ascii_lowercase()) && !line.starts_with("typedef")
        })
        .filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next().map(str::to_owned))
        .filter(|name| name.starts_with("pc_"))
        .collect();
    assert!(declared.len() > 80, "{declared:?}");
    let tried: BTreeSet<String> = cases().map(|case| case.export.to_owned()).collect();
    assert_eq!(declared, tried);
}

/// A large allocation that failed ended the process: a program that read a large value, a batch or a long text while
/// other programs used up the memory was aborted, and lost its unsaved data. Here each large allocation of each call
/// fails in turn, including LMDB's own.
#[test]
fn a_large_allocation_that_fails_is_a_status() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path());
    world.fill();
    for case in CASES {
        for at in 1.. {
            (case.prepare)(&mut world);
            arm(Shortage::One { above: PAGE, at });
            let status = (case.call)(&mut world);
            let failed = disarm();
            let what = format!("{}, allocation {at}: {status}: {}", case.export, last_error());
            // If the library can work without the memory, it does.
            assert!(status == case.outcome || failed && status == PC_ERR_NO_MEMORY, "{what}");
            world.clean();
            world.check();
            if !failed {
                break;
            }
            assert!(at < 10_000, "{what}");
        }
    }
}

/// A walk that failed half-way could continue after a record that it had not returned. Here each allocation of a walk fails
/// in turn, and the same call is made again.
#[test]
fn a_walk_that_runs_out_of_memory_can_continue() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path());
    world.set_nested();
    walk_each(&mut world, false);
    // If this process commits meanwhile, a walk continues in memory.
    world.value = pc_value_bytes(world.large.as_ptr().cast(), 256 << 10);
    walk_each(&mut world, true);
}

/// Walks over two copies of the value, until no large allocation of it has failed.
fn walk_each(world: &mut World, commits: bool) {
    for number in 0..2 {
        let key = pc_value_i64(number);
        // SAFETY: the arguments are plain values.
        ok(unsafe { pc_dict_put_value(world.any, &raw const key, &raw const world.value) });
    }
    for at in 1.. {
        let mut iter = pc_iter { id: 0 };
        // SAFETY: the place is valid.
        ok(unsafe { pc_iter_open_dict(world.any, std::ptr::null(), &raw mut iter) });
        world.iters.push(iter);
        if commits {
            world.put_number();
        }
        let (mut seen, mut failures) = (Vec::new(), 0);
        arm(Shortage::One { above: PAGE, at });
        loop {
            // SAFETY: the places are valid.
            match unsafe { pc_iter_next_value(iter, &raw mut world.value, &raw mut world.other) } {
                // SAFETY: the stored keys are of this kind.
                PC_OK => seen.push(unsafe { world.value.r#as.i64 }),
                PC_ERR_NO_MEMORY => failures += 1,
                PC_END => break,
                other => panic!("allocation {at}: {other}: {}", last_error()),
            }
        }
        let failed = disarm();
        assert_eq!(seen, [0, 1], "allocation {at}");
        assert!(failures <= i32::from(failed));
        world.clean();
        if !failed {
            assert!(at > 3, "{at}");
            break;
        }
    }
}

/// The end of a child process.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Returned,
    Panicked,
    Signal(i32),
}

/// Runs `f` in a child process, which ends without the parent's exit handlers.
fn in_child(f: impl FnOnce()) -> End {
    // SAFETY: the child calls only functions that are allowed here: this library, and the allocator of the C library,
    // support use after a fork.
    unsafe {
        match libc::fork() {
            0 => {
                libc::alarm(120);
                let returned = catch_unwind(AssertUnwindSafe(f)).is_ok();
                libc::_exit(i32::from(!returned))
            }
            child => {
                assert!(child > 0);
                let mut status = 0;
                assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
                match status {
                    0 => End::Returned,
                    _ if libc::WIFSIGNALED(status) => End::Signal(libc::WTERMSIG(status)),
                    _ => End::Panicked,
                }
            }
        }
    }
}

/// A number that children share with their parent.
fn shared() -> &'static AtomicUsize {
    // SAFETY: a page of zeros that stays mapped; a number is aligned in it.
    unsafe {
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), PAGE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(page, libc::MAP_FAILED);
        &*page.cast()
    }
}

/// Makes each allocation of a call fail in turn, of any size, until it makes no more. Stores its number in `at`.
fn fail_each(directory: &Path, case: &Case, at: &AtomicUsize) {
    // The message of an aborted process.
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    let mut world = World::open(directory);
    loop {
        let number = at.load(Ordering::SeqCst);
        (case.prepare)(&mut world);
        // SAFETY: the descriptors are valid; the child's standard error is restored.
        let error = unsafe {
            let before = libc::dup(2);
            libc::dup2(null.as_raw_fd(), 2);
            before
        };
        arm(Shortage::One { above: 0, at: number as u64 });
        let status = (case.call)(&mut world);
        let failed = disarm();
        // SAFETY: as above.
        unsafe {
            libc::dup2(error, 2);
            libc::close(error);
        }
        assert!(failed || status == case.outcome, "{}, allocation {number}: {status}", case.export);
        world.clean();
        world.check_idle();
        if !failed {
            return;
        }
        at.store(next(number), Ordering::SeqCst);
    }
}

/// Returns the next allocation to fail: each of the first ones, then some of the many similar ones. With `PC_TEST_LONG`, each.
fn next(at: usize) -> usize {
    let all = std::env::var_os("PC_TEST_LONG").is_some();
    at + 1 + if all || at < 6 { 0 } else { at }
}

/// Rust aborts a process without memory for a small allocation. LMDB used to kill it, too, since it frees a list twice if it
/// cannot copy it. Neither may damage the file, or leave the write lock held: here the parent checks the file and takes the
/// lock after the end of each child.
#[test]
fn a_process_that_runs_out_of_memory_does_not_harm_others() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World::open(dir.path());
    world.fill();
    let at = shared();
    let mut aborted = 0;
    for case in CASES {
        at.store(1, Ordering::SeqCst);
        loop {
            let number = at.load(Ordering::SeqCst);
            let end = in_child(|| fail_each(dir.path(), case, at));
            let last = at.load(Ordering::SeqCst);
            let what = format!("{}, allocation {last} (from {number}): {end:?}", case.export);
            world.check();
            match end {
                End::Returned => break,
                End::Signal(libc::SIGABRT) => aborted += 1,
                _ => panic!("{what}"),
            }
            at.store(next(last), Ordering::SeqCst);
        }
    }
    assert!(aborted > 0, "small allocations fail");
}

/// A transaction inside another one crashed the process if memory was short: LMDB copies its list of free pages, and if it
/// cannot, it frees another list twice. Now the library first checks that the memory is available.
#[test]
fn a_transaction_inside_another_is_begun_or_refused_where_memory_is_short() {
    let dir = tempfile::tempdir().unwrap();
    let end = in_child(|| {
        let mut world = World::open(dir.path());
        // Thousands of free pages.
        for key in 0..16_u8 {
            // SAFETY: the bytes are valid for the given length.
            ok(unsafe {
                pc_dict_put(world.dict, (&raw const key).cast(), 1, world.large.as_ptr().cast(), LARGE)
            });
        }
        ok(pc_dict_clear(world.dict));
        // The pages that a commit frees can be reused after the next one.
        world.check();
        let mut stat = world.info();
        assert!(stat.pages_free > 8_000, "{}", stat.pages_free);
        ok(world.begin(PC_TXN_WRITE));
        world.put_large();
        // Entries that are stored and removed in one transaction add to that list.
        world.large.fill(8);
        for _ in 0..4 {
            world.put_large();
        }
        let (mut refused, mut room) = (0, 0);
        loop {
            arm(Shortage::Room { above: PAGE, room });
            let status = world.begin(PC_TXN_WRITE);
            let failed = disarm();
            if status == PC_OK {
                break;
            }
            assert!(failed && status == PC_ERR_NO_MEMORY, "{status}: {}", last_error());
            // The outer transaction stays open.
            world.put_number();
            refused += 1;
            room += 16 << 10;
            assert!(room < 64 << 20);
        }
        assert!(refused > 100, "{refused}");
        world.put_large();
        ok(pc_txn_commit(world.txns.pop().unwrap()));
        ok(pc_txn_commit(world.txns.pop().unwrap()));
        world.check();
        stat = world.info();
        assert!(stat.pages_free > 0);
    });
    assert_eq!(end, End::Returned);
}
