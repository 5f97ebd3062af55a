//! Statuses of calls on an open environment: success, bad arguments, and the rules of transactions.

use std::ffi::c_void;
use std::path::Path;
use std::ptr;

use persistent_collections::ffi::{
    PC_OK, PC_OPEN_EXISTING, pc_dict, pc_dict_add_i64, pc_dict_get, pc_dict_put_new, pc_env_wait, pc_flush,
    pc_iter, pc_iter_close, pc_iter_next, pc_iter_open_dict, pc_iter_prev, pc_set_interrupt, pc_txn_abort,
    pc_txn_commit,
};

use super::Producer;
use super::abi::{World, begin_read, begin_write, borrow, get, open_dict, open_set, put};
use super::system::{Answer, answering};

pub const PRODUCERS: &[(&str, Producer)] = &[
    ("PC_OK", |dir| put(World::new(dir).dict, b"a", b"b")),
    ("PC_NOT_FOUND", |dir| get(World::new(dir).dict, b"absent", 10)),
    ("PC_EXISTS", |dir| {
        let world = World::new(dir);
        // SAFETY: the pointers are valid for the call.
        unsafe { pc_dict_put_new(world.dict, b"key".as_ptr().cast(), 3, ptr::null(), 0) }
    }),
    ("PC_END", |dir| {
        let world = World::new(dir);
        let mut iter = pc_iter { id: 0 };
        let (mut data, mut len) = (ptr::null(), 0);
        let (at, length) = (&raw mut data, &raw mut len);
        // SAFETY: the pointers are valid for the calls.
        unsafe {
            assert_eq!(pc_iter_open_dict(world.dict, ptr::null(), &raw mut iter), PC_OK);
            assert_eq!(pc_iter_next(iter, at, length, at, length), PC_OK);
            let end = pc_iter_next(iter, at, length, at, length);
            assert_eq!(pc_iter_close(iter), PC_OK);
            end
        }
    }),
    ("PC_TOO_SMALL", |dir| get(World::new(dir).dict, b"key", 10)),
    ("PC_TIMEOUT", |dir| {
        let world = World::new(dir);
        let mut commit = u64::MAX;
        // SAFETY: a place for the call.
        unsafe { pc_env_wait(world.env, &raw mut commit, 1) }
    }),
    ("PC_ERR_INVALID_ARGUMENT", |dir| {
        let world = World::new(dir);
        // SAFETY: the calls do not use the pointers.
        unsafe { pc_dict_get(world.dict, ptr::null(), 3, ptr::null_mut(), 0, ptr::null_mut()) }
    }),
    ("PC_ERR_BAD_HANDLE", |_| get(pc_dict { id: 0 }, b"key", 10)),
    ("PC_ERR_PANIC", |dir| {
        let world = World::new(dir);
        std::panic::set_hook(Box::new(|_| ()));
        let given = answering(Answer::NoClock, || begin_write(world.env, 100).0);
        drop(std::panic::take_hook());
        given
    }),
    ("PC_ERR_FORKED", |dir| {
        let world = World::new(dir);
        // SAFETY: the child makes one call that allocates nothing, and ends without running anything else.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                let mut len = 0;
                let given = pc_dict_get(world.dict, ptr::null(), 0, ptr::null_mut(), 0, &raw mut len);
                libc::_exit(-given);
            }
            let mut ended = 0;
            assert_eq!(libc::waitpid(child, &raw mut ended, 0), child);
            assert!(libc::WIFEXITED(ended));
            -libc::WEXITSTATUS(ended)
        }
    }),
    ("PC_ERR_COLLECTIONS_FULL", |dir| {
        let world = World::with(dir, |options| options.max_collections = 1);
        begin_write(world.env, 0);
        open_dict(world.env, "one", "str", "str", 0);
        open_dict(world.env, "beyond", "str", "str", 0).0
    }),
    ("PC_ERR_READERS_FULL", |dir| {
        let world = World::with(dir, |options| options.max_readers = 1);
        let mut iters = [pc_iter { id: 0 }; 2];
        // SAFETY: the places are valid for the calls.
        iters.each_mut().map(|iter| unsafe { pc_iter_open_dict(world.dict, ptr::null(), iter) })[1]
    }),
    ("PC_ERR_NO_COLLECTION", |dir| {
        let world = World::new(dir);
        open_dict(world.env, "absent", "str", "str", PC_OPEN_EXISTING).0
    }),
    ("PC_ERR_WRONG_KIND", |dir| open_set(World::new(dir).env, "dict", "bytes").0),
    ("PC_ERR_TYPE_MISMATCH", |dir| open_dict(World::new(dir).env, "dict", "i64", "bytes", 0).0),
    ("PC_ERR_BAD_TYPE", |dir| open_dict(World::new(dir).env, "new", "word", "bytes", 0).0),
    ("PC_ERR_BAD_NAME", |dir| open_dict(World::new(dir).env, "pc:catalog", "str", "str", 0).0),
    ("PC_ERR_BAD_KEY", |dir| {
        let world = World::new(dir);
        let (_, dict) = open_dict(world.env, "numbers", "f64", "bytes", 0);
        // The encoding that a NaN would have.
        put(dict, &[0xff; 8], b"")
    }),
    ("PC_ERR_BAD_VALUE", |dir| {
        let world = World::new(dir);
        let (_, dict) = open_dict(world.env, "texts", "str", "str", 0);
        put(dict, b"key", b"\xff")
    }),
    ("PC_ERR_KEY_SIZE", |dir| put(World::new(dir).dict, &[1; 1979], b"")),
    ("PC_ERR_VALUE_SIZE", |dir| {
        let world = World::new(dir);
        let size = 1 << 31;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: separate memory, which is at most read, and freed afterwards.
        unsafe {
            let large = libc::mmap(ptr::null_mut(), size, libc::PROT_READ, flags, -1, 0);
            assert_ne!(large, libc::MAP_FAILED);
            let given = put(world.dict, b"key", std::slice::from_raw_parts(large.cast(), size));
            assert_eq!(libc::munmap(large, size), 0);
            given
        }
    }),
    ("PC_ERR_OVERFLOW", |dir| {
        let world = World::new(dir);
        let (_, dict) = open_dict(world.env, "counts", "bytes", "u8", 0);
        let mut sum = 0;
        // SAFETY: the pointers are valid for the call.
        unsafe { pc_dict_add_i64(dict, b"key".as_ptr().cast(), 3, 256, &raw mut sum) }
    }),
    ("PC_ERR_IN_SNAPSHOT", |dir| {
        let world = World::new(dir);
        let txn = begin_read(world.env);
        let given = put(world.dict, b"key", b"");
        assert_eq!(pc_txn_abort(txn), PC_OK);
        given
    }),
    ("PC_ERR_IN_TRANSACTION", |dir| {
        let world = World::new(dir);
        let (_, txn) = begin_write(world.env, 0);
        let given = pc_flush(world.env);
        assert_eq!(pc_txn_abort(txn), PC_OK);
        given
    }),
    ("PC_ERR_NO_TRANSACTION", |dir| borrow(World::new(dir).dict, b"key")),
    ("PC_ERR_WRONG_THREAD", |dir| {
        let world = World::new(dir);
        let (_, txn) = begin_write(world.env, 0);
        let given = std::thread::scope(|scope| scope.spawn(|| pc_txn_commit(txn)).join().unwrap());
        assert_eq!(pc_txn_abort(txn), PC_OK);
        given
    }),
    ("PC_ERR_NOT_INNERMOST", |dir| {
        let world = World::new(dir);
        let (outer, inner) = (begin_read(world.env), begin_read(world.env));
        let given = pc_txn_commit(outer);
        assert_eq!((pc_txn_commit(inner), pc_txn_commit(outer)), (PC_OK, PC_OK));
        given
    }),
    ("PC_ERR_BUSY", |dir| {
        let world = World::new(dir);
        let (_, txn) = begin_write(world.env, 0);
        let given = std::thread::scope(|scope| scope.spawn(|| begin_write(world.env, 0).0).join().unwrap());
        assert_eq!(pc_txn_abort(txn), PC_OK);
        given
    }),
    ("PC_ERR_INTERRUPTED", |dir| {
        let world = World::new(dir);
        let (_, txn) = begin_write(world.env, 0);
        let given = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                // SAFETY: the function may be called at any time, with any context.
                assert_eq!(unsafe { pc_set_interrupt(Some(always), ptr::null_mut()) }, PC_OK);
                put(world.dict, b"key", b"")
            });
            waiting.join().unwrap()
        });
        assert_eq!(pc_txn_abort(txn), PC_OK);
        given
    }),
    ("PC_ERR_REPLACED", |dir| {
        let world = World::new(dir);
        std::fs::remove_file(world.data()).unwrap();
        put(world.dict, b"key", b"")
    }),
    ("PC_ERR_CONFLICT", back_to_what_an_iterator_has_released),
];

/// After a commit of its process, an iterator keeps the rest of a large range and releases its snapshot.
fn back_to_what_an_iterator_has_released(dir: &Path) -> i32 {
    let world = World::new(dir);
    let large = vec![7; 1 << 20];
    for key in 0..6 {
        assert_eq!(put(world.dict, &[key], &large), PC_OK);
    }
    let mut iter = pc_iter { id: 0 };
    let (mut data, mut len) = (ptr::null(), 0);
    let (at, length) = (&raw mut data, &raw mut len);
    // SAFETY: the pointers are valid for the calls.
    unsafe {
        assert_eq!(pc_iter_open_dict(world.dict, ptr::null(), &raw mut iter), PC_OK);
        for _ in 0..4 {
            assert_eq!(pc_iter_next(iter, at, length, at, length), PC_OK);
        }
        assert_eq!(put(world.dict, &[0], b""), PC_OK);
        assert_eq!(pc_iter_next(iter, at, length, at, length), PC_OK);
        let mut given = PC_OK;
        while given == PC_OK {
            given = pc_iter_prev(iter, at, length, at, length);
        }
        assert_eq!(pc_iter_close(iter), PC_OK);
        given
    }
}

unsafe extern "C" fn always(_context: *mut c_void) -> i32 {
    1
}
