"""Order-preserving keys: the order of their bytes is the order of the keys.

>>> codec = key_codec(parse("i64"))
>>> codec.encode(-1) < codec.encode(0) < codec.encode(1)
True
>>> codec.decode(codec.encode(-7))
-7
>>> key_codec(parse("any")).encode(("a", 1)).hex()
'05026100150100'
"""

from __future__ import annotations

import sys

from . import acceleration
from ._abstract import Callable, Sequence
from ._typing import TYPE_CHECKING, Any
from .errors import ArgumentTypeError, BadKeyError, BadTypeError, BadValueError, KeySizeError
from .types import INTEGERS, MAX_KEY, PLAIN, Type, parse

if TYPE_CHECKING:
    from .typed import TypedKey

__all__ = ["MAX_KEY", "KeyCodec", "key_codec", "parse"]

#: Types whose keys have another form in raw collections.
_RAW = frozenset({*INTEGERS, "f32", "f64", "date", "datetime", "str"})
#: Types whose keys have prefixes.
_HAVE_PREFIXES = frozenset({"str", "bytes", "opaque", "tuple", "any"})


class KeyCodec:
    """Encodes and decodes the keys of one type.

    `encode` raises an `Error` for a value that the type cannot hold, which is a `TypeError`,
    `ValueError` or `OverflowError` too; `decode` raises `BadKeyError` for bytes that are not a
    key of it. `prefix` returns the bytes that all keys with that beginning share.
    """

    #: Returns the bytes of a key.
    encode: Callable[[Any], bytes]
    #: Returns the key of bytes.
    decode: Callable[[bytes], Any]
    #: The width of all encoded keys; None if it differs between keys.
    width: int | None = None
    #: The accelerator's encoder and decoder; None if it has none for this type.
    coder: Any = None

    def __init__(self, type_: Type) -> None:
        self.type = type_
        #: The type to whose numbers a look-up converts.
        self.looks_like = type_

    def bound(self, value: Any) -> bytes:
        """Encodes a bound of a range, which need not be a key that can be stored."""
        return self.encode(value)

    def limit(self, value: Any, included: bool, upper: bool) -> tuple[bytes, bool]:
        """Encodes a bound; also returns whether the key there is inside the range.

        A number that does not equal a key bounds the range by the next key.
        """
        try:
            return self.bound(value), included
        except (TypeError, ValueError, OverflowError):
            from . import lookups

            if not lookups.is_between(self.looks_like, value):
                raise
        inside, outside = self._nearest(value, upper), self._nearest(value, not upper)
        if inside is None:
            return self.bound(outside), False
        return self.bound(inside), included or inside != value

    def _nearest(self, value: Any, down: bool) -> Any:
        from . import lookups

        return lookups.nearest(self.looks_like, value, down)

    def lookup(self, value: Any) -> bytes | None:
        """Encodes a key for a look-up; returns None if it does not equal a key of the type.

        Numbers are looked up as in a dict: 2.0 where the keys are ints is 2.
        """
        try:
            encoded = self.encode(value)
        except (TypeError, ValueError, OverflowError):
            from . import lookups

            try:
                number = lookups.as_number(self.looks_like, value)
                if number is value:
                    return None
                encoded = self.encode(number)
            except (TypeError, ValueError, OverflowError):
                return None
        return encoded if len(encoded) <= MAX_KEY else None

    def prefix(self, value: Any) -> bytes:
        """Encodes the beginning that keys with the prefix `value` share."""
        raise ArgumentTypeError(f"keys of type {self.type} have no prefix")

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        """Decodes the keys of a column."""
        decode = self.decode
        return [decode(data[start:end]) for start, end in zip(offsets, offsets[1:])]


def _by_library(type_: Type) -> TypedKey:
    from .typed import TypedKey

    return TypedKey(type_)


class TypedKeys(KeyCodec):
    """Keys as the library encodes them."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.width: int | None = type_.width
        self._typed = typed = acceleration.Later(lambda: _by_library(type_))
        self.coder: Any = acceleration.key_coder(str(type_), typed.encode, typed.decode)
        direct = self.coder or typed.made
        if type_.name not in PLAIN:
            # A process that changes its root later can import nothing more.
            from . import lookups, moments  # noqa: F401

            _ = typed.made
        self.encode: Callable[[Any], bytes] = direct.encode
        self.decode: Callable[[bytes], Any] = direct.decode

    def bound(self, value: Any) -> bytes:
        bound: bytes = self._typed.made.bound(value)
        return bound

    def prefix(self, value: Any) -> bytes:
        if self.type.name not in _HAVE_PREFIXES:
            return super().prefix(value)
        prefix: bytes = self._typed.made.prefix(value)
        return prefix


class RawKeys(KeyCodec):
    """Texts and numbers as other programs store them: as values, in the machine's byte order."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.width: int | None = type_.width
        from .typed import Typed

        self._values, self._keys = Typed(type_, "value"), _by_library(type_)

    def _native(self, data: bytes) -> bytes:
        return data[::-1] if self.width and sys.byteorder == "big" else data

    def encode(self, value: Any) -> bytes:
        if not (data := self.bound(value)):
            raise KeySizeError("an empty key cannot be stored")
        return data

    def bound(self, value: Any) -> bytes:
        if self.width:
            # Refuses a number that cannot be a key, as other collections do.
            self._keys.encode(value)
        return self._native(self._values.encode(value))

    def decode(self, data: bytes) -> Any:
        try:
            return self._values.decode(self._native(data))
        except BadValueError as error:
            raise BadKeyError(f"a key of another program: {error}") from None

    def prefix(self, value: Any) -> bytes:
        return super().prefix(value) if self.width else self.bound(value)


def key_codec(type_: Type, raw: bool = False) -> KeyCodec:
    """Returns the codec of a key type; in a raw collection, numbers are native-endian."""
    if type_.name in ("array", "unit"):
        raise BadTypeError(f"type {type_} cannot be a key")
    return RawKeys(type_) if raw and type_.name in _RAW else TypedKeys(type_)
