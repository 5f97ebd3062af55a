"""Raises asynchronous exceptions at every step of the package's own code, and signals."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import persistent_collections
from persistent_collections import Environment, PersistentDict, PersistentSet
from persistent_collections import _checked as checked

PACKAGE = os.path.dirname(persistent_collections.__file__) + os.sep


class Interrupt(BaseException):
    """The exception of a signal handler or a timeout."""


class Steps:
    """Raises before one step of the package's own code: a call or an instruction, by its number."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.raised = False
        self.where = ""
        self._closing: FrameType | None = None

    def _step(self, frame: FrameType) -> None:
        self.left -= 1
        if self.left == 0:
            self.raised = True
            code = frame.f_code
            self.where = f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {code.co_name}"
            raise Interrupt(self.where)

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "exception" and issubclass(argument[0], GeneratorExit):
            # The interpreter closes a generator, and does not handle signals meanwhile.
            self._closing = frame
        frame.f_trace_opcodes = True
        if event in ("call", "opcode") and frame is not self._closing:
            self._step(frame)
        return self.trace

    def run(self, statement: Callable[[], object], handle: Callable[[str], object]) -> bool:
        """Runs a statement and then a handler of the exception; returns whether there was one."""
        gc.disable()
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            statement()
        except Interrupt:
            sys.settrace(before)
            # The frames that the exception passed are alive, with all their objects.
            handle(self.where)
        finally:
            sys.settrace(before)
            gc.enable()
        return self.raised


# Another process: it can take the write lock at once, and reports what it sees.
_OTHER = """
import sys
from persistent_collections import Environment, PersistentDict
env = Environment(sys.argv[1], durability="none")
d = PersistentDict(env, "d", key=str, value=int)
for line in sys.stdin:
    with env.transaction(timeout=0):
        d["theirs"] = d.get("theirs", 0) + 1
        print(dict(d), flush=True)
"""


class Other:
    """The other process."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OTHER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def looks(self) -> dict[str, int]:
        """Returns what it sees inside a write transaction, which it begins without waiting."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write("\n")
        stdin.flush()
        seen: dict[str, int] = eval(stdout.readline())  # noqa: S307
        return seen

    def close(self) -> None:
        """Ends it."""
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


class Watched:
    """An environment, and whether an interrupted statement has left anything open in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = Environment(path, durability="none")
        self.d: PersistentDict[str, int] = PersistentDict(self.env, "d", key=str, value=int)
        self.d.update(a=0, b=0)
        self.lists: PersistentDict[str, Any] = PersistentDict(self.env, "lists", key=str)
        self.lists["x"] = [0]
        self.rows: PersistentDict[str, Any] = PersistentDict(
            self.env, "rows", key=str, value="f64[2]"
        )
        self.rows["x"] = [1, 2]
        self.sets = [PersistentSet(self.env, f"s{n}", element=int) for n in range(2)]
        for n, each in enumerate(self.sets):
            each.update(range(3 + 2 * n))
        self.other = Other(path)
        self._round = 0

    def _held(self) -> int:
        """Returns the number of reader slots with a snapshot of this process."""
        mine = [reader for reader in self.env.readers() if reader.process == os.getpid()]
        return sum(reader.commit is not None for reader in mine)

    def current(self) -> int:
        """Returns the library's transaction of this thread."""
        library = self.env._library
        return checked.number(library, library.pc_txn_current, self.env._handle)

    def write(self, where: str) -> None:
        """Writes while the frames of an exception are alive; the write must last."""
        assert self.current() == 0, where
        self._round += 1
        self.d["acknowledged"] = self._round

    def check(self, where: str) -> None:
        """Checks that an interrupted statement has not left anything open."""
        assert self.current() == 0, where
        assert self._held() == 0, where
        seen = self.other.looks()
        assert seen["acknowledged"] == self._round, where
        assert seen["a"] == seen["b"] >= 0, where

    def close(self) -> None:
        """Ends the other process and closes the environment."""
        self.other.close()
        self.env.close()


def at_each_step(statement: Callable[[], object], handle: Callable[[str], object]) -> Iterator[str]:
    """Interrupts a statement at its first step, then the second, and so on until it completes."""
    at = 0
    while True:
        at += 1
        steps = Steps(at)
        if not steps.run(statement, handle):
            # Checks that the statement has steps at all.
            assert at > 10
            return
        yield f"step {at}, {steps.where}"
