"""`check`, `copy` and `flush`: commands that maintain an environment."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .. import CorruptedError, Environment, TruncatedError
from .failure import DONE, NO, say
from .opening import reader, writer

__all__ = ["add_to"]


def _check(arguments: argparse.Namespace) -> int:
    directory = arguments.directory
    try:
        # Checks it before anything else reads it, since a damaged file can mislead every read.
        with Environment(
            directory,
            read_only=True,
            create=False,
            no_subdir=os.path.isfile(directory),
            check_on_open=True,
        ) as env:
            report = env.check()
    except (CorruptedError, TruncatedError) as error:
        say(error)
        return NO
    for field, value in report._asdict().items():
        print(f"{field}\t{value}")
    return DONE


def _copy(arguments: argparse.Namespace) -> int:
    with reader(arguments.directory) as env:
        env.copy(arguments.destination, compact=arguments.compact)
    return DONE


def _flush(arguments: argparse.Namespace) -> int:
    with writer(arguments.directory) as env:
        env.flush()
    return DONE


def add_to(commands: Any) -> None:
    """Adds the parsers of these commands."""
    check = commands.add_parser(
        "check",
        help="check whether the data file is damaged",
        description="Reads every page in use and prints page counts; exits with 1 if the file is "
        "damaged. Other processes can read and write meanwhile.",
    )
    check.set_defaults(run=_check)
    copy = commands.add_parser(
        "copy",
        help="back up, while others write",
        description="Copies the newest commit to DST, which must not exist. Other processes can "
        "read and write meanwhile. A copy of the files by another program may be damaged.",
    )
    copy.set_defaults(run=_copy)
    flush = commands.add_parser(
        "flush",
        help="make all commits durable",
        description="Syncs the commits of processes with durability none or no_meta_sync.",
    )
    flush.set_defaults(run=_flush)
    for command in (check, copy, flush):
        command.add_argument("directory", metavar="SRC" if command is copy else "DIR")
    copy.add_argument("destination", metavar="DST")
    copy.add_argument("--compact", action="store_true", help="leave out free pages; takes longer")
