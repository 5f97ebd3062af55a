"""Iterates over a collection or a part of it, a batch at a time."""

from __future__ import annotations

from itertools import chain

from . import _raw as raw
from . import acceleration
from ._abstract import Callable, Iterator
from ._checked import WRITES, Batch, Cursor
from ._typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from .errors import ArgumentTypeError

if TYPE_CHECKING:
    from ._shapes import Inside

T = TypeVar("T")

# Few at first, since many callers read only the first items.
_FIRST_BATCH = 32
_LARGEST_BATCH = 4096


if TYPE_CHECKING or acceleration.BOUNDS is None:

    class Bounds:
        """A part of a collection, with encoded bounds; without bounds, all of it."""

        # Not a dataclass, for which the package would have to import `inspect`.
        __slots__ = ("include_lower", "include_upper", "lower", "prefix", "reverse", "upper")

        def __init__(
            self,
            lower: bytes | None = None,
            upper: bytes | None = None,
            include_lower: bool = True,
            include_upper: bool = False,
            prefix: bytes | None = None,
            reverse: bool = False,
        ) -> None:
            self.lower: bytes | None = lower
            self.upper: bytes | None = upper
            self.include_lower: bool = include_lower
            self.include_upper: bool = include_upper
            self.prefix: bytes | None = prefix
            self.reverse: bool = reverse

        def reversed(self) -> Bounds:
            """Returns the same part, in the opposite direction."""
            return Bounds(
                *(self.lower, self.upper, self.include_lower, self.include_upper),
                *(self.prefix, not self.reverse),
            )

        def holds(self, key: bytes) -> bool:
            """Whether an encoded key is inside; bytes are compared as LMDB does."""
            if self.prefix is not None and not key.startswith(self.prefix):
                return False
            if self.lower is not None and (
                key < self.lower or (key == self.lower and not self.include_lower)
            ):
                return False
            return self.upper is None or not (
                key > self.upper or (key == self.upper and not self.include_upper)
            )

        @property
        def flags(self) -> int:
            """The flags of a `pc_range`."""
            flags = raw.PC_RANGE_REVERSE if self.reverse else 0
            if self.lower is not None:
                flags |= raw.PC_RANGE_LOWER
                if not self.include_lower:
                    flags |= raw.PC_RANGE_LOWER_EXCLUSIVE
            if self.upper is not None:
                flags |= raw.PC_RANGE_UPPER
                if self.include_upper:
                    flags |= raw.PC_RANGE_UPPER_INCLUSIVE
            if self.prefix is not None:
                flags |= raw.PC_RANGE_PREFIX
            return flags

        def struct(self) -> raw.pc_range:
            """Returns the `pc_range` for the library, which keeps its bytes alive."""
            return c_range(self)

else:
    Bounds = acceleration.BOUNDS


def between(
    limit: Callable[[Any, bool, bool], tuple[bytes, bool]],
    low: Any,
    high: Any,
    inclusive: tuple[bool, bool],
    reverse: bool,
) -> Bounds:
    """Returns the part from `low` to `high`; None is no bound.

    `limit` takes a bound, whether to include its key, and whether it is the upper one. It returns
    the bound's bytes, and whether the key there is inside.
    """
    if not isinstance(inclusive, tuple) or len(inclusive) != 2:
        raise ArgumentTypeError(
            "inclusive is a pair of bools, for the lower and for the upper bound"
        )
    lower, include_lower = None, bool(inclusive[0])
    upper, include_upper = None, bool(inclusive[1])
    if low is not None:
        lower, include_lower = limit(low, include_lower, False)
    if high is not None:
        upper, include_upper = limit(high, include_upper, True)
    return Bounds(lower, upper, include_lower, include_upper, None, bool(reverse))


def c_range(bounds: Bounds) -> raw.pc_range:
    """Returns the `pc_range` for the library, which keeps its bytes alive."""
    result = raw.pc_range()
    result.flags = bounds.flags
    lower, upper, prefix = bounds.lower, bounds.upper, bounds.prefix
    if lower is not None:
        result.lower, result.lower_len = lower, len(lower)
    if upper is not None:
        result.upper, result.upper_len = upper, len(upper)
    if prefix is not None:
        result.prefix, result.prefix_len = prefix, len(prefix)
    return result


EVERYTHING = Bounds()


def open_cursor(
    environment: Inside,
    call: Callable[..., int],
    collection: int,
    bounds: Bounds,
    widths: tuple[int | None, int | None],
) -> tuple[Cursor, bool]:
    """Opens a cursor; also returns whether it is in a transaction, whose writes it must see."""
    inside = environment._in_transaction()
    return Cursor(environment._library, call, collection, c_range(bounds), widths), inside


class _Batches(Iterator[list[T]]):
    """Iterates over the items of a cursor, a batch at a time."""

    def __init__(self, owner: object, cursor: Cursor, decode: Callable[[Batch], list[T]]) -> None:
        self._owner = owner
        self._cursor = cursor
        self._decode = decode
        self._size = _FIRST_BATCH

    def __next__(self) -> list[T]:
        batch = self._cursor.fetch(self._size)
        if batch is None:
            self._cursor.close()
            raise StopIteration
        self._size = min(4 * self._size, _LARGEST_BATCH)
        return self._decode(batch)

    def __reduce__(self) -> NoReturn:
        from .errors import UnpicklableError

        raise UnpicklableError("cannot pickle an iterator: it holds a snapshot of this process")


def walk(
    owner: object, cursor: Cursor, inside: bool, decode: Callable[[Batch], list[T]]
) -> Iterator[T]:
    """Iterates over the items of a cursor, which closes itself when this ends or is dropped.

    No Python code runs when a walk is dropped, since an asynchronous exception would be lost there.
    `owner` is the collection: it stays alive as long as the walk, since closing its handle would
    close the cursor.
    """
    if inside:
        return _walk_inside(owner, cursor, decode)
    return chain.from_iterable(_Batches(owner, cursor, decode))


def _walk_inside(owner: object, cursor: Cursor, decode: Callable[[Batch], list[T]]) -> Iterator[T]:
    """Iterates inside a transaction, whose writes it sees."""
    size = _FIRST_BATCH
    while (batch := cursor.fetch(size)) is not None:
        size = min(4 * size, _LARGEST_BATCH)
        seen = WRITES.count
        for index, item in enumerate(decode(batch)):
            yield item
            if WRITES.count != seen:
                cursor.resume_after(batch.key(index))
                size = _FIRST_BATCH
                break
    cursor.close()


def count(cursor: Cursor) -> int:
    """Returns the number of items left."""
    total = 0
    while (batch := cursor.fetch(_LARGEST_BATCH)) is not None:
        total += batch.count
    cursor.close()
    return total
