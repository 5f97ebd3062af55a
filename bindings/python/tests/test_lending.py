"""Arrays in a snapshot's memory, and their life after the snapshot's block."""

from __future__ import annotations

import functools
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import persistent_collections
from persistent_collections import (
    Environment,
    InSnapshotError,
    MapBusyError,
    OptionsDifferError,
    PersistentDict,
    arrays,
)

ROWS = 50


def row(n: int) -> Any:
    return np.full(8, n, "f4")


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    with Environment(tmp_path / "env", durability="none") as environment:
        yield environment


@pytest.fixture
def rows(env: Environment) -> PersistentDict[int, Any]:
    d: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
    d.put_many(range(ROWS), np.repeat(np.arange(ROWS, dtype="f4"), 8).reshape(ROWS, 8))
    return d


def overwrite(d: PersistentDict[int, Any], times: int = 20) -> None:
    """Commits often enough that unused pages are reused."""
    for _ in range(times):
        d.put_many(range(ROWS), np.full((ROWS, 8), -1, "f4"))


def held_back(env: Environment) -> bool:
    info = env.info()
    return info.oldest_reader_commit < info.last_commit


def test_a_read_only_view_of_the_snapshots_memory(
    env: Environment, rows: PersistentDict[int, Any]
) -> None:
    with env.snapshot():
        view, same = rows[3], rows.get(3)
        assert np.array_equal(view, row(3)) and view.dtype == np.float32
        assert view.__array_interface__["data"][0] == same.__array_interface__["data"][0]
        assert not view.flags.writeable and not view.flags.owndata
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            view.flags.writeable = True
        assert rows.get(99) is None
        with pytest.raises(KeyError):
            rows[99]
    assert rows[3].flags.writeable


def test_a_kept_slice_keeps_its_snapshot(env: Environment, rows: PersistentDict[int, Any]) -> None:
    with env.snapshot():
        kept = rows[7][2:5][::-1].reshape(3, 1)
    assert np.array_equal(rows[7], row(7)) and rows[7].flags.writeable
    overwrite(rows)
    assert kept.tolist() == [[7], [7], [7]]
    assert rows[7][0] == -1
    assert held_back(env)
    del kept
    assert not held_back(env)


def test_a_snapshot_without_kept_arrays_ends_with_the_block(
    env: Environment, rows: PersistentDict[int, Any]
) -> None:
    with env.snapshot(), env.snapshot():
        assert rows[1].sum() == 8
    overwrite(rows, 1)
    assert not held_back(env)
    with pytest.raises(RuntimeWarning), env.snapshot():
        # Without `assert`, since pytest keeps the objects of an assertion.
        rows[1].sum() / 0  # noqa: B018
    gc.collect()
    overwrite(rows, 1)
    assert not held_back(env)


def test_views_of_several_snapshots(env: Environment, rows: PersistentDict[int, Any]) -> None:
    kept = []
    for n in range(5):
        rows[0] = row(100 + n)
        with env.snapshot():
            kept.append(rows[0])
    overwrite(rows)
    assert [int(view[0]) for view in kept] == [100, 101, 102, 103, 104]
    with env.transaction():
        rows[0] = row(5)
        assert rows[0].flags.writeable
        with env.snapshot():
            # The next write of the block around it may move the value, so this is a copy.
            assert rows[0].flags.writeable
            with pytest.raises(InSnapshotError):
                rows[0] = row(6)
    assert np.array_equal(rows[0], row(5))


def test_after_closing(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
    rows[1] = row(1)
    with env.snapshot():
        kept = rows[1]
        with env.snapshot():
            also = rows[1][1:]
    env.close()
    with pytest.raises(persistent_collections.BadHandleError):
        rows[1]
    del rows, env
    gc.collect()
    with Environment(tmp_path / "e") as again:
        more: PersistentDict[int, Any] = PersistentDict(again, "rows")
        for n in range(20):
            more[1] = row(-n)
        assert np.array_equal(kept, row(1)) and also.sum() == 7
    with pytest.raises(OptionsDifferError):
        Environment(tmp_path / "e", max_readers=5000)
    del kept, also
    # Now the files are closed.
    Environment(tmp_path / "e", max_readers=5000).close()


def test_closed_inside_the_block(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
    rows[1] = row(1)
    with env.snapshot():
        kept = rows[1]
        env.close()
    assert np.array_equal(kept, row(1))
    del kept
    Environment(tmp_path / "e", max_readers=5000).close()


def test_looked_up_after_closing_inside_the_block(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
    rows[1] = row(1)
    with env.snapshot():
        env.close()
        with pytest.raises(persistent_collections.BadHandleError):
            rows[1]
    # It has not left anything open.
    Environment(tmp_path / "e", max_readers=5000).close()


def test_a_read_that_waits_for_it_lets_its_holder_go_on(tmp_path: Path) -> None:
    outgrow = """
import sys
from persistent_collections import Environment, PersistentDict
with Environment(sys.argv[1], durability="none") as env:
    PersistentDict(env, "blob", key=int, value=bytes)[1] = bytes(4 << 20)
"""
    with Environment(tmp_path / "e", map_size=1 << 20, write_timeout=30) as env:
        rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
        plain = PersistentDict(env, "plain", key=int, value=int)
        rows[1] = row(1)
        plain[1] = 1
        lent, outgrown = threading.Event(), threading.Event()

        def hold() -> None:
            with env.snapshot():
                kept = rows[1]
                lent.set()
                outgrown.wait()
                assert np.array_equal(kept, row(1))
                del kept

        holder = threading.Thread(target=hold)
        holder.start()
        lent.wait()
        subprocess.run([sys.executable, "-c", outgrow, str(tmp_path / "e")], check=True)
        interval = sys.getswitchinterval()
        # The holder must continue when the read waits, not before.
        sys.setswitchinterval(100)
        try:
            begun = time.monotonic()
            outgrown.set()
            assert plain[1] == 1
            assert time.monotonic() - begun < 15
        finally:
            sys.setswitchinterval(interval)
        holder.join()


def test_growth_waits_for_it(tmp_path: Path) -> None:
    with Environment(tmp_path / "e", map_size=1 << 20, write_timeout=0.05) as env:
        rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[8]")
        blob = PersistentDict(env, "blob", key=int, value=bytes)
        rows[1] = row(1)
        with env.snapshot():
            kept = rows[1]
        with pytest.raises(MapBusyError, match="lent"):
            blob[1] = bytes(4 << 20)
        assert np.array_equal(kept, row(1))
        del kept
        blob[1] = bytes(4 << 20)
        assert len(blob[1]) == 4 << 20


def test_in_another_thread(env: Environment, rows: PersistentDict[int, Any]) -> None:
    kept: list[Any] = []

    def lend() -> None:
        with env.snapshot():
            kept.append(rows[9])

    thread = threading.Thread(target=lend)
    thread.start()
    thread.join()
    # The thread has ended; its snapshot has not.
    overwrite(rows)
    assert np.array_equal(kept[0], row(9))
    dropper = threading.Thread(target=kept.clear)
    dropper.start()
    dropper.join()
    assert not held_back(env)


def test_a_thread_that_ends_inside_the_block(
    env: Environment, rows: PersistentDict[int, Any]
) -> None:
    kept: list[Any] = []

    def lend() -> None:
        blocks.append(env.snapshot())
        blocks[0].__enter__()
        kept.append(rows[9])

    blocks: list[Any] = []
    thread = threading.Thread(target=lend)
    thread.start()
    thread.join()
    blocks[0].__exit__(KeyError, KeyError(), None)
    overwrite(rows)
    assert np.array_equal(kept[0], row(9)) and np.array_equal(rows[9], row(-1))
    # Calls no longer have to check it.
    assert object.__getattribute__(rows, "_handle")
    kept.clear()
    gc.collect()
    assert not held_back(env)


@pytest.fixture
def no_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(arrays, "numpy", functools.lru_cache(lambda: None))
    yield


def test_memoryviews_without_numpy(
    env: Environment, rows: PersistentDict[int, Any], no_numpy: None
) -> None:
    with env.snapshot():
        kept = rows[4][2:]
        assert isinstance(kept, memoryview) and kept.readonly
    overwrite_lists = PersistentDict(env, "others", key=int, value="f32[]")
    for n in range(20):
        rows[4] = [0.0] * 8
        overwrite_lists[n] = [1.0]
    assert kept.tolist() == [4.0] * 6
    with env.snapshot():
        assert overwrite_lists[3].tolist() == [1.0]
    del kept
    assert not held_back(env)


def test_arrays_of_any_length(env: Environment) -> None:
    d: PersistentDict[str, Any] = PersistentDict(env, "d", key=str, value="i16[]")
    d.update(empty=[], some=[1, 2, 3])
    with env.snapshot():
        assert d["empty"].tolist() == [] and d["some"].tolist() == [1, 2, 3]
        assert not d["some"].flags.writeable
    matrices: PersistentDict[str, Any] = PersistentDict(env, "m", key=str, value="u8[2,3]")
    matrices["odd"] = np.arange(6, dtype="u1").reshape(2, 3)
    doubles: PersistentDict[str, Any] = PersistentDict(env, "f", key=str, value="f64[3]")
    doubles["x"], doubles["xyz"] = [1, 2, 3], [4, 5, 6]
    with env.snapshot():
        assert matrices["odd"].tolist() == [[0, 1, 2], [3, 4, 5]]
        # At any address: NumPy accepts unaligned arrays too.
        assert float(doubles["x"] @ doubles["xyz"]) == 32.0


def test_a_child_has_a_copy(tmp_path: Path) -> None:
    # In a separate process, since pytest's has threads.
    code = """
import os, sys
import numpy as np
from persistent_collections import Environment, PersistentDict
env = Environment(sys.argv[1])
rows = PersistentDict(env, "rows", key=int, value="f32[1500]")
for n in range(20):
    rows[n] = np.full(1500, n, "f4")
with env.snapshot():
    kept = [rows[n][1:-1] for n in range(20)]
go, went = os.pipe()
child = os.fork()
if child == 0:
    # Only after the parent has released them and its pages were reused.
    os.close(went)
    os.read(go, 1)
    good = all((view == n).all() and not view.flags.writeable for n, view in enumerate(kept))
    good = good and rows[3][0] == -29
    del kept
    rows[3] = np.full(1500, 33, "f4")
    os._exit(0 if good else 1)
assert all((view == n).all() for n, view in enumerate(kept))
del kept
for times in range(30):
    for n in range(20):
        rows[n] = np.full(1500, -times, "f4")
info = env.info()
assert info.oldest_reader_commit == info.last_commit
os.close(went)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert rows[3][0] == 33
env.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "e")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_block_that_another_thread_ends(env: Environment, rows: PersistentDict[int, Any]) -> None:
    block = env.snapshot()
    block.__enter__()
    kept = rows[9]
    thread = threading.Thread(target=block.__exit__, args=(KeyError, KeyError(), None))
    thread.start()
    thread.join()
    # This thread leaves it at its next call.
    overwrite(rows)
    assert np.array_equal(rows[9], row(-1)) and np.array_equal(kept, row(9))
    with env.transaction():
        rows[9] = row(5)
    assert np.array_equal(rows[9], row(5)) and object.__getattribute__(rows, "_handle")
    del kept
    assert not held_back(env)


def test_a_signal_while_a_fork_waits_for_its_child(tmp_path: Path) -> None:
    """A signal handler's exception left forks locked, so that the next in another thread hung.

    It came while the parent waited for its child to copy the lent memory. Even then, that memory
    must not change until the child has its copy.
    """
    code = """
import os, signal, sys, threading, warnings
warnings.simplefilter("ignore")
handled, go_on = os.pipe(), os.pipe()
def first_in_child():
    if not ignored:
        os.kill(os.getppid(), signal.SIGUSR1)
        os.read(handled[0], 1)
os.register_at_fork(after_in_child=first_in_child)
import numpy as np
from persistent_collections import Environment, PersistentDict

class Interrupt(BaseException):
    pass

def handler(*_):
    os.write(handled[1], b"x")
    raise Interrupt

ignored = []
sys.unraisablehook = lambda raised: ignored.append(raised.exc_type)
signal.signal(signal.SIGUSR1, handler)
env = Environment(sys.argv[1], durability="none")
rows = PersistentDict(env, "rows", key=int, value="f32[8]")
rows[1] = np.full(8, 1, "f4")
with env.snapshot():
    view = rows[1]

def fork(check, before=lambda: None):
    child = os.fork()
    if child == 0:
        os.read(go_on[0], 1)
        os._exit(0 if (view == 1).all() else 1)
    before()
    os.write(go_on[1], b"x")
    check(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

def overwrite():
    for n in range(30):
        rows[1] = np.full(8, -n, "f4")

codes = []
fork(codes.append, overwrite)
assert ignored == [Interrupt], ignored
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.alarm(20)
thread = threading.Thread(target=fork, args=(codes.append,))
thread.start()
thread.join()
fork(codes.append)
assert codes == [0, 0, 0], codes
del view
overwrite()
info = env.info()
assert info.oldest_reader_commit == info.last_commit
env.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "e")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
