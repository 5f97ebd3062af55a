"""What an environment tells of itself: collections, sizes, readers, a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .arguments import renamed

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

    `last_commit` is the number of the newest commit, and `oldest_reader_commit` that of the commit
    which the oldest snapshot in use sees. Of the free pages, `pages_held` cannot be used again yet:
    a snapshot may still read them.
    """

    map_size: int
    file_size: int
    page_size: int
    pages_used: int
    pages_free: int
    last_commit: int
    oldest_reader_commit: int
    max_readers: int
    readers: int
    max_collections: int
    collections: int
    durability: str
    pages_held: int
    data_format: int
    lock_format: int

    @property
    def last_transaction(self) -> int:
        """Deprecated: use `last_commit`."""
        renamed("last_transaction", "last_commit")
        return self.last_commit

    @property
    def oldest_reader_transaction(self) -> int:
        """Deprecated: use `oldest_reader_commit`."""
        renamed("oldest_reader_transaction", "oldest_reader_commit")
        return self.oldest_reader_commit


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

    `thread` is the system's number of the thread of `process` that took it. `commit` is
    the number of the commit that its snapshot sees, or None if the slot is only kept for the next
    read, and `behind` is the number of commits after that.
    """

    process: int
    thread: int
    commit: int | None
    behind: int

    @property
    def transaction(self) -> int | None:
        """Deprecated: use `commit`."""
        renamed("transaction", "commit")
        return self.commit
