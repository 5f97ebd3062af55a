"""Columns of values as NumPy arrays."""

from __future__ import annotations

from typing import Any

from . import acceleration, arrays
from ._checked import Cursor, encoded
from .types import NUMBERS, Type
from .values import ArrayValues

__all__ = ["gathered", "matrix_bytes", "to_numpy"]

_BATCH = 4096


def matrix_bytes(codec: ArrayValues, values: Any, count: int) -> bytes:
    """The bytes of `count` arrays, given as one array or one by one."""
    if arrays.is_array(values):
        try:
            return arrays.to_bytes(values, codec.element, (count, *(codec.shape or ())))
        except OverflowError:
            # Row by row, to say which.
            encoded(codec.encode, values, ", value")
            raise
    items = list(values)
    if len(items) != count:
        raise ValueError(f"{count} keys but {len(items)} values")
    return b"".join(encoded(codec.encode, items, ", value"))


def gathered(rows: Any, there: dict[int, int], count: int, default: Any) -> Any:
    """The rows found, in the order asked for, with `default` in the other places."""
    if len(there) == count == len(rows):
        return rows
    np = arrays.numpy()
    if np is None:
        listed = rows.tolist()
        return [listed[there[at]] if at in there else default for at in range(count)]
    result = np.empty((count, *rows.shape[1:]), rows.dtype)
    for at in range(count):
        result[at] = rows[there[at]] if at in there else default
    return result


def to_numpy(cursor: Cursor, type_: Type) -> Any:
    """All values that a cursor walks over."""
    try:
        np = arrays.numpy()
        if np is None:
            raise ImportError("to_numpy needs NumPy: pip install numpy")
        if type_.name == "array" and type_.shape is not None:
            element, shape = type_.elements[0].name, type_.shape
        elif type_.name in NUMBERS:
            element, shape = type_.name, ()
        else:
            raise TypeError(f"values of type {type_} are no column of numbers")
        width = NUMBERS[element]
        for length in shape:
            width *= length
        whole = acceleration.all_values(cursor, width)
        if whole is not None:
            return arrays.from_bytes(whole, element, (len(whole) // width, *shape))
        parts = []
        while (batch := cursor.fetch(_BATCH)) is not None:
            start, end = batch.value_offsets[0], batch.value_offsets[-1]
            parts.append(batch.values[start:end])
    finally:
        cursor.close()
    data = b"".join(parts)
    return arrays.from_bytes(data, element, (len(data) // width, *shape))
