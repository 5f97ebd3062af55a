"""Calls of a dict that use the order of its keys: both ends, iteration, ranges."""

from __future__ import annotations

from . import _checked as checked
from . import _raw as raw
from . import _scalars as scalars
from . import acceleration, iteration
from ._abstract import Callable, Iterator
from ._checked import Batch, Cursor
from ._typing import Any, TypeVar
from .collection import Collection
from .iteration import EVERYTHING, Bounds
from .keys import KeyCodec
from .ranges import DictRange
from .values import ValueCodec
from .views import Viewed

__all__ = ["Ordered"]

K = TypeVar("K")
V = TypeVar("V")


class Ordered(Collection, Viewed[K, V]):
    """The part of `PersistentDict` that iterates, and removes ranges."""

    _type_arguments = ("key", "value")
    _remove_range_call = "pc_dict_remove_range"

    _values: ValueCodec

    @property
    def _key_codec(self) -> KeyCodec:
        return self._keys

    # Both ends.

    def first(self) -> tuple[K, V]:
        """Returns the pair with the least key; `KeyError` if the dict is empty."""
        return self._end(self._library.pc_dict_first)

    def last(self) -> tuple[K, V]:
        """Returns the pair with the greatest key; `KeyError` if the dict is empty."""
        return self._end(self._library.pc_dict_last)

    def _end(self, call: Callable[..., int]) -> tuple[K, V]:
        status, key, value = checked.fetched_pair(self._library, call, self._handle)
        if status == raw.PC_NOT_FOUND:
            raise KeyError(f"{self!r} is empty")
        return self._pair(key, value)

    def _pair(self, key: bytes, value: bytes) -> tuple[K, V]:
        """Decodes a pair."""
        place = self._what
        try:
            found = self._keys.decode(key)
            place = f"{place}, key {scalars.shown(found)}, value"
            return found, self._values.decode(value)
        except scalars.UNREADABLE as error:
            raise scalars.located(error, place) from error.__cause__

    # Iteration.

    def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]:
        return iteration.open_cursor(
            self._environment,
            self._library.pc_iter_open_dict,
            self._handle,
            bounds,
            (self._keys.width, self._values.width),
        )

    def _count(self, bounds: Bounds) -> int:
        cursor, _ = self._cursor(bounds)
        return iteration.count(cursor)

    def _keys_in(self, bounds: Bounds) -> Iterator[K]:
        walk = acceleration.walk(self, bounds, "keys", self._keys, None)
        if walk is not None:
            return walk
        cursor, inside = self._cursor(bounds)
        decode = self._keys.decode_many
        return iteration.walk(
            self, cursor, inside, lambda batch: decode(batch.keys, batch.key_offsets)
        )

    def _values_in(self, bounds: Bounds) -> Iterator[V]:
        walk = acceleration.walk(self, bounds, "values", self._keys, self._values)
        if walk is not None:
            return walk
        cursor, inside = self._cursor(bounds)
        decode = self._values.decode_many
        return iteration.walk(
            self, cursor, inside, lambda batch: decode(batch.values, batch.value_offsets)
        )

    def _items_in(self, bounds: Bounds) -> Iterator[tuple[K, V]]:
        walk = acceleration.walk(self, bounds, "items", self._keys, self._values)
        if walk is not None:
            return walk
        cursor, inside = self._cursor(bounds)
        keys, values = self._keys.decode_many, self._values.decode_many

        def decode(batch: Batch) -> list[tuple[K, V]]:
            return list(
                zip(
                    keys(batch.keys, batch.key_offsets),
                    values(batch.values, batch.value_offsets),
                )
            )

        return iteration.walk(self, cursor, inside, decode)

    def _walk_keys(self, turned: bool) -> Iterator[K]:
        return self._keys_in(Bounds(reverse=turned))

    def _walk_values(self, turned: bool) -> Iterator[V]:
        return self._values_in(Bounds(reverse=turned))

    def _walk_items(self, turned: bool) -> Iterator[tuple[K, V]]:
        return self._items_in(Bounds(reverse=turned))

    def __iter__(self) -> Iterator[K]:
        return self._keys_in(EVERYTHING)

    # Ranges.

    def range(
        self,
        low: K | None = None,
        high: K | None = None,
        *,
        reverse: bool = False,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> DictRange[K, V]:
        """Returns a lazy view of the part from `low` to before `high`; None is no bound.

        >>> d.update({"a": 1, "b": 2, "c": 3})
        >>> list(d.range("b", None).items())
        [('b', 2), ('c', 3)]
        >>> list(d.range("a", "c", reverse=True))
        ['b', 'a']
        """
        return DictRange(self, self._between(low, high, inclusive, reverse))

    def irange(
        self,
        minimum: K | None = None,
        maximum: K | None = None,
        inclusive: tuple[bool, bool] = (True, True),
        reverse: bool = False,
    ) -> Iterator[K]:
        """Iterates over the keys from `minimum` to `maximum`, both included.

        >>> d.update({"a": 1, "b": 2, "c": 3})
        >>> list(d.irange("a", "b"))
        ['a', 'b']
        """
        return self._keys_in(self._between(minimum, maximum, inclusive, reverse))

    def prefix(self, prefix: Any, *, reverse: bool = False) -> DictRange[K, V]:
        """Returns a lazy view of the part whose keys begin with a text, bytes or leading items.

        >>> d.update({"ab": 1, "ac": 2, "b": 3})
        >>> list(d.prefix("a"))
        ['ab', 'ac']
        """
        return DictRange(self, self._beginning(prefix, reverse))

    def remove_range(
        self,
        low: K | None = None,
        high: K | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> int:
        """Removes the part from `low` to before `high`, and returns the number of entries.

        At least one bound must be given; `clear` removes all entries.
        """
        return self._remove_between(low, high, inclusive)
