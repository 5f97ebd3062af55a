"""Asynchronous exceptions lose nothing, wherever they arrive."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interrupting import Interrupt, Watched, at_each_step

from persistent_collections import Environment, PersistentDict


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "env")
    yield watched
    watched.close()


def transaction(w: Watched) -> None:
    with w.env.transaction():
        w.d["a"] = w.d["b"] = w.d["a"] + 1


def transaction_that_is_kept(w: Watched) -> None:
    kept = w.env.transaction()
    with kept as same:
        assert same is kept
        w.d["a"] = w.d["b"] = w.d["a"] + 1


def ended_early(w: Watched) -> None:
    with w.env.transaction() as transaction:
        w.d["a"] = w.d["b"] = w.d["a"] + 1
        transaction.commit()
    with w.env.transaction() as transaction:
        w.d["a"] = -1
        transaction.abort()


def undone(w: Watched) -> None:
    class Undone(Exception):
        pass

    try:
        with w.env.transaction():
            w.d["a"] = -1
            raise Undone
    except Undone:
        pass


def nested(w: Watched) -> None:
    with w.env.transaction():
        w.d["a"] += 1
        with w.env.transaction(), w.env.snapshot():
            len(w.d)
        with w.env.transaction():
            w.d["b"] = w.d["a"]


def snapshot(w: Watched) -> None:
    with w.env.snapshot():
        assert w.d["a"] == w.d["b"]
        with w.env.snapshot():
            assert list(w.d.items())


def run(w: Watched) -> None:
    def both() -> int:
        w.d["a"] = w.d["b"] = w.d["a"] + 1
        return w.d["a"]

    assert w.env.run(both) == w.d["b"]


def edit(w: Watched) -> None:
    with w.env.transaction(), w.lists.edit("x") as x:
        x[0] += 1
        w.d["a"] = w.d["b"] = x[0]


def edit_alone(w: Watched) -> None:
    with w.lists.edit("x") as x:
        x[0] += 1


def loops(w: Watched) -> None:
    for key in w.d:
        assert key
    for _ in w.d.values():
        break
    next(iter(w.d.items()))
    iter(w.sets[0])


def ranges(w: Watched) -> None:
    assert list(reversed(w.d))[-1] == "a" and len(w.d.range("b", "c")) == 1


def loops_inside(w: Watched) -> None:
    with w.env.transaction():
        for _, value in w.d.items():
            if value < 0:
                break
        w.d["a"] += 1
        for key in w.d:
            if key == "a":
                w.d["b"] = w.d["a"]


def difference(w: Watched) -> None:
    few, many = w.sets
    assert many - few == {3, 4}


def difference_in_place(w: Watched) -> None:
    few, many = w.sets
    many.difference_update(few, few)


def arrays(w: Watched) -> None:
    with w.env.snapshot():
        kept = w.rows["x"]
        assert kept.tolist() == [1, 2]
    assert kept.tolist() == [1, 2]


def many_keys(w: Watched) -> None:
    assert w.d.get_many(["a", "b"])[0] >= 0
    w.d.update(a=1, b=1)


def opening(w: Watched) -> None:
    with Environment(w.path, durability="none") as other:
        d = PersistentDict(other, "d", key=str, value=int)
        assert d["a"] == d["b"]
        d.close()


STATEMENTS = [
    *(transaction, transaction_that_is_kept, ended_early, undone, nested, snapshot, run, edit),
    *(edit_alone, loops, ranges, loops_inside, difference, difference_in_place, arrays),
    *(many_keys, opening),
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_at_each_step(watched: Watched, statement: Callable[[Watched], None]) -> None:
    """An asynchronous exception could arrive between the library's call and the object's creation.

    A signal handler's exception, a timeout or a `RecursionError` while a transaction began or
    ended left it open in the library, without a record in the package: the thread's later writes
    were acknowledged and lost, and other processes were locked out. Iterators lost reader slots.
    """
    for where in at_each_step(lambda: statement(watched), watched.write):
        watched.check(where)


#: The long form has at least 2,000.
ROUNDS = int(os.environ.get("PC_INTERRUPTS", "250"))


def everything(w: Watched) -> None:
    transaction(w)
    snapshot(w)
    # Not a list, which the extension module encodes: it may swallow an exception.
    with w.d.edit("a") as a:
        assert a >= 0
    loops(w)
    run(w)
    nested(w)


def test_signals_at_any_time(watched: Watched) -> None:
    """Of 200 random interrupts of a loop of transactions, 87 lost later writes."""

    def interrupt(*_: object) -> None:
        raise Interrupt

    def go_on() -> None:
        for _ in range(1000):
            everything(watched)

    arrived = dropped = 0
    report = sys.unraisablehook

    def unraisable(failure: sys.UnraisableHookArgs) -> None:
        nonlocal dropped
        if issubclass(failure.exc_type, Interrupt):
            dropped += 1
        else:
            report(failure)

    random.seed(1)
    # A callback of a test tool from the garbage collector: Python drops its exceptions.
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    # It also drops those in callbacks of weak references, which a round may happen to be in.
    sys.unraisablehook = unraisable
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(ROUNDS):
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.004))
                go_on()
            except Interrupt:
                watched.write(f"round {number}")
                arrived += 1
            watched.check(f"round {number}")
        assert arrived + dropped == ROUNDS and dropped < ROUNDS / 10
    finally:
        signal.signal(signal.SIGALRM, before)
        sys.unraisablehook = report
        gc.callbacks.extend(callbacks)


def test_no_room_for_another_call(watched: Watched) -> None:
    """A `RecursionError` while a transaction began or ended left it open."""

    def deeper(levels: int) -> None:
        if levels:
            deeper(levels - 1)
        else:
            nested(watched)

    limit = sys.getrecursionlimit()
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    failed = succeeded = 0
    for room in range(1, 60):
        try:
            deeper(limit - depth - room)
            succeeded += 1
        except (RecursionError, ctypes.ArgumentError):
            # ctypes creates the second from the first.
            watched.write(f"room for {room}")
            failed += 1
        watched.check(f"room for {room}")
    assert failed > 5 and succeeded > 5
