"""The reports of an environment: collections, sizes, readers, a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .arguments import renamed

__all__ = ["CheckReport", "CollectionInfo", "EnvironmentInfo", "ReaderInfo"]


@dataclass(frozen=True)
class CollectionInfo:
    """Describes one collection.

    `kind` is `"dict"`, `"set"` or `"raw"`; the types of a raw collection are
    empty. `count` is None if it was not counted.
    """

    name: str
    kind: str
    key: str
    value: str
    count: int | None


class EnvironmentInfo(NamedTuple):
    """Reports sizes and counts of an environment.

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
    """Reports the page counts of a data file that `Environment.check` found undamaged.

    `pages` is the sum of `used`, `free` and `lost`. Lost pages are neither used nor free: they
    waste space, and are harmless.
    """

    pages: int
    used: int
    free: int
    lost: int
    collections: int


class ReaderInfo(NamedTuple):
    """Describes a reader slot in use.

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
