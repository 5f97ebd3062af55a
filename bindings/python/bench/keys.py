"""What keys and values of a type cost: stored and read, each in a transaction.

Run it as it is, and with PERSISTENT_COLLECTIONS_ACCELERATOR=0. The times are the processor's.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

from persistent_collections import Environment, PersistentDict, acceleration

COUNT = 3000
NUMBERS = range(COUNT)
PAIRS = [(f"key{number % 100}", number) for number in NUMBERS]
#: The types of key and value, the keys, and the values.
CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    ("i64", "i64", list(NUMBERS), list(NUMBERS)),
    ("str", "str", [f"key{number:06}" for number in NUMBERS], ["a value"] * COUNT),
    ("(str,i64)", "i64", PAIRS, list(NUMBERS)),
    ("any", "i64", PAIRS, list(NUMBERS)),
]


def best(call: Callable[[], Any]) -> float:
    """The microseconds of each key in the best of nine rounds."""
    times = []
    for _ in range(9):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times) / COUNT * 1e6


def measure(d: PersistentDict[Any, Any], keys: list[Any], values: list[Any]) -> None:
    """Prints the times of one dict."""

    def put() -> None:
        with d.environment.transaction():
            for key, value in zip(keys, values):
                d[key] = value

    def get() -> None:
        with d.environment.snapshot():
            for key in keys:
                d[key]

    print(f"{d.name:16} put {best(put):5.2f} µs, get {best(get):5.2f} µs")


def main() -> None:
    """The program."""
    print(f"accelerator: {acceleration.status()}")
    with tempfile.TemporaryDirectory() as directory, Environment(directory) as env:
        for key, value, keys, values in CASES:
            name = f"{key} to {value}"
            measure(PersistentDict(env, name, key=key, value=value), keys, values)


main()
