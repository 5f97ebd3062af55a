"""The memory map grows under several processes' hands."""

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
        (12 * MIB, False, ("valgrind", "-q", "--error-exitcode=99", "--leak-check=no")),
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

    with worker(READER) as reader:
        assert reader.heard() == "ready"
        with worker(WRITER) as even, worker(WRITER) as odd:
            assert (even.heard(), odd.heard()) == ("ready", "ready")
            even.answer("0")
            odd.answer("1")
            # One writes a while, then the other.
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
        reader.answer()
        assert reader.heard() == "done"
        reader.answer()
        reader.end()
    with Environment(path, durability="none", no_subdir=no_subdir) as env:
        counts = PersistentDict(env, "counts", key=str, value=int)
        assert counts["writes"] == 2 * records
        assert env.info().file_size >= total


def test_increments_across_growth_lose_none(tmp_path: Path) -> None:
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
