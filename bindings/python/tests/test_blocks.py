"""Blocks that begin and end in one step, also by direct calls, and transactions without a block."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable
from ctypes import byref, c_uint64
from pathlib import Path
from typing import Any

import pytest
from interrupting import Watched, at_each_step

from persistent_collections import (
    BadHandleError,
    Environment,
    InTransactionError,
    PersistentDict,
    WrongThreadError,
    acceleration,
)
from persistent_collections import _checked as checked
from persistent_collections import _raw as raw


class Stop(Exception):
    pass


@pytest.fixture
def d(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict[str, int](env, "d")


def current(env: Environment) -> int:
    """Returns the library's transaction of this thread."""
    library = env._library
    return checked.number(library, library.pc_txn_current, env._handle)


def in_a_thread(call: Callable[[], object]) -> Any:
    """Returns the result or exception of a call in another thread."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return results[0]


def test_a_plain_block_is_one_step(env: Environment, d: PersistentDict[str, int]) -> None:
    """A transaction cost 37 % more, and a snapshot 54 %, after objects that own it were added.

    With the accelerator, a native call begins it and records it.
    """
    d["a"] = 1
    with env.snapshot():
        pass
    accelerated = acceleration.status() == "on"
    for block in (env.transaction(), env.snapshot()):
        with block as begun:
            assert begun is block and block.active and block._is_open is accelerated
            assert current(env) != 0 and d["a"] == 1
        assert not block.active and not block._is_open and current(env) == 0


@pytest.mark.parametrize("kind", ["transaction", "snapshot"])
def test_an_inner_block_moves_the_outer_one_to_the_package(
    env: Environment, d: PersistentDict[str, int], kind: str
) -> None:
    for _ in range(2):
        with getattr(env, kind)() as outer:
            with env.snapshot() as inner:
                assert inner.active and not outer._is_open and not inner._is_open
            assert outer.active and current(env) != 0
        assert not outer.active and current(env) == 0


def test_looking_for_its_end_does_not_end_it(env: Environment, d: PersistentDict[str, int]) -> None:
    for _ in range(2):
        block = env.transaction()
        assert block.__enter__() is block
        assert callable(block.__exit__) and block.active
        d["a"] = 1
        with pytest.raises(InTransactionError, match="already begun"):
            block.__enter__()
        block.__exit__(None, None, None)
        assert not block.active and d.pop("a") == 1


def test_a_garbage_collected_block_is_aborted(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    for _ in range(2):
        block = env.transaction()
        block.__enter__()
        d["a"] = 1
        del block
        assert current(env) == 0 and "a" not in d


def test_dropped_by_another_thread(env: Environment, d: PersistentDict[str, int]) -> None:
    blocks = [env.transaction()]
    blocks[0].__enter__()
    d["a"] = 1
    in_a_thread(blocks.clear)
    assert "a" not in d and current(env) == 0
    with env.transaction():
        d["b"] = 2
    assert in_a_thread(lambda: dict(d)) == {"b": 2}


def test_ended_by_another_thread(env: Environment, d: PersistentDict[str, int]) -> None:
    block = env.transaction()
    block.__enter__()
    d["a"] = 1
    assert isinstance(in_a_thread(block.commit), WrongThreadError)
    assert block.active
    block.commit()
    with contextlib.ExitStack() as stack:
        stack.enter_context(env.transaction())
        d["b"] = 2
        rest = stack.pop_all()
    assert isinstance(in_a_thread(rest.close), WrongThreadError)
    assert d == {"a": 1} and current(env) == 0


def test_closed_inside(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    with pytest.raises(BadHandleError), env.transaction() as block:
        d["a"] = 2
        env.close()
    assert not block.active
    with Environment(tmp_path / "e") as env:
        assert PersistentDict[str, int](env, "d") == {"a": 1}


def test_a_stack_that_is_driven_by_hand(env: Environment, d: PersistentDict[str, int]) -> None:
    """`contextlib` takes `__exit__` from the class, so that only the stack keeps a block alive."""
    for _ in range(2):
        stack = contextlib.ExitStack()
        with env.snapshot():
            pass
        stack.enter_context(env.transaction())
        d["a"] = 1
        later = stack.pop_all()
        stack.close()
        assert d["a"] == 1 and current(env) != 0
        stack.enter_context(later)
        stack.enter_context(env.transaction())
        d["b"] = 2
        stack.close()
        assert current(env) == 0 and d == {"a": 1, "b": 2}
        with pytest.raises(Stop), contextlib.ExitStack() as stack:
            stack.enter_context(env.transaction())
            d["a"] = 3
            raise Stop
        stack = contextlib.ExitStack()
        stack.enter_context(env.transaction())
        d["a"] = 4
        # Never closed.
        del stack
        assert current(env) == 0 and d == {"a": 1, "b": 2}


def test_a_stack_that_is_interrupted(tmp_path: Path) -> None:
    """An asynchronous exception can arrive before the stack has received the block.

    The block ends with the frames that the exception passed: after the exception is handled, or,
    since `contextlib` keeps it in its own frame, garbage-collected.
    """
    watched = Watched(tmp_path / "env")

    def by_hand() -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(watched.env.transaction())
            watched.d["a"] = watched.d["b"] = watched.d["a"] + 1
            stack.enter_context(watched.env.snapshot())
        stack = contextlib.ExitStack()
        stack.enter_context(watched.env.snapshot())
        stack.close()

    # Only objects made from now on are collected, hundreds of times.
    gc.freeze()
    try:
        for where in at_each_step(by_hand, lambda where: None):
            gc.collect()
            watched.write(where)
            watched.check(where)
    finally:
        gc.unfreeze()
    watched.close()


@pytest.mark.parametrize("kind", ["transaction", "snapshot"])
def test_a_transaction_begun_outside_of_the_package(
    env: Environment, d: PersistentDict[str, int], kind: str
) -> None:
    """A block inside a transaction that the package had not begun was lost with that.

    The block seemed to commit: its writes were lost when the outer transaction was aborted, or
    when the process ended.
    """
    library = env._library
    with env.snapshot():
        pass
    foreign = c_uint64()
    checked.check(library, library.pc_txn_begin(env._handle, raw.PC_TXN_WRITE, -1, byref(foreign)))
    for _ in range(2):
        with pytest.raises(InTransactionError, match="no block of this package"):
            getattr(env, kind)().__enter__()
        assert current(env) == foreign.value
    # The package distinguishes it from its own.
    checked.check(library, library.pc_txn_abort(foreign))
    with getattr(env, kind)():
        assert current(env) != 0
    with env.transaction():
        d["a"] = 1
    assert d == {"a": 1}


def test_one_that_is_begun_inside_a_block(env: Environment, d: PersistentDict[str, int]) -> None:
    library, foreign = env._library, c_uint64()
    with env.transaction():
        handle = env._handle
        checked.check(library, library.pc_txn_begin(handle, raw.PC_TXN_WRITE, -1, byref(foreign)))
        with pytest.raises(InTransactionError, match="no block of this package"):
            env.transaction().__enter__()
        checked.check(library, library.pc_txn_commit(foreign))
        with env.transaction():
            d["a"] = 1
    assert d == {"a": 1}


def test_two_openings_are_part_of_the_same_transactions(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as one, Environment(tmp_path / "e") as two:
        d, same = PersistentDict[str, int](one, "d"), PersistentDict[str, int](two, "d")
        for _ in range(2):
            with one.transaction() as outer:
                d["a"] = 1
                with two.transaction():
                    same["b"] = 2
                with pytest.raises(Stop), two.transaction():
                    same["b"] = 3
                    raise Stop
                assert outer.active
            assert d == same == {"a": 1, "b": 2}
