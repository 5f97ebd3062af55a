"""Processes in three languages that execute commands, one line at a time.

`participant.c`, `participant.jl` and `participant.py` have the same commands. A command is a line of
words separated by tabs; its answer is any number of lines and, last, `ok` with results or
`error` with a status and a message. So the tests decide the order of events, without waiting
for a certain time.

| command | what it does |
|---|---|
| `open PATH`, `close` | opens the environment; closes it |
| `declare KIND NAME KEY VALUE` | opens a collection with these types, creates it if it is new |
| `schema NAME` | answers kind, key type and value type |
| `add NAME KEY N` | adds 1 to a counter, N times |
| `commit`, `wait COMMIT` | answers the newest commit; waits for a newer one, and answers the newest |
| `pairs NAME N` | writes 1 to N under two keys, each in a transaction |
| `watch NAME N` | prints `watching`; reads the pairs until N; answers `whole` or what it saw |
| `fill NAME FIRST LAST VALUE`, `empty NAME` | changes a dict of numbers in one transaction |
| `begin NAME`, `end` | begins to iterate, answers the first key; continues, answers count and sum |
| `dump KIND NAME` | a line for each record: the stored key and value |
| `copy KIND NAME TO` | reads with the language's types, writes to another; a line for what it cannot hold |
"""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from types import TracebackType

#: A program that takes longer for one answer hangs.
PATIENCE = 300


class Failed(Exception):
    """The answer of a command was an error."""

    def __init__(self, who: str, status: int, message: str) -> None:
        super().__init__(f"{who}: {status}: {message}")
        self.status = status


class Participant:
    """One process."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def __repr__(self) -> str:
        return self.name

    def send(self, *words: object) -> None:
        """Sends a command without waiting for its answer."""
        assert self.process.stdin
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def line(self) -> list[str]:
        """Reads the next line of an answer."""
        assert self.process.stdout
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        try:
            line = self.process.stdout.readline()
        finally:
            alarm.cancel()
        assert line, f"{self.name} ended, or hung and was ended: {self.process.poll()}"
        return line.rstrip("\n").split("\t")

    def answer(self) -> tuple[list[str], list[list[str]]]:
        """Returns the results of a command, and the lines before them."""
        lines = []
        while True:
            words = self.line()
            if words[0] == "ok":
                return words[1:], lines
            if words[0] == "error":
                raise Failed(self.name, int(words[1]), words[2])
            lines.append(words)

    def ask(self, *words: object) -> list[str]:
        """Sends a command and waits for its results."""
        self.send(*words)
        results, lines = self.answer()
        assert not lines, lines
        return results

    def lines(self, *words: object) -> list[list[str]]:
        """Sends a command and waits for its lines."""
        self.send(*words)
        return self.answer()[1]

    def __enter__(self) -> Participant:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        assert code == 0, f"{self.name} ended with {code}"


def source(language: str) -> Path:
    """Returns the program of a language."""
    return Path(__file__).with_name(f"participant.{language}")
