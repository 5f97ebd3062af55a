"""Types for stored values that Python has no type for."""

from __future__ import annotations

from dataclasses import dataclass

from ._abstract import Iterable
from ._typing import Any
from .arguments import iterated
from .errors import ArgumentTypeError, InvalidArgumentError

__all__ = ["Char", "MissingType", "Pairs", "SimpleValue", "Symbol", "Tagged", "missing"]


@dataclass(frozen=True)
class Tagged:
    """A CBOR tag and its content, for which Python has no exact type.

    Storing it writes the same bytes.

    >>> Tagged(27, ["Point", {"x": 1}]).tag
    27
    """

    tag: int
    content: Any


@dataclass(frozen=True)
class SimpleValue:
    """A simple value of CBOR without an assigned meaning.

    >>> SimpleValue(5)
    SimpleValue(value=5)
    """

    value: int

    def __post_init__(self) -> None:
        """Checks that the value has no assigned meaning."""
        if type(self.value) is not int:
            raise ArgumentTypeError(f"a simple value is an int, not {type(self.value).__name__}")
        if not (0 <= self.value < 20 or 32 <= self.value < 256):
            raise InvalidArgumentError(f"a simple value is 0 to 19 or 32 to 255, not {self.value}")


class Symbol(str):
    """A text that Julia reads as a `Symbol`.

    >>> Symbol("red") == "red"
    True
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Symbol({str.__repr__(self)})"


class Char(str):
    """A text of one character that Julia reads as a `Char`.

    >>> Char("é")
    Char('é')
    >>> Char("no")
    Traceback (most recent call last):
    ...
    persistent_collections.errors.InvalidArgumentError: a Char has one character, not 2
    """

    __slots__ = ()

    def __new__(cls, character: str) -> Char:
        """Checks that the text has one character."""
        if not isinstance(character, str):
            raise ArgumentTypeError(f"a Char is a str, not {type(character).__name__}")
        if len(character) != 1:
            raise InvalidArgumentError(f"a Char has one character, not {len(character)}")
        return super().__new__(cls, character)

    def __repr__(self) -> str:
        return f"Char({str.__repr__(self)})"


class MissingType:
    """The type of `missing`, its only instance."""

    __slots__ = ()
    _only: MissingType | None = None

    def __new__(cls) -> MissingType:
        """Returns the only instance."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "missing"

    def __reduce__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


#: Julia's `missing`, CBOR's undefined: an unknown value.
missing: MissingType = MissingType()


class Pairs(list[tuple[Any, Any]]):
    """A map that a dict cannot hold: a key is a list, or two keys are equal in Python.

    It is a list of pairs. Storing it writes a map.

    >>> Pairs([([1, 2], "a")])
    Pairs([([1, 2], 'a')])
    """

    def __init__(self, pairs: Iterable[tuple[Any, Any]] = ()) -> None:
        super().__init__(iterated("Pairs", pairs, "an iterable of pairs"))

    def __repr__(self) -> str:
        return f"Pairs({super().__repr__()})"
