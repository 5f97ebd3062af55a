"""`list`, `get`, `items` and `info`: commands that only read."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from typing import Any

from .. import PersistentDict
from ..json_form import typed_to_json
from .failure import DONE, NO, Failure, say
from .opening import Opened, add_types, limit, open_collection, reader
from .texts import dump, key_from_text, only_ascii, prefix_from_text

__all__ = ["add_to", "json_of"]


def _notation(value: Any) -> str:
    """Returns Python's notation in one line, also for arrays, whose own has several."""
    return repr(value).replace("\n", " ")


def _print_json(form: Any) -> None:
    print(dump(form, only_ascii()))


def json_of(opened: Opened, item: Any) -> dict[str, Any]:
    """Returns one item as a JSON object."""
    if opened.value is None:
        return {"element": typed_to_json(opened.key, item)}
    key, value = item
    return {"key": typed_to_json(opened.key, key), "value": typed_to_json(opened.value, value)}


def _shown_name(name: str) -> str:
    """Escapes tabs and line ends in a name, which the output uses as separators."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _list(arguments: argparse.Namespace) -> int:
    with reader(arguments.directory) as env:
        for info in env.collections():
            if arguments.json:
                fields = {"name": info.name, "kind": info.kind, "key": info.key}
                values = {"value": info.value} if info.kind == "dict" else {}
                _print_json({**fields, **values, "count": info.count})
                continue
            types = {"dict": f"{info.key} -> {info.value}", "set": info.key, "raw": "-"}
            print(_shown_name(info.name), info.kind, types[info.kind], info.count, sep="\t")
    return DONE


#: Figures that `stat` printed under different names than `info` does.
_OLD_NAMES = {
    "last_transaction": "last_commit",
    "oldest_reader_transaction": "oldest_reader_commit",
}


def _stat(arguments: argparse.Namespace) -> int:
    """Prints the figures of `info`, and also under the old names, which programs may read."""
    say("stat is deprecated: use info")
    return _info(arguments, _OLD_NAMES)


def _info(arguments: argparse.Namespace, also: Mapping[str, str] | None = None) -> int:
    with reader(arguments.directory) as env:
        fields = env.info()._asdict()
    fields.update({old: fields[new] for old, new in (also or {}).items()})
    if arguments.json:
        _print_json(fields)
        return DONE
    for field, value in fields.items():
        print(f"{field}\t{value}")
    return DONE


def _items(arguments: argparse.Namespace) -> int:
    with reader(arguments.directory) as env:
        opened = open_collection(env, arguments.name, arguments.key, arguments.value)
        part: Any = opened.items
        if arguments.prefix is not None:
            part = part.prefix(prefix_from_text(opened.key, arguments.prefix))
        if opened.value is not None:
            part = part.items()
        walk = reversed(part) if arguments.reverse else iter(part)
        for item in itertools.islice(walk, arguments.limit):
            if arguments.json:
                _print_json(json_of(opened, item))
            elif opened.value is None:
                print(_notation(item))
            else:
                print(_notation(item[0]), _notation(item[1]), sep="\t")
    return DONE


def _show(opened: Opened, item: Any, as_json: bool) -> None:
    """Prints a value: text and bytes as they are, anything else in Python's notation."""
    if as_json:
        _print_json(typed_to_json(opened.key if opened.value is None else opened.value, item))
    elif isinstance(item, bytes):
        sys.stdout.flush()
        sys.stdout.buffer.write(item)
        sys.stdout.buffer.flush()
    else:
        print(item if isinstance(item, str) else _notation(item))


def _get_one(opened: Opened, text: str, as_json: bool) -> int:
    key = key_from_text(opened.key, text)
    if isinstance(opened.items, PersistentDict):
        try:
            value = opened.items[key]
        except KeyError:
            say(f"{opened.items.name!r} has no key {key!r}")
            return NO
        _show(opened, value, as_json)
        return DONE
    if key not in opened.items:
        say(f"{opened.items.name!r} has no element {key!r}")
        return NO
    _show(opened, key, as_json)
    return DONE


def _get(arguments: argparse.Namespace) -> int:
    with reader(arguments.directory) as env:
        opened = open_collection(env, arguments.name, arguments.key_type, arguments.value)
        if arguments.key != "-":
            return _get_one(opened, arguments.key, arguments.json)
        found = DONE
        for number, line in enumerate(sys.stdin, 1):
            try:
                found = max(found, _get_one(opened, line.rstrip("\n"), arguments.json))
            except ValueError as error:
                raise Failure(f"line {number}: {error}") from None
        return found


def add_to(commands: Any) -> None:
    """Adds the parsers of these commands."""
    listing = commands.add_parser(
        "list",
        help="collections with their kinds, types and counts",
        description="Prints one line for each collection: name, kind, types, count.",
    )
    listing.set_defaults(run=_list)
    getting = commands.add_parser(
        "get",
        help="the value of one key",
        description="Prints the value of KEY, text and bytes as they are; of a set, the element. "
        "KEY is a text, a number, or a date such as 2024-02-29. A tuple or a key of any is JSON, "
        r"and bytes are as typed, with \xNN for any byte. With -, it reads keys from standard "
        "input, one per line.",
    )
    getting.set_defaults(run=_get)
    items = commands.add_parser(
        "items",
        help="the items of a collection, in order",
        description="Prints one line for each item: key and value in Python's notation.",
    )
    items.set_defaults(run=_items)
    info = commands.add_parser(
        "info",
        help="sizes and counts of the environment",
        description="Prints one line for each figure: name, value.",
    )
    info.set_defaults(run=_info)
    # Without a help text, --help does not list the command.
    stat = commands.add_parser("stat", description="Deprecated: use info.")
    stat.set_defaults(run=_stat)
    for command in (listing, getting, items, info, stat):
        command.add_argument("directory", metavar="DIR")
        command.add_argument("--json", action="store_true", help="print a line of JSON for each")
    for command in (getting, items):
        command.add_argument("name", metavar="NAME", help="the collection's name")
    getting.add_argument("key", metavar="KEY")
    about = "the type of the {} of a raw collection (else bytes), or of those of any"
    getting.add_argument("--key", dest="key_type", metavar="TYPE", help=about.format("keys"))
    getting.add_argument("--value", metavar="TYPE", help=about.format("values"))
    add_types(items)
    items.add_argument("--prefix", help="only keys with this prefix; for tuples, a JSON list")
    items.add_argument("--limit", type=limit, metavar="N", help="stop after N items")
    items.add_argument("--reverse", action="store_true", help="print from the last to the first")
