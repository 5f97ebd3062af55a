"""Lazy views of a part of a dict or a set: ranges and prefixes."""

from __future__ import annotations

from ._abstract import Callable, Iterator, Mapping
from ._checked import Cursor
from ._typing import TYPE_CHECKING, Any, TypeVar
from .comparison import equal_mappings, plain_dict, plain_set
from .iteration import Bounds
from .keys import KeyCodec
from .operators import KeySet
from .views import Viewed

__all__ = ["DictRange", "SetRange"]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
V_co = TypeVar("V_co", covariant=True)


if TYPE_CHECKING:
    from typing import Protocol

    class Source(Protocol):
        """A dict or a set, as a range of it sees it."""

        @property
        def _keys(self) -> KeyCodec: ...

        def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]: ...

        def _lookup(self, key: Any) -> bytes | None: ...

        def _count(self, bounds: Bounds) -> int: ...

        def _remove_range(self, bounds: Bounds) -> int: ...

        def _table(self, make: Callable[[], str]) -> str: ...

        def __contains__(self, key: object, /) -> bool: ...

        def __dask_tokenize__(self) -> tuple[Any, ...]:
            """Returns dask's token of the content."""
            ...

    class DictSource(Source, Protocol[K, V_co]):
        """A dict, as a range of it sees it."""

        def _keys_in(self, bounds: Bounds) -> Iterator[K]: ...

        def _values_in(self, bounds: Bounds) -> Iterator[V_co]: ...

        def _items_in(self, bounds: Bounds) -> Iterator[tuple[K, V_co]]: ...

        def __getitem__(self, key: K, /) -> V_co: ...

    class SetSource(Source, Protocol[T_co]):
        """A set, as a range of it sees it."""

        def _elements_in(self, bounds: Bounds) -> Iterator[T_co]: ...


class DictRange(Viewed[K, V]):
    """A part of a dict, from `PersistentDict.range` or `PersistentDict.prefix`.

    It is a read-only mapping that reads the dict each time. `len` counts the entries.

    >>> d.update({"a": 1, "b": 2, "c": 3})
    >>> dict(d.range("a", "c"))
    {'a': 1, 'b': 2}
    """

    __slots__ = ("_bounds", "_dict")

    def __init__(self, source: DictSource[K, V], bounds: Bounds) -> None:
        self._dict = source
        self._bounds = bounds

    @property
    def _key_codec(self) -> KeyCodec:
        return self._dict._keys

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self is other or equal_mappings(self, other)

    __hash__ = None  # type: ignore[assignment]

    def _walk_keys(self, turned: bool) -> Iterator[K]:
        return self._dict._keys_in(self._bounds.reversed() if turned else self._bounds)

    def _walk_values(self, turned: bool) -> Iterator[V]:
        return self._dict._values_in(self._bounds.reversed() if turned else self._bounds)

    def _walk_items(self, turned: bool) -> Iterator[tuple[K, V]]:
        return self._dict._items_in(self._bounds.reversed() if turned else self._bounds)

    def __iter__(self) -> Iterator[K]:
        return self._dict._keys_in(self._bounds)

    def __len__(self) -> int:
        return self._dict._count(self._bounds)

    def __bool__(self) -> bool:
        for _ in self:
            return True
        return False

    def __contains__(self, key: object) -> bool:
        encoded = self._dict._lookup(key)
        return encoded is not None and self._bounds.holds(encoded) and key in self._dict

    def __getitem__(self, key: K) -> V:
        encoded = self._dict._lookup(key)
        if encoded is None or not self._bounds.holds(encoded):
            raise KeyError(key)
        return self._dict[key]

    def first(self) -> tuple[K, V]:
        """Returns the first pair in the range's direction; `KeyError` if it is empty."""
        for pair in self._walk_items(False):
            return pair
        raise KeyError("the range is empty")

    def last(self) -> tuple[K, V]:
        """Returns the last pair in the range's direction; `KeyError` if it is empty."""
        for pair in self._walk_items(True):
            return pair
        raise KeyError("the range is empty")

    def clear(self) -> int:
        """Removes the part from the dict at once, and returns the number of entries."""
        return self._dict._remove_range(self._bounds)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Returns dask's token of the content."""
        bounds = self._bounds
        part = (bounds.flags, bounds.lower, bounds.upper, bounds.prefix)
        return (type(self).__name__, *self._dict.__dask_tokenize__(), part)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[K, V]:
        # As for the whole dict.
        return plain_dict(list(self.items()))

    def __repr__(self) -> str:
        return f"<{'reversed ' if self._bounds.reverse else ''}range of {self._dict!r}>"

    def _repr_html_(self) -> str:
        from .notebook import table

        columns = ("key", "value")
        return self._dict._table(lambda: table(repr(self), columns, self.items(), None))


class SetRange(KeySet[T]):
    """A part of a set, from `PersistentSet.range` or `PersistentSet.prefix`.

    It is a read-only set that reads the persistent set each time. `len` counts the elements.

    >>> s.update([1, 2, 3])
    >>> list(s.range(2, None))
    [2, 3]
    """

    __slots__ = ("_bounds", "_set")

    def __init__(self, source: SetSource[T], bounds: Bounds) -> None:
        self._set = source
        self._bounds = bounds

    @property
    def _key_codec(self) -> KeyCodec:
        return self._set._keys

    def __iter__(self) -> Iterator[T]:
        return self._set._elements_in(self._bounds)

    def __reversed__(self) -> Iterator[T]:
        return self._set._elements_in(self._bounds.reversed())

    def __len__(self) -> int:
        return self._set._count(self._bounds)

    def __bool__(self) -> bool:
        for _ in self:
            return True
        return False

    def __contains__(self, element: object) -> bool:
        encoded = self._set._lookup(element)
        return encoded is not None and self._bounds.holds(encoded) and element in self._set

    def first(self) -> T:
        """Returns the first element in the range's direction; `KeyError` if it is empty."""
        for element in self:
            return element
        raise KeyError("the range is empty")

    def last(self) -> T:
        """Returns the last element in the range's direction; `KeyError` if it is empty."""
        for element in reversed(self):
            return element
        raise KeyError("the range is empty")

    def clear(self) -> int:
        """Removes the part from the set at once, and returns the number of elements."""
        return self._set._remove_range(self._bounds)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Returns dask's token of the content."""
        bounds = self._bounds
        part = (bounds.flags, bounds.lower, bounds.upper, bounds.prefix)
        return (type(self).__name__, *self._set.__dask_tokenize__(), part)

    def __deepcopy__(self, memo: dict[int, Any]) -> set[T]:
        # As for the whole set.
        return plain_set(list(self))

    def __repr__(self) -> str:
        return f"<{'reversed ' if self._bounds.reverse else ''}range of {self._set!r}>"

    def _repr_html_(self) -> str:
        from .notebook import table

        return self._set._table(lambda: table(repr(self), ("element",), zip(self), None))
