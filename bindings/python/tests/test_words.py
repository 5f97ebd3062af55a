"""The messages of the package, and its results in protocols of Python's own types."""

from __future__ import annotations

import asyncio
import collections
import copy
import datetime
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import (
    Environment,
    Error,
    InTransactionError,
    KeySizeError,
    PersistentDict,
    PersistentSet,
    UnstorableError,
    UnstorableNumberError,
    acceleration,
)
from persistent_collections.command.program import main

#: Keys or values that a type refuses, and the built-in exception that they are as well.
REFUSED: list[tuple[str, Any, type[Exception]]] = [
    ("str", 5, TypeError),
    ("str", "\ud800", ValueError),
    ("bytes", "x", TypeError),
    ("i64", "x", TypeError),
    ("i64", 2**63, OverflowError),
    ("i64", 1.5, TypeError),
    ("u8", -1, OverflowError),
    ("f64", "x", TypeError),
    ("f64", 10**400, OverflowError),
    ("bool", 1, TypeError),
    ("uuid", "x", TypeError),
    ("date", "x", TypeError),
    ("date", datetime.datetime(2000, 1, 1), TypeError),
    ("datetime", datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc), ValueError),
    ("datetime", 5, TypeError),
    ("opaque[4]", b"x", ValueError),
    ("(str,i64)", ("x",), ValueError),
    ("(str,i64)", ("x", "y"), TypeError),
    ("(str,u8)", ("x", 256), OverflowError),
    ("(str,i64)", "x", TypeError),
    ("any", object(), TypeError),
    ("any", 1j, TypeError),
]
OF_KEYS = [
    *REFUSED,
    ("f32", 1e300, ValueError),
    ("any", 1 << 2100, OverflowError),
    ("str", "x" * 2000, ValueError),
]
OF_VALUES = [
    *(each for each in REFUSED if each[0][0] != "(" and each[1] != 1j),
    ("f32", 1e300, OverflowError),
    ("f64[2]", "x", TypeError),
    ("f64[2]", [1, 2, 3], ValueError),
    ("any", [1, object()], TypeError),
]


def refused(call: Callable[[], object], kind: type[Exception], *words: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert isinstance(caught.value, Error)
    for word in words:
        assert word in str(caught.value), str(caught.value)


@pytest.mark.parametrize(("type_", "key", "kind"), OF_KEYS)
def test_a_refused_key(env: Environment, type_: str, key: Any, kind: type[Exception]) -> None:
    """Some failures were not an `Error`, and did not name the collection and the key."""
    d: PersistentDict[Any, Any] = PersistentDict(env, "ages", key=type_, value=int)
    s: PersistentSet[Any] = PersistentSet(env, "names", element=type_)
    shown = "object" if type(key) is object else repr(key)[:20]
    calls: list[Callable[[], object]] = [
        lambda: d.__setitem__(key, 1),
        lambda: d.put_new(key, 1),
        lambda: d.setdefault(key, 1),
        lambda: d.increment(key),
        lambda: d.compare_exchange(key, 1, 2),
        lambda: d.update({key: 1}),
        lambda: d.put_many([key], [1]),
    ]
    for call in calls:
        refused(call, kind, "dict 'ages', key", shown)
    for call in (lambda: s.add(key), lambda: s.update([key])):
        refused(call, kind, "set 'names', element", shown)
    assert len(d) == len(s) == 0 and key not in d and key not in s


@pytest.mark.parametrize(("type_", "value", "kind"), OF_VALUES)
def test_a_refused_value(env: Environment, type_: str, value: Any, kind: type[Exception]) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "ages", key=str, value=type_)
    calls: list[Callable[[], object]] = [
        lambda: d.__setitem__("Ada", value),
        lambda: d.put_new("Ada", value),
        lambda: d.setdefault("Ada", value),
        lambda: d.compare_exchange("Ada", value, value),
        lambda: d.update(Ada=value),
        lambda: d.put_many(["Ada"], [value]),
    ]
    for call in calls:
        refused(call, kind, "dict 'ages', key 'Ada'", "value")
    assert len(d) == 0


def test_an_edited_value_and_a_codecs(env: Environment) -> None:
    class Codec:
        def encode(self, value: Any) -> Any:
            return value

        def decode(self, data: bytes) -> Any:
            return data

    d: PersistentDict[Any, Any] = PersistentDict(env, "ages", key=str)
    d["Ada"] = [1]

    def edit() -> None:
        with d.edit("Ada") as value:
            value.append(object())

    refused(edit, TypeError, "dict 'ages', key 'Ada': value[1]")
    of_bytes: PersistentDict[Any, Any] = PersistentDict(env, "coded", key=str, codec=Codec())
    refused(lambda: of_bytes.__setitem__("Ada", 5), TypeError, "dict 'coded', key 'Ada', value")
    assert d["Ada"] == [1] and issubclass(UnstorableNumberError, UnstorableError)


def test_a_key_that_only_the_library_refuses(env: Environment) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "ages", key=bytes, value=bytes)
    with pytest.raises(KeySizeError, match=r"dict 'ages', key b'xx.*: item 1, key"):
        d.update([(b"a", b""), (b"x" * 3000, b"")])
    with pytest.raises(KeySizeError, match="dict 'ages', key b'xx"):
        d[b"x" * 3000] = b""


# As for Python's own dict.


def test_the_right_side_of_or_answers(env: Environment) -> None:
    """`d | ChainMap(…)` returned a plain dict, while a dict returns a ChainMap."""
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    plain = dict(d)
    rights: list[Any] = [
        collections.ChainMap({"a": 2}, {"b": 3}),
        collections.UserDict(b=3),
        collections.OrderedDict(b=3),
        collections.Counter(b=3),
        {"b": 3},
    ]
    for right in rights:
        expected = plain | right
        found: Any = d | right
        assert type(found) is type(expected) and found == expected
    assert type(d | PersistentDict[str, int](env, "other")) is dict


def test_a_subclasss_own_copy(env: Environment) -> None:
    """A subclass whose `copy` calls `copy.copy` recursed without end."""

    class Ages(PersistentDict[str, int]):
        def copy(self) -> Any:
            return copy.copy(self), copy.deepcopy(self)

    class Names(PersistentSet[str]):
        def copy(self) -> Any:
            return copy.copy(self), copy.deepcopy(self)

    ages, names = Ages(env, "ages"), Names(env, "names")
    ages["Ada"] = 36
    names.add("Ada")
    assert ages.copy() == ({"Ada": 36},) * 2 and names.copy() == ({"Ada"},) * 2
    assert repr(ages) == "Ages('ages', key='str', value='i64')"
    assert repr(names) == "Names('names', element='str')"


def test_popitem_from_either_end(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    d.update(a=1, b=2, c=3)
    assert d.popitem(last=False) == ("a", 1) and d.popitem() == ("c", 3)
    assert d.popitem(last=False) == ("b", 2)
    with pytest.raises(KeyError, match="is empty"):
        d.popitem(last=False)


def test_dasks_token_follows_the_content(tmp_path: Path) -> None:
    """Dask did not notice that the content of a dict had changed, and returned old results."""
    seen: list[Any] = []
    with Environment(tmp_path / "e") as env:
        d = PersistentDict[str, int](env, "d")
        s = PersistentSet[str](env, "s")
        things: list[Any] = [d, s, d.range("a", None), d.range("b", None), s.range("a", None)]
        things += [d.keys(), d.values(), d.items(), d.range("a", None).items()]

        def tokens() -> list[Any]:
            found = [thing.__dask_tokenize__() for thing in things]
            assert len(set(found)) == len(found) and not set(found) & set(seen)
            assert found == [thing.__dask_tokenize__() for thing in things]
            seen.extend(found)
            return found

        before = tokens()
        d["a"] = 1
        tokens()
        with pytest.raises(ZeroDivisionError), env.transaction():
            d["a"] = 2
            tokens()
            d["a"] = 3
            tokens()
            raise ZeroDivisionError
        del d["a"]
        after = tokens()
        assert before != after


def test_a_transaction_that_a_cell_of_a_notebook_left_open(env: Environment) -> None:
    """The error in the next cell, another task of the same loop, named asyncio tasks that await."""
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    names: dict[str, Any] = {}

    async def first() -> None:
        names["transaction"] = env.transaction()
        names["transaction"].__enter__()
        d["a"] = 2

    async def second() -> None:
        for write in (lambda: d.update(b=1), env.transaction().__enter__):
            with pytest.raises(InTransactionError, match=r"left open.*commit\(\) or abort\(\)"):
                write()
        assert d == {"a": 1}

    async def third() -> None:
        names["transaction"].abort()
        d["b"] = 3

    async def cells() -> None:
        for cell in (first, second, third):
            await asyncio.ensure_future(cell())

    asyncio.run(cells())
    assert d == {"a": 1, "b": 3}


def test_the_accelerators_types_name_their_module() -> None:
    """Their module was `builtins`."""
    if acceleration._module is None:
        assert acceleration.HotDict.__module__ == "persistent_collections.acceleration"
        return
    names = ["HotDict", "HotSet", "HotBlock", "HotEnvironment", "Walk", "Column", "Writes", "Exit"]
    for name in names:
        assert getattr(acceleration._module, name).__module__ == acceleration._module.__name__


@pytest.mark.parametrize(
    "text",
    [
        '{"$collection": {"name": "new", "kind": "dict", "key": "str", "value": "i64"}}\n'
        '{"key": "a", "value": "b"}\n',
        '{"$collection": {"name": "new", "kind": "set", "key": "u8"}}\n{"element": 256}\n',
        '{"$collection": {"name": "new", "kind": "set", "key": "u8"}}\nnot JSON\n',
    ],
)
def test_an_import_that_fails_leaves_no_new_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A collection created for an import stayed, empty, if the first line was refused."""
    (tmp_path / "f.jsonl").write_text(text)
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "empty")
    assert main(["import", str(tmp_path / "e"), str(tmp_path / "f.jsonl")]) == 2
    assert "line 2" in capsys.readouterr().err
    with Environment(tmp_path / "e") as env:
        assert [it.name for it in env.collections()] == ["empty"]
    # A collection that existed before stays, empty or not.
    (tmp_path / "g.jsonl").write_text('{"key": "a", "value": "b"}\n')
    arguments = ["import", str(tmp_path / "e"), str(tmp_path / "g.jsonl"), "--into", "empty"]
    assert main(arguments) == 2
    with Environment(tmp_path / "e") as env:
        assert [it.name for it in env.collections()] == ["empty"]


_INTERPRETERS = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
from persistent_collections import Environment, PersistentDict, acceleration
code = '''
from persistent_collections import Environment, PersistentDict, acceleration
with Environment({path!r}, durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    with env.transaction():
        d["n"] = d.get("n", 0) + 1
    with env.snapshot():
        assert list(d) == ["n"]
    assert acceleration.status().startswith("off"), acceleration.status()
'''.format(path=sys.argv[1])
with Environment(sys.argv[1], durability="none") as env:
    d = PersistentDict(env, "d", key=str, value=int)
    before = acceleration.status()
    for _ in range(3):
        try:
            other = interpreters.create("legacy")
        except TypeError:
            other = interpreters.create()
        problem = interpreters.run_string(other, code)
        assert problem is None, problem
        interpreters.destroy(other)
        # The main interpreter continues, and waits for the lock as before.
        with env.transaction(timeout=1):
            d["n"] = d["n"] + 1
    assert d["n"] == 6 and acceleration.status() == before
print("done")
"""


def test_in_subinterpreters(tmp_path: Path) -> None:
    """The second interpreter of a process failed, because the accelerator was already connected.

    It serves only the first one; the others work without it, and do not affect the first's waits.
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _INTERPRETERS, str(tmp_path / "e")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ,
    )
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
