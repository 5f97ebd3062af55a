"""Environments of other LMDB programs used by this library, and this library's used by them."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import cbor2
import pytest
from conftest import ROOT
from lmdb_side import elsewhere, get, names, read, read_all, write

from persistent_collections import (
    BadKeyError,
    Environment,
    KeySizeError,
    NoCollectionError,
    PersistentDict,
    PersistentSet,
    ReadOnlyError,
    TypeMismatchError,
    UnsupportedError,
)

sys.path.insert(0, str(ROOT / "tests" / "independent"))
import check_vectors  # noqa: E402

VECTORS: list[dict[str, Any]] = json.loads(
    (ROOT / "tests" / "vectors" / "vectors.json").read_text(encoding="utf-8")
)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Returns the path for another program's environment."""
    return tmp_path / "theirs"


def kinds(env: Environment) -> dict[str, tuple[str, int]]:
    """Returns kind and count of every collection."""
    return {it.name: (it.kind, it.count or 0) for it in env.collections()}


# Environments of other programs, opened by this library.


def test_a_named_database_is_a_raw_collection(theirs: Path) -> None:
    elsewhere(write, theirs, b"ages", [(b"Ada", b"36"), (b"Alan", b"41")])
    with Environment(theirs) as env:
        assert kinds(env) == {"ages": ("raw", 2)}
        assert env.schema("ages").kind == "raw"
        ages = PersistentDict(env, "ages", key=str, value=bytes)
        assert ages.raw
        assert list(ages.items()) == [("Ada", b"36"), ("Alan", b"41")]
        assert (ages["Ada"], "Alan" in ages, "Eve" in ages, len(ages)) == (b"36", True, False, 2)
        # Each opening decides its types.
        assert PersistentDict(env, "ages", key=bytes, value=str)[b"Ada"] == "36"
        assert set(PersistentSet(env, "ages", element=str)) == {"Ada", "Alan"}
        ages["Eve"] = b"1"
        del ages["Alan"]
        with env.transaction():
            ages.update({"Bob": b"2"})
        assert list(ages.prefix("A")) == ["Ada"]
    assert elsewhere(read, theirs, b"ages") == [(b"Ada", b"36"), (b"Bob", b"2"), (b"Eve", b"1")]
    # The opening has not stored anything about it.
    assert elsewhere(names, theirs) == [b"ages"]


def test_numbers_of_raw_collections_are_as_in_memory(theirs: Path) -> None:
    numbers = [1, 256, -1, 7]
    pairs = [(struct.pack("=q", n), struct.pack("=i", -n)) for n in numbers]
    elsewhere(write, theirs, b"numbers", pairs)
    with Environment(theirs) as env:
        d = PersistentDict(env, "numbers", key="i64", value="i32")
        assert d == {n: -n for n in numbers}
        assert list(d) == sorted(numbers, key=lambda n: struct.pack("=q", n))
        d[1000] = 5
    assert elsewhere(get, theirs, b"numbers", [struct.pack("=q", 1000)]) == [struct.pack("=i", 5)]


def test_opening_listing_and_reading_never_makes_a_catalog(theirs: Path) -> None:
    elsewhere(write, theirs, b"a", [(b"k", b"v")])
    before = (theirs / "data.mdb").read_bytes()
    for options in ({}, {"read_only": True}, {"immutable": True}):
        with Environment(theirs, **options) as env:
            assert kinds(env) == {"a": ("raw", 1)}
            assert env.info().collections == 1
            assert PersistentDict(env, "a", key=bytes, value=bytes) == {b"k": b"v"}
            with env.snapshot():
                assert list(PersistentDict(env, "a", key=str, value=str).items()) == [("k", "v")]
            with pytest.raises(NoCollectionError):
                PersistentDict(env, "b", key=str, value=str, create=False)
    assert (theirs / "data.mdb").read_bytes() == before


def test_a_collection_of_ours_beside_theirs(theirs: Path) -> None:
    elsewhere(write, theirs, b"theirs", [(b"k", b"v")])
    with Environment(theirs) as env:
        ours = PersistentDict(env, "ours", key=str, value=int)
        ours["n"] = 1
        assert kinds(env) == {"ours": ("dict", 1), "theirs": ("raw", 1)}
        with pytest.raises(TypeMismatchError):
            PersistentDict(env, "ours", key=str, value=str)
    assert elsewhere(names, theirs) == [b"ours", b"pc:catalog", b"theirs"]
    assert elsewhere(read, theirs, b"theirs") == [(b"k", b"v")]


def test_the_unnamed_database_with_plain_records(theirs: Path) -> None:
    elsewhere(write, theirs, None, [(b"b", b"2"), (b"a", b"1")])
    with Environment(theirs) as env:
        assert kinds(env) == {"": ("raw", 2)}
        unnamed = PersistentDict(env, "", key=str, value=str)
        assert unnamed.raw
        assert list(unnamed.items()) == [("a", "1"), ("b", "2")]
        unnamed["c"] = "3"
        assert (len(unnamed), unnamed.last()) == (3, ("c", "3"))
    assert elsewhere(read, theirs, None) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def test_named_databases_are_not_records_of_the_unnamed_one(theirs: Path) -> None:
    elsewhere(write, theirs, None, [(b"a", b"1"), (b"z", b"26")])
    elsewhere(write, theirs, b"named", [(b"k", b"v")])
    with Environment(theirs) as env:
        assert kinds(env) == {"": ("raw", 2), "named": ("raw", 1)}
        unnamed = PersistentDict(env, "", key=str, value=str)
        assert list(unnamed.items()) == [("a", "1"), ("z", "26")]
        assert list(unnamed.range(reverse=True)) == ["z", "a"]
        assert len(unnamed) == 2
        assert unnamed.get("named") is None
        assert "named" not in unnamed
        # Nor can the unnamed database be used to damage one.
        unnamed.clear()
        assert len(unnamed) == 0
        assert PersistentDict(env, "named", key=str, value=str) == {"k": "v"}
    assert elsewhere(names, theirs) == [b"named"]
    assert elsewhere(read, theirs, b"named") == [(b"k", b"v")]


def test_the_empty_name_is_ours_where_there_are_no_plain_records(theirs: Path) -> None:
    elsewhere(write, theirs, b"named", [(b"k", b"v")])
    with Environment(theirs) as env:
        PersistentDict(env, "", key=str, value=int)["a"] = 1
        assert kinds(env) == {"": ("dict", 1), "named": ("raw", 1)}
    assert elsewhere(names, theirs) == [b"named", b"pc:catalog", b"pc:unnamed"]


def test_databases_with_duplicates_are_read_only_and_give_every_pair(theirs: Path) -> None:
    pairs = [(b"a", b"1"), (b"a", b"2"), (b"b", b"1"), (b"c", b"1"), (b"c", b"3"), (b"c", b"7")]
    for pair in reversed(pairs):
        elsewhere(write, theirs, b"many", [pair], dupsort=True)
    with Environment(theirs) as env:
        many = PersistentDict(env, "many", key=str, value=str)
        expected = [(key.decode(), value.decode()) for key, value in pairs]
        assert list(many.items()) == expected
        assert list(many.range(reverse=True).items()) == expected[::-1]
        assert list(many.range("b", "c").items()) == [("b", "1")]
        assert len(many) == len(pairs)
        assert (many["a"], many["c"], many.get("d")) == ("1", "1", None)
        assert (many.first(), many.last()) == (("a", "1"), ("c", "7"))
        for change in (
            lambda: many.__setitem__("d", "1"),
            lambda: many.__delitem__("a"),
            lambda: many.update({"a": "0"}),
            lambda: many.take("a"),
            many.clear,
        ):
            with pytest.raises(ReadOnlyError):
                change()
        with env.transaction(), pytest.raises(ReadOnlyError):
            many["d"] = "1"
        assert list(many.items()) == expected
    assert elsewhere(read, theirs, b"many") == pairs


@pytest.mark.parametrize(("form", "type_", "width"), [("=Q", "u64", 8), ("=I", "u32", 4)])
def test_integer_keys_keep_their_order_and_length(theirs: Path, form: str, type_: str, width: int) -> None:
    numbers = [256, 1, 65536, 2, 255]
    pairs = [(struct.pack(form, n), str(n).encode()) for n in numbers]
    elsewhere(write, theirs, b"integers", pairs, integerkey=True)
    with Environment(theirs) as env:
        d = PersistentDict(env, "integers", key=type_, value=str)
        # Ordered as numbers, not as their bytes in memory.
        assert list(d.items()) == [(n, str(n)) for n in sorted(numbers)]
        assert list(d.range(2, 256)) == [2, 255]
        assert list(d.range(2, 256, reverse=True)) == [255, 2]
        assert (d.first(), d.last()) == ((1, "1"), (65536, "65536"))
        d[3] = "three"
        assert list(d)[:4] == [1, 2, 3, 255]
        as_bytes = PersistentDict(env, "integers", key=bytes, value=bytes)
        for key in (b"a", b"abc", b"a" * 9, b"a" * (12 - width)):
            # A look-up finds nothing, and a store is refused.
            assert key not in as_bytes
            with pytest.raises((BadKeyError, KeySizeError)):
                as_bytes[key] = b"no"
        with pytest.raises(UnsupportedError):
            list(as_bytes.prefix(b"\1"))
        assert len(d) == len(numbers) + 1
    found = elsewhere(read, theirs, b"integers")
    assert [struct.unpack(form, key)[0] for key, _ in found] == sorted([*numbers, 3])


def test_reversed_keys_keep_their_order(theirs: Path) -> None:
    words = [b"ab", b"ba", b"c", b"ca", b"aab"]
    elsewhere(write, theirs, b"reversed", [(word, word) for word in words], reverse_key=True)
    with Environment(theirs) as env:
        d = PersistentDict(env, "reversed", key=bytes, value=bytes)
        order = sorted(words, key=lambda word: word[::-1])
        assert list(d) == order
        assert list(d.range(reverse=True)) == order[::-1]
        assert list(d.range(b"ca", b"ab")) == order[order.index(b"ca") : order.index(b"ab")]
        assert all(d[word] == word for word in words)
        with pytest.raises(UnsupportedError):
            list(d.prefix(b"a"))
        d[b"zaab"] = b"last"
        # The order also holds when the collection changes during the iteration.
        with env.transaction():
            seen = []
            for word in d:
                seen.append(word)
                d[word] = b"seen"
        assert seen == sorted([*words, b"zaab"], key=lambda word: word[::-1])
    assert [key for key, _ in elsewhere(read, theirs, b"reversed")] == seen


# Environments of this library, opened by other programs.


def test_lmdb_reads_ours_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "ours"
    with Environment(path) as env:
        PersistentDict(env, "ages", key=str, value=int).update({"Ada": 36, "": -1})
        PersistentSet(env, "seen", element="any").update([("a", 1), 2.5])
        env.drop("seen")
    found = elsewhere(read_all, path)
    assert found[b"ages"] == [(b"\0", b"\xff" * 8), (b"Ada", struct.pack("<q", 36))]
    assert found[b"seen"] == []
    assert {key: cbor2.loads(record) for key, record in found[b"pc:catalog"]} == {
        b"ages": {"v": 1, "id": 1, "kind": "dict", "key": "str", "value": "i64"},
        b"pc:seq": 3,
        b"seen": {"v": 1, "id": 3, "dropped": True},
    }


def test_lmdb_writes_to_ours_and_it_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "ours"
    with Environment(path) as env:
        PersistentDict(env, "ages", key=str, value=int)["Ada"] = 36
        PersistentDict(env, "gone", key=str, value=int)["a"] = 1
        env.drop("gone")
    elsewhere(write, path, b"ages", [(b"Alan", struct.pack("<q", 41))])
    # A dropped collection that another program filled again belongs to that program.
    elsewhere(write, path, b"gone", [(b"b", b"theirs")])
    with Environment(path) as env:
        assert PersistentDict(env, "ages") == {"Ada": 36, "Alan": 41}
        assert kinds(env) == {"ages": ("dict", 2), "gone": ("raw", 1)}
        assert PersistentDict(env, "gone", key=str, value=str) == {"b": "theirs"}


def test_lmdb_cbor2_and_the_tuple_layer_alone_read_the_golden_environment(golden: Path) -> None:
    found = elsewhere(read_all, golden)
    schemas = {name.decode(): cbor2.loads(record) for name, record in found.pop(b"pc:catalog")}
    highest = schemas.pop("pc:seq")
    dropped = [name for name, schema in schemas.items() if schema.get("dropped")]
    assert dropped == ["dropped"]
    assert found.pop(b"dropped") == []
    assert schemas.pop("dropped")["id"] == highest
    assert set(schemas) == {name.decode() for name in found}
    assert {schema["v"] for schema in schemas.values()} == {1}

    checked = 0
    for vector in VECTORS:
        type_, name, is_key = vector["type"], vector["name"], vector["role"] == "key"
        if type_ == "unit":
            # The elements of a set have values without bytes.
            continue
        collection = f"{vector['role']} {type_}"
        schema = schemas[collection]
        if is_key:
            assert (schema["kind"], schema["key"], schema["value"]) == ("set", type_, "unit")
            records = {key.hex(): key for key, value in found[collection.encode()] if not value}
            record = records[vector["hex"]]
        else:
            assert (schema["kind"], schema["key"], schema["value"]) == ("dict", "str", type_)
            record = dict(found[collection.encode()])[name.encode()]
        # Those libraries decode the stored bytes to the value of the vector.
        assert all(check_vectors.check({**vector, "hex": record.hex()})), vector
        assert record.hex() == vector["hex"]
        checked += 1
    assert checked == sum(
        len(found[name.encode()]) for name in schemas if name.startswith(("key ", "value "))
    )
    assert found[b"pc:unnamed"][-1] == (b"answer", struct.pack("<q", 42))


def test_the_reader_in_the_format_specification_works(golden: Path) -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    (reader,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", reader, str(golden)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert sum(not line.startswith(" ") for line in lines) == len(
        {(vector["type"], vector["role"]) for vector in VECTORS if vector["type"] != "unit"}
    ) + len(["pc:unnamed", "tuple keys"])
    for line in (
        "tuple keys dict (str,i64) str",
        "    ('year', -1) 'minus one'",
        "    ('year', 2026) '2026, größer'",
        "pc:unnamed dict str i64",
        "    '' 7",
        "    'answer' 42",
        "key f64 set f64 unit",
        "value f32[3] dict str f32[3]",
    ):
        assert line in lines
