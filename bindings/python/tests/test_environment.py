from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from persistent_collections import (
    BadHandleError,
    CollectionInfo,
    Environment,
    Error,
    NoEnvironmentError,
    NotADatabaseError,
    OptionsDifferError,
    PersistentDict,
    PersistentSet,
    ReadOnlyError,
)


def test_catalog(env: Environment) -> None:
    assert env.collections() == []
    d = PersistentDict[str, int](env, "tab\tand\\n and\nline")
    d.update(a=1, b=2)
    PersistentSet(env, "s", element="(str,i64)")
    assert env.collections() == [
        CollectionInfo("s", "set", "(str,i64)", "unit", 0),
        CollectionInfo("tab\tand\\n and\nline", "dict", "str", "i64", 2),
    ]
    assert env.schema("s") == CollectionInfo("s", "set", "(str,i64)", "unit", None)
    env.drop("s")
    for call in (env.drop, env.schema):
        with pytest.raises(KeyError, match="'s'"):
            call("s")
    with pytest.raises(TypeError):
        env.drop(3)  # type: ignore[arg-type]


def test_info(env: Environment) -> None:
    before = env.info()
    PersistentDict[str, int](env, "d")["a"] = 1
    after = env.info()
    assert after.last_transaction > before.last_transaction
    assert after.collections == 1 and after.durability == "full"
    assert after.page_size >= 4096 and after.map_size >= after.file_size > 0
    assert after.max_collections == 1024


def test_closing(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    d = PersistentDict[str, int](env, "d")
    assert not env.closed and "closed" not in repr(env)
    env.close()
    env.close()
    assert env.closed and "closed" in repr(env)
    for call in (lambda: d["a"], lambda: d.update(a=1), env.info, env.flush, lambda: len(d)):
        with pytest.raises(BadHandleError):
            call()


def test_flush_and_durability(tmp_path: Path) -> None:
    for durability in ("full", "no_meta_sync", "none"):
        path = tmp_path / durability
        with Environment(path, durability=durability, flush_interval=60) as env:
            PersistentDict[str, int](env, "d")["a"] = 1
            env.flush()
            assert env.info().durability == durability
    with pytest.raises(ValueError, match="durability"):
        Environment(tmp_path, durability="some")


def test_bad_paths(tmp_path: Path) -> None:
    with pytest.raises(NoEnvironmentError) as caught:
        Environment(tmp_path / "none" / "deeper")
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(NoEnvironmentError):
        Environment(tmp_path / "none", create=False)
    (tmp_path / "text").write_text("no database, only a text" * 1000)
    with pytest.raises(NotADatabaseError) as other:
        Environment(tmp_path / "text", no_subdir=True)
    assert isinstance(other.value, OSError) and isinstance(other.value, Error)
    assert (tmp_path / "text").read_text() == "no database, only a text" * 1000
    with pytest.raises(ValueError, match="NUL"):
        Environment("a\0b")
    with pytest.raises(TypeError):
        Environment(3)  # type: ignore[arg-type]


def test_no_subdir(tmp_path: Path) -> None:
    path = tmp_path / "ü 1.db"
    with Environment(path, no_subdir=True) as env:
        PersistentDict[str, int](env, "d")["a"] = 1
    assert path.is_file()
    with pytest.raises(ValueError, match="UTF-8"):
        Environment(tmp_path / os.fsdecode(b"\xff"))


def test_read_only(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "d")["a"] = 1
    for options in ({"read_only": True}, {"read_only": True, "immutable": True}):
        with Environment(tmp_path / "e", create=False, **options) as env:
            d = PersistentDict[str, int](env, "d", create=False)
            assert d == {"a": 1}
            with pytest.raises(ReadOnlyError) as caught:
                d["b"] = 2
            assert isinstance(caught.value, PermissionError)


def test_opened_twice(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as one, Environment(tmp_path / "." / "e") as two:
        PersistentDict[str, int](one, "d")["a"] = 1
        assert PersistentDict[str, int](two, "d") == {"a": 1}
        with pytest.raises(OptionsDifferError):
            Environment(tmp_path / "e", durability="none")


def test_pickle(env: Environment) -> None:
    PersistentDict[str, int](env, "d")["a"] = 1
    with pickle.loads(pickle.dumps(env)) as again:
        assert PersistentDict[str, int](again, "d") == {"a": 1}
