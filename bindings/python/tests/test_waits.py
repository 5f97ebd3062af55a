"""Asynchronous exceptions end waits for the write lock."""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import Environment, PersistentDict, PersistentSet, waits

_HOLDER = """
import sys
from persistent_collections import Environment, PersistentDict
env = Environment(sys.argv[1], durability="none", write_timeout=100)
with env.transaction():
    print("held", flush=True)
    sys.stdin.readline()
"""


class Stop(Exception):
    """The exception of the signal handler."""


class Holder:
    """A process that holds the write lock until it is released."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def release(self) -> None:
        self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    with Environment(tmp_path / "env", durability="none", write_timeout=100) as environment:
        yield environment


@pytest.fixture
def alarm() -> Iterator[Callable[[], None]]:
    """Sends a signal soon, whose handler raises an exception."""

    def stop(*_: object) -> None:
        raise Stop

    before = signal.signal(signal.SIGALRM, stop)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.2) and None  # type: ignore[func-returns-value]
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


WAITS: dict[str, Callable[[Environment, PersistentDict[str, int], PersistentSet[int]], object]] = {
    "put": lambda env, d, s: d.__setitem__("new", 1),
    "add": lambda env, d, s: s.add(1),
    "update": lambda env, d, s: d.update(new=1),
    "increment": lambda env, d, s: d.increment("new"),
    "delete": lambda env, d, s: d.__delitem__("a"),
    "transaction": lambda env, d, s: env.transaction().__enter__(),
    "run": lambda env, d, s: env.run(d.increment, "new"),
    "edit": lambda env, d, s: d.edit("a").__enter__(),
    "opening": lambda env, d, s: PersistentDict(env, "another"),
    "drop": lambda env, d, s: env.drop("d"),
}


@pytest.mark.parametrize("what", WAITS)
def test_a_handler_ends_a_wait(env: Environment, alarm: Callable[[], None], what: str) -> None:
    """Ctrl-C took effect only when the lock was granted, after the write had been done."""
    d = PersistentDict[str, int](env, "d")
    s = PersistentSet[int](env, "s")
    d["a"] = 1
    holder = Holder(Path(env.path))
    alarm()
    begun = time.monotonic()
    with pytest.raises(Stop):
        WAITS[what](env, d, s)
    # Not when the lock was granted, which never happens here.
    assert time.monotonic() - begun < 10
    holder.release()
    assert d == {"a": 1} and len(s) == 0
    assert [it.name for it in env.collections()] == ["d", "s"]
    d["b"] = 2
    with env.transaction():
        d["c"] = 3
    assert d == {"a": 1, "b": 2, "c": 3}


NO_WAITS: dict[str, Callable[[Environment, PersistentDict[str, int]], object]] = {
    "flush": lambda env, d: env.flush(),
    "snapshot": lambda env, d: env.snapshot().__enter__(),
    "get": lambda env, d: d["a"],
    "iterate": lambda env, d: list(d.items()),
    "opening": lambda env, d: PersistentDict(env, "d").close(),
    "copy": lambda env, d: env.copy(env.path + " copied"),
}


@pytest.mark.parametrize("what", NO_WAITS)
def test_these_do_not_wait_for_a_writer(
    env: Environment, alarm: Callable[[], None], what: str
) -> None:
    """Flushes, reads and snapshots still work while another process holds the write lock."""
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    holder = Holder(Path(env.path))
    # Twice, since the first snapshot opens the environment again.
    for number in range(1, 3):
        signal.setitimer(signal.ITIMER_REAL, 30)
        NO_WAITS[what](env, d)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if what == "copy" and number == 1:
            shutil.rmtree(env.path + " copied")
    holder.release()
    assert d == {"a": 1}


def test_a_wait_continues_after_a_handler_that_returns(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    holder = Holder(Path(env.path))
    seen: list[int] = []

    def handle(*_: object) -> None:
        # The handler can read, too.
        seen.append(d["a"])
        holder.release()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        d["b"] = 2
    finally:
        signal.signal(signal.SIGALRM, before)
    assert seen == [1] and d == {"a": 1, "b": 2}


def test_again_after_a_wait_was_ended(env: Environment, alarm: Callable[[], None]) -> None:
    d = PersistentDict[str, int](env, "d")
    holder = Holder(Path(env.path))
    for _ in range(3):
        alarm()
        with pytest.raises(Stop):
            d["a"] = 1
    holder.release()
    assert d == {}


WRITES: dict[str, Callable[[Environment, PersistentDict[str, int]], object]] = {
    "put": lambda env, d: d.__setitem__("theirs", 1),
    "put_new": lambda env, d: d.put_new("theirs", 1),
    "update": lambda env, d: d.update(theirs=1),
    "transaction": lambda env, d: env.transaction().__enter__(),
    "opening": lambda env, d: PersistentDict(env, "another"),
}


@pytest.mark.parametrize("what", WRITES)
def test_an_exception_for_another_thread(
    env: Environment, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A thread whose first call was a write waited for the lock without checking for exceptions.

    Only the main thread handles signals; other threads get exceptions that are raised in them.
    """
    d = PersistentDict[str, int](env, "d")
    d["mine"] = 1
    holder = Holder(Path(env.path))
    caught: list[BaseException] = []
    asked = threading.Event()
    original = waits._questions

    def noted(box: list[BaseException | None]) -> Generator[int, Any, None]:
        questions = original(box)
        answer = next(questions)
        while True:
            try:
                yield answer
                asked.set()
                answer = next(questions)
            except GeneratorExit:
                return
            except Stop as error:
                answer = questions.throw(error)

    monkeypatch.setattr(waits, "_questions", noted)

    def write() -> None:
        try:
            WRITES[what](env, d)
        except Stop as error:
            caught.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    # It waits.
    assert asked.wait(60)
    number = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(number, ctypes.py_object(Stop))
    thread.join(60)
    assert not thread.is_alive() and len(caught) == 1
    holder.release()
    assert d == {"mine": 1}
    assert [it.name for it in env.collections()] == ["d"]
