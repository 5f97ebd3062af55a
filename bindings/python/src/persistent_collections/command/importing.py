"""Stores lines of JSON and rows of CSV, in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import Environment, PersistentDict, PersistentSet
from ..json_form import typed_from_json
from ..types import Type, parse
from .failure import Failure
from .opening import Opened, open_collection
from .texts import from_cell, load

__all__ = ["BATCH", "Importer"]

#: The number of items that one transaction stores.
BATCH = 10_000

_FIELDS = {"dict": ["key", "value"], "set": ["element"]}


class Importer:
    """Takes lines one by one, and stores their items; `stored` counts these."""

    def __init__(
        self, env: Environment, into: str | None, key: str | None, value: str | None
    ) -> None:
        self.stored: int = 0
        self._env = env
        self._into = into
        self._types = (key, value)
        self._target: Opened | None = None
        self._kind = ""
        self._named = False
        #: The names of the collections that were created for it.
        self._made: list[str] = []
        # The line number, the key or element, the value.
        self._batch: list[tuple[int, Any, Any]] = []

    def json(self, number: int, line: str) -> None:
        """Takes one line of a file of JSON lines."""
        with _located(number):
            form = load(line)
            if type(form) is dict and form.keys() == {"$collection"}:
                self._header(form["$collection"])
                return
            kind = next((kind for kind, names in _FIELDS.items() if _has(form, names)), None)
            if kind is None:
                raise Failure('neither {"key": ..., "value": ...} nor {"element": ...}')
            if self._target is None:
                if self._into is None:
                    raise Failure("it does not name its collection: give it with --into")
                self._open(self._into, kind, *self._types, new="any")
            self._add(number, kind, [form[name] for name in _FIELDS[kind]], typed_from_json)

    def row(self, number: int, cells: list[str]) -> None:
        """Takes one row of a CSV file; the first has the names of its columns."""
        with _located(number):
            if self._target is None:
                kind = next((kind for kind, names in _FIELDS.items() if names == cells), None)
                if kind is None:
                    raise Failure("the first row of a CSV file is key,value or element")
                self._open(str(self._into), kind, *self._types, new="str")
                return
            if len(cells) != len(_FIELDS[self._kind]):
                raise Failure(f"{len(_FIELDS[self._kind])} cells are needed, not {len(cells)}")
            self._add(number, self._kind, cells, from_cell)

    def _header(self, header: Any) -> None:
        self.store()
        kind = header.get("kind") if type(header) is dict else None
        needed = {"dict": ["name", "key", "value"], "set": ["name", "key"]}.get(str(kind), [])
        texts: list[Any] = [header.get(name) for name in needed]
        if not texts or not all(type(text) is str for text in texts):
            raise Failure("a $collection has a name, a kind (dict or set), a key, a dict a value")
        if self._into is not None and self._named:
            raise Failure("there are several collections in it: leave out --into")
        self._named = True
        name, key, *values = texts
        asked_key, asked_value = self._types
        value = asked_value or (values[0] if values else None)
        self._open(self._into or name, str(kind), asked_key or key, value, "any")

    def _open(self, name: str, kind: str, key: str | None, value: str | None, new: str) -> None:
        """Opens the collection to store into; `new` is the type of a new one if none is given."""
        try:
            is_raw = self._env.schema(name).kind == "raw"
        except KeyError:
            key, value = key or new, value or new
            self._made.append(name)
        else:
            if is_raw:
                key, value = key or "bytes", value or "bytes"
        self._kind = kind
        if kind == "set":
            elements = PersistentSet[Any](self._env, name, element=key)
            self._target = Opened(elements, parse(key or elements.element_type), None)
        else:
            pairs = PersistentDict[Any, Any](self._env, name, key=key, value=value)
            types = parse(key or pairs.key_type), parse(value or pairs.value_type)
            self._target = Opened(pairs, *types)

    def give_up(self) -> None:
        """Removes the collections that were created for it and are still empty."""
        self._target = None
        for name in self._made:
            with self._env.transaction():
                # A collection whose creation failed does not exist.
                made = name in [it.name for it in self._env.collections()]
                if made and not len(open_collection(self._env, name).items):
                    self._env.drop(name)

    def _add(
        self, number: int, kind: str, forms: list[Any], read: Callable[[Type, Any], Any]
    ) -> None:
        target = self._target
        if target is None:
            raise Failure("an item comes before the line that names its collection")
        if kind != self._kind:
            raise Failure(f"{target.items.name!r} is a {self._kind}")
        key = read(target.key, forms[0])
        value = None if target.value is None else read(target.value, forms[1])
        self._batch.append((number, key, value))
        if len(self._batch) >= BATCH:
            self.store()

    def store(self) -> None:
        """Stores the items taken so far, all or nothing; `Failure` names a line that is refused."""
        batch, self._batch = self._batch, []
        if not batch or self._target is None:
            return
        items = self._target.items
        try:
            if isinstance(items, PersistentSet):
                items.update([key for _, key, _ in batch])
            else:
                items.update([(key, value) for _, key, value in batch])
        except (TypeError, ValueError, OverflowError):
            # One by one, to find the refused line; the transaction undoes them all.
            with self._env.transaction():
                for number, key, value in batch:
                    # Encoded by the codecs, not by the collection: the line already says where.
                    with _located(number):
                        items._keys.encode(key)
                        if isinstance(items, PersistentSet):
                            items.add(key)
                        else:
                            items._values.encode(value)
                            items[key] = value
            raise
        self.stored += len(batch)


def _has(form: Any, names: list[str]) -> bool:
    return type(form) is dict and list(form) in (names, names[::-1])


class _located:
    """Turns a refusal inside the block into a `Failure` that names the line."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> None:
        """Does nothing."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (TypeError, ValueError, OverflowError)) and not _has_line(error):
            raise Failure(f"line {self._number}: {error}") from None


def _has_line(error: BaseException) -> bool:
    return isinstance(error, Failure) and str(error).startswith("line ")
