"""Every failing status of the header has its class, and a test in which a user meets it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import lmdb
import pytest

import persistent_collections as pc
from persistent_collections import (
    Environment,
    PersistentDict,
    PersistentSet,
    _checked,
    _raw,
    errors,
    keys,
    types,
)

HEADER = Path(__file__).parents[3] / "include" / "persistent_collections.h"

STATUSES = {
    name: int(number)
    for name, number in re.findall(r"#define (PC_ERR_\w+) \((-\d+)\)", HEADER.read_text("utf-8"))
}

#: Statuses that calls of this package cannot return without a fault of the system, or at all;
#: the library's own tests produce each (tests/statuses).
ELSEWHERE = {
    "PC_ERR_PANIC": "a defect of the library",
    "PC_ERR_NO_MEMORY": "memory that runs out",
    "PC_ERR_IO": "a failing disk",
    "PC_ERR_COMMIT_UNKNOWN": "a failing disk",
    "PC_ERR_ENV_FAILED": "a failing disk",
    "PC_ERR_PERMISSION": "a user without rights; the tests may run as root",
    "PC_ERR_LOCK_VERSION": "another build of LMDB",
    "PC_ERR_NETWORK_FS": "a network file system",
    "PC_ERR_PID_CLASH": "two containers",
    "PC_ERR_VALUE_SIZE": "over 2 GiB of memory",
    "PC_ERR_LOCK_FILES": "another process; test_files.py",
    "PC_ERR_NO_TRANSACTION": "references are asked for in snapshots only",
    "PC_ERR_UNAVAILABLE": "an engine to come",
    "PC_ERR_CONFLICT": "another process that removes a collection meanwhile",
    "PC_ERR_FORKED": "test_forks.py",
}


def test_the_header_has_statuses() -> None:
    assert len(STATUSES) > 40 and len(set(STATUSES.values())) == len(STATUSES)


def test_one_class_for_each_status() -> None:
    assert sorted(errors.ERRORS) == sorted(STATUSES.values())
    assert len({kind.__name__ for kind in errors.ERRORS.values()}) == len(STATUSES)


@pytest.mark.parametrize("name", STATUSES)
def test_a_status_becomes_its_class(name: str) -> None:
    error = _checked.failure(_raw.load(), STATUSES[name])
    assert type(error) is errors.ERRORS[STATUSES[name]] and str(error)
    assert error.status == STATUSES[name]


def test_an_unknown_status_is_reported() -> None:
    error = _checked.failure(_raw.load(), -12345)
    assert type(error) is pc.Error and "-12345" in str(error)


# A function for each status that raises it, in an empty directory.

Producer = Callable[[Path], Any]
PRODUCERS: dict[str, Producer] = {}


def produces(name: str) -> Callable[[Producer], Producer]:
    def register(producer: Producer) -> Producer:
        PRODUCERS[name] = producer
        return producer

    return register


def damaged(path: Path, change: Callable[[bytearray], None]) -> Environment:
    """Opens a data file after changing it."""
    with Environment(path) as env:
        PersistentDict[str, int](env, "d")["a"] = 1
    file = path / "data.mdb"
    data = bytearray(file.read_bytes())
    change(data)
    file.write_bytes(data)
    return Environment(path)


def opened(path: Path, **options: Any) -> tuple[Environment, PersistentDict[str, int]]:
    env = Environment(path, durability="none", **options)
    return env, PersistentDict[str, int](env, "d")


@produces("PC_ERR_INVALID_ARGUMENT")
def _(path: Path) -> None:
    Environment(path, max_readers=2_000_000)


@produces("PC_ERR_BAD_HANDLE")
def _(path: Path) -> None:
    env, d = opened(path)
    env.close()
    d["a"]


@produces("PC_ERR_NO_ENVIRONMENT")
def _(path: Path) -> None:
    Environment(path, create=False)


@produces("PC_ERR_NOT_A_DATABASE")
def _(path: Path) -> None:
    path.mkdir()
    (path / "data.mdb").write_bytes(b"no database at all, but some text" * 1000)
    Environment(path)


@produces("PC_ERR_TRUNCATED")
def _(path: Path) -> None:
    damaged(path, lambda data: data.__delitem__(slice(3 * 4096, None)))


@produces("PC_ERR_FORMAT_VERSION")
def _(path: Path) -> None:
    def later(data: bytearray) -> None:
        page = struct.unpack_from("<I", data, 40)[0]
        for at in (0, page):
            struct.pack_into("<I", data, at + 20, 2)

    damaged(path, later)


@produces("PC_ERR_PAGE_SIZE")
def _(path: Path) -> None:
    def larger(data: bytearray) -> None:
        page = struct.unpack_from("<I", data, 40)[0]
        for at in (0, page):
            struct.pack_into("<I", data, at + 40, 2 * page)
        data.extend(bytes(len(data)))

    damaged(path, larger)


@produces("PC_ERR_OPTIONS_DIFFER")
def _(path: Path) -> None:
    with Environment(path):
        Environment(path, max_readers=5000)


@produces("PC_ERR_CORRUPTED")
def _(path: Path) -> None:
    def turn(data: bytearray) -> None:
        for at in range(2 * 4096, len(data), 4096):
            data[at + 10] ^= 0xFF

    with damaged(path, turn) as env:
        env.check()


@produces("PC_ERR_READERS_FULL")
def _(path: Path) -> None:
    _, d = opened(path, max_readers=1)
    walks = [iter(d.items()), iter(d.items())]
    raise AssertionError(walks)


@produces("PC_ERR_COLLECTIONS_FULL")
def _(path: Path) -> None:
    env, _ = opened(path, max_collections=1)
    with env.transaction():
        PersistentDict(env, "one")["a"] = 1
        PersistentDict(env, "beyond")["a"] = 1


@produces("PC_ERR_REPLACED")
def _(path: Path) -> None:
    d = PersistentDict[str, int](Environment(path), "d")
    shutil.rmtree(path)
    d["a"] = 1


@produces("PC_ERR_SECOND_COPY")
def _(path: Path) -> None:
    copy = path.with_name("copy.so")
    shutil.copy(next(place for place in _raw.candidates() if place.is_file()), copy)
    other, handle = _raw._open(copy), ctypes.c_uint64()
    assert other.pc_env_open(os.fsencode(path), None, ctypes.byref(handle)) == 0
    try:
        Environment(path)
    finally:
        other.pc_env_close(handle)


@produces("PC_ERR_NO_COLLECTION")
def _(path: Path) -> None:
    env, d = opened(path)
    env.drop("d")
    d["a"]


@produces("PC_ERR_WRONG_KIND")
def _(path: Path) -> None:
    PersistentSet(opened(path)[0], "d")


@produces("PC_ERR_TYPE_MISMATCH")
def _(path: Path) -> None:
    PersistentDict(opened(path)[0], "d", key=str, value="f32")


@produces("PC_ERR_BAD_TYPE")
def _(path: Path) -> None:
    PersistentDict(opened(path)[0], "e", key="i63")


@produces("PC_ERR_BAD_NAME")
def _(path: Path) -> None:
    PersistentDict(opened(path)[0], "pc:mine")


@produces("PC_ERR_REQUIRES")
def _(path: Path) -> None:
    opened(path)[0].close()
    with lmdb.open(str(path), max_dbs=8) as env, env.begin(write=True) as txn:
        catalog = env.open_db(b"pc:catalog", txn, create=False)
        entry = cbor2.loads(txn.get(b"d", db=catalog))
        txn.put(b"d", cbor2.dumps({**entry, "requires": ["what is to come"]}), db=catalog)
    PersistentDict(Environment(path), "d")


@produces("PC_ERR_BAD_KEY")
def _(path: Path) -> None:
    path.mkdir()
    with lmdb.open(str(path), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(b"\xff\xff", b"", db=env.open_db(b"raw", txn))
    list(PersistentDict[str, bytes](Environment(path), "raw"))


@produces("PC_ERR_BAD_VALUE")
def _(path: Path) -> None:
    path.mkdir()
    with lmdb.open(str(path), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(b"k", b"\xff\xff", db=env.open_db(b"raw", txn))
    PersistentDict[str, Any](Environment(path), "raw")["k"]


@produces("PC_ERR_KEY_SIZE")
def _(path: Path) -> None:
    opened(path)[1]["k" * 2000] = 1


@produces("PC_ERR_OVERFLOW")
def _(path: Path) -> None:
    _, d = opened(path)
    d["a"] = 2**63 - 1
    d.increment("a")


@produces("PC_ERR_IN_SNAPSHOT")
def _(path: Path) -> None:
    env, d = opened(path)
    with env.snapshot():
        d["a"] = 1


@produces("PC_ERR_IN_TRANSACTION")
def _(path: Path) -> None:
    env, _ = opened(path)
    with env.transaction():
        env.flush()


@produces("PC_ERR_WRONG_THREAD")
def _(path: Path) -> None:
    env, _ = opened(path)
    transactions: list[pc.Transaction] = []
    thread = threading.Thread(target=lambda: transactions.append(env.transaction().__enter__()))
    thread.start()
    thread.join()
    transactions[0].commit()


@produces("PC_ERR_NOT_INNERMOST")
def _(path: Path) -> None:
    env, _ = opened(path)
    with env.transaction() as outer, env.transaction():
        outer.commit()


@produces("PC_ERR_TXN_FAILED")
def _(path: Path) -> None:
    env, d = opened(path, map_size=1 << 20)
    blobs = PersistentDict(env, "blobs", key=int, value=bytes)
    with env.transaction():
        with pytest.raises(pc.MapFullError):
            blobs[1] = bytes(4 << 20)
        d["a"] = 1


@produces("PC_ERR_BUSY")
def _(path: Path) -> None:
    env, _ = opened(path)
    caught: list[BaseException] = []

    def wait() -> None:
        try:
            env.transaction(timeout=0).__enter__()
        except BaseException as error:
            caught.append(error)

    with env.transaction():
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join()
    raise caught[0]


@produces("PC_ERR_INTERRUPTED")
def _(path: Path) -> None:
    # A call of the package raises the exception of the signal handler instead.
    env, _ = opened(path)
    library = _raw.load()
    check = _raw.pc_interrupt(lambda _: 1)
    caught: list[BaseException] = []

    def wait(environment: int) -> None:
        library.pc_set_interrupt(check, None)
        out = ctypes.byref(ctypes.c_uint64())
        status = library.pc_txn_begin(environment, _raw.PC_TXN_WRITE, -1, out)
        caught.append(_checked.failure(library, status))

    with env.transaction():
        thread = threading.Thread(target=wait, args=(env._handle,))
        thread.start()
        thread.join()
    assert isinstance(caught[0], InterruptedError)
    raise caught[0]


@produces("PC_ERR_READ_ONLY")
def _(path: Path) -> None:
    opened(path)[0].close()
    with Environment(path, read_only=True) as env:
        PersistentDict[str, int](env, "d")["a"] = 1


@produces("PC_ERR_MAP_FULL")
def _(path: Path) -> None:
    env, _ = opened(path, map_size=1 << 20)
    blobs = PersistentDict(env, "blobs", key=int, value=bytes)
    with env.transaction():
        blobs[1] = bytes(4 << 20)


@produces("PC_ERR_MAP_BUSY")
def _(path: Path) -> None:
    env, _ = opened(path, map_size=1 << 20, write_timeout=0.01)
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f64[]")
    rows[1] = [1.0]
    with env.snapshot():
        kept = rows[1]
    try:
        rows[2] = [0.0] * (1 << 19)
    finally:
        assert kept.tolist() == [1.0]


@produces("PC_ERR_DISK_FULL")
def _(path: Path) -> None:
    code = (
        "import resource, sys; from persistent_collections import *\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "env = Environment(sys.argv[1]); d = PersistentDict(env, 'd', key=int, value=bytes)\n"
        "d[1] = b'small'\n"
        "try:\n    d[2] = bytes(4 << 20)\n"
        "except DiskFullError as error:\n    assert dict(d) == {1: b'small'}; print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    # The exception in the other process.
    raise pc.DiskFullError(done.stdout) if done.stdout else AssertionError(done)


@produces("PC_ERR_UNSUPPORTED")
def _(path: Path) -> None:
    Environment("tikv://127.0.0.1")


@pytest.mark.parametrize("name", PRODUCERS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_user_meets(name: str, tmp_path: Path) -> None:
    with pytest.raises(errors.ERRORS[STATUSES[name]]) as caught:
        PRODUCERS[name](tmp_path / "e")
    assert len(str(caught.value)) > 10


def test_every_status_has_a_producer_or_a_reason() -> None:
    assert sorted([*PRODUCERS, *ELSEWHERE]) == sorted(STATUSES)


def test_run_again_after_growth(tmp_path: Path) -> None:
    with Environment(tmp_path / "e", map_size=1 << 20) as env:
        blobs = PersistentDict(env, "blobs", key=int, value=bytes)
        calls: list[int] = []

        def fill() -> int:
            calls.append(1)
            for n in range(8):
                blobs[n] = bytes(1 << 20)
            return len(blobs)

        assert env.run(fill) == 8 and len(calls) > 1
        assert len(blobs) == 8 and env.info().map_size > 8 << 20


def test_invalid_bytes_of_a_key() -> None:
    with pytest.raises(pc.BadKeyError):
        keys.key_codec(types.parse("i64")).decode(b"short")
