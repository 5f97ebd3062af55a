"""Acts as another LMDB program, by PyPI's `lmdb`, which is independent of this project.

Two LMDBs must not have the same environment open in one process, so the tests call
these functions in a separate process, by `elsewhere`.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

Pairs = list[tuple[bytes, bytes]]


def elsewhere(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Calls a function in a new process, and returns its result."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments, **named).result(timeout=120)


def write(path: Path, name: bytes | None, pairs: Iterable[tuple[bytes, bytes]], **flags: bool) -> None:
    """Puts records into a database, made with LMDB's flags if it is new; None is the unnamed one."""
    import lmdb

    with lmdb.open(str(path), max_dbs=8) as env:
        database = None if name is None else env.open_db(name, **flags)
        with env.begin(db=database, write=True) as txn:
            for key, value in pairs:
                assert txn.put(key, value)


def read(path: Path, name: bytes | None) -> Pairs:
    """Returns all records of a database, in its order."""
    import lmdb

    with lmdb.open(str(path), max_dbs=8, readonly=True) as env:
        database = None if name is None else env.open_db(name, create=False)
        with env.begin(db=database) as txn:
            return [(bytes(key), bytes(value)) for key, value in txn.cursor()]


def read_all(path: Path) -> dict[bytes, Pairs]:
    """Returns the records of every named database."""
    import lmdb

    with lmdb.open(str(path), max_dbs=256, readonly=True) as env, env.begin() as txn:
        names = [bytes(name) for name, _ in txn.cursor()]
        found = {}
        for name in names:
            database = env.open_db(name, txn, create=False)
            found[name] = [(bytes(key), bytes(value)) for key, value in txn.cursor(database)]
        return found


def names(path: Path) -> list[bytes]:
    """Returns the keys of the unnamed database: plain records, and the names of the named databases."""
    return [key for key, _ in read(path, None)]


def get(path: Path, name: bytes, keys: list[bytes]) -> list[bytes | None]:
    """Looks up records by their keys."""
    import lmdb

    with lmdb.open(str(path), max_dbs=8, readonly=True) as env:
        database = env.open_db(name, create=False)
        with env.begin(db=database) as txn:
            return [txn.get(key) for key in keys]
