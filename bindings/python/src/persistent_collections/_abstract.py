"""The classes of `collections.abc`, without the package `collections` around it."""

__all__ = [
    "Callable",
    "Collection",
    "Generator",
    "ItemsView",
    "Iterable",
    "Iterator",
    "KeysView",
    "Mapping",
    "MutableMapping",
    "MutableSet",
    "Sequence",
    "Set",
    "ValuesView",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Generator,
        ItemsView,
        Iterable,
        Iterator,
        KeysView,
        Mapping,
        MutableMapping,
        MutableSet,
        Sequence,
        Set,
        ValuesView,
    )
else:
    # Where they are defined: the interpreter has imported it.
    from _collections_abc import (
        Callable,
        Collection,
        Generator,
        ItemsView,
        Iterable,
        Iterator,
        KeysView,
        Mapping,
        MutableMapping,
        MutableSet,
        Sequence,
        Set,
        ValuesView,
    )
