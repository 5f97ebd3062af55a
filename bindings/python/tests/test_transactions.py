from __future__ import annotations

import asyncio
import threading

import pytest

from persistent_collections import (
    BusyError,
    ConflictError,
    Environment,
    InSnapshotError,
    InTransactionError,
    MapFullError,
    NotInnermostError,
    PersistentDict,
    PersistentSet,
)


@pytest.fixture
def d(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict[str, int](env, "d")


class Stop(Exception):
    pass


def test_commit_and_abort(env: Environment, d: PersistentDict[str, int]) -> None:
    s = PersistentSet[str](env, "s")
    with env.transaction():
        d["a"] = 1
        s.add("x")
    with pytest.raises(Stop), env.transaction():
        d["a"] = 2
        s.add("y")
        assert d["a"] == 2 and len(s) == 2
        raise Stop
    assert d == {"a": 1} and s == {"x"}


def test_nested(env: Environment, d: PersistentDict[str, int]) -> None:
    with env.transaction():
        d["a"] = 1
        with pytest.raises(Stop), env.transaction():
            d["b"] = 2
            raise Stop
        with env.transaction():
            d["c"] = 3
        assert d == {"a": 1, "c": 3}
        with env.snapshot():
            assert d == {"a": 1, "c": 3}
            with pytest.raises(InSnapshotError):
                d["x"] = 1
        d["e"] = 5
    assert d == {"a": 1, "c": 3, "e": 5}


def test_snapshot_sees_one_moment(env: Environment, d: PersistentDict[str, int]) -> None:
    d["a"] = 1
    with env.snapshot():
        assert d["a"] == 1
        writer = threading.Thread(target=d.update, args=({"a": 2, "b": 2},))
        writer.start()
        writer.join()
        assert d == {"a": 1}
        with env.snapshot():
            assert d == {"a": 1}
        with pytest.raises(InSnapshotError):
            d["x"] = 1
        with pytest.raises(InSnapshotError):
            env.transaction().__enter__()
    assert d == {"a": 2, "b": 2}


def test_ended_early(env: Environment, d: PersistentDict[str, int]) -> None:
    with env.transaction() as transaction:
        assert transaction.active and "active" in repr(transaction)
        d["a"] = 1
        transaction.abort()
        assert not transaction.active
        d["b"] = 2
    assert d == {"b": 2}
    with env.transaction() as transaction:
        d["c"] = 3
        transaction.commit()
        with pytest.raises(InTransactionError):
            transaction.commit()
    assert "c" in d


def test_only_the_innermost_ends(env: Environment, d: PersistentDict[str, int]) -> None:
    with env.transaction() as outer:
        d["a"] = 1
        with env.transaction():
            with pytest.raises(NotInnermostError):
                outer.commit()
            d["b"] = 2
        with pytest.raises(InTransactionError):
            outer.__enter__()
    assert d == {"a": 1, "b": 2}


def test_another_thread_is_not_part_of_it(env: Environment, d: PersistentDict[str, int]) -> None:
    seen: list[object] = []

    def look() -> None:
        seen.append(d.get("a"))
        with pytest.raises(BusyError) as caught, env.transaction(timeout=0):
            raise AssertionError
        seen.append(isinstance(caught.value, TimeoutError))

    with env.transaction():
        d["a"] = 1
        other = threading.Thread(target=look)
        other.start()
        other.join()
    assert seen == [None, True]


def test_a_waiting_writer_lets_others_run(env: Environment, d: PersistentDict[str, int]) -> None:
    waiting = threading.Event()

    def write() -> None:
        waiting.set()
        d["theirs"] = 1

    with env.transaction():
        writer = threading.Thread(target=write)
        writer.start()
        assert waiting.wait(60)
        # The writer waits for this transaction, which needs the GIL to continue.
        for n in range(2000):
            d["mine"] = n
    writer.join()
    assert d == {"mine": 1999, "theirs": 1}


def test_many_threads_count(env: Environment, d: PersistentDict[str, int]) -> None:
    def count() -> None:
        for _ in range(20):
            d.increment("n")
            with env.transaction():
                d["m"] = d.get("m", 0) + 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert d == {"n": 80, "m": 80}


def test_run(env: Environment, d: PersistentDict[str, int]) -> None:
    assert env.run(d.increment, "n", 3) == 3

    def fails() -> None:
        d["x"] = 1
        raise Stop

    with pytest.raises(Stop):
        env.run(fails)
    assert d == {"n": 3}


def test_run_refuses_an_async_function(env: Environment, d: PersistentDict[str, int]) -> None:
    async def writes() -> None:
        d["x"] = 1

    with pytest.raises(TypeError, match="not an async one"):
        env.run(writes)
    assert d == {}


@pytest.mark.parametrize("error", [MapFullError, ConflictError])
def test_run_again(env: Environment, d: PersistentDict[str, int], error: type[Exception]) -> None:
    calls: list[int] = []

    def succeeds_at_last(times: int) -> int:
        calls.append(1)
        d.increment("n")
        if len(calls) < times:
            raise error("as if the library had")
        return len(calls)

    assert env.run(succeeds_at_last, 2) == 2
    assert d == {"n": 1}
    calls.clear()
    with env.transaction(), pytest.raises(error):
        env.run(succeeds_at_last, 2)
    assert len(calls) == 1


def test_run_gives_up_if_the_map_does_not_grow(env: Environment) -> None:
    calls = []

    def never_fits() -> None:
        calls.append(1)
        raise MapFullError("as if the library had")

    with pytest.raises(MapFullError):
        env.run(never_fits)
    assert len(calls) == 2


def test_await_inside_a_transaction(env: Environment, d: PersistentDict[str, int]) -> None:
    async def main() -> None:
        begun, tried = asyncio.Event(), asyncio.Event()

        async def holder() -> None:
            with env.transaction():
                d["mine"] = 1
                begun.set()
                await tried.wait()
                d["mine"] = 2

        async def intruder() -> None:
            await begun.wait()
            with pytest.raises(InTransactionError, match="asyncio"):
                d["theirs"] = 1
            with pytest.raises(InTransactionError, match="asyncio"):
                env.transaction().__enter__()
            tried.set()

        await asyncio.gather(holder(), intruder())

    asyncio.run(main())
    assert d == {"mine": 2}


def test_timeouts_are_checked(env: Environment) -> None:
    for seconds in (-1, float("nan")):
        with pytest.raises(ValueError, match="cannot be negative"):
            env.transaction(timeout=seconds)
    with env.transaction(timeout=float("inf")):
        pass
