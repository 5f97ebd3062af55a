"""This package beside other stores of Python: getting, putting, loading, iterating.

    python bench/peers.py            # from 1,000 to 1,000,000 keys
    python bench/peers.py --quick    # 10,000 keys

The stores take turns in every row. Processor time counts, and the best round; for durable writes,
which wait for the disk, the time that passes and the median. Writes
`target/bench/python-peers.json`, whose form benches/README.md describes.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peers_stores

TARGET = Path(__file__).resolve().parents[3] / "target" / "bench"
VALUE = 100


class Side:
    """A store that is open, with the keys that it is asked for."""

    def __init__(self, name: str, place: Path, count: int, *, durable: bool) -> None:
        kind, text, self.most, self.threads = peers_stores.STORES[name]
        self.name = name
        self.store: peers_stores.Store = kind(place / f"{name}-{durable}-{count}", durable=durable)
        shuffle = random.Random(7)
        keys: list[Any] = [f"{number:012}" for number in range(count)]
        if not text:
            keys = [key.encode() for key in keys]
        self.pairs = [(key, shuffle.randbytes(VALUE)) for key in keys]
        self.asked = shuffle.choices(keys, k=min(count, 10_000))
        self.random = shuffle.sample(self.pairs, count)


def get(side: Side) -> int:
    """Each key by itself."""
    one = side.store.get
    for key in side.asked:
        one(key)
    return len(side.asked)


def get_many(side: Side) -> int:
    """All keys at once."""
    side.store.get_many(side.asked)
    return len(side.asked)


def iterate(side: Side) -> int:
    """All records."""
    for _ in side.store.items():
        pass
    return len(side.pairs)


def put(side: Side, times: int = 500) -> int:
    """Some records, each a write of its own."""
    one = side.store.put
    for key, value in side.random[:times]:
        one(key, value)
    return min(times, len(side.random))


def put_durable(side: Side) -> int:
    """Few records, since each waits for the disk."""
    return put(side, 25)


def load_sorted(side: Side) -> int:
    """All records again, in their order."""
    side.store.load(side.pairs)
    return len(side.pairs)


def load_random(side: Side) -> int:
    """All records again, shuffled."""
    side.store.load(side.random)
    return len(side.random)


# What is measured: whether it waits for the disk, and the call.
CALLS: dict[str, tuple[bool, Callable[[Side], int]]] = {
    "get, random keys": (False, get),
    "get_many, random keys": (False, get_many),
    "iterate, a record": (False, iterate),
    "put, random keys": (False, put),
    "bulk load, sorted": (False, load_sorted),
    "bulk load, random": (False, load_random),
    "put, durable, random keys": (True, put_durable),
}


def timed(call: Callable[[Side], int], side: Side, clock: Callable[[], float]) -> float:
    """The nanoseconds of one of the operations of a call."""
    gc.collect()
    gc.disable()
    begun = clock()
    count = call(side)
    taken = clock() - begun
    gc.enable()
    return taken / count * 1e9


def measure(sides: list[Side], what: str, rounds: int, count: int) -> list[dict[str, Any]]:
    """Rows of one call."""
    durable, call = CALLS[what]
    times: dict[str, list[float]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            processor = time.process_time if side.threads else time.thread_time
            times[side.name].append(timed(call, side, time.perf_counter if durable else processor))
    rows = []
    for side in sides:
        taken = times[side.name]
        figure = statistics.median(taken) if durable else min(taken)
        row = {
            "group": "python peers",
            "what": what,
            "who": side.name,
            "unit": "ns",
            "figure": round(figure, 1),
            "keys": count,
            "value": VALUE,
            "clock": "wall" if durable else "processor",
        }
        if "put" in what or "load" in what:
            row["durable"] = durable
        if side.store.note:
            row["note"] = side.store.note
        print(f"{what:30} {side.name:12} {figure:14.1f} ns, {count} keys")
        rows.append(row)
    return rows


def measured(place: Path, count: int, rounds: int, *, durable: bool) -> list[dict[str, Any]]:
    """Rows of all calls with so many keys."""
    sides = []
    for name, (kind, _, most, _) in peers_stores.STORES.items():
        if count > most:
            continue
        try:
            sides.append(Side(name, place, count, durable=durable))
        except NotImplementedError as refused:
            print(f"{name}: {refused}")
        except ImportError:
            print(f"{kind.__name__}: not installed", file=sys.stderr)
    for side in sides:
        side.store.load(side.pairs)
    rows = []
    for what, (waits, _) in CALLS.items():
        if waits == durable:
            rows += measure(sides, what, rounds, count)
    for side in sides:
        side.store.close()
    return rows


def machine() -> dict[str, Any]:
    """The machine on which this runs."""

    def line(path: str, name: str) -> str:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError:
            return ""
        found = (one.partition(":")[2].strip() for one in text.splitlines() if one.startswith(name))
        return next(found, "")

    return {
        "processor": line("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": line("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system().lower()} {platform.release()}",
    }


def main() -> None:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="10,000 keys alone")
    quick = parser.parse_args().quick
    began, load = int(time.time()), os.getloadavg()[0]
    rows = []
    TARGET.mkdir(parents=True, exist_ok=True)
    # Not below /tmp, which may be in memory.
    with tempfile.TemporaryDirectory(dir=TARGET) as directory:
        place = Path(directory)
        for count in (10_000,) if quick else (1_000, 10_000, 100_000, 1_000_000):
            rows += measured(place, count, 3, durable=False)
        rows += measured(place, 1_000, 3, durable=True)
    report = {
        "form": 1,
        "bench": "python-peers",
        "began": began,
        "full": not quick,
        "load": [load, os.getloadavg()[0]],
        "machine": machine(),
        "versions": peers_stores.versions() | {"python": platform.python_version()},
    }
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = f'{json.dumps(report)[:-1]},\n"rows": [\n{lines}\n]}}\n'
    out = TARGET / "python-peers.json"
    out.write_text(text, encoding="utf-8")
    print(out)


if __name__ == "__main__":
    main()
