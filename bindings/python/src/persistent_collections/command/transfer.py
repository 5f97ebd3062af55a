"""`export` and `import`: collections as JSON lines and CSV. docs/json.md is the specification."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from .. import Environment
from .failure import DONE, Failure
from .importing import Importer
from .opening import Opened, add_types, open_collection, reader, writer
from .progress import progress
from .reading import json_of
from .texts import dump, to_cell

__all__ = ["add_to"]

# By default, the module would refuse longer cells.
_LONGEST_CELL = 2**31 - 1


def _is_csv(arguments: argparse.Namespace) -> bool:
    if arguments.format is not None:
        return bool(arguments.format == "csv")
    return bool(arguments.file.lower().endswith(".csv"))


# Export.


@contextlib.contextmanager
def _output(path: str) -> Iterator[TextIO]:
    """Opens standard output, or a file that appears only when it is complete."""
    if path == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="strict")
        yield sys.stdout
        return
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        # A pipe or a device.
        with open(path, "w", encoding="utf-8", newline="") as stream:
            yield stream
        return
    aside = f"{path}.{os.getpid()}.part"
    try:
        with open(aside, "x", encoding="utf-8", newline="") as stream:
            yield stream
        os.replace(aside, path)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        if isinstance(error, OSError) and error.filename == aside:
            error.filename, error.filename2 = path, None
        raise


def _walk(opened: Opened) -> Iterator[Any]:
    items: Any = opened.items
    return iter(items if opened.value is None else items.items())


def _header(opened: Opened) -> dict[str, Any]:
    fields = {"name": opened.items.name, "kind": "set" if opened.value is None else "dict"}
    types = {"key": str(opened.key)}
    if opened.value is not None:
        types["value"] = str(opened.value)
    return {"$collection": {**fields, **types}}


def _write_json(opened: Opened, stream: TextIO) -> Iterator[None]:
    stream.write(dump(_header(opened)) + "\n")
    for item in _walk(opened):
        stream.write(dump(json_of(opened, item)) + "\n")
        yield


def _write_csv(opened: Opened, stream: TextIO) -> Iterator[None]:
    plain = csv.writer(stream, lineterminator="\n")
    # Some versions of Python do not quote a lone \r, which would then end the row.
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(["element"] if opened.value is None else ["key", "value"])
    for item in _walk(opened):
        cells = [to_cell(opened.key, item if opened.value is None else item[0])]
        if opened.value is not None:
            cells.append(to_cell(opened.value, item[1]))
        rows = quoted if any("\r" in cell for cell in cells) else plain
        rows.writerow(cells)
        yield


def _export(arguments: argparse.Namespace) -> int:
    as_csv = _is_csv(arguments)
    write = _write_csv if as_csv else _write_json
    if as_csv and len(arguments.names) != 1:
        raise Failure("a CSV file holds one collection: give its NAME")
    if not arguments.names and (arguments.key or arguments.value):
        raise Failure("types are those of one collection: give its NAME")
    with reader(arguments.directory) as env, env.snapshot():
        names = arguments.names or [info.name for info in env.collections()]
        every = [open_collection(env, name, arguments.key, arguments.value) for name in names]
        total = sum(len(opened.items) for opened in every)
        with (
            _output(arguments.file) as stream,
            progress(total, "items", arguments.quiet) as done,
        ):
            for opened in every:
                for _ in write(opened, stream):
                    done(1)
            stream.flush()
    return DONE


# Import.


def _lines(path: str, quiet: bool) -> Iterator[tuple[int, str]]:
    """Iterates over the numbered lines of a UTF-8 file, and shows the progress."""
    with contextlib.ExitStack() as stack:
        if path == "-":
            stream: Iterable[bytes] = sys.stdin.buffer
            status = os.fstat(sys.stdin.fileno())
        else:
            file = stack.enter_context(open(path, "rb"))
            stream, status = file, os.fstat(file.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) else None
        done = stack.enter_context(progress(total, "B", quiet))
        for number, line in enumerate(stream, 1):
            done(len(line))
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise Failure(f"line {number}: not UTF-8: {error.reason}") from None


def _read_json(lines: Iterator[tuple[int, str]], importer: Importer) -> None:
    for number, line in lines:
        if line.strip():
            importer.json(number, line)


def _read_csv(lines: Iterator[tuple[int, str]], importer: Importer) -> None:
    csv.field_size_limit(_LONGEST_CELL)
    rows = csv.reader((line for _, line in lines), strict=True)
    try:
        for row in rows:
            if row:
                importer.row(rows.line_num, row)
    except csv.Error as error:
        raise Failure(f"line {rows.line_num}: not CSV: {error}") from None


def _import(arguments: argparse.Namespace) -> int:
    as_csv = _is_csv(arguments)
    if as_csv and arguments.into is None:
        raise Failure("a CSV file does not name its collection: give it with --into")
    environment: Environment = writer(arguments.directory, create=True)
    with environment as env:
        importer = Importer(env, arguments.into, arguments.key, arguments.value)
        lines = _lines(arguments.file, arguments.quiet)
        try:
            try:
                (_read_csv if as_csv else _read_json)(lines, importer)
                importer.store()
            except BaseException:
                importer.give_up()
                raise
        except Failure as failure:
            place = "standard input" if arguments.file == "-" else arguments.file
            count = importer.stored
            raise Failure(f"{place}: {failure} ({count} items before it are stored)") from None
        finally:
            # Closes the file and the bar.
            lines.close()  # type: ignore[attr-defined]
    return DONE


def add_to(commands: Any) -> None:
    """Adds the parsers of these commands."""
    exporting = commands.add_parser(
        "export",
        help="write collections as JSON lines or CSV",
        description="Writes one snapshot of collections, of all if no NAME is given. JSON lines "
        "keep everything; a CSV file has one collection, without its types.",
    )
    exporting.set_defaults(run=_export)
    importing = commands.add_parser(
        "import",
        help="read JSON lines or CSV into collections",
        description='Stores what export wrote, or other JSON lines ({"key": ..., "value": ...} '
        'or {"element": ...}) or CSV with a first row key,value or element. Existing items stay, '
        "unless a line has the same key. Missing collections are created, and removed again if "
        "nothing is stored in them. Items are stored in batches; running it again after a failure "
        "does no harm.",
    )
    importing.set_defaults(run=_import)
    for command in (exporting, importing):
        command.add_argument("directory", metavar="DIR")
        command.add_argument("--format", choices=("jsonl", "csv"), help="default: by FILE's name")
        command.add_argument("--quiet", action="store_true", help="show no progress bar")
        add_types(command)
    exporting.add_argument("names", metavar="NAME", nargs="*")
    exporting.add_argument("-o", "--output", dest="file", metavar="FILE", default="-")
    importing.add_argument("file", metavar="FILE", nargs="?", default="-")
    importing.add_argument("--into", metavar="NAME", help="the collection to store the items in")
