"""The operators and comparisons of sets, which compare stored keys, on either side."""

from __future__ import annotations

from itertools import filterfalse

from ._abstract import Callable, Iterable, Iterator, Set
from ._typing import TYPE_CHECKING, Any
from .arguments import iterated, listed
from .comparison import Keyed, coding, collected, common, is_same, itself, plain_set

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Any)
else:
    from ._typing import TypeVar

    T = TypeVar("T")

__all__ = ["ItemSet", "KeySet"]

_NOWHERE: Any = object()


class KeySet(Keyed, Set[T]):
    """A set of keys: a persistent set, a range of one, or the keys of a dict.

    The operators return plain sets.
    """

    __slots__ = ()

    #: The types that its operators take; for others they return `NotImplemented`.
    _operands: type = Iterable

    @classmethod
    def _from_iterable(cls, items: Any) -> Any:
        return set(items)

    def _matching(self, other: Iterable[Any]) -> Callable[[Any], bool]:
        """Returns a function that tells whether an element of this one is in the other."""
        other = collected(other)
        code = coding(self._key_codec, other)
        if code is None:
            return (other if isinstance(other, (set, frozenset)) else set(other)).__contains__
        coded, theirs = code, set(map(code, other))
        return lambda element: coded(element) in theirs

    def _is_judge(self, other: Iterable[Any]) -> bool:
        """Whether a look-up here suffices to tell whether an element of the other is in both."""
        return not isinstance(other, Keyed) or coding(self._key_codec, other) is None

    def _holds(self, other: Iterable[Any]) -> Callable[[Any], bool]:
        """Returns a function that tells whether an element of the other is in this one."""
        if self._is_judge(other):
            return self.__contains__
        code = coding(self._key_codec, other) or itself
        mine = set(map(code, self))
        return lambda element: code(element) in mine

    def _beyond(self, other: Iterable[Any]) -> set[Any]:
        """Returns the elements of the other that are not here."""
        elements = collected(other)
        return set(filterfalse(self._holds(elements), elements))

    def _either(self, others: Iterable[Iterable[Any]], both: bool) -> set[Any]:
        """Returns the elements that are here or in the other, with or without those in both."""
        every = [collected(other) for other in others]
        code = common(coding(self._key_codec, other) for other in every)
        if code is itself:
            mine = plain_set(list(self))
            return mine.union(*every) if both else mine.symmetric_difference(*every)
        theirs: dict[Any, Any] = {}
        for other in every:
            for element in other:
                theirs.setdefault(code(element), element)
        found = []
        for element in self:
            if theirs.pop(code(element), _NOWHERE) is _NOWHERE or both:
                found.append(element)
        return plain_set([*found, *theirs.values()])

    # Comparing.

    def __le__(self, other: Set[Any]) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return all(map(self._matching(other), self))

    def __ge__(self, other: Set[Any]) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return all(map(self._holds(other), other))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        if self is other:
            return True
        return len(self) == len(other) and all(map(self._matching(other), self))

    __hash__ = None  # type: ignore[assignment]

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Whether the two have no element in common."""
        return not any(map(self._holds(other), iterated("an operand", other)))

    if not TYPE_CHECKING:
        # Type checkers see the operators of `collections.abc` or the subclass instead.

        def __or__(self, other):
            if not isinstance(other, self._operands):
                return NotImplemented
            return self._either([other], True)

        def __xor__(self, other):
            if not isinstance(other, self._operands):
                return NotImplemented
            return self._either([other], False)

        def __and__(self, other):
            if not isinstance(other, self._operands):
                return NotImplemented
            return plain_set(list(filter(self._matching(other), self)))

        def __sub__(self, other):
            if not isinstance(other, self._operands):
                return NotImplemented
            return plain_set(list(filterfalse(self._matching(other), self)))

        def __rsub__(self, other):
            return self._beyond(other) if isinstance(other, self._operands) else NotImplemented

        __ror__ = __or__
        __rxor__ = __xor__
        __rand__ = __and__


class ItemSet(Keyed, Set[T]):
    """The items of a dict or of a range of one: equal if keys and values are."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __iter__(self) -> Iterator[T]: ...

    @classmethod
    def _from_iterable(cls, items: Any) -> Any:
        return set(items)

    def _apart(self, other: Iterable[Any]) -> tuple[Callable[[Any], Any], list[Any]]:
        """Returns the codes of the keys of both, and the items of the other."""
        items = listed("an operand", other)
        keys = [item[0] for item in items if _is_pair(item)]
        source = other if isinstance(other, Keyed) else keys
        return coding(self._key_codec, source) or itself, items

    def _matching(self, other: Iterable[Any]) -> tuple[Callable[[Any], bool], list[Any]]:
        """Returns a function that tells whether an item is in the other, and the other's items."""
        code, items = self._apart(other)
        return _among(code, items), items

    def _holds(self, other: Iterable[Any]) -> tuple[Callable[[Any], bool], list[Any]]:
        """Returns a function that tells whether an item is in this one, and the other's items."""
        code, items = self._apart(other)
        if not isinstance(other, Keyed) or code is itself:
            return self.__contains__, items
        return _among(code, self), items

    # Comparing.

    def __le__(self, other: Set[Any]) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return all(map(self._matching(other)[0], self))

    def __ge__(self, other: Set[Any]) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        return all(map(*self._holds(other)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Set):
            return NotImplemented
        if self is other:
            return True
        return len(self) == len(other) and all(map(self._matching(other)[0], self))

    __hash__ = None  # type: ignore[assignment]

    def isdisjoint(self, other: Iterable[Any]) -> bool:
        """Whether the two have no item in common."""
        return not any(map(*self._holds(other)))

    # Operators that return plain sets.

    def _mine(self, other: Iterable[Any], inside: bool) -> list[Any]:
        """Returns the items here that are in the other, or those that are not."""
        matches, _ = self._matching(other)
        return [item for item in self if matches(item) is inside]

    def _theirs(self, other: Iterable[Any]) -> list[Any]:
        """Returns the items of the other that are not here."""
        holds, items = self._holds(other)
        return [item for item in items if not holds(item)]

    if not TYPE_CHECKING:

        def __and__(self, other):
            if not isinstance(other, Iterable):
                return NotImplemented
            return plain_set(self._mine(collected(other), True))

        def __sub__(self, other):
            if not isinstance(other, Iterable):
                return NotImplemented
            return plain_set(self._mine(collected(other), False))

        def __rsub__(self, other):
            return (
                set(self._theirs(collected(other)))
                if isinstance(other, Iterable)
                else NotImplemented
            )

        def __or__(self, other):
            if not isinstance(other, Iterable):
                return NotImplemented
            return _joined(list(self), self._theirs(collected(other)))

        def __xor__(self, other):
            if not isinstance(other, Iterable):
                return NotImplemented
            other = collected(other)
            return _joined(self._mine(other, False), self._theirs(other))

        __rand__ = __and__
        __ror__ = __or__
        __rxor__ = __xor__


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2


def _joined(mine: list[Any], theirs: list[Any]) -> set[Any]:
    # A repeated item of the others counts once.
    return plain_set([*mine, *set(theirs)])


def _among(code: Callable[[Any], Any], items: Iterable[Any]) -> Callable[[Any], bool]:
    """Returns a function that tells whether one of these items has an item's key and value."""
    values: dict[Any, list[Any]] = {}
    for item in items:
        if _is_pair(item):
            values.setdefault(code(item[0]), []).append(item[1])

    def found(item: Any) -> bool:
        if not _is_pair(item):
            return False
        return any(is_same(value, item[1]) for value in values.get(code(item[0]), ()))

    return found
