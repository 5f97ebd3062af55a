"""A process that a test starts, and exchanges lines with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType


class Worker:
    """Runs Python code in a separate process, with `path` and the package's names defined.

    The code calls `said = tell(text)`, which sends a line to the test and waits for its answer.
    """

    PRELUDE = """
import os, signal, sys, threading, time
from persistent_collections import *
path = sys.argv[1]
def tell(text):
    print(text, flush=True)
    return sys.stdin.readline().rstrip("\\n")
"""

    def __init__(self, path: Path, code: str, *command: str) -> None:
        self.process = subprocess.Popen(
            [*command, sys.executable, "-c", self.PRELUDE + code, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> str:
        """Returns the next line that the process sends."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"the process ended: {self.process.stderr.read()}")
        return line.rstrip("\n")

    def answer(self, text: str = "") -> None:
        """Lets the process continue."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Waits until the process exits with 0, and returns the rest of its output."""
        out, err = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, err
        return out

    def kill(self) -> None:
        """Kills the process, like a crash."""
        self.process.kill()
        self.process.communicate()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.kill()
