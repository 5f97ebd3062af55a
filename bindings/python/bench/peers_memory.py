"""RocksDB, by rocksdict, with data that is larger than the memory: a part of `benches/peers`.

    python bench/peers_memory.py PLACE KEYS

`make bench-larger-than-memory` starts it in a group of processes whose memory is limited, and
continues it by a line on its standard input. It does what `child` in `benches/peers/memory.rs` does
with the other stores, and prints a line of JSON for each figure. A transaction of the others is a
batch here, and a check of the files is not offered.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rocksdict

VALUE = 1_000
BATCH = 10_000
START = 1 << 13


def tell(what: str, seconds: float, **more: float) -> None:
    """Report one figure."""
    print(json.dumps({"what": what, "figure": seconds * 1e9, "unit": "ns", **more}), flush=True)


def each(what: str, times: int, one: Callable[[], object]) -> None:
    """Report the mean, the median and the 99th percentile of some operations."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        one()
        taken.append(time.perf_counter() - begun)
    taken.sort()
    half, most = taken[times // 2] * 1e9, taken[times * 99 // 100] * 1e9
    tell(what, sum(taken) / times, p50=half, p99=most)


def forget(place: Path) -> None:
    """Have the system drop its pages of files that are closed."""
    for path in place.iterdir():
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def opened(place: Path, *, durable: bool = False) -> rocksdict.Rdict:
    """The store, with half of the cache of the others: Python and the batches take memory too."""
    options = rocksdict.Options(raw_mode=True)
    table = rocksdict.BlockBasedOptions()
    table.set_block_cache(rocksdict.Cache(int(os.environ["PC_BENCH_CACHE"]) // 2))
    options.set_block_based_table_factory(table)
    # What is not yet in files takes memory too: two buffers, which by default have 64 MiB each.
    options.set_write_buffer_size(int(os.environ["PC_BENCH_CACHE"]) // 8)
    # Values that no compressor makes shorter.
    options.set_compression_type(rocksdict.DBCompressionType.none())
    store = rocksdict.Rdict(str(place), options)
    writes = rocksdict.WriteOptions()
    writes.sync = durable
    store.set_write_options(writes)
    return store


def main() -> None:
    """The program."""
    place, keys = Path(sys.argv[1]), int(sys.argv[2])
    blob = random.Random(11).randbytes(VALUE + START)
    numbers = random.Random(7)
    sys.stdin.readline()

    def value(key: int) -> bytes:
        return blob[key % START : key % START + VALUE]

    def any_key() -> bytes:
        return numbers.randrange(keys).to_bytes(8, "big")

    begun = time.perf_counter()
    store = opened(place)
    for first in range(0, keys, BATCH):
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key in range(first, min(keys, first + BATCH)):
            batch.put(key.to_bytes(8, "big"), value(key))
        store.write(batch)
    store.flush()
    store.close()
    tell("bulk load, sorted, synced at the end, a record", (time.perf_counter() - begun) / keys)

    forget(place)
    begun = time.perf_counter()
    store = opened(place)
    store[bytes(8)]
    tell("open and a first get, cold", time.perf_counter() - begun)
    each("get, random keys, cold", 500, lambda: store[any_key()])
    hot = [any_key() for _ in range(100)]
    for key in hot:
        store[key]
    each("get, a hundred keys again and again, warm", 2_000, lambda: store[numbers.choice(hot)])
    each("get, random keys, when the memory is full", 2_000, lambda: store[any_key()])
    asked = [any_key() for _ in range(1_000)]
    begun = time.perf_counter()
    store.get(asked)
    tell("get_many, 1,000 random keys, a key", (time.perf_counter() - begun) / 1_000)
    store.close()
    forget(place)
    store = opened(place)

    def read_range() -> None:
        start = numbers.randrange(keys - 100)
        items = store.items(from_key=start.to_bytes(8, "big"))
        for _ in zip(range(100), items):
            pass

    each("range of 100 records, cold", 200, read_range)
    store.close()
    begun = time.perf_counter()
    store = opened(place)
    tell("open, warm", time.perf_counter() - begun)

    def put() -> None:
        store[any_key()] = value(numbers.randrange(START))

    each("put, random keys", 500, put)
    begun = time.perf_counter()
    store.compact_range(None, None)
    tell("compact", time.perf_counter() - begun)
    store.close()
    store = opened(place, durable=True)
    each("put, durable, random keys", 100, put)
    store.close()


if __name__ == "__main__":
    main()
