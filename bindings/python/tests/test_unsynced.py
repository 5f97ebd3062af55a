"""Transactions that do not wait for stable storage: `sync=False`.

Only Python lacked such transactions: a program that could afford to lose some of its writes in a
crash of the system had to open the environment with another `durability`, for all its writes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from persistent_collections import (
    BusyError,
    Environment,
    InSnapshotError,
    InTransactionError,
    PersistentDict,
)

HERE = Path(__file__).parent

PROGRAM = """
import ctypes, sys
from persistent_collections import Environment, PersistentDict
count = ctypes.CDLL(None).count_syncs

def syncs(call):
    before = count()
    call()
    return count() - before

def block(**options):
    with env.transaction(**options):
        d["block"] = d.get("block", 0) + 1

def nested(outer, inner):
    with env.transaction(sync=outer):
        d["outer"] = 1
        with env.transaction(sync=inner):
            d["inner"] = d.get("inner", 0) + 1

def by_hand(sync):
    transaction = env.transaction(sync=sync)
    transaction.__enter__()
    d["hand"] = d.get("hand", 0) + 1
    transaction.commit()

env = Environment(sys.argv[1])
d = PersistentDict[str, int](env, "d")
for call in (
    block,
    lambda: block(sync=True),
    lambda: env.run(d.increment, "run"),
    lambda: by_hand(True),
    lambda: nested(True, False),
    lambda: nested(True, True),
    lambda: d.__setitem__("alone", 1),
):
    assert syncs(call) > 0
for call in (
    lambda: block(sync=False),
    lambda: env.run(d.increment, "run", sync=False),
    lambda: by_hand(False),
    lambda: nested(False, False),
    lambda: nested(False, True),
):
    assert syncs(call) == 0
assert syncs(env.flush) > 0
assert dict(d) == {"alone": 1, "block": 3, "hand": 2, "inner": 4, "outer": 1, "run": 2}
env.close()
print("done")
"""


@pytest.fixture
def d(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict[str, int](env, "d")


def test_it_does_not_wait_for_stable_storage(tmp_path: Path) -> None:
    shim = tmp_path / "counting_syncs.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", shim, HERE / "counting_syncs.c", "-ldl"]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path / "e"],
        env={**os.environ, "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_it_is_a_transaction_like_others(env: Environment, d: PersistentDict[str, int]) -> None:
    with pytest.raises(ZeroDivisionError), env.transaction(sync=False) as transaction:
        assert transaction.active
        assert "transaction" in repr(transaction)
        d["a"] = 1 // 0
    assert d == {}
    with env.transaction(sync=False):
        d["a"] = 1
        with pytest.raises(ZeroDivisionError), env.transaction(sync=False):
            d["a"] = 2 // 0
        with env.snapshot():
            assert d["a"] == 1
            with pytest.raises(InSnapshotError), env.transaction(sync=False):
                pass
    assert d == {"a": 1}
    with env.transaction(0.5, sync=False) as transaction:
        d["b"] = 1
        transaction.abort()
    assert d == {"a": 1}
    assert env.run(d.increment, "a", sync=False) == 2


def test_another_writer_waits_for_it(env: Environment, d: PersistentDict[str, int]) -> None:
    program = f"""
from persistent_collections import BusyError, Environment, PersistentDict
with Environment({env.path!r}, durability="none", write_timeout=0.01) as env:
    try:
        PersistentDict[str, int](env, "d")["a"] = 1
    except BusyError:
        print("busy")
"""
    d["a"] = 0
    with env.transaction(sync=False):
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"busy\n"
    assert issubclass(BusyError, Exception) and d == {"a": 0}


def test_it_belongs_to_its_task(env: Environment, d: PersistentDict[str, int]) -> None:
    """As with other transactions, a task is refused while another task has one open."""

    async def main() -> None:
        begun, tried = asyncio.Event(), asyncio.Event()

        async def holder() -> None:
            with env.transaction(sync=False):
                d["holder"] = 1
                begun.set()
                await tried.wait()

        async def intruder() -> None:
            await begun.wait()
            try:
                with pytest.raises(InTransactionError, match="asyncio"):
                    d["intruder"] = 1
                with pytest.raises(InTransactionError, match="asyncio"):
                    env.transaction(sync=False).__enter__()
                assert "holder" not in d
            finally:
                tried.set()

        await asyncio.gather(holder(), intruder())

    asyncio.run(main())
    assert d == {"holder": 1}
