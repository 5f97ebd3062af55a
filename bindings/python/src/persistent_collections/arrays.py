"""Converts arrays of numbers to bytes and back; uses NumPy where it is installed.

Without NumPy, arrays come back as read-only memoryviews with their shape
(`tolist()` gives lists), and lists, `array.array` and memoryviews can be stored.
"""

from __future__ import annotations

import operator
import struct
import sys

from . import _scalars as scalars
from ._abstract import Sequence
from ._typing import TYPE_CHECKING, Any
from .errors import UnstorableError
from .types import INTEGERS, NUMBERS

if TYPE_CHECKING:
    from .lending import Lent

__all__ = ["are_equal", "base", "from_bytes", "is_array", "numpy", "to_bytes"]

# Letters of `struct`, `array` and memoryview formats, by type.
_LETTERS = {
    **dict(zip(("i8", "i16", "i32", "i64"), "bhiq")),
    **dict(zip(("u8", "u16", "u32", "u64"), "BHIQ")),
    "f32": "f",
    "f64": "d",
}
#: Whether the machine's byte order is that of stored numbers.
CAN_BORROW = sys.byteorder == "little"
#: A float holds every integer up to this one.
_EXACT = 1 << 53
_DTYPES = {name: f"<{name[0]}{width}" for name, width in NUMBERS.items()}
_NATIVE = {name: f"{name[0]}{width}" for name, width in NUMBERS.items()}


_numpy: list[Any] = []


def numpy() -> Any:
    """Returns the NumPy module, or None where it is not installed."""
    if not _numpy:
        try:
            import numpy as found
        except ImportError:
            _numpy.append(None)
        else:
            _numpy.append(found)
    return _numpy[0]


def is_array(value: Any) -> bool:
    """Whether `value` is a NumPy array."""
    # A caller with an array has imported NumPy.
    module = sys.modules.get("numpy")
    return module is not None and isinstance(value, module.ndarray)


def is_masked(value: Any) -> bool:
    """Whether `value` is a NumPy array with masked elements."""
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(value, ma.MaskedArray)


def base(value: Any) -> Any:
    """Converts an array of a subclass to a plain one; refuses one with more data, such as units."""
    np = sys.modules["numpy"]
    if type(value) is np.ndarray or type(value).__module__.partition(".")[0] == "numpy":
        return value
    found = value.view(np.ndarray)
    try:
        # NaN is equal to NaN here.
        same = (found == value) | ((found != found) & (value != value))
        if np.shape(same) == found.shape and bool(np.all(same)):
            return found
        cause = None
    except RecursionError:
        raise
    except scalars.FAILURES as error:
        cause = error
    name = type(value).__qualname__
    raise UnstorableError(f"{name} is more than the array it would come back as") from cause


def column(value: Any) -> Any | None:
    """Returns a NumPy array of one dimension as it is, and None for subclasses and all else."""
    np = sys.modules.get("numpy")
    return value if np and type(value) is np.ndarray and value.ndim == 1 else None


def in_memory(value: Any) -> Any | None:
    """Returns an array as contiguous items in the machine's byte order; None if it has others."""
    if value.dtype.kind not in "biufSU":
        return None
    if not value.dtype.isnative:
        value = value.astype(value.dtype.newbyteorder("="))
    return sys.modules["numpy"].require(value, requirements=["C", "ALIGNED"])


def plain_items(value: Any, exactly: bool) -> list[Any]:
    """Lists the items of an array: as Python's own numbers where these are stored alike.

    In `any` (`exactly`), NumPy's other floats are not stored as Python's.
    """
    kind = value.dtype.kind
    if kind in "iuSUO" or (kind == "f" and (value.dtype.itemsize == 8 or not exactly)):
        items: list[Any] = value.tolist()
        return items
    return list(value)


def are_equal(one: Any, two: Any) -> bool:
    """Whether two arrays have the same shape and equal elements; NaN is equal to NaN here."""
    np = sys.modules["numpy"]
    try:
        if np.shape(one) != np.shape(two):
            return False
        same = (one == two) | ((one != one) & (two != two))
        return bool(np.all(same))
    except RecursionError:
        raise
    except scalars.FAILURES:
        return False


def _is_array_or_view(value: Any) -> bool:
    """Whether `value` is an array of the standard library or a memoryview."""
    # A caller with such an array has imported its module, which imports `collections`.
    module = sys.modules.get("array")
    return isinstance(value, memoryview) or (module is not None and isinstance(value, module.array))


def _letter(value: Any) -> Any:
    """Returns the format of one of these."""
    return value.format if isinstance(value, memoryview) else value.typecode


def _swapped(letter: str, data: bytes | bytearray) -> bytes:
    """Returns numbers in the other byte order."""
    from array import array

    swapped = array(letter, data)
    swapped.byteswap()
    return swapped.tobytes()


def element_type(value: Any) -> str | None:
    """Returns the element type of any kind of array; None if that type cannot be stored."""
    if _is_array_or_view(value):
        letter = _letter(value)
        if letter in ("f", "d"):
            return "f32" if letter == "f" else "f64"
        if letter not in tuple("bBhHiIlLqQ"):
            return None
        return f"{'i' if letter.islower() else 'u'}{8 * value.itemsize}"
    name = f"{value.dtype.kind}{8 * value.dtype.itemsize}"
    return name if name in NUMBERS else None


def plain_bytes(value: Any) -> bytes:
    """Returns the elements of any kind of array, little-endian in C order."""
    if _is_array_or_view(value):
        raw: bytes = value.tobytes()
        if sys.byteorder == "big":
            return _swapped(_letter(value), raw)
        return raw
    data: bytes = value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes(order="C")
    return data


def from_bytes(data: bytes | bytearray, element: str, shape: tuple[int, ...]) -> Any:
    """Returns a writable NumPy array of these elements; without NumPy, a memoryview."""
    np = numpy()
    if np is not None:
        own = data if isinstance(data, bytearray) else bytearray(data)
        if sys.byteorder == "little":
            return np.ndarray(shape, _NATIVE[element], own)
        flat = np.frombuffer(own, dtype=_DTYPES[element])
        # In native order, so that `dtype == "f4"` holds and C code can use it.
        return flat.astype(flat.dtype.newbyteorder("="), copy=False).reshape(shape)
    if sys.byteorder == "big":
        data = _swapped(_LETTERS[element], data)
    if not data:
        # A memoryview cannot be cast to an empty one, or to a shape with a zero.
        from array import array

        return memoryview(array(_LETTERS[element])).toreadonly()
    # A view of bytes is read-only, and has a hash.
    flat_view: Any = memoryview(bytes(data))
    return flat_view.cast(_LETTERS[element], shape)


def borrowed(lent: Lent, element: str, shape: tuple[int, ...]) -> Any:
    """Returns a read-only array of lent memory, perhaps unaligned; without NumPy, a memoryview."""
    np = numpy()
    if np is not None:
        lent.typestr, lent.shape = f"<{element[0]}{NUMBERS[element]}", shape
        return np.asarray(lent)
    flat: Any = lent.view()
    return flat.cast(_LETTERS[element], shape)


def _flatten(value: Any, shape: tuple[int, ...], out: list[Any]) -> None:
    if len(value) != shape[0]:
        raise UnstorableError("the lists of an array differ in length or have the wrong shape")
    if len(shape) == 1:
        out.extend(value)
        return
    for row in value:
        _flatten(row, shape[1:], out)


def _from_lists(value: Any, element: str, shape: tuple[int, ...] | None) -> bytes:
    if isinstance(value, memoryview):
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not (
        isinstance(value, Sequence) or _is_array_or_view(value)
    ):
        raise scalars.wrong(f"an array of {element}", value)
    flat: list[Any] = []
    _flatten(value, shape or (len(value),), flat)
    if element in INTEGERS:
        width, signed = INTEGERS[element]
        flat = [scalars.integer(item, width, signed) for item in flat]
    else:
        flat = list(map(scalars.single if element == "f32" else scalars.real, flat))
    return struct.pack(f"<{len(flat)}{_LETTERS[element]}", *flat)


def _are_floats(np: Any, value: Any) -> bool:
    """Whether these lists hold only floats, so that NumPy converts no other number to a float."""
    floats = {float, np.float64, np.float32, np.float16}
    if set(map(type, value)) <= floats:
        return True
    for item in value:
        if type(item) in floats:
            continue
        if isinstance(item, np.ndarray):
            if item.dtype.kind != "f" or item.dtype.itemsize > 8:
                return False
        elif not isinstance(item, (list, tuple)) or not _are_floats(np, item):
            return False
    return True


def _is_same(given: Any, value: Any) -> bool:
    """Returns whether these lists of integers equal the array that NumPy made of them."""
    try:
        return bool(given.tolist() == (value if type(value) is list else list(value)))
    except Exception:  # a comparison of a user's class may raise anything: then it is not equal
        return False


def to_bytes(value: Any, element: str, shape: tuple[int, ...] | None) -> bytes:
    """Checks the elements against element type and shape; returns them little-endian in C order."""
    np = numpy()
    if np is None:
        return _from_lists(value, element, shape)
    if is_masked(value):
        raise UnstorableError(
            f"an array of {element} is needed, not a masked one; store its filled() array"
        )
    given = base(value) if isinstance(value, np.ndarray) else _as_array(np, value, element)
    if given.ndim != 1 if shape is None else given.shape != shape:
        expected = "one dimension" if shape is None else f"shape {shape}"
        raise UnstorableError(f"an array with {expected} is needed, not shape {given.shape}")
    kind = given.dtype.kind
    if _is_listed(value) and (
        (kind in "fO" and not _are_floats(np, value))
        or (kind in "iu" and not _is_same(given, value))
    ):
        # NumPy has no common type for these numbers, has rounded some, or has converted one to a
        # plain number that does not equal it. So convert them one by one.
        return _from_lists(value, element, shape)
    data: bytes = _converted(np, given, element).tobytes(order="C")
    return data


def _is_listed(value: Any) -> bool:
    """Whether NumPy converted the numbers one by one, each from its own type."""
    return isinstance(value, Sequence) and not _is_array_or_view(value)


def _as_array(np: Any, value: Any, element: str) -> Any:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise scalars.wrong(f"an array of {element}", value)
    try:
        given = np.asarray(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnstorableError(f"an array of {element} is needed: {error}") from error
    if not given.size:
        # An empty list has no element type of its own.
        given = given.astype(_DTYPES[element])
    return given


def _converted(np: Any, given: Any, element: str) -> Any:
    """Converts the array to the wanted element type; refuses to change a number."""
    target = np.dtype(_DTYPES[element])
    if given.dtype == target:
        return given
    kind = given.dtype.kind
    if kind not in "iuf" or (kind == "f" and target.kind != "f"):
        raise UnstorableError(f"an array of {element} is needed, not of {given.dtype}")
    if target.kind in "iu" and given.size:
        width, signed = INTEGERS[element]
        for extreme in (given.min(), given.max()):
            scalars.integer(operator.index(extreme), width, signed)
    if target.kind != "f":
        return given.astype(target)
    if kind in "iu" and given.dtype.itemsize == 8 and given.size:
        low, high = operator.index(given.min()), operator.index(given.max())
        if low < -_EXACT or high > _EXACT:
            for number in given.flat:
                scalars.real(number)
    if given.dtype.itemsize > 8:
        given = _doubles(np, given)
    with np.errstate(over="ignore"):
        converted = given.astype(target)
    grown = np.isinf(converted) & ~np.isinf(given)
    if grown.any():
        raise scalars.too_large(given[grown][0], element)
    return converted


def _doubles(np: Any, given: Any) -> Any:
    """Converts an array of longer floats to 64 bits, if these hold them exactly."""
    with np.errstate(over="ignore"):
        converted = given.astype("<f8")
    rounded = (converted != given) & (given == given)
    if rounded.any():
        raise UnstorableError(f"{given[rounded][0]!r} has no exact float")
    return converted
