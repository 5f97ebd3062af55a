//! Statuses of opening an environment.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::ptr;

use lmdb_sys as lmdb;
use persistent_collections::ffi::{
    PC_ENV_NO_CREATE, PC_ENV_READ_ONLY, PC_ENV_VERIFY, PC_OK, pc_env_close, pc_env_options,
};

use super::Producer;
use super::abi::{DEFAULTS, World, get, open, open_dict, put};
use super::system::{Answer, answering};

pub const PRODUCERS: &[(&str, Producer)] = &[
    ("PC_ERR_NO_ENVIRONMENT", |dir| open(&dir.join("absent"), |o| o.flags = PC_ENV_NO_CREATE).0),
    ("PC_ERR_PERMISSION", |dir| {
        std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
        // SAFETY: changes only the calling thread, which ends with this test: root loses its rights to files.
        unsafe { libc::syscall(libc::SYS_setfsuid, 65534) };
        let (owner, mode) = (std::fs::metadata(dir).unwrap(), 0o555);
        // A user who is not root owns the directory.
        let changed = std::fs::set_permissions(dir, PermissionsExt::from_mode(mode));
        let given = open(&dir.join("env"), DEFAULTS).0;
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_setfsuid, libc::geteuid()) };
        if changed.is_ok() {
            std::fs::set_permissions(dir, owner.permissions()).unwrap();
        }
        given
    }),
    ("PC_ERR_NOT_A_DATABASE", |dir| {
        std::fs::write(dir.join("data.mdb"), "a text, and a long one\n".repeat(1000)).unwrap();
        open(dir, DEFAULTS).0
    }),
    ("PC_ERR_TRUNCATED", |dir| {
        changed(dir, DEFAULTS, |file| file.set_len(file.metadata().unwrap().len() - 4096).unwrap())
    }),
    // The headers of LMDB's two metas: magic, version and page size follow a page header of 16 bytes, which ends
    // in the flags, and the rest of the page. See docs/format.md.
    ("PC_ERR_FORMAT_VERSION", |dir| in_both_metas(dir, 20, 2)),
    ("PC_ERR_PAGE_SIZE", |dir| in_both_metas(dir, 40, 8192)),
    ("PC_ERR_LOCK_VERSION", |dir| {
        let path = World::new(dir).closed();
        let lock = OpenOptions::new().write(true).read(true).open(path.join("lock.mdb")).unwrap();
        lock.write_all_at(&1_u32.to_ne_bytes(), 4).unwrap();
        hold(&lock, libc::F_RDLCK, 0_u32);
        open(&path, DEFAULTS).0
    }),
    ("PC_ERR_NETWORK_FS", |dir| answering(Answer::Network, || open(&dir.join("env"), DEFAULTS).0)),
    ("PC_ERR_PID_CLASH", |dir| {
        let path = World::new(dir).closed();
        let lock = OpenOptions::new().write(true).read(true).open(path.join("lock.mdb")).unwrap();
        // A reader locks the byte at its process id.
        hold(&lock, libc::F_WRLCK, std::process::id());
        open(&path, DEFAULTS).0
    }),
    ("PC_ERR_LOCK_FILES", |dir| {
        let path = World::new(dir).closed();
        let data = File::open(path.join("data.mdb")).unwrap();
        // Offsets from here on stand for lock files; see `claim.rs`.
        hold(&data, libc::F_RDLCK, 1_i64 << 62);
        open(&path, DEFAULTS).0
    }),
    ("PC_ERR_SECOND_COPY", |dir| {
        let world = World::new(dir);
        // Another LMDB in the process opens the files, begins to read, and closes them.
        let path = std::ffi::CString::new(world.path.to_str().unwrap()).unwrap();
        let (mut env, mut txn) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: as in `store_in_catalog`.
        unsafe {
            assert_eq!(lmdb::mdb_env_create(&raw mut env), 0);
            assert_eq!(lmdb::mdb_env_open(env, path.as_ptr(), 0, 0o644), 0);
            assert_eq!(lmdb::mdb_txn_begin(env, ptr::null_mut(), lmdb::MDB_RDONLY, &raw mut txn), 0);
            lmdb::mdb_txn_abort(txn);
            lmdb::mdb_env_close(env);
        }
        get(world.dict, b"key", 10)
    }),
    ("PC_ERR_OPTIONS_DIFFER", |dir| {
        let world = World::new(dir);
        open(&world.path, |options| options.max_readers = 5000).0
    }),
    ("PC_ERR_CORRUPTED", |dir| {
        changed(
            dir,
            |options| options.flags = PC_ENV_VERIFY,
            |file| {
                let pages = file.metadata().unwrap().len() / 4096;
                (2..pages).for_each(|page| file.write_all_at(&[0xff; 64], page * 4096).unwrap());
            },
        )
    }),
    ("PC_ERR_NO_MEMORY", |dir| answering(Answer::NoMemory, || open(&dir.join("env"), DEFAULTS).0)),
    ("PC_ERR_REQUIRES", |dir| {
        let path = World::new(dir).closed();
        // A future version of entries: `{"v": 2}`.
        store_in_catalog(&path, b"dict", b"\xa1\x61v\x02");
        let (status, env) = open(&path, DEFAULTS);
        assert_eq!(status, PC_OK);
        let given = open_dict(env, "dict", "bytes", "bytes", 0).0;
        assert_eq!(pc_env_close(env), PC_OK);
        given
    }),
    ("PC_ERR_READ_ONLY", |dir| {
        let path = World::new(dir).closed();
        let (status, env) = open(&path, |options| options.flags = PC_ENV_READ_ONLY);
        assert_eq!(status, PC_OK);
        let (_, dict) = open_dict(env, "dict", "bytes", "bytes", 0);
        let given = put(dict, b"a", b"b");
        assert_eq!(pc_env_close(env), PC_OK);
        given
    }),
    ("PC_ERR_UNSUPPORTED", |_| open(Path::new("scheme://cluster/data"), DEFAULTS).0),
    // A port where nobody listens.
    #[cfg(feature = "postgres")]
    ("PC_ERR_UNAVAILABLE", |_| open(Path::new("postgresql://127.0.0.1:1/none"), DEFAULTS).0),
];

/// Creates an environment, changes its data file, and opens it again.
fn changed(dir: &Path, set: fn(&mut pc_env_options), change: impl FnOnce(&File)) -> i32 {
    let path = World::new(dir).closed();
    change(&OpenOptions::new().write(true).open(path.join("data.mdb")).unwrap());
    open(&path, set).0
}

fn in_both_metas(dir: &Path, at: u64, number: u32) -> i32 {
    changed(dir, DEFAULTS, |file| {
        for page in [0, 4096] {
            file.write_all_at(&number.to_ne_bytes(), page + at).unwrap();
        }
    })
}

/// Locks a byte of a file while the file is open, also for this process, like another process.
fn hold(file: &File, kind: i32, byte: impl Into<i64>) {
    let lock = libc::flock {
        l_type: kind.try_into().unwrap(),
        l_whence: libc::SEEK_SET.try_into().unwrap(),
        l_start: byte.into(),
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open, and the lock a valid one.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }, 0);
}

/// Stores a record in the catalog as another program would.
fn store_in_catalog(path: &Path, key: &[u8], value: &[u8]) {
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let val =
        |bytes: &[u8]| lmdb::MDB_val { mv_size: bytes.len(), mv_data: bytes.as_ptr().cast_mut().cast() };
    let (mut key, mut value) = (val(key), val(value));
    let (mut env, mut txn, mut dbi) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: calls LMDB in the order that its manual requires; every pointer is valid for its call.
    unsafe {
        assert_eq!(lmdb::mdb_env_create(&raw mut env), 0);
        assert_eq!(lmdb::mdb_env_set_maxdbs(env, 2), 0);
        assert_eq!(lmdb::mdb_env_open(env, path.as_ptr(), 0, 0o644), 0);
        assert_eq!(lmdb::mdb_txn_begin(env, ptr::null_mut(), 0, &raw mut txn), 0);
        assert_eq!(lmdb::mdb_dbi_open(txn, c"pc:catalog".as_ptr(), 0, &raw mut dbi), 0);
        assert_eq!(lmdb::mdb_put(txn, dbi, &raw mut key, &raw mut value, 0), 0);
        assert_eq!(lmdb::mdb_txn_commit(txn), 0);
        lmdb::mdb_env_close(env);
    }
}
