from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from persistent_collections import (
    BadHandleError,
    Environment,
    InSnapshotError,
    NoCollectionError,
    PersistentSet,
    ReadOnlyError,
    TypeMismatchError,
)


@pytest.fixture
def numbers(env: Environment) -> PersistentSet[int]:
    return PersistentSet[int](env, "numbers")


def test_behaves_as_a_set(numbers: PersistentSet[int]) -> None:
    assert numbers == set() and not numbers and len(numbers) == 0
    numbers.add(3)
    numbers.add(-1)
    numbers.add(3)
    assert numbers == {3, -1} and len(numbers) == 2 and 3 in numbers and 4 not in numbers
    assert list(numbers) == [-1, 3] and list(reversed(numbers)) == [3, -1]
    assert numbers.first() == -1 and numbers.last() == 3
    numbers.discard(7)
    numbers.remove(3)
    with pytest.raises(KeyError, match="3"):
        numbers.remove(3)
    assert numbers.pop() == -1
    for call in (numbers.pop, numbers.first, numbers.last):
        with pytest.raises(KeyError, match="empty"):
            call()
    numbers.update([1, 2], (3,))
    assert numbers.copy() == {1, 2, 3} and type(numbers.copy()) is set
    numbers.clear()
    assert not numbers


def test_operators_return_plain_sets(numbers: PersistentSet[int]) -> None:
    numbers.update([1, 2, 3])
    other = {3, 4}
    for result, expected in (
        (numbers | other, {1, 2, 3, 4}),
        (other | numbers, {1, 2, 3, 4}),
        (numbers & other, {3}),
        (other & numbers, {3}),
        (numbers - other, {1, 2}),
        (other - numbers, {4}),
        (numbers ^ other, {1, 2, 4}),
        (other ^ numbers, {1, 2, 4}),
        (numbers.union([4], [5]), {1, 2, 3, 4, 5}),
        (numbers.intersection([1, 9]), {1}),
        (numbers.difference([1], [2]), {3}),
        (numbers.symmetric_difference([1, 9]), {2, 3, 9}),
    ):
        assert result == expected and type(result) is set
    assert numbers >= {1} and numbers > {1} and numbers <= {1, 2, 3} and not numbers < {1, 2, 3}
    assert numbers.issubset([1, 2, 3, 4]) and numbers.issuperset([1]) and numbers.isdisjoint([9])
    for operator in ("__or__", "__and__", "__sub__", "__xor__", "__ior__", "__iand__"):
        assert getattr(numbers, operator)([1]) is NotImplemented
    with pytest.raises(TypeError):
        numbers | [1]


def test_operators_in_place(numbers: PersistentSet[int]) -> None:
    numbers |= {1, 2, 3, 4}
    numbers &= {2, 3, 4, 5}
    assert numbers == {2, 3, 4}
    numbers -= {2, "x"}
    numbers ^= {4, 5}
    assert numbers == {3, 5}
    numbers.intersection_update([5, 6])
    numbers.symmetric_difference_update([5, 7])
    numbers.difference_update([9], [8])
    assert numbers == {7}
    numbers.update(numbers)
    numbers -= numbers
    assert numbers == set()


@pytest.mark.parametrize("element", ["a", None, 1.5, 2**80, []])
def test_an_element_that_cannot_be_there(numbers: PersistentSet[Any], element: Any) -> None:
    numbers.add(1)
    assert element not in numbers
    numbers.discard(element)
    numbers.difference_update([element])
    with pytest.raises(KeyError):
        numbers.remove(element)
    with pytest.raises((TypeError, OverflowError)):
        numbers.add(element)
    with pytest.raises((TypeError, OverflowError)):
        numbers.update([2, element])
    assert numbers == {1}


def test_contains_many(env: Environment) -> None:
    s = PersistentSet[Any](env, "s", element=str)
    s.update(["a", "c"])
    # An element that the set cannot hold is not in it.
    asked = ["c", "b", 5, "a", "\ud800", "x" * 5000, "c", None]
    assert s.contains_many(asked) == [element in s for element in asked]
    assert s.contains_many(iter(["a", "b"])) == [True, False]
    assert s.contains_many([]) == []
    with pytest.raises(TypeError, match="'s'"):
        s.contains_many(5)
    numbers = PersistentSet(env, "numbers", element="u32")
    numbers.update(range(0, 1000, 2))
    assert numbers.contains_many(range(-1, 1001)) == [n in numbers for n in range(-1, 1001)]
    with env.transaction():
        numbers.add(1)
        assert numbers.contains_many([1, 3]) == [True, False]
    env.close()
    with pytest.raises(BadHandleError):
        numbers.contains_many([1])


def test_ranges(env: Environment) -> None:
    words = PersistentSet(env, "words", element=str)
    words.update(["", "a", "ab", "b", "c"])
    assert list(words.range("a", "b")) == ["a", "ab"]
    assert list(words.irange("a", "b", reverse=True)) == ["b", "ab", "a"]
    part = words.prefix("a")
    assert part == {"a", "ab"} and len(part) == 2 and "b" not in part and "a" in part
    assert part.first() == "a" and part.last() == "ab" and part & {"a"} == {"a"}
    assert list(reversed(part)) == ["ab", "a"]
    assert part.clear() == 2 and not part
    with pytest.raises(KeyError):
        part.first()
    assert words.remove_range("b") == 2 and words == {""}


def test_opening(env: Environment) -> None:
    stored = PersistentSet(env, "s", element="u8")
    stored.add(200)
    assert PersistentSet[int](env, "s") == {200} and stored.element_type == "u8"
    with pytest.raises(TypeMismatchError):
        PersistentSet(env, "s", element=str)
    anything: PersistentSet[Any] = PersistentSet(env, "anything")
    anything.update([1, 1.0, True, (None, "x")])
    assert len(anything) == 3 + 1 and anything.element_type == "any"
    assert "anything" in repr(anything)
    again = pickle.loads(pickle.dumps(anything))
    assert (None, "x") in again
    again.environment.close()


def test_a_closed_set_raises(numbers: PersistentSet[int]) -> None:
    numbers.close()
    for call in (
        lambda: numbers.add(1),
        lambda: 1 in numbers,
        lambda: list(numbers),
        lambda: numbers.update([1]),
    ):
        with pytest.raises(BadHandleError, match="PersistentSet.'numbers'.* was closed"):
            call()


def test_update_names_the_invalid_element(numbers: PersistentSet[Any]) -> None:
    with pytest.raises(TypeError, match="item 2: an int is needed, not str"):
        numbers.update([1, 2, "3"])
    with pytest.raises(OverflowError, match="item 0: .* does not fit i64"):
        numbers.update([2**70])
    assert numbers == set()


def test_remove_range_needs_a_bound(numbers: PersistentSet[int]) -> None:
    numbers.add(1)
    with pytest.raises(TypeError, match="clear"):
        numbers.remove_range()
    assert numbers == {1} and numbers.range().clear() == 1


def test_methods_and_operators_take_numbers_alike(numbers: PersistentSet[Any]) -> None:
    def filled() -> PersistentSet[Any]:
        numbers.clear()
        numbers.update([1, 2])
        return numbers

    plain = {1, 2}
    other: set[Any] = {2.0, 1.5}
    s = filled()
    assert 2.0 in s and 1.5 not in s and s.issuperset([2.0]) and s >= {2.0}
    assert s.issubset([1.0, 2.0]) and s <= {1.0, 2.0} and s == {1.0, 2.0}
    assert not s.isdisjoint([2.0]) and s.isdisjoint([1.5])
    assert s & other == s.intersection(other) == plain & other == {2}
    assert s - other == s.difference(other) == plain - other == {1}
    for change in (
        lambda s: s.difference_update(other),
        lambda s: s.__isub__(other),
        lambda s: s.remove(2.0),
        lambda s: s.discard(2.0),
        lambda s: s.symmetric_difference_update({2.0}),
        lambda s: s.__ixor__({2.0}),
    ):
        change(filled())
        assert numbers == {1}
    for change in (lambda s: s.intersection_update(other), lambda s: s.__iand__(other)):
        change(filled())
        assert numbers == {2}
    for store in (
        lambda s: s.add(3.0),
        lambda s: s.update([3.0]),
        lambda s: s.__ixor__({3.0}),
    ):
        with pytest.raises(TypeError, match="an int is needed, not float"):
            store(filled())
        assert numbers == plain


IN_PLACE = [
    "update",
    "intersection_update",
    "difference_update",
    "symmetric_difference_update",
]
PAIRS: list[tuple[set[Any], set[Any]]] = [
    (set(), {1}),
    ({1, 2, 3}, {2, 3, 4}),
    ({1}, {2}),
    ({1, 2}, {1, 2, 3}),
    ({1}, set()),
]


@pytest.mark.parametrize(("left", "right"), PAIRS)
@pytest.mark.parametrize("kind", ["i64", "u8", "any"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_between_two_persistent_sets(
    env: Environment, tmp_path: Path, left: set[Any], right: set[Any], kind: str, elsewhere: bool
) -> None:
    with Environment(tmp_path / "other") as second:
        a: PersistentSet[Any] = PersistentSet(env, "a", element="i64")
        b: PersistentSet[Any] = PersistentSet(second if elsewhere else env, "b", element=kind)
        b.update(right)
        for method in IN_PLACE:
            a.clear()
            a.update(left)
            expected = set(left)
            getattr(a, method)(b)
            getattr(expected, method)(right)
            assert a == expected, method
        a.clear()
        a.update(left)
        for question in ("issubset", "issuperset", "isdisjoint"):
            assert getattr(a, question)(b) == getattr(left, question)(right), question
        assert b == right


def test_set_algebra_streams(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (PersistentSet(env, name, element=int) for name in "ab")
    a.update(range(10))
    b.update(range(5, 15))

    def walked(self: Any, bounds: Any) -> Any:
        raise AssertionError("elements were fetched")

    with monkeypatch.context() as patch:
        patch.setattr(PersistentSet, "_elements_in", walked)
        with pytest.raises(ZeroDivisionError), env.transaction():
            for method in IN_PLACE:
                getattr(a, method)(b)
            assert len(a) == 10 and not a.isdisjoint(b) and a.issubset(b) and b.issuperset(a)
            raise ZeroDivisionError
    assert a == set(range(10))
    a ^= a
    assert a == set()


def test_a_narrowed_set_is_not_streamed(env: Environment) -> None:
    anything: PersistentSet[Any] = PersistentSet(env, "anything")
    anything.update([1, "two"])
    narrow, other = PersistentSet[int](env, "anything"), PersistentSet(env, "other", element="any")
    with pytest.raises(TypeError, match="not i64"):
        other.update(narrow)
    with pytest.raises(TypeError, match="an int is needed"):
        narrow.update(anything)
    assert other == set()


@pytest.mark.parametrize(("stored", "element"), [(1, float), (True, int), (("a", 1), (str, float))])
def test_another_kind_of_number_is_not_an_element_of_a_narrowed_set(
    env: Environment, stored: Any, element: Any
) -> None:
    anything: PersistentSet[Any] = PersistentSet(env, "anything")
    anything.add(stored)
    narrow: PersistentSet[Any] = PersistentSet(env, "anything", element=element)
    for call in (narrow.first, narrow.pop, lambda: list(narrow)):
        with pytest.raises(TypeError, match="a stored key is not"):
            call()
    assert list(anything) == [stored]


@pytest.mark.parametrize("durability", ["full", "none"])
def test_an_element_can_be_added_again(tmp_path: Path, durability: str) -> None:
    """The accelerator looks an element up first, once the set had the last one that was added.

    It must then still add one that is absent, and refuse what adding would be refused.
    """
    with Environment(tmp_path / "e", durability=durability) as env:
        s = PersistentSet[int](env, "s")
        for _ in range(3):
            for number in (1, 1, 2, 2, 2, 1):
                s.add(number)
            assert set(s) == {1, 2}
            s.remove(2)
            s.add(1)
            s.add(2)
            assert set(s) == {1, 2}
        s.add(1)
        s.add(1)
        with env.snapshot(), pytest.raises(InSnapshotError):
            s.add(1)
        with env.transaction():
            s.remove(1)
            s.add(1)
            s.remove(2)
            s.add(2)
            s.add(2)
        with pytest.raises(KeyError), env.transaction():
            s.clear()
            s.add(1)
            raise KeyError
        assert set(s) == {1, 2}
        s.add(1)
        env.drop("s")
        with pytest.raises(NoCollectionError):
            s.add(1)
    with pytest.raises(BadHandleError):
        s.add(1)
    with Environment(tmp_path / "e", durability=durability) as env:
        PersistentSet[int](env, "s").add(1)
    with Environment(tmp_path / "e", durability=durability, read_only=True) as env:
        s = PersistentSet[int](env, "s")
        for _ in range(3):
            with pytest.raises(ReadOnlyError):
                s.add(1)
