"""Exceptions: a class for each failing status of the library, and for what the package refuses.

Every class is an `Error`, and also the built-in exception that a Python
programmer would expect there (`OSError`, `ValueError`, `TimeoutError`, ...).

>>> issubclass(BusyError, TimeoutError)
True
>>> ERRORS[-56] is BusyError
True

Generated from include/persistent_collections.h by tools/generate-bindings: do not edit.
"""

from __future__ import annotations

import errno as _errno

from ._own_errors import (
    ArgumentTypeError,
    DateOverflowError,
    EqualKeysError,
    Error,
    IteratorBusyError,
    LibraryError,
    MissingPackageError,
    UnstorableError,
    UnstorableNumberError,
    _SystemError,
)

__all__ = [
    "ArgumentTypeError",
    "BadHandleError",
    "BadKeyError",
    "BadNameError",
    "BadTypeError",
    "BadValueError",
    "BusyError",
    "CollectionsFullError",
    "CommitUnknownError",
    "ConflictError",
    "CorruptedError",
    "DateOverflowError",
    "DiskFullError",
    "ERRORS",
    "EnvironmentFailedError",
    "EqualKeysError",
    "Error",
    "ForkedError",
    "FormatVersionError",
    "InSnapshotError",
    "InTransactionError",
    "InvalidArgumentError",
    "IteratorBusyError",
    "KeySizeError",
    "LibraryError",
    "LockFilesError",
    "LockVersionError",
    "MapBusyError",
    "MapFullError",
    "MissingPackageError",
    "NetworkFilesystemError",
    "NoCollectionError",
    "NoEnvironmentError",
    "NoMemoryError",
    "NoTransactionError",
    "NotADatabaseError",
    "NotInnermostError",
    "NotPermittedError",
    "NumberOverflowError",
    "OptionsDifferError",
    "PageSizeError",
    "PanicError",
    "PathExistsError",
    "PidClashError",
    "ReadOnlyError",
    "ReadersFullError",
    "ReplacedError",
    "RequiresError",
    "SecondCopyError",
    "StorageError",
    "TransactionFailedError",
    "TruncatedError",
    "TypeMismatchError",
    "UnavailableError",
    "UnpicklableError",
    "UnstorableError",
    "UnstorableNumberError",
    "UnsupportedError",
    "ValueSizeError",
    "WaitInterruptedError",
    "WrongKindError",
    "WrongThreadError",
]


class PathExistsError(_SystemError, FileExistsError):
    """The path of a new environment exists already.

    To the library this is an answer and not a failure; hence its positive status.
    """

    status = 2
    code: int | None = _errno.EEXIST


class InvalidArgumentError(Error, ValueError):
    """An argument is missing or invalid."""

    status = -1


class BadHandleError(Error, ValueError):
    """The environment, collection, iterator or transaction is closed."""

    status = -2


class PanicError(Error, RuntimeError):
    """A bug in this library: a panic was caught at the boundary."""

    status = -3


class NoMemoryError(Error, MemoryError):
    """A memory allocation failed."""

    status = -4


class StorageError(_SystemError):
    """The operating system reported a failure that has no status of its own."""

    status = -5
    code: int | None = _errno.EIO


class ForkedError(Error, RuntimeError):
    """The object was opened before a fork and used in the child."""

    status = -6


class NoEnvironmentError(_SystemError, FileNotFoundError):
    """No environment exists at the path."""

    status = -10
    code: int | None = _errno.ENOENT


class NotPermittedError(_SystemError, PermissionError):
    """The process may not read or write the files."""

    status = -11
    code: int | None = _errno.EACCES


class NotADatabaseError(_SystemError):
    """The file is not an LMDB data file."""

    status = -12


class TruncatedError(_SystemError):
    """The data file is shorter than its header says."""

    status = -13


class FormatVersionError(_SystemError):
    """The data file has a format that this version does not read."""

    status = -14


class PageSizeError(_SystemError):
    """The data file was created with another page size."""

    status = -15


class LockVersionError(_SystemError):
    """Another build of LMDB has the environment open."""

    status = -16


class NetworkFilesystemError(_SystemError):
    """The files are on a network file system."""

    status = -17


class PidClashError(_SystemError):
    """Another container's process has the same process id."""

    status = -18


class OptionsDifferError(Error, ValueError):
    """The environment is open in this process with other options."""

    status = -19


class CorruptedError(_SystemError):
    """The data file is damaged."""

    status = -20


class ReadersFullError(_SystemError):
    """All reader slots are taken."""

    status = -21


class CollectionsFullError(_SystemError):
    """One transaction uses more collections than `max_collections` allows."""

    status = -22


class ReplacedError(_SystemError):
    """The data file or a lock file was removed or replaced while the environment was open."""

    status = -23
    code: int | None = _errno.ESTALE


class LockFilesError(_SystemError):
    """The data file is in use under other lock files."""

    status = -24
    code: int | None = _errno.EBUSY


class SecondCopyError(Error, RuntimeError):
    """Another copy of LMDB or of this library in the process has the environment open."""

    status = -25


class NoCollectionError(Error, KeyError):
    """The collection does not exist."""

    status = -30


class WrongKindError(Error, TypeError):
    """A dict was opened as a set, or a set as a dict."""

    status = -31


class TypeMismatchError(Error, TypeError):
    """The stored types differ."""

    status = -32


class BadTypeError(Error, TypeError, ValueError):
    """The type string is unknown, or names a type that is not allowed in this place."""

    status = -33


class BadNameError(Error, ValueError):
    """The name of the collection cannot be used."""

    status = -34


class RequiresError(Error, RuntimeError):
    """The collection needs a newer version of the library."""

    status = -35


class BadKeyError(Error, ValueError):
    """The key is not of the collection's key type."""

    status = -40


class BadValueError(Error, ValueError):
    """The value is not of the collection's value type."""

    status = -41


class KeySizeError(Error, ValueError):
    """The key is empty or too long."""

    status = -42


class ValueSizeError(Error, ValueError):
    """The value is too long."""

    status = -43


class NumberOverflowError(Error, OverflowError):
    """The sum is outside the range of the value type."""

    status = -44


class InSnapshotError(Error, RuntimeError):
    """A write inside a snapshot."""

    status = -50


class InTransactionError(Error, RuntimeError):
    """The call is not allowed inside a transaction."""

    status = -51


class NoTransactionError(Error, RuntimeError):
    """The call needs a current transaction."""

    status = -52


class WrongThreadError(Error, RuntimeError):
    """The transaction belongs to another thread."""

    status = -53


class NotInnermostError(Error, RuntimeError):
    """Only the innermost transaction can end."""

    status = -54


class TransactionFailedError(Error, RuntimeError):
    """A failure has doomed the transaction; it can only be aborted."""

    status = -55


class BusyError(_SystemError, TimeoutError):
    """The write lock was not free before the timeout."""

    status = -56
    code: int | None = _errno.ETIMEDOUT


class ReadOnlyError(_SystemError, PermissionError):
    """The environment was opened read-only, or the collection cannot be written."""

    status = -57
    code: int | None = _errno.EROFS


class WaitInterruptedError(_SystemError, InterruptedError):
    """The check set by `pc_set_interrupt` ended a wait."""

    status = -58
    code: int | None = _errno.EINTR


class MapFullError(_SystemError):
    """The transaction outgrew the memory map; a retry fits, such as that of `Environment.run`."""

    status = -60


class MapBusyError(_SystemError):
    """The memory map cannot grow while references into it are borrowed."""

    status = -61


class DiskFullError(_SystemError):
    """No space is left for the data file."""

    status = -62
    code: int | None = _errno.ENOSPC


class CommitUnknownError(_SystemError):
    """The commit may or may not have reached the disk."""

    status = -63
    code: int | None = _errno.EIO


class EnvironmentFailedError(_SystemError):
    """A failure has made the environment unusable; reopen it."""

    status = -64
    code: int | None = _errno.EIO


class ConflictError(Error, RuntimeError):
    """Another transaction changed what this one read."""

    status = -70


class UnavailableError(_SystemError, ConnectionError):
    """The engine cannot be reached."""

    status = -71


class UnsupportedError(Error, NotImplementedError):
    """The engine cannot do this."""

    status = -72


#: Status number to exception class.
ERRORS: dict[int, type[Error]] = {
    -1: InvalidArgumentError,
    -2: BadHandleError,
    -3: PanicError,
    -4: NoMemoryError,
    -5: StorageError,
    -6: ForkedError,
    -10: NoEnvironmentError,
    -11: NotPermittedError,
    -12: NotADatabaseError,
    -13: TruncatedError,
    -14: FormatVersionError,
    -15: PageSizeError,
    -16: LockVersionError,
    -17: NetworkFilesystemError,
    -18: PidClashError,
    -19: OptionsDifferError,
    -20: CorruptedError,
    -21: ReadersFullError,
    -22: CollectionsFullError,
    -23: ReplacedError,
    -24: LockFilesError,
    -25: SecondCopyError,
    -30: NoCollectionError,
    -31: WrongKindError,
    -32: TypeMismatchError,
    -33: BadTypeError,
    -34: BadNameError,
    -35: RequiresError,
    -40: BadKeyError,
    -41: BadValueError,
    -42: KeySizeError,
    -43: ValueSizeError,
    -44: NumberOverflowError,
    -50: InSnapshotError,
    -51: InTransactionError,
    -52: NoTransactionError,
    -53: WrongThreadError,
    -54: NotInnermostError,
    -55: TransactionFailedError,
    -56: BusyError,
    -57: ReadOnlyError,
    -58: WaitInterruptedError,
    -60: MapFullError,
    -61: MapBusyError,
    -62: DiskFullError,
    -63: CommitUnknownError,
    -64: EnvironmentFailedError,
    -70: ConflictError,
    -71: UnavailableError,
    -72: UnsupportedError,
}


TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._unpicklable import UnpicklableError
else:

    def __getattr__(name):
        if name == "UnpicklableError":
            from ._unpicklable import UnpicklableError

            return UnpicklableError
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
