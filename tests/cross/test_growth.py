"""The memory map grows while several processes use it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from worker import Worker

from persistent_collections import Environment, PersistentDict

MIB = 1 << 20

WRITER = """
with Environment(path, map_size=1 << 20, durability="none", no_subdir=NO_SUBDIR) as env:
    assert env.info().map_size < SMALL, env.info()
    d = PersistentDict(env, "d", key=int, value=bytes)
    counts = PersistentDict(env, "counts", key=str, value=int)
    first = int(tell("ready"))
    for key in range(first, 2 * RECORDS, 2):
        d[key] = bytes([key % 251]) * SIZE
        counts.increment("writes")
        if key // 2 % TURN == 0:
            tell("turn")
"""

READER = """
with Environment(path, map_size=1 << 20, durability="none", no_subdir=NO_SUBDIR) as env:
    d = PersistentDict(env, "d", key=int, value=bytes)
    d[-2] = b"before" * 100
    d[-1] = b"before" * 100
    with env.snapshot():
        items = iter(d.items())
        assert next(items)[0] == -2
        tell("ready")
        rest = [(key, len(value)) for key, value in items]
        assert rest == [(-1, 600)], rest
        assert len(d) == 2
    tell("done")
    expected = 2 * RECORDS + 2
    assert len(d) == expected, len(d)
    assert all(value == bytes([key % 251]) * SIZE for key, value in d.items() if key >= 0)
"""


# References into the map, lent by the C ABI: they must stay valid while other processes make the file grow.
LENDER = """
import ctypes
from persistent_collections import _raw as raw
lib = ctypes.CDLL(os.environ["PERSISTENT_COLLECTIONS_LIBRARY"])
u64, size = ctypes.c_uint64, ctypes.c_size_t
with Environment(path, map_size=1 << 20, durability="none", no_subdir=NO_SUBDIR) as env:
    lent = PersistentDict(env, "lent", key=bytes, value=bytes)
    expected = {b"%d" % n: b"lent %d " % n * 500 for n in range(20)}
    lent.update(expected)
    with env.snapshot():
        places = {}
        for key in expected:
            at, length = ctypes.c_void_p(), size()
            status = lib.pc_dict_get_ref(
                u64(lent._handle), key, size(len(key)), ctypes.byref(at), ctypes.byref(length)
            )
            assert status == raw.PC_OK, status
            places[key] = (at.value, length.value)
        tell("ready")
        assert {key: ctypes.string_at(*place) for key, place in places.items()} == expected
    tell("done")
    d = PersistentDict(env, "d", key=int, value=bytes)
    assert len(d) >= 2 * RECORDS
"""


def fill(code: str, records: int, size: int, no_subdir: bool) -> str:
    small = max(64 * MIB, 1)
    for name, value in {
        "RECORDS": records,
        "SIZE": size,
        "TURN": max(records // 20, 1),
        "NO_SUBDIR": no_subdir,
        "SMALL": small,
    }.items():
        code = code.replace(name, str(value))
    return code


@pytest.mark.parametrize(
    ("total", "no_subdir", "command"),
    [
        (300 * MIB, False, ()),
        (300 * MIB, True, ("sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh")),
        (300 * MIB, False, ("valgrind", "-q", "--error-exitcode=99", "--leak-check=no")),
    ],
    ids=["300 MB", "300 MB under ulimit -v, no_subdir", "valgrind"],
)
def test_two_processes_write_in_turn_while_others_read(
    tmp_path: Path, total: int, no_subdir: bool, command: tuple[str, ...]
) -> None:
    if command[:1] == ("valgrind",):
        assert shutil.which("valgrind"), "install valgrind"
    path = tmp_path / "env"
    records, size = total // (2 * 30_000), 30_000

    def worker(code: str) -> Worker:
        return Worker(path, fill(code, records, size, no_subdir), *command)

    with worker(READER) as reader, worker(LENDER) as lender:
        assert reader.heard() == "ready"
        assert lender.heard() == "ready"
        with worker(WRITER) as even, worker(WRITER) as odd:
            assert (even.heard(), odd.heard()) == ("ready", "ready")
            even.answer("0")
            odd.answer("1")
            # The two take turns of several writes.
            for _ in range(records):
                turns = [w for w in (even, odd) if w.process.poll() is None]
                if not turns:
                    break
                for turn in turns:
                    line = turn.process.stdout.readline() if turn.process.stdout else ""
                    if line:
                        assert line == "turn\n"
                        turn.answer()
            even.end()
            odd.end()
        for holder in (reader, lender):
            holder.answer()
            assert holder.heard() == "done"
            holder.answer()
            holder.end()
    with Environment(path, durability="none", no_subdir=no_subdir) as env:
        counts = PersistentDict(env, "counts", key=str, value=int)
        assert counts["writes"] == 2 * records
        assert env.info().file_size >= total


def test_increments_across_growth_are_not_lost(tmp_path: Path) -> None:
    code = """
with Environment(path, map_size=1 << 20, durability="none") as env:
    counts = PersistentDict(env, "counts", key=str, value=int)
    filling = PersistentDict(env, "filling", key="(str,i64)", value=bytes)
    me = tell("ready")
    for n in range(200):
        counts.increment("n")
        filling[me, n] = b"x" * 20_000
"""
    path = tmp_path / "env"
    workers = [Worker(path, code) for _ in range(4)]
    for n, worker in enumerate(workers):
        assert worker.heard() == "ready"
        worker.answer(str(n))
    for worker in workers:
        worker.end()
    with Environment(path, durability="none") as env:
        assert PersistentDict(env, "counts", key=str, value=int)["n"] == 800
        assert len(PersistentDict(env, "filling")) == 800


def test_the_default_is_a_tebibyte_or_a_quarter_of_the_address_space(tmp_path: Path) -> None:
    code = """
with Environment(path) as env:
    print(env.info().map_size)
"""
    with Worker(tmp_path / "free", code) as worker:
        assert int(worker.end()) == 1 << 40
    limited = ("sh", "-c", 'ulimit -v 8000000; exec "$@"', "sh")
    with Worker(tmp_path / "limited", code, *limited) as worker:
        assert int(worker.end()) == 8_000_000 * 1024 // 4


def test_a_map_that_cannot_grow_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    code = """
import resource
with Environment(path, map_size=1 << 26, durability="none") as env:
    d = PersistentDict(env, "d", key=int, value=bytes)
    big = bytes(1 << 20)
    for n in range(44):
        d[n] = big
    pages = int(open("/proc/self/statm").read().split()[0])
    room = pages * resource.getpagesize() + (48 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    runs = 0
    def fill():
        global runs
        runs += 1
        for n in range(100, 122):
            d[n] = big
    try:
        env.run(fill)
    except NoMemoryError as error:
        assert "address space" in str(error), error
    else:
        raise AssertionError("it fits")
    assert runs <= 2, runs
    assert len(d) == 44
    d[44] = b"small ones still fit"
"""
    with Worker(tmp_path / "env", code) as worker:
        worker.end()


def test_a_block_that_outgrows_the_map_is_run_again_by_itself(tmp_path: Path) -> None:
    with Environment(tmp_path / "env", map_size=1 << 20, durability="none") as env:
        d = PersistentDict(env, "d", key=int, value=bytes)
        runs = []

        def fill() -> int:
            runs.append(len(d))
            for n in range(2000):
                d[n] = bytes(10_000)
            return len(d)

        assert env.run(fill) == 2000
        assert len(runs) > 1
        assert set(runs) == {0}, "each run begins with nothing of the one before"
