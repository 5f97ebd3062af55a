from __future__ import annotations

import datetime
import struct
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistent_collections import BadKeyError
from persistent_collections.keys import key_codec
from persistent_collections.types import INTEGERS, parse

finite = st.floats(allow_nan=False)
text = st.text()
STRATEGIES: dict[str, Any] = {
    "bytes": st.binary(min_size=1),
    "str": text,
    "f64": finite,
    "f32": st.floats(allow_nan=False, width=32),
    "bool": st.booleans(),
    "uuid": st.uuids(),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "opaque[3]": st.binary(min_size=3, max_size=3),
    "(str,i16,bool)": st.tuples(text, st.integers(-(2**15), 2**15 - 1), st.booleans()),
    "(bytes,f64,uuid)": st.tuples(st.binary(), finite, st.uuids()),
    "(f32,date,datetime)": st.tuples(
        st.floats(allow_nan=False, width=32), st.dates(), st.datetimes()
    ),
    **{
        name: st.integers(
            -(2 ** (8 * width - 1)) if signed else 0,
            2 ** (8 * width - (1 if signed else 0)) - 1,
        )
        for name, (width, signed) in INTEGERS.items()
    },
}


def order(key: Any) -> Any:
    """Returns a sort key with the order of encoded keys: UUIDs by bytes, text by code point."""
    if isinstance(key, uuid.UUID):
        return key.bytes
    if isinstance(key, str):
        return key.encode("utf-8")
    return tuple(map(order, key)) if isinstance(key, tuple) else key


@pytest.mark.parametrize("name", STRATEGIES)
@given(data=st.data())
def test_order_and_return(name: str, data: st.DataObject) -> None:
    codec = key_codec(parse(name))
    one, two = data.draw(STRATEGIES[name]), data.draw(STRATEGIES[name])
    first, second = codec.encode(one), codec.encode(two)
    assert codec.decode(first) == one
    assert (first < second) == (order(one) < order(two))
    assert (first == second) == (one == two)
    assert codec.decode_many(
        b"?" + first + second, [1, 1 + len(first), 1 + len(first + second)]
    ) == [
        one,
        two,
    ]


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**64) - 2, 2**64 + 2),
    finite,
    text,
    st.binary(),
    st.uuids(),
)
any_keys = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=8)


def exact(key: Any) -> Any:
    """Returns a key with its type, so that 1, 1.0 and True differ."""
    return tuple(map(exact, key)) if isinstance(key, tuple) else (type(key), key)


@given(any_keys)
def test_any_comes_back(key: Any) -> None:
    codec = key_codec(parse("any"))
    assert exact(codec.decode(codec.encode(key))) == exact(key)


@given(any_keys, any_keys)
def test_any_keys_are_equal_when_their_bytes_are(one: Any, two: Any) -> None:
    codec = key_codec(parse("any"))
    assert (codec.encode(one) == codec.encode(two)) == (exact(one) == exact(two))


@pytest.mark.parametrize("strategy", [st.integers(), finite, text, st.binary()])
@given(data=st.data())
def test_any_sorts_within_a_kind(strategy: Any, data: st.DataObject) -> None:
    codec = key_codec(parse("any"))
    one, two = data.draw(strategy), data.draw(strategy)
    assert (codec.encode(one) < codec.encode(two)) == (order(one) < order(two))
    assert (codec.encode((one,)) < codec.encode((two,))) == (order(one) < order(two))


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("str", "", "00"),
        ("str", "\0", "0000"),
        ("str", "a\0", "6100"),
        ("i8", -1, "7f"),
        ("i16", 1, "8001"),
        ("u32", 258, "00000102"),
        ("i64", 0, "8000000000000000"),
        ("f64", 0.0, "8000000000000000"),
        ("f64", -0.0, "8000000000000000"),
        ("f64", -1.0, "400fffffffffffff"),
        ("f32", 1.0, "bf800000"),
        ("bool", True, "01"),
        ("date", datetime.date(1970, 1, 2), "80000001"),
        ("datetime", datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), "7fffffffffffffff"),
        ("(str,i64)", ("a", -1), "02610013fe"),
        ("(date)", (datetime.date(1970, 1, 3),), "1502"),
        ("any", None, "00"),
        ("any", (None,), "0500ff00"),
        ("any", 0, "14"),
        ("any", 255, "15ff"),
        ("any", -256, "12feff"),
        ("any", 2**64 - 1, "1c" + 8 * "ff"),
        ("any", -(2**64) + 1, "0c" + 8 * "00"),
        ("any", 2**64, "1d0901" + 8 * "00"),
        ("any", -(2**64), "0bf6fe" + 8 * "ff"),
        ("any", False, "26"),
        ("any", "a\0b", "026100ff6200"),
        ("any", b"", "0100"),
        ("any", 1.5, "21bff8000000000000"),
        ("any", uuid.UUID(int=1), "30" + 15 * "00" + "01"),
        ("any", (1, ("x", ())), "0515010502780005000000"),
    ],
)
def test_bytes(name: str, key: Any, expected: str) -> None:
    codec = key_codec(parse(name))
    assert codec.encode(key).hex() == expected
    assert codec.decode(bytes.fromhex(expected)) == key


@pytest.mark.parametrize(
    ("name", "key", "error"),
    [
        ("bytes", b"", ValueError),
        ("bytes", "a", TypeError),
        ("str", b"a", TypeError),
        ("str", "\ud800", ValueError),
        ("i8", 128, OverflowError),
        ("u8", -1, OverflowError),
        ("i64", "1", TypeError),
        ("i64", 1.0, TypeError),
        ("f64", float("nan"), ValueError),
        ("f64", 2**53 + 1, ValueError),
        ("f64", True, TypeError),
        ("f32", 0.1, ValueError),
        ("f32", 1e300, (OverflowError, ValueError)),
        ("bool", 1, TypeError),
        ("uuid", "0" * 32, TypeError),
        ("date", datetime.datetime(2000, 1, 1), TypeError),
        ("datetime", datetime.date(2000, 1, 1), TypeError),
        ("datetime", datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc), TypeError),
        ("opaque[2]", b"abc", ValueError),
        ("(str,i64)", ("a",), ValueError),
        ("(str,i64)", ["a", 1], TypeError),
        ("(str,i64)", ("a", "b"), TypeError),
        ("(str,i8)", ("a", 200), OverflowError),
        ("any", float("nan"), ValueError),
        ("any", [1], TypeError),
        ("any", (1, [2]), TypeError),
        ("any", ("\ud800",), ValueError),
        ("any", datetime.date(2000, 1, 1), TypeError),
        ("any", 1 << 8 * 255, OverflowError),
    ],
)
def test_refused(name: str, key: Any, error: Any) -> None:
    with pytest.raises(error):
        key_codec(parse(name)).encode(key)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("str", "ff"),
        ("i32", "00"),
        ("f64", "00"),
        ("f64", "fff8000000000001"),
        ("bool", "02"),
        ("uuid", "00"),
        ("opaque[2]", "00"),
        ("(str,i64)", "026100"),
        ("(str,i64)", "0261001501ff"),
        ("(str)", "15ff"),
        ("any", ""),
        ("any", "02"),
        ("any", "0261"),
        ("any", "02ff00"),
        ("any", "15"),
        ("any", "2126"),
        ("any", "99"),
        ("any", "1414"),
        ("any", "0514"),
    ],
)
def test_invalid_bytes_of_a_key(name: str, data: str) -> None:
    with pytest.raises(BadKeyError):
        key_codec(parse(name)).decode(bytes.fromhex(data))


def test_a_date_beyond_python() -> None:
    with pytest.raises(OverflowError, match="years 1 to 9999"):
        key_codec(parse("date")).decode(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("name", "prefix", "keys"),
    [
        ("str", "a", ["a", "ab", "a\0"]),
        ("str", "", ["", "\0", "x"]),
        ("str", "\0", ["\0", "\0x"]),
        ("bytes", b"a", [b"a", b"ab"]),
        ("any", "a", ["a", "ab", "a\0b"]),
        ("any", b"\0", [b"\0", b"\0\xff"]),
        ("any", ("a",), [("a",), ("a", 1), ("a", ("b",))]),
        ("(str,i64)", ("a",), [("a", 1), ("a", -5)]),
    ],
)
def test_prefix(name: str, prefix: Any, keys: list[Any]) -> None:
    codec = key_codec(parse(name))
    for key in keys:
        assert codec.encode(key).startswith(codec.prefix(prefix))
    for other in ("b", b"b", ("ab",), ("ab", 1)):
        try:
            encoded = codec.encode(other)
        except (TypeError, ValueError):
            continue
        assert encoded.startswith(codec.prefix(prefix)) == (prefix == "")


@pytest.mark.parametrize("name", ["i64", "f64", "uuid", "date"])
def test_numbers_have_no_prefix(name: str) -> None:
    with pytest.raises(TypeError, match="no prefix"):
        key_codec(parse(name)).prefix(1)


def test_raw_keys_are_native() -> None:
    for name, letter in (("i32", "i"), ("u64", "Q"), ("f64", "d"), ("f32", "f")):
        codec = key_codec(parse(name), raw=True)
        assert codec.encode(3) == struct.pack("=" + letter, 3)
        assert codec.decode(struct.pack("=" + letter, 3)) == 3
    assert key_codec(parse("str"), raw=True).decode(b"\0a") == "\0a"
    with pytest.raises(ValueError, match="empty"):
        key_codec(parse("str"), raw=True).encode("")
