"""Many keys and values in one call, given as lists and as NumPy arrays."""

from __future__ import annotations

import datetime
import gc
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persistent_collections import (
    Environment,
    Error,
    KeySizeError,
    PersistentDict,
    PersistentSet,
    UnstorableError,
    _raw,
    arrays,
)


@pytest.fixture
def env(tmp_path: Path) -> Iterator[Environment]:
    with Environment(tmp_path / "env", durability="none") as environment:
        yield environment


_INTEGERS = np.array([5, -3, 127, 0, -128, 4, 1, 2])
_TEXTS = np.array(["b", "a\0c", "é€😀", "ä" * 40, "Z", "0", "~", "a"])

#: The type of keys, the type of values, keys, values.
_COLUMNS: list[tuple[str, str, Any, Any]] = [
    *(
        (key, value, _INTEGERS.astype(given), _INTEGERS.astype(given)[::-1])
        for key, value in [("i8", "i8"), ("i16", "i32"), ("i64", "i64"), ("any", "any")]
        for given in ["i1", "<i2", ">i4", "<i8", ">i8"]
    ),
    ("u8", "u16", np.arange(256, dtype="u1"), np.arange(256, dtype="u2") * 256 + 255),
    ("u64", "u64", np.arange(2**64 - 3, 2**64 - 1, dtype="u8"), np.array([2**63, 7], "u8")),
    ("u32", "f64", np.arange(5, dtype="u4"), np.array([0.5, -0.0, np.nan, np.inf, 1e300])),
    ("i64", "f64", np.arange(4), np.array([2**53, -(2**53), 0, 1])),
    ("i64", "f64", np.arange(3), np.array([0.1, 1.5, np.nan], "f4")),
    ("i64", "f64", np.arange(3), np.array([0.1, 1.5, -2], "f2")),
    ("i64", "f32", np.arange(4), np.array([0.1, np.inf, np.nan, 3e38])),
    ("i64", "any", np.arange(3), np.array([0.1, 1.5, -2], "f4")),
    ("i64", "any", np.arange(3), np.array([0.1, np.nan, -2])),
    ("i64", "any", np.arange(2), np.array([True, False])),
    ("i64", "bool", np.arange(3), np.array([True, False, True])),
    ("f64", "i64", np.array([0.5, -1.5, 2]), np.arange(3)),
    ("f32", "i64", np.array([0.5, -1.5, 2], "f4"), np.arange(3)),
    ("str", "str", _TEXTS, _TEXTS[::-1]),
    ("str", "str", _TEXTS.astype(">U50"), _TEXTS.astype(object)),
    ("any", "any", _TEXTS, _TEXTS[::-1]),
    ("bytes", "bytes", np.array([b"a", b"b\0c", b"\xff" * 9]), np.array([b"", b"x", b"\0y"])),
    ("any", "any", np.array([b"a", b"b\0c"]), np.array([b"", b"x"])),
    (
        "any",
        "any",
        np.array([1, "a", (2, b"c"), None], object),
        np.array([[1], {}, "x", 2], object),
    ),
    ("uuid", "i8", np.array([uuid.UUID(int=2), uuid.UUID(int=1)], object), np.array([1, 2])),
    ("date", "datetime", np.array([], "i8"), np.array([], "f8")),
    ("i64", "i64", np.array([], "i8"), np.array([], "i8")),
]


def stored(one: Any, two: Any) -> bool:
    """Whether both have the same keys and values, of the same types."""
    return [(repr(key), repr(value)) for key, value in one.items()] == [
        (repr(key), repr(value)) for key, value in two.items()
    ]


def spread(given: Any) -> Any:
    """The same items, with other bytes between them, at odd addresses."""
    room = np.zeros(len(given), [("gap", "u1"), ("item", given.dtype)])
    room["item"] = given
    return room["item"]


@pytest.mark.parametrize(("key", "value", "keys", "values"), _COLUMNS)
def test_arrays_are_as_their_items(
    env: Environment, key: str, value: str, keys: Any, values: Any
) -> None:
    """Columns of NumPy arrays took as long as 50 items of a list each.

    Now the accelerator reads the arrays' memory. What is stored and found must not depend on it.
    """
    single, many = (
        PersistentDict(env, "single", key=key, value=value),
        PersistentDict(env, "many", key=key, value=value),
    )
    for one, two in zip(keys, values):
        single[one] = two
    forms: list[Any] = [lambda given: given, list, lambda given: given.tolist(), spread, iter]
    expected = [single[one] for one in keys]
    for form in forms:
        many.clear()
        many.put_many(form(keys), form(values))
        assert stored(many, single)
        assert repr(many.get_many(form(keys))) == repr(expected)
        assert many.remove_many(form(keys)) == len(single) and not len(many)
        assert repr(many.get_many(form(keys), None)) == repr([None] * len(keys))
    if len(keys):
        with pytest.raises(KeyError) as absent:
            many.get_many(keys)
        assert absent.value.args == (keys[0],) and type(absent.value.args[0]) is type(keys[0])
    elements = PersistentSet(env, "elements", element=key)
    for form in forms:
        elements.update(form(keys))
        assert list(elements) == list(single)
        assert elements.contains_many(form(keys)) == [True] * len(keys)
        elements.difference_update(form(keys))
        assert not elements and elements.contains_many(form(keys)) == [False] * len(keys)


def failure(call: Any, *arguments: Any) -> tuple[type, str]:
    with pytest.raises(Error) as raised:
        call(*arguments)
    return raised.type, str(raised.value)


_FIVE = np.arange(5)


@pytest.mark.parametrize(
    ("key", "value", "keys", "values"),
    [
        ("i8", "i64", np.array([1, 2, 128, 3]), np.arange(4)),
        ("u16", "i64", np.array([1, 2, 65536, -1]), np.arange(4)),
        ("i64", "i64", np.array([1, 2**63], "u8"), np.arange(2)),
        ("i64", "i64", np.array([1.0, 2.0]), np.arange(2)),
        ("i64", "i64", np.array([True, False]), np.arange(2)),
        ("i64", "i64", np.array(["1", "2"]), np.arange(2)),
        ("i64", "i64", np.array(["2024-01-01"], "M8[D]"), np.arange(1)),
        ("i64", "i64", np.array([3], "m8[s]"), np.arange(1)),
        ("i64", "i64", np.arange(6).reshape(2, 3), np.arange(2)),
        ("f64", "i64", np.array([1.0, np.nan]), np.arange(2)),
        ("f32", "i64", np.array([1.0, 0.1]), np.arange(2)),
        ("str", "i64", np.array(["a", "\ud800"]), np.arange(2)),
        ("str", "i64", np.array(["a", "b" * 2000]), np.arange(2)),
        ("str", "i64", np.array([b"a"]), np.arange(1)),
        ("bytes", "i64", np.array([b"a", b""]), np.arange(2)),
        ("bytes", "i64", np.array(["a"]), np.arange(1)),
        ("i64", "i8", _FIVE, np.array([1, 2, 3, 4, 200])),
        ("i64", "i8", _FIVE, np.array([True] * 5)),
        ("i64", "bool", _FIVE, _FIVE),
        ("i64", "f64", _FIVE, np.array([1, 2, 2**53 + 1, 4, 5])),
        ("i64", "f32", _FIVE, np.array([1, 2, 1e300, 4, 5])),
        ("i64", "str", _FIVE, _FIVE),
        ("i64", "str", _FIVE, np.array(["a", "b", "\udfff", "", "c"])),
        ("i64", "i64", _FIVE, np.arange(4)),
        ("i8", "i64", np.array([1, 128]), np.arange(1)),
        ("i64", "any", np.arange(1), np.array([1], "m8[s]")),
    ],
)
def test_arrays_are_refused_as_their_items(
    env: Environment, key: str, value: str, keys: Any, values: Any
) -> None:
    """An array with a number that does not fit must name it, as the list of its items does."""
    d = PersistentDict(env, "d", key=key, value=value)
    found = failure(d.put_many, keys, values)
    assert found == failure(d.put_many, list(keys), list(values)) and not len(d)
    if len(keys) == len(values):
        single = failure(lambda: [d.__setitem__(*pair) for pair in zip(keys, values)])
        d.clear()
        assert found[0] == single[0]
    # No key is there, whether the dict can hold it or not.
    with pytest.raises(KeyError):
        d.get_many(keys)
    assert d.remove_many(keys) == 0


def test_keys_that_no_collection_holds_are_absent(env: Environment) -> None:
    """They are looked up among many others as they are one by one."""
    d = PersistentDict[str, int](env, "d")
    s = PersistentSet[str](env, "s")
    d.update(a=1, b=2)
    s.update(["a", "b"])
    for odd in ("", "x" * 1978, "x" * 1979, "\ud800", "\0", 5, b"a", None, 1.5, ("a",)):
        asked = ["b", odd, "a"]
        assert d.get_many(asked, None) == [2, None, 1]
        assert d.get_many(asked, default=[]) == [2, [], 1]
        with pytest.raises(KeyError) as absent:
            d.get_many(asked)
        assert absent.value.args == (odd,)
        assert s.contains_many(asked) == [True, False, True]
        assert d.remove_many([odd]) == 0
        assert len(d) == 2
        s.difference_update([odd])
        assert len(s) == 2
    assert d.get_many(np.array(["b", "x" * 1979, "a"]), 0) == [2, 0, 1]
    assert d.remove_many(np.array(["b", "x" * 1979, "c"])) == 1 and dict(d) == {"a": 1}
    with pytest.raises(KeySizeError, match="item 1, key"):
        d.put_many(np.array(["c", "x" * 1979]), np.array([1, 2]))
    numbers = PersistentDict[int, int](env, "numbers")
    numbers[2] = 4
    assert numbers.get_many([2.0, 2.5, True, np.int8(2)], None) == [4, None, None, 4]
    assert numbers.get_many(np.array([2.0, 2.5]), None) == [4, None]
    assert numbers.remove_many(np.array([2.5, 2.0])) == 1


def test_values_that_cannot_be_read_are_named(env: Environment) -> None:
    """The message says which of many values it is, and what is right is still returned."""
    d = PersistentDict(env, "d", key=int, value="date")
    with env.transaction():
        d.put_many([1, 2], [datetime.date(2024, 1, 1)] * 2)
    data = (1 << 30).to_bytes(4, "little")
    key = d._keys.encode(2)
    assert _raw.load().pc_dict_put(d._handle, key, len(key), data, len(data)) == 0
    with pytest.raises(Error, match="key 2: item 1, value: day"):
        d.get_many([1, 2])


def test_arrays_of_subclasses_are_not_looked_into(env: Environment) -> None:
    """A masked array's memory has numbers where it has none."""
    d = PersistentDict[int, int](env, "d")
    masked = np.ma.array([1, 2, 3], mask=[False, True, False])
    with pytest.raises(UnstorableError, match="item 1, value"):
        d.put_many([1, 2, 3], masked)
    assert not len(d)
    with pytest.raises(Error, match="iterable"):
        d.get_many(np.array(7), 0)


def test_many_in_a_transaction_and_beside_others(tmp_path: Path) -> None:
    """Columns are part of the thread's transaction, as single writes are."""
    with Environment(tmp_path / "e") as env:
        d = PersistentDict[int, str](env, "d")
        with pytest.raises(ZeroDivisionError), env.transaction():
            d.put_many(np.arange(1000), np.arange(1000).astype(str))
            assert d.get_many(np.array([999, 0])) == ["999", "0"]
            raise ZeroDivisionError
        assert not len(d)
        with env.snapshot():
            assert d.get_many(np.arange(3), "") == [""] * 3
        d.close()
        with pytest.raises(Error, match="was closed"):
            d.get_many(np.arange(3), "")


@pytest.mark.parametrize("with_numpy", [True, False])
def test_arrays_are_looked_up_in_one(
    env: Environment, monkeypatch: pytest.MonkeyPatch, with_numpy: bool
) -> None:
    """`get_many` of arrays copied each of them four times.

    Now one array is made of the memory that the library fills. It is the caller's own, and without
    NumPy a view that cannot be written to.
    """
    if not with_numpy:
        monkeypatch.setattr(arrays, "numpy", lambda: None)
    d = PersistentDict(env, "d", key=str, value="f32[3]")
    rows = np.arange(12, dtype="f4").reshape(4, 3)
    d.put_many(np.array(list("abcd")), rows if with_numpy else rows.tolist())
    for keys in (["c", "a"], np.array(["c", "a"]), iter("ca")):
        found = d.get_many(keys)
        assert found.tolist() == [[6, 7, 8], [0, 1, 2]] and found.shape == (2, 3)
        if with_numpy:
            assert found.dtype == np.float32 and found.flags.writeable
            found[0] = 9
        else:
            assert isinstance(found, memoryview) and found.readonly
    assert d["c"].tolist() == [6, 7, 8]
    assert len(d.get_many([])) == 0
    for odd in ("?", "x" * 1979, 5):
        with pytest.raises(KeyError) as absent:
            d.get_many(["a", odd])
        assert absent.value.args == (odd,)
    if with_numpy:
        assert d.get_many(["b", "x" * 1979, "?", "a"], -1).tolist() == [
            [3, 4, 5],
            [-1, -1, -1],
            [-1, -1, -1],
            [0, 1, 2],
        ]


@pytest.mark.parametrize("type_", ["f32[3]", "f32[]"])
def test_single_arrays_are_the_callers_own_outside_of_snapshots(
    env: Environment, type_: str
) -> None:
    """`d[k]` of arrays took three times as long as other values, by calls of `ctypes`.

    The accelerator has it now, outside of transactions. Inside of a snapshot values are lent.
    """
    d = PersistentDict(env, "d", key=int, value=type_)
    d[1] = np.arange(3, dtype="f4")
    for found in (d[1], d.get(1), list(d.values())[0], dict(d)[1]):
        assert found.tolist() == [0, 1, 2] and found.dtype == np.float32
        assert found.flags.writeable
        found[0] = 7
    assert d[1].tolist() == [0, 1, 2] and d.get(2) is None
    with pytest.raises(KeyError):
        d[2]
    with env.snapshot():
        assert not d[1].flags.writeable and d[1].tolist() == [0, 1, 2]
    with env.transaction():
        d[1] = [3, 4, 5]
        d.update({2: [1, 1, 1]})
        assert d[1].flags.writeable and d[1].tolist() == [3, 4, 5]
        with env.snapshot():
            assert d[2].tolist() == [1, 1, 1]
    assert d[1].flags.writeable and d.get_many([1, 2], None)[0].tolist() == [3, 4, 5]
    with pytest.raises(UnstorableError, match="key 3, value"):
        d[3] = ["a"]


def test_an_environment_that_refers_to_its_dict_is_collected(tmp_path: Path) -> None:
    """The accelerator's part of a dict holds the environment where the collector must see it."""
    env = Environment(tmp_path / "e", durability="none")
    env.arrays = PersistentDict(env, "d", key=int, value="f32[3]")  # type: ignore[attr-defined]
    gone = weakref.ref(env)
    del env
    gc.collect()
    assert gone() is None
