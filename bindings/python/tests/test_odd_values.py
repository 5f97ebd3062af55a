"""Values with more than their type stores: one that would not come back equal is refused.

A `pandas.Timestamp` is a `datetime` with nanoseconds, which were silently cut off: the keys of
1 ns and 999 ns were one key, and values came back earlier than stored. `pandas.NaT` is a `datetime`
too, and raised `struct.error` or `AttributeError` even from `in` and `get`. The additions of
subclasses of text, numbers and tuples were lost in the same way. Now such a value is refused, with
its place, and a look-up of it finds nothing.
"""

from __future__ import annotations

import datetime
import enum
import operator
import uuid
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from persistent_collections import (
    ABSENT,
    Char,
    Environment,
    Error,
    PersistentDict,
    PersistentSet,
    Symbol,
    UnstorableError,
)

REFUSAL = (TypeError, ValueError, OverflowError)
DAY = datetime.datetime(2024, 2, 29)
NANOSECOND = pd.Timestamp("2024-02-29T00:00:00.000000001")
FAR = pd.Timestamp(np.datetime64("20000-01-01", "s"))


def more_than(base: type) -> type:
    """A subclass whose instances do not equal those of its base."""

    class More(base):
        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return id(self)

    return More


def hashed_otherwise(base: type) -> type:
    """A subclass whose instances are equal to those of its base, with another hash."""

    class Otherwise(base):
        def __eq__(self, other: object) -> bool:
            return base.__eq__(self, other)

        def __hash__(self) -> int:
            return base.__hash__(self) ^ 1

    return Otherwise


def failing(base: type, error: type[Exception]) -> type:
    """A subclass that cannot be compared."""

    class Failing(base):
        def __eq__(self, other: object) -> bool:
            raise error("no comparison")

        __hash__ = base.__hash__

    return Failing


def lying(base: type) -> type:
    """A subclass whose conversions return a different value than the one it equals."""

    class Lying(base):
        def lie(self, *_: Any) -> Any:
            return base()

        __int__ = __index__ = __float__ = __complex__ = __bytes__ = __str__ = lie
        encode = toordinal = lie

    return Lying


class Indexed:
    """Can be used as an index, but does not equal an int."""

    def __index__(self) -> int:
        return 1


class BrokenIndex:
    def __index__(self) -> int:
        raise ZeroDivisionError("no index")


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Access(enum.IntFlag):
    READ = 1


Point = namedtuple("Point", "x y")
ID = uuid.UUID(int=5)

#: Refused keys, by type.
REFUSED: dict[str, list[Any]] = {
    "datetime": [
        pd.NaT,
        NANOSECOND,
        FAR,
        pd.Timestamp("2024-02-29", tz="America/New_York"),
        np.datetime64("2024-02-29T00:00:00", "us"),
        np.datetime64("NaT"),
        more_than(datetime.datetime)(2024, 2, 29),
        hashed_otherwise(datetime.datetime)(2024, 2, 29),
        failing(datetime.datetime, KeyError)(2024, 2, 29),
        DAY.replace(tzinfo=datetime.tzinfo()),
    ],
    "date": [DAY, pd.NaT, pd.Timestamp(DAY), more_than(datetime.date)(2024, 2, 29)],
    "i64": [
        np.timedelta64(1, "s"),
        np.timedelta64(1),
        np.datetime64(1, "ns"),
        pd.Timedelta(1),
        pd.NaT,
        pd.NA,
        more_than(int)(1),
        hashed_otherwise(int)(1),
        failing(int, RuntimeError)(1),
        Indexed(),
        BrokenIndex(),
        10**5000,
        -(10**5000),
        Decimal("sNaN"),
        Decimal("NaN"),
        Decimal("1E+399999"),
        Decimal("-1E+399999"),
        Decimal("1E-399999"),
        Fraction(10**5000, 3),
        complex("nan"),
    ],
    "f64": [
        np.longdouble("0.1"),
        np.timedelta64(1, "s"),
        pd.NA,
        pd.NaT,
        more_than(float)(1),
        hashed_otherwise(float)(1),
        failing(float, ZeroDivisionError)(1),
        10**5000,
        Decimal("sNaN"),
        Decimal("1E+399999"),
        Fraction(1, 3),
        Fraction(10**5000, 3),
        "1",
    ],
    "str": [
        more_than(str)("a"),
        hashed_otherwise(str)("a"),
        failing(str, AttributeError)("a"),
        "\ud800",
        pd.NA,
    ],
    "bytes": [
        more_than(bytes)(b"a"),
        more_than(bytearray)(b"a"),
        memoryview(np.array([1, 2], "i4")),
        memoryview(b"\xff\xff").cast("b"),
        memoryview(b"abcd").cast("B", (2, 2)),
    ],
    "opaque[8]": [memoryview(np.array([1, 2], "i4")), more_than(bytes)(b"12345678")],
    "uuid": [more_than(uuid.UUID)(int=5), str(ID)],
    "bool": [1, pd.NA, np.timedelta64(1, "s"), Decimal("sNaN")],
    "(str,datetime)": [
        ("a", NANOSECOND),
        ("a", pd.NaT),
        (more_than(str)("a"), DAY),
        more_than(tuple)(("a", DAY)),
    ],
    "(f64,i64)": [(1.0, np.timedelta64(1)), (Decimal("sNaN"), 1), (1.0, 10**5000)],
}
#: Values that no type can hold.
NOWHERE = [
    pd.NaT,
    NANOSECOND,
    FAR,
    pd.NA,
    pd.Timedelta(1),
    np.timedelta64(1, "s"),
    np.datetime64("2024-02-29", "ns"),
    np.longdouble("0.1"),
    *(more_than(kind)() for kind in (int, float, str, bytes, bytearray, tuple)),
    *(hashed_otherwise(kind)() for kind in (int, float, str, bytes, tuple)),
    failing(str, AttributeError)("a"),
    more_than(uuid.UUID)(int=5),
    memoryview(b"a").cast("c"),
    Indexed(),
    BrokenIndex(),
    Decimal("sNaN"),
    Decimal("Infinity"),
    "\ud800",
]
REFUSED["any"] = [
    *NOWHERE,
    *((1, (2, key)) for key in NOWHERE[:12]),
    10**5000,
    Decimal("1E+399999"),
    Fraction(10**5000, 3),
    complex("nan"),
    float("nan"),
    np.float32("nan"),
]
#: Refused values, by type.
REFUSED_VALUES: dict[str, list[Any]] = {
    **{type_: keys for type_, keys in REFUSED.items() if type_[0] != "("},
    "f32[2]": [[NANOSECOND, 1.0], [pd.NA, 1.0], np.array([1, 2], "m8[s]"), [10**5000, 1.0]],
    "f64[2]": [[2**53 + 1, 0.5], np.array(["0.1", "1"], np.longdouble), [np.longdouble("0.1"), 1]],
    "i64[]": [np.array([1, 2], "M8[ns]"), [np.timedelta64(1, "s")], [pd.Timedelta(1)], [pd.NaT]],
    "any": [
        *NOWHERE,
        *([0, {"a": value}] for value in NOWHERE[:12]),
        *(more_than(kind)() for kind in (complex, list, set, frozenset, dict)),
        more_than(datetime.date)(2024, 2, 29),
        more_than(datetime.datetime)(2024, 2, 29),
        more_than(datetime.time)(1),
        more_than(Decimal)(1),
        hashed_otherwise(Decimal)(1),
        more_than(Fraction)(1, 3),
        failing(dict, TypeError)(a=1),
        pd.Series([1, 2]),
        np.clongdouble(np.longdouble("0.1")),
        np.array([1, 2], "M8[ns]"),
        np.array([1, 2], "m8[s]"),
    ],
}
#: Values of subclasses, and the equal values that come back.
ACCEPTED: dict[str, list[tuple[Any, Any]]] = {
    "datetime": [(pd.Timestamp(DAY), DAY)],
    "date": [(type("Day", (datetime.date,), {})(2024, 2, 29), DAY.date())],
    "i64": [(Level.LOW, 1), (Access.READ, 1), (True, 1), (np.uint8(1), 1), (lying(int)(1), 1)],
    "f64": [(np.float64(0.5), 0.5), (np.float16(0.5), 0.5), (np.longdouble(0.5), 0.5)]
    + [(lying(float)(0.5), 0.5), (2, 2.0)],
    "str": [(Colour.RED, "red"), (np.str_("a\0"), "a\0"), (Symbol("a"), "a"), (Char("a"), "a")]
    + [(lying(str)("a"), "a")],
    "bytes": [
        (bytearray(b"a"), b"a"),
        (memoryview(bytearray(b"ab"))[::-1], b"ba"),
        (np.bytes_(b"a"), b"a"),
    ]
    + [(lying(bytes)(b"a"), b"a")],
    "uuid": [(type("Id", (uuid.UUID,), {})(int=5), ID)],
    "(str,i64)": [(Point("a", Level.LOW), ("a", 1))],
    "(datetime,str)": [((pd.Timestamp(DAY), Colour.RED), (DAY, "red"))],
}
ACCEPTED["any"] = [
    *(
        pair
        for name in ("i64", "str", "bytes", "uuid")
        for pair in ACCEPTED[name]
        if pair[0] is not True
    ),
    (np.float16(0.5), 0.5),
    (Point(1, Point("a", None)), (1, ("a", None))),
]
ACCEPTED_VALUES: dict[str, list[tuple[Any, Any]]] = {
    **ACCEPTED,
    "any": [
        *(pair for name in ACCEPTED for pair in ACCEPTED[name] if name != "f64"),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(int, a=1), {"a": 1}),
        (type("Numbers", (list,), {})([1]), [1]),
        (type("Numbers", (set,), {})([1]), {1}),
        (type("Money", (Decimal,), {})("1.50"), Decimal("1.50")),
        (type("Half", (Fraction,), {})(1, 2), Fraction(1, 2)),
        (type("Time", (datetime.time,), {})(1, 2), datetime.time(1, 2)),
        (lying(complex)(1j), 1j),
        (np.complex64(1j), 1j),
        (pd.Timestamp("2024-02-29", tz="UTC"), DAY.replace(tzinfo=datetime.timezone.utc)),
    ],
}


def pairs(by_type: dict[str, list[Any]]) -> list[Any]:
    return [(type_, item) for type_, items in by_type.items() for item in items]


def names(item: Any) -> str:
    return item if isinstance(item, str) and item.isascii() else type(item).__name__


LOOKUPS: dict[str, Callable[[PersistentDict[Any, Any], Any], Any]] = {
    "in": lambda d, key: key in d,
    "get": lambda d, key: d.get(key, False),
    "pop": lambda d, key: d.pop(key, False),
    "get_many": lambda d, key: d.get_many([key], default=False)[0],
    "remove_many": lambda d, key: d.remove_many([key]),
    "a range": lambda d, key: key in d.range() or d.range().get(key, False),
    "keys()": lambda d, key: key in d.keys(),  # noqa: SIM118
    "items()": lambda d, key: (key, 7) in d.items(),
}
FAILING_LOOKUPS: dict[str, Callable[[PersistentDict[Any, Any], Any], Any]] = {
    "d[key]": lambda d, key: d[key],
    "del d[key]": lambda d, key: d.__delitem__(key),
    "pop": lambda d, key: d.pop(key),
    "take": lambda d, key: d.take(key),
    "get_many": lambda d, key: d.get_many([key]),
    "edit": lambda d, key: d.edit(key).__enter__(),
}
STORES: dict[str, Callable[[PersistentDict[Any, Any], Any, Any], Any]] = {
    "d[key] =": operator.setitem,
    "put_new": lambda d, key, value: d.put_new(key, value),
    "setdefault": lambda d, key, value: d.setdefault(key, value),
    "update": lambda d, key, value: d.update([(key, value)]),
    "put_many": lambda d, key, value: d.put_many([key], [value]),
    "compare_exchange": lambda d, key, value: d.compare_exchange(key, ABSENT, value),
}


@pytest.mark.parametrize(("type_", "key"), pairs(REFUSED), ids=names)
def test_a_key_that_is_more_than_its_type(env: Environment, type_: str, key: Any) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "d", key=type_, value=int)
    for what, look_up in LOOKUPS.items():
        assert not look_up(d, key), what
    for what, look_up in FAILING_LOOKUPS.items():
        with pytest.raises(KeyError):
            look_up(d, key)
            raise AssertionError(what)
    for what, store in STORES.items():
        with pytest.raises(REFUSAL) as caught:
            store(d, key, 7)
        # Values of other types, or refused for another reason, have another error.
        assert isinstance(caught.value, Error) or type(key).__module__ == "builtins", what
        assert ("item 0, key" in str(caught.value)) == (what in ("update", "put_many")), (
            caught.value
        )
    with pytest.raises(REFUSAL):
        d.increment(key)
    assert len(d) == 0


@pytest.mark.parametrize(("type_", "key"), pairs(REFUSED), ids=names)
def test_an_element_that_is_more_than_its_type(env: Environment, type_: str, key: Any) -> None:
    s: PersistentSet[Any] = PersistentSet(env, "s", element=type_)
    assert (
        key not in s and key not in s.range() and s.isdisjoint([key]) and not s >= {0: key}.keys()
    )
    assert not s.issuperset([key])
    s.discard(key)
    s.difference_update([key])
    s.intersection_update([])
    with pytest.raises(KeyError):
        s.remove(key)
    for store in (s.add, lambda key: s.update([key]), lambda key: s.update(iter([key]))):
        with pytest.raises(REFUSAL):
            store(key)
    assert len(s) == 0


@pytest.mark.parametrize(("type_", "value"), pairs(REFUSED_VALUES), ids=names)
def test_a_value_that_is_more_than_its_type(env: Environment, type_: str, value: Any) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "d", key=str, value=type_)
    for what, store in STORES.items():
        with pytest.raises(REFUSAL) as caught:
            store(d, "a", value)
        assert isinstance(caught.value, Error), what
        assert ("item 0, value" in str(caught.value)) == (what in ("update", "put_many")), (
            caught.value
        )
    assert len(d) == 0


@pytest.mark.parametrize(("type_", "pair"), pairs(ACCEPTED), ids=names)
def test_a_key_of_a_subclass_that_comes_back_equal(
    env: Environment, type_: str, pair: tuple[Any, Any]
) -> None:
    key, back = pair
    d: PersistentDict[Any, Any] = PersistentDict(env, "d", key=type_)
    d[key] = 1
    (found,) = d
    assert found == back == key and d[key] == 1
    assert type(found) is type(back)
    assert key in d and back in d and d.pop(key) == 1 and not d
    d.update({back: 2})
    assert d.get_many([key]) == [2] and d.remove_many([key]) == 1


@pytest.mark.parametrize(("type_", "pair"), pairs(ACCEPTED_VALUES), ids=names)
def test_a_value_of_a_subclass_that_comes_back_equal(
    env: Environment, type_: str, pair: tuple[Any, Any]
) -> None:
    value, back = pair
    type_ = "any" if type_.startswith("(") else type_
    d: PersistentDict[Any, Any] = PersistentDict(env, "d", value=type_)
    for name in ("a", "b", "c"):
        d[name] = value
        assert d[name] == back == value
        # `any` keeps these unchanged.
        kept = type_ == "any" and type(value) in (bool, Symbol, Char)
        assert type(d[name]) is type(value if kept else back)
    with d.edit("a") as again:
        assert again == back
    assert list(d.values()) == [back] * 3 and ("b", value) in d.items()


def test_the_error_names_the_place(env: Environment) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "d")
    with pytest.raises(UnstorableError, match=r"value\['a'\]\[1\]: .*Timestamp.* more than"):
        d["key"] = {"a": [0, NANOSECOND]}
    with pytest.raises(UnstorableError, match=r"item 1, key: key\[1\]\[0\]: .*NaT"):
        d.update([("a", 1), ((1, (pd.NaT,)), 2)])
    assert not d
    days: PersistentDict[Any, Any] = PersistentDict(env, "days", key="(str,datetime)")
    with pytest.raises(UnstorableError, match=r"element 1 of the key: .*Timestamp.* more than"):
        days["a", NANOSECOND] = 1


def test_keys_a_nanosecond_apart_differ(env: Environment) -> None:
    days: PersistentDict[Any, str] = PersistentDict(env, "days", key="datetime", value=str)
    days[DAY] = "midnight"
    late = pd.Timestamp("2024-02-29T00:00:00.000000999")
    for moment in (NANOSECOND, late):
        assert moment not in days and days.get(moment) is None
    assert pd.Timestamp(DAY) in days and days[pd.Timestamp(DAY)] == "midnight"
    column = pd.DatetimeIndex([DAY, NANOSECOND])
    with pytest.raises(UnstorableError, match="item 1, key"):
        days.put_many(column, ["a", "b"])
    with pytest.raises(UnstorableError, match="item 0, key"):
        days.put_many(column.to_numpy(), ["a", "b"])
    assert days.get_many(column, default=None) == ["midnight", None]
    assert days.remove_many(column) == 1 and not days


def test_a_bound_of_a_range_is_refused_as_a_key_is(env: Environment) -> None:
    days: PersistentSet[Any] = PersistentSet(env, "days", element="datetime")
    days.add(DAY)
    assert list(days.range(pd.Timestamp(DAY), None)) == [DAY]
    for bound in (NANOSECOND, pd.NaT, np.datetime64("NaT")):
        for ask in (
            lambda bound=bound: days.range(bound, None),
            lambda bound=bound: days.irange(None, bound),
            lambda bound=bound: days.remove_range(bound),
        ):
            with pytest.raises(UnstorableError):
                ask()
    numbers: PersistentSet[Any] = PersistentSet(env, "numbers", element=int)
    numbers.update([1, 2])
    assert list(numbers.range(Decimal("-1E+399999"), Decimal("1E+99999"))) == [1, 2]
    assert list(numbers.range(-(10**5000), Fraction(10**5000, 3))) == [1, 2]
    for bound in (np.timedelta64(1, "s"), Decimal("sNaN"), pd.NA, pd.NaT):
        with pytest.raises(UnstorableError):
            numbers.range(bound, None)
    assert days and numbers


class Weekday(enum.IntEnum):
    """Its members equal their numbers."""

    TUESDAY = 2


@pytest.mark.parametrize("type_", ["i64[2]", "u8[]", "f64[2]"])
def test_an_array_refuses_a_number_that_does_not_equal_its_plain_form(
    env: Environment, type_: str
) -> None:
    """NumPy converted such an element of a list to its plain form.

    So a value came back that did not equal the stored one, while a single such number was refused.
    """
    identical = type("Identical", (int,), {"__eq__": operator.is_, "__hash__": lambda one: 5})
    d = PersistentDict(env, "arrays", key=int, value=type_)
    with pytest.raises(UnstorableError):
        d[1] = [identical(3), 4]
    d[1] = [Weekday.TUESDAY, 4]
    assert d[1].tolist() == [2, 4]
