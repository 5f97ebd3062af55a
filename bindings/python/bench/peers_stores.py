"""The stores that `peers.py` compares: what each offers, in the way its documentation proposes."""

from __future__ import annotations

import shelve
import sqlite3
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

MAP_SIZE = 1 << 34


class Store(Protocol):
    """A mapping on disk. Keys are bytes, or str where the store has no others."""

    # How it does something that is not the same as in this package.
    note: str

    def put(self, key: Any, value: bytes) -> object:
        """Store one record, as a write of its own."""

    def load(self, pairs: Sequence[tuple[Any, bytes]]) -> object:
        """Store many records as one write."""

    def get(self, key: Any) -> object:
        """Read one value."""

    def get_many(self, keys: Sequence[Any]) -> object:
        """Read many values, as one read where the store can."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Read all records."""

    def close(self) -> None:
        """Close the files."""


class Ours:
    """This package."""

    note = ""

    def __init__(self, place: Path, *, durable: bool) -> None:
        from persistent_collections import Environment, PersistentDict

        self.env = Environment(place, durability="full" if durable else "none")
        self.d = PersistentDict(self.env, "data", key=bytes, value=bytes)
        self.get = self.d.__getitem__
        self.put = self.d.__setitem__
        self.load = self.d.update
        self.get_many = self.d.get_many
        self.items = self.d.items
        self.close = self.env.close


class Lmdb:
    """PyPI's lmdb: a transaction for each call."""

    note = ""

    def __init__(self, place: Path, *, durable: bool) -> None:
        import lmdb

        self.env = lmdb.open(str(place), map_size=MAP_SIZE, sync=durable)
        self.close = self.env.close

    def put(self, key: bytes, value: bytes) -> None:
        """One in a transaction."""
        with self.env.begin(write=True) as transaction:
            transaction.put(key, value)

    def load(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """By its `putmulti`."""
        with self.env.begin(write=True) as transaction:
            transaction.cursor().putmulti(pairs)

    def get(self, key: bytes) -> object:
        """One in a transaction."""
        with self.env.begin() as transaction:
            return transaction.get(key)

    def get_many(self, keys: Sequence[bytes]) -> object:
        """By its `getmulti`."""
        with self.env.begin() as transaction:
            return transaction.cursor().getmulti(keys)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """By a cursor."""
        with self.env.begin() as transaction:
            yield from transaction.cursor()


class Rocks:
    """RocksDB, by rocksdict."""

    note = "RocksDB; processor time of its threads counts"

    def __init__(self, place: Path, *, durable: bool) -> None:
        import rocksdict

        self.d = rocksdict.Rdict(str(place), rocksdict.Options(raw_mode=True))
        options = rocksdict.WriteOptions()
        options.sync = durable
        self.d.set_write_options(options)
        self.batch = lambda: rocksdict.WriteBatch(raw_mode=True)
        self.get = self.d.__getitem__
        self.put = self.d.__setitem__
        self.items = self.d.items
        self.close = self.d.close

    def load(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """By its batch."""
        batch = self.batch()
        for key, value in pairs:
            batch.put(key, value)
        self.d.write(batch)

    def get_many(self, keys: Sequence[bytes]) -> object:
        """A list of keys is its multi-get."""
        return self.d.get(list(keys))


class Sqlite:
    """The standard library's sqlite3: a table without row numbers, with a write-ahead log."""

    note = ""

    def __init__(self, place: Path, *, durable: bool) -> None:
        self.db = sqlite3.connect(f"{place}.db", isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS data (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
        )
        self.close = self.db.close

    def put(self, key: bytes, value: bytes) -> None:
        """One statement."""
        self.db.execute("INSERT OR REPLACE INTO data VALUES (?, ?)", (key, value))

    def load(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """By `executemany`, in one transaction."""
        self.db.execute("BEGIN")
        self.db.executemany("INSERT OR REPLACE INTO data VALUES (?, ?)", pairs)
        self.db.execute("COMMIT")

    def get(self, key: bytes) -> object:
        """One statement."""
        return self.db.execute("SELECT value FROM data WHERE key = ?", (key,)).fetchone()[0]

    def get_many(self, keys: Sequence[bytes]) -> object:
        """A statement for each, in one transaction."""
        self.db.execute("BEGIN")
        found = [self.get(key) for key in keys]
        self.db.execute("COMMIT")
        return found

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """One statement."""
        return self.db.execute("SELECT key, value FROM data ORDER BY key")


class Diskcache:
    """diskcache's Index."""

    note = "SQLite and, for large values, files"

    def __init__(self, place: Path, *, durable: bool) -> None:
        import diskcache

        cache = diskcache.Cache(str(place), eviction_policy="none")
        # Of SQLite: 2 is FULL, 0 is OFF.
        cache.reset("sqlite_synchronous", 2 if durable else 0)
        self.index = diskcache.Index.fromcache(cache)
        self.get = self.index.__getitem__
        self.put = self.index.__setitem__
        self.items = self.index.items
        self.close = cache.close

    def load(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """In one transaction."""
        with self.index.transact():
            self.index.update(pairs)

    def get_many(self, keys: Sequence[bytes]) -> object:
        """In one transaction."""
        with self.index.transact():
            return [self.index[key] for key in keys]


class Sqlitedict:
    """sqlitedict, which pickles values and writes in a thread of its own."""

    note = "pickles values"

    def __init__(self, place: Path, *, durable: bool) -> None:
        import sqlitedict

        journal = "DELETE" if durable else "OFF"
        self.d = sqlitedict.SqliteDict(f"{place}.sqlite", journal_mode=journal)
        if durable:
            self.d.conn.execute("PRAGMA synchronous = FULL")
        self.get = self.d.__getitem__
        self.items = self.d.items
        self.close = self.d.close

    def put(self, key: str, value: bytes) -> None:
        """One, committed."""
        self.d[key] = value
        self.d.commit()

    def load(self, pairs: Sequence[tuple[str, bytes]]) -> None:
        """All, committed once."""
        self.d.update(pairs)
        self.d.commit()

    def get_many(self, keys: Sequence[str]) -> object:
        """It has none: a loop."""
        return [self.d[key] for key in keys]


class Shelve:
    """The standard library's shelve, which pickles values; it has no durable writes."""

    note = "pickles values; writes are not atomic"

    def __init__(self, place: Path, *, durable: bool) -> None:
        if durable:
            raise NotImplementedError("shelve has no durable writes")
        self.d = shelve.open(f"{place}.shelve")  # noqa: SIM115 - `close` closes it
        self.get = self.d.__getitem__
        self.put = self.d.__setitem__
        self.items = self.d.items
        self.close = self.d.close

    def load(self, pairs: Sequence[tuple[str, bytes]]) -> None:
        """All, then `sync`."""
        self.d.update(pairs)
        self.d.sync()

    def get_many(self, keys: Sequence[str]) -> object:
        """It has none: a loop."""
        return [self.d[key] for key in keys]


def versions() -> dict[str, str]:
    """The version of every store."""
    packages = ("persistent-collections", "lmdb", "rocksdict", "diskcache", "sqlitedict")
    return {name: version(name) for name in packages} | {"sqlite": sqlite3.sqlite_version}


# The name that figures have: the class, whether keys are str, the most keys that it is given (the
# slow ones would take minutes), whether threads of its own work.
STORES: dict[str, tuple[Any, bool, int, bool]] = {
    "ours": (Ours, False, 10_000_000, False),
    "lmdb": (Lmdb, False, 10_000_000, False),
    "rocksdict": (Rocks, False, 10_000_000, True),
    "sqlite3": (Sqlite, False, 1_000_000, False),
    "diskcache": (Diskcache, False, 100_000, False),
    "sqlitedict": (Sqlitedict, True, 100_000, True),
    "shelve": (Shelve, True, 100_000, False),
}
