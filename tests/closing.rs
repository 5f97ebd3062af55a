//! Closing through the C ABI: in any order, on any thread, during calls; nothing stays open.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::ffi::{CString, c_void};
use std::path::Path;
use std::ptr;
use std::sync::Barrier;

use common::{in_child, options, scratch};
use persistent_collections::ffi::{
    PC_END, PC_ERR_BAD_HANDLE, PC_OK, PC_TXN_READ, PC_TXN_WRITE, pc_batch, pc_dict, pc_dict_close,
    pc_dict_get, pc_dict_open, pc_dict_put, pc_env, pc_env_close, pc_env_info, pc_env_open, pc_env_stat,
    pc_iter, pc_iter_close, pc_iter_next, pc_iter_next_batch, pc_iter_open_dict, pc_txn, pc_txn_abort,
    pc_txn_begin, pc_txn_commit,
};
use persistent_collections::{Dict, Environment};

#[derive(Clone, Copy)]
struct Handles {
    env: pc_env,
    dict: pc_dict,
}

fn open(path: &Path) -> Handles {
    let path = CString::new(path.to_str().unwrap()).unwrap();
    let (mut env, mut dict) = (pc_env { id: 0 }, pc_dict { id: 0 });
    // SAFETY: every pointer is valid for its call.
    unsafe {
        assert_eq!(pc_env_open(path.as_ptr(), ptr::null(), &raw mut env), PC_OK);
        let ty = c"bytes".as_ptr();
        assert_eq!(pc_dict_open(env, c"dict".as_ptr(), ty, ty, 0, &raw mut dict), PC_OK);
    }
    Handles { env, dict }
}

impl Handles {
    fn put(self) -> i32 {
        // SAFETY: every pointer is valid for its call.
        unsafe { pc_dict_put(self.dict, c"key".as_ptr().cast(), 3, c"value".as_ptr().cast(), 5) }
    }

    fn get(self) -> i32 {
        let (mut buffer, mut len) = ([0_u8; 8], 0);
        // SAFETY: every pointer is valid for its call.
        unsafe {
            let place = buffer.as_mut_ptr().cast::<c_void>();
            pc_dict_get(self.dict, c"key".as_ptr().cast(), 3, place, buffer.len(), &raw mut len)
        }
    }

    fn begin(self, kind: i32) -> (i32, pc_txn) {
        let mut txn = pc_txn { id: 0 };
        // SAFETY: the place is valid.
        let status = unsafe { pc_txn_begin(self.env, kind, -1, &raw mut txn) };
        (status, txn)
    }

    fn iterate(self) -> (i32, pc_iter) {
        let mut iter = pc_iter { id: 0 };
        // SAFETY: the place is valid.
        let status = unsafe { pc_iter_open_dict(self.dict, ptr::null(), &raw mut iter) };
        (status, iter)
    }
}

fn next(iter: pc_iter) -> i32 {
    let (mut key, mut value) = (ptr::null(), ptr::null());
    let (mut key_len, mut value_len) = (0, 0);
    // SAFETY: every pointer is valid for its call.
    unsafe { pc_iter_next(iter, &raw mut key, &raw mut key_len, &raw mut value, &raw mut value_len) }
}

/// Returns the number of descriptors and mappings of this process for a path.
fn held(path: &Path) -> (usize, usize) {
    let name = path.to_str().unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.starts_with(name))
        .count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (descriptors, maps.lines().filter(|line| line.contains(name)).count())
}

#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "files")]
fn nothing_is_held_after_closing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let handles = open(&path);
    assert_eq!(handles.put(), PC_OK);
    let (status, iter) = handles.iterate();
    assert_eq!((status, next(iter)), (PC_OK, PC_OK));
    assert!(held(&path).0 > 0 && held(&path).1 > 0);
    assert_eq!(pc_env_close(handles.env), PC_OK);
    assert_eq!(held(&path), (0, 0));
    assert_eq!(next(iter), PC_ERR_BAD_HANDLE);
    assert_eq!(handles.get(), PC_ERR_BAD_HANDLE);
    assert_eq!(pc_env_close(handles.env), PC_ERR_BAD_HANDLE);
}

#[test]
fn children_may_be_closed_before_and_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    for order in 0..6 {
        let handles = open(&path);
        assert_eq!(handles.put(), PC_OK);
        let (status, iter) = handles.iterate();
        assert_eq!(status, PC_OK);
        let (status, txn) = handles.begin(PC_TXN_READ);
        assert_eq!(status, PC_OK);
        let mut closings: Vec<Box<dyn Fn() -> i32>> = vec![
            Box::new(move || pc_env_close(handles.env)),
            Box::new(move || pc_dict_close(handles.dict)),
            Box::new(move || pc_iter_close(iter)),
            Box::new(move || pc_txn_abort(txn)),
        ];
        closings.rotate_left(order % 4);
        if order > 3 {
            closings.reverse();
        }
        let mut closed = false;
        for close in &closings {
            let status = close();
            assert!(status == PC_OK || (status == PC_ERR_BAD_HANDLE), "{status}");
            closed |= status == PC_OK;
        }
        assert!(closed);
        assert_eq!(held(&path), (0, 0), "order {order}");
    }
}

#[test]
fn closing_while_sixteen_threads_call_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = dir.path().join(format!("data{round}"));
        let handles = open(&path);
        assert_eq!(handles.put(), PC_OK);
        let begun = Barrier::new(17);
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let begun = &begun;
                scope.spawn(move || {
                    begun.wait();
                    loop {
                        let status = match thread % 4 {
                            0 | 1 => handles.get(),
                            2 => {
                                let (status, iter) = handles.iterate();
                                if status == PC_OK {
                                    while next(iter) == PC_OK {}
                                    let status = pc_iter_close(iter);
                                    assert!(status == PC_OK || status == PC_ERR_BAD_HANDLE);
                                }
                                status
                            }
                            _ => {
                                let kind = if thread == 3 { PC_TXN_WRITE } else { PC_TXN_READ };
                                let (status, txn) = handles.begin(kind);
                                if status == PC_OK {
                                    if kind == PC_TXN_WRITE {
                                        let status = handles.put();
                                        assert!(status == PC_OK || status == PC_ERR_BAD_HANDLE, "{status}");
                                    }
                                    let status = pc_txn_commit(txn);
                                    assert!(status == PC_OK || status == PC_ERR_BAD_HANDLE, "{status}");
                                }
                                status
                            }
                        };
                        if status == PC_ERR_BAD_HANDLE {
                            return;
                        }
                        assert!(status == PC_OK || status == PC_END, "{status}");
                    }
                });
            }
            begun.wait();
            assert_eq!(handles.get(), PC_OK);
            assert_eq!(pc_env_close(handles.env), PC_OK);
        });
        assert_eq!(held(&path), (0, 0), "round {round}");
        let again = open(&path);
        assert_eq!(again.get(), PC_OK);
        // SAFETY: plain numbers, for which all zeros is a valid value.
        let mut stat = unsafe { std::mem::zeroed::<pc_env_stat>() };
        stat.struct_size = size_of::<pc_env_stat>();
        // SAFETY: the place is valid for the size in it.
        assert_eq!(unsafe { pc_env_info(again.env, &raw mut stat) }, PC_OK);
        assert!(
            stat.readers <= 2,
            "{} slots are taken, of this thread's get and of the look itself",
            stat.readers
        );
        assert_eq!(pc_env_close(again.env), PC_OK);
    }
}

#[test]
fn a_write_transaction_of_another_thread_is_undone_by_its_thread() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let handles = open(&path);
    let (begun, closed) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (status, txn) = handles.begin(PC_TXN_WRITE);
            assert_eq!((status, handles.put()), (PC_OK, PC_OK));
            begun.wait();
            closed.wait();
            assert_eq!(pc_txn_commit(txn), PC_ERR_BAD_HANDLE);
            // That call undoes it, not only the end of the thread.
            begun.wait();
            closed.wait();
        });
        begun.wait();
        assert_eq!(pc_env_close(handles.env), PC_OK);
        closed.wait();
        begun.wait();
        assert_eq!(held(&path), (0, 0));
        closed.wait();
    });
    let again = open(&path);
    assert_eq!(again.get(), persistent_collections::ffi::PC_NOT_FOUND);
    assert_eq!(pc_env_close(again.env), PC_OK);
}

/// Like a finalizer that runs on another thread.
#[test]
fn a_write_transaction_aborted_from_elsewhere_is_undone_by_its_threads_next_call() {
    let dir = tempfile::tempdir().unwrap();
    let handles = open(&dir.path().join("data"));
    let (send, receive) = std::sync::mpsc::channel();
    let (aborted, undone) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        let (aborted, undone) = (&aborted, &undone);
        scope.spawn(move || {
            let (status, txn) = handles.begin(PC_TXN_WRITE);
            assert_eq!((status, handles.put()), (PC_OK, PC_OK));
            send.send(txn).unwrap();
            aborted.wait();
            assert_eq!(handles.get(), persistent_collections::ffi::PC_NOT_FOUND, "its write is undone");
            undone.wait();
            // Its thread continues to run, and the lock is free.
            aborted.wait();
        });
        let txn = receive.recv().unwrap();
        assert_eq!(pc_txn_commit(txn), persistent_collections::ffi::PC_ERR_WRONG_THREAD);
        assert_eq!(pc_txn_abort(txn), PC_OK);
        assert_eq!(pc_txn_abort(txn), PC_ERR_BAD_HANDLE);
        aborted.wait();
        undone.wait();
        let (status, mine) = handles.begin(PC_TXN_WRITE);
        assert_eq!((status, handles.put(), pc_txn_commit(mine)), (PC_OK, PC_OK, PC_OK));
        aborted.wait();
    });
    assert_eq!(handles.get(), PC_OK);
    assert_eq!(pc_env_close(handles.env), PC_OK);
}

#[test]
fn memory_of_an_iterator_stays_valid_when_another_thread_closes_its_collection() {
    // So large that a free returns the memory to the system at once.
    const SIZE: usize = 40 << 20;
    for close_env in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let Handles { env, dict } = open(dir.path());
        let value = vec![7_u8; SIZE];
        // SAFETY: the value is only read.
        let put = unsafe { pc_dict_put(dict, c"key".as_ptr().cast(), 3, value.as_ptr().cast(), SIZE) };
        assert_eq!(put, PC_OK);
        let (status, iter) = Handles { env, dict }.iterate();
        assert_eq!(status, PC_OK);
        let mut batch = std::mem::MaybeUninit::<pc_batch>::uninit();
        // SAFETY: the batch is written to before it is read.
        let batch = unsafe {
            assert_eq!(pc_iter_next_batch(iter, 0, 0, batch.as_mut_ptr()), PC_OK);
            batch.assume_init()
        };
        std::thread::scope(|scope| {
            scope
                .spawn(|| assert_eq!(if close_env { pc_env_close(env) } else { pc_dict_close(dict) }, PC_OK));
        });
        // SAFETY: this thread has not made a call since.
        let given = unsafe { std::slice::from_raw_parts(batch.values, SIZE) };
        assert!(given == value);
        assert_eq!(next(iter), PC_ERR_BAD_HANDLE);
        if !close_env {
            assert_eq!(pc_env_close(env), PC_OK);
        }
    }
}

/// A program ended by a signal whose handler calls `exit`, like Julia's, hung in one of ten cases: `exit` runs the thread's
/// destructors, which waited for the lock of the call that the signal had interrupted.
#[test]
#[cfg_attr(any(feature = "memory-engine", feature = "postgres-engine"), ignore = "processes")]
fn a_handler_that_ends_the_process_in_the_middle_of_a_call_ends_it() {
    extern "C" fn end(_: libc::c_int) {
        // SAFETY: not safe in a handler, but programs do it; it does not touch the memory that the interrupted call uses.
        unsafe { libc::exit(0) }
    }
    let s = scratch();
    let dict = Dict::<i64, i64>::open(&s.env, "dict").unwrap();
    dict.put(&1, &1).unwrap();
    for round in 0..50 {
        let has_ended = in_child(|| {
            let env = Environment::open(s.env.path(), &options()).unwrap();
            let dict = Dict::<i64, i64>::open(&env, "dict").unwrap();
            let time = libc::timeval { tv_sec: 0, tv_usec: 1000 + 37 * round };
            let timer = libc::itimerval { it_interval: time, it_value: time };
            // SAFETY: a handler and a timer of a process of this test's own.
            unsafe {
                libc::signal(libc::SIGVTALRM, end as *const () as libc::sighandler_t);
                libc::setitimer(libc::ITIMER_VIRTUAL, &raw const timer, std::ptr::null_mut());
            }
            loop {
                if round % 2 == 0 {
                    dict.get(&1).unwrap();
                } else {
                    dict.put(&1, &1).unwrap();
                }
            }
        });
        assert!(has_ended, "round {round}");
    }
}
