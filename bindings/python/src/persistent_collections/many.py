"""Calls of a dict for many keys."""

from __future__ import annotations

from . import _checked as checked
from . import _scalars as scalars
from . import acceleration, bulk, columns
from ._abstract import Callable, Iterable, Sequence
from ._typing import Any, TypeVar
from .arguments import renamed
from .errors import BadKeyError, InvalidArgumentError, KeySizeError
from .ordered import Ordered
from .values import ArrayValues

__all__ = ["NO_DEFAULT", "ManyKeys"]

K = TypeVar("K")
V = TypeVar("V")

#: Means that no default was given.
NO_DEFAULT: Any = object()


class ManyKeys(Ordered[K, V]):
    """The part of `PersistentDict` that stores, fetches and removes columns."""

    def update(self, other: Any = (), /, **named: Any) -> None:
        """Stores all pairs of a mapping or an iterable in one call, or none if one is refused.

        >>> d.update({"a": 1}, b=2)
        >>> d.update([("c", 3)])
        """
        # A list is copied as it is, which is much faster than by an iterator.
        is_list = type(other) is list and not named
        pairs = other[:] if is_list else bulk.pairs_of(self._what, other, named)
        made = acceleration.pair_columns(pairs, self._keys, self._values)
        if made is not None:

            def of_pair(index: int) -> str:
                return self._place_of(bulk.split_pairs(pairs)[0])(index)

            self._put_many(*made, of_pair)
            return
        keys, values = bulk.split_pairs(pairs)
        place = self._place_of(keys)
        encoded = checked.encoded(self._keys.encode, keys, place)
        data = checked.encoded(self._values.encode, values, self._place_of(keys, True))
        self._put_many(encoded, checked.column(data, self._values.width), place)

    def put_many(self, keys: Iterable[K], values: Any) -> None:
        """Stores keys with a column of values in one call, or none if one is refused.

        If values are arrays of a fixed shape, `values` may be one array with one more dimension.

        >>> d.put_many(["a", "b"], [1, 2])
        """
        asked = columns.indexed(self._what, keys)
        place = self._place_of(asked)
        encoded = acceleration.key_column(asked, self._keys)
        if encoded is None:
            encoded = checked.encoded(self._keys.encode, asked, place)
        if isinstance(self._values, ArrayValues) and self._values.shape is not None:
            of_value = self._place_of(asked, True)
            data = columns.matrix_bytes(self._what, self._values, values, len(encoded), of_value)
            self._put_many(encoded, (data, None), place)
            return
        items = columns.indexed(self._what, values)
        if len(items) != len(encoded):
            raise InvalidArgumentError(f"{self._what}: {len(encoded)} keys but {len(items)} values")
        column = acceleration.value_column(items, self._values)
        if column is None:
            rows = checked.encoded(self._values.encode, items, self._place_of(asked, True))
            column = checked.column(rows, self._values.width)
        self._put_many(encoded, column, place)

    def update_many(self, keys: Iterable[K], values: Any) -> None:
        """Deprecated: use `put_many`."""
        renamed("update_many", "put_many")
        self.put_many(keys, values)

    def _put_many(self, keys: Any, values: Any, place: Callable[[int], str]) -> None:
        if not len(keys):
            return
        self._environment._writing()
        bulk.put_many(self._library, self._handle, keys, self._keys.width, values, place)

    def get_many(self, keys: Iterable[K], default: Any = NO_DEFAULT) -> Any:
        """Looks up many keys in one call, and returns their values in the order of the keys.

        An absent key raises `KeyError`, or has the value `default` if that is given. Values that
        are arrays of a fixed shape are returned as one NumPy array with one more dimension.

        >>> d.update({"a": 1, "b": 2})
        >>> d.get_many(["b", "a"]), d.get_many(["a", "?"], default=0)
        ([2, 1], [1, 0])
        """
        asked = columns.indexed(self._what, keys)
        column = acceleration.key_column(asked, self._keys)
        values: Any = self._values
        is_matrix = isinstance(values, ArrayValues) and values.shape is not None
        if column is not None and not is_matrix:
            defaults = () if default is NO_DEFAULT else (default,)
            done = acceleration.get_many(self, column, values, defaults)
            if isinstance(done, int):
                raise KeyError(asked[done])
            if done is not None:
                return done
        places, (present, data, offsets) = self._look_up_many(asked, column)
        if is_matrix and len(places) == len(asked) and 0 not in present[: len(places)]:
            return values.matrix(data, len(places))
        there = {place: at for at, place in enumerate(places) if present[at]}
        if default is NO_DEFAULT and len(there) < len(asked):
            raise KeyError(next(key for at, key in enumerate(asked) if at not in there))
        if is_matrix:
            rows = values.matrix(data, len(places))
            return columns.gathered(self._what, rows, there, len(asked), default)
        decode = values.decode
        found: list[Any] = []
        try:
            for at in range(len(asked)):
                row = there.get(at)
                found.append(
                    default if row is None else decode(bytes(data[offsets[row] : offsets[row + 1]]))
                )
        except scalars.UNREADABLE as error:
            place = self._place_of(asked, True)(len(found))
            raise scalars.located(error, place) from error.__cause__
        return found

    def _look_up_many(self, asked: Any, column: Any) -> tuple[Sequence[int], Any]:
        """Looks up the keys that the dict can hold; returns their places and the answers."""
        library, widths = self._library, (self._keys.width, self._values.width)
        if column is not None:
            try:
                found = bulk.get_many(library, self._handle, column, *widths)
                return range(len(column)), found
            except (BadKeyError, KeySizeError):
                # The dict cannot hold one of them, so it is not in the dict.
                pass
        encoded = [self._lookup(key) for key in asked]
        known = [key for key in encoded if key is not None]
        places = [place for place, key in enumerate(encoded) if key is not None]
        return places, bulk.get_many(library, self._handle, known, *widths)

    def remove_many(self, keys: Iterable[K]) -> int:
        """Removes many keys in one call, and returns how many existed."""
        asked = columns.indexed(self._what, keys)
        return self._change_known(self._library.pc_dict_remove_many, asked)

    def to_numpy(self) -> Any:
        """Returns all values, numbers or arrays of fixed shape, as one NumPy array in key order."""
        return columns.to_numpy(self._what, self._library, self._handle, self._values.type)
