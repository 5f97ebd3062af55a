"""The accelerator: whether it is in use, and that it works like the package without it."""

from __future__ import annotations

import ctypes
import datetime
import decimal
import gc
import math
import os
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persistent_collections import (
    BadKeyError,
    BadValueError,
    DateOverflowError,
    Environment,
    Error,
    IteratorBusyError,
    KeySizeError,
    PersistentDict,
    PersistentSet,
    Tagged,
    acceleration,
    cbor,
    missing,
)
from persistent_collections.iteration import EVERYTHING
from persistent_collections.keys import key_codec
from persistent_collections.ordered import Ordered
from persistent_collections.typed import Typed, TypedKey
from persistent_collections.types import parse
from persistent_collections.values import value_codec

_OFF = os.environ.get("PERSISTENT_COLLECTIONS_ACCELERATOR") == "0"


def status_of(**environment: str) -> subprocess.CompletedProcess[str]:
    """Returns the status of the accelerator in another interpreter."""
    program = "from persistent_collections import acceleration; print(acceleration.status())"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_is_in_use_unless_turned_off() -> None:
    expected = "off: PERSISTENT_COLLECTIONS_ACCELERATOR is 0" if _OFF else "on"
    assert acceleration.status() == expected


def test_it_can_be_turned_off() -> None:
    off = status_of(PERSISTENT_COLLECTIONS_ACCELERATOR="0")
    assert off.stdout.strip() == "off: PERSISTENT_COLLECTIONS_ACCELERATOR is 0"


def test_a_requested_file_must_exist(tmp_path: Path) -> None:
    missing = status_of(PERSISTENT_COLLECTIONS_ACCELERATOR=str(tmp_path / "none.so"))
    assert missing.returncode != 0
    assert "none.so" in missing.stderr


def test_a_requested_file_must_be_an_accelerator(tmp_path: Path) -> None:
    (tmp_path / "bad.so").write_bytes(b"no library")
    bad = status_of(PERSISTENT_COLLECTIONS_ACCELERATOR=str(tmp_path / "bad.so"))
    assert bad.returncode != 0
    assert "cannot be loaded" in bad.stderr


# One side stores and the other reads: the codecs are Python's, the calls are the accelerator's.

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.text(alphabet="\0a\ud800é", max_size=4)
)
_DAY = datetime.timedelta(hours=23, minutes=59)


def _minutes(minutes: int) -> datetime.timezone:
    return datetime.timezone(datetime.timedelta(minutes=minutes))


# Values without a plain form in CBOR. Sets have one element, since their repr has no fixed order.
_ODD = (
    st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.timezone.utc))
    | st.datetimes(timezones=st.timedeltas(-_DAY, _DAY).map(datetime.timezone))
    | st.datetimes(timezones=st.integers(-1439, 1439).map(_minutes))
    | st.times(timezones=st.none() | st.just(datetime.timezone.utc))
    | st.builds(Tagged, st.sampled_from((0, 4, 27, 1000, 2**32, 2**64 - 1)), st.text() | st.dates())
    | st.uuids()
    | st.decimals()
    | st.decimals(-(2**70), 2**70, allow_nan=False)
    | st.just(decimal.Decimal("-0.00"))
    | st.frozensets(st.text(max_size=3) | st.dates(), max_size=1)
    | st.sets(st.tuples(st.integers(), st.frozensets(st.uuids(), max_size=1)), max_size=1)
    | st.dictionaries(st.tuples(st.text(max_size=2), st.decimals(0, 9)), st.floats(), max_size=1)
    | st.fractions()
    | st.complex_numbers()
    | st.integers(-(2**200), 2**200)
    | st.just(missing)
)
_VALUES = st.recursive(
    _SCALARS | _ODD,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_SCALARS, inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
_KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bytes": st.binary(max_size=40),
    "str": st.text(max_size=20) | st.text(alphabet="\0é\ud800", max_size=3),
    "any": _VALUES,
    "bool": st.booleans() | st.integers(0, 1),
    "f64": st.floats() | st.integers(),
    "f32": st.floats(width=32) | st.floats(),
    "uuid": st.uuids() | st.text(max_size=2),
    "date": st.dates() | st.datetimes(),
    "datetime": st.datetimes(timezones=st.none() | st.just(datetime.timezone.utc)) | st.dates(),
    "opaque[3]": st.binary(min_size=2, max_size=4),
    "(str,i16,f32)": st.tuples(
        st.text(alphabet="\0aé\ud800", max_size=3),
        st.integers(-40_000, 40_000),
        st.floats(width=32),
    ),
    "(bytes,uuid,date,bool)": st.tuples(
        st.binary(max_size=4), st.uuids(), st.dates(), st.booleans()
    ),
    "(datetime,u64,f64)": st.tuples(st.datetimes(), st.integers(-1, 1 << 64), st.floats()),
    **{
        f"{sign}{width}": st.integers(-(1 << width) - 1, 1 << width) | st.booleans() | st.floats()
        for sign in "iu"
        for width in (8, 16, 32, 64)
    },
}
_VALUE_KINDS = [kind for kind in _KINDS if not kind.startswith("(")]

_PLAIN: dict[str, Any] = {
    "bytes": b"a",
    "str": "a",
    "any": "a",
    "bool": True,
    "f64": 1.5,
    "f32": 1.5,
    "uuid": uuid.UUID(int=1),
    "date": datetime.date(2000, 1, 1),
    "datetime": datetime.datetime(2000, 1, 1),
    "opaque[3]": b"abc",
    "(str,i16,f32)": ("a", 1, 1.5),
    "(bytes,uuid,date,bool)": (b"a", uuid.UUID(int=1), datetime.date(2000, 1, 1), True),
    "(datetime,u64,f64)": (datetime.datetime(2000, 1, 1), 1, 1.5),
    **dict.fromkeys(("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"), 1),
}


def package_values(kind: str) -> Any:
    """Returns the codec of values without the accelerator."""
    return cbor if kind == "any" else Typed(parse(kind), "value")


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """Returns the result or exception of a call, with its type and sign."""
    try:
        result = call()
    except Exception as error:
        return type(error), str(error)
    return type(result), repr(result)


def is_located(found: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    """Whether it is the codec's error, with collection and key before its message."""
    return found[0] is expected[0] and str(found[1]).endswith(f"{expected[1]}") and "'" in found[1]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Environment(tmp_path_factory.mktemp("both") / "env", durability="none") as env:
        yield env


@pytest.mark.parametrize("kind", _VALUE_KINDS)
def test_values_have_the_bytes_and_the_errors_of_the_codec(store: Environment, kind: str) -> None:
    codec = package_values(kind)
    d = PersistentDict(store, f"values {kind}", key=str, value=kind)

    @given(_KINDS[kind])
    def holds(value: Any) -> None:
        d.clear()
        expected = outcome(lambda: codec.encode(value))
        if issubclass(expected[0], Exception):
            assert is_located(outcome(lambda: d.__setitem__("k", value)), expected)
            assert "k" not in d
            # A UnicodeEncodeError becomes a plain ValueError, which names the item.
            with pytest.raises((expected[0], ValueError), match="item 0, value"):
                d.update([("k", value)])
            return
        back = outcome(lambda: codec.decode(codec.encode(value)))
        d["k"] = value
        assert outcome(lambda: d["k"]) == back
        assert d.compare_exchange("k", value, value)
        assert outcome(lambda: next(iter(d.values()))) == back
        d.update([("l", value)])
        assert outcome(lambda: d.get("l")) == back
        assert d.compare_exchange("l", value, value)

    settings(max_examples=40, deadline=None)(holds)()


@pytest.mark.parametrize("kind", _KINDS)
def test_keys_have_the_bytes_and_the_errors_of_the_codec(store: Environment, kind: str) -> None:
    codec = TypedKey(parse(kind))
    d = PersistentDict(store, f"keys {kind}", key=kind, value=int)
    s = PersistentSet(store, f"elements {kind}", element=kind)

    @given(_KINDS[kind])
    def holds(key: Any) -> None:
        d.clear()
        s.clear()
        expected = outcome(lambda: codec.encode(key))
        if issubclass(expected[0], Exception):
            assert is_located(outcome(lambda: d.__setitem__(key, 1)), expected)
            assert is_located(outcome(lambda: s.add(key)), expected)
            with pytest.raises((expected[0], ValueError), match="item 1"):
                s.update([_PLAIN[kind], key])
            assert len(d) == len(s) == 0
            return
        if len(codec.encode(key)) > 1978:
            return
        back = outcome(lambda: codec.decode(codec.encode(key)))
        d[key] = 7
        s.add(key)
        assert (d[key], d.get(key), key in d, key in s) == (7, 7, True, True)
        assert outcome(lambda: next(iter(d))) == outcome(lambda: next(iter(s))) == back
        assert outcome(lambda: next(iter(d.items()))[0]) == back
        d.update([(key, 8)])
        assert (len(d), d.take(key)) == (1, 8)
        s.clear()
        s.update([key, key])
        assert (len(s), key in s) == (1, True)

    settings(max_examples=40, deadline=None)(holds)()


class _Day(datetime.date):
    """A subclass that is stored as the int that it equals."""


class _Pair(tuple):  # type: ignore[type-arg]
    """A subclass that is stored as the tuple that it equals."""


# Keys of every type, and others: a collection of another type refuses or converts them.
_ANYTHING = (
    st.one_of(list(_KINDS.values()))
    | st.builds(np.int8, st.integers(-128, 127))
    | st.builds(np.uint64, st.integers(0, 2**64 - 1))
    | st.builds(np.float32, st.floats(width=32))
    | st.builds(np.float64, st.floats())
    | st.builds(np.bool_, st.booleans())
    | st.builds(np.str_, st.text(max_size=3))
    | st.builds(np.bytes_, st.binary(max_size=3))
    | st.builds(lambda day: _Day(day.year, day.month, day.day), st.dates())
    | st.builds(_Pair, st.tuples(st.text(max_size=3), st.integers(0, 9), st.floats(width=16)))
    | st.builds(lambda size: np.arange(size, dtype="f4"), st.integers(0, 4))
    | st.builds(bytearray, st.binary(max_size=4))
    | st.builds(memoryview, st.binary(max_size=4))
    | st.sampled_from((-0.0, 2.0, 1e39, -1e39, 2**53 + 1, 10**30, -(2**64), 1 << 2040, math.nan))
)


@pytest.mark.parametrize("kind", _KINDS)
@settings(max_examples=50)
@given(key=_ANYTHING)
def test_a_key_of_any_type_has_the_bytes_of_the_package(kind: str, key: Any) -> None:
    """The accelerator once encoded the keys of a few types only, and tuples, dates, UUIDs and
    floats were another implementation in Python.
    """
    package, codec = TypedKey(parse(kind)), key_codec(parse(kind))
    encoded = outcome(lambda: package.encode(key))
    assert outcome(lambda: codec.encode(key)) == encoded
    if encoded[0] is bytes:
        data = package.encode(key)
        assert outcome(lambda: codec.decode(data)) == outcome(lambda: package.decode(data))


@pytest.mark.parametrize("kind", _VALUE_KINDS)
@settings(max_examples=50)
@given(value=_ANYTHING)
def test_a_value_of_any_type_has_the_bytes_of_the_package(kind: str, value: Any) -> None:
    package, codec = package_values(kind), value_codec(parse(kind))
    encoded = outcome(lambda: package.encode(value))
    assert outcome(lambda: codec.encode(value)) == encoded
    if encoded[0] is bytes:
        data = package.encode(value)
        assert outcome(lambda: codec.decode(data)) == outcome(lambda: package.decode(data))


@pytest.mark.parametrize("kind", _KINDS)
@settings(max_examples=50)
@given(data=st.data())
def test_bytes_are_a_key_where_they_are_one_to_the_package(kind: str, data: st.DataObject) -> None:
    """Bytes of another program, and keys with a byte that has changed."""
    package, codec = TypedKey(parse(kind)), key_codec(parse(kind))
    encoded = bytearray(package.encode(_PLAIN[kind]))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] = data.draw(st.integers(0, 255))
    for stored in (bytes(encoded), bytes(encoded[:at]), data.draw(st.binary(max_size=20))):
        expected = outcome(lambda stored=stored: package.decode(stored))  # type: ignore[misc]
        found = outcome(lambda stored=stored: codec.decode(stored))  # type: ignore[misc]
        # Only the package detects a text with one NUL too many or too few, or bytes not of a key.
        is_one = expected[0] not in (BadKeyError, KeySizeError)
        assert found == expected or (not is_one and kind in ("str", "bytes"))


def test_dates_beyond_python_are_refused_in_every_way(env: Environment) -> None:
    """The class and the message are those of the package, with the accelerator too."""
    for kind, data in (("date", b"\xff" * 4), ("date", bytes(4)), ("datetime", b"\xff" * 8)):
        with pytest.raises(DateOverflowError, match="years 1 to 9999"):
            key_codec(parse(kind)).decode(data)
    with pytest.raises(DateOverflowError, match="years 1 to 9999"):
        value_codec(parse("date")).decode(b"\xff\xff\xff\x7f")


@pytest.mark.parametrize(
    ("kind", "stored"),
    [("str", b"\xff"), ("i32", b"123"), ("bool", b"\2"), ("any", b"\x83\1"), ("f64", b"1")],
)
def test_invalid_stored_values_raise_the_error_of_the_codec(
    tmp_path: Path, kind: str, stored: bytes
) -> None:
    with Environment(tmp_path / "env") as env:
        PersistentDict(env, "d", key=str, value=kind)
    # As another program does, which does not use the types.
    other = lmdb.open(str(tmp_path / "env"), max_dbs=2)
    with other.begin(write=True, db=other.open_db(b"d")) as transaction:
        transaction.put(b"k", stored)
    other.close()
    with pytest.raises(BadValueError) as told:
        package_values(kind).decode(stored)
    with Environment(tmp_path / "env") as env:
        d = PersistentDict(env, "d", key=str, value=kind)
        len(d)
        for read in (lambda: d["k"], lambda: d.get("k"), lambda: list(d.values())):
            with pytest.raises(BadValueError) as found:
                read()
            assert str(found.value).endswith(str(told.value))
        for read in (lambda: d["k"], lambda: d.get("k"), lambda: d.pop("k"), d.first):
            with pytest.raises(BadValueError, match="dict 'd', key 'k'"):
                read()


@given(_VALUES)
def test_any_is_written_as_the_package_writes_it(value: Any) -> None:
    codec = value_codec(parse("any"))
    pairs = [("k", value)]
    columns = acceleration.pair_columns(pairs, key_codec(parse("str")), codec)
    if columns is None:
        return
    _, values = columns
    size = (ctypes.c_uint64 * 2).from_address(values.offsets)[1]
    assert ctypes.string_at(values.data, size) == cbor.encode(value)


def test_arrays_of_any_are_written_as_the_package_writes_them(env: Environment) -> None:
    """Each kind of array is stored in the package's bytes, and comes back as from the package."""
    np = pytest.importorskip("numpy")
    d: PersistentDict[str, Any] = PersistentDict(env, "d", key=str)
    codec, keys = value_codec(parse("any")), key_codec(parse("str"))
    rows = np.arange(12).reshape(3, 4)
    for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", ">i4", ">f8"):
        for array in (
            np.arange(5).astype(name),
            rows.astype(name),
            np.asfortranarray(rows.astype(name)),
            rows.astype(name)[:, ::2],
            rows.astype(name)[::-1],
            np.zeros((0,), name),
            np.zeros((2, 0), name),
            np.array(7, name),
        ):
            columns = acceleration.pair_columns([("k", [array])], keys, codec)
            if columns is not None:
                _, values = columns
                size = (ctypes.c_uint64 * 2).from_address(values.offsets)[1]
                assert ctypes.string_at(values.data, size) == cbor.encode([array])
            d["k"] = array
            found, expected = d["k"], cbor.decode(cbor.encode(array))
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            assert np.array_equal(found, array)
            assert found.flags.writeable == expected.flags.writeable
            assert found.dtype.isnative


def test_deep_values_and_large_ones(env: Environment) -> None:
    d: PersistentDict[str, Any] = PersistentDict(env, "d", key=str)
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    d["deep"] = deep
    assert d["deep"] == deep
    for size in (1, 2047, 2048, 2049, 100_000, 3):
        d["large"] = b"x" * size
        assert d["large"] == b"x" * size
        assert d.get("large") == b"x" * size
    assert math.isnan(d.setdefault("nan", math.nan))


def test_a_missing_key_that_is_a_tuple_is_the_errors_only_argument(env: Environment) -> None:
    d: PersistentDict[Any, int] = PersistentDict(env, "d", value=int)
    with pytest.raises(KeyError) as missing:
        d[(1, 2)]
    assert missing.value.args == ((1, 2),)
    with pytest.raises(KeyError) as missing:
        d["gone"]
    assert missing.value.args == ("gone",)


def test_a_subclass_can_override_the_hot_calls(env: Environment) -> None:
    class Loud(PersistentDict[str, str]):
        def __getitem__(self, key: str) -> str:
            return super().__getitem__(key).upper()

        def __setitem__(self, key: str, value: str) -> None:
            super().__setitem__(key, value + "!")

    d = Loud(env, "d", key=str, value=str)
    d["a"] = "hello"
    assert d["a"] == "HELLO!"
    assert "a" in d


def test_methods_can_be_taken_from_the_class(env: Environment) -> None:
    d: PersistentDict[str, int] = PersistentDict(env, "d", key=str, value=int)
    PersistentDict.__setitem__(d, "a", 1)
    assert PersistentDict.get(d, "a") == PersistentDict.__getitem__(d, "a") == 1
    assert PersistentDict.__contains__(d, "a")
    s: PersistentSet[str] = PersistentSet(env, "s", element=str)
    PersistentSet.add(s, "x")
    assert list(map(s.__contains__, ["x", "y"])) == [True, False]


def test_a_walk_is_not_run_inside_itself(env: Environment) -> None:
    d: PersistentDict[str, int] = PersistentDict(env, "d", key=str, value=int)
    d["a"] = 1
    walk = iter(d)
    assert iter(walk) is walk
    assert next(walk) == "a"
    assert next(walk, None) is None
    assert next(walk, None) is None


def _calls(env: Environment) -> dict[str, Callable[[], object]]:
    d: PersistentDict[str, Any] = PersistentDict(env, "d", key=str)
    numbers: PersistentDict[int, float] = PersistentDict(env, "numbers", key=int, value=float)
    s: PersistentSet[bytes] = PersistentSet(env, "s", element=bytes)
    content = {"list": [1, {"x": 2.5}], "text": "é" * 50, "large": b"x" * 5000}
    d.update(content)
    numbers.update((number, number / 2) for number in range(100))
    s.update([b"a", b"b"])

    def misses() -> None:
        for absent in ("?", ("a", 1), 10**30, 2.5):
            with pytest.raises(KeyError):
                d[absent]  # type: ignore[index]

    def stored() -> None:
        with env.transaction():
            d["list"] = content["list"]
            s.add(b"c")

    def refused() -> None:
        for bad in (object(), "\ud800"):
            with pytest.raises((TypeError, ValueError)):
                d.update([("x", bad)])

    return {
        "get": lambda: [d[key] for key in content],
        "get, default": lambda: [d.get("?", 1), d.get("list")],
        "contains": lambda: ["?" in d, "list" in d, b"a" in s, 3 in s],
        "misses": misses,
        "walks": lambda: [dict(d.items()), list(numbers.values()), list(s), list(d)],
        "ranges": lambda: [
            list(numbers.range(2, 9).items()),
            len(numbers.range(3)),
            list(s.irange(b"a")),
            list(d.range("l", "t").values()),
        ],
        "half a walk": lambda: next(iter(numbers.items())),
        "put": stored,
        "update": lambda: d.update(content),
        "refused": refused,
    }


def test_100_000_calls_leak_nothing(env: Environment) -> None:
    """Each call releases what it takes: memory, and references to shared objects."""
    calls = _calls(env)
    shared = [None, True, 1, "list", b"a", KeyError]

    def run(times: int) -> None:
        for call in calls.values():
            for _ in range(times):
                call()

    run(30)
    gc.collect()
    references = [sys.getrefcount(thing) for thing in shared]
    blocks = sys.getallocatedblocks()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        run(1200)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Each of those makes about ten calls of the accelerator, so a leak of one block per call would
    # be a hundred thousand.
    assert sys.getallocatedblocks() - blocks < 2000
    assert after - before < 200_000
    for thing, count in zip(shared, references):
        assert abs(sys.getrefcount(thing) - count) < 500, thing


def test_an_iterator_in_use_is_refused(tmp_path: Path) -> None:
    """A request for an item while the iterator fetches one raised a plain ValueError: from another
    thread, or from inside a decoder.
    """
    seen: list[Any] = []

    def decode(data: bytes) -> object:
        try:
            next(walk)
        except (Error, StopIteration) as error:
            seen.append(type(error))
        return data

    with Environment(tmp_path / "env") as env:
        d = PersistentDict[Any, Any](env, "d", key="any", value="any")
        # A key that the accelerator leaves to the package, which calls the codec.
        d[True,] = 1
        d._keys.coder = acceleration.key_coder("(str)", d._keys.encode, decode)
        d._keys.decode = decode  # type: ignore[method-assign]
        # Not by `iter`, for which the accelerator uses the codec that it was given at first.
        walk = Ordered._keys_in(d, EVERYTHING)
        assert len(list(walk)) == 1
    # Python's own iterator asks for the next batch, and reaches the end.
    assert seen == [StopIteration if _OFF else IteratorBusyError]
