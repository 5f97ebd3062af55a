"""`PersistentDict`: a dict on disk, ordered by key."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from ctypes import byref, c_int64, c_size_t, c_uint8, c_uint64
from typing import Any, Callable, TypeVar, cast

from . import _checked as checked
from . import _raw as raw
from . import _scalars as scalars
from . import columns, iteration
from ._checked import Batch, Cursor
from .collection import Collection, key_codec_for, value_codec_for
from .environment import Environment
from .iteration import EVERYTHING, Bounds
from .ranges import DictRange
from .types import Request
from .values import ArrayValues
from .views import Items, Keys, Values

__all__ = ["ABSENT", "PersistentDict"]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_NO_DEFAULT: Any = object()


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


#: In `PersistentDict.compare_exchange`: that there is no such key.
ABSENT = _Absent()


class PersistentDict(Collection, MutableMapping[K, V]):
    """A dict on disk: the collection `name` of an environment, ordered by key.

    `key` and `value` are Python types (`str bytes int float bool UUID date datetime`,
    tuples of these as keys), type strings (`"u32"`, `"f32[768]"`), NumPy dtypes, or `"any"`
    for all that can be stored. None takes the stored type, or `any` if the dict is new;
    `int` and `float` take any stored width. `create=False` never makes a new one.

    Each write is stored before it returns, by itself or as part of the thread's
    transaction. A key that the dict cannot hold is not in it; storing it is a `TypeError`,
    `OverflowError` or `ValueError`. What comes out is a copy: to change a list in place
    and store it, use `edit`.

    Iterating sees one moment of the dict, whatever is written meanwhile; but inside one's own
    write transaction it sees one's own writes, so that keys added ahead of it prolong the loop.

    >>> ages = PersistentDict(env, "ages", key=str, value=int)
    >>> ages["Ada"] = 36
    >>> ages["Alan"] = 41
    >>> list(ages.items())
    [('Ada', 36), ('Alan', 41)]
    >>> PersistentDict[str, int](env, "ages") == {"Ada": 36, "Alan": 41}
    True
    """

    _type_arguments = ("key", "value")
    _close_call = "pc_dict_close"

    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        key: type[K] | str | Request | Any | None = None,
        value: type[V] | str | Request | Any | None = None,
        create: bool = True,
    ) -> None:
        (key_asked, value_asked), (key_stored, value_stored) = self._open(
            environment,
            name,
            {"key": key, "value": value},
            "pc_dict_open",
            "pc_dict_schema",
            create,
        )
        self._keys = key_codec_for("keys", name, key_asked, key_stored, self._is_raw)
        self._values = value_codec_for(name, value_asked, value_stored, self._is_raw)
        self._key_type, self._value_type = key_stored, value_stored

    @property
    def key_type(self) -> str:
        """The stored type of its keys."""
        return self._key_type

    @property
    def value_type(self) -> str:
        """The stored type of its values."""
        return self._value_type

    def __repr__(self) -> str:
        return f"PersistentDict({self._name!r}, key={self._key_type!r}, value={self._value_type!r})"

    # One key.

    def __getitem__(self, key: K) -> V:
        data = self._fetch(key)
        if data is None:
            raise KeyError(key)
        return cast("V", self._values.decode(data))

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of a key, or `default`."""
        data = self._fetch(key)
        return default if data is None else self._values.decode(data)

    def _fetch(self, key: Any) -> bytes | None:
        encoded = self._lookup(key)
        if encoded is None:
            return None
        library = self._library
        buffer = checked.take_buffer()
        try:
            status = library.pc_dict_get_buffer(self._handle, encoded, len(encoded), byref(buffer))
            return checked.content(buffer) if self._found(status) else None
        finally:
            checked.give_back(library, buffer)

    def __contains__(self, key: object) -> bool:
        encoded = self._lookup(key)
        return encoded is not None and self._found(
            self._library.pc_dict_contains(self._handle, encoded, len(encoded))
        )

    def __setitem__(self, key: K, value: V) -> None:
        self._put(self._library.pc_dict_put, key, value)

    def _put(self, call: Callable[..., int], key: K, value: V) -> int:
        encoded, data = self._keys.encode(key), self._values.encode(value)
        self._environment._writing()
        status = call(self._handle, encoded, len(encoded), data, len(data))
        return checked.check(self._library, status)

    def __delitem__(self, key: K) -> None:
        encoded = self._lookup(key)
        self._environment._writing()
        if encoded is None or not self._found(
            self._library.pc_dict_remove(self._handle, encoded, len(encoded))
        ):
            raise KeyError(key)

    def put_new(self, key: K, value: V) -> bool:
        """Stores a value if the key is absent; returns whether it did.

        >>> d.put_new("a", 1), d.put_new("a", 2), d["a"]
        (True, False, 1)
        """
        return self._put(self._library.pc_dict_put_new, key, value) == raw.PC_OK

    def setdefault(self, key: K, default: Any = None) -> Any:
        """The value of a key, stored now if there was none; atomic across processes."""
        while True:
            data = self._fetch(key)
            if data is not None:
                return self._values.decode(data)
            if self.put_new(key, default):
                return default

    def take(self, key: K) -> V:
        """Removes a key and returns its value, at once; `KeyError` if it is absent.

        >>> d["job"] = 7
        >>> d.take("job"), "job" in d
        (7, False)
        """
        data = self._take(key)
        if data is None:
            raise KeyError(key)
        return cast("V", self._values.decode(data))

    def pop(self, key: K, default: Any = _NO_DEFAULT) -> Any:
        """Removes a key and returns its value, or `default` if it is absent."""
        data = self._take(key)
        if data is not None:
            return self._values.decode(data)
        if default is _NO_DEFAULT:
            raise KeyError(key)
        return default

    def _take(self, key: Any) -> bytes | None:
        encoded = self._lookup(key)
        self._environment._writing()
        if encoded is None:
            return None
        size = c_size_t(self._values.width or 1024)
        while True:
            space = ctypes.create_string_buffer(max(size.value, 1))
            status = self._library.pc_dict_take(
                self._handle, encoded, len(encoded), space, len(space), byref(size)
            )
            # Too small: nothing was taken, and the size is now what is needed.
            if status != raw.PC_TOO_SMALL:
                return space.raw[: size.value] if self._found(status) else None

    def popitem(self) -> tuple[K, V]:
        """Removes the last pair and returns it; `KeyError` if the dict is empty."""
        library = self._library
        while True:
            status, key, value = checked.fetched_pair(library, library.pc_dict_last, self._handle)
            if status == raw.PC_NOT_FOUND:
                raise KeyError(f"{self!r} is empty")
            # Somebody else may have changed it since; then look again.
            if self._exchange(key, value, None):
                return self._keys.decode(key), self._values.decode(value)

    def compare_exchange(self, key: K, expected: V | _Absent, desired: V | _Absent) -> bool:
        """Stores `desired` if the value is `expected`; returns whether it did.

        `ABSENT` expects no value, or removes it. What is compared is the stored bytes.

        >>> d.compare_exchange("lock", ABSENT, 1)
        True
        >>> d.compare_exchange("lock", ABSENT, 1)
        False
        >>> d.compare_exchange("lock", 1, ABSENT)
        True
        """
        return self._exchange(
            self._keys.encode(key),
            None if isinstance(expected, _Absent) else self._values.encode(expected),
            None if isinstance(desired, _Absent) else self._values.encode(desired),
        )

    def _exchange(self, key: bytes, expected: bytes | None, desired: bytes | None) -> bool:
        flags = 0
        if expected is None:
            flags |= raw.PC_EXPECT_ABSENT
        if desired is None:
            flags |= raw.PC_DESIRE_ABSENT
        self._environment._writing()
        status = self._library.pc_dict_compare_exchange(
            *(self._handle, key, len(key)),
            *(expected, len(expected or b""), desired, len(desired or b"")),
            *(flags, None),
        )
        return checked.check(self._library, status) == raw.PC_OK

    def increment(self, key: K, by: int = 1) -> int:
        """Adds to an integer, atomically; a missing one counts as 0. Returns the new value.

        >>> d.increment("visits"), d.increment("visits", 10)
        (1, 11)
        """
        encoded = self._keys.encode(key)
        by = scalars.integer(by, 8, True)
        result = c_int64()
        self._environment._writing()
        status = self._library.pc_dict_add_i64(
            self._handle, encoded, len(encoded), by, byref(result)
        )
        checked.check(self._library, status)
        return result.value

    @contextlib.contextmanager
    def edit(self, key: K) -> Iterator[V]:
        """A value to be changed in place and stored at the block's end, in one transaction.

        Without it a change to a fetched list or dict is a change to a copy.

        >>> anything = PersistentDict(env, "anything")
        >>> anything["list"] = [1]
        >>> with anything.edit("list") as value:
        ...     value.append(2)
        >>> anything["list"]
        [1, 2]
        """
        with self._environment.transaction():
            value = self[key]
            yield value
            self[key] = value

    # All of it.

    def __len__(self) -> int:
        library = self._library
        return checked.number(library, library.pc_dict_len, self._handle)

    def clear(self) -> None:
        """Removes everything."""
        self._environment._writing()
        checked.check(self._library, self._library.pc_dict_clear(self._handle))

    def copy(self) -> dict[K, V]:
        """A plain dict of all of it."""
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        if self is other:
            return True
        return len(self) == len(other) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**self.copy(), **other}

    def __ror__(self, other: Mapping[Any, Any]) -> dict[Any, Any]:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {**other, **self.copy()}

    def __ior__(self, other: Any) -> PersistentDict[K, V]:  # type: ignore[misc]
        self.update(other)
        return self

    def first(self) -> tuple[K, V]:
        """The pair with the least key; `KeyError` if the dict is empty."""
        return self._end(self._library.pc_dict_first)

    def last(self) -> tuple[K, V]:
        """The pair with the greatest key; `KeyError` if the dict is empty."""
        return self._end(self._library.pc_dict_last)

    def _end(self, call: Callable[..., int]) -> tuple[K, V]:
        status, key, value = checked.fetched_pair(self._library, call, self._handle)
        if status == raw.PC_NOT_FOUND:
            raise KeyError(f"{self!r} is empty")
        return self._keys.decode(key), self._values.decode(value)

    # Walking.

    def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]:
        return iteration.open_cursor(
            self._environment,
            self._library.pc_iter_open_dict,
            self._handle,
            bounds,
            (self._keys.width, self._values.width),
        )

    def _keys_in(self, bounds: Bounds) -> Iterator[K]:
        decode = self._keys.decode_many
        return iteration.walk(
            self, *self._cursor(bounds), lambda batch: decode(batch.keys, batch.key_offsets)
        )

    def _values_in(self, bounds: Bounds) -> Iterator[V]:
        decode = self._values.decode_many
        return iteration.walk(
            self, *self._cursor(bounds), lambda batch: decode(batch.values, batch.value_offsets)
        )

    def _items_in(self, bounds: Bounds) -> Iterator[tuple[K, V]]:
        keys, values = self._keys.decode_many, self._values.decode_many

        def decode(batch: Batch) -> list[tuple[K, V]]:
            return list(
                zip(
                    keys(batch.keys, batch.key_offsets),
                    values(batch.values, batch.value_offsets),
                )
            )

        return iteration.walk(self, *self._cursor(bounds), decode)

    def _walk_keys(self, turned: bool) -> Iterator[K]:
        return self._keys_in(Bounds(reverse=turned))

    def _walk_values(self, turned: bool) -> Iterator[V]:
        return self._values_in(Bounds(reverse=turned))

    def _walk_items(self, turned: bool) -> Iterator[tuple[K, V]]:
        return self._items_in(Bounds(reverse=turned))

    def __iter__(self) -> Iterator[K]:
        return self._keys_in(EVERYTHING)

    def __reversed__(self) -> Iterator[K]:
        return self._walk_keys(True)

    def keys(self) -> Keys[K]:
        """A view of its keys."""
        return Keys(self)

    def values(self) -> Values[V]:
        """A view of its values."""
        return Values(self)

    def items(self) -> Items[K, V]:
        """A view of its pairs."""
        return Items(self)

    # Ranges.

    def range(
        self,
        low: K | None = None,
        high: K | None = None,
        *,
        reverse: bool = False,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> DictRange[K, V]:
        """The part from `low` to before `high`, as a lazy view; None is open.

        >>> d.update({"a": 1, "b": 2, "c": 3})
        >>> list(d.range("b", None).items())
        [('b', 2), ('c', 3)]
        >>> list(d.range("a", "c", reverse=True))
        ['b', 'a']
        """
        return DictRange(self, Bounds.between(self._keys, low, high, inclusive, reverse))

    def irange(
        self,
        minimum: K | None = None,
        maximum: K | None = None,
        inclusive: tuple[bool, bool] = (True, True),
        reverse: bool = False,
    ) -> Iterator[K]:
        """An iterator over the keys from `minimum` to `maximum`, both included.

        >>> d.update({"a": 1, "b": 2, "c": 3})
        >>> list(d.irange("a", "b"))
        ['a', 'b']
        """
        return self._keys_in(Bounds.between(self._keys, minimum, maximum, inclusive, reverse))

    def prefix(self, prefix: Any, *, reverse: bool = False) -> DictRange[K, V]:
        """The part whose keys begin with a text, bytes or leading elements of tuples.

        >>> d.update({"ab": 1, "ac": 2, "b": 3})
        >>> list(d.prefix("a"))
        ['ab', 'ac']
        """
        return DictRange(self, Bounds(prefix=self._keys.prefix(prefix), reverse=reverse))

    def remove_range(
        self,
        low: K | None = None,
        high: K | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> int:
        """Removes the part from `low` to before `high` at once; returns how many there were.

        At least one bound is needed; `clear` removes all.
        """
        if low is None and high is None:
            raise TypeError("remove_range needs a bound; clear() removes everything")
        return self._remove_range(Bounds.between(self._keys, low, high, inclusive, False))

    def _remove_range(self, bounds: Bounds) -> int:
        self._environment._writing()
        library = self._library
        return checked.number(
            library, library.pc_dict_remove_range, self._handle, byref(bounds.struct())
        )

    # Many keys.

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Stores all pairs of a mapping or an iterable in one call: all of them or none.

        >>> d.update({"a": 1}, b=2)
        >>> d.update([("c", 3)])
        """
        pairs: Iterable[tuple[Any, Any]]
        if isinstance(other, Mapping):
            pairs = other.items()
        elif hasattr(other, "keys"):
            pairs = ((key, other[key]) for key in other.keys())  # noqa: SIM118
        else:
            pairs = other
        keys: list[Any] = []
        values: list[Any] = []
        for pair in (*pairs, *named.items()):
            try:
                key, value = pair
            except (TypeError, ValueError) as error:
                raise scalars.located(error, f"item {len(keys)} is no pair") from None
            keys.append(key)
            values.append(value)
        encoded = checked.encoded(self._keys.encode, keys, ", key")
        data = checked.encoded(self._values.encode, values, ", value")
        self._put_many(encoded, checked.column(data, self._values.width))

    def update_many(self, keys: Iterable[K], values: Any) -> None:
        """Stores keys with a column of values in one call.

        For values that are arrays of a fixed shape, `values` may be one array with
        a dimension more.
        """
        encoded = checked.encoded(self._keys.encode, list(keys), ", key")
        if isinstance(self._values, ArrayValues) and self._values.shape is not None:
            data = columns.matrix_bytes(self._values, values, len(encoded))
            self._put_many(encoded, (data, None))
            return
        items = list(values)
        if len(items) != len(encoded):
            raise ValueError(f"{len(encoded)} keys but {len(items)} values")
        column = checked.encoded(self._values.encode, items, ", value")
        self._put_many(encoded, checked.column(column, self._values.width))

    def _put_many(self, keys: list[bytes], values: tuple[bytes, Any]) -> None:
        if not keys:
            return
        failed_at = c_size_t()
        self._environment._writing()
        status = self._library.pc_dict_put_many(
            self._handle,
            len(keys),
            *checked.column(keys, self._keys.width),
            *values,
            byref(failed_at),
        )
        checked.check(self._library, status)

    def get_many(self, keys: Iterable[K], default: Any = _NO_DEFAULT) -> Any:
        """The values of many keys in one call, in the order of the keys.

        A missing one is a `KeyError`, or `default` where that is given. Of values that are
        arrays of a fixed shape, one NumPy array with a dimension more comes back.

        >>> d.update({"a": 1, "b": 2})
        >>> d.get_many(["b", "a"]), d.get_many(["a", "?"], default=0)
        ([2, 1], [1, 0])
        """
        asked = list(keys)
        encoded = [self._lookup(key) for key in asked]
        places = [place for place, key in enumerate(encoded) if key is not None]
        known = [key for key in encoded if key is not None]
        present, data, offsets = self._get_many(known)
        there = {place: at for at, place in enumerate(places) if present[at]}
        if default is _NO_DEFAULT and len(there) < len(asked):
            raise KeyError(next(key for at, key in enumerate(asked) if at not in there))
        if isinstance(self._values, ArrayValues) and self._values.shape is not None:
            rows = self._values.matrix(data, len(known))
            return columns.gathered(rows, there, len(asked), default)
        decode = self._values.decode
        return [
            decode(data[offsets[there[at]] : offsets[there[at] + 1]]) if at in there else default
            for at in range(len(asked))
        ]

    def _get_many(self, keys: list[bytes]) -> tuple[bytes, bytes, Any]:
        count, width = len(keys), self._values.width
        present = (c_uint8 * max(count, 1))()
        library = self._library
        buffer = checked.take_buffer()
        failed_at = c_size_t()
        try:
            if width is not None:
                space = ctypes.create_string_buffer(max(count * width, 1))
                offsets: Any = range(0, (count + 1) * width, width) if width else None
                output: tuple[Any, ...] = (space, count * width, None, None)
            else:
                space = None
                offsets = (c_uint64 * (count + 1))()
                output = (None, 0, byref(buffer), offsets)
            if count:
                status = library.pc_dict_get_many(
                    self._handle,
                    count,
                    *checked.column(keys, self._keys.width),
                    present,
                    *output,
                    byref(failed_at),
                )
                checked.check(library, status)
            data = checked.content(buffer) if space is None else space.raw[: count * (width or 0)]
            return bytes(present), data, offsets if offsets is not None else [0] * (count + 1)
        finally:
            checked.give_back(library, buffer)

    def remove_many(self, keys: Iterable[K]) -> int:
        """Removes many keys in one call; returns how many were there."""
        known = [key for key in map(self._lookup, keys) if key is not None]
        if not known:
            return 0
        removed, failed_at = c_uint64(), c_size_t()
        self._environment._writing()
        status = self._library.pc_dict_remove_many(
            self._handle,
            len(known),
            *checked.column(known, self._keys.width),
            byref(removed),
            byref(failed_at),
        )
        checked.check(self._library, status)
        return removed.value

    def to_numpy(self) -> Any:
        """All values as one NumPy array, in the order of their keys; numbers and fixed arrays."""
        cursor, _ = self._cursor(EVERYTHING)
        return columns.to_numpy(cursor, self._values.type)
