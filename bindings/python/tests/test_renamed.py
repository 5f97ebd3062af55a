"""Deprecated names: each still works, and the warning names the line that uses it."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import CorruptedError, Environment, PersistentDict

#: An old name, the new one, and the result of each.
RENAMED: dict[str, tuple[str, Callable[[Environment], Any], Callable[[Environment], Any]]] = {
    "last_transaction": (
        "last_commit",
        lambda env: env.info().last_transaction,
        lambda env: env.info().last_commit,
    ),
    "oldest_reader_transaction": (
        "oldest_reader_commit",
        lambda env: env.info().oldest_reader_transaction,
        lambda env: env.info().oldest_reader_commit,
    ),
    "transaction": (
        "commit",
        lambda env: next(it.transaction for it in env.readers() if it.commit is not None),
        lambda env: next(it.commit for it in env.readers() if it.commit is not None),
    ),
    "verify_on_open": (
        "check_on_open",
        lambda env: Environment(env.path, verify_on_open=True)._options,
        lambda env: Environment(env.path, check_on_open=True)._options,
    ),
}


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_returns_the_same_and_warns(env: Environment, old: str) -> None:
    new, by_old, by_new = RENAMED[old]
    PersistentDict[str, int](env, "d")["a"] = 1
    with env.snapshot():
        env.collections()
        expected = by_new(env)
        with pytest.warns(DeprecationWarning, match=f"^{old} is deprecated: use {new}$") as caught:
            assert by_old(env) == expected
    assert [warning.filename for warning in caught] == [__file__]


def test_update_many_stores_and_warns(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    with pytest.warns(
        DeprecationWarning, match="update_many is deprecated: use put_many"
    ) as caught:
        d.update_many(["a", "b"], [1, 2])
    assert [warning.filename for warning in caught] == [__file__]
    assert d == {"a": 1, "b": 2}


@pytest.mark.parametrize("options", [{"verify_on_open": True}, {"check_on_open": True}])
def test_both_names_check_when_opening(tmp_path: Path, options: dict[str, bool]) -> None:
    with Environment(tmp_path / "e", durability="none") as env:
        PersistentDict[int, str](env, "d").update((i, "x" * 100) for i in range(1000))
    file = tmp_path / "e" / "data.mdb"
    data = bytearray(file.read_bytes())
    for at in range(2 * 4096, len(data), 4096):
        data[at + 10] ^= 0xFF
    file.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(CorruptedError):
            Environment(tmp_path / "e", **options)  # type: ignore[arg-type]


def test_a_pickle_does_not_use_the_old_name(tmp_path: Path) -> None:
    with pytest.warns(DeprecationWarning):
        env = Environment(tmp_path / "e", verify_on_open=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pickle.loads(pickle.dumps(env))
    assert again._options["check_on_open"] is True
    again.close()
    env.close()
