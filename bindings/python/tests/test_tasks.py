"""Asyncio tasks that share a thread, and generators that are suspended inside a block."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import (
    BadHandleError,
    Environment,
    InTransactionError,
    NotInnermostError,
    PersistentDict,
    PersistentSet,
    WrongThreadError,
)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    with Environment(tmp_path / "env", durability="none") as environment:
        yield environment


@pytest.fixture
def d(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict[str, int](env, "d")


class Turns:
    """Tasks that wait for each other at numbered points."""

    def __init__(self) -> None:
        self.reached: dict[int, asyncio.Event] = {}

    def _event(self, point: int) -> asyncio.Event:
        return self.reached.setdefault(point, asyncio.Event())

    def reach(self, point: int) -> None:
        self._event(point).set()

    async def wait(self, point: int) -> None:
        await self._event(point).wait()


def together(*tasks: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(*tasks), 60)

    asyncio.run(main())


def test_other_tasks_read_outside_and_are_refused_to_write(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    s = PersistentSet[str](env, "s")
    d.update(a=1, b=2)
    s.add("x")
    turns = Turns()

    async def holder() -> None:
        with env.transaction():
            d["a"] = 100
            del d["b"]
            s.add("y")
            turns.reach(1)
            await turns.wait(2)
            assert d == {"a": 100}
            d["c"] = 3

    async def other() -> None:
        await turns.wait(1)
        # Reads of each kind.
        assert d["a"] == 1 and d.get("b") == 2 and "c" not in d and len(d) == 2
        assert dict(d) == {"a": 1, "b": 2} and list(d.values()) == [1, 2]
        assert d.get_many(["a", "b"]) == [1, 2] and d.first() == ("a", 1)
        assert len(d.range("b")) == 1 and set(s) == {"x"}
        # Opening another collection may create it, and counts as a write.
        with pytest.raises(InTransactionError, match="asyncio"):
            PersistentDict[str, int](env, "d")
        with env.snapshot():
            assert d["a"] == 1
            turns.reach(3)
            await asyncio.sleep(0)
            assert d["b"] == 2
        # Writes.
        for write in (
            lambda: d.__setitem__("z", 1),
            lambda: d.update(z=1),
            lambda: d.pop("a"),
            lambda: d.increment("a"),
            lambda: s.add("z"),
            lambda: s.clear(),
            lambda: env.drop("d"),
            lambda: env.transaction().__enter__(),
        ):
            with pytest.raises(InTransactionError, match="asyncio"):
                write()
        turns.reach(2)

    together(holder(), other())
    assert d == {"a": 100, "c": 3} and s == {"x", "y"}
    # The checked objects are as fast as before.
    assert d["a"] == 100 and object.__getattribute__(d, "_handle")


def test_two_tasks_with_snapshots_of_their_own(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    turns = Turns()

    async def first() -> None:
        with env.snapshot():
            assert d.get("n") is None
            turns.reach(1)
            await turns.wait(2)
            assert d.get("n") is None
            with env.snapshot():
                assert list(d) == []

    async def second() -> None:
        await turns.wait(1)
        # Another task's snapshot is not a write transaction: writing meanwhile is allowed.
        d["n"] = 1
        with env.transaction():
            d["n"] += 1
        with env.snapshot():
            assert d["n"] == 2
            turns.reach(2)
            await asyncio.sleep(0)
            assert d["n"] == 2

    together(first(), second())
    assert d == {"n": 2}


def test_tasks_inside_a_block_around_the_loop(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    async def add(n: int) -> None:
        d[str(n)] = n
        await asyncio.sleep(0)
        with env.transaction():
            d[str(n)] += 1
        assert len(d) >= 1

    with env.transaction():
        together(*(add(n) for n in range(3)))
        assert d == {"0": 1, "1": 2, "2": 3}
    with pytest.raises(ZeroDivisionError), env.transaction():
        together(add(7))
        assert d["7"] == 8
        1 / 0  # noqa: B018
    assert d == {"0": 1, "1": 2, "2": 3}


def test_a_task_nested_in_a_block_around_the_loop_is_protected(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    turns = Turns()

    async def inner() -> None:
        with env.transaction():
            d["a"] = 1
            turns.reach(1)
            await turns.wait(2)

    async def other() -> None:
        await turns.wait(1)
        with pytest.raises(InTransactionError, match="asyncio"):
            d["b"] = 1
        with pytest.raises(InTransactionError, match="asyncio"):
            env.transaction().__enter__()
        turns.reach(2)

    with env.transaction():
        together(inner(), other())
        d["c"] = 3
    assert d == {"a": 1, "c": 3}


def test_a_cancelled_task_is_undone(env: Environment, d: PersistentDict[str, int]) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def holder() -> None:
            with env.transaction():
                d["a"] = 1
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(holder())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        d["b"] = 2

    asyncio.run(main())
    assert d == {"b": 2}


def test_threads_beside_a_task(env: Environment, d: PersistentDict[str, int]) -> None:
    seen: list[object] = []

    async def main() -> None:
        with env.transaction():
            d["a"] = 1
            await asyncio.get_running_loop().run_in_executor(None, lambda: seen.append(d.get("a")))
            assert d["a"] == 1

    asyncio.run(main())
    assert seen == [None] and d == {"a": 1}


def test_iterators_of_two_tasks(env: Environment, d: PersistentDict[str, int]) -> None:
    d.update((f"{n:04}", n) for n in range(500))
    turns = Turns()

    async def holder() -> None:
        with env.transaction():
            d["0000"] = -1
            mine = iter(d.values())
            assert next(mine) == -1
            turns.reach(1)
            await turns.wait(2)
            assert sum(1 for _ in mine) == 499

    async def other() -> None:
        await turns.wait(1)
        theirs = iter(d.values())
        assert next(theirs) == 0
        turns.reach(2)
        await asyncio.sleep(0)
        assert sum(1 for _ in theirs) == 499

    together(holder(), other())


def test_an_array_of_another_tasks_snapshot(env: Environment) -> None:
    rows: PersistentDict[str, Any] = PersistentDict(env, "rows", key=str, value="f64[2]")
    rows["a"] = [1, 2]
    turns = Turns()
    kept: list[Any] = []

    async def first() -> None:
        with env.snapshot():
            kept.append(rows["a"])
            turns.reach(1)
            await turns.wait(2)
            assert rows["a"].tolist() == [1, 2] and not rows["a"].flags.writeable

    async def second() -> None:
        await turns.wait(1)
        rows["a"] = [3, 4]
        assert rows["a"].tolist() == [3, 4] and rows["a"].flags.writeable
        turns.reach(2)

    together(first(), second())
    assert kept.pop().tolist() == [1, 2] and rows["a"].tolist() == [3, 4]


# Generators.


def inside(env: Environment, d: PersistentDict[str, int], key: str) -> Iterator[int]:
    with env.transaction():
        d[key] = 1
        yield 1
        d[key] = 2
        yield 2


def test_a_generator_runs_to_its_end(env: Environment, d: PersistentDict[str, int]) -> None:
    assert list(inside(env, d, "a")) == [1, 2]
    assert d == {"a": 2}


def test_a_suspended_generator_that_is_dropped_is_undone(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    generator = inside(env, d, "a")
    next(generator)
    assert d == {"a": 1}
    del generator
    gc.collect()
    assert d == {}
    d["b"] = 1
    reader = threading.Thread(target=lambda: seen.append(dict(d)))
    seen: list[object] = []
    reader.start()
    reader.join()
    assert seen == [{"b": 1}]


def test_a_generator_that_ends_around_others(env: Environment, d: PersistentDict[str, int]) -> None:
    generator = inside(env, d, "a")
    next(generator)
    with pytest.raises(InTransactionError, match="not active"), env.transaction() as inner:  # noqa: PT012
        d["b"] = 1
        # It also ends what began inside it.
        generator.close()
        assert not inner.active and d == {}
        inner.commit()
    d["c"] = 3
    assert d == {"c": 3}
    # The same if it would commit: it cannot, and raises an error.
    generator = inside(env, d, "a")
    next(generator)
    next(generator)
    with env.transaction() as inner:
        d["b"] = 1
        with pytest.raises(NotInnermostError):
            next(generator)
        assert not inner.active
    assert d == {"c": 3}
    with env.transaction():
        d["d"] = 4
    assert d == {"c": 3, "d": 4}


def test_a_generator_that_is_collected_by_another_thread(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    generators = [inside(env, d, "a")]
    next(generators[0])
    thread = threading.Thread(target=generators.clear)
    thread.start()
    thread.join()
    assert d == {}
    with env.transaction():
        d["b"] = 2
    assert d == {"b": 2}


def test_another_thread_cannot_commit(env: Environment, d: PersistentDict[str, int]) -> None:
    transaction = env.transaction().__enter__()
    d["a"] = 1
    caught: list[BaseException] = []

    def end() -> None:
        for call in (transaction.commit, lambda: transaction.__exit__(None, None, None)):
            try:
                call()
            except WrongThreadError as error:
                caught.append(error)

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    assert len(caught) == 2 and not transaction.active
    assert d == {}


def test_closed_inside_a_block(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    d = PersistentDict[str, int](env, "d")
    with pytest.raises(BadHandleError), env.transaction():  # noqa: PT012
        d["a"] = 1
        env.close()
    with Environment(tmp_path / "e") as env:
        assert PersistentDict[str, int](env, "d") == {}
