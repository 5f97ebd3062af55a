"""Any value comes back equal, or is refused; and a look-up of it is cheap and does not fail.

`Decimal("1E+399999") in d` took 9 seconds, since it was converted to an int with all the digits; a
time zone without an offset, `Decimal("sNaN")` and `10**5000` raised `NotImplementedError`,
`InvalidOperation` and "Exceeds the limit (4300 digits)" instead of a refusal.
"""

from __future__ import annotations

import datetime
import enum
import sys
import time
import uuid
from collections import namedtuple
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_st

from persistent_collections import (
    Environment,
    Error,
    KeySizeError,
    PersistentDict,
    PersistentSet,
    Tagged,
    UnstorableError,
)
from persistent_collections._scalars import shown
from persistent_collections.keys import key_codec
from persistent_collections.types import parse
from persistent_collections.values import value_codec

REFUSAL = (TypeError, ValueError, OverflowError)
DAY = datetime.datetime(2024, 2, 29)


class Zone(datetime.tzinfo):
    """A time zone with given answers."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer = answer

    def utcoffset(self, moment: Any) -> Any:
        return self.answer()

    def tzname(self, moment: Any) -> str:
        return "somewhere"


def failing(error: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


#: Zones whose offset cannot be stored with a time.
NO_OFFSET = [
    datetime.tzinfo(),
    Zone(failing(RuntimeError("no offset"))),
    Zone(failing(KeyError())),
    Zone(failing(ZeroDivisionError())),
    Zone(lambda: 5),
    Zone(lambda: datetime.timedelta(hours=24)),
    Zone(lambda: datetime.timedelta(days=-3)),
]


def subclass(base: type, **methods: Any) -> Any:
    return type(f"Odd{base.__name__}", (base,), methods)


ALIKE = {
    base: subclass(base)
    for base in (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
    + (Decimal, Fraction, uuid.UUID, datetime.date, datetime.datetime, datetime.time)
}
UNLIKE = {
    base: subclass(base, __eq__=lambda one, two: one is two, __hash__=lambda one: 5)
    for base in ALIKE
}
HASHED = {
    base: subclass(
        base,
        __eq__=lambda one, two, base=base: base.__eq__(one, two),
        __hash__=lambda one: 5,
    )
    for base in ALIKE
}


class Colour(str, enum.Enum):
    RED = "red"
    NONE = ""


class Level(enum.IntEnum):
    LOW = -1
    HIGH = 2**70


Point = namedtuple("Point", "x y")

offsets = st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(
    lambda offset: Zone(lambda: offset)
)
zones = st.one_of(
    st.none(), offsets, st.just(Zone(lambda: None)), st.sampled_from(NO_OFFSET), st.timezones()
)
years = {"min_value": datetime.datetime(2, 1, 1), "max_value": datetime.datetime(9998, 12, 31)}
numbers = st.one_of(
    st.integers(),
    st.integers(-(2**63), 2**64),
    # Python does not print an int of over 4300 digits, not even in a strategy's name.
    st.sampled_from([16, 400, 5000]).map(lambda digits: 10**digits + 1),
    st.sampled_from([400, 5000]).map(lambda digits: -(10**digits)),
    st.floats(),
    st.complex_numbers(),
    st.decimals(),
    st.sampled_from(["sNaN", "-sNaN1", "1E+399999", "-1E-399999", "-0", "Infinity"]).map(Decimal),
    st.fractions(),
    st.sampled_from([400, 5000]).map(lambda digits: Fraction(10**digits, 3)),
    st.booleans(),
)
moments = st.builds(
    lambda moment, zone, fold: moment.replace(tzinfo=zone, fold=fold),
    st.datetimes(**years),
    zones,
    st.integers(0, 1),
)
times = st.builds(lambda clock, zone: clock.replace(tzinfo=zone), st.times(), zones)
plain = st.one_of(
    numbers, st.text(), st.binary(), st.uuids(), st.dates(), moments, times, st.none()
)


def of_subclass(value: Any, kinds: dict[type, Any]) -> Any:
    kind = kinds.get(type(value))
    if kind is None:
        return value
    if type(value) is uuid.UUID:
        return kind(int=value.int)
    if isinstance(value, (datetime.date, datetime.time)):
        return kind(*value.__reduce__()[1])
    if isinstance(value, Fraction):
        return kind(value.numerator, value.denominator)
    return kind(value)


of_numpy = st.sampled_from(
    ["i1", "u8", "f2", "f4", "f8", "g", "c8", "c16", "G", "?", "U3", "S3"]
    + ["M8[ns]", "M8[us]", "M8[D]", "m8[ns]", "m8[s]", "m8"]
).flatmap(lambda name: numpy_st.from_dtype(np.dtype(name)).map(np.dtype(name).type))
of_pandas = st.one_of(
    st.sampled_from([pd.NaT, pd.NA, pd.Timedelta(1), pd.Period("2024"), pd.Interval(0, 1)]),
    st.integers(-(2**62), 2**62).map(pd.Timestamp),
    st.integers(-(2**52), 2**52).map(lambda ns: pd.Timestamp(1000 * ns)),
    st.integers(-(2**62), 2**62).map(lambda ns: pd.Timestamp(ns, tz="Europe/Berlin")),
)
odd = st.one_of(
    plain,
    st.builds(of_subclass, plain, st.sampled_from([ALIKE, UNLIKE, HASHED])),
    of_numpy,
    of_pandas,
    st.sampled_from([*Colour, *Level, object(), Point, "\ud800", "a\0"]),
    st.binary(max_size=8).map(memoryview),
    st.sampled_from("bBcIfd").map(lambda format: memoryview(bytes(16)).cast(format)),
)


def is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except Exception:
        return False
    return True


keys = st.recursive(
    odd,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(ALIKE[tuple]),
        st.tuples(inner, inner).map(lambda pair: Point(*pair)),
    ),
    max_leaves=4,
)
#: Values that can be in a set, and be found there.
members = keys.filter(lambda key: is_hashable(key) and "nan" not in shown(key))
anything = st.recursive(
    odd,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(ALIKE[list]),
        st.lists(inner, max_size=3).map(UNLIKE[list]),
        st.tuples(members, inner).map(lambda pair: dict([pair])),
        st.dictionaries(st.text(max_size=2), inner, max_size=2).map(ALIKE[dict]),
        members.map(lambda item: frozenset([item])),
    ),
    max_leaves=5,
)
KEY_TYPES = ["any", "str", "bytes", "i64", "u8", "f64", "f32", "bool", "uuid", "date", "datetime"]
KEY_TYPES += ["opaque[3]", "(str,i64)", "(f64,datetime)", "(date,bytes)", "(bool,uuid)"]
VALUE_TYPES = [name for name in KEY_TYPES if name[0] != "("] + ["f64[]", "i64[2]", "f32[1,1]"]


def is_equal(one: Any, two: Any) -> bool:
    """Whether two are equal in Python, except for NaN and times that a zone has twice or never."""
    if isinstance(one, np.ndarray):
        one, two = one.tolist(), two.tolist() if hasattr(two, "tolist") else two
    if type(two) in (list, tuple) or isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(is_equal, one, two))
    if isinstance(two, dict):
        return len(one) == len(two) and all(is_equal(one[key], two[key]) for key in two)
    if isinstance(two, datetime.datetime) and two.utcoffset() is not None:
        same = one.replace(tzinfo=None) == two.replace(tzinfo=None)
        return bool(one == two) or (same and one.utcoffset() == two.utcoffset())
    return bool(one == two) or (one != one and two != two)


@pytest.mark.parametrize("type_", KEY_TYPES)
@settings(max_examples=100)
@given(key=keys)
def test_a_key_comes_back_equal_or_is_refused(type_: str, key: Any) -> None:
    codec = key_codec(parse(type_))
    found = codec.lookup(key)
    try:
        data = codec.encode(key)
    except REFUSAL as error:
        # Numbers of another type can still be looked up.
        assert found is None or codec.decode(found) == key
        assert isinstance(error, Error) or not str(error).startswith("Exceeds the limit")
        return
    back = codec.decode(data)
    assert back == key and key == back and (found == data or len(data) > 1978)
    assert hash(back) == hash(key) or isinstance(key, memoryview)


@pytest.mark.parametrize("type_", VALUE_TYPES)
@settings(max_examples=100)
@given(value=anything)
def test_a_value_comes_back_equal_or_is_refused(type_: str, value: Any) -> None:
    codec = value_codec(parse(type_))
    try:
        data = codec.encode(value)
    except REFUSAL:
        return
    back = codec.decode(data)
    if type_.startswith("f32"):
        # Rounded by the type.
        value = np.asarray(value, "f4") if isinstance(back, np.ndarray) else np.float32(value)
    assert is_equal(back, value)
    if is_hashable(value) and is_hashable(back) and back == value:
        assert hash(back) == hash(value)


@pytest.fixture
def anywhere(env: Environment) -> PersistentDict[Any, Any]:
    return PersistentDict(env, "anything")


@pytest.mark.parametrize("zone", NO_OFFSET, ids=range(len(NO_OFFSET)))
def test_a_zone_without_an_offset(anywhere: PersistentDict[Any, Any], zone: Any) -> None:
    for value in (DAY.replace(tzinfo=zone), datetime.time(1, tzinfo=zone)):
        with pytest.raises(UnstorableError, match=r"value\['a'\]\[1\]: its zone gives no offset: "):
            anywhere["key"] = {"a": [0, value]}
        with pytest.raises(UnstorableError, match="item 0, value: value: its zone"):
            anywhere.update(key=value)
        # As a key, its type is refused.
        assert value not in anywhere and (value,) not in anywhere
    assert not anywhere


@pytest.mark.parametrize("seconds", [90, -90, 0.5, 1e-6, -1e-6, 86399.999999])
def test_an_offset_with_seconds(anywhere: PersistentDict[Any, Any], seconds: float) -> None:
    offset = datetime.timedelta(seconds=seconds)
    for zone in (Zone(lambda: offset), datetime.timezone(offset)):
        for value in (DAY.replace(tzinfo=zone), datetime.time(1, tzinfo=zone)):
            anywhere["key"] = value
            back = anywhere["key"]
            assert back == value and hash(back) == hash(value) and back.tzinfo is not zone


def test_a_zone_with_an_unknown_offset_is_read_as_none(anywhere: PersistentDict[Any, Any]) -> None:
    # Python, too, treats such a datetime as one without zone; a time would differ each day.
    value = DAY.replace(tzinfo=Zone(lambda: None))
    anywhere["key"] = value
    assert anywhere["key"] == DAY == value
    with pytest.raises(UnstorableError, match="has no offset without its day"):
        anywhere["key"] = value.timetz()


class TooDearError(Exception):
    """An exception that is not of the kinds that a value's own methods may raise."""


class Dear(Decimal):
    """Must not be converted to an int, which would have as many digits as its exponent says."""

    def dear(self, *_: Any) -> Any:
        raise TooDearError

    __int__ = __trunc__ = __floor__ = __ceil__ = __round__ = dear


@pytest.mark.parametrize(
    "type_", ["i64", "u8", "bool", "f64", "f32", "(i64,f32)", "any", int, float]
)
def test_a_large_exponent_costs_a_look_up_nothing(env: Environment, type_: Any) -> None:
    if isinstance(type_, type):
        PersistentSet(env, "s", element="any")
    s: PersistentSet[Any] = PersistentSet(env, "s", element=type_)
    for number in ("1E+399999", "-1E+399999", "1E+999999999", "1E-399999", "Infinity", "sNaN"):
        dear: Any = Dear(number)
        key = (dear, dear) if type_ == "(i64,f32)" else dear
        assert key not in s and s.isdisjoint([key]) and not s.issuperset([key])
        s.discard(key)
        if (
            type_ not in ("(i64,f32)", "any", "bool")
            and dear.is_finite()
            and number[-7:] != "-399999"
        ):
            assert list(s.range(key, None)) == list(s.irange(None, key)) == []


def test_signaling_nan_is_a_miss(env: Environment) -> None:
    signaling: Any = Decimal("sNaN")
    for at, type_ in enumerate(KEY_TYPES):
        d: PersistentDict[Any, Any] = PersistentDict(env, f"d{at}", key=type_, value=int)
        for key in (signaling, (signaling, 1), (1.0, signaling), ((signaling,),)):
            assert key not in d and d.get(key) is None and d.pop(key, 5) == 5
            assert d.get_many([key], default=6) == [6] and d.remove_many([key]) == 0
            with pytest.raises(REFUSAL):
                d[key] = 1
            with pytest.raises(REFUSAL):
                d.update([(key, 1)])
    anything: PersistentDict[Any, Any] = PersistentDict(env, "values")
    with pytest.raises(UnstorableError, match=r"value\[0\]: Decimal\('sNaN'\) is not a number"):
        anything["key"] = [signaling]


@pytest.mark.parametrize("number", [10**5000, -(10**5000), Level.HIGH], ids=["+", "-", "enum"])
def test_an_int_of_more_digits_than_python_writes(env: Environment, number: int) -> None:
    for type_ in ("i64", "u8"):
        d: PersistentDict[Any, Any] = PersistentDict(env, type_, key=type_, value=type_)
        for store in (
            lambda d=d: d.__setitem__(number, 1),
            lambda d=d: d.__setitem__(1, number),
            lambda d=d: d.update({1: number}),
            lambda d=d: d.increment(1, number),
        ):
            with pytest.raises(OverflowError, match="does not fit [iu]"):
                store()
        assert number not in d and list(d.range(-abs(number), abs(number))) == []
    anything: PersistentDict[Any, Any] = PersistentDict(env, "anything")
    anything["key"] = {number: [number]}
    assert anything["key"] == {number: [number]}
    assert number not in anything and anything.get((1, number)) is None
    if abs(number) > 2**2040:
        for key, place in ((number, ""), ((1, (number,)), r"key\[1\]\[0\]: ")):
            with pytest.raises(OverflowError, match=f"{place}an integer key has at most 255 bytes"):
                anything[key] = 1
    with pytest.raises(UnstorableError, match=r"value\[.*\]: object cannot be stored"):
        anything["other"] = {number: object()}
    with pytest.raises(UnstorableError, match=r"tag .* is not between"):
        anything["other"] = Tagged(-abs(number), 1)


def seconds(work: Callable[[], Any]) -> float:
    """Returns the least processor time of several runs."""

    def once() -> float:
        begin = time.process_time()
        work()
        return time.process_time() - begin

    return min(once() for _ in range(3))


def test_many_digits_cost_little_more_than_they_are() -> None:
    # Digit by digit, or by Python's own conversions, 16 times the digits took 256 times the time.
    codec = value_codec(parse("any"))
    few, many = (Decimal("9" * digits) for digits in (20_000, 320_000))
    few_bytes, many_bytes = codec.encode(few), codec.encode(many)
    assert codec.decode(many_bytes) == many and codec.decode(few_bytes) == few
    assert seconds(lambda: codec.encode(many)) < 150 * seconds(lambda: codec.encode(few))
    assert seconds(lambda: codec.decode(many_bytes)) < 150 * seconds(
        lambda: codec.decode(few_bytes)
    )


class Leaf(int):
    """Counts the accesses to it."""

    looks = 0

    def __eq__(self, other: object) -> bool:
        Leaf.looks += 1
        if Leaf.looks > 200_000:
            raise TooDearError
        return int(self) == other

    __hash__ = int.__hash__


def test_tuples_that_hold_one_another_twice(env: Environment) -> None:
    # The package wrote the whole encoding, which is exponentially long.
    Leaf.looks = 0
    tower: Any = Leaf(1)
    for _ in range(100):
        tower = (tower, tower)
    s: PersistentSet[Any] = PersistentSet(env, "s")
    s.update([1, (1, 2)])
    d: PersistentDict[Any, Any] = PersistentDict(env, "d")
    assert tower not in s and tower not in d and d.get(tower) is None and d.pop(tower, 1) == 1
    s.discard(tower)
    assert s.isdisjoint([tower]) and list(s.range(tower, None)) == [(1, 2), 1]
    assert list(d.prefix(tower)) == [] and s.range(None, tower) == set()
    with pytest.raises(KeySizeError, match="at most 1978 bytes"):
        s.add(tower)
    with pytest.raises(KeySizeError, match="item 1, key: .* at most 1978 bytes"):
        d.update([("a", 1), (tower, 2)])
    wide = tuple(range(3_000_000))
    assert wide not in s and list(s.range(wide, None)) == [(1, 2), 1]
    assert len(s) == 2 and "a" not in d


def towers() -> Any:
    """Returns values with exponentially many parts, since they hold the same object many times."""
    for leaf in ([], {}, (), "x" * 1000, frozenset()):
        high, wide = leaf, leaf
        for _ in range(60):
            high = [high, high]
        for _ in range(5):
            wide = [wide] * 1000
        yield high
        yield {"a": [0, wide]}
        tuples: Any = leaf
        for _ in range(50):
            tuples = (tuples, {1: tuples})
        yield tuples
    tagged: Any = "x"
    for _ in range(60):
        tagged = Tagged(50_000, [tagged, tagged])
    yield tagged
    sets: Any = frozenset()
    for level in range(16):
        sets = frozenset({(level, sets), (-level, sets)})
    yield [sets] * 100_000


@pytest.mark.parametrize("which", range(17))
def test_values_that_hold_one_another_twice(anywhere: PersistentDict[Any, Any], which: int) -> None:
    # The package wrote all of it before it checked the length, which took too much memory or time.
    with pytest.raises(UnstorableError, match="value: it has more than 2147418096 bytes, encoded"):
        anywhere["key"] = list(towers())[which]
    assert not anywhere


def test_a_large_value_with_shared_parts(anywhere: PersistentDict[Any, Any]) -> None:
    part = [("a", [1, 2.5]), {"k": frozenset({1})}] * 3000
    value = {"parts": [part, part, {"again": part}], "set": set(range(300_000))}
    anywhere["key"] = value
    assert anywhere["key"] == value
    with pytest.raises(UnstorableError, match=r"value\['late'\]\[1\]: object cannot"):
        anywhere["key"] = {**value, "late": [0, object()]}


def test_a_look_up_at_the_recursion_limit_is_not_a_miss(env: Environment) -> None:
    # Python's recursion limit was taken for a key that is nested too deeply, so an existing key
    # was not found.
    key: Any = 1
    for _ in range(100):
        key = (key,)
    s: PersistentSet[Any] = PersistentSet(env, "s")
    s.add(key)

    def found(depth: int) -> bool:
        return found(depth - 1) if depth else key in s

    answers = set()
    for depth in range(sys.getrecursionlimit()):
        try:
            answers.add(found(depth))
        except RecursionError:
            break
    assert answers == {True}
    for _ in range(28):
        key = (key,)
    s.add(key)
    deeper = (key,)
    assert key in s and deeper not in s
    with pytest.raises(UnstorableError, match="tuples nest at most 128 deep"):
        s.add(deeper)
