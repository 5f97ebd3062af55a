"""What an environment tells of itself: collections, sizes, readers, a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["CheckReport", "CollectionInfo", "EnvironmentInfo", "ReaderInfo"]


@dataclass(frozen=True)
class CollectionInfo:
    """What the catalog says of one collection.

    `kind` is `"dict"`, `"set"` or `"raw"`; types of a raw collection are empty.
    `count` is None where it was not asked for.
    """

    name: str
    kind: str
    key: str
    value: str
    count: int | None


class EnvironmentInfo(NamedTuple):
    """Sizes and counts of an environment, in bytes, pages and pieces.

    Of the free pages, `pages_held` cannot be used again yet: a snapshot may still read them.
    """

    map_size: int
    file_size: int
    page_size: int
    pages_used: int
    pages_free: int
    last_transaction: int
    oldest_reader_transaction: int
    max_readers: int
    readers: int
    max_collections: int
    collections: int
    durability: str
    pages_held: int
    data_format: int
    lock_format: int


class CheckReport(NamedTuple):
    """What `Environment.check` counted in a data file that is whole.

    `pages` is the sum of the next three; nobody uses the `lost` ones nor will be given
    them, which wastes space and harms nothing.
    """

    pages: int
    used: int
    free: int
    lost: int
    collections: int


class ReaderInfo(NamedTuple):
    """A reader slot that is taken.

    `thread` is the system's number of the thread of `process` that took it. `transaction` is
    the commit that its snapshot sees, None where it is only kept for a next read, and
    `behind` is how many commits came after that.
    """

    process: int
    thread: int
    transaction: int | None
    behind: int
