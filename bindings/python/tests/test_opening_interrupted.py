"""An asynchronous exception during opening or closing leaves nothing open."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import persistent_collections
from persistent_collections import Environment, PersistentDict, PersistentSet

PACKAGE = str(Path(persistent_collections.__file__).parent) + os.sep


class Interrupt(BaseException):
    """The exception of a signal handler."""


def in_finalizer(frame: FrameType | None) -> bool:
    """Whether an exception would only be reported, because it ends a finalizer."""
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def interrupted(call: Callable[[], Any], at: int, since: str) -> bool:
    """Raises before the given instruction of the package's code; returns False if it has fewer.

    The count begins at the first instruction in a given file.
    """
    left, begun = at, False

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal left, begun
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        frame.f_trace_opcodes = True
        begun |= frame.f_code.co_filename.endswith(since)
        if begun and event == "opcode" and not in_finalizer(frame):
            left -= 1
            if left < 0:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def at_every_instruction(
    prepare: Callable[[], Callable[[], Any]], check: Callable[[], Any], since: str = ""
) -> int:
    at = 0
    while True:
        call = prepare()
        was = interrupted(call, at, since)
        del call
        check()
        if not was:
            return at
        at += 1


@pytest.fixture(autouse=True)
def _quick_collections() -> Iterator[None]:
    """Freezes the existing objects, which the many collections then skip."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def is_not_open(path: Path) -> None:
    """Fails if it is still open in this process with the options of these tests."""
    gc.collect()
    Environment(path, durability="none", max_readers=77).close()


def test_opening(tmp_path: Path) -> None:
    """An interrupt between the library's call and the object's creation left the files open."""
    path = tmp_path / "e"
    times = at_every_instruction(
        lambda: lambda: Environment(path, durability="none"),
        lambda: is_not_open(path),
        since="handles.py",
    )
    assert times > 50


@pytest.mark.parametrize("kind", [PersistentDict, PersistentSet])
def test_opening_a_collection(tmp_path: Path, kind: Any) -> None:
    """Each interrupt lost a place for an open collection until the process ended."""
    path = tmp_path / "e"
    with Environment(path, durability="none") as env:
        times = at_every_instruction(lambda: lambda: kind(env, "c"), lambda: len(kind(env, "c")))
        assert times > 100
        assert env._parts.living() == []
    is_not_open(path)


def test_closing(tmp_path: Path) -> None:
    """After an interrupted close, an environment reported that it was closed, but it was open."""
    path = tmp_path / "e"
    opened: list[Any] = []

    def prepare() -> Callable[[], Any]:
        env = Environment(path, durability="none")
        d = PersistentDict(env, "d")
        env._lender_of_snapshots()
        opened[:] = [env, d]

        def close() -> None:
            d.close()
            env.close()

        return close

    def check() -> None:
        env, d = opened
        d.close()
        env.close()
        assert env.closed
        opened.clear()
        # Not by garbage collection.
        is_not_open(path)
        assert env is not d

    assert at_every_instruction(prepare, check) > 50


def test_the_opening_of_the_snapshots(tmp_path: Path) -> None:
    path = tmp_path / "e"
    envs: list[Environment] = []

    def prepare() -> Callable[[], Any]:
        envs[:] = [Environment(path, durability="none")]
        return envs[0]._lender_of_snapshots

    def check() -> None:
        with envs[0].snapshot():
            assert envs[0].collections() == []
        envs[0].close()
        is_not_open(path)

    assert at_every_instruction(prepare, check) > 20
