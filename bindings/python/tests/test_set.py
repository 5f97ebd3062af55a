from __future__ import annotations

import pickle
from typing import Any

import pytest

from persistent_collections import Environment, PersistentSet, TypeMismatchError


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


def test_operators_give_plain_sets(numbers: PersistentSet[int]) -> None:
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
