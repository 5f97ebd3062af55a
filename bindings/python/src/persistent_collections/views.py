"""`keys()`, `values()` and `items()`: live views that walk in batches."""

from __future__ import annotations

from types import MappingProxyType

from ._abstract import ItemsView, Iterator, KeysView, Mapping, ValuesView
from ._typing import Any, TypeVar
from .comparison import Keyed, is_alike, is_same
from .keys import KeyCodec
from .operators import ItemSet, KeySet

__all__ = ["Items", "Keys", "Values", "Viewed"]

K = TypeVar("K")
V = TypeVar("V")

_PLAIN = frozenset({type(None), bool, int, float, str, bytes})


class Viewed(Keyed, Mapping[K, V]):
    """A dict, or a range of one, that has views of itself."""

    __slots__ = ()

    def _walk_keys(self, turned: bool) -> Iterator[K]:
        raise NotImplementedError

    def _walk_values(self, turned: bool) -> Iterator[V]:
        raise NotImplementedError

    def _walk_items(self, turned: bool) -> Iterator[tuple[K, V]]:
        raise NotImplementedError

    def __reversed__(self) -> Iterator[K]:
        return self._walk_keys(True)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Returns dask's token of the content."""
        raise NotImplementedError

    def keys(self) -> Keys[K]:
        """Returns a view of the keys."""
        return Keys(self)

    def values(self) -> Values[V]:
        """Returns a view of the values."""
        return Values(self)

    def items(self) -> Items[K, V]:
        """Returns a view of the pairs of key and value."""
        return Items(self)


class _View(Keyed):
    """The methods that views of a dict have in addition to those of `collections.abc`."""

    _mapping: Viewed[Any, Any]

    @property
    def _key_codec(self) -> KeyCodec:
        return self._mapping._key_codec

    @property
    def mapping(self) -> MappingProxyType[Any, Any]:
        """Returns the dict or range that it is a view of, read-only."""
        return MappingProxyType(self._mapping)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Returns dask's token of the content."""
        return (type(self).__name__, *self._mapping.__dask_tokenize__())


class Keys(_View, KeySet[K], KeysView[K]):
    """The keys of a dict or of a range of it, in order; with the operators of a set."""

    def __iter__(self) -> Iterator[K]:
        return self._mapping._walk_keys(False)

    def __reversed__(self) -> Iterator[K]:
        return self._mapping._walk_keys(True)

    def __deepcopy__(self, memo: dict[int, Any]) -> KeysView[K]:
        import copy

        return copy.deepcopy(self._mapping, memo).keys()

    def __repr__(self) -> str:
        return f"<keys of {self._mapping!r}>"


class Values(_View, ValuesView[V]):
    """The values of a dict or of a range of it, in the order of their keys."""

    def __iter__(self) -> Iterator[V]:
        return self._mapping._walk_values(False)

    def __reversed__(self) -> Iterator[V]:
        return self._mapping._walk_values(True)

    def __contains__(self, value: object) -> bool:
        if type(value) in _PLAIN and value == value:
            # The `==` of an array compares each element, and does not return a bool.
            return any((item == value) is True for item in self)
        return any(is_alike(item, value) for item in self)

    def __deepcopy__(self, memo: dict[int, Any]) -> ValuesView[V]:
        import copy

        return copy.deepcopy(self._mapping, memo).values()

    def __repr__(self) -> str:
        return f"<values of {self._mapping!r}>"


class Items(_View, ItemSet["tuple[K, V]"], ItemsView[K, V]):
    """The pairs of a dict or of a range of it, in the order of their keys."""

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._walk_items(False)

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._walk_items(True)

    def __contains__(self, item: object) -> bool:
        # An object that is not a pair is not in it; `ItemsView` would fail to unpack it.
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        try:
            value = self._mapping[item[0]]
        except KeyError:
            return False
        return is_same(value, item[1])

    def __deepcopy__(self, memo: dict[int, Any]) -> ItemsView[K, V]:
        import copy

        return copy.deepcopy(self._mapping, memo).items()

    def __repr__(self) -> str:
        return f"<items of {self._mapping!r}>"
