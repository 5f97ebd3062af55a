from __future__ import annotations

import collections
import math
import pickle
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persistent_collections import (
    ABSENT,
    BadHandleError,
    Environment,
    Error,
    NoCollectionError,
    NumberOverflowError,
    PersistentDict,
    PersistentSet,
    TypeMismatchError,
    WrongKindError,
)


@pytest.fixture
def ages(env: Environment) -> PersistentDict[str, int]:
    return PersistentDict[str, int](env, "ages")


def test_behaves_as_a_dict(ages: PersistentDict[str, int]) -> None:
    assert ages == {} and len(ages) == 0 and not ages and list(ages) == []
    ages["b"] = 2
    ages["a"] = 1
    assert ages["a"] == 1 and ages.get("a") == 1 and "a" in ages
    assert ages.get("x") is None and ages.get("x", 5) == 5 and "x" not in ages
    with pytest.raises(KeyError, match="'x'"):
        ages["x"]
    assert list(ages) == ["a", "b"] and list(reversed(ages)) == ["b", "a"]
    assert list(ages.keys()) == ["a", "b"]
    assert list(ages.values()) == [1, 2]
    assert list(ages.items()) == [("a", 1), ("b", 2)]
    assert list(reversed(ages.items())) == [("b", 2), ("a", 1)]
    assert ages.keys() & {"a", "z"} == {"a"}
    assert ("a", 1) in ages.items() and 2 in ages.values()
    assert ages == {"b": 2, "a": 1} and ages != {"a": 1} and ages != 3
    assert ages | {"c": 3} == {"a": 1, "b": 2, "c": 3} == {"c": 3} | ages
    assert type(ages | {}) is dict
    del ages["a"]
    with pytest.raises(KeyError):
        del ages["a"]
    assert ages.copy() == {"b": 2}
    ages.clear()
    assert len(ages) == 0


def test_update_takes_all_that_dict_takes(ages: PersistentDict[str, int]) -> None:
    ages.update({"a": 1})
    ages.update([("b", 2), ("b", 3)])
    ages.update(c=4)
    ages.update(collections.ChainMap({"d": 5}), e=6)
    ages |= {"f": 7}
    ages.update(ages)
    ages.update()
    assert ages == {"a": 1, "b": 3, "c": 4, "d": 5, "e": 6, "f": 7}


def test_an_invalid_item_prevents_the_whole_batch(ages: PersistentDict[str, int]) -> None:
    with pytest.raises(TypeError):
        ages.update([("a", 1), ("b", "two")])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="1,?978|long"):
        ages.update([("a", 1), ("k" * 3000, 2)])
    assert ages == {}


def test_removal(ages: PersistentDict[str, int]) -> None:
    ages.update(a=1, b=2, c=3)
    assert ages.pop("a") == 1 and ages.pop("a", None) is None
    with pytest.raises(KeyError):
        ages.pop("a")
    assert ages.take("b") == 2
    with pytest.raises(KeyError):
        ages.take("b")
    assert ages.popitem() == ("c", 3)
    with pytest.raises(KeyError):
        ages.popitem()


def test_take_of_a_long_value(env: Environment) -> None:
    texts = PersistentDict(env, "texts", key=str, value=str)
    texts["long"] = "x" * 100_000
    assert texts.take("long") == "x" * 100_000
    assert "long" not in texts


def test_setdefault_and_put_new(ages: PersistentDict[str, int]) -> None:
    assert ages.setdefault("a", 1) == 1 and ages.setdefault("a", 2) == 1
    assert ages.put_new("b", 1) and not ages.put_new("b", 2)
    assert ages == {"a": 1, "b": 1}


def test_ends(ages: PersistentDict[str, int]) -> None:
    for end in (ages.first, ages.last):
        with pytest.raises(KeyError, match="empty"):
            end()
    ages.update(a=1, b=2)
    assert ages.first() == ("a", 1) and ages.last() == ("b", 2)


def test_compare_exchange(ages: PersistentDict[str, int]) -> None:
    assert not ages.compare_exchange("a", 1, 2)
    assert ages.compare_exchange("a", ABSENT, 1)
    assert not ages.compare_exchange("a", ABSENT, 2)
    assert not ages.compare_exchange("a", 5, 2)
    assert ages.compare_exchange("a", 1, 2) and ages["a"] == 2
    assert ages.compare_exchange("a", 2, ABSENT) and "a" not in ages


def test_increment(env: Environment, ages: PersistentDict[str, int]) -> None:
    assert [ages.increment("n"), ages.increment("n", 5), ages.increment("n", -7)] == [1, 6, -1]
    ages["big"] = 2**63 - 1
    with pytest.raises(NumberOverflowError) as caught:
        ages.increment("big")
    assert isinstance(caught.value, OverflowError)
    with pytest.raises(OverflowError):
        ages.increment("n", 2**63)
    with pytest.raises(TypeError):
        ages.increment(3)  # type: ignore[arg-type]
    anything = PersistentDict(env, "anything")
    assert anything.increment(("a", 1), 300) == 300 == anything["a", 1]


def test_edit(env: Environment) -> None:
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything["l"] = [1]
    anything["l"].append(2)
    assert anything["l"] == [1]
    with anything.edit("l") as value:
        value.append(2)
    assert anything["l"] == [1, 2]
    with pytest.raises(ZeroDivisionError), anything.edit("l") as value:
        value.append(3 // 0)
    assert anything["l"] == [1, 2]


@pytest.mark.parametrize("key", [1, None, b"a", [], 1.5, "\ud800", "x" * 5000])
def test_a_key_that_cannot_be_there_is_not_there(ages: PersistentDict[Any, Any], key: Any) -> None:
    ages["a"] = 1
    assert key not in ages and ages.get(key, "none") == "none" and ages.pop(key, None) is None
    assert ages.get_many([key, "a"], default=0) == [0, 1]
    assert ages.remove_many([key]) == 0
    with pytest.raises(KeyError):
        ages[key]
    with pytest.raises(KeyError):
        del ages[key]
    with pytest.raises((TypeError, ValueError)):
        ages[key] = 1
    assert ages == {"a": 1}


@pytest.mark.parametrize(
    ("value", "error"), [("1", TypeError), (2**63, OverflowError), (None, TypeError)]
)
def test_a_value_that_cannot_be_stored(
    ages: PersistentDict[Any, Any], value: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ages["a"] = value
    assert "a" not in ages


def test_get_many(ages: PersistentDict[str, int]) -> None:
    ages.update(a=1, b=2)
    assert ages.get_many(["b", "a", "b"]) == [2, 1, 2]
    assert ages.get_many([]) == []
    assert ages.get_many(iter("ab")) == [1, 2]
    with pytest.raises(KeyError, match="'x'"):
        ages.get_many(["a", "x"])
    assert ages.get_many(["x", "a"], default=None) == [None, 1]


def test_get_many_of_varying_width(env: Environment) -> None:
    texts = PersistentDict(env, "texts", key=int, value=str)
    texts.update({1: "one", 2: "", 3: "three"})
    assert texts.get_many([3, 2, 1]) == ["three", "", "one"]
    assert texts.get_many([3, 9, 2], default=None) == ["three", None, ""]
    assert texts.remove_many([1, 9, 3]) == 2
    assert list(texts) == [2]


def test_matrices(env: Environment) -> None:
    vectors = PersistentDict(env, "vectors", key=str, value="f32[3]")
    matrix = np.arange(6, dtype="f4").reshape(2, 3)
    vectors.put_many(["b", "a"], matrix)
    assert np.array_equal(vectors["a"], [3, 4, 5]) and vectors["a"].dtype == np.float32
    assert np.array_equal(vectors.get_many(["b", "a"]), matrix)
    assert np.array_equal(vectors.get_many(["a", "?"], default=0), [[3, 4, 5], [0, 0, 0]])
    assert np.array_equal(vectors.to_numpy(), matrix[::-1])
    with pytest.raises(ValueError, match="shape"):
        vectors.put_many(["a"], matrix)
    with pytest.raises(ValueError, match="shape"):
        vectors["a"] = [1, 2]
    with pytest.raises(KeyError):
        vectors.get_many(["?"])
    numbers = PersistentDict(env, "numbers", key=int, value="i16")
    numbers.put_many([2, 1], [20, 10])
    assert numbers.to_numpy().tolist() == [10, 20]
    with pytest.raises(TypeError, match="one array of numbers"):
        PersistentDict(env, "texts", key=str, value=str).to_numpy()


def test_opening(env: Environment) -> None:
    with pytest.raises(NoCollectionError) as caught:
        PersistentDict(env, "none", create=False)
    assert isinstance(caught.value, KeyError)
    first = PersistentDict(env, "d", key="u16", value="f32")
    assert (first.key_type, first.value_type, first.name, first.raw) == ("u16", "f32", "d", False)
    first[1] = 0.5
    as_stored: PersistentDict[Any, Any] = PersistentDict(env, "d")
    assert as_stored.key_type == "u16" and as_stored == {1: 0.5}
    host = PersistentDict[int, float](env, "d")
    assert host == {1: 0.5}
    with pytest.raises(OverflowError):
        host[70_000] = 1.0
    for types in ({"key": "i64"}, {"key": str}, {"value": "f64"}, {"key": int, "value": "f64"}):
        with pytest.raises(TypeMismatchError) as mismatch:
            PersistentDict(env, "d", **types)
        assert isinstance(mismatch.value, TypeError)
    with pytest.raises(WrongKindError):
        PersistentSet(env, "d")
    with pytest.raises(TypeError):
        PersistentDict(env, "e", key=complex)
    with pytest.raises(TypeError):
        PersistentDict("env", "e")  # type: ignore[arg-type]
    for name in ("pc:x", "x" * 300, "a\0b"):
        with pytest.raises(ValueError):
            PersistentDict(env, name)
    assert [info.name for info in env.collections()] == ["d"]


def test_any_opened_narrower(env: Environment) -> None:
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything.update({"a": 1, "b": "two", "c": 2**70, 5: 6})
    narrow = PersistentDict[str, int](env, "anything")
    assert narrow["a"] == 1 and narrow["c"] == 2**70 and narrow.key_type == "any"
    with pytest.raises(TypeError, match="not i64"):
        narrow["b"]
    with pytest.raises(TypeError):
        list(narrow)
    with pytest.raises(TypeError):
        narrow["x"] = "y"  # type: ignore[assignment]
    assert 5 not in narrow
    narrow["n"] = 3
    assert anything["n"] == 3


def test_another_kind_of_number_is_not_a_key_of_a_narrowed_dict(env: Environment) -> None:
    # In `any`, 1 and 1.0 are different keys: an iteration must not return one that look-ups miss.
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything[1] = "one"
    narrow: PersistentDict[float, str] = PersistentDict(env, "anything", key=float, value=str)
    assert 1.0 not in narrow
    with pytest.raises(TypeError, match="a stored key is not f64: 1"):
        list(narrow)


def test_an_object_that_is_not_a_pair_is_not_in_items(ages: PersistentDict[str, int]) -> None:
    ages["a"] = 1
    for view in (ages.items(), ages.range("a").items()):
        for item in (5, "a1", ["a", 1], ("a",), ("a", 1, 2), None):
            assert item not in view
        assert ("a", 1) in view and ("a", 1.0) in view and ("a", 2) not in view
        mixed: set[Any] = {5, ("a", 1)}
        assert view & mixed == {("a", 1)} and view ^ mixed == {5} and view - mixed == set()
        assert view.isdisjoint([5, "b"]) and not view >= {5}


def test_an_unreadable_value_is_not_removed(env: Environment) -> None:
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything", key=str)
    narrow = PersistentDict[str, int](env, "anything")
    anything["a"] = "text"
    for call in (lambda: narrow.pop("a"), lambda: narrow.take("a"), narrow.popitem):
        with pytest.raises(TypeError, match="not i64"):
            call()
    assert anything == {"a": "text"}
    # Nor is a value that a codec cannot read.
    objects: PersistentDict[str, Any] = PersistentDict(env, "objects", key=str, codec=Broken())
    objects["a"] = 1
    with pytest.raises(ValueError, match="broken"):
        objects.pop("a", None)
    assert "a" in objects


class Broken:
    def encode(self, value: Any) -> bytes:
        return b"bytes"

    def decode(self, data: bytes) -> Any:
        raise ValueError("broken")


def test_any_holds_everything(env: Environment) -> None:
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything[("a", (1, None)), 2.5] = {"set": {1, (2, 3)}, "inf": [math.inf, (None,)]}
    anything[None] = np.eye(2)
    key = (("a", (1, None)), 2.5)
    assert anything[key] == {"set": {1, (2, 3)}, "inf": [math.inf, (None,)]}
    assert np.array_equal(anything[None], np.eye(2))
    anything.update([(1, "int"), (1.0, "float"), (True, "bool")])
    assert [anything[1], anything[1.0], anything[True]] == ["int", "float", "bool"]


def test_ranges(env: Environment) -> None:
    squares = PersistentDict(env, "squares", key=int, value=int)
    squares.update({n: n * n for n in range(-5, 6)})
    part = squares.range(-1, 2)
    assert dict(part) == {-1: 1, 0: 0, 1: 1}
    assert list(squares.range(3)) == [3, 4, 5] and list(squares.range(None, -4)) == [-5]
    assert list(squares.range(3, reverse=True)) == [5, 4, 3]
    assert list(squares.range(1, 3, inclusive=(False, True))) == [2, 3]
    assert list(squares.irange(1, 3)) == [1, 2, 3]
    assert list(squares.irange(1, 3, (False, False), reverse=True)) == [2]
    assert len(part) == 3 and part and not squares.range(3, 3)
    assert 1 in part and 2 not in part and "x" not in part
    assert part[1] == 1 and part.first() == (-1, 1) and part.last() == (1, 1)
    assert list(part.values()) == [1, 0, 1] and list(reversed(part.items()))[0] == (1, 1)
    with pytest.raises(KeyError):
        part[2]
    with pytest.raises(KeyError):
        squares.range(9).first()
    with pytest.raises(TypeError):
        squares.range("a")  # type: ignore[arg-type]
    assert part.clear() == 3 and squares.remove_range(4) == 2
    assert list(squares) == [-5, -4, -3, -2, 2, 3]


def test_prefixes(env: Environment) -> None:
    names = PersistentDict(env, "names", key=str, value=int)
    names.update({"": 0, "a": 1, "ab": 2, "b": 3})
    assert list(names.prefix("a")) == ["a", "ab"] and len(names.prefix("")) == 4
    assert list(names.prefix("a", reverse=True).items()) == [("ab", 2), ("a", 1)]
    pairs = PersistentDict(env, "pairs", key="(str,i64)", value=int)
    pairs.update({("a", 1): 1, ("a", -1): 2, ("ab", 0): 3})
    assert list(pairs.prefix(("a",))) == [("a", -1), ("a", 1)]
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything.update({("a",): 1, ("a", 2): 2, ("b",): 3, "a": 4, "ab": 5})
    assert list(anything.prefix(("a",))) == [("a",), ("a", 2)]
    assert list(anything.prefix("a")) == ["a", "ab"]


def test_a_pickle_of_a_dict_opened_without_create_creates_nothing(
    env: Environment, ages: PersistentDict[str, int]
) -> None:
    pickled = pickle.dumps(PersistentDict(env, "ages", create=False))
    env.drop("ages")
    with pytest.raises(NoCollectionError):
        pickle.loads(pickled)
    assert env.collections() == []


def test_pickle(env: Environment, ages: PersistentDict[str, int]) -> None:
    ages["a"] = 1
    again = pickle.loads(pickle.dumps(ages))
    assert again == {"a": 1} and again.key_type == "str"
    again.environment.close()


def test_closed(env: Environment, ages: PersistentDict[str, int]) -> None:
    ages["a"] = 1
    ages.close()
    ages.close()
    with pytest.raises(BadHandleError) as caught:
        ages["a"]
    assert isinstance(caught.value, ValueError)


def test_reopened(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "ages")["a"] = 1
    with Environment(tmp_path / "e") as env:
        assert PersistentDict[str, int](env, "ages", create=False) == {"a": 1}


def test_unhashable(ages: PersistentDict[str, int]) -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(ages)


def test_repr(ages: PersistentDict[str, int]) -> None:
    assert repr(ages) == "PersistentDict('ages', key='str', value='i64')"
    assert "ages" in repr(ages.items()) and "range of" in repr(ages.range("a"))


def test_a_closed_dict_raises(ages: PersistentDict[str, int]) -> None:
    ages.close()
    for call in (
        lambda: ages["a"],
        lambda: ages.update(a=1),
        lambda: list(ages),
        lambda: len(ages),
        lambda: "a" in ages,
        lambda: ages.increment("a"),
    ):
        with pytest.raises(BadHandleError, match="PersistentDict.'ages'.* was closed"):
            call()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ages.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("pairs", "kind", "place"),
    [
        ([("a", 1), ("b", "two")], TypeError, "item 1, value: an int is needed, not str"),
        ([("a", 1), ("b", 2), (3, 3)], TypeError, "item 2, key: a str is needed, not int"),
        ([("a", 2**63)], OverflowError, "item 0, value: .* does not fit i64"),
        ([("a", 1), ("\ud800", 2)], ValueError, "item 1, key: .*surrogates"),
        ([("a", 1), 5], TypeError, "item 1 is not a pair"),
        ([("a", 1), ("b", 2, 3)], ValueError, "item 1 is not a pair"),
    ],
)
def test_update_names_the_invalid_item(
    ages: PersistentDict[str, int], pairs: Any, kind: type[Exception], place: str
) -> None:
    with pytest.raises(kind, match=place) as caught:
        ages.update(pairs)
    assert isinstance(caught.value, Error) and ages == {}


def test_put_many_names_the_invalid_item(env: Environment, ages: PersistentDict[str, int]) -> None:
    with pytest.raises(TypeError, match="item 1, key: a str is needed"):
        ages.put_many(["a", 2], [1, 2])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="item 1, value: an int is needed"):
        ages.put_many(["a", "b"], [1, "2"])
    rows = PersistentDict(env, "rows", key=str, value="f32[2]")
    with pytest.raises(ValueError, match="item 1, value: .*shape"):
        rows.put_many(["a", "b"], [[1, 2], [3]])
    for values in ([[1, 2], [3, 1e300]], np.array([[1, 2], [3, 1e300]])):
        with pytest.raises(OverflowError, match="item 1, value: 1e[+]300 does not fit f32"):
            rows.put_many(["a", "b"], values)
    assert ages == {} and len(rows) == 0


def test_increment_by_an_int_only(ages: PersistentDict[str, int]) -> None:
    with pytest.raises(TypeError, match="an int is needed, not float"):
        ages.increment("a", 1.5)  # type: ignore[arg-type]
    assert ages.increment("a", np.int32(4)) == 4


def test_a_tuple_of_types_as_key(env: Environment) -> None:
    pairs = PersistentDict(env, "pairs", key=(str, int), value=int)
    pairs["a", 1] = 2
    assert pairs.key_type == "(str,i64)" and ("a", 1.0) in pairs and pairs["a", True] == 2
    assert ("a", 1.5) not in pairs and ("a",) not in pairs


EQUALS = [1, 1.0, True, Decimal(1), Fraction(1), 1 + 0j, np.int8(1), np.float32(1), np.bool_(True)]
STRANGERS = [1.5, 2.0, math.nan, math.inf, Decimal("1.5"), 1j, "1", 1e300, Decimal("Infinity")]


@pytest.mark.parametrize("type_", ["i64", "u8", "f32", "f64", "bool", int, float])
@pytest.mark.parametrize("stored_as", ["itself", "any"])
def test_numbers_are_looked_up_as_in_a_dict(env: Environment, type_: Any, stored_as: str) -> None:
    if stored_as == "any":
        PersistentDict(env, "n", key="any", value=str)
    numbers: PersistentDict[Any, str] = PersistentDict(env, "n", key=type_, value=str)
    numbers[{"f32": 1.0, "f64": 1.0, float: 1.0, "bool": True}.get(type_, 1)] = "one"
    for key in EQUALS:
        assert key in {1: "one"} and key in numbers and numbers[key] == "one", key
        assert key in numbers.range() and numbers.get_many([key]) == ["one"]
    for key in STRANGERS:
        assert key not in {1: "one"} and key not in numbers and numbers.get(key) is None, key
    assert numbers.pop(1.0) == "one" and len(numbers) == 0


def test_stores_stay_strict(env: Environment) -> None:
    numbers: PersistentDict[Any, int] = PersistentDict(env, "n", key=int, value=int)
    for store in (
        lambda: numbers.update({2.0: 1}),
        lambda: numbers.update({2: 1.0}),
        lambda: numbers.setdefault(2.0, 1),
    ):
        with pytest.raises(TypeError, match="an int is needed, not float"):
            store()
    anything: PersistentDict[Any, str] = PersistentDict(env, "anything")
    anything[1] = "int"
    assert 1.0 not in anything and True not in anything


def test_values_outside_the_range_of_f32(env: Environment) -> None:
    singles = PersistentDict(env, "singles", key=str, value="f32")
    arrays = PersistentDict(env, "arrays", key=str, value="f32[1]")
    for number in (1e300, -1e300, 3.5e38):
        with pytest.raises(OverflowError, match="does not fit f32"):
            singles["a"] = number
        for value in (np.array([number]), [number]):
            with pytest.raises(OverflowError, match="does not fit f32"):
                arrays["a"] = value
    singles["inf"] = -math.inf
    arrays["inf"] = np.array([math.inf])
    arrays["nan"] = np.array([math.nan])
    assert singles == {"inf": -math.inf} and arrays["inf"][0] == math.inf
    assert math.isnan(arrays["nan"][0])


def test_values_outside_the_range_of_f32_without_numpy(
    env: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = PersistentDict(env, "arrays", key=str, value="f32[1]")
    monkeypatch.setattr("persistent_collections.arrays.numpy", lambda: None)
    with pytest.raises(OverflowError, match="1e[+]300 does not fit f32"):
        arrays["a"] = [1e300]
    arrays["a"] = [math.inf]
    assert arrays["a"].tolist() == [math.inf]


def test_remove_range_needs_a_bound(ages: PersistentDict[str, int]) -> None:
    ages["a"] = 1
    with pytest.raises(TypeError, match="clear"):
        ages.remove_range()
    assert ages == {"a": 1} and ages.range().clear() == 1


def test_iterating_inside_and_outside_a_transaction(
    env: Environment, ages: PersistentDict[str, int]
) -> None:
    ages["a"] = 1
    for key in ages:
        ages[key + "b"] = 1
    assert set(ages) == {"a", "ab"}
    with env.transaction():
        for key in ages:
            if len(key) < 5:
                ages[key + "b"] = 1
    assert set(ages) == {"a", "ab", "abb", "abbb", "abbbb"}


def test_lists_are_arrays_number_by_number(env: Environment) -> None:
    # NumPy converts [1, 2**63] to floats, and larger ints to objects.
    arrays = PersistentDict(env, "arrays", key=str, value="u64[2]")
    arrays["a"] = [1, 2**63 + 1]
    assert arrays["a"].tolist() == [1, 2**63 + 1]
    for value in ([1, 2**64], [2**63, -1]):
        with pytest.raises(OverflowError, match="does not fit u64"):
            arrays["a"] = value
    for wrong in ([1.0, 2], [1, None], [1, "2"]):
        with pytest.raises(TypeError, match="needed, not"):
            arrays["a"] = wrong
    doubles = PersistentDict(env, "doubles", key=str, value="f64[2]")
    doubles["a"] = [1, 2**70]
    assert doubles["a"].tolist() == [1, 2**70]


def test_masked_arrays_are_refused(env: Environment) -> None:
    # A masked element is not a number of the array.
    arrays = PersistentDict(env, "arrays", key=str, value="f32[2]")
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    with pytest.raises(TypeError, match="masked"):
        arrays["a"] = masked
    with pytest.raises(TypeError, match="masked"):
        arrays.put_many(["a"], masked.reshape(1, 2))
    arrays["a"] = masked.filled(0)
    assert arrays["a"].tolist() == [1, 0]


def test_empty_bytes_are_a_bound_and_not_a_key(env: Environment) -> None:
    d: PersistentDict[bytes, int] = PersistentDict(env, "d", key=bytes, value=int)
    d.update({b"a": 1, b"b": 2})
    assert dict(d.range(b"", b"b")) == {b"a": 1} and list(d.irange(b"")) == [b"a", b"b"]
    assert list(d.range(None, b"")) == [] and b"" not in d.range(b"")
    assert d.remove_range(b"", b"b") == 1 and list(d) == [b"b"]
    with pytest.raises(ValueError, match="empty"):
        d[b""] = 0


def test_integers_that_no_float_holds_are_refused_in_arrays_too(env: Environment) -> None:
    numbers = PersistentDict(env, "numbers", key=str, value=float)
    arrays = PersistentDict(env, "arrays", key=str, value="f64[1]")
    for refused in (lambda: numbers.update(a=2**53 + 1), lambda: arrays.update(a=[2**53 + 1])):
        with pytest.raises(ValueError, match="9007199254740993 has no exact float"):
            refused()
    with pytest.raises(ValueError, match="no exact float"):
        arrays.put_many(["a"], np.array([[2**53 + 1]]))
    arrays.put_many(["a", "b"], np.array([[2**53], [-(2**60)]]))
    assert arrays.to_numpy().tolist() == [[2**53], [-(2**60)]]


@pytest.mark.parametrize("with_numpy", [True, False])
def test_a_memoryview_is_a_matrix(
    env: Environment, with_numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = PersistentDict(env, "vectors", key=str, value="f32[3]")
    matrix = memoryview(np.arange(6, dtype="f4").reshape(2, 3))
    if not with_numpy:
        monkeypatch.setattr("persistent_collections.arrays.numpy", lambda: None)
    vectors.put_many(["a", "b"], matrix)
    found = vectors.get_many(["b", "a"])
    assert found.tolist() == [[3, 4, 5], [0, 1, 2]]
    if not with_numpy:
        # The returned value can be stored again.
        vectors.put_many(["a", "b"], found)
        assert vectors.get_many(["a", "b"]).tolist() == [[3, 4, 5], [0, 1, 2]]


def test_edit_finds_a_key_as_a_look_up_does(env: Environment) -> None:
    lists = PersistentDict(env, "lists", key=int)
    lists[2] = ["tea"]
    with lists.edit(2.0) as value:
        value.append("milk")
    assert dict(lists) == {2: ["tea", "milk"]}
    with pytest.raises(KeyError), lists.edit(2.5):
        pass


def test_a_dict_of_a_closed_environment_raises(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        ages = PersistentDict[str, int](env, "ages")
        ages["Ada"] = 36
    for use in (lambda: ages["Ada"], lambda: ages.update(Ada=1), lambda: list(ages)):
        with pytest.raises(BadHandleError, match=r"'ages'.*the environment .*was closed"):
            use()


def test_views_show_their_mapping_read_only(ages: PersistentDict[str, int]) -> None:
    ages["Ada"] = 36
    for view in (ages.keys(), ages.values(), ages.items()):
        seen = view.mapping
        assert dict(seen) == dict(ages) and seen["Ada"] == 36 and "Bob" not in seen
        with pytest.raises(TypeError):
            seen["Bob"] = 1  # type: ignore[index]
