"""The program: its arguments, its exit codes, and what it says when it fails."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import NoReturn

from .. import Error, LibraryError, __version__
from . import reading, transfer, upkeep
from .failure import DONE, FAILED, NAME, NO, say

__all__ = ["main", "run"]

_ABOUT = """\
Look inside an environment of persistent collections, and look after it, while others use it.

DIR is an environment's directory, or its data file. Where a FILE or KEY is -, standard input
or output is meant."""
_CODES = """\
Exit codes: 0 done; 1 the answer is no (no such key, a damaged file); 2 it failed."""


# As a shell shows a program that a signal has ended.
_NO_READER, _INTERRUPTED = 141, 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{NAME}: {message} (try --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"python -m {NAME}",
        description=_ABOUT,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in (reading, transfer, upkeep):
        group.add_to(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal cannot show is no reason to stop.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads the output has seen enough.
        return _NO_READER
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (Error, LibraryError, OSError, ValueError, TypeError, OverflowError) as error:
        say(error)
        return FAILED
    return code


def run() -> int:
    """Runs the command that this process was started for."""
    code = main()
    if code not in (DONE, NO):
        # What could not be written would fail once more as the interpreter ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    return code
