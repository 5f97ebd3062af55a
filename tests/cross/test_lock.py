"""The write lock between processes."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from worker import Worker

from persistent_collections import BusyError, Environment, LockVersionError, PersistentDict

HOLDER = """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    with env.transaction():
        d["held"] = 1
        tell("holding")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "env"


def dict_of(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict(env, "d", key=str, value=int)


@pytest.mark.parametrize("no_subdir", [False, True])
def test_the_lock_file_lies_beside_lmdbs(tmp_path: Path, no_subdir: bool) -> None:
    with Environment(tmp_path / "env", no_subdir=no_subdir) as env:
        dict_of(env)["a"] = 1
    expected = tmp_path / ("env-lock.pc" if no_subdir else "env/lock.pc")
    assert expected.is_file()


def test_a_timeout_holds_across_processes(path: Path) -> None:
    before = time.time()
    with Worker(path, HOLDER) as holder, Environment(path, durability="none") as env:
        assert holder.heard() == "holding"
        after = time.time()
        d = dict_of(env)
        waits = []
        for _ in range(5):
            begun = time.monotonic()
            with pytest.raises(BusyError) as caught, env.transaction(timeout=0.1):
                pass
            waits.append(time.monotonic() - begun)
        # 10 ms, and the delay of the scheduler, which the best of five keeps small.
        assert 0.1 <= min(waits) < 0.11, waits
        message = str(caught.value)
        assert f"process {holder.process.pid} " in message
        found = re.search(r"since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)Z", message)
        assert found, message
        since = datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc).timestamp()
        # The message has no fractions of a second.
        assert int(before) <= since <= after, message
        assert "held" not in d, "reading does not wait"
        holder.answer()
        holder.end()
        assert d["held"] == 1


def test_a_timeout_of_zero_does_not_wait(path: Path) -> None:
    with Worker(path, HOLDER) as holder, Environment(path, durability="none") as env:
        assert holder.heard() == "holding"
        begun = time.monotonic()
        with pytest.raises(BusyError), env.transaction(timeout=0):
            pass
        assert time.monotonic() - begun < 0.05


def test_a_single_write_has_the_timeout_of_the_environment(path: Path) -> None:
    with Worker(path, HOLDER) as holder, Environment(path, durability="none", write_timeout=0.05) as env:
        assert holder.heard() == "holding"
        d = PersistentDict(env, "d") if "d" in {c.name for c in env.collections()} else None
        begun = time.monotonic()
        with pytest.raises(BusyError):
            if d is None:
                PersistentDict(env, "other", key=str, value=int)
            else:
                d["b"] = 2
        assert time.monotonic() - begun >= 0.05


def test_a_waiting_writer_gets_the_lock_when_it_is_free(path: Path) -> None:
    with Worker(path, HOLDER) as holder, Environment(path, durability="none") as env:
        assert holder.heard() == "holding"
        d = dict_of(env)
        begun = threading.Event()

        def write() -> None:
            begun.set()
            with env.transaction(timeout=60):
                d["mine"] = d["held"] + 1

        waiting = threading.Thread(target=write)
        waiting.start()
        begun.wait()
        holder.answer()
        holder.end()
        waiting.join()
        assert d["mine"] == 2


@pytest.mark.parametrize("moment", ["before", "inside", "many writes"])
def test_a_holder_that_is_killed_frees_it(path: Path, moment: str) -> None:
    code = {
        "before": HOLDER,
        "inside": HOLDER.replace('tell("holding")', 'tell("holding"); d["more"] = 2; tell("still")'),
        "many writes": """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    d["held"] = 0
    tell("holding")
    while True:
        d.increment("held")
""",
    }[moment]
    for _ in range(5):
        with Worker(path, code) as holder, Environment(path, durability="none") as env:
            assert holder.heard() == "holding"
            if moment != "before":
                holder.answer()
            if moment == "inside":
                assert holder.heard() == "still"
            holder.kill()
            d = dict_of(env)
            with env.transaction(timeout=5):
                d["after"] = 1
            # Again: the process that took it over from the dead one has released it.
            with env.transaction(timeout=5):
                d["after"] += 1
            assert d["after"] == 2
            assert "more" not in d


def test_a_lock_file_left_locked_by_a_crash_of_the_system_is_created_again(path: Path) -> None:
    lock = path / "lock.pc"
    with Worker(path, HOLDER) as holder:
        assert holder.heard() == "holding"
        locked = lock.read_bytes()
        holder.kill()
    for left in (locked, b"\xff" * len(locked), b"\xff" * 5000, b"cut short", b""):
        # As after a crash of the system: the process that would release it does not exist.
        lock.write_bytes(left)
        with Environment(path, durability="none") as env:
            d = dict_of(env)
            with env.transaction(timeout=5):
                d["n"] = d.get("n", 0) + 1
    with Environment(path, durability="none") as env:
        assert dict_of(env)["n"] == 5


def test_a_later_opening_shares_the_lock(path: Path) -> None:
    # The second finds the lock of the first in the file, and the third that of both, after the first closed.
    with Worker(path, HOLDER) as first:
        assert first.heard() == "holding"
        with Worker(path, HOLDER.replace('"held"', '"second"')) as second:
            with Environment(path, durability="none") as env, pytest.raises(BusyError):
                env.transaction(timeout=0).__enter__()
            first.answer()
            first.end()
            assert second.heard() == "holding"
            with Environment(path, durability="none") as env:
                with pytest.raises(BusyError), env.transaction(timeout=0):
                    pass
                second.answer()
                second.end()
                assert dict(dict_of(env)) == {"held": 1, "second": 1}


def test_a_lock_file_of_another_version_in_use_is_reported(path: Path) -> None:
    Environment(path).close()
    lock = path / "lock.pc"
    with open(lock, "r+b") as file:
        # A process that has the environment open holds a shared lock on the file.
        fcntl.flock(file, fcntl.LOCK_SH)
        file.write(b"PCLOCK\x00\x02"[::-1])
        file.flush()
        before = lock.read_bytes()
        with pytest.raises(LockVersionError, match="another version of this library"):
            Environment(path)
        assert lock.read_bytes() == before
    Environment(path).close()


def holder_of(file: Path, byte: int) -> int:
    """Returns the process that has an fcntl lock on a byte of a file, or 0."""
    flock = struct.Struct("@hhqqi")
    with open(file, "r+b") as opened:
        asked = flock.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        kind, *_, process = flock.unpack(fcntl.fcntl(opened, fcntl.F_GETLK, asked))
    return 0 if kind == fcntl.F_UNLCK else process


def test_nothing_drops_the_locks_on_lmdbs_lock_file(path: Path) -> None:
    """The locks belong to the process, and end when *any* of its descriptors of the file is closed."""
    code = """
env = Environment(path)
d = PersistentDict(env, "d", key=str, value=int)
d["a"] = 1
tell("open")
for again in (path, path + "/../env"):
    Environment(again).close()
try:
    Environment(path, max_readers=5000)
except OptionsDifferError:
    tell("refused")
env.readers(), env.reap_readers(), env.info(), env.flush(), env.collections()
env.copy(path + ".copy")
env.copy(path + ".compact", compact=True)
tell("done")
env.close()
"""
    with Worker(path, code) as worker:
        pid = worker.process.pid
        for said in ("open", "refused", "done"):
            assert worker.heard() == said
            # A reader locks the byte at its process id; all share the first byte.
            assert holder_of(path / "lock.mdb", pid) == pid, said
            assert holder_of(path / "lock.mdb", 0) == pid, said
            worker.answer()
        worker.end()
    assert holder_of(path / "lock.mdb", 0) == 0


def test_a_thread_that_ends_with_a_transaction_open_leaves_every_process_able_to_write(path: Path) -> None:
    code = """
env = Environment(path, durability="none")
d = PersistentDict(env, "d", key=str, value=int)
def leave():
    transaction = env.transaction()
    transaction.__enter__()
    d["left"] = 1
    kept.append(transaction)
kept = []
thread = threading.Thread(target=leave)
thread.start()
thread.join()
tell("left")
d["again"] = 1
tell("wrote")
os._exit(0)
"""
    with Worker(path, code) as worker, Environment(path, durability="none") as env:
        assert worker.heard() == "left"
        d = dict_of(env)
        with env.transaction(timeout=5):
            d["mine"] = 1
        worker.answer()
        assert worker.heard() == "wrote"
        assert "left" not in d
        assert d["again"] == 1


def test_increments_of_processes_are_not_lost(path: Path) -> None:
    code = """
with Environment(path, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    tell("ready")
    for _ in range(500):
        d.increment("n")
"""
    with Environment(path, durability="none") as env:
        d = dict_of(env)
        workers = [Worker(path, code) for _ in range(4)]
        for worker in workers:
            assert worker.heard() == "ready"
        for worker in workers:
            worker.answer()
        for worker in workers:
            worker.end()
        assert d["n"] == 2000
