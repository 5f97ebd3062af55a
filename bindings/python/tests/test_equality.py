"""Comparison and algebra of `any`, where 1, 1.0 and True are three keys.

They used Python's sets and dicts, in which the three are one: a set of 1 and True was equal to
{1, 2}, dicts that differed under 1 were equal, and `s - {1}` also removed True, which
`s.difference_update({1})` kept. Now all of them compare the stored keys, on either side.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from persistent_collections import (
    Environment,
    EqualKeysError,
    PersistentDict,
    PersistentSet,
)

KEYS: list[Any] = [0, 0.0, False, 1, 1.0, True, 2, 2.5, "a", b"a", None, (1,), (1.0,), (True,)]
KEYS += [(1, (True, 0)), (1, (1, 0)), ()]


def exact(key: Any) -> Any:
    """Returns a key such that those stored differently are not equal."""
    return tuple(map(exact, key)) if isinstance(key, tuple) else (type(key), key)


def exactly(keys: Any) -> set[Any]:
    return set(map(exact, keys))


def new_set(env: Environment, elements: Any = (), element: Any = "any") -> PersistentSet[Any]:
    name = f"set {len(env.collections())}"
    made: PersistentSet[Any] = PersistentSet(env, name, element=element)
    made.update(elements)
    return made


def new_dict(env: Environment, pairs: Any = (), key: Any = "any") -> PersistentDict[Any, Any]:
    name = f"dict {len(env.collections())}"
    made: PersistentDict[Any, Any] = PersistentDict(env, name, key=key)
    made.update(pairs)
    return made


def as_set(env: Environment, keys: list[Any]) -> Any:
    return new_set(env, keys)


def as_range(env: Environment, keys: list[Any]) -> Any:
    return new_set(env, keys).range()


def as_keys(env: Environment, keys: list[Any]) -> Any:
    return new_dict(env, [(key, 0) for key in keys]).keys()


def as_keys_of_range(env: Environment, keys: list[Any]) -> Any:
    return new_dict(env, [(key, 0) for key in keys]).range().keys()


KINDS = [as_set, as_range, as_keys, as_keys_of_range]
PLAIN = [set, frozenset]
OPERATORS: dict[str, Callable[[set[Any], set[Any]], Any]] = {
    name: getattr(operator, name)
    for name in ("and_", "or_", "sub", "xor", "eq", "ne", "le", "lt", "ge", "gt")
}


def outcome(work: Callable[..., Any], *arguments: Any) -> Any:
    """Returns the exact keys of a set, a bool, or a mark if a plain set cannot hold the result."""
    try:
        found = work(*arguments)
    except EqualKeysError:
        return EqualKeysError
    if isinstance(found, bool):
        return found
    assert type(found) is set
    return exactly(found)


def expected(result: Any) -> Any:
    """Returns the same for the result with sets of exact keys."""
    if isinstance(result, bool):
        return result
    plain = {plainly(key) for key in result}
    return result if len(plain) == len(result) else EqualKeysError


def plainly(key: Any) -> Any:
    """Reverses `exact`."""
    return key[1] if key and isinstance(key[0], type) else tuple(map(plainly, key))


keys = st.lists(st.sampled_from(KEYS), max_size=6, unique_by=exact)
#: The elements of a plain set, which holds only one of 1, 1.0 and True.
plain_keys = st.sets(st.sampled_from(KEYS), max_size=4)


@pytest.mark.parametrize("kind", KINDS)
def test_operators_compare_the_stored_keys(env: Environment, kind: Any) -> None:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    @given(keys, plain_keys, keys, st.sampled_from(KINDS), st.sampled_from(PLAIN))
    def check(mine: Any, plain: Any, theirs: Any, other: Any, builtin: Any) -> None:
        with env.transaction() as transaction:
            one, two = kind(env, mine), other(env, theirs)
            plain = builtin(plain)
            for name, operate in OPERATORS.items():
                wanted = operate(exactly(mine), exactly(plain))
                assert outcome(operate, one, plain) == expected(wanted), name
                wanted = operate(exactly(plain), exactly(mine))
                assert outcome(operate, plain, one) == expected(wanted), name
                wanted = operate(exactly(mine), exactly(theirs))
                assert outcome(operate, one, two) == expected(wanted), name
            assert one.isdisjoint(plain) == exactly(mine).isdisjoint(exactly(plain))
            assert one.isdisjoint(two) == exactly(mine).isdisjoint(exactly(theirs))
            assert operator.eq(one, one) and not operator.ne(one, one)
            transaction.abort()

    check()


def test_named_methods_and_operators_in_place(env: Environment) -> None:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(keys, st.lists(st.sampled_from(KEYS), max_size=5), keys, st.sampled_from(KINDS))
    def check(mine: Any, listed: Any, theirs: Any, kind: Any) -> None:
        with env.transaction() as transaction:
            two = kind(env, theirs)
            for others in ((listed,), (two,), (listed, two), (iter(listed),), ()):
                exact_others = [exactly(listed if other is not two else two) for other in others]
                for name in ("union", "intersection", "difference"):
                    given_others = [iter(listed) if other is not two else two for other in others]
                    s = new_set(env, mine)
                    wanted = getattr(exactly(mine), name)(*exact_others)
                    assert outcome(getattr(s, name), *given_others) == expected(wanted)
                    given_others = [iter(listed) if other is not two else two for other in others]
                    update = "update" if name == "union" else f"{name}_update"
                    getattr(s, update)(*given_others)
                    assert exactly(s) == wanted, update
            for other in (listed, two):
                s, right = new_set(env, mine), exactly(other)
                wanted = exactly(mine) ^ right
                assert outcome(s.symmetric_difference, other) == expected(wanted)
                s.symmetric_difference_update(other)
                assert exactly(s) == wanted
                for name in ("issubset", "issuperset", "isdisjoint"):
                    s = new_set(env, mine)
                    assert getattr(s, name)(other) == getattr(exactly(mine), name)(right), name
            for operate in (operator.ior, operator.iand, operator.isub, operator.ixor):
                s = new_set(env, mine)
                wanted = operate(exactly(mine), exactly(theirs))
                assert operate(s, two) is s and exactly(s) == wanted
            transaction.abort()

    check()


def test_a_set_of_1_and_true(env: Environment) -> None:
    s = new_set(env, [1, True])
    assert s != {1, 2} and s != {1} and s != {True} and s == new_set(env, [True, 1])
    assert not s <= {1, 2} and s >= {1} and s > {1} and s >= {True} and not s >= {1.0}
    assert [*map(exact, s - {1})] == [exact(True)] and [*map(exact, s & {True})] == [exact(True)]
    assert {1} - s == set() and {1.0} - s == {1.0} and not s.isdisjoint({1}) and s.isdisjoint({1.0})
    s.difference_update({1})
    assert [*map(exact, s)] == [exact(True)]
    s |= {1}
    s.intersection_update([1, True])
    assert len(s) == 2
    s.symmetric_difference_update([1, 1.0])
    assert exactly(s) == {exact(True), exact(1.0)}


def test_keys_that_are_equal_in_a_plain_set_or_dict(env: Environment) -> None:
    # A plain set or dict silently kept only one of 1 and True.
    s = new_set(env, [1, True, "a"])
    d = new_dict(env, [(1, "int"), (True, "bool")])
    for make in (
        s.copy,
        s.union,
        lambda: copy.copy(s),
        lambda: copy.deepcopy(s),
        lambda: s | {2},
        lambda: {2} | s,
        lambda: s ^ {2},
        lambda: s - {2},
        lambda: s & new_set(env, [1, True]),
        d.copy,
        lambda: copy.copy(d),
        lambda: copy.deepcopy(d),
        lambda: copy.deepcopy(d.range()),
        lambda: copy.deepcopy(s.range()),
        lambda: d | {2: 3},
        lambda: {2: 3} | d,
        lambda: new_dict(env, [(1, 2)]) | {True: 3},
        lambda: {1.0: 3} | new_dict(env, [(1, 2)]),
        lambda: d.keys() | {2},
    ):
        with pytest.raises(
            EqualKeysError, match=r"(1 and True|True and 1|1\.0? and (1|True)).*list"
        ):
            make()
    assert list(map(exact, s - {1})) and (s - {1}) == {"a", True} and d.keys() - {1} == {True}
    assert new_dict(env, [(1, 2)]) | {1: 3} == {1: 3} and {1: 3} | new_dict(env, [(1, 2)]) == {1: 2}
    assert new_dict(env, [(("a", 1), 2)]) | {"b": 3} == {("a", 1): 2, "b": 3}


def test_dicts_that_differ_under_1(env: Environment) -> None:
    d = new_dict(env, [(1, "a"), (True, "b")])
    for other in ({1: "a", 2: "b"}, {1: "a"}, {True: "b"}, {1: "b"}):
        assert d != other and other != d and d.range() != other and other != d.range()
        assert new_dict(env, other) != d and d != new_dict(env, other).range()
    for other in (new_dict(env, [(True, "b"), (1, "a")]), new_dict(env, d.items()).range()):
        assert d == other and other == d and d.items() == other.items()
        assert d.keys() == other.keys()
    one = new_dict(env, [(1, "a")])
    plain = {1: "a"}
    assert one == plain and plain == one and one.range() == plain
    for key in (1.0, True):
        other = {key: "a"}
        assert one != other and other != one and one.range() != other and other != one.range()
        assert one.keys() != other.keys() and one.items() != other.items()
        assert other.keys() != one.keys() and other.items() != one.items()
        assert not one.items() <= other.items() and one.items().isdisjoint(other.items())
        assert one.items() & other.items() == set() and one.items() - other.items() == {(1, "a")}
        assert other.items() != one.items() and set(other.items()) - one.items() == {(key, "a")}
        assert set(other.items()) & one.items() == set()
        with pytest.raises(EqualKeysError):
            one.items() | other.items()
        with pytest.raises(EqualKeysError):
            one.items() ^ other.items()


def test_items_are_compared_by_key_and_value(env: Environment) -> None:
    d = new_dict(env, {"a": 1, "b": [2], (1, 2): 3.0})
    items = d.items()
    assert items == d.copy().items() and d.copy().items() == items and items == d.range().items()
    assert items >= {("a", 1.0)} and items > {("a", True), ((1, 2), 3)} and not items >= {("a", 2)}
    assert items & {("a", 1), ("b", 1), 5} == {("a", 1)} == {("a", 1), ("b", 1)} & items
    assert {("a", 1), ("a", 2), 5} - items == {("a", 2), 5}
    assert items.isdisjoint([("a", 2), ("b", 1), 5]) and not items.isdisjoint([("b", [2])])
    assert new_dict(env, {"a": 1}).items() ^ {("a", 1), 5} == {5}
    assert new_dict(env, {"a": 1}).items() <= {("a", 1.0), ("b", 2)}
    with pytest.raises(TypeError, match="unhashable"):
        items | set()


def test_zeros_and_nan(env: Environment) -> None:
    s = new_set(env, [0, 0.0, False])
    assert (
        s == new_set(env, [False, -0.0, 0])
        and new_set(env, [0.0]) == {-0.0}
        and new_set(env, [0.0]) != {0}
    )
    assert new_set(env, [-0.0]) & {0.0} == {0.0} and new_set(env, [0.0]) - {0} == {0.0}
    nan = float("nan")
    assert new_set(env, [1.0]).union([nan]) != {1.0} and s != {nan} and s.isdisjoint([nan])
    assert not s >= {nan} and {nan} - s == {nan}
    # All stored NaN are the same value.
    d = new_dict(env, {"a": nan, "b": [nan]})
    assert (
        d == new_dict(env, {"b": [nan], "a": nan}) and d == d.copy() and d == {"a": nan, "b": [nan]}
    )
    assert nan in d.values() and ("a", nan) in d.items() and d != {"a": nan, "b": [0.0]}


def test_values_are_compared_as_python_does(env: Environment) -> None:
    d = new_dict(env, {"a": 1, "b": {"c": (1, 2.0)}, "d": {1, 2}})
    assert d == {"a": True, "b": {"c": (1.0, 2)}, "d": frozenset({1.0, 2})}
    assert d == new_dict(env, {"a": 1.0, "b": {"c": (1, 2)}, "d": {2, 1}})
    assert d != {"a": 2, "b": {"c": (1, 2)}, "d": {1, 2}}
    arrays = new_dict(env, {"a": np.arange(3), "b": [np.arange(2.0)]})
    assert arrays == {"a": np.arange(3.0), "b": [np.arange(2.0)]} and arrays == arrays.copy()
    assert arrays != {"a": np.arange(4), "b": [np.arange(2.0)]}
    assert arrays != {"a": np.array([0, 1, 3]), "b": [np.arange(2.0)]} and arrays != {
        "a": 1,
        "b": 2,
    }
    assert np.arange(3) in arrays.values() and np.arange(4) not in arrays.values()
    assert ("a", np.arange(3)) in arrays.items() and ("a", 1) not in arrays.items()


@pytest.mark.parametrize("narrow", [False, True])
def test_typed_collections_take_numbers_as_a_dict_does(env: Environment, narrow: bool) -> None:
    def opened(element: Any, elements: Any) -> PersistentSet[Any]:
        if not narrow:
            return new_set(env, elements, element)
        name = new_set(env, elements).name
        return PersistentSet(env, name, element=element)

    ints, floats = opened(int, [1, 2]), opened(float, [1.0, 2.0])
    assert ints == {1.0, 2} == ints and floats == {1, 2} == floats and ints == floats == ints
    assert ints - {1.0} == {2} and {True, 3} & ints == {1} and ints | {2.0} == {1, 2}
    assert ints <= {True, 2.0, 3} and ints ^ {1.0, 3} == {2, 3} and ints.union([1.0]) == ints
    # If one of the two is of `any`, 1 and True are different.
    truths = new_set(env, [True, 2])
    for one, two in ((ints, truths), (truths, ints)):
        assert one != two and not one <= two and not one >= two and not one.isdisjoint(two)
        assert one & two == {2} and one - two == {1}
        assert not one.issubset(two) and not one.issuperset(two)
    same = new_set(env, [1, 2])
    assert ints == same == ints and ints <= same and same >= ints and ints - same == set()
    assert (floats == same) is (same == floats) is False
    with pytest.raises(EqualKeysError):
        ints | truths
    with pytest.raises(EqualKeysError):
        truths ^ ints


def test_types_that_have_no_key_in_common(env: Environment) -> None:
    import datetime

    day = datetime.date(2024, 2, 29)
    days, texts = new_set(env, [day], "date"), new_set(env, ["a"], "str")
    anything = new_set(env, ["a", 1])
    for one, two in ((days, anything), (anything, days), (days, texts), (texts, days)):
        assert one != two and one.isdisjoint(two) and one & two == set() and not one <= two
        assert one | two == set(one) | set(two) == one ^ two and one - two == set(one)
    assert texts < anything and anything > texts and texts & anything == {"a"}
    dates = new_dict(env, {day: 1}, "date")
    assert dates != {"a": 1} and dates == {day: 1} and dates != new_dict(env, {"a": 1})
    assert np.datetime64("2024-02-29") not in days and days.isdisjoint(
        [np.datetime64("2024-02-29")]
    )


class Same:
    """Equals "a", but cannot be stored as a key."""

    def __eq__(self, other: object) -> bool:
        return other == "a"

    def __hash__(self) -> int:
        return hash("a")


@pytest.mark.parametrize("element", ["any", "str"])
def test_operators_and_look_ups_agree_on_strangers(env: Environment, element: str) -> None:
    # Python's sets called the stranger's `__eq__`; a look-up never does.
    s, same = new_set(env, ["a"], element), Same()
    assert same not in s and s != {same} and s - {same} == s == s.difference([same])
    assert s & {same} == set() and s.isdisjoint({same}) and not s <= {same} and not s >= {same}
    s.difference_update({same})
    s.intersection_update(["a", same])
    assert list(s) == ["a"] and len({same} - s) == 1
