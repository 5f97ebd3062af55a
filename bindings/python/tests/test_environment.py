from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import pytest

from persistent_collections import (
    BadHandleError,
    CollectionInfo,
    Environment,
    Error,
    InTransactionError,
    NoEnvironmentError,
    NotADatabaseError,
    OptionsDifferError,
    PathExistsError,
    PersistentDict,
    PersistentSet,
    ReadOnlyError,
)


def test_catalog(env: Environment) -> None:
    assert env.collections() == []
    d = PersistentDict[str, int](env, "tab\tand\\n and\nline\r")
    d.update(a=1, b=2)
    PersistentSet(env, "s", element="(str,i64)")
    assert env.collections() == [
        CollectionInfo("s", "set", "(str,i64)", "unit", 0),
        CollectionInfo("tab\tand\\n and\nline\r", "dict", "str", "i64", 2),
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
    assert after.last_commit > before.last_commit
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


def test_a_closed_environment_raises(tmp_path: Path) -> None:
    env = Environment(tmp_path / "e")
    d = PersistentDict[str, int](env, "d")
    s = PersistentSet[int](env, "s")
    env.close()
    for call in (
        env.info,
        env.readers,
        env.collections,
        env.__enter__,
        env.transaction().__enter__,
        env.snapshot().__enter__,
        lambda: env.run(len, d),
        lambda: env.copy(tmp_path / "copy"),
        lambda: next(iter(d)),
        lambda: PersistentDict(env, "another"),
    ):
        with pytest.raises(BadHandleError, match="environment '.*' was closed"):
            call()
    for use in (lambda: d["a"], lambda: 1 in s, lambda: s.add(1)):
        with pytest.raises(
            BadHandleError, match=r"^Persistent(Dict|Set).*the environment '.*' was closed"
        ):
            use()
    with pytest.raises(BadHandleError, match="was closed"), env:
        pytest.fail("the block of a closed environment was entered")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        env.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_times_are_numbers(tmp_path: Path, env: Environment) -> None:
    for wrong in ("1", [1], b"1"):
        with pytest.raises(TypeError, match="a number of seconds is needed, not"):
            env.transaction(timeout=wrong)  # type: ignore[arg-type]
    for option in ("write_timeout", "flush_interval"):
        with pytest.raises(TypeError, match="a number of seconds is needed, not str"):
            Environment(tmp_path / "e", **{option: "1"})
    with env.transaction(timeout=Fraction(1, 2)):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("option", ["map_size", "mode", "max_collections", "max_readers"])
def test_options_are_counts(tmp_path: Path, option: str) -> None:
    for wrong in (-1, 1 << 64):
        with pytest.raises(ValueError, match=f"{option} is from 0 to"):
            Environment(tmp_path / "e", **{option: wrong})
    with pytest.raises(TypeError, match=f"{option}: an int is needed, not float"):
        Environment(tmp_path / "e", **{option: 1.0})
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("compact", [False, True])
def test_copy(env: Environment, tmp_path: Path, compact: bool) -> None:
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    path = tmp_path / "copy"
    env.copy(path, compact)
    d["a"] = 2
    with Environment(path, create=False) as copied:
        assert PersistentDict[str, int](copied, "d") == {"a": 1}
    with pytest.raises(PathExistsError, match="copy' exists") as caught:
        env.copy(path, compact=compact)
    assert isinstance(caught.value, FileExistsError) and caught.value.errno == errno.EEXIST
    with Environment(path, create=False) as copied:
        assert PersistentDict[str, int](copied, "d") == {"a": 1}
    with pytest.raises(NoEnvironmentError):
        env.copy(tmp_path / "none" / "copy")
    with pytest.raises(InTransactionError), env.transaction():
        env.copy(tmp_path / "inside")
    with pytest.raises(ValueError, match="NUL"):
        env.copy("a\0b")


def test_readers(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    with env.snapshot():
        len(d)
        done = threading.Thread(target=d.update, kwargs={"a": 1})
        done.start()
        done.join()
        (mine,) = (reader for reader in env.readers() if reader.commit is not None)
        assert mine.process == os.getpid() and mine.behind == 1
        info = env.info()
        assert mine.commit == info.oldest_reader_commit == info.last_commit - 1
    assert all(reader.commit is None for reader in env.readers())


def test_the_reader_slots_of_a_killed_process_are_freed(env: Environment) -> None:
    assert env.reap_readers() == 0
    code = (
        "import os, signal, sys\n"
        "from persistent_collections import Environment\n"
        "env = Environment(sys.argv[1])\n"
        "with env.snapshot():\n"
        "    env.collections()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(env.path)], check=False)
    assert done.returncode == -signal.SIGKILL
    dead = [reader for reader in env.readers() if reader.process != os.getpid()]
    assert len(dead) == 1 and env.reap_readers() == 1
    assert all(reader.process == os.getpid() for reader in env.readers())


def test_info_reports_formats_and_held_pages(env: Environment) -> None:
    d = PersistentDict[int, str](env, "d")
    d.update(dict.fromkeys(range(1000), "x" * 500))
    info = env.info()
    assert info.data_format > 0 and info.lock_format > 0
    with env.snapshot():
        len(d)
        done = threading.Thread(target=d.clear)
        done.start()
        done.join()
        assert env.info().pages_held > info.pages_held


def test_an_empty_path_is_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="path is empty"):
        Environment("")
    assert list(tmp_path.iterdir()) == []
