"""The program: its arguments, its exit codes, and its messages when it fails."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import Any, NoReturn

from .. import Error, __version__
from . import reading, transfer, upkeep
from .failure import FAILED, NAME, say

__all__ = ["main", "run"]

_ABOUT = """\
Read and maintain an environment of persistent collections while others use it.

DIR is an environment's directory, or its data file. A FILE or KEY of - means standard input or
output."""
_CODES = """\
Exit codes: 0 success; 1 the answer is no (key not found, file damaged); 2 failure."""


# The exit code that shells use for a program that a signal has ended.
_NO_READER, _INTERRUPTED = 141, 130


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{NAME}: {message} (try --help)\n")


class _Command(_Parser):
    """Accepts names after an option too, where older Pythons do not parse optional ones."""

    def parse_known_args(self, *given: Any, **named: Any) -> Any:
        """Returns the parsed arguments, and the rest."""
        parsed, left = super().parse_known_args(*given, **named)
        if left[:1] == ["--"]:
            names, left = left[1:], []
        else:
            names, left = left, [it for it in left if it.startswith("-") and it != "-"]
        last = [action for action in self._actions if not action.option_strings][-1]
        if left or not names:
            return parsed, left or names
        if last.nargs == "*":
            setattr(parsed, last.dest, [*getattr(parsed, last.dest), *names])
            return parsed, []
        if last.nargs == "?" and getattr(parsed, last.dest) == last.default:
            setattr(parsed, last.dest, names[0])
            return parsed, names[1:]
        return parsed, names


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"python -m {NAME}",
        description=_ABOUT,
        epilog=_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{NAME} {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_Command
    )
    for group in (reading, transfer, upkeep):
        group.add_to(commands)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that a terminal cannot show must not stop the program.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output has closed it.
        return _NO_READER
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (Error, OSError, ValueError, TypeError, OverflowError) as error:
        say(error)
        return FAILED
    return code


def _fill_closed_streams() -> None:
    """Makes a stream that the shell has closed (`>&-`) fail, and keeps files from taking its place.

    Messages for a closed standard error are lost.
    """
    for name, useless in (("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, useless)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(nowhere, mode, encoding="utf-8", closefd=False))


def _drop_unwritten() -> None:
    """Drops output that cannot be written, so that the interpreter does not fail again at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def run() -> int:
    """Runs the command of this process's command line."""
    _fill_closed_streams()
    code = main()
    _drop_unwritten()
    return code
