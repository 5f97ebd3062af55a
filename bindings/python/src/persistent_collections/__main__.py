"""`python -m persistent_collections`: a look inside an environment, while others use it."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from typing import Any

from . import Environment, Error, LibraryError, PersistentDict, PersistentSet, __version__


def _list(env: Environment, arguments: argparse.Namespace) -> None:
    for info in env.collections():
        types = {"dict": f"{info.key} -> {info.value}", "set": info.key, "raw": "-"}[info.kind]
        print(f"{info.name}\t{info.kind}\t{types}\t{info.count}")


def _items(env: Environment, arguments: argparse.Namespace) -> None:
    name, limit = arguments.name, arguments.limit
    kind = env.schema(name).kind
    if kind == "set":
        elements: PersistentSet[Any] = PersistentSet(env, name, create=False)
        for element in itertools.islice(elements, limit):
            print(repr(element))
        return
    # Of a raw collection only the bytes are known.
    types = {"key": "bytes", "value": "bytes"} if kind == "raw" else {}
    pairs: PersistentDict[Any, Any] = PersistentDict(env, name, create=False, **types)
    for key, value in itertools.islice(pairs.items(), limit):
        print(f"{key!r}\t{value!r}")


def _stat(env: Environment, arguments: argparse.Namespace) -> None:
    for field, value in env.info()._asdict().items():
        print(f"{field}\t{value}")


def _limit(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m persistent_collections",
        description="Look inside an environment of persistent collections.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, about in (
        ("list", _list, "collections with their kinds, types and counts"),
        ("items", _items, "what a collection holds, in order"),
        ("stat", _stat, "sizes and counts of the environment"),
    ):
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("directory", metavar="DIR")
        command.set_defaults(run=run)
        if run is _items:
            command.add_argument("name", metavar="NAME")
            command.add_argument("--limit", type=_limit, metavar="N", help="stop after N items")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        with Environment(
            parsed.directory,
            read_only=True,
            create=False,
            no_subdir=os.path.isfile(parsed.directory),
        ) as env:
            parsed.run(env, parsed)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe went away; what is left of the output goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyError as error:
        what = error if isinstance(error, Error) else f"no collection named {error}"
        print(f"persistent_collections: {what}", file=sys.stderr)
        return 1
    except (Error, LibraryError, OSError) as error:
        print(f"persistent_collections: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
