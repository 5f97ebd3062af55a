"""Forks in every state, through the C ABI."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import _raw as raw

KEY, VALUE = b"key", b"value"
PC_ERR_FORKED, PC_ERR_BUSY = -6, -56


class Handles:
    """An environment with objects of every kind open, by handles."""

    def __init__(self, path: Path) -> None:
        self.lib = ctypes.CDLL(os.environ["PERSISTENT_COLLECTIONS_LIBRARY"])
        self.path = path
        self.env = self.handle("pc_env_open", os.fsencode(path), None)
        self.dict = self.handle("pc_dict_open", u64(self.env), b"d", b"bytes", b"bytes", 0)
        self.check("pc_dict_put", u64(self.dict), KEY, size(KEY), VALUE, size(VALUE))

    def call(self, name: str, *arguments: Any) -> int:
        function = getattr(self.lib, name)
        function.restype = ctypes.c_int32
        status: int = function(*arguments)
        return status

    def check(self, name: str, *arguments: Any) -> None:
        status = self.call(name, *arguments)
        assert status == raw.PC_OK, (name, status)

    def handle(self, name: str, *arguments: Any) -> int:
        out = ctypes.c_uint64()
        self.check(name, *arguments, ctypes.byref(out))
        return out.value

    def get(self, collection: int | None = None) -> int:
        needed = ctypes.c_size_t()
        handle = self.dict if collection is None else collection
        return self.call("pc_dict_get", u64(handle), KEY, size(KEY), None, size(b""), ctypes.byref(needed))

    def next(self, iterator: int) -> int:
        place = [ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p(), ctypes.c_size_t()]
        return self.call("pc_iter_next", u64(iterator), *(ctypes.byref(it) for it in place))


def u64(handle: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(handle)


def size(data: bytes) -> ctypes.c_size_t:
    return ctypes.c_size_t(len(data))


@pytest.fixture
def handles(tmp_path: Path) -> Iterator[Handles]:
    handles = Handles(tmp_path / "env")
    yield handles
    handles.check("pc_env_close", u64(handles.env))


def in_child(check: Callable[[], None]) -> None:
    """Runs `check` in a forked child, under a watchdog, and fails if it does."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            watchdog = threading.Timer(60, os._exit, (2,))
            watchdog.daemon = True
            watchdog.start()
            check()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "1: a check failed; 2: the child hung"


def child_of(handles: Handles, *iterators: int) -> Callable[[], None]:
    def check() -> None:
        assert handles.get() == PC_ERR_FORKED
        assert handles.call("pc_dict_put", u64(handles.dict), KEY, size(KEY), b"", size(b"")) == PC_ERR_FORKED
        for iterator in iterators:
            assert handles.next(iterator) == PC_ERR_FORKED
            assert handles.call("pc_iter_close", u64(iterator)) == PC_ERR_FORKED
        assert handles.call("pc_env_close", u64(handles.env)) == PC_ERR_FORKED
        reopened = Handles(handles.path)
        assert reopened.get() == raw.PC_TOO_SMALL
        reopened.check("pc_env_close", u64(reopened.env))

    return check


def test_after_reads(handles: Handles) -> None:
    assert handles.get() == raw.PC_TOO_SMALL
    in_child(child_of(handles))
    assert handles.get() == raw.PC_TOO_SMALL


def test_with_an_iterator_open(handles: Handles) -> None:
    iterator = handles.handle("pc_iter_open_dict", u64(handles.dict), None)
    in_child(child_of(handles, iterator))
    assert handles.next(iterator) == raw.PC_OK
    assert handles.next(iterator) == raw.PC_END


def test_inside_a_snapshot(handles: Handles) -> None:
    txn = handles.handle("pc_txn_begin", u64(handles.env), raw.PC_TXN_READ, ctypes.c_int64(-1))
    in_child(child_of(handles))
    assert handles.get() == raw.PC_TOO_SMALL
    handles.check("pc_txn_commit", u64(txn))


def test_inside_a_write_transaction(handles: Handles) -> None:
    txn = handles.handle("pc_txn_begin", u64(handles.env), raw.PC_TXN_WRITE, ctypes.c_int64(-1))
    handles.check("pc_dict_put", u64(handles.dict), b"more", size(b"more"), b"", size(b""))

    def check() -> None:
        assert handles.get() == PC_ERR_FORKED
        assert handles.call("pc_txn_commit", u64(txn)) == PC_ERR_FORKED
        assert handles.call("pc_txn_abort", u64(txn)) == PC_ERR_FORKED
        reopened = Handles.__new__(Handles)
        reopened.lib = handles.lib
        reopened.env = reopened.handle("pc_env_open", os.fsencode(handles.path), None)
        reopened.dict = reopened.handle("pc_dict_open", u64(reopened.env), b"d", None, None, 0)
        assert reopened.get() == raw.PC_TOO_SMALL
        out = ctypes.c_uint64()
        begin = ("pc_txn_begin", u64(reopened.env), raw.PC_TXN_WRITE, ctypes.c_int64(0), ctypes.byref(out))
        assert reopened.call(*begin) == PC_ERR_BUSY, "the parent holds the lock"

    in_child(check)
    handles.check("pc_txn_commit", u64(txn))
    count = ctypes.c_uint64()
    handles.check("pc_dict_len", u64(handles.dict), ctypes.byref(count))
    assert count.value == 2


def test_while_other_threads_read_and_write(handles: Handles) -> None:
    stop = threading.Event()
    failures: list[int] = []

    def write() -> int:
        return handles.call("pc_dict_put", u64(handles.dict), KEY, size(KEY), VALUE, size(VALUE))

    def iterate() -> int:
        out = ctypes.c_uint64()
        opened = handles.call("pc_iter_open_dict", u64(handles.dict), None, ctypes.byref(out))
        return opened or handles.call("pc_iter_close", u64(out.value))

    def busy(work: Callable[[], int]) -> None:
        while not stop.is_set():
            status = work()
            if status not in (raw.PC_OK, raw.PC_TOO_SMALL):
                failures.append(status)

    threads = [threading.Thread(target=busy, args=(work,)) for work in (write, write, handles.get, iterate)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            in_child(child_of(handles))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert handles.get() == raw.PC_TOO_SMALL
