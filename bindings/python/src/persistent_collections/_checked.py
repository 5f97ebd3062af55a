"""Layer 2: statuses become exceptions, library buffers become bytes, lists become columns."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_bool, c_size_t, c_uint64, string_at
from itertools import accumulate

from . import _raw as raw
from . import _scalars as scalars
from . import owned
from ._abstract import Callable, Sequence
from ._typing import Any
from .acceleration import WRITES as WRITES
from .errors import ERRORS, Error
from .handles import Opening
from .waits import what_interrupted


def failure(library: ctypes.CDLL, status: int) -> BaseException:
    """Returns the exception for a failing status of this thread's last call."""
    text = library.pc_last_error() or library.pc_strerror(status)
    if status == raw.PC_ERR_INTERRUPTED:
        return what_interrupted(library, text.decode("utf-8", "replace"))
    kind = ERRORS.get(status)
    if kind is None:
        error = Error(f"unknown status {status}: {text.decode('utf-8', 'replace')}")
        error.status = status
        return error
    return kind(text.decode("utf-8", "replace"))


#: Statuses of a key or value that the library refuses.
_REFUSALS = (
    raw.PC_ERR_BAD_KEY,
    raw.PC_ERR_BAD_VALUE,
    raw.PC_ERR_KEY_SIZE,
    raw.PC_ERR_VALUE_SIZE,
)


def check_item(
    library: ctypes.CDLL, status: int, failed_at: c_size_t, place: Callable[[int], str]
) -> None:
    """Raises the failure of a bulk call; names the item's place if one item caused it."""
    if status in _REFUSALS:
        error = failure(library, status)
        if isinstance(error, Error):
            raise scalars.located(error, place(failed_at.value))
        raise error
    check(library, status)


def check(library: ctypes.CDLL, status: int) -> int:
    """Returns the status, or raises if it is a failure."""
    if status < 0:
        raise failure(library, status)
    return status


# Buffers to use again. pop and append are atomic, so that threads can share the list,
# and a finalizer that runs between them takes another buffer.
_idle: list[raw.pc_buffer] = []
_KEPT = 32
_KEPT_SIZE = 1 << 20


class _Buffer(raw.pc_buffer):
    """A buffer that a set can hold by a weak reference."""

    __hash__ = object.__hash__


def take_buffer(library: ctypes.CDLL) -> raw.pc_buffer:
    """Returns an idle buffer, for `give_back`; it is freed if an exception prevents that."""
    try:
        return _idle.pop()
    except IndexError:
        place = raw.pc_buffer()
        # The same memory, without the object that frees it.
        buffer = _Buffer.from_buffer(place)
        owned.keep(buffer, library.pc_buffer_free, ctypes.pointer(place), inherited=True)
        return buffer


def give_back(library: ctypes.CDLL, buffer: raw.pc_buffer) -> None:
    """Keeps a buffer for the next call, or frees it."""
    if len(_idle) < _KEPT and buffer.cap <= _KEPT_SIZE:
        _idle.append(buffer)
    else:
        library.pc_buffer_free(byref(buffer))


def content(buffer: raw.pc_buffer) -> bytes:
    """Returns a copy of the bytes in a buffer."""
    return string_at(buffer.data, buffer.len) if buffer.len else b""


def fetched(library: ctypes.CDLL, call: Callable[..., int], *arguments: Any) -> tuple[int, bytes]:
    """Returns status and bytes of a call whose last argument is a `pc_buffer`."""
    buffer = take_buffer(library)
    try:
        status = call(*arguments, byref(buffer))
        if status < 0:
            raise failure(library, status)
        return status, content(buffer) if status != raw.PC_NOT_FOUND else b""
    finally:
        give_back(library, buffer)


def fetched_pair(
    library: ctypes.CDLL, call: Callable[..., int], handle: int
) -> tuple[int, bytes, bytes]:
    """Returns status, key and value of `pc_dict_first` or `pc_dict_last`."""
    key, value = take_buffer(library), take_buffer(library)
    try:
        status = check(library, call(handle, byref(key), byref(value)))
        if status != raw.PC_OK:
            return status, b"", b""
        return status, content(key), content(value)
    finally:
        give_back(library, key)
        give_back(library, value)


def number(library: ctypes.CDLL, call: Callable[..., int], *arguments: Any) -> int:
    """Returns the unsigned number that a call writes to its last argument."""
    result = c_uint64()
    check(library, call(*arguments, byref(result)))
    return result.value


def schema(library: ctypes.CDLL, call: Callable[..., int], handle: int) -> tuple[list[str], bool]:
    """Returns the types of an open collection, and whether it is raw."""
    is_raw = c_bool()
    buffer = take_buffer(library)
    try:
        check(library, call(handle, byref(buffer), byref(is_raw)))
        types = content(buffer).decode("utf-8").split("\0")[:-1]
    finally:
        give_back(library, buffer)
    return types, is_raw.value


def column(items: Sequence[bytes], width: int | None) -> tuple[bytes, Any]:
    """The bytes and offsets of a column; no offsets (None) if all items have the type's width."""
    data = b"".join(items)
    if width is not None:
        return data, None
    # Not at the top: it imports `collections`.
    from array import array

    offsets = array("Q", accumulate(map(len, items), initial=0))
    return data, (c_uint64 * len(offsets)).from_buffer(offsets)


def encoded(
    encode: Callable[[Any], bytes], items: Sequence[Any], place: Callable[[int], str]
) -> list[bytes]:
    """Encodes all items; an exception names the index of the item that cannot be encoded."""
    done: list[bytes] = []
    try:
        for item in items:
            done.append(encode(item))
    except (TypeError, ValueError, OverflowError) as error:
        raise scalars.located(error, place(len(done))) from None
    return done


class Batch:
    """Copies the columns of one batch."""

    __slots__ = ("count", "key_offsets", "keys", "value_offsets", "values")

    def __init__(self, batch: raw.pc_batch, key_width: int | None, value_width: int | None) -> None:
        self.count: int = batch.count
        self.keys: bytes
        self.key_offsets: Sequence[int]
        self.values: bytes
        self.value_offsets: Sequence[int]
        self.keys, self.key_offsets = _copied(batch.keys, batch.key_offsets, batch.count, key_width)
        self.values, self.value_offsets = _copied(
            batch.values, batch.value_offsets, batch.count, value_width
        )

    def key(self, index: int) -> bytes:
        """Returns the encoded key of one item."""
        return self.keys[self.key_offsets[index] : self.key_offsets[index + 1]]


def _copied(
    data: int | None, offsets: int | None, count: int, width: int | None
) -> tuple[bytes, Sequence[int]]:
    from array import array

    if offsets:
        places = array("Q")
        places.frombytes(string_at(offsets, 8 * (count + 1)))
    else:
        # Only a column of fixed width has no offsets.
        places = array("Q", range(0, (count + 1) * (width or 0), width or 1))
        if not width:
            places = array("Q", bytes(8 * (count + 1)))
    end = places[-1]
    return (string_at(data, end) if end and data else b""), places


class Cursor:
    """An iterator handle of the library; it is closed when this object is freed."""

    __slots__ = ("_batch", "_iterator", "_library", "_skip", "_widths")

    def __init__(
        self,
        library: ctypes.CDLL,
        call: Callable[..., int],
        collection: int,
        bounds: raw.pc_range,
        widths: tuple[int | None, int | None],
    ) -> None:
        self._library = library
        self._widths = widths
        self._skip: bytes | None = None
        self._batch = raw.pc_batch()
        self._iterator = Opening(library.pc_iter_close)
        check(library, call(collection, byref(bounds), byref(self._iterator.out)))

    def fetch(self, items: int) -> Batch | None:
        """Returns the next batch of at most `limit` items; None at the end."""
        library = self._library
        while True:
            status = library.pc_iter_next_batch(
                self._iterator.handle, c_size_t(items), c_size_t(0), byref(self._batch)
            )
            if check(library, status) == raw.PC_END:
                return None
            batch = Batch(self._batch, *self._widths)
            skip, self._skip = self._skip, None
            if skip is None or not batch.count or batch.key(0) != skip:
                return batch
            if batch.count > 1:
                batch.key_offsets = batch.key_offsets[1:]
                batch.value_offsets = batch.value_offsets[1:]
                batch.count -= 1
                return batch

    def resume_after(self, key: bytes) -> None:
        """Drops the items fetched ahead: the next batch begins after `key`."""
        check(self._library, self._library.pc_iter_seek(self._iterator.handle, key, len(key)))
        self._skip = key

    def close(self) -> None:
        """Closes the handle. Can be called twice."""
        # The end of a transaction or of the environment may have closed it already.
        self._iterator.close()
