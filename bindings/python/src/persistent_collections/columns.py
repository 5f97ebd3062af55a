"""Converts columns of values to and from NumPy arrays."""

from __future__ import annotations

import ctypes
import math

from . import _scalars as scalars
from . import arrays
from ._abstract import Callable
from ._checked import check, encoded, give_back, take_buffer
from ._typing import Any
from .arguments import listed
from .errors import (
    InvalidArgumentError,
    MissingPackageError,
    TypeMismatchError,
    UnstorableError,
)
from .types import NUMBERS, Type
from .values import ArrayValues

__all__ = ["gathered", "indexed", "matrix_bytes", "to_numpy"]


def indexed(what: str, given: Any) -> Any:
    """Returns keys or values with an index: an array of one dimension, or else a list."""
    if type(given) is list:
        # Much faster than by an iterator. A copy, since another thread may change the list.
        return given[:]
    found = arrays.column(given)
    return listed(what, given) if found is None else found


def matrix_bytes(
    what: str, codec: ArrayValues, values: Any, count: int, place: Callable[[int], str]
) -> bytes:
    """Returns the bytes of `count` arrays, given as one array or one by one.

    An exception names `what`, or the `place` of a single array.
    """
    if isinstance(values, memoryview) or arrays.is_array(values):
        try:
            return arrays.to_bytes(values, codec.element, (count, *(codec.shape or ())))
        except UnstorableError as error:
            # Row by row, to name the wrong one; the result of `get_many` without NumPy has no rows.
            if not isinstance(values, memoryview):
                encoded(codec.encode, values, place)
            raise scalars.located(error, what) from error.__cause__
    items = listed(what, values)
    if len(items) != count:
        raise InvalidArgumentError(f"{what}: {count} keys but {len(items)} values")
    return b"".join(encoded(codec.encode, items, place))


def gathered(what: str, rows: Any, there: dict[int, int], count: int, default: Any) -> Any:
    """Returns the rows found, in the order of the keys, with `default` for absent ones."""
    if len(there) == count == len(rows):
        return rows
    np = arrays.numpy()
    if np is None:
        listed = rows.tolist()
        return [listed[there[at]] if at in there else default for at in range(count)]
    result = np.empty((count, *rows.shape[1:]), rows.dtype)
    missing = [at for at in range(count) if at not in there]
    try:
        with np.errstate(over="ignore"):
            for at in missing:
                result[at] = default
    except (TypeError, ValueError, OverflowError) as error:
        raise UnstorableError(f"{what}, default: {error}") from None
    if missing and default is not None:
        filled = result[missing[0]]
        # A NaN is kept, though it does not equal itself.
        if np.any((filled != np.asarray(default)) & ~np.isnan(filled)):
            raise UnstorableError(
                f"{what}, default: {scalars.shown(default)} does not fit {rows.dtype}"
            )
    for at, row in there.items():
        result[at] = rows[row]
    return result


def to_numpy(what: str, library: ctypes.CDLL, dictionary: int, type_: Type) -> Any:
    """Returns all values of a dict, in the order of their keys."""
    np = arrays.numpy()
    if np is None:
        raise MissingPackageError("to_numpy needs NumPy: pip install numpy")
    if type_.name == "array" and type_.shape is not None:
        element, shape = type_.elements[0].name, type_.shape
    elif type_.name in NUMBERS:
        element, shape = type_.name, ()
    else:
        raise TypeMismatchError(f"{what}: values of type {type_} cannot be one array of numbers")
    width = math.prod(shape, start=NUMBERS[element])
    buffer = take_buffer(library)
    try:
        check(library, library.pc_dict_values(dictionary, None, ctypes.byref(buffer)))
        # A copy, so that the array is writable.
        data = bytearray(buffer.len)
        if data:
            place = (ctypes.c_char * len(data)).from_buffer(data)
            ctypes.memmove(place, buffer.data, len(data))
            del place
    finally:
        give_back(library, buffer)
    return arrays.from_bytes(data, element, (len(data) // width if width else 0, *shape))
