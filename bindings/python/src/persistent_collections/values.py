"""Values: the bytes of each type.

>>> codec = value_codec(parse("i32"))
>>> codec.encode(-2).hex()
'feffffff'
>>> codec.decode_many(codec.encode(1) + codec.encode(2), [0, 4, 8])
[1, 2]
"""

from __future__ import annotations

from . import _scalars as scalars
from . import acceleration, arrays
from ._abstract import Callable, Sequence
from ._typing import TYPE_CHECKING, Any
from .errors import ArgumentTypeError, BadTypeError, BadValueError, UnstorableError
from .types import NUMBERS, PLAIN, Type, parse

if TYPE_CHECKING:
    from .codec import Codec
    from .lending import Lent
else:

    def __getattr__(name):
        # With its first use, since a protocol needs `typing`.
        if name == "Codec":
            from .codec import Codec

            return Codec
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["ArrayValues", "Codec", "ValueCodec", "parse", "value_codec"]


class ValueCodec:
    """Encodes and decodes the values of one type.

    `encode` raises an `Error` for a value that the type cannot hold, which is a `TypeError`,
    `ValueError` or `OverflowError` too; `decode` raises `BadValueError` for bytes that are not a
    value of it.
    """

    #: Returns the bytes of a value.
    encode: Callable[[Any], bytes]
    #: Returns the value of bytes.
    decode: Callable[[bytes], Any]
    #: The accelerator's encoder and decoder; None if it has none for this type.
    coder: Any = None

    def __init__(self, type_: Type) -> None:
        self.type = type_
        self.width: int | None = type_.width

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        """Decodes the values of a column."""
        decode = self.decode
        return [decode(data[start:end]) for start, end in zip(offsets, offsets[1:])]


class CodecValues(ValueCodec):
    """Values that a user's codec turns into bytes."""

    def __init__(self, stored: ValueCodec, codec: Codec[Any]) -> None:
        super().__init__(stored.type)
        if stored.type.name != "bytes":
            raise ArgumentTypeError(f"with a codec values are bytes, not {stored.type}")
        for method in ("encode", "decode"):
            if not callable(getattr(codec, method, None)):
                raise ArgumentTypeError(
                    f"{type(codec).__name__} is not a codec: it has no {method}()"
                )
        self._codec = codec

    def encode(self, value: Any) -> bytes:
        data = self._codec.encode(value)
        if not isinstance(data, bytes):
            raise UnstorableError(f"the codec's encode returned {type(data).__name__}, not bytes")
        return data

    def decode(self, data: bytes) -> Any:
        return self._codec.decode(data)


def _by_library(type_: Type) -> Any:
    if type_.name == "any":
        # Importing it imports the modules of all types that `any` can hold.
        from . import cbor

        return cbor
    from .typed import Typed

    return Typed(type_, "value")


class TypedValues(ValueCodec):
    """Values as the library encodes them; those of `any` are one CBOR item."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        typed = acceleration.Later(lambda: _by_library(type_))
        self.coder: Any = acceleration.value_coder(str(type_), typed.encode, typed.decode)
        direct = self.coder or typed.made
        if type_.name not in PLAIN:
            # A process that changes its root later can import nothing more.
            from . import lookups, moments  # noqa: F401

            _ = typed.made
        self.encode: Callable[[Any], bytes] = direct.encode
        self.decode: Callable[[bytes], Any] = direct.decode

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        start, end, count = offsets[0], offsets[-1], len(offsets) - 1
        if self.type.name not in NUMBERS or end - start != count * (self.width or 0):
            return super().decode_many(data, offsets)
        # A column of numbers can be read as an array.
        numbers: list[Any] = arrays.from_bytes(data[start:end], self.type.name, (count,)).tolist()
        return numbers


class ArrayValues(ValueCodec):
    """`T[]`, `T[n,m,…]`: the elements little-endian in C order."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.element: str = type_.elements[0].name
        self.shape: tuple[int, ...] | None = type_.shape
        self.coder: Any = acceleration.value_coder(str(type_), self.encode, self.decode)

    def encode(self, value: Any) -> bytes:
        return arrays.to_bytes(value, self.element, self.shape)

    def decode(self, data: bytes | bytearray | Lent) -> Any:
        """Returns the array, as a read-only view of memory that a snapshot has lent."""
        if not isinstance(data, (bytes, bytearray)):
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

    def matrix(self, data: bytes | bytearray, count: int) -> Any:
        """Returns one array of `count` values of fixed shape."""
        return arrays.from_bytes(data, self.element, (count, *(self.shape or ())))


class UnitValues(ValueCodec):
    """`unit`: no content. The library uses it only for the values of sets."""

    def encode(self, value: Any) -> bytes:
        if value is not None:
            raise scalars.wrong("None", value)
        return b""

    def decode(self, data: bytes) -> None:
        if data:
            raise BadValueError(f"a value of type unit has no bytes, not {len(data)}")


def value_codec(type_: Type) -> ValueCodec:
    """Returns the codec of a value type."""
    if type_.name == "tuple":
        raise BadTypeError(f"type {type_} cannot be a value")
    kinds: dict[str, type[ValueCodec]] = {
        "array": ArrayValues,
        "unit": UnitValues,
    }
    return kinds.get(type_.name, TypedValues)(type_)
