"""Calls for many keys: they take encoded columns, and return columns or counts."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_size_t, c_uint8, c_uint64

from . import _checked as checked
from . import _scalars as scalars
from . import acceleration
from ._abstract import Callable, Iterable, Mapping, Sequence
from ._typing import Any
from .arguments import iterated

__all__ = [
    "change_many",
    "contains_many",
    "get_many",
    "pairs_of",
    "put_many",
    "split_pairs",
]


def pairs_of(what: str, other: Any, named: Mapping[str, Any]) -> list[Any]:
    """Converts the arguments of `dict.update`, a mapping or pairs and keywords, to a list of pairs.

    An exception names them as `what`.
    """
    pairs: Iterable[Any]
    if isinstance(other, Mapping):
        pairs = other.items()
    elif hasattr(other, "keys"):
        pairs = ((key, other[key]) for key in other.keys())  # noqa: SIM118
    else:
        pairs = iterated(what, other, "a mapping or an iterable of pairs")
    return [*pairs, *named.items()]


def split_pairs(pairs: list[Any]) -> tuple[list[Any], list[Any]]:
    """Splits pairs into keys and values; an exception names an item that is not a pair."""
    keys: list[Any] = []
    values: list[Any] = []
    for pair in pairs:
        try:
            key, value = pair
        except (TypeError, ValueError) as error:
            raise scalars.located(error, f"item {len(keys)} is not a pair") from None
        keys.append(key)
        values.append(value)
    return keys, values


def put_many(
    library: ctypes.CDLL,
    handle: int,
    keys: Any,
    key_width: int | None,
    values: Any,
    place: Callable[[int], str],
) -> None:
    """Stores a column of keys with one of values, all or nothing.

    The values are bytes and offsets, or a column that the accelerator has made.
    """
    failed_at = c_size_t()
    pointers = values if isinstance(values, tuple) else acceleration.pointers(values)
    status = library.pc_dict_put_many(
        handle, len(keys), *_pointers(keys, key_width), *pointers, byref(failed_at)
    )
    checked.check_item(library, status, failed_at, place)


def _pointers(keys: Any, width: int | None) -> tuple[Any, Any]:
    """Returns bytes and offsets of keys: of a list, or of a column of the accelerator."""
    if isinstance(keys, list):
        return checked.column(keys, width)
    return acceleration.pointers(keys)


def change_many(
    library: ctypes.CDLL,
    call: Callable[..., int],
    handle: int,
    keys: Any,
    key_width: int | None,
    place: Callable[[int], str],
) -> int:
    """Adds or removes a column of keys; returns the number of changes."""
    changed, failed_at = c_uint64(), c_size_t()
    column = _pointers(keys, key_width)
    status = call(handle, len(keys), *column, byref(changed), byref(failed_at))
    checked.check_item(library, status, failed_at, place)
    return changed.value


def get_many(
    library: ctypes.CDLL,
    handle: int,
    keys: Any,
    key_width: int | None,
    value_width: int | None,
) -> tuple[bytes, bytes | bytearray, Sequence[int]]:
    """Looks up a column of keys; returns a byte for each, 1 if it is there, and the values."""
    count = len(keys)
    present = (c_uint8 * max(count, 1))()
    buffer = checked.take_buffer(library)
    failed_at = c_size_t()
    try:
        if value_width is not None:
            # Only the caller has it, so that an array can use it without a copy.
            space = bytearray(count * value_width)
            room = (ctypes.c_char * len(space)).from_buffer(space) if space else b""
            offsets: Any = range(0, (count + 1) * value_width, value_width) if value_width else None
            output: tuple[Any, ...] = (room, len(space), None, None)
        else:
            space = None
            offsets = (c_uint64 * (count + 1))()
            output = (None, 0, byref(buffer), offsets)
        if count:
            status = library.pc_dict_get_many(
                handle,
                count,
                *_pointers(keys, key_width),
                present,
                *output,
                byref(failed_at),
            )
            checked.check(library, status)
        data = checked.content(buffer) if space is None else space
        return bytes(present), data, [0] * (count + 1) if offsets is None else offsets
    finally:
        checked.give_back(library, buffer)


def contains_many(library: ctypes.CDLL, handle: int, keys: Any, key_width: int | None) -> bytes:
    """Looks up a column of a set's elements; returns a byte for each, 1 if the set has it."""
    present = (c_uint8 * max(len(keys), 1))()
    failed_at = c_size_t()
    if keys:
        column = _pointers(keys, key_width)
        status = library.pc_set_contains_many(handle, len(keys), *column, present, byref(failed_at))
        checked.check(library, status)
    return bytes(present)
