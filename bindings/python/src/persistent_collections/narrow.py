"""A collection stored as `any` and opened with a narrower type.

It is still stored as `any`. A value that does not fit the requested type raises a type error, when
it is stored and when it is read.
"""

from __future__ import annotations

from . import _scalars as scalars
from . import lookups
from ._typing import Any
from .errors import TypeMismatchError
from .keys import KeyCodec, key_codec
from .types import Request, Type, parse
from .values import ValueCodec, value_codec

__all__ = ["NarrowKeys", "NarrowValues"]


#: The greatest int that is a key of `any`, of 255 bytes.
_MOST = (1 << 8 * 255) - 1


class _Check:
    """Whether a value fits a type: whether the type's codec returns it unchanged."""

    def __init__(self, codec: KeyCodec | ValueCodec, request: Request) -> None:
        self._codec = codec
        self._type = request.text
        #: Whether the type is Python's int, which has no width.
        self.whole = request.host_number and request.text == "i64"

    def stored(self, value: Any) -> Any:
        """Returns the value to store as `any`."""
        if self.whole:
            # `any` can hold all of them.
            return scalars.index(value)
        return self._codec.decode(self._codec.encode(value))

    def read(self, value: Any) -> Any:
        """Returns a value that was stored as `any`."""
        if self.whole and type(value) is int:
            return value
        try:
            return self.stored(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeMismatchError(f"a stored value is not {self._type}: {error}") from None


class NarrowKeys(KeyCodec):
    """Keys of a narrower type in a collection of `any`."""

    def __init__(self, request: Request) -> None:
        super().__init__(Type("any"))
        self._any = key_codec(self.type)
        self.looks_like: Type = parse(request.text or "any")
        self._check = _Check(key_codec(self.looks_like), request)

    def encode(self, value: Any) -> bytes:
        return self._any.encode(self._check.stored(value))

    def _nearest(self, value: Any, down: bool) -> Any:
        if self._check.whole:
            return lookups.nearest_whole(-_MOST, _MOST, value, down)
        return super()._nearest(value, down)

    def decode(self, data: bytes) -> Any:
        key = self._check.read(self._any.decode(data))
        # A look-up must find it: 1 and True are different keys than 1.0 and 1.
        if self.encode(key) != data:
            stored = self._any.decode(data)
            raise TypeMismatchError(f"a stored key is not {self.looks_like}: {stored!r}")
        return key

    def prefix(self, value: Any) -> bytes:
        return self._any.prefix(value)


class NarrowValues(ValueCodec):
    """Values of a narrower type in a collection of `any`."""

    def __init__(self, request: Request) -> None:
        super().__init__(Type("any"))
        self._any = value_codec(self.type)
        self._check = _Check(value_codec(parse(request.text or "any")), request)

    def encode(self, value: Any) -> bytes:
        return self._any.encode(self._check.stored(value))

    def decode(self, data: bytes) -> Any:
        return self._check.read(self._any.decode(data))
