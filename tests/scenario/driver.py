"""The scenario in Python: `driver.py run SCENARIO ENVIRONMENT`, `driver.py dump ENVIRONMENT…`; README.md."""

from __future__ import annotations

import datetime
import re
import struct
import sys
import uuid
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import numpy as np

from persistent_collections import ABSENT, Environment, PersistentDict, PersistentSet, missing
from persistent_collections.errors import Error, NoCollectionError, UnstorableError

EPOCH = datetime.datetime(1970, 1, 1)
DTYPES = {f"{kind}{8 * size}": np.dtype(f"<{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)}
DTYPES.update(f32=np.dtype("<f4"), f64=np.dtype("<f8"))
GROUPS = {"(": ")", "[": "]", "{": "}", "<": ">"}
#: Statuses of what cannot be a key or value: PC_ERR_BAD_KEY, PC_ERR_BAD_VALUE, PC_ERR_KEY_SIZE.
REFUSED = {-40, -41, -42}


# Values and how they are written


def parse(field: str) -> Any:
    """The value that a field stands for."""
    return one(field.split(" ")[::-1])


def one(tokens: list[str]) -> Any:
    """The value that begins with the last token; takes its tokens away."""
    token = tokens.pop()
    if token in GROUPS:
        items = []
        while tokens[-1] != GROUPS[token]:
            items.append(one(tokens))
        tokens.pop()
        if token == "{":
            return dict(zip(items[::2], items[1::2]))
        return {"(": tuple, "[": list, "<": set}[token](items)
    words = {"null": None, "undefined": missing, "true": True, "false": False}
    if token in words:
        return words[token]
    if token[1:2] != ":":
        return int(token)
    kind, text = token[0], token[2:]
    if kind == "a":
        element, numbers = text.split(":")
        return np.frombuffer(bytes.fromhex(numbers), DTYPES[element])
    return {
        "f": lambda: struct.unpack(">d", bytes.fromhex(text))[0],
        "s": lambda: unquote_to_bytes(text).decode(),
        "b": lambda: bytes.fromhex(text),
        "u": lambda: uuid.UUID(hex=text),
        "d": lambda: EPOCH.date() + datetime.timedelta(days=int(text)),
        "t": lambda: EPOCH + datetime.timedelta(microseconds=int(text)),
    }[kind]()


def show(value: Any) -> str:
    """A value as the scenario writes it."""
    if value is None or value is missing:
        return "null" if value is None else "undefined"
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return "f:" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s:" + quote(value, safe="").replace("~", "%7E")
    if isinstance(value, (bytes, memoryview)):
        return "b:" + bytes(value).hex()
    if isinstance(value, uuid.UUID):
        return "u:" + value.hex
    if isinstance(value, datetime.datetime):
        return f"t:{(value - EPOCH) // datetime.timedelta(microseconds=1)}"
    if isinstance(value, datetime.date):
        return f"d:{(value - EPOCH.date()).days}"
    if isinstance(value, np.ndarray):
        name = f"{value.dtype.kind}{8 * value.dtype.itemsize}"
        return f"a:{name}:{value.astype(DTYPES[name]).tobytes().hex()}"
    if isinstance(value, dict):
        return group("{", sorted(f"{show(key)} {show(item)}" for key, item in value.items()))
    if isinstance(value, (set, frozenset)):
        return group("<", sorted(map(show, value)))
    if isinstance(value, (tuple, list)):
        return group("(" if isinstance(value, tuple) else "[", map(show, value))
    raise TypeError(f"a value that cannot be written: {value!r}")


def group(bracket: str, items: Any) -> str:
    return " ".join([bracket, *items, GROUPS[bracket]])


# Operations: each takes the fields after its name and gives the answer


class Run:
    """An environment, the collections that were opened in it, and its open transactions."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.collections: dict[str, Any] = {}
        self.transactions: list[Any] = []
        self._open()

    def _open(self) -> str:
        self.env = Environment(self.path, durability="none")
        self.collections.clear()
        return "ok"

    def reopen(self) -> str:
        self.env.close()
        return self._open()

    def dict(self, name: str, key: str, value: str) -> str:
        self.collections[name] = PersistentDict(self.env, name, key=key, value=value)
        return "ok"

    def set(self, name: str, element: str) -> str:
        self.collections[name] = PersistentSet(self.env, name, element=element)
        return "ok"

    def drop(self, name: str) -> str:
        try:
            self.env.drop(name)
        except NoCollectionError:
            return "absent"
        return "ok"

    def schema(self, name: str) -> str:
        try:
            found = self.env.schema(name)
        except NoCollectionError:
            return "absent"
        return "\t".join([found.kind, found.key] + ([found.value] if found.kind == "dict" else []))

    def _value(self, name: str, field: str) -> Any:
        """A value for a dict: an array gets the shape that the dict's type has."""
        value = parse(field)
        shape = re.fullmatch(r"\w+\[([\d,]+)\]", self.collections[name].value_type)
        if isinstance(value, np.ndarray) and shape and "," in shape[1]:
            return value.reshape([int(length) for length in shape[1].split(",")])
        return value

    def put(self, name: str, key: str, value: str) -> str:
        self.collections[name][parse(key)] = self._value(name, value)
        return "ok"

    def put_new(self, name: str, key: str, value: str) -> str:
        return "ok" if self.collections[name].put_new(parse(key), self._value(name, value)) else "exists"

    def get(self, name: str, key: str) -> str:
        return show(self.collections[name][parse(key)])

    def has(self, name: str, key: str) -> str:
        return yes(parse(key) in self.collections[name])

    def remove(self, name: str, key: str) -> str:
        collection = self.collections[name]
        if isinstance(collection, PersistentSet):
            collection.remove(parse(key))
        else:
            del collection[parse(key)]
        return "ok"

    def take(self, name: str, key: str) -> str:
        return show(self.collections[name].take(parse(key)))

    def exchange(self, name: str, key: str, *values: str) -> str:
        expected, desired = (ABSENT if value == "absent" else self._value(name, value) for value in values)
        done = self.collections[name].compare_exchange(parse(key), expected, desired)
        return "ok" if done else "differs"

    def increment(self, name: str, key: str, by: str) -> str:
        return str(self.collections[name].increment(parse(key), int(by)))

    def len(self, name: str) -> str:
        return str(len(self.collections[name]))

    def clear(self, name: str) -> str:
        self.collections[name].clear()
        return "ok"

    def _entry(self, name: str, item: Any) -> str:
        is_set = isinstance(self.collections[name], PersistentSet)
        return show(item) if is_set else f"{show(item[0])} = {show(item[1])}"

    def first(self, name: str) -> str:
        return self._entry(name, self.collections[name].first())

    def last(self, name: str) -> str:
        return self._entry(name, self.collections[name].last())

    def put_many(self, name: str, *fields: str) -> str:
        pairs = zip(fields[::2], fields[1::2])
        self.collections[name].update([(parse(key), self._value(name, value)) for key, value in pairs])
        return "ok"

    def get_many(self, name: str, *keys: str) -> str:
        collection, wanted = self.collections[name], [parse(key) for key in keys]
        if re.search(r"\[\d", collection.value_type):
            # Arrays of one shape come as one matrix, which has no row for a key that is absent.
            present = [key for key in wanted if key in collection]
            found = dict(zip(present, collection.get_many(present)))
            values = [found.get(key, ABSENT) for key in wanted]
        else:
            values = collection.get_many(wanted, default=ABSENT)
        return "\t".join("absent" if value is ABSENT else show(value) for value in values)

    def remove_many(self, name: str, *keys: str) -> str:
        collection, before = self.collections[name], len(self.collections[name])
        if isinstance(collection, PersistentDict):
            return str(collection.remove_many([parse(key) for key in keys]))
        collection.difference_update([parse(key) for key in keys])
        return str(before - len(collection))

    def add(self, name: str, element: str) -> str:
        self.collections[name].add(parse(element))
        return "ok"

    def add_many(self, name: str, *elements: str) -> str:
        self.collections[name].update([parse(element) for element in elements])
        return "ok"

    def _part(self, name: str, low: str, high: str, *words: str) -> Any:
        assert set(words) <= {"after", "through", "reverse"}
        bounds = (None if bound == "-" else parse(bound) for bound in (low, high))
        inclusive = ("after" not in words, "through" in words)
        return self.collections[name].range(*bounds, inclusive=inclusive, reverse="reverse" in words)

    def range(self, name: str, *arguments: str) -> str:
        return listed(self._part(name, *arguments))

    def remove_range(self, name: str, *arguments: str) -> str:
        return str(self._part(name, *arguments).clear())

    def prefix(self, name: str, text: str) -> str:
        return listed(self.collections[name].prefix(parse(text)))

    def union(self, name: str, other: str) -> str:
        self.collections[name] |= self.collections[other]
        return "ok"

    def intersection(self, name: str, other: str) -> str:
        self.collections[name] &= self.collections[other]
        return "ok"

    def difference(self, name: str, other: str) -> str:
        self.collections[name] -= self.collections[other]
        return "ok"

    def symmetric_difference(self, name: str, other: str) -> str:
        self.collections[name] ^= self.collections[other]
        return "ok"

    def is_subset(self, name: str, other: str) -> str:
        return yes(self.collections[name].issubset(self.collections[other]))

    def is_disjoint(self, name: str, other: str) -> str:
        return yes(self.collections[name].isdisjoint(self.collections[other]))

    def begin(self, kind: str) -> str:
        block = {"write": self.env.transaction, "read": self.env.snapshot}[kind]()
        block.__enter__()
        self.transactions.append(block)
        return "ok"

    def commit(self) -> str:
        self.transactions.pop().commit()
        return "ok"

    def abort(self) -> str:
        self.transactions.pop().abort()
        return "ok"

    def flush(self) -> str:
        self.env.flush()
        return "ok"

    def _answer(self, name: str, arguments: list[str]) -> str:
        """What an operation answers, failures too."""
        if name not in OPERATIONS:
            return "no such operation"
        try:
            return str(getattr(self, name)(*arguments))
        except UnstorableError:
            return "refused"
        except Error as failure:
            return "refused" if failure.status in REFUSED else f"error {failure.status}"
        except KeyError:
            return "absent"
        except (TypeError, ValueError, OverflowError):
            return "refused"


OPERATIONS = {name for name in vars(Run) if not name.startswith("_")}


def yes(truth: bool) -> str:
    return "yes" if truth else "no"


def listed(part: Any) -> str:
    """All that a part of a collection holds."""
    if hasattr(part, "items"):
        return "\t".join(f"{show(key)} = {show(value)}" for key, value in part.items()) or "nothing"
    return "\t".join(map(show, part)) or "nothing"


def run(scenario: str, path: str) -> int:
    """The number of lines that were answered otherwise than expected."""
    state, wrong = Run(path), 0
    with open(scenario, encoding="utf-8") as lines:
        for at, line in enumerate(lines, 1):
            if line.startswith("#") or not line.strip():
                continue
            asked, expected = line.rstrip("\n").split("\t=>\t")
            name, *arguments = asked.split("\t")
            given = state._answer(name, arguments)
            if given != expected:
                print(f"line {at}: {name}: expected {expected}, got {given}")
                wrong += 1
    state.env.close()
    return wrong


def dump(path: str) -> None:
    with Environment(path, durability="none") as env:
        for it in env.collections():
            types = it.key if it.kind == "set" else f"{it.key} {it.value}"
            print(f"{it.kind} {it.name} {types}, {it.count}")
            kind = PersistentSet if it.kind == "set" else PersistentDict
            text = listed(kind(env, it.name))
            for one_entry in text.split("\t"):
                print(f"  {one_entry}")


def main() -> int:
    command, *paths = sys.argv[1:]
    if command == "run":
        return run(*paths) != 0
    for at, path in enumerate(paths, 1):
        print(f"environment {at}")
        dump(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
