"""Waiting for commits, in threads, tasks of asyncio and other processes."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from persistent_collections import (
    BadHandleError,
    Environment,
    InTransactionError,
    InvalidArgumentError,
    PersistentDict,
)

#: Longer than anything here takes, unless a wait does not end.
LONG = 60


@pytest.fixture
def d(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict(env, "d", key=str, value=int)


def writing_again(d: PersistentDict[str, int], done: threading.Event) -> threading.Thread:
    """Starts a thread that commits until `done`, so that a wait at any time finds a commit."""

    def write() -> None:
        while not done.is_set():
            d["a"] = d.get("a", 0) + 1

    writer = threading.Thread(target=write)
    writer.start()
    return writer


def test_a_commit_before_the_wait_is_not_missed(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    seen = env.last_commit()
    assert env.info().last_commit == seen
    d["a"] = 1
    d["a"] = 2
    assert env.wait(since=seen) == seen + 2
    assert env.wait(since=0) == seen + 2
    assert env.wait(0) is None and env.wait(0.01, since=seen + 2) is None


def test_without_since_it_waits_for_a_commit_after_the_call(
    env: Environment, d: PersistentDict[str, int]
) -> None:
    done, seen = threading.Event(), env.last_commit()
    writer = writing_again(d, done)
    try:
        newest = env.wait(LONG)
    finally:
        done.set()
        writer.join()
    assert newest is not None and newest > seen


def test_arguments(env: Environment) -> None:
    with pytest.raises(InvalidArgumentError):
        env.wait(-1)
    with pytest.raises(TypeError):
        env.wait("1")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        env.wait(since="1")  # type: ignore[arg-type]
    assert "lends" in env.traits() and "remote" not in env.traits()


def test_inside_a_transaction_it_is_refused(env: Environment) -> None:
    for block in (env.transaction, env.snapshot):
        with block():
            with pytest.raises(InTransactionError):
                env.wait()
            with pytest.raises(InTransactionError):
                asyncio.run(env.wait_async(since=0))


class Alarm(Exception):
    """Raised by the handler of a signal."""


def test_a_signal_ends_the_wait(env: Environment) -> None:
    def ring(*_: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(Alarm):
            env.wait(LONG)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert env.wait(0) is None, "the next wait is not interrupted"


def test_closing_ends_the_waits(env: Environment) -> None:
    outcomes: list[BaseException] = []

    def wait() -> None:
        try:
            env.wait(LONG, since=1 << 62)
        except BadHandleError as error:
            outcomes.append(error)

    waiting = [threading.Thread(target=wait) for _ in range(2)]
    for thread in waiting:
        thread.start()
    env.close()
    for thread in waiting:
        thread.join()
    assert len(outcomes) == 2


def test_other_threads_run_during_a_wait(env: Environment, d: PersistentDict[str, int]) -> None:
    ticks = 0
    waiting = threading.Thread(target=env.wait, args=(LONG,), kwargs={"since": env.last_commit()})
    waiting.start()
    while ticks < 1000:
        ticks += 1
    d["a"] = 1
    waiting.join()


def own_threads() -> list[str]:
    return [it.name for it in threading.enumerate() if it.name.startswith("persistent_coll")]


async def gone() -> None:
    """Waits until the threads of cancelled waits have ended."""
    begun = time.monotonic()
    while own_threads():
        assert time.monotonic() - begun < LONG
        await asyncio.sleep(0.001)


def test_other_tasks_run_during_a_wait(env: Environment, d: PersistentDict[str, int]) -> None:
    async def main() -> None:
        seen = env.last_commit()
        waits = [asyncio.create_task(env.wait_async(LONG, since=seen)) for _ in range(50)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert not any(wait.done() for wait in waits)
        d["a"] = 1
        assert await asyncio.gather(*waits) == [seen + 1] * 50
        assert await env.wait_async(0.001) is None
        await gone()

    asyncio.run(main())


def test_cancelling_a_task_ends_its_thread(env: Environment) -> None:
    async def main() -> None:
        wait = asyncio.create_task(env.wait_async())
        while not own_threads():
            await asyncio.sleep(0)
        wait.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wait
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(env.wait_async(), 0.01)
        await gone()

    asyncio.run(main())


def test_the_end_of_the_loop_ends_the_waits(env: Environment) -> None:
    async def main() -> None:
        wait = asyncio.create_task(env.wait_async())
        await asyncio.sleep(0)
        assert not wait.done()

    asyncio.run(main())
    asyncio.run(gone())


def test_closing_ends_an_awaited_wait(env: Environment) -> None:
    async def main() -> None:
        wait = asyncio.create_task(env.wait_async(since=1 << 62))
        await asyncio.sleep(0)
        env.close()
        with pytest.raises(BadHandleError):
            await wait

    asyncio.run(main())


def test_a_child_waits_by_itself(env: Environment, d: PersistentDict[str, int]) -> None:
    seen = env.last_commit()
    child = os.fork()
    if child == 0:
        signal.alarm(LONG)
        os._exit(0 if env.wait(LONG, since=seen) == seen + 1 else 1)
    d["a"] = 1
    assert os.waitpid(child, 0)[1] == 0
