"""items.py DIRECTORY COUNTING: counts the instructions of what Python programs do most with collections."""

from __future__ import annotations

import ctypes
import gc
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from persistent_collections import Environment, PersistentDict, PersistentSet, acceleration

KEYS = 10_000
COUNT = 1000
VALUE = b"v" * 100
# In an order that jumps about: 7919 is prime.
keys = [b"key%08d" % (number * 7919 % KEYS) for number in range(KEYS)]
names = [key.decode() for key in keys]

directory = Path(sys.argv[1])
counting = ctypes.CDLL(sys.argv[2])


class Opened:
    """An environment, and what is in it."""

    def __init__(self, path: Path) -> None:
        self.env = Environment(path, durability="none")
        self.dict: PersistentDict[Any, Any] = PersistentDict(self.env, "dict", key=bytes, value=bytes)
        self.texts: PersistentDict[Any, Any] = PersistentDict(self.env, "texts", key=str, value=int)
        self.set: PersistentSet[Any] = PersistentSet(self.env, "set", element=bytes)


def get(here: Opened, count: int) -> None:
    d = here.dict
    for key in keys[:count]:
        d[key]


def get_text(here: Opened, count: int) -> None:
    d = here.texts
    for name in names[:count]:
        d[name]


def contains(here: Opened, count: int) -> None:
    d = here.dict
    for key in keys[:count]:
        key in d  # noqa: B015


def is_element(here: Opened, count: int) -> None:
    s = here.set
    for key in keys[:count]:
        key in s  # noqa: B015


def get_many(here: Opened, count: int) -> None:
    here.dict.get_many(keys[:count])


def iterate(here: Opened, count: int) -> None:
    """Walks over all entries, so that it does not matter how many are read ahead."""
    for _ in range(count // KEYS):
        for _, _ in here.dict.items():
            pass


def snapshot(here: Opened, count: int) -> None:
    env, d = here.env, here.dict
    for key in keys[:count]:
        with env.snapshot():
            d[key]


def put(here: Opened, count: int) -> None:
    d = here.dict
    for key in keys[:count]:
        d[key] = VALUE


def put_inside(here: Opened, count: int) -> None:
    with here.env.transaction():
        put(here, count)


def transaction(here: Opened, count: int) -> None:
    env, d = here.env, here.dict
    for key in keys[:count]:
        with env.transaction():
            d[key] = VALUE


def update(here: Opened, count: int) -> None:
    here.dict.update([(key, VALUE) for key in keys[:count]])


def measure(row: str, work: Callable[[Opened, int], None], items: int = COUNT) -> None:
    """Counts one row."""
    # A copy for each row, so that no row depends on those before it.
    path = directory / work.__name__
    shutil.copytree(directory / "filled", path)
    here = Opened(path)
    gc.collect()
    # The last count of a row holds: at first caches fill, and the interpreter adapts.
    for _ in range(2):
        counting.count_begin()
        work(here, items)
        counting.count_end(row.encode(), items)
    here.env.close()


def main() -> None:
    """The program."""
    if acceleration.status() != "on":
        sys.exit(f"the accelerator is {acceleration.status()}")
    gc.disable()
    filled = Opened(directory / "filled")
    filled.dict.update((key, VALUE) for key in keys)
    filled.texts.update((name, number) for number, name in enumerate(names))
    filled.set.update(keys)
    filled.env.close()
    measure("d[k]", get)
    measure("d[k], str to int", get_text)
    measure("k in d", contains)
    measure("x in s", is_element)
    measure("get_many(), a key", get_many)
    measure("items(), an entry", iterate, KEYS)
    measure("a snapshot of one get", snapshot)
    measure("d[k] = v", put)
    measure("d[k] = v in a transaction", put_inside)
    measure("a transaction of one put", transaction)
    measure("update(), a pair", update)


main()
