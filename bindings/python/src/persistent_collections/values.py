"""Values: the bytes of each type.

>>> codec = value_codec(parse("i32"))
>>> codec.encode(-2).hex()
'feffffff'
>>> codec.decode_many(codec.encode(1) + codec.encode(2), [0, 4, 8])
[1, 2]
"""

from __future__ import annotations

import math
import struct
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from . import _scalars as scalars
from . import arrays, cbor
from .errors import ArgumentTypeError, BadTypeError, BadValueError, UnstorableError
from .lending import Lent
from .types import INTEGERS, NUMBERS, Type, parse

__all__ = ["ArrayValues", "Codec", "ValueCodec", "parse", "value_codec"]


class ValueCodec:
    """Encodes and decodes the values of one type.

    `encode` raises an `Error` for what the type cannot hold, which is a `TypeError`,
    `ValueError` or `OverflowError` too; `decode` raises `BadValueError` for bytes that are no
    value of it.
    """

    #: The type's name, where the accelerator has its encoding too.
    plain_type: str | None = None

    def __init__(self, type_: Type) -> None:
        self.type = type_
        self.width: int | None = type_.width

    def encode(self, value: Any) -> bytes:
        """The bytes of a value."""
        raise NotImplementedError

    def decode(self, data: bytes) -> Any:
        """The value of these bytes."""
        raise NotImplementedError

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        """The values of a column."""
        decode = self.decode
        return [decode(data[start:end]) for start, end in zip(offsets, offsets[1:])]

    def _check_width(self, data: bytes) -> None:
        if len(data) != self.width:
            raise BadValueError(
                f"a value of type {self.type} has {self.width} bytes, not {len(data)}"
            )


V = TypeVar("V")


class Codec(Protocol[V]):
    """What `codec=` takes: turns values into bytes and back."""

    def encode(self, value: V, /) -> bytes:
        """The bytes of a value; a `TypeError` or `ValueError` refuses it."""
        ...

    def decode(self, data: bytes, /) -> V:
        """The value of bytes that `encode` gave."""
        ...


class CodecValues(ValueCodec):
    """Values that a user's codec turns into bytes."""

    def __init__(self, stored: ValueCodec, codec: Codec[Any]) -> None:
        super().__init__(stored.type)
        if stored.type.name != "bytes":
            raise ArgumentTypeError(f"with a codec values are bytes, not {stored.type}")
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                raise ArgumentTypeError(f"{type(codec).__name__} is no codec: it has no {method}()")
        self._codec = codec

    def encode(self, value: Any) -> bytes:
        data = self._codec.encode(value)
        if not isinstance(data, bytes):
            raise UnstorableError(f"the codec's encode gave {type(data).__name__}, not bytes")
        return data

    def decode(self, data: bytes) -> Any:
        return self._codec.decode(data)


class BytesValues(ValueCodec):
    """`bytes`: as they are."""

    plain_type: str | None = "bytes"

    def encode(self, value: Any) -> bytes:
        return scalars.octets(value)

    def decode(self, data: bytes) -> bytes:
        return data


class TextValues(ValueCodec):
    """`str`: UTF-8."""

    plain_type: str | None = "str"

    def encode(self, value: Any) -> bytes:
        return scalars.text(value)

    def decode(self, data: bytes) -> str:
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise BadValueError(f"a str value is not UTF-8: {error}") from None


class FixedValues(ValueCodec):
    """Numbers and what is stored as one, little-endian."""

    def __init__(
        self,
        type_: Type,
        letter: str,
        encode: Callable[[Any], bytes],
        from_number: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(type_)
        self._letter, self._encode, self._from = letter, encode, from_number
        if type_.name in NUMBERS or type_.name == "bool":
            self.plain_type: str | None = type_.name

    def encode(self, value: Any) -> bytes:
        return self._encode(value)

    def decode(self, data: bytes) -> Any:
        self._check_width(data)
        (number,) = struct.unpack("<" + self._letter, data)
        return number if self._from is None else self._from(number)

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        count = len(offsets) - 1
        start, end = offsets[0], offsets[-1]
        if end - start != count * (self.width or 0):
            return super().decode_many(data, offsets)
        numbers = struct.unpack(f"<{count}{self._letter}", data[start:end])
        return list(numbers if self._from is None else map(self._from, numbers))


class OpaqueValues(ValueCodec):
    """`opaque[n]`: n bytes."""

    def encode(self, value: Any) -> bytes:
        return scalars.opaque(value, self.type.size)

    def decode(self, data: bytes) -> bytes:
        self._check_width(data)
        return data


class UuidValues(ValueCodec):
    """`uuid`: 16 bytes."""

    def encode(self, value: Any) -> bytes:
        return scalars.uuid_bytes(value)

    def decode(self, data: bytes) -> uuid.UUID:
        self._check_width(data)
        return uuid.UUID(bytes=data)


class ArrayValues(ValueCodec):
    """`T[]`, `T[n,m,…]`: the elements little-endian in C order."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.element: str = type_.elements[0].name
        self.shape: tuple[int, ...] | None = type_.shape

    def encode(self, value: Any) -> bytes:
        return arrays.to_bytes(value, self.element, self.shape)

    def decode(self, data: bytes | Lent) -> Any:
        """The array; a read-only view of memory that a snapshot has lent."""
        if isinstance(data, Lent):
            return arrays.borrowed(data, self.element, self._shape(data.size))
        return arrays.from_bytes(data, self.element, self._shape(len(data)))

    def _shape(self, size: int) -> tuple[int, ...]:
        width = NUMBERS[self.element]
        if self.shape is None:
            if size % width:
                raise BadValueError(f"a value of type {self.type} has {size} bytes")
            return (size // width,)
        if size != self.width:
            raise BadValueError(f"a value of type {self.type} has {self.width} bytes, not {size}")
        return self.shape

    def matrix(self, data: bytes, count: int) -> Any:
        """One array of `count` values of fixed shape."""
        return arrays.from_bytes(data, self.element, (count, *(self.shape or ())))


class AnyValues(ValueCodec):
    """`any`: one CBOR item."""

    plain_type: str | None = "any"

    def encode(self, value: Any) -> bytes:
        return cbor.encode(value)

    def decode(self, data: bytes) -> Any:
        return cbor.decode(data)


class UnitValues(ValueCodec):
    """`unit`: nothing."""

    def encode(self, value: Any) -> bytes:
        if value is not None:
            raise scalars.wrong("None", value)
        return b""

    def decode(self, data: bytes) -> None:
        self._check_width(data)


_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}


def _integers(type_: Type) -> ValueCodec:
    width, signed = INTEGERS[type_.name]
    letter = _LETTERS[width] if signed else _LETTERS[width].upper()
    return FixedValues(
        type_,
        letter,
        lambda value: scalars.integer(value, width, signed).to_bytes(
            width, "little", signed=signed
        ),
    )


def _double(value: Any) -> bytes:
    number = scalars.real(value)
    return b"\0\0\0\0\0\0\xf8\x7f" if math.isnan(number) else struct.pack("<d", number)


def _bool_from(number: int) -> bool:
    if number > 1:
        raise BadValueError(f"a bool value is 0 or 1, not {number}")
    return number == 1


def value_codec(type_: Type) -> ValueCodec:
    """The codec of a value type."""
    name = type_.name
    if name in INTEGERS:
        return _integers(type_)
    if name == "f64":
        return FixedValues(type_, "d", _double)
    if name == "f32":
        return FixedValues(type_, "f", scalars.single)
    if name == "bool":
        return FixedValues(
            type_, "B", lambda value: b"\1" if scalars.boolean(value) else b"\0", _bool_from
        )
    if name == "date":
        return FixedValues(
            type_, "i", lambda value: struct.pack("<i", scalars.days(value)), scalars.from_days
        )
    if name == "datetime":
        return FixedValues(
            type_,
            "q",
            lambda value: struct.pack("<q", scalars.microseconds(value)),
            scalars.from_microseconds,
        )
    kinds: dict[str, type[ValueCodec]] = {
        "bytes": BytesValues,
        "str": TextValues,
        "uuid": UuidValues,
        "opaque": OpaqueValues,
        "array": ArrayValues,
        "any": AnyValues,
        "unit": UnitValues,
    }
    kind = kinds.get(name)
    if kind is None:
        raise BadTypeError(f"type {type_} cannot be a value")
    return kind(type_)
