"""Walks, bounds and changes collections of every order and form of LMDB, through the C ABI."""

from __future__ import annotations

import ctypes
import itertools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lmdb_side import elsewhere, names, read, write

from persistent_collections import (
    BadKeyError,
    Environment,
    PersistentDict,
    PersistentSet,
    ReadOnlyError,
    TypeMismatchError,
    UnsupportedError,
)
from persistent_collections import _raw as raw
from persistent_collections._checked import check
from persistent_collections.iteration import Bounds

Pair = tuple[bytes, bytes]
LIBRARY = raw.load()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Returns the path for another program's environment."""
    return tmp_path / "theirs"


class Walk:
    """An iterator of the C ABI over a dict."""

    def __init__(self, collection: PersistentDict[Any, Any], bounds: Bounds | None = None) -> None:
        iterator = ctypes.c_uint64()
        self.bounds = (bounds or Bounds()).struct()
        opened = LIBRARY.pc_iter_open_dict(
            collection._handle, ctypes.byref(self.bounds), ctypes.byref(iterator)
        )
        check(LIBRARY, opened)
        self.handle = iterator.value

    def step(self, call: Callable[..., int]) -> Pair | None:
        """Returns the next or the previous pair; None at the end."""
        key, value = ctypes.c_void_p(), ctypes.c_void_p()
        sizes = ctypes.c_size_t(), ctypes.c_size_t()
        status = call(
            self.handle,
            *(ctypes.byref(key), ctypes.byref(sizes[0])),
            *(ctypes.byref(value), ctypes.byref(sizes[1])),
        )
        if check(LIBRARY, status) == raw.PC_END:
            return None
        return ctypes.string_at(key, sizes[0].value), ctypes.string_at(value, sizes[1].value)

    def next(self) -> Pair | None:
        return self.step(LIBRARY.pc_iter_next)

    def previous(self) -> Pair | None:
        return self.step(LIBRARY.pc_iter_prev)

    def seek(self, key: bytes) -> None:
        check(LIBRARY, LIBRARY.pc_iter_seek(self.handle, key, len(key)))

    def batches(self, size: int) -> Iterator[list[Pair]]:
        """Yields the remaining pairs in batches of at most `size`."""
        batch = raw.pc_batch()
        while True:
            status = LIBRARY.pc_iter_next_batch(self.handle, size, 0, ctypes.byref(batch))
            if check(LIBRARY, status) == raw.PC_END:
                return
            columns = []
            for data, offsets in (
                (batch.keys, batch.key_offsets),
                (batch.values, batch.value_offsets),
            ):
                address = ctypes.cast(offsets, ctypes.c_void_p).value or 0
                cuts = list((ctypes.c_uint64 * (batch.count + 1)).from_address(address))
                start = ctypes.cast(data, ctypes.c_void_p).value or 0
                columns.append([ctypes.string_at(start + a, b - a) for a, b in zip(cuts, cuts[1:])])
            yield list(zip(*columns))

    def close(self) -> None:
        check(LIBRARY, LIBRARY.pc_iter_close(self.handle))


def steps(walk: Walk) -> list[Pair]:
    found = list(iter(walk.next, None))
    walk.close()
    return found


def check_walks(collection: PersistentDict[Any, Any], expected: list[Pair]) -> None:
    """Checks every way of walking a collection, in its order and in reverse."""
    assert steps(Walk(collection)) == expected
    assert steps(Walk(collection, Bounds(reverse=True))) == expected[::-1]
    assert len(collection) == len(expected)
    for size in (1, 2, 3, len(expected) + 1):
        for reverse in (False, True):
            walk = Walk(collection, Bounds(reverse=reverse))
            batches = list(walk.batches(size))
            walk.close()
            assert [pair for batch in batches for pair in batch] == expected[:: 1 - 2 * reverse]
            assert {len(batch) for batch in batches[:-1]} <= {size}
    # Forward and back, with a turn at each place.
    walk = Walk(collection)
    for at, pair in enumerate(expected):
        assert walk.next() == pair
        assert walk.previous() == (expected[at - 1] if at else None)
        assert walk.next() == pair
    assert walk.next() is None
    assert list(iter(walk.previous, None)) == expected[::-1]
    walk.close()


def check_bounds(
    collection: PersistentDict[Any, Any],
    expected: list[Pair],
    keys: list[bytes],
    order: Callable[[bytes], Any],
) -> None:
    """Checks ranges between any two keys, with every kind of bounds, and seeks to each key."""
    for low, high in itertools.product(keys, keys):
        for closed in itertools.product((False, True), repeat=2):
            inside = [
                pair
                for pair in expected
                if (order(pair[0]) > order(low) or (closed[0] and pair[0] == low))
                and (order(pair[0]) < order(high) or (closed[1] and pair[0] == high))
            ]
            for reverse in (False, True):
                bounds = Bounds(low, high, closed[0], closed[1], reverse=reverse)
                assert steps(Walk(collection, bounds)) == inside[:: 1 - 2 * reverse]
    for key, reverse in itertools.product(keys, (False, True)):
        walk = Walk(collection, Bounds(reverse=reverse))
        walk.seek(key)
        if reverse:
            expect = [pair for pair in expected if order(pair[0]) <= order(key)][::-1]
        else:
            expect = [pair for pair in expected if order(pair[0]) >= order(key)]
        assert steps(walk) == expect


def remove(collection: PersistentDict[Any, Any], bounds: Bounds) -> int:
    """Removes the keys of a range, and returns their number."""
    removed = ctypes.c_uint64()
    bounds_struct = bounds.struct()
    status = LIBRARY.pc_dict_remove_range(
        collection._handle, ctypes.byref(bounds_struct), ctypes.byref(removed)
    )
    check(LIBRARY, status)
    return removed.value


# Several values for a key.


def many_values() -> list[Pair]:
    """Returns keys with one value, with several, and with more than a page of them."""
    pairs = [(b"a", b"1"), (b"b", b"1"), (b"b", b"2"), (b"b", b"22"), (b"d", b"0"), (b"d", b"x")]
    pairs += [(b"e", struct.pack(">I", n)) for n in range(900)]
    return [*pairs, (b"f", b"1")]


def test_every_pair_of_duplicates_is_walked_either_way(theirs: Path) -> None:
    pairs = many_values()
    elsewhere(write, theirs, b"many", pairs[::-1], dupsort=True)
    with Environment(theirs) as env:
        many = PersistentDict(env, "many", key=bytes, value=bytes)
        check_walks(many, pairs)
        with env.snapshot():
            check_walks(many, pairs)
        with env.transaction():
            check_walks(many, pairs)
        check_bounds(many, pairs, [b"a", b"b", b"c", b"d", b"g"], lambda key: key)
        firsts = dict(reversed(pairs))
        assert {key: many[key] for key in firsts} == firsts
        assert many.get(b"c") is None
        assert list(many.prefix(b"b").items()) == pairs[1:4]
    assert elsewhere(read, theirs, b"many") == pairs


@pytest.mark.parametrize("flags", [{"dupfixed": True}, {"dupfixed": True, "integerdup": True}])
def test_duplicates_of_one_length(theirs: Path, flags: dict[str, bool]) -> None:
    pairs = [(key, struct.pack("=I", n)) for key in (b"a", b"b") for n in range(2, 1500, 7)]
    elsewhere(write, theirs, b"fixed", pairs, dupsort=True, **flags)
    pairs = elsewhere(read, theirs, b"fixed")
    with Environment(theirs) as env:
        fixed = PersistentDict(env, "fixed", key=bytes, value=bytes)
        check_walks(fixed, pairs)
        assert fixed[b"b"] == next(value for key, value in pairs if key == b"b")


def test_every_way_of_changing_duplicates_is_refused(theirs: Path) -> None:
    pairs = many_values()
    elsewhere(write, theirs, b"many", pairs, dupsort=True)
    with Environment(theirs) as env:
        many = PersistentDict(env, "many", key=bytes, value=bytes)
        as_set = PersistentSet(env, "many", element=bytes)
        for inside in (False, True):
            transaction = env.transaction() if inside else env.snapshot()
            if inside:
                transaction.__enter__()
            for change in (
                lambda: many.__setitem__(b"a", b"2"),
                lambda: many.setdefault(b"z", b"2"),
                lambda: many.pop(b"a"),
                lambda: many.update({b"z": b""}),
                lambda: remove(many, Bounds(b"a", b"b")),
                lambda: as_set.add(b"z"),
                lambda: as_set.discard(b"a"),
                as_set.clear,
            ):
                with pytest.raises(ReadOnlyError):
                    change()
            if inside:
                transaction.__exit__(None, None, None)
        check_walks(many, pairs)


# Keys that are numbers.


@pytest.mark.parametrize(("form", "type_"), [("=I", "u32"), ("=Q", "u64")])
def test_integer_keys_are_walked_bounded_and_removed_as_numbers(theirs: Path, form: str, type_: str) -> None:
    numbers = [1, 2, 255, 256, 257, 65535, 65536, 1 << 24, (1 << 32) - 1]
    pairs = [(struct.pack(form, n), str(n).encode()) for n in numbers]
    elsewhere(write, theirs, b"numbers", pairs[::-1], integerkey=True)
    width = struct.calcsize(form)

    def order(key: bytes) -> int:
        return int(struct.unpack(form, key)[0])

    with Environment(theirs) as env:
        d = PersistentDict(env, "numbers", key=bytes, value=bytes)
        check_walks(d, pairs)
        keys = [struct.pack(form, n) for n in (0, 1, 3, 256, 65536, (1 << 32) - 1)]
        check_bounds(d, pairs, keys, order)
        with env.transaction():
            check_bounds(d, pairs, keys[1:4], order)
        for key in (b"", b"\1", b"\1" * (12 - width), b"\1" * 9):
            for bounds in (Bounds(lower=key), Bounds(upper=key)):
                with pytest.raises(BadKeyError):
                    steps(Walk(d, bounds))
                with pytest.raises(BadKeyError):
                    remove(d, bounds)
            walk = Walk(d)
            walk.seek(key)
            with pytest.raises(BadKeyError):
                walk.next()
            walk.close()
        with pytest.raises(UnsupportedError):
            Walk(d, Bounds(prefix=b"\1"))
        with pytest.raises(UnsupportedError):
            remove(d, Bounds(prefix=b"\1"))
        # By their bytes, 256 and 257 would come first.
        assert remove(d, Bounds(keys[3], keys[4])) == 3
        with env.transaction():
            assert remove(d, Bounds(keys[1], keys[2], False, True)) == 1
            typed = PersistentDict(env, "numbers", key=type_, value=bytes)
            typed[7] = b"7"
            assert list(typed) == [1, 7, 255, 65536, 1 << 24, (1 << 32) - 1]
    left = elsewhere(read, theirs, b"numbers")
    assert [order(key) for key, _ in left] == [1, 7, 255, 65536, 1 << 24, (1 << 32) - 1]


def test_the_first_of_the_integer_keys_decides_their_length(theirs: Path) -> None:
    elsewhere(write, theirs, b"numbers", [], integerkey=True)
    with Environment(theirs) as env:
        d = PersistentDict(env, "numbers", key=bytes, value=bytes)
        assert list(d) == []
        for key in (b"abc", b"abcde"):
            with pytest.raises(BadKeyError):
                d[key] = b""
        with pytest.raises(BadKeyError):
            d.update({b"four": b"", b"eight..!": b""})
        assert len(d) == 0
        d[b"four"] = b"4"
        with env.transaction(), pytest.raises(BadKeyError):
            d[b"eight..!"] = b""
        assert list(d.items()) == [(b"four", b"4")]
    assert elsewhere(read, theirs, b"numbers") == [(b"four", b"4")]


# Keys that are compared from the last byte to the first.


def test_reversed_keys_are_walked_bounded_and_removed_in_their_order(theirs: Path) -> None:
    words = [b"a", b"ba", b"aab", b"ab", b"b", b"bb", b"abc", b"zz", b"a\0"]

    def order(key: bytes) -> bytes:
        return key[::-1]

    pairs = [(word, word * 2) for word in sorted(words, key=order)]
    elsewhere(write, theirs, b"words", pairs[::-1], reverse_key=True)
    assert elsewhere(read, theirs, b"words") == pairs
    with Environment(theirs) as env:
        d = PersistentDict(env, "words", key=bytes, value=bytes)
        check_walks(d, pairs)
        check_bounds(d, pairs, [b"a", b"ab", b"xb", b"zz", b"\0", b"\xff"], order)
        with pytest.raises(UnsupportedError):
            Walk(d, Bounds(prefix=b"a"))
        with pytest.raises(UnsupportedError):
            remove(d, Bounds(prefix=b"a"))
        bounds = Bounds(b"ab", b"abc")
        gone = [pair for pair in pairs if order(b"ab") <= order(pair[0]) < order(b"abc")]
        assert 1 < len(gone) < len(pairs)
        assert remove(d, bounds) == len(gone)
        check_walks(d, [pair for pair in pairs if pair not in gone])
        d[b"bab"] = b"new"
        assert steps(Walk(d, bounds)) == [(b"bab", b"new")]
    assert elsewhere(read, theirs, b"words") == sorted(
        [*(pair for pair in pairs if pair not in gone), (b"bab", b"new")],
        key=lambda pair: order(pair[0]),
    )


def test_more_reversed_keys_than_a_batch_are_removed(theirs: Path) -> None:
    words = [b"%d" % n for n in range(5000)]
    elsewhere(write, theirs, b"words", [(word, b"") for word in words], reverse_key=True)
    gone = [word for word in words if b"0" <= word[::-1] < b"7"]
    with Environment(theirs) as env:
        d = PersistentDict(env, "words", key=bytes, value=bytes)
        assert remove(d, Bounds(b"0", b"7")) == len(gone) > 3000
        assert set(d) == set(words) - set(gone)


# The unnamed database.


@pytest.fixture
def unnamed_with_names(theirs: Path) -> list[Pair]:
    """Creates plain records, with the names of databases before, between and after them."""
    pairs = [(b"b", b"1"), (b"c", b"2"), (b"m", b"3"), (b"y", b"4")]
    elsewhere(write, theirs, None, pairs)
    for name in (b"a", b"bb", b"cc", b"cd", b"x", b"z", b"zz"):
        elsewhere(write, theirs, name, [(b"k", name)])
    return pairs


def test_names_among_plain_records_are_passed_over(theirs: Path, unnamed_with_names: list[Pair]) -> None:
    with Environment(theirs) as env:
        unnamed = PersistentDict(env, "", key=bytes, value=bytes)
        check_walks(unnamed, unnamed_with_names)
        keys = [b"a", b"b", b"bb", b"cd", b"m", b"x", b"zz"]
        check_bounds(unnamed, unnamed_with_names, keys, lambda key: key)
        assert list(unnamed.prefix(b"c").items()) == [(b"c", b"2")]
        with env.transaction():
            check_walks(unnamed, unnamed_with_names)
        assert {it.name: it.count for it in env.collections()} == {
            "": 4,
            **dict.fromkeys(("a", "bb", "cc", "cd", "x", "z", "zz"), 1),
        }


def test_a_name_can_be_neither_read_nor_changed_as_a_record(
    theirs: Path, unnamed_with_names: list[Pair]
) -> None:
    with Environment(theirs) as env:
        unnamed = PersistentDict(env, "", key=bytes, value=bytes)
        with env.transaction():
            assert b"bb" not in unnamed
            with pytest.raises(KeyError):
                unnamed.take(b"bb")
            assert unnamed.pop(b"bb", None) is None
            for change in (
                lambda: unnamed.__setitem__(b"bb", b""),
                lambda: unnamed.setdefault(b"bb", b""),
                lambda: unnamed.update({b"ok": b"", b"bb": b""}),
            ):
                with pytest.raises(BadKeyError):
                    change()
            # After these failures, the transaction is still usable.
            unnamed[b"n"] = b"5"
        assert remove(unnamed, Bounds(b"a", b"n")) == 3
        assert list(unnamed.items()) == [(b"n", b"5"), (b"y", b"4")]
        unnamed.clear()
        assert PersistentDict(env, "bb", key=bytes, value=bytes) == {b"k": b"bb"}
    assert elsewhere(names, theirs) == [b"a", b"bb", b"cc", b"cd", b"x", b"z", b"zz"]
    assert elsewhere(read, theirs, b"zz") == [(b"k", b"zz")]


# Algebra of raw sets.


def operate(call: Callable[..., int], *sets: PersistentSet[Any]) -> None:
    check(LIBRARY, call(*(it._handle for it in sets)))


def test_raw_sets_are_combined_among_themselves(theirs: Path) -> None:
    elsewhere(write, theirs, b"a", [(b"1", b""), (b"2", b"x"), (b"3", b"")])
    elsewhere(write, theirs, b"many", [(b"2", b"p"), (b"2", b"q"), (b"4", b"r")], dupsort=True)
    elsewhere(write, theirs, b"into", [(b"9", b"")])
    elsewhere(write, theirs, b"turned", [(b"1", b"")], reverse_key=True)
    with Environment(theirs) as env:
        a, many, into, turned = (
            PersistentSet(env, name, element=bytes) for name in ("a", "many", "into", "turned")
        )
        for call, outcome in (
            (LIBRARY.pc_set_union, [b"1", b"2", b"3", b"4"]),
            (LIBRARY.pc_set_intersection, [b"2"]),
            (LIBRARY.pc_set_difference, [b"1", b"3"]),
            (LIBRARY.pc_set_symmetric_difference, [b"1", b"3", b"4"]),
        ):
            operate(call, a, many, into)
            assert list(into) == outcome
            operate(call, many, a, into)
            assert list(into) == ([b"4"] if call is LIBRARY.pc_set_difference else outcome)
        with pytest.raises(ReadOnlyError):
            operate(LIBRARY.pc_set_union, a, many, many)
        with pytest.raises(UnsupportedError, match="turned"):
            operate(LIBRARY.pc_set_union, a, turned, into)
        ours = PersistentSet(env, "ours", element=bytes)
        with pytest.raises(TypeMismatchError, match="raw"):
            operate(LIBRARY.pc_set_union, a, many, ours)
    assert elsewhere(read, theirs, b"a") == [(b"1", b""), (b"2", b"x"), (b"3", b"")]


# Copies, read by another program.


@pytest.mark.parametrize("flags", [0, raw.PC_COPY_COMPACT])
def test_another_program_reads_a_copy(
    theirs: Path, tmp_path: Path, unnamed_with_names: list[Pair], flags: int
) -> None:
    pairs = many_values()
    elsewhere(write, theirs, b"many", pairs, dupsort=True)
    with Environment(theirs) as env:
        numbers = PersistentDict(env, "numbers", key="i64", value=str)
        numbers.update({n: "x" * n for n in range(2000)})
        copy = str(tmp_path / "copy").encode()
        assert check(LIBRARY, LIBRARY.pc_env_copy(env._handle, copy, flags)) == raw.PC_OK
        numbers.clear()
    assert elsewhere(read, tmp_path / "copy", b"many") == pairs
    found = elsewhere(read, tmp_path / "copy", b"numbers")
    assert [len(value) for _, value in found] == list(range(2000))
    plain = [name for name, _ in unnamed_with_names]
    assert set(plain) < set(elsewhere(names, tmp_path / "copy"))
    # Another program also writes to the copy.
    elsewhere(write, tmp_path / "copy", b"many", [(b"zz", b"1")], dupsort=True)
    assert elsewhere(read, tmp_path / "copy", b"many") == [*pairs, (b"zz", b"1")]
