"""What a value of `any` costs: a map of ten fields, written, read, and only encoded and decoded.

Run it as it is, and with PERSISTENT_COLLECTIONS_ACCELERATOR=0.
"""

from __future__ import annotations

import tempfile
import time
import timeit
from collections.abc import Callable
from typing import Any

from persistent_collections import Environment, PersistentDict, acceleration, cbor

CALLS = 2000

TEN_FIELDS = {
    "name": "LATIN CAPITAL LETTER A",
    "codepoint": 65,
    "category": "Lu",
    "bidi": "L",
    "mirrored": False,
    "lower": "a",
    "numeric": None,
    "combining": 0,
    "width": 1.5,
    "block": "Basic Latin",
}


def report(what: str, call: Callable[[], Any]) -> None:
    """Prints the microseconds of processor time of a call, in the best of seven rounds."""
    best = min(timeit.repeat(call, timer=time.process_time, number=CALLS, repeat=7)) / CALLS
    print(f"{what:24} {best * 1e6:6.1f} µs")


def main() -> None:
    """The program."""
    print(f"accelerator: {acceleration.status()}")
    encoded = cbor.encode(TEN_FIELDS)
    report("encode, by pc_value", lambda: cbor.encode(TEN_FIELDS))
    report("decode, by pc_value", lambda: cbor.decode(encoded))
    with tempfile.TemporaryDirectory() as directory, Environment(directory) as env:
        d: PersistentDict[str, Any] = PersistentDict(env, "d", key=str)
        with env.transaction():
            report("d[k] = v, in transaction", lambda: d.__setitem__("k", TEN_FIELDS))
            report("d[k], in transaction", lambda: d["k"])


main()
