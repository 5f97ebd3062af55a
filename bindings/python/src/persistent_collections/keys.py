"""Order-preserving keys: bytes whose order is the order of the keys.

>>> codec = key_codec(parse("i64"))
>>> codec.encode(-1) < codec.encode(0) < codec.encode(1)
True
>>> codec.decode(codec.encode(-7))
-7
>>> key_codec(parse("any")).encode(("a", 1)).hex()
'05026100150100'
"""

from __future__ import annotations

import struct
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import _scalars as scalars
from . import lookups, tuple_layer
from .errors import ArgumentTypeError, BadKeyError, BadTypeError, KeySizeError, UnstorableError
from .tuple_layer import MAX_KEY
from .types import INTEGERS, Type, parse

__all__ = ["MAX_KEY", "KeyCodec", "key_codec", "parse"]

_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _slices(data: bytes, offsets: Sequence[int]) -> Iterable[bytes]:
    start = offsets[0]
    for end in offsets[1:]:
        yield data[start:end]
        start = end


class KeyCodec:
    """Encodes and decodes the keys of one type.

    `encode` raises an `Error` for what the type cannot hold, which is a `TypeError`,
    `ValueError` or `OverflowError` too; `decode` raises `BadKeyError` for bytes that are no
    key of it. `prefix` gives the bytes that all keys with that beginning share.
    """

    width: int | None = None
    #: The type's name, where the accelerator has its encoding too.
    plain_type: str | None = None

    def __init__(self, type_: Type) -> None:
        self.type = type_
        #: The type whose numbers a look-up takes.
        self.looks_like = type_

    def encode(self, value: Any) -> bytes:
        """The bytes of a key."""
        raise NotImplementedError

    def bound(self, value: Any) -> bytes:
        """The bytes of a bound of a range, which need not be a key that can be stored."""
        return self.encode(value)

    def limit(self, value: Any, included: bool, upper: bool) -> tuple[bytes, bool]:
        """The bytes of a bound, and whether the key there is inside the range.

        A number that no key equals bounds the range by the key next to it.
        """
        try:
            return self.bound(value), included
        except (TypeError, ValueError, OverflowError):
            if not lookups.is_between(self.looks_like, value):
                raise
        inside, outside = self._nearest(value, upper), self._nearest(value, not upper)
        if inside is None:
            return self.bound(outside), False
        return self.bound(inside), included or inside != value

    def _nearest(self, value: Any, down: bool) -> Any:
        return lookups.nearest(self.looks_like, value, down)

    def lookup(self, value: Any) -> bytes | None:
        """The bytes of a key that is looked up; None if no key of the type equals it.

        Numbers are looked up as in a dict: 2.0 where the keys are ints is 2.
        """
        try:
            encoded = self.encode(value)
        except (TypeError, ValueError, OverflowError):
            try:
                number = lookups.as_number(self.looks_like, value)
                if number is value:
                    return None
                encoded = self.encode(number)
            except (TypeError, ValueError, OverflowError):
                return None
        return encoded if len(encoded) <= MAX_KEY else None

    def decode(self, data: bytes) -> Any:
        """The key of these bytes."""
        raise NotImplementedError

    def prefix(self, value: Any) -> bytes:
        """The bytes that keys beginning with `value` begin with."""
        raise ArgumentTypeError(f"keys of type {self.type} have no prefix")

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        """The keys of a column."""
        return list(map(self.decode, _slices(data, offsets)))


class BytesKeys(KeyCodec):
    """`bytes`: as they are."""

    plain_type: str | None = "bytes"

    def encode(self, value: Any) -> bytes:
        data = scalars.octets(value)
        if not data:
            raise KeySizeError("an empty bytes key cannot be stored")
        return data

    def bound(self, value: Any) -> bytes:
        return scalars.octets(value)

    def decode(self, data: bytes) -> bytes:
        return data

    def prefix(self, value: Any) -> bytes:
        return scalars.octets(value)

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        return list(_slices(data, offsets))


class TextKeys(KeyCodec):
    """`str`: UTF-8; a 00 byte stands before an empty text and one that begins with U+0000."""

    plain_type: str | None = "str"

    def encode(self, value: Any) -> bytes:
        data = scalars.text(value)
        return data if data and data[0] else b"\0" + data

    def decode(self, data: bytes) -> str:
        try:
            return str(data[1:] if data[:1] == b"\0" else data, "utf-8")
        except UnicodeDecodeError as error:
            raise BadKeyError(f"a str key is not UTF-8: {error}") from None

    def prefix(self, value: Any) -> bytes:
        data = self.encode(value)
        return data if data != b"\0" else b""


class RawTextKeys(TextKeys):
    """`str` in a raw collection: UTF-8 and nothing else."""

    plain_type: str | None = None

    def encode(self, value: Any) -> bytes:
        data = scalars.text(value)
        if not data:
            raise KeySizeError("an empty key cannot be stored")
        return data

    def bound(self, value: Any) -> bytes:
        return scalars.text(value)

    def decode(self, data: bytes) -> str:
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError as error:
            raise BadKeyError(f"a str key is not UTF-8: {error}") from None


class FixedKeys(KeyCodec):
    """Keys of a fixed width, unpacked a column at a time."""

    def __init__(
        self,
        type_: Type,
        layout: str,
        to_number: Callable[[Any], Any],
        from_number: Callable[[Any], Any] | None,
    ) -> None:
        super().__init__(type_)
        self._struct = struct.Struct(layout)
        self._order, self._letter = layout[0], layout[1:]
        self._to, self._from = to_number, from_number
        self.width: int | None = self._struct.size

    def encode(self, value: Any) -> bytes:
        return self._struct.pack(self._to(value))

    def decode(self, data: bytes) -> Any:
        if len(data) != self.width:
            raise BadKeyError(f"a key of type {self.type} has {self.width} bytes, not {len(data)}")
        (number,) = self._struct.unpack(data)
        return number if self._from is None else self._from(number)

    def decode_many(self, data: bytes, offsets: Sequence[int]) -> list[Any]:
        count = len(offsets) - 1
        start, end = offsets[0], offsets[-1]
        if end - start != count * self._struct.size:
            return super().decode_many(data, offsets)
        numbers = struct.unpack(f"{self._order}{count}{self._letter}", data[start:end])
        return list(numbers if self._from is None else map(self._from, numbers))


class OpaqueKeys(KeyCodec):
    """`opaque[n]`: n bytes."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.width: int | None = type_.size

    def encode(self, value: Any) -> bytes:
        return scalars.opaque(value, self.type.size)

    def decode(self, data: bytes) -> bytes:
        if len(data) != self.type.size:
            raise BadKeyError(f"a key of type {self.type} has {len(data)} bytes")
        return data

    def prefix(self, value: Any) -> bytes:
        return scalars.octets(value)


class UuidKeys(KeyCodec):
    """`uuid`: 16 bytes."""

    width: int | None = 16

    def encode(self, value: Any) -> bytes:
        return scalars.uuid_bytes(value)

    def decode(self, data: bytes) -> uuid.UUID:
        if len(data) != 16:
            raise BadKeyError(f"a UUID key has 16 bytes, not {len(data)}")
        return uuid.UUID(bytes=data)


class TupleKeys(KeyCodec):
    """`(T1,T2,…)`: the tuple layer's encoding of the elements, one after another."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self._elements = [tuple_layer.element_codec(element) for element in type_.elements]

    def _encode(self, items: tuple[Any, ...]) -> bytes:
        out = bytearray()
        for position, (item, (encode, _)) in enumerate(zip(items, self._elements)):
            try:
                encode(out, item)
            except (TypeError, OverflowError, ValueError) as error:
                place = f"element {position} of the key"
                raise scalars.located(error, place) from error.__cause__
        return bytes(out)

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, tuple):
            raise scalars.wrong(f"a tuple {self.type}", value)
        items = scalars.items(value)
        if len(items) != len(self._elements):
            raise UnstorableError(
                f"a tuple {self.type} is needed, not one of {len(items)} elements"
            )
        return self._encode(items)

    def decode(self, data: bytes) -> tuple[Any, ...]:
        items, at = [], 0
        for _, decode in self._elements:
            item, at = decode(data, at)
            items.append(item)
        if at != len(data):
            raise BadKeyError(f"a key of type {self.type} has bytes left over")
        return tuple(items)

    def prefix(self, value: Any) -> bytes:
        if not isinstance(value, tuple):
            raise scalars.wrong("a tuple of leading elements", value)
        items = scalars.items(value)
        if len(items) > len(self._elements):
            raise UnstorableError(
                f"keys of type {self.type} have only {len(self._elements)} elements"
            )
        return self._encode(items)


class AnyKeys(KeyCodec):
    """`any`: the tuple layer's encoding of exactly one element."""

    plain_type: str | None = "any"

    def encode(self, value: Any) -> bytes:
        return tuple_layer.encode(value)

    def bound(self, value: Any) -> bytes:
        return tuple_layer.beginning(value)

    def decode(self, data: bytes) -> Any:
        return tuple_layer.decode(data)

    def prefix(self, value: Any) -> bytes:
        if not isinstance(value, (str, bytes, tuple)):
            raise scalars.wrong("a str, bytes or a tuple as a prefix", value)
        # Text, bytes and tuples end with a 00 that a prefix leaves out.
        return tuple_layer.beginning(value)[:-1]


def _integer_keys(type_: Type, raw: bool) -> KeyCodec:
    width, signed = INTEGERS[type_.name]
    letter = _UNSIGNED[width]
    if raw:
        native = "<" if sys.byteorder == "little" else ">"
        return FixedKeys(
            type_,
            native + (letter.lower() if signed else letter),
            lambda value: scalars.integer(value, width, signed),
            None,
        )
    if signed:
        offset = 1 << 8 * width - 1
        codec = FixedKeys(
            type_,
            ">" + letter,
            lambda value: scalars.integer(value, width, signed) + offset,
            lambda number: number - offset,
        )
    else:
        codec = FixedKeys(
            type_, ">" + letter, lambda value: scalars.integer(value, width, signed), None
        )
    codec.plain_type = type_.name
    return codec


class FloatKeys(KeyCodec):
    """`f32`, `f64`: the bits of IEEE 754, turned so that they sort."""

    def __init__(self, type_: Type) -> None:
        super().__init__(type_)
        self.width: int | None = 4 if type_.name == "f32" else 8
        self._layout = ">f" if type_.name == "f32" else ">d"
        self._to = scalars.exact_single if type_.name == "f32" else scalars.real

    def encode(self, value: Any) -> bytes:
        return tuple_layer.sortable_float(self._to(value), self._layout)

    def decode(self, data: bytes) -> float:
        if len(data) != self.width:
            raise BadKeyError(f"a key of type {self.type} has {self.width} bytes, not {len(data)}")
        return tuple_layer.from_sortable_float(data, self._layout)


def _raw_single(value: Any) -> float:
    return _raw_float(scalars.exact_single(value))


def _raw_float(value: Any) -> float:
    number = scalars.real(value)
    if number != number:
        raise UnstorableError("NaN cannot be a key")
    return number


def _bool_from(number: int) -> bool:
    if number > 1:
        raise BadKeyError(f"a bool key is 0 or 1, not {number}")
    return number == 1


def key_codec(type_: Type, raw: bool = False) -> KeyCodec:
    """The codec of a key type; in a raw collection numbers are native-endian."""
    name = type_.name
    if name == "bytes":
        return BytesKeys(type_)
    if name == "str":
        return RawTextKeys(type_) if raw else TextKeys(type_)
    if name in INTEGERS:
        return _integer_keys(type_, raw)
    if name in ("f32", "f64"):
        if raw:
            native = "<" if sys.byteorder == "little" else ">"
            if name == "f32":
                return FixedKeys(type_, native + "f", _raw_single, None)
            return FixedKeys(type_, native + "d", _raw_float, None)
        return FloatKeys(type_)
    if name == "bool":
        return FixedKeys(type_, ">B", scalars.boolean, _bool_from)
    if name == "uuid":
        return UuidKeys(type_)
    if name == "date":
        return _from_integers(type_, "i32", raw, scalars.days, scalars.from_days)
    if name == "datetime":
        return _from_integers(type_, "i64", raw, scalars.microseconds, scalars.from_microseconds)
    if name == "tuple":
        return TupleKeys(type_)
    if name == "opaque":
        return OpaqueKeys(type_)
    if name == "any":
        return AnyKeys(type_)
    raise BadTypeError(f"type {type_} cannot be a key")


def _from_integers(
    type_: Type,
    integers: str,
    raw: bool,
    to_number: Callable[[Any], int],
    from_number: Callable[[int], Any],
) -> KeyCodec:
    """Dates and times of day: the integer's encoding of their distance from 1970-01-01."""
    width, _ = INTEGERS[integers]
    letter = _UNSIGNED[width]
    if raw:
        native = "<" if sys.byteorder == "little" else ">"
        return FixedKeys(type_, native + letter.lower(), to_number, from_number)
    offset = 1 << 8 * width - 1
    return FixedKeys(
        type_,
        ">" + letter,
        lambda value: to_number(value) + offset,
        lambda number: from_number(number - offset),
    )
