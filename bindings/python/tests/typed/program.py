"""A typed program as a user writes it; `make lint` has mypy and pyright check it strictly.

A line that must be refused has a `type: ignore`: where it is not refused, the checkers say that the
comment is not needed. It is run as well, by test_typed.py.
"""

from __future__ import annotations

import datetime
import sys
import uuid
from collections.abc import Iterator, Mapping, MutableMapping, MutableSet
from typing import Any

from typing_extensions import assert_type

from persistent_collections import (
    BusyError,
    DictRange,
    Environment,
    Error,
    PersistentDict,
    PersistentSet,
    SetRange,
    Transaction,
)


def total(ages: Mapping[str, int]) -> int:
    return sum(ages.values())


def rename(ages: MutableMapping[str, int], old: str, new: str) -> None:
    ages[new] = ages.pop(old)


def dicts(env: Environment) -> None:
    ages = PersistentDict[str, int](env, "ages")
    assert_type(ages, PersistentDict[str, int])
    ages["Ada"] = 36
    ages.update({"Alan": 41})
    ages.update([("Grace", 85)], Edsger=72)
    assert_type(ages["Ada"], int)
    assert_type(ages.get("Ada"), "int | None")
    assert_type(ages.get("Bob", 0), int)
    assert_type(ages.setdefault("Bob", 1), int)
    assert_type(ages.pop("Bob"), int)
    assert_type(ages.pop("Bob", None), "int | None")
    assert_type(ages.take("Edsger"), int)
    assert_type(ages.first(), "tuple[str, int]")
    assert_type(ages.increment("Ada"), int)
    assert_type(ages.compare_exchange("Ada", 37, 36), bool)
    assert_type(list(ages), "list[str]")
    assert_type(list(ages.values()), "list[int]")
    assert_type(list(ages.items()), "list[tuple[str, int]]")
    assert_type(ages.range("A", "B"), DictRange[str, int])
    assert_type(ages.prefix("A"), DictRange[str, int])
    assert_type(ages.irange("A", "B"), Iterator[str])
    assert_type(ages.copy(), "dict[str, int]")
    with ages.edit("Ada") as age:
        assert_type(age, int)
    rename(ages, "Alan", "Turing")
    assert total(ages) == 36 + 41 + 85
    if len(sys.argv) > 2:  # Never run: these are for the checkers.
        ages[1] = 2  # type: ignore[index]
        ages["Ada"] = "old"  # type: ignore[assignment]
        ages.put_new("Ada", None)  # type: ignore[arg-type]


def given_types(env: Environment) -> None:
    by_place = PersistentDict[tuple[str, int], uuid.UUID](env, "places")
    by_place["shelf", 3] = uuid.UUID(int=3)
    assert_type(by_place.last(), "tuple[tuple[str, int], uuid.UUID]")
    dated: PersistentDict[datetime.date, str] = PersistentDict(
        env, "dates", key=datetime.date, value=str
    )
    dated[datetime.date(1843, 9, 1)] = "notes"
    vectors: PersistentDict[str, Any] = PersistentDict(env, "vectors", key=str, value="f32[2]")
    vectors["a"] = [0.5, 1.5]
    inferred = PersistentDict(env, "ages", key=str, value=int)
    assert_type(inferred, PersistentDict[str, int])


def sets(env: Environment) -> None:
    primes = PersistentSet[int](env, "primes")
    primes.update([2, 3, 5])
    assert_type(list(primes), "list[int]")
    assert_type(primes.range(2, 5), SetRange[int])
    assert_type(primes.first(), int)
    assert_type(primes & {2}, "set[int]")
    assert_type(primes | {"two"}, "set[int | str]")
    primes |= {2, 3, 5}
    primes &= {2, 3}
    primes -= {3}
    primes ^= {7}
    assert_type(primes, PersistentSet[int])
    plain: MutableSet[int] = primes
    plain.discard(5)
    assert_type(PersistentSet(env, "primes", element=int), PersistentSet[int])
    if len(sys.argv) > 2:
        primes.add("seven")  # type: ignore[arg-type]


def transactions(env: Environment) -> None:
    ages = PersistentDict[str, int](env, "ages")
    with env.transaction(timeout=1.5, sync=False) as transaction:
        assert_type(transaction, Transaction)
        ages.clear()
    with env.snapshot():
        assert_type(len(ages), int)
    assert_type(env.run(ages.increment, "Ada"), int)
    try:
        env.flush()
    except BusyError as error:
        waited: TimeoutError = error
        known: Error = error
        print(waited, known.status)


def main(directory: str) -> None:
    with Environment(directory, durability="none", write_timeout=5) as env:
        dicts(env)
        given_types(env)
        sets(env)
        transactions(env)
        print(*(info.name for info in env.collections()))


if __name__ == "__main__":
    main(sys.argv[1])
