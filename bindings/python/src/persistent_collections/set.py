"""`PersistentSet`: a set on disk, ordered."""

from __future__ import annotations

from . import _checked as checked
from . import _raw as raw
from . import _scalars as scalars
from . import acceleration, bulk, columns, iteration
from ._abstract import Callable, Iterable, Iterator
from ._checked import Cursor
from ._typing import TYPE_CHECKING, Any, cast, overload
from .algebra import Algebra
from .collection import key_codec_for
from .environment import Environment
from .errors import BadKeyError, KeySizeError
from .iteration import EVERYTHING, Bounds
from .ranges import SetRange

if TYPE_CHECKING:
    from typing import ClassVar

    from typing_extensions import TypeVar

    # If type checkers cannot see the type, as in `element="u32"`, elements are Any.
    T = TypeVar("T", default=Any)
else:
    from ._typing import TypeVar

    T = TypeVar("T")

__all__ = ["PersistentSet"]


class OneElement(Algebra[T]):
    """The part of `PersistentSet` that the accelerator replaces in plain cases.

    Its base class then comes before this one, and calls these methods in all other cases.
    """

    def add(self, value: T) -> None:
        """Adds an element."""
        try:
            data = self._keys.encode(value)
            self._environment._writing()
            status = self._library.pc_set_add(self._handle, data, len(data))
            checked.check(self._library, status)
        except scalars.REFUSED as error:
            place = f"{self._what}, element {scalars.shown(value)}"
            raise scalars.located(error, place) from error.__cause__

    def discard(self, value: Any) -> None:
        """Removes an element if the set has it."""
        self._discard(value)

    def _discard(self, value: Any) -> bool:
        data = self._lookup(value)
        self._environment._writing()
        return data is not None and self._found(
            self._library.pc_set_remove(self._handle, data, len(data))
        )

    def remove(self, value: T) -> None:
        """Removes an element; `KeyError` if the set does not have it."""
        if not self._discard(value):
            raise KeyError(value)

    def __contains__(self, value: object) -> bool:
        data = self._lookup(value)
        return data is not None and self._found(
            self._library.pc_set_contains(self._handle, data, len(data))
        )

    def __len__(self) -> int:
        library = self._library
        return checked.number(library, library.pc_set_len, self._handle)

    def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]:
        return iteration.open_cursor(
            self._environment,
            self._library.pc_iter_open_set,
            self._handle,
            bounds,
            (self._keys.width, 0),
        )

    def _count(self, bounds: Bounds) -> int:
        cursor, _ = self._cursor(bounds)
        return iteration.count(cursor)

    def _elements_in(self, bounds: Bounds) -> Iterator[T]:
        walk = acceleration.walk(self, bounds, "keys", self._keys, None)
        if walk is not None:
            return walk
        cursor, inside = self._cursor(bounds)
        decode = self._keys.decode_many
        return iteration.walk(
            self, cursor, inside, lambda batch: decode(batch.keys, batch.key_offsets)
        )


class PersistentSet(acceleration.HotSet, OneElement[T]):
    """A set on disk: the collection `name` of an environment, ordered.

    `element` is a type that keys of a `PersistentDict` can have. Operators take sets, the named
    methods take any iterable, and both return plain sets, as those of `set` do.

    `copy.copy`, `copy.deepcopy` and `copy()` return a plain set with the same elements. A pickle
    holds the path and the name, and opens the same set again.

    An iterator sees the set as it was when the iteration began, whatever is written meanwhile.
    Inside a write transaction, it sees the transaction's own writes: a loop that adds elements
    ahead of the iterator reaches them.

    >>> primes = PersistentSet(env, "primes", element=int)
    >>> primes.update([2, 3, 5])
    >>> 3 in primes, 4 in primes
    (True, False)
    >>> PersistentSet[int](env, "primes") & {2, 4} == {2}
    True
    """

    _is_set: ClassVar[bool] = True
    _close_call = "pc_set_close"
    _remove_range_call = "pc_set_remove_range"

    @overload
    def __init__(
        self, environment: Environment, name: str, *, element: type[T], create: bool = True
    ) -> None: ...

    @overload
    def __init__(
        self, environment: Environment, name: str, *, element: Any = None, create: bool = True
    ) -> None: ...

    def __init__(
        self,
        environment: Environment,
        name: str,
        *,
        element: Any = None,
        create: bool = True,
    ) -> None:
        (asked,), (stored, *_) = self._open(
            environment, name, {"element": element}, "pc_set_open", "pc_set_schema", create
        )
        self._keys = key_codec_for("elements", name, asked, stored, self._is_raw)
        self._element_type = stored
        acceleration.prepare(self, self._keys)

    @property
    def element_type(self) -> str:
        """Returns the stored type of the elements."""
        return self._element_type

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, element={self._element_type!r})"

    def _repr_html_(self) -> str:
        from .notebook import table

        return self._table(lambda: table(repr(self), ("element",), zip(self), len(self)))

    def contains_many(self, elements: Iterable[Any]) -> list[bool]:
        """Looks up many elements in one call, and returns a bool for each, in their order.

        >>> s.update([1, 2])
        >>> s.contains_many([2, 3, 1])
        [True, False, True]
        """
        asked = columns.indexed(self._what, elements)
        column = acceleration.key_column(asked, self._keys)
        if column is not None:
            try:
                there = bulk.contains_many(self._library, self._handle, column, self._keys.width)
                return list(map(bool, there[: len(column)]))
            except (BadKeyError, KeySizeError):
                # The set cannot hold one of them, so it is not in the set.
                pass
        encoded = [self._lookup(element) for element in asked]
        known = [data for data in encoded if data is not None]
        present = iter(bulk.contains_many(self._library, self._handle, known, self._keys.width))
        return [data is not None and bool(next(present)) for data in encoded]

    def pop(self) -> T:
        """Removes the first element and returns it; `KeyError` if the set is empty."""
        library = self._library
        while True:
            status, data = checked.fetched(library, library.pc_set_first, self._handle)
            if status == raw.PC_NOT_FOUND:
                raise KeyError(f"{self!r} is empty")
            element = self._decoded(data)
            self._environment._writing()
            # Another thread or process may have removed it since: if so, look again.
            if self._found(library.pc_set_remove(self._handle, data, len(data))):
                return cast("T", element)

    # All of it.

    def clear(self) -> None:
        """Removes all elements."""
        self._environment._writing()
        checked.check(self._library, self._library.pc_set_clear(self._handle))

    def first(self) -> T:
        """Returns the least element; `KeyError` if the set is empty."""
        return cast("T", self._end(self._library.pc_set_first))

    def last(self) -> T:
        """Returns the greatest element; `KeyError` if the set is empty."""
        return cast("T", self._end(self._library.pc_set_last))

    def _end(self, call: Callable[..., int]) -> Any:
        status, data = checked.fetched(self._library, call, self._handle)
        if status == raw.PC_NOT_FOUND:
            raise KeyError(f"{self!r} is empty")
        return self._decoded(data)

    def _decoded(self, data: bytes) -> Any:
        try:
            return self._keys.decode(data)
        except scalars.UNREADABLE as error:
            raise scalars.located(error, self._what) from error.__cause__

    # Iteration.

    def __iter__(self) -> Iterator[T]:
        return self._elements_in(EVERYTHING)

    def __reversed__(self) -> Iterator[T]:
        return self._elements_in(Bounds(reverse=True))

    # Ranges.

    def range(
        self,
        low: T | None = None,
        high: T | None = None,
        *,
        reverse: bool = False,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> SetRange[T]:
        """Returns a lazy view of the part from `low` to before `high`; None is no bound.

        >>> s.update([1, 2, 3])
        >>> list(s.range(1, 3)), list(s.range(reverse=True))
        ([1, 2], [3, 2, 1])
        """
        return SetRange(self, self._between(low, high, inclusive, reverse))

    def irange(
        self,
        minimum: T | None = None,
        maximum: T | None = None,
        inclusive: tuple[bool, bool] = (True, True),
        reverse: bool = False,
    ) -> Iterator[T]:
        """Iterates over the elements from `minimum` to `maximum`, both included."""
        return self._elements_in(self._between(minimum, maximum, inclusive, reverse))

    def prefix(self, prefix: Any, *, reverse: bool = False) -> SetRange[T]:
        """Returns a lazy view of the elements that begin with a text, bytes or leading items."""
        return SetRange(self, self._beginning(prefix, reverse))

    def remove_range(
        self,
        low: T | None = None,
        high: T | None = None,
        *,
        inclusive: tuple[bool, bool] = (True, False),
    ) -> int:
        """Removes the part from `low` to before `high`, and returns the number of elements.

        At least one bound must be given; `clear` removes all elements.
        """
        return self._remove_between(low, high, inclusive)
