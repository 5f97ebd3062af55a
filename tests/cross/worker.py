"""A process that a test starts, and speaks with by lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType


class Worker:
    """Runs Python code in a process of its own, with `path` and the package's names in it.

    The code calls `said = tell(text)`, which hands a line to the test and waits for its answer.
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
        """The next line that the process tells."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"the process ended: {self.process.stderr.read()}")
        return line.rstrip("\n")

    def answer(self, text: str = "") -> None:
        """Lets the process go on."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Waits for the end of the process, which must be a good one; gives the rest that it told."""
        out, err = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, err
        return out

    def kill(self) -> None:
        """Ends the process as a crash would."""
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
