from __future__ import annotations

import array
import collections
import datetime
import enum
import math
import subprocess
import sys
import types
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistent_collections import (
    BadValueError,
    Char,
    Environment,
    Pairs,
    PersistentDict,
    SimpleValue,
    Symbol,
    Tagged,
    missing,
)
from persistent_collections.cbor import MAX_DEPTH, decode, encode

UTC = datetime.timezone.utc


class Colour(enum.IntEnum):
    RED = 3


class Plain(enum.Enum):
    RED = 3


def same(one: Any, two: Any) -> bool:
    """Whether type and content are equal, NaN equal to NaN, -0.0 different from 0.0."""
    if type(one) is not type(two):
        return False
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(two)) or (
            one == two and math.copysign(1, one) == math.copysign(1, two)
        )
    if isinstance(one, complex):
        return same(one.real, two.real) and same(one.imag, two.imag)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict):
        return same(list(one.items()), list(two.items()))
    if isinstance(one, np.ndarray):
        if one.dtype != two.dtype or one.shape != two.shape:
            return False
        if one.dtype.kind != "f":
            return one.tobytes() == two.tobytes()
        # The bits of a NaN have no meaning.
        numbers = ~np.isnan(one)
        return np.array_equal(numbers, ~np.isnan(two)) and (
            one[numbers].tobytes() == two[numbers].tobytes()
        )
    if isinstance(one, (set, frozenset)):
        return len(one) == len(two) and all(any(same(a, b) for b in two) for a in one)
    if isinstance(one, Tagged):
        return one.tag == two.tag and same(one.content, two.content)
    if isinstance(one, datetime.datetime) and one.tzinfo is not None:
        return one == two and one.utcoffset() == two.utcoffset()
    return bool(one == two)


minutes = st.integers(-1439, 1439).map(
    lambda count: datetime.timezone(datetime.timedelta(minutes=count))
)
hashable_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.datetimes(datetime.datetime(2, 1, 1), datetime.datetime(9998, 12, 31), timezones=minutes),
    st.dates(),
    st.times(),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.fractions(),
    st.complex_numbers(allow_nan=False),
    st.text().map(Symbol),
    st.characters(codec="utf-8").map(Char),
)
hashable = st.recursive(
    hashable_leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple), st.frozensets(inner, max_size=3)
    ),
    max_leaves=5,
)


values = st.recursive(
    st.one_of(hashable_leaves, st.just(float("nan")), st.just(missing)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(hashable, inner, max_size=4),
        st.sets(hashable, max_size=4),
        st.builds(Tagged, st.integers(50_000, 2**64 - 1), inner),
    ),
    max_leaves=12,
)


arrays_of_numbers = st.builds(
    lambda kind, shape, seed: (
        np.random.default_rng(seed)
        .integers(0, 256, (*shape, kind.itemsize), "u1")
        .view(kind)[..., 0]
    ),
    st.sampled_from([np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)])
    | st.sampled_from([np.dtype("f4"), np.dtype("f8")]),
    st.lists(st.integers(0, 3), max_size=4),
    st.integers(0, 2**32),
)
scalars = st.one_of(
    st.integers(-128, 127).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.floats(width=32, allow_nan=False).map(np.float32),
    st.booleans().map(np.bool_),
)
with_arrays = st.recursive(
    st.one_of(hashable_leaves, arrays_of_numbers),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(hashable, inner, max_size=3),
        st.builds(Tagged, st.integers(50_000, 2**64 - 1), inner),
    ),
    max_leaves=10,
)


@given(with_arrays)
def test_arrays_come_back_from_anywhere(value: Any) -> None:
    data = encode(value)
    assert same(decode(data), value)
    assert encode(decode(data)) == data


@given(scalars, st.sampled_from([lambda x: x, lambda x: [x], lambda x: {"k": (x,)}]))
def test_numpy_scalars_come_back_as_numbers(scalar: Any, wrap: Any) -> None:
    assert same(decode(encode(wrap(scalar))), wrap(scalar.item()))


class Unknown:
    def __repr__(self) -> str:
        return "<?>"


#: A function that puts a value into another, and the text of the path to it.
WRAPPERS: list[tuple[Any, str]] = [
    (lambda x: [0, x], "[1]"),
    (lambda x: (x, 2), "[0]"),
    (lambda x: {"k": x}, "['k']"),
    (lambda x: {(1, "a"): x, 2: 3}, "[(1, 'a')]"),
    (lambda x: Tagged(50_000, x), ".content"),
    (lambda x: Pairs([(1, 2), ([3], x)]), "[[3]]"),
]


@given(st.lists(st.sampled_from(WRAPPERS), max_size=6))
def test_a_refused_item_is_named_by_its_place(wrappers: list[tuple[Any, str]]) -> None:
    value: Any = Unknown()
    place = ""
    for wrap, step in wrappers:
        value, place = wrap(value), step + place
    with pytest.raises(TypeError) as caught:
        encode(value)
    assert str(caught.value) == f"value{place}: Unknown cannot be stored"


@given(values)
def test_comes_back(value: Any) -> None:
    data = encode(value)
    assert same(decode(data), value)
    assert encode(decode(data)) == data


@given(values)
def test_another_reader_sees_one_item(value: Any) -> None:
    # Checks only the end of the item, since cbor2 freezes the content of tags.
    assert cbor2.loads(b"\x82" + encode(value) + b"\x18\x2a")[1] == 42


plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
        st.binary(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(plain)
def test_plain_values_are_as_cbor2_writes_and_reads_them(value: Any) -> None:
    assert encode(value) == cbor2.dumps(value)
    assert same(cbor2.loads(encode(value)), value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "f6"),
        (missing, "f7"),
        (True, "f5"),
        (23, "17"),
        (24, "1818"),
        (2**32, "1b0000000100000000"),
        (2**64 - 1, "1b" + 8 * "ff"),
        (2**64, "c249010000000000000000"),
        (-(2**64), "3b" + 8 * "ff"),
        (-(2**64) - 1, "c349010000000000000000"),
        (1.0, "fb3ff0000000000000"),
        (-0.0, "fb8000000000000000"),
        (math.inf, "fb7ff0000000000000"),
        (-math.nan, "fb7ff8000000000000"),
        ([math.nan], "81fb7ff8000000000000"),
        ("é", "62c3a9"),
        (b"", "40"),
        ((), "d81b81657475706c65"),
        (([1],), "d81b82657475706c658101"),
        ({"b": 1, "a": 2}, "a2616201616102"),
        ({"s": {10, 9, -1, "a"}}, "a16173d9010284090a206161"),
        # Iterated as 9, 2, by hash.
        ({9, 2}, "d90102820209"),
        (
            datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC),
            "c074" + b"2024-02-29T12:34:56Z".hex(),
        ),
        (
            datetime.datetime(2024, 2, 29, 12, 34, 56),
            "d81b82686461746574696d6573" + b"2024-02-29T12:34:56".hex(),
        ),
        (
            datetime.datetime(2024, 2, 29, 12, 34, 56, 1200),
            "d81b82686461746574696d65781a" + b"2024-02-29T12:34:56.001200".hex(),
        ),
        (datetime.date(2024, 2, 29), "d903ec6a" + b"2024-02-29".hex()),
        (datetime.time(1, 2), "d81b826474696d6568" + b"01:02:00".hex()),
        (uuid.UUID(int=5), "d82550" + 15 * "00" + "05"),
        (Decimal("-1.50"), "c482213895"),
        (Fraction(-1, 3), "d81e822003"),
        (1 + 2j, "d9a7f882fb3ff0000000000000fb4000000000000000"),
        (Symbol("s"), "d8276173"),
        (Char("c"), "d81b8264636861726163"),
        (Tagged(27, ["P", {"x": 1}]), "d81b826150a1617801"),
        (np.array([1, 2], "i4"), "d84e480100000002000000"),
        (np.array([[1], [2]], "u1"), "d828828202" + "01" + "d840420102"),
        (np.array([1.5], "f4"), "d855440000c03f"),
        (np.array(7, "i1"), "d8288280d8484107"),
        (Pairs([([1], 2)]), "a1810102"),
    ],
)
def test_bytes(value: Any, expected: str) -> None:
    assert encode(value).hex() == expected
    assert same(decode(bytes.fromhex(expected)), value) or value != value


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (Colour.RED, 3),
        (bytearray(b"a"), b"a"),
        (memoryview(b"ab"), b"ab"),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (collections.namedtuple("P", "x y")(1, 2), (1, 2)),
        (frozenset({1}), {1}),
        ({}.keys(), set()),
        (np.float32(0.5), 0.5),
        (np.int8(-3), -3),
        (np.bool_(True), True),
        (np.complex128(1j), 1j),
        (np.str_("x"), "x"),
        (array.array("h", [1, -2]), np.array([1, -2], "i2")),
        (np.array([1, 2], ">i4"), np.array([1, 2], "i4")),
        (np.arange(6, dtype="f8").reshape(2, 3).T, np.array([[0.0, 3], [1, 4], [2, 5]])),
        (
            datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=90))),
            datetime.datetime(2023, 12, 31, 23, 58, 30, tzinfo=UTC),
        ),
    ],
)
def test_comes_back_as(value: Any, back: Any) -> None:
    assert same(decode(encode(value)), back)


#: A moment that would be in the year 0 in UTC.
FIRST_HALF_MINUTE = datetime.datetime(
    1, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(seconds=30))
)


@pytest.mark.parametrize(
    ("value", "error", "where"),
    [
        (object(), TypeError, "value: object"),
        ([0, {"a": (1, object())}], TypeError, r"value\[1\]\['a'\]\[1\]: object"),
        ({1: {2: {object()}}}, TypeError, r"value\[1\]\[2\]\{<object"),
        ({object(): 1}, TypeError, "value key <object"),
        (Tagged(5, object()), TypeError, r"value\.content"),
        (Tagged(-1, 0), ValueError, "tag -1"),
        ([Tagged("x", 0)], TypeError, r"value\[0\]: a tag is an int"),  # type: ignore[arg-type]
        ([FIRST_HALF_MINUTE], ValueError, r"value\[0\]: .* beyond the years"),
        (["\ud800"], ValueError, r"value\[0\]: a str"),
        ({"\ud800": 1}, ValueError, "a str"),
        (Symbol("\ud800"), ValueError, "a str"),
        (Plain.RED, TypeError, "store its value"),
        (datetime.timedelta(1), TypeError, "timedelta"),
        (Decimal("nan"), ValueError, "not a number"),
        (np.array(["a"]), TypeError, "<U1"),
        (np.array([1j]), TypeError, "complex128"),
        ([np.ma.array([1, 2], mask=[0, 1])], TypeError, r"value\[0\]: a masked array"),
        (np.datetime64("2024-01-01"), TypeError, "datetime64"),
        (len, TypeError, "builtin_function"),
    ],
)
def test_refused(value: Any, error: Any, where: str) -> None:
    with pytest.raises(error, match=where) as caught:
        encode(value)
    # Whatever the reason is, the message says that the value cannot be stored.
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("value", [object(), "\ud800", Decimal("nan"), FIRST_HALF_MINUTE])
def test_an_unstorable_value_raises_a_type_error_with_its_place(
    env: Environment, value: Any
) -> None:
    d = PersistentDict(env, "d")
    with pytest.raises(TypeError, match=r"value\['a'\]\[1\]: "):
        d["key"] = {"a": [0, value]}
    with pytest.raises(TypeError, match=r"item 1, value: value\[0\]: "):
        d.update([("b", 1), ("c", [value])])
    with pytest.raises(TypeError, match=r"item 0, value: value: "):
        d.put_many(["b"], [value])
    with pytest.raises(TypeError, match="value: "):
        d.setdefault("key", value)
    assert not d


def test_depth() -> None:
    nested: Any = []
    for _ in range(MAX_DEPTH - 1):
        nested = [nested]
    assert same(decode(encode(nested)), nested)
    with pytest.raises(TypeError, match=r"value(\[0\]){128}: .* nested over"):
        encode([nested])
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(ValueError, match="contains itself"):
        encode(itself)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("9f0102ff", [1, 2]),
        ("bf616101ff", {"a": 1}),
        ("5f41014102ff", b"\1\2"),
        ("7f61616162ff", "ab"),
        ("f93e00", 1.5),
        ("fa3fc00000", 1.5),
        ("f7", missing),
        ("e5", SimpleValue(5)),
        ("1800", 0),
        ("c11a5f5e1000", Tagged(1, 1600000000)),
        ("d9010282" + "01fb3ff0000000000000", Tagged(258, [1, 1.0])),
        ("d90102818101", Tagged(258, [[1]])),
        ("a201" + "02f503", Pairs([(1, 2), (True, 3)])),
        ("c063323032", Tagged(0, "202")),
        (
            "c078" + "1e" + b"2024-01-01T00:00:00.1234567891Z"[:30].hex(),
            Tagged(0, "2024-01-01T00:00:00.1234567891"),
        ),
        (
            "c07819" + b"2024-02-29T12:34:56+01:00".hex(),
            datetime.datetime(
                2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone(datetime.timedelta(hours=1))
            ),
        ),
        ("d81b826464617465f6", Tagged(27, ["date", None])),
        ("d81b82646368617262" + b"ab".hex(), Tagged(27, ["char", "ab"])),
        ("c4820102", Decimal("2E+1")),
        ("d81e820100", Tagged(30, [1, 0])),
        ("d8254101", Tagged(37, b"\1")),
        ("d903ec6a" + b"2024-02-30".hex(), Tagged(1004, "2024-02-30")),
        ("d84143000102", Tagged(65, b"\0\1\2")),
        ("d841420102", np.array([0x102], "u2")),
        ("d9041082820201" + "d840420102", np.array([[1], [2]], "u1")),
        ("d90410828202" + "02" + "d8404401020304", np.array([[1, 3], [2, 4]], "u1")),
        ("d828828202" + "02" + "d840420102", None),
    ],
)
def test_values_of_other_languages(data: str, value: Any) -> None:
    found = decode(bytes.fromhex(data))
    if value is None:
        assert isinstance(found, Tagged)
    else:
        assert same(found, value)
    if isinstance(found, (Tagged, Pairs)) and "." not in repr(found):
        assert encode(found) == bytes.fromhex(data) or value is None


@pytest.mark.parametrize(
    "data",
    ["", "18", "61", "61ff", "8101ff", "0101", "81", "a101", "ff", "1c", "9f01", "f817", "5f6161ff"]
    + ["d8", "9b" + 8 * "ff", "bf01ff", "fc", "c2", 2000 * "81" + "01"],
)
def test_invalid_bytes_of_a_value(data: str) -> None:
    with pytest.raises(BadValueError):
        decode(bytes.fromhex(data))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except BadValueError:
        return
    assert encode(value) is not None


def test_fetched_arrays_can_be_changed() -> None:
    back = decode(encode(np.zeros(3)))
    back[0] = 1
    assert back.flags.writeable


def test_empty_arrays_come_back_without_numpy() -> None:
    # Without NumPy, an empty array of a type such as i16[] could be stored but not read: Python
    # does not make a memoryview with a zero in its shape, and d[k] raised the TypeError.
    program = """
import array, sys
sys.modules["numpy"] = None
from persistent_collections import cbor
from persistent_collections.types import parse
from persistent_collections.values import value_codec
for name, letter in (("i16[]", "h"), ("u8[]", "B"), ("f64[]", "d")):
    codec = value_codec(parse(name))
    for found in (codec.decode(codec.encode([])), cbor.decode(cbor.encode(array.array(letter)))):
        assert (found.format, found.tolist(), found.readonly) == (letter, [], True), name
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("d903ec6a" + b"0000-02-29".hex(), Tagged(1004, "0000-02-29")),
        (
            "d81b82" + "68" + b"datetime".hex() + "73" + b"0000-12-31T23:59:59".hex(),
            Tagged(27, ["datetime", "0000-12-31T23:59:59"]),
        ),
        (
            "d81b82" + "68" + b"datetime".hex() + "781a" + b"0000-01-01T00:00:00.000001".hex(),
            Tagged(27, ["datetime", "0000-01-01T00:00:00.000001"]),
        ),
    ],
)
def test_the_year_0_which_python_has_not(data: str, value: Any) -> None:
    assert decode(bytes.fromhex(data)) == value
    assert encode(value) == bytes.fromhex(data)


def test_each_nan_is_an_element_and_a_key_of_its_own() -> None:
    # The library refuses a set with a repeated element, and a map with a repeated key, by C's
    # rules. Python allows two NaN in a set, and any repetition in lists of pairs.
    one, two = float("nan"), float("nan")
    assert encode({one, two}).hex() == "d9010282" + 2 * "fb7ff8000000000000"
    assert encode({one: 1, two: [2]}).hex() == "a2fb7ff800000000000001fb7ff80000000000008102"
    pairs = Pairs([([1], {one, two}), ([1], (2, {"a": 3}))])
    assert decode(encode({"x": pairs}))["x"][1] == pairs[1]
    assert encode(decode(encode({"x": [pairs]}))) == encode({"x": [pairs]})


@pytest.mark.parametrize("number", [20, 23, 24, 31, 256, -1, True, 5.0, "5"])
def test_numbers_that_are_not_simple_values(number: Any) -> None:
    with pytest.raises(ValueError if type(number) is int else TypeError, match="a simple value is"):
        SimpleValue(number)


@pytest.mark.parametrize("number", [0, 19, 32, 255])
def test_simple_values_come_back(number: int) -> None:
    assert decode(encode([SimpleValue(number)])) == [SimpleValue(number)]
