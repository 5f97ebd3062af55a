"""`PersistentSet`: a set on disk, ordered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet, Set
from ctypes import byref, c_bool
from typing import TYPE_CHECKING, Any, Callable, cast, overload

from . import _checked as checked
from . import _raw as raw
from . import acceleration, bulk, iteration
from ._checked import Cursor
from .collection import Collection, key_codec_for
from .environment import Environment
from .iteration import EVERYTHING, Bounds
from .narrow import NarrowKeys
from .ranges import SetRange

if TYPE_CHECKING:
    from typing_extensions import TypeGuard, TypeVar

    # Where no type can be seen, as in `element="u32"`, elements are Any.
    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")

__all__ = ["PersistentSet"]

S = TypeVar("S")


@acceleration.hot
class PersistentSet(acceleration.HotSet, Collection, MutableSet[T]):
    """A set on disk: the collection `name` of an environment, ordered.

    `element` is a type as the keys of `PersistentDict` have. Operators take sets, the
    named methods any iterable, and both give plain sets, as those of `set` do.

    Iterating sees one moment of the set, whatever is written meanwhile; but inside one's own
    write transaction it sees one's own writes, so that elements added ahead of it prolong
    the loop.

    >>> primes = PersistentSet(env, "primes", element=int)
    >>> primes.update([2, 3, 5])
    >>> 3 in primes, 4 in primes
    (True, False)
    >>> PersistentSet[int](env, "primes") & {2, 4} == {2}
    True
    """

    _type_arguments = ("element",)
    _close_call = "pc_set_close"

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
        """The stored type of its elements."""
        return self._element_type

    def __repr__(self) -> str:
        return f"PersistentSet({self._name!r}, element={self._element_type!r})"

    @classmethod
    def _from_iterable(cls, items: Any) -> Any:
        return set(items)

    # One element.

    def add(self, value: T) -> None:
        """Adds an element."""
        data = self._keys.encode(value)
        self._environment._writing()
        status = self._library.pc_set_add(self._handle, data, len(data))
        checked.check(self._library, status)

    def discard(self, value: Any) -> None:
        """Removes an element if it is there."""
        self._discard(value)

    def _discard(self, value: Any) -> bool:
        data = self._lookup(value)
        self._environment._writing()
        return data is not None and self._found(
            self._library.pc_set_remove(self._handle, data, len(data))
        )

    def remove(self, value: T) -> None:
        """Removes an element; `KeyError` if it is not there."""
        if not self._discard(value):
            raise KeyError(value)

    def __contains__(self, value: object) -> bool:
        data = self._lookup(value)
        return data is not None and self._found(
            self._library.pc_set_contains(self._handle, data, len(data))
        )

    def pop(self) -> T:
        """Removes the first element and returns it; `KeyError` if the set is empty."""
        while True:
            element = self.first()
            # Somebody else may have taken it since; then look again.
            if self._discard(element):
                return element

    # All of it.

    def __len__(self) -> int:
        library = self._library
        return checked.number(library, library.pc_set_len, self._handle)

    def clear(self) -> None:
        """Removes everything."""
        self._environment._writing()
        checked.check(self._library, self._library.pc_set_clear(self._handle))

    def copy(self) -> set[T]:
        """A plain set of all of it."""
        return set(self)

    __hash__ = None  # type: ignore[assignment]

    def first(self) -> T:
        """The least element; `KeyError` if the set is empty."""
        return cast("T", self._end(self._library.pc_set_first))

    def last(self) -> T:
        """The greatest element; `KeyError` if the set is empty."""
        return cast("T", self._end(self._library.pc_set_last))

    def _end(self, call: Callable[..., int]) -> Any:
        status, data = checked.fetched(self._library, call, self._handle)
        if status == raw.PC_NOT_FOUND:
            raise KeyError(f"{self!r} is empty")
        return self._keys.decode(data)

    # Walking.

    def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]:
        return iteration.open_cursor(
            self._environment,
            self._library.pc_iter_open_set,
            self._handle,
            bounds,
            (self._keys.width, 0),
        )

    def _elements_in(self, bounds: Bounds) -> Iterator[T]:
        cursor, inside = self._cursor(bounds)
        walk = acceleration.walk(self, cursor, inside, "keys", self._keys, None)
        if walk is not None:
            return walk
        decode = self._keys.decode_many
        return iteration.walk(
            self, cursor, inside, lambda batch: decode(batch.keys, batch.key_offsets)
        )

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
        """The part from `low` to before `high`, as a lazy view; None is open.

        >>> s.update([1, 2, 3])
        >>> list(s.range(1, 3)), list(s.range(reverse=True))
        ([1, 2], [3, 2, 1])
        """
        return SetRange(self, Bounds.between(self._keys, low, high, inclusive, reverse))

    def irange(
        self,
        minimum: T | None = None,
        maximum: T | None = None,
        inclusive: tuple[bool, bool] = (True, True),
        reverse: bool = False,
    ) -> Iterator[T]:
        """An iterator over the elements from `minimum` to `maximum`, both included."""
        return self._elements_in(Bounds.between(self._keys, minimum, maximum, inclusive, reverse))

    def prefix(self, prefix: Any, *, reverse: bool = False) -> SetRange[T]:
        """The part whose elements begin with a text, bytes or leading elements of tuples."""
        return SetRange(self, Bounds(prefix=self._keys.prefix(prefix), reverse=reverse))

    def remove_range(
        self,
        low: T | None = None,
        high: T | None = None,
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
            library, library.pc_set_remove_range, self._handle, byref(bounds.struct())
        )

    # Many elements.

    def _many(self, call: Callable[..., int], data: list[bytes]) -> int:
        if not data:
            return 0
        self._environment._writing()
        return bulk.change_many(self._library, call, self._handle, data, self._keys.width)

    def _is_like(self, other: Any) -> TypeGuard[PersistentSet[Any]]:
        """Whether the library can compare the two: same type, and none narrows or is raw."""
        return (
            isinstance(other, PersistentSet)
            and not (self._is_raw or other._is_raw)
            and self._keys.type == other._keys.type
            and type(self._keys) is type(other._keys) is not NarrowKeys
        )

    def _combine(self, call: Callable[..., int], other: PersistentSet[Any]) -> None:
        self._environment._writing()
        checked.check(self._library, call(self._handle, other._handle, self._handle))

    def _tells(self, call: Callable[..., int], other: PersistentSet[Any]) -> bool:
        answer = c_bool()
        checked.check(self._library, call(self._handle, other._handle, byref(answer)))
        return answer.value

    def _remove_all(self, elements: Iterable[Any]) -> int:
        known = [data for data in map(self._lookup, elements) if data is not None]
        return self._many(self._library.pc_set_remove_many, known)

    def update(self, *others: Iterable[T]) -> None:
        """Adds all elements of the others in one call: all of them or none."""
        if len(others) == 1 and self._is_like(others[0]):
            self._combine(self._library.pc_set_union, others[0])
            return
        elements = [element for other in others for element in other]
        data = checked.encoded(self._keys.encode, elements, "")
        self._many(self._library.pc_set_add_many, data)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Removes all elements of the others in one call."""
        if len(others) == 1 and self._is_like(others[0]):
            self._combine(self._library.pc_set_difference, others[0])
            return
        self._remove_all([element for other in others for element in other])

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Removes all elements that are not in every one of the others, in one transaction."""
        if len(others) == 1 and self._is_like(others[0]):
            self._combine(self._library.pc_set_intersection, others[0])
            return
        kept = [set(other) for other in others]
        with self._environment.transaction():
            self._remove_all([item for item in self if not all(item in other for other in kept)])

    def symmetric_difference_update(self, other: Iterable[T]) -> None:
        """Removes what is in both and adds what is only in the other, in one transaction."""
        if self._is_like(other):
            self._combine(self._library.pc_set_symmetric_difference, other)
            return
        given = set(other)
        with self._environment.transaction():
            both = {element for element in given if element in self}
            self._remove_all(both)
            self.update(given - both)

    def union(self, *others: Iterable[S]) -> set[T | S]:
        """A plain set of what is here or in any of the others."""
        return self.copy().union(*others)

    def intersection(self, *others: Iterable[Any]) -> set[T]:
        """A plain set of what is here and in all of the others."""
        return self.copy().intersection(*others)

    def difference(self, *others: Iterable[Any]) -> set[T]:
        """A plain set of what is here and in none of the others."""
        return self.copy().difference(*others)

    def symmetric_difference(self, other: Iterable[S]) -> set[T | S]:
        """A plain set of what is in exactly one of the two."""
        return self.copy().symmetric_difference(other)

    def issubset(self, other: Iterable[Any]) -> bool:
        """Whether all elements are in the other."""
        if self._is_like(other):
            return self._tells(self._library.pc_set_is_subset, other)
        return self.copy().issubset(other)

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Whether all elements of the other are here."""
        if self._is_like(other):
            return other.issubset(self)
        return all(element in self for element in other)

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Whether no element of the other is here."""
        if self._is_like(other):
            return self._tells(self._library.pc_set_is_disjoint, other)
        return not any(element in self for element in other)

    # Operators: with sets only.

    def __or__(self, other: Set[S]) -> set[T | S]:
        return self.union(other) if isinstance(other, Set) else NotImplemented

    __ror__ = __or__

    def __and__(self, other: Set[Any]) -> set[T]:
        return self.intersection(other) if isinstance(other, Set) else NotImplemented

    __rand__ = __and__

    def __sub__(self, other: Set[Any]) -> set[T]:
        return self.difference(other) if isinstance(other, Set) else NotImplemented

    def __rsub__(self, other: Set[Any]) -> set[Any]:
        return set(other).difference(self) if isinstance(other, Set) else NotImplemented

    def __xor__(self, other: Set[S]) -> set[T | S]:
        return self.symmetric_difference(other) if isinstance(other, Set) else NotImplemented

    __rxor__ = __xor__

    def __ior__(self, other: Set[Any]) -> PersistentSet[T]:  # type: ignore[misc]
        if not isinstance(other, Set):
            return NotImplemented
        self.update(other)
        return self

    def __iand__(self, other: Set[Any]) -> PersistentSet[T]:
        if not isinstance(other, Set):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __isub__(self, other: Set[Any]) -> PersistentSet[T]:
        if not isinstance(other, Set):
            return NotImplemented
        self.difference_update(other)
        return self

    def __ixor__(self, other: Set[Any]) -> PersistentSet[T]:  # type: ignore[misc]
        if not isinstance(other, Set):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self
