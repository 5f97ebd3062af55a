"""`keys()`, `values()` and `items()`: live views that walk in batches."""

from __future__ import annotations

import copy
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, Union

from .comparison import Keyed, is_alike, is_same
from .keys import KeyCodec
from .operators import ItemSet, KeySet

if TYPE_CHECKING:
    from .ordered import Ordered
    from .ranges import DictRange

__all__ = ["Items", "Keys", "Values"]

K = TypeVar("K")
V = TypeVar("V")
Source = Union["Ordered[Any, Any]", "DictRange[Any, Any]"]


_PLAIN = frozenset({type(None), bool, int, float, str, bytes})


class _Viewed(Keyed):
    """What the views of a dict have beside those of `collections.abc`."""

    _mapping: Source

    @property
    def _key_codec(self) -> KeyCodec:
        return self._mapping._key_codec

    @property
    def mapping(self) -> MappingProxyType[Any, Any]:
        """What it is a view of, read-only."""
        return MappingProxyType(self._mapping)

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """What dask knows its content by."""
        return (type(self).__name__, *self._mapping.__dask_tokenize__())


class Keys(_Viewed, KeySet[K], KeysView[K]):
    """The keys of a dict or of a range of it, in order; with the operators of a set."""

    def __iter__(self) -> Iterator[K]:
        return self._mapping._walk_keys(False)

    def __reversed__(self) -> Iterator[K]:
        return self._mapping._walk_keys(True)

    def __deepcopy__(self, memo: dict[int, Any]) -> KeysView[K]:
        return copy.deepcopy(self._mapping, memo).keys()

    def __repr__(self) -> str:
        return f"<keys of {self._mapping!r}>"


class Values(_Viewed, ValuesView[V]):
    """The values of a dict or of a range of it, in the order of their keys."""

    def __iter__(self) -> Iterator[V]:
        return self._mapping._walk_values(False)

    def __reversed__(self) -> Iterator[V]:
        return self._mapping._walk_values(True)

    def __contains__(self, value: object) -> bool:
        if type(value) in _PLAIN and value == value:
            # What it is not equal to may be an array, of which each element is compared.
            return any((item == value) is True for item in self)
        return any(is_alike(item, value) for item in self)

    def __deepcopy__(self, memo: dict[int, Any]) -> ValuesView[V]:
        return copy.deepcopy(self._mapping, memo).values()

    def __repr__(self) -> str:
        return f"<values of {self._mapping!r}>"


class Items(_Viewed, ItemSet["tuple[K, V]"], ItemsView[K, V]):
    """The pairs of a dict or of a range of it, in the order of their keys."""

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._walk_items(False)

    def __reversed__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._walk_items(True)

    def __contains__(self, item: object) -> bool:
        # What is no pair is not in it; `ItemsView` fails to unpack it.
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        try:
            value = self._mapping[item[0]]
        except KeyError:
            return False
        return is_same(value, item[1])

    def __deepcopy__(self, memo: dict[int, Any]) -> ItemsView[K, V]:
        return copy.deepcopy(self._mapping, memo).items()

    def __repr__(self) -> str:
        return f"<items of {self._mapping!r}>"
