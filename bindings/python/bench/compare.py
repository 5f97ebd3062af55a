"""The speed of the package beside other stores, as ratios in one run.

    python bench/compare.py            # beside lmdb, and those of the others that are installed
    python bench/compare.py --check    # beside lmdb alone; fails where a bound is broken

Values have 100 bytes, all is warm. Rounds are interleaved and the best of each counts, in the
processor time of the thread, so that other programs disturb little (of the process, where a store
works in threads of its own); `update` waits for no disk (`durability="none"`, `sync=False`), but
for "synced", which is by the clock. A ratio is our time by the other's: less is better.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import shelve
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import numpy as np

from persistent_collections import Environment, PersistentDict, acceleration

KEYS = 100_000
VALUE = b"v" * 100
MAP_SIZE = 1 << 31
# What our time by lmdb's may be at most.
BOUNDS = {"d[k]": 1.0, "items()": 1.0, "update()": 1.2, "column": 1 / 20}


class Store(NamedTuple):
    """What one store does, each as a call without arguments."""

    name: str
    calls: dict[str, Callable[[], object]]


def keys(count: int) -> list[bytes]:
    """Keys in their order."""
    return [b"key%08d" % number for number in range(count)]


@contextlib.contextmanager
def ours(place: Path, count: int) -> Iterator[Store]:
    """This package."""
    names = keys(count)
    pairs = [(name, VALUE) for name in names]
    with (
        Environment(place / "ours", durability="none") as env,
        Environment(place / "durable") as durable,
    ):
        d = PersistentDict(env, "bytes", key=bytes, value=bytes)
        kept = PersistentDict(durable, "bytes", key=bytes, value=bytes)
        numbers = PersistentDict(env, "numbers", key=bytes, value=float)
        d.update(pairs)
        numbers.update(zip(names, map(float, range(count))))

        def get() -> None:
            for name in names:
                d[name]

        def contains() -> None:
            for name in names:
                name in d  # noqa: B015

        def items() -> None:
            for _ in d.items():
                pass

        yield Store(
            "persistent_collections",
            {
                "d[k]": get,
                "k in d": contains,
                "items()": items,
                "update()": lambda: d.update(pairs),
                "update(), synced": lambda: kept.update(pairs),
                "column": numbers.to_numpy,
            },
        )


@contextlib.contextmanager
def of_lmdb(place: Path, count: int) -> Iterator[Store]:
    """LMDB's binding: a transaction for each get, a cursor, `putmulti`, a loop over numbers."""
    names = keys(count)
    pairs = [(name, VALUE) for name in names]
    env = lmdb.open(str(place / "lmdb"), map_size=MAP_SIZE, max_dbs=2, sync=False)
    synced = lmdb.open(str(place / "lmdb-synced"), map_size=MAP_SIZE)
    numbers = env.open_db(b"numbers")

    def put(into: Any) -> None:
        with into.begin(write=True) as transaction:
            transaction.cursor().putmulti(pairs)

    put(env)
    with env.begin(write=True, db=numbers) as transaction:
        transaction.cursor().putmulti(
            [(name, struct.pack("<d", number)) for number, name in enumerate(names)]
        )

    def get() -> None:
        begin = env.begin
        for name in names:
            with begin() as transaction:
                transaction.get(name)

    def contains() -> None:
        begin = env.begin
        for name in names:
            with begin() as transaction:
                transaction.cursor().set_key(name)

    def items() -> None:
        with env.begin() as transaction:
            for _ in transaction.cursor():
                pass

    def column() -> object:
        with env.begin(db=numbers) as transaction:
            return np.array([struct.unpack("<d", value)[0] for _, value in transaction.cursor()])

    yield Store(
        "lmdb",
        {
            "d[k]": get,
            "k in d": contains,
            "items()": items,
            "update()": lambda: put(env),
            "update(), synced": lambda: put(synced),
            "column": column,
        },
    )
    env.close()
    synced.close()


def _mapping(name: str, d: Any, names: list[Any], put: Callable[[], object]) -> Store:
    """A store that is like a dict."""

    def get() -> None:
        for key in names:
            d[key]

    def contains() -> None:
        for key in names:
            key in d  # noqa: B015

    def items() -> None:
        for _ in d.items():
            pass

    return Store(name, {"d[k]": get, "k in d": contains, "items()": items, "update()": put})


@contextlib.contextmanager
def of_sqlitedict(place: Path, count: int) -> Iterator[Store]:
    """sqlitedict, which pickles; in one transaction."""
    import sqlitedict

    names = [name.decode() for name in keys(count)]
    with sqlitedict.SqliteDict(str(place / "sqlitedict.db"), journal_mode="OFF") as d:

        def put() -> None:
            d.update(dict.fromkeys(names, VALUE))
            d.commit()

        put()
        yield _mapping("sqlitedict", d, names, put)


@contextlib.contextmanager
def of_diskcache(place: Path, count: int) -> Iterator[Store]:
    """diskcache's Index; in one transaction."""
    import diskcache

    names = keys(count)
    index = diskcache.Index(str(place / "diskcache"))

    def put() -> None:
        with index.transact():
            index.update((name, VALUE) for name in names)

    put()
    yield _mapping("diskcache", index, names, put)
    index.cache.close()


@contextlib.contextmanager
def of_shelve(place: Path, count: int) -> Iterator[Store]:
    """The standard library's shelve, which pickles."""
    names = [name.decode() for name in keys(count)]
    with shelve.open(str(place / "shelve")) as d:

        def put() -> None:
            d.update(dict.fromkeys(names, VALUE))
            d.sync()

        put()
        yield _mapping("shelve", d, names, put)


@contextlib.contextmanager
def of_rocksdict(place: Path, count: int) -> Iterator[Store]:
    """rocksdict, with bytes as they are."""
    import rocksdict

    names = keys(count)
    d = rocksdict.Rdict(str(place / "rocksdict"), rocksdict.Options(raw_mode=True))

    def put() -> None:
        batch = rocksdict.WriteBatch(raw_mode=True)
        for name in names:
            batch.put(name, VALUE)
        d.write(batch)

    put()
    yield _mapping("rocksdict", d, names, put)
    d.close()


OTHERS = {
    "sqlitedict": of_sqlitedict,
    "diskcache": of_diskcache,
    "shelve": of_shelve,
    "rocksdict": of_rocksdict,
}


def timed(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """One round of a call, as often as makes 20 milliseconds: the time of one."""
    gc.collect()
    begun = clock()
    call()
    first = clock() - begun
    times = int(0.02 / first) if first > 0 else 0
    if not times:
        return first
    begun = clock()
    for _ in range(times):
        call()
    return (clock() - begun) / times


def measure(
    stores: list[Store], what: str, rounds: int, best: dict[tuple[str, str], float]
) -> None:
    """Rounds of one call of every store, in turns; keeps the best of each."""
    for _ in range(rounds):
        for store in stores:
            if what in store.calls:
                # sqlitedict, for one, leaves its work to another thread.
                processor = time.process_time if store.name in OTHERS else time.thread_time
                clock = time.perf_counter if "synced" in what else processor
                at = (store.name, what)
                best[at] = min(best.get(at, float("inf")), timed(store.calls[what], clock))


def ratio(best: dict[tuple[str, str], float], what: str, other: str = "lmdb") -> float:
    """Our time by another's."""
    return best["persistent_collections", what] / best[other, what]


def table(stores: list[Store], best: dict[tuple[str, str], float], count: int) -> None:
    """Nanoseconds an item, and ratios."""
    for what in stores[0].calls:
        mine = best["persistent_collections", what]
        print(f"{what:18} {mine / count * 1e9:8.0f} ns an item")
        for store in stores[1:]:
            if what in store.calls:
                theirs = best[store.name, what]
                print(
                    f"    by {store.name:11} {mine / theirs:8.3f}   ({theirs / count * 1e9:.0f} ns)"
                )


def check(stores: list[Store], best: dict[tuple[str, str], float], rounds: int) -> bool:
    """Whether all bounds hold. A disturbed round is no finding: more rounds are run then."""
    holds = True
    for what, bound in BOUNDS.items():
        for _ in range(10):
            if ratio(best, what) <= bound:
                break
            measure(stores, what, rounds, best)
        found = ratio(best, what)
        verdict = "holds" if found <= bound else "IS BROKEN"
        print(f"{what:10} {found:.3f} times lmdb's time; at most {bound:g}: {verdict}")
        holds = holds and found <= bound
    return holds


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="fail where a bound is broken")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each call")
    parser.add_argument("--keys", type=int, default=KEYS, help="keys in each store")
    arguments = parser.parse_args()
    print(f"accelerator: {acceleration.status()}")
    best: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        place = Path(directory)
        stores = [stack.enter_context(store(place, arguments.keys)) for store in (ours, of_lmdb)]
        for name, other in () if arguments.check else OTHERS.items():
            try:
                stores.append(stack.enter_context(other(place, arguments.keys)))
            except ImportError:
                print(f"{name}: not installed", file=sys.stderr)
        for what in BOUNDS if arguments.check else stores[0].calls:
            measure(stores[:2], what, arguments.rounds, best)
            # Their times are far from ours, and some take long.
            measure(stores[2:], what, 2, best)
        if arguments.check:
            return 0 if check(stores, best, arguments.rounds) else 1
        table(stores, best, arguments.keys)
    return 0


if __name__ == "__main__":
    sys.exit(main())
