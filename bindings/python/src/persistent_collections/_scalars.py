"""Checks Python values and converts them to plain numbers and bytes, for keys and values.

A stored value must come back equal. So a value of a subclass is stored as one of its base class
only if the two are equal:

>>> class Half(int):
...     def __eq__(self, other):
...         return other == int(self) + 0.5
>>> integer(Half(1), 8, True)
Traceback (most recent call last):
...
persistent_collections.errors.UnstorableError: 1 is more than the int it would come back as
"""

from __future__ import annotations

import _operator as operator
import math
import reprlib
import struct
import sys

from ._abstract import Callable
from ._typing import Any, TypeVar
from .errors import (
    BadKeyError,
    BadValueError,
    DateOverflowError,
    Error,
    KeySizeError,
    TypeMismatchError,
    UnstorableError,
    UnstorableNumberError,
    ValueSizeError,
)

T = TypeVar("T")

#: What methods of a value may fail with because of what it is.
FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
#: Exceptions for a key or value that cannot be stored.
REFUSED = (UnstorableError, BadKeyError, BadValueError, KeySizeError, ValueSizeError)
#: Exceptions for a stored key or value that cannot be read as the requested type.
UNREADABLE = (BadKeyError, BadValueError, DateOverflowError, TypeMismatchError)
_LONGEST_SHOWN = 200


class _Short(reprlib.Repr):
    """Reprs of bounded work: a container shows its first items, a few levels deep.

    Containers that hold one another twice, and those twice, have a repr longer than any memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxtuple = self.maxlist = self.maxset = self.maxfrozenset = self.maxdict = 8
        self.maxstring = self.maxlong = self.maxother = _LONGEST_SHOWN

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, (bytes, bytearray, str)):
            # Cut at the end, not in the middle.
            return repr(x[: _LONGEST_SHOWN + 1])
        if isinstance(x, tuple):
            return self.repr_tuple(x, level)
        if isinstance(x, list):
            return self.repr_list(x, level)
        if isinstance(x, dict):
            return self.repr_dict(x, level)
        if isinstance(x, frozenset):
            return self.repr_frozenset(x, level)
        if isinstance(x, set):
            return self.repr_set(x, level)
        # As `dataclasses.is_dataclass`, a module that imports `inspect`.
        if hasattr(x if isinstance(x, type) else type(x), "__dataclass_fields__"):
            return f"{type(x).__qualname__}(...)"
        return repr(x)


_short = _Short()


def shown(value: Any) -> str:
    """Returns the repr of a value for a message, cut if it is long."""
    try:
        text = _short.repr(value)
    except FAILURES:
        # Python refuses to convert an int of over 4300 digits.
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def wrong(needed: str, value: Any) -> UnstorableError:
    """Makes the exception for a value of the wrong type."""
    return UnstorableError(f"{needed} is needed, not {type(value).__name__}")


def located(error: Exception, place: str) -> Error:
    """Makes an error of the package, of the same kind, that says where the bad value is."""
    reason = str(error)
    # Joins a place inside another place to one.
    text = f"{place}{reason}" if reason.startswith("[") else f"{place}: {reason}"
    if isinstance(error, Error):
        return type(error)(text)
    return (UnstorableNumberError if isinstance(error, OverflowError) else UnstorableError)(text)


def _hash(value: Any) -> int | None:
    try:
        return hash(value)
    except (TypeError, ValueError):
        # A memoryview of writable memory raises the latter.
        return None


def _is_equal(value: Any, found: Any) -> bool:
    if not (found == value and value == found):
        # All NaNs count as the same one.
        return bool(found != found) and bool(value != value)
    if type(value).__eq__ is type(found).__eq__:
        # Equal objects must have equal hashes, so its hash can be relied on.
        return True
    hashes = _hash(value), _hash(found)
    return None in hashes or hashes[0] == hashes[1]


def plain(value: Any, what: str, take: Callable[[Any], T]) -> T:
    """Converts a value of another type by `take`, and refuses it if the two are not equal.

    Otherwise the additions of a subclass, such as a timestamp's nanoseconds, would be lost.
    """
    try:
        found = take(value)
        if _is_numpy(value) or _is_equal(value, found):
            return found
        cause = None
    except RecursionError:
        raise
    except FAILURES as error:
        cause = error
    raise UnstorableError(
        f"{shown(value)} is more than the {what} it would come back as"
    ) from cause


def _is_numpy(value: Any) -> bool:
    return getattr(type(value), "__module__", None) == "numpy"


def numpy_kind(value: Any) -> str:
    """Returns the kind of a NumPy scalar's dtype, or an empty string for other values."""
    if not _is_numpy(value) or getattr(value, "shape", None) != ():
        return ""
    return str(value.dtype.kind)


def index(value: Any) -> int:
    """Converts a value that can be an index to an int, but not NumPy's bools and durations."""
    if type(value) is int:
        return value
    if isinstance(value, int):
        # A subclass may have changed its methods, so they are not called.
        return plain(value, "int", int.__pos__)
    kind = numpy_kind(value)
    if kind and kind not in "iu":
        raise wrong("an int", value)
    try:
        number = int.__pos__(operator.index(value))
    except RecursionError:
        raise
    except FAILURES as error:
        raise wrong("an int", value) from error
    return number if kind else plain(value, "int", lambda _: number)


def integer(value: Any, width: int, signed: bool) -> int:
    """An int of `width` bytes."""
    number = index(value)
    bits = 8 * width
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not low <= number <= high:
        name = f"{'i' if signed else 'u'}{bits}"
        raise UnstorableNumberError(f"{shown(number)} does not fit {name} ({low} to {high})")
    return number


def real(value: Any) -> float:
    """Converts to a float; accepts an int if a float holds it exactly."""
    if type(value) is float:
        return value
    if isinstance(value, float):
        return float(value) if _is_numpy(value) else plain(value, "float", float.__pos__)
    if isinstance(value, bool):
        raise wrong("a float", value)
    if numpy_kind(value) == "f":
        number = float(value)
        if number == value or number != number:
            return number
        raise UnstorableError(f"{value!r} has no exact float")
    try:
        whole = index(value)
    except TypeError:
        if isinstance(value, int):
            raise
        raise wrong("a float", value) from None
    try:
        number = float(whole)
    except OverflowError:
        raise UnstorableNumberError(f"{shown(whole)} does not fit a float") from None
    if number != whole:
        raise UnstorableError(f"{shown(whole)} has no exact float")
    return number


def complex_number(value: Any) -> complex:
    """A complex number of a subclass or of NumPy."""
    if numpy_kind(value) == "c":
        number = complex(value)
        if number == value or number != number:
            return number
        raise UnstorableError(f"{value!r} has no exact complex")
    return plain(value, "complex", complex.__pos__)


def single(value: Any) -> float:
    """Checks that a float does not become infinite when it is rounded to 32 bits."""
    number = real(value)
    if number != number:
        # There is one NaN.
        return math.nan
    try:
        rounded(number)
    except OverflowError:
        raise too_large(number, "f32") from None
    return number


def ordered(number: float) -> float:
    """A float that is a key."""
    if number != number:
        raise UnstorableError("NaN cannot be a key")
    return number


def too_large(number: Any, name: str) -> UnstorableNumberError:
    """Makes the exception for a finite number that would become infinite."""
    return UnstorableNumberError(f"{number} does not fit {name}")


def rounded(number: float) -> float:
    """Returns the f32 nearest to a float; `OverflowError` if that is infinite."""
    found: float
    (found,) = struct.unpack("=f", struct.pack("=f", number))
    return found


def exact_single(value: Any) -> float:
    """Checks that 32 bits hold a float exactly: rounding could make two keys one."""
    number = real(value)
    try:
        same = rounded(number) == number
    except OverflowError:
        same = False
    if not same and number == number:
        raise UnstorableError(f"{number} is not exact as f32, so it cannot be a key of that type")
    return number


def boolean(value: Any) -> bool:
    """Converts to a bool; accepts NumPy's too."""
    if isinstance(value, bool):
        return value
    if numpy_kind(value) == "b":
        return bool(value)
    raise wrong("a bool", value)


def plain_text(value: Any) -> str:
    """A str of a subclass."""
    if type(value) is str:
        return value
    if not isinstance(value, str):
        raise wrong("a str", value)
    return plain(value, "str", str.__str__)


def text(value: Any) -> bytes:
    """A str as UTF-8."""
    known: str = value if type(value) is str else plain_text(value)
    try:
        return known.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnstorableError(f"a str that is not Unicode text: {error}") from None


def _bytes_of(value: Any) -> bytes:
    return bytes.__getitem__(value, slice(None))


def octets(value: Any) -> bytes:
    """Returns the bytes of a bytes-like object."""
    if type(value) is bytes:
        return value
    if isinstance(value, bytes):
        return plain(value, "bytes", _bytes_of)
    if type(value) is bytearray:
        return bytes(value)
    if isinstance(value, bytearray):
        return plain(value, "bytes", lambda value: bytes(bytearray.__getitem__(value, slice(None))))
    if isinstance(value, memoryview):
        # A view whose items are not bytes is an array.
        return plain(value, "bytes", bytes)
    raise wrong("bytes", value)


def _all(base: Any) -> Callable[[Any], Any]:
    return lambda value: base.__getitem__(value, slice(None))


def items(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple of a subclass, such as a named one."""
    if type(value) is tuple:
        return value
    return plain(value, "tuple", _all(tuple))


def listed(value: list[Any]) -> list[Any]:
    """A list of a subclass."""
    return plain(value, "list", _all(list))


def opaque(value: Any, size: int) -> bytes:
    """Exactly `size` bytes."""
    data = octets(value)
    if len(data) != size:
        raise UnstorableError(f"opaque[{size}] holds {size} bytes, not {len(data)}")
    return data


def is_uuid(value: Any) -> bool:
    """Returns whether it is a UUID; no object is one before the module is imported."""
    module = sys.modules.get("uuid")
    return module is not None and isinstance(value, module.UUID)


def uuid_bytes(value: Any) -> bytes:
    """The 16 bytes of a UUID."""
    import uuid

    if type(value) is not uuid.UUID:
        if not isinstance(value, uuid.UUID):
            raise wrong("a UUID", value)
        return plain(value, "UUID", lambda value: uuid.UUID(int=value.int)).bytes
    return value.bytes
