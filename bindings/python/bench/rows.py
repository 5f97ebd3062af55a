"""The speed of single calls of the package beside what a user would write with lmdb by hand.

    python bench/rows.py            # some minutes; with --quick under one
    python bench/rows.py range      # only the rows whose names contain a word

Each row is our time by the reference's: less is better. Rounds of both are interleaved and the best
of each counts, in the processor time of the thread, so that other programs disturb little. No write
waits for a disk (`durability="none"`, `sync=False`). Keys and values are bytes, the values of 100
bytes, all is warm. The last row is in milliseconds, in processor time of whole processes.

It writes the figures to `target/bench/python.json`.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import msgpack
import numpy as np

from persistent_collections import Environment, PersistentDict, PersistentSet, acceleration

VALUE = b"v" * 100
MAP_SIZE = 1 << 32
#: Calls in a round of one row.
CALLS = 1000
RECORD = {
    "name": "LATIN CAPITAL LETTER A",
    "codepoint": 65,
    "category": "Lu",
    "mirrored": False,
    "lower": "a",
    "numeric": None,
    "width": 1.5,
    "aliases": ["A", "capital a"],
}
OUTPUT = Path(__file__).resolve().parents[3] / "target" / "bench" / "python.json"

Call = Callable[[], object]


class Row(NamedTuple):
    """Our call and a reference, which both do `count` things."""

    name: str
    reference: str
    #: The greatest ratio wanted; None if the row only informs.
    goal: float | None
    count: int
    ours: Call
    theirs: Call
    #: Done before each call, and not timed.
    prepare: Call = lambda: None
    #: Both take long, so that few rounds are enough.
    slow: bool = False


class Result(NamedTuple):
    """What a row has shown: nanoseconds each."""

    row: Row
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """Our time by the reference's."""
        return self.ours / self.theirs


class Place:
    """An environment of each library, filled alike."""

    def __init__(self, directory: Path, count: int) -> None:
        self.keys = [b"key%08d" % number for number in range(count)]
        # In an order that jumps about, and is the same each time.
        chosen = random.Random(1).sample(range(count - 200), CALLS)
        self.asked = [self.keys[number] for number in chosen]
        #: Ranges of 10 and of 100 keys.
        self.tens = [(self.keys[at], self.keys[at + 10]) for at in chosen]
        self.hundreds = [(self.keys[at], self.keys[at + 100]) for at in chosen[: CALLS // 10]]
        self.env = Environment(directory / "ours", durability="none")
        self.lmdb = lmdb.open(str(directory / "lmdb"), map_size=MAP_SIZE, max_dbs=4, sync=False)
        pairs = [(key, VALUE) for key in self.keys]
        self.dict: PersistentDict[bytes, bytes] = PersistentDict(
            self.env, "dict", key=bytes, value=bytes
        )
        self.dict.update(pairs)
        with self.lmdb.begin(write=True) as transaction:
            transaction.cursor().putmulti(pairs)

    def filled(self, name: str, pairs: list[tuple[bytes, bytes]]) -> Any:
        """Returns a database of lmdb with these pairs."""
        db = self.lmdb.open_db(name.encode())
        with self.lmdb.begin(write=True, db=db) as transaction:
            transaction.cursor().putmulti(pairs)
        return db

    def close(self) -> None:
        """Closes both."""
        self.env.close()
        self.lmdb.close()


def reads(at: Place) -> Iterator[Row]:
    """Single reads."""
    d, env, begin, asked = at.dict, at.env, at.lmdb.begin, at.asked

    def get() -> None:
        for key in asked:
            d[key]

    def get_theirs() -> None:
        for key in asked:
            with begin() as transaction:
                transaction.get(key)

    yield Row("d[k]", "begin, get", 0.5, CALLS, get, get_theirs)

    def contains() -> None:
        for key in asked:
            key in d  # noqa: B015

    def contains_theirs() -> None:
        for key in asked:
            with begin() as transaction:
                transaction.cursor().set_key(key)

    yield Row("k in d", "begin, cursor, set_key", 0.38, CALLS, contains, contains_theirs)

    def get_inside() -> None:
        with env.snapshot():
            for key in asked:
                d[key]

    def get_inside_theirs() -> None:
        with begin() as transaction:
            get = transaction.get
            for key in asked:
                get(key)

    yield Row("d[k] in one snapshot", "get", 1.0, CALLS, get_inside, get_inside_theirs)

    def snapshots() -> None:
        for key in asked:
            with env.snapshot():
                d[key]

    yield Row("a snapshot, d[k]", "begin, get", None, CALLS, snapshots, get_theirs)

    anything: PersistentDict[bytes, Any] = PersistentDict(env, "any", key=bytes, value="any")
    anything.update((key, RECORD) for key in asked)
    packed: bytes = msgpack.packb(RECORD)
    db, unpack = at.filled("any", [(key, packed) for key in asked]), msgpack.unpackb

    def get_any() -> None:
        for key in asked:
            anything[key]

    def get_any_theirs() -> None:
        for key in asked:
            with begin(db=db) as transaction:
                unpack(transaction.get(key))

    yield Row("d[k] of any", "begin, get, unpackb", 0.5, CALLS, get_any, get_any_theirs)


def walks(at: Place) -> Iterator[Row]:
    """Walks over all and over ranges."""
    d, begin = at.dict, at.lmdb.begin

    def items() -> None:
        for _ in d.items():
            pass

    def items_theirs() -> None:
        with begin() as transaction:
            for _ in transaction.cursor():
                pass

    yield Row("items()", "cursor", 0.5, len(at.keys), items, items_theirs)

    def in_range(bounds: list[tuple[bytes, bytes]]) -> Call:
        def call() -> None:
            for low, high in bounds:
                list(d.range(low, high).items())

        return call

    def in_irange(bounds: list[tuple[bytes, bytes]]) -> Call:
        def call() -> None:
            for low, high in bounds:
                list(d.irange(low, high, (True, False)))

        return call

    def steps(bounds: list[tuple[bytes, bytes]], count: int, values: bool) -> Call:
        def call() -> None:
            for low, _ in bounds:
                with begin() as transaction:
                    cursor = transaction.cursor()
                    cursor.set_range(low)
                    list(itertools.islice(cursor.iternext(values=values), count))

        return call

    for bounds, count, goal in ((at.tens, 10, 1.5), (at.hundreds, 100, 0.9)):
        by = f"set_range, {count} steps"
        number = len(bounds) * count
        yield Row(
            f"items of a range of {count}",
            by,
            goal,
            number,
            in_range(bounds),
            steps(bounds, count, True),
        )
        yield Row(
            f"irange of {count}", by, goal, number, in_irange(bounds), steps(bounds, count, False)
        )


def writes(at: Place) -> Iterator[Row]:
    """Single writes."""
    d, env, begin, asked = at.dict, at.env, at.lmdb.begin, at.asked
    s: PersistentSet[bytes] = PersistentSet(env, "set", element=bytes)
    s.update(at.keys)
    db = at.filled("set", [(key, b"") for key in at.keys])

    def add() -> None:
        for key in asked:
            s.add(key)

    def add_theirs() -> None:
        for key in asked:
            with begin(write=True, db=db) as transaction:
                transaction.put(key, b"", overwrite=False)

    yield Row("s.add(present)", "begin, put", 0.9, CALLS, add, add_theirs)

    def put() -> None:
        for key in asked:
            d[key] = VALUE

    def put_theirs() -> None:
        for key in asked:
            with begin(write=True) as transaction:
                transaction.put(key, VALUE)

    yield Row("d[k] = v", "begin, put", 1.0, CALLS, put, put_theirs)

    def transactions() -> None:
        for key in asked:
            with env.transaction():
                d[key] = VALUE

    yield Row("a transaction, d[k] = v", "begin, put", 1.1, CALLS, transactions, put_theirs)
    pairs = [(key, VALUE) for key in at.keys]

    def put_multi() -> None:
        with begin(write=True) as transaction:
            transaction.cursor().putmulti(pairs)

    yield Row("update()", "putmulti", 0.75, len(pairs), lambda: d.update(pairs), put_multi)


def vectors(at: Place) -> Iterator[Row]:
    """Arrays of 768 floats."""
    begin, keys = at.lmdb.begin, at.keys[:CALLS]
    rows = np.random.default_rng(1).random((CALLS, 768), np.float32)
    d: PersistentDict[bytes, Any] = PersistentDict(at.env, "f32", key=bytes, value="f32[768]")
    d.put_many(keys, rows)
    db = at.filled("f32", [(key, row.tobytes()) for key, row in zip(keys, rows)])

    def get() -> None:
        for key in keys:
            d[key]

    def get_theirs() -> None:
        for key in keys:
            with begin(db=db) as transaction:
                np.frombuffer(transaction.get(key), np.float32)

    yield Row("d[k] of f32[768]", "begin, get, frombuffer", 1.2, CALLS, get, get_theirs)

    def get_many_theirs() -> None:
        with begin(db=db) as transaction:
            found = transaction.cursor().getmulti(keys)
            np.array([np.frombuffer(value, np.float32) for _, value in found])

    yield Row(
        "get_many of f32[768]",
        "getmulti, frombuffer",
        0.9,
        CALLS,
        lambda: d.get_many(keys),
        get_many_theirs,
    )


def columns(at: Place, count: int) -> Iterator[Row]:
    """Many ints and texts: the reference is `update`, or a loop over `d[k]`."""
    numbers = np.random.default_rng(1).permutation(count).astype(np.int64)
    texts = np.array([f"key{number:08}" for number in numbers])
    for name, kind, array in (("ints", int, numbers), ("strs", str, texts)):
        keys, values = array.tolist(), np.arange(count)
        pairs, listed = list(zip(keys, values.tolist())), values.tolist()
        d: PersistentDict[Any, int] = PersistentDict(at.env, name, key=kind, value=int)
        d.update(pairs)

        def update(d: Any = d, pairs: Any = pairs) -> None:
            d.update(pairs)

        def loop(d: Any = d, keys: Any = keys) -> None:
            for key in keys:
                d[key]

        for what, given, given_values, goal in (
            ("arrays", array, values, 0.5),
            ("lists", keys, listed, 1.0),
        ):

            def put_many(d: Any = d, k: Any = given, v: Any = given_values) -> None:
                d.put_many(k, v)

            def get_many(d: Any = d, k: Any = given) -> None:
                d.get_many(k)

            def remove_many(d: Any = d, k: Any = given) -> None:
                d.remove_many(k)

            row = Row(
                f"put_many, {what} of {name}", "update", goal, count, put_many, update, slow=True
            )
            yield row
            yield row._replace(
                name=f"get_many, {what} of {name}",
                reference="loop of d[k]",
                goal=0.6,
                ours=get_many,
                theirs=loop,
            )
            yield row._replace(
                name=f"remove_many, {what} of {name}", ours=remove_many, prepare=update
            )
            d.update(pairs)


def clocked(call: Call) -> float:
    """Seconds of the thread's processor time."""
    begun = time.thread_time()
    call()
    return time.thread_time() - begun


def measured(row: Row, rounds: int) -> Result:
    """The best of some rounds."""
    ours = theirs = float("inf")
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            row.prepare()
            ours = min(ours, clocked(row.ours))
            row.prepare()
            theirs = min(theirs, clocked(row.theirs))
    finally:
        gc.enable()
    return Result(row, ours / row.count * 1e9, theirs / row.count * 1e9)


OPENING = """
import sys
from persistent_collections import Environment, PersistentDict
with Environment(sys.argv[1]) as env:
    d = PersistentDict(env, "d", key=str, value=int)
    d["a"] = 1
    assert d["a"] == 1
"""


def started(code: str, directory: Path) -> float:
    """Milliseconds of processor time of a new interpreter that runs code, compiled already."""
    command = [sys.executable, "-c", code, str(directory / "started")]
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(directory / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def opening(directory: Path, rounds: int) -> float:
    """Milliseconds that importing the package and using a dict takes more than the interpreter."""
    started(OPENING, directory)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(started(OPENING, directory))
        bare.append(started("pass", directory))
    return min(ours) - min(bare)


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("words", nargs="*", help="measure only rows whose names contain one")
    parser.add_argument("--quick", action="store_true", help="fewer keys")
    arguments = parser.parse_args()
    words, quick = arguments.words, arguments.quick
    print(f"accelerator: {acceleration.status()}")
    print(f"{'':30} {'ratio':>6} {'goal':>5} {'ours':>9} {'theirs':>9}  reference")
    found: list[dict[str, Any]] = []

    def report(name: str, figure: float, goal: float | None, **more: Any) -> None:
        found.append({"name": name, "figure": round(figure, 3), "goal": goal, **more})

    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory), 20_000 if quick else 100_000)
        rows = itertools.chain(
            *(kind(place) for kind in (reads, walks, writes, vectors)),
            columns(place, 50_000 if quick else 1_000_000),
        )
        for row in rows:
            if words and not any(word in row.name for word in words):
                continue
            result = measured(row, 15 if row.slow else 31 if quick else 61)
            verdict = "  above the goal" if row.goal and result.ratio > row.goal else ""
            goal = f"{row.goal:5.2f}" if row.goal else "    –"
            print(
                f"{row.name:30} {result.ratio:6.2f} {goal} {result.ours:6.0f} ns"
                f" {result.theirs:6.0f} ns  {row.reference}{verdict}",
                flush=True,
            )
            report(
                *(row.name, result.ratio, row.goal),
                reference=row.reference,
                nanoseconds=round(result.ours, 1),
                reference_nanoseconds=round(result.theirs, 1),
            )
        place.close()
        name, most = "import, open, d[k] = v, d[k]", 12.0
        if not words or any(word in name for word in words):
            figure = opening(Path(directory), 15)
            verdict = "" if figure <= most else "  above the goal"
            print(f"{name:30} {figure:6.1f} {most:5.1f} ms more than the interpreter{verdict}")
            report(name, figure, most, unit="ms")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "accelerator": acceleration.status(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "quick": quick,
        "rows": found,
    }
    OUTPUT.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
