"""Sets with sets: the operators and named methods of `set`."""

from __future__ import annotations

from ctypes import byref, c_bool
from itertools import filterfalse

from . import _checked as checked
from . import acceleration, bulk, columns
from ._abstract import Callable, Iterable, MutableSet, Set
from ._typing import TYPE_CHECKING, Any
from .arguments import iterated, listed
from .collection import Collection
from .comparison import coding, collected, itself, plain_set
from .iteration import EVERYTHING, Bounds
from .keys import KeyCodec
from .narrow import NarrowKeys
from .operators import KeySet

if TYPE_CHECKING:
    from typing_extensions import Self, TypeGuard, TypeVar

    from ._checked import Cursor

    T = TypeVar("T", default=Any)
else:
    from ._typing import TypeVar

    T = TypeVar("T")

__all__ = ["Algebra"]

S = TypeVar("S")

_BATCH = 4096


class Algebra(Collection, KeySet[T], MutableSet[T]):
    """The part of `PersistentSet` that works with other sets.

    Operations in place with a persistent set of the same type run in the library, which streams
    over both. Operations that return a plain set walk over this one in batches.
    """

    _type_arguments = ("element",)
    _operands = Set

    @property
    def _key_codec(self) -> KeyCodec:
        return self._keys

    def _cursor(self, bounds: Bounds) -> tuple[Cursor, bool]:
        raise NotImplementedError

    def copy(self) -> set[T]:
        """Returns a plain set of all elements; `EqualKeysError` if two are equal in Python."""
        return plain_set(list(self))

    def __copy__(self) -> set[T]:
        # Not an operator of a subclass, which may be written in terms of this method.
        return Algebra.copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> set[T]:
        # Fetched elements are new objects, and not shared.
        return Algebra.copy(self)

    # Operations of the library.

    def _is_like(self, other: Any) -> TypeGuard[Algebra[Any]]:
        """Whether the library can compare the two: same type, and neither is narrowed or raw."""
        return (
            isinstance(other, Algebra)
            and not (self._is_raw or other._is_raw)
            and self._keys.type == other._keys.type
            and type(self._keys) is type(other._keys) is not NarrowKeys
        )

    def _are_like(self, others: Iterable[Any]) -> TypeGuard[tuple[Algebra[Any], ...]]:
        return all(map(self._is_like, others))

    def _combine(self, call: Callable[..., int], others: tuple[Algebra[Any], ...]) -> None:
        """Runs the operation in place with each of the others, in one transaction."""
        if len(others) > 1:
            with self._environment.transaction():
                for other in others:
                    self._combine(call, (other,))
        elif others:
            self._environment._writing()
            checked.check(self._library, call(self._handle, others[0]._handle, self._handle))

    def _tells(self, call: Callable[..., int], other: Algebra[Any]) -> bool:
        answer = c_bool()
        checked.check(self._library, call(self._handle, other._handle, byref(answer)))
        return answer.value

    def _remove_all(self, elements: Iterable[Any]) -> int:
        asked = columns.indexed(self._what, elements)
        return self._change_known(self._library.pc_set_remove_many, asked)

    def _sifted(self, others: Iterable[Algebra[Any]], wanted: int) -> set[T]:
        """Returns the elements that are in all of the others, or in none, as of one snapshot."""
        library = self._library
        found: list[T] = []
        with self._environment.snapshot():
            cursor, _ = self._cursor(EVERYTHING)
            while (batch := cursor.fetch(_BATCH)) is not None:
                keys = [batch.key(index) for index in range(batch.count)]
                for other in others:
                    present = bulk.contains_many(library, other._handle, keys, other._keys.width)
                    keys = [key for key, there in zip(keys, present) if there == wanted]
                found.extend(map(self._keys.decode, keys))
        return plain_set(found)

    # In place.

    def update(self, *others: Iterable[T]) -> None:
        """Adds all elements of the others at once, or none if one is refused."""
        if self._are_like(others):
            self._combine(self._library.pc_set_union, others)
            return
        elements: Any
        if len(others) == 1:
            elements = columns.indexed(self._what, others[0])
        else:
            elements = [element for other in others for element in listed(self._what, other)]
        place = self._place_of(elements)
        data = acceleration.key_column(elements, self._keys)
        if data is None:
            data = checked.encoded(self._keys.encode, elements, place)
        self._change_many(self._library.pc_set_add_many, data, place)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Removes all elements of the others at once."""
        if self._are_like(others):
            self._combine(self._library.pc_set_difference, others)
            return
        for other in map(collected, others):
            gone = other if self._is_judge(other) else filter(self._matching(other), self)
            self._remove_all(list(gone))

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Removes all elements that are not in every one of the others, in one transaction."""
        if self._are_like(others):
            self._combine(self._library.pc_set_intersection, others)
            return
        every = list(map(self._matching, others))
        with self._environment.transaction():
            self._remove_all([item for item in self if not all(there(item) for there in every)])

    def symmetric_difference_update(self, other: Iterable[T]) -> None:
        """Keeps the elements that are in exactly one of the two, in one transaction."""
        if self._is_like(other):
            self._combine(self._library.pc_set_symmetric_difference, (other,))
            return
        other = collected(other)
        code = coding(self._key_codec, other) or itself
        # A repeated element counts once.
        given = list({code(element): element for element in other}.values())
        with self._environment.transaction():
            holds = self._holds(other)
            both = [element for element in given if holds(element)]
            new = [element for element in given if not holds(element)]
            self._remove_all(both)
            self.update(new)

    # To plain sets.

    def union(self, *others: Iterable[S]) -> set[T | S]:
        """Returns a plain set of the elements of this set and of all the others."""
        return self._either(others, True)

    def intersection(self, *others: Iterable[Any]) -> set[T]:
        """Returns a plain set of the elements that are in this set and in all the others."""
        if others and self._are_like(others):
            return self._sifted(others, 1)
        found: Iterable[T] = self
        for there in list(map(self._matching, others)):
            found = filter(there, found)
        return plain_set(list(found))

    def difference(self, *others: Iterable[Any]) -> set[T]:
        """Returns a plain set of the elements of this set that are not in any of the others."""
        if others and self._are_like(others):
            return self._sifted(others, 0)
        found: Iterable[T] = self
        for there in list(map(self._matching, others)):
            found = filterfalse(there, found)
        return plain_set(list(found))

    def symmetric_difference(self, other: Iterable[S]) -> set[T | S]:
        """Returns a plain set of the elements that are in exactly one of the two."""
        return self._either([other], False)

    # Comparing.

    def issubset(self, other: Iterable[Any]) -> bool:
        """Returns whether all elements are in the other set."""
        if self._is_like(other):
            return self._tells(self._library.pc_set_is_subset, other)
        return all(map(self._matching(other), self))

    def issuperset(self, other: Iterable[Any]) -> bool:
        """Returns whether all elements of the other set are in this one."""
        if self._is_like(other):
            return other.issubset(self)
        return all(map(self._holds(other), iterated(self._what, other)))

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Returns whether the two sets have no element in common."""
        if self._is_like(other):
            return self._tells(self._library.pc_set_is_disjoint, other)
        return super().isdisjoint(other)

    def __le__(self, other: Set[Any]) -> bool:
        return self.issubset(other) if isinstance(other, Set) else NotImplemented

    def __ge__(self, other: Set[Any]) -> bool:
        return self.issuperset(other) if isinstance(other, Set) else NotImplemented

    def __eq__(self, other: object) -> bool:
        if self._is_like(other):
            return len(self) == len(other) and self.issubset(other)
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]

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
        return self._beyond(other) if isinstance(other, Set) else NotImplemented

    def __xor__(self, other: Set[S]) -> set[T | S]:
        return self.symmetric_difference(other) if isinstance(other, Set) else NotImplemented

    __rxor__ = __xor__

    def __ior__(self, other: Set[Any]) -> Self:  # type: ignore[misc]
        if not isinstance(other, Set):
            return NotImplemented
        self.update(other)
        return self

    def __iand__(self, other: Set[Any]) -> Self:
        if not isinstance(other, Set):
            return NotImplemented
        self.intersection_update(other)
        return self

    def __isub__(self, other: Set[Any]) -> Self:
        if not isinstance(other, Set):
            return NotImplemented
        self.difference_update(other)
        return self

    def __ixor__(self, other: Set[Any]) -> Self:  # type: ignore[misc]
        if not isinstance(other, Set):
            return NotImplemented
        self.symmetric_difference_update(other)
        return self
