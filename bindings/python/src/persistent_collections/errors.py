"""Exceptions: a class for each failing status of the library, and for what the package refuses.

Every class is an `Error`, and also the built-in exception that a Python
programmer would expect there (`OSError`, `ValueError`, `TimeoutError`, ...).

>>> issubclass(BusyError, TimeoutError)
True
>>> ERRORS[-56] is BusyError
True
"""

from __future__ import annotations

import errno as _errno
from pickle import PicklingError as _PicklingError

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
    "UnpicklableError",
    "UnavailableError",
    "UnstorableError",
    "UnstorableNumberError",
    "UnsupportedError",
    "ValueSizeError",
    "WaitInterruptedError",
    "WrongKindError",
    "WrongThreadError",
]


class Error(Exception):
    """Base of all failures of the package and of the library.

    `status` is the library's number for it, 0 for failures that the package alone has; `message`
    is what happened, in words.
    """

    status: int = 0

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[type[Error], tuple[str]]:
        return type(self), (self.message,)


class UnstorableError(Error, TypeError, ValueError):
    """A key or value that cannot be stored so that it comes back equal; says where it sits."""


class UnstorableNumberError(UnstorableError, OverflowError):
    """A number that is beyond what the type of a key or value can hold."""


class EqualKeysError(Error, ValueError):
    """Keys of `any` that are two in the collection, and one in a plain dict or set: 1 and True."""


class ArgumentTypeError(Error, TypeError):
    """An argument of a type that the call does not take."""


class LibraryError(Error, ImportError):
    """The shared library is missing, or speaks another version of the ABI."""


class MissingPackageError(Error, ImportError):
    """A package that the call needs is not installed."""


class UnpicklableError(Error, TypeError, _PicklingError):
    """An object that no pickle can hold."""


class IteratorBusyError(Error, ValueError):
    """Another thread is taking an item of the iterator at this moment."""


class DateOverflowError(Error, OverflowError):
    """A stored date or time that is beyond those of Python."""


class _SystemError(Error, OSError):
    code: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # One argument leaves it None.
        self.errno: int | None = self.code


class InvalidArgumentError(Error, ValueError):
    """An argument with a value that the call cannot use."""

    status = -1


class BadHandleError(Error, ValueError):
    """The environment, collection, iterator or transaction is closed."""

    status = -2


class PanicError(Error, RuntimeError):
    """The library met a fault of its own."""

    status = -3


class NoMemoryError(Error, MemoryError):
    """Memory or address space ran out."""

    status = -4


class PathExistsError(_SystemError, FileExistsError):
    """There is something at the path of a new environment already.

    To the library this is an answer and no failure; hence its positive status.
    """

    status = 2
    code: int | None = _errno.EEXIST


class StorageError(_SystemError):
    """Reading or writing the files failed."""

    status = -5
    code: int | None = _errno.EIO


class ForkedError(Error, RuntimeError):
    """An object opened before a fork was used in the child."""

    status = -6


class NoEnvironmentError(_SystemError, FileNotFoundError):
    """There is no environment at that path, and none could be made."""

    status = -10
    code: int | None = _errno.ENOENT


class NotPermittedError(_SystemError, PermissionError):
    """The files or their directory may not be opened like that."""

    status = -11
    code: int | None = _errno.EACCES


class NotADatabaseError(_SystemError):
    """The file is not an LMDB data file."""

    status = -12


class TruncatedError(_SystemError):
    """The data file is shorter than its header says."""

    status = -13


class FormatVersionError(_SystemError):
    """The data file was written in a format that this library does not read."""

    status = -14


class PageSizeError(_SystemError):
    """The data file was written with another page size."""

    status = -15


class LockVersionError(_SystemError):
    """Another build of LMDB has the environment open."""

    status = -16


class NetworkFilesystemError(_SystemError):
    """The environment lies on a network file system."""

    status = -17


class PidClashError(_SystemError):
    """Two containers use the environment with the same process id."""

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
    """The environment holds as many collections as it may."""

    status = -22


class ReplacedError(_SystemError):
    """The data file or a lock file was removed or replaced while the environment was open."""

    status = -23
    code: int | None = _errno.ESTALE


class LockFilesError(_SystemError):
    """The data file is in use under other lock files; says by which path."""

    status = -24
    code: int | None = _errno.EBUSY


class SecondCopyError(Error, RuntimeError):
    """Another copy of the library, or of LMDB, has the environment open in this process."""

    status = -25


class NoCollectionError(Error, KeyError):
    """There is no collection of that name."""

    status = -30


class WrongKindError(Error, TypeError):
    """The name belongs to a set where a dict was asked for, or the reverse."""

    status = -31


class TypeMismatchError(Error, TypeError):
    """The collection was made with another type."""

    status = -32


class BadTypeError(Error, TypeError, ValueError):
    """An unknown type, or one that cannot stand there."""

    status = -33


class BadNameError(Error, ValueError):
    """A name that no collection can have."""

    status = -34


class RequiresError(Error, RuntimeError):
    """The collection needs a newer version of the library."""

    status = -35


class BadKeyError(Error, ValueError):
    """Bytes that do not encode a key of the collection's type."""

    status = -40


class BadValueError(Error, ValueError):
    """Bytes that do not encode a value of the collection's type."""

    status = -41


class KeySizeError(Error, ValueError):
    """A key that is empty or too long."""

    status = -42


class ValueSizeError(Error, ValueError):
    """A value that is too long."""

    status = -43


class NumberOverflowError(Error, OverflowError):
    """A result that the collection's type cannot hold."""

    status = -44


class InSnapshotError(Error, RuntimeError):
    """A write inside a snapshot."""

    status = -50


class InTransactionError(Error, RuntimeError):
    """A call that cannot be made inside a transaction."""

    status = -51


class NoTransactionError(Error, RuntimeError):
    """A call that needs a transaction around it."""

    status = -52


class WrongThreadError(Error, RuntimeError):
    """A transaction was used by a thread that did not begin it."""

    status = -53


class NotInnermostError(Error, RuntimeError):
    """A transaction was ended before one that was begun inside it."""

    status = -54


class TransactionFailedError(Error, RuntimeError):
    """The transaction failed before; only aborting it is left."""

    status = -55


class BusyError(_SystemError, TimeoutError):
    """The write lock was not had in time."""

    status = -56
    code: int | None = _errno.ETIMEDOUT


class ReadOnlyError(_SystemError, PermissionError):
    """A write to an environment that was opened to be read."""

    status = -57
    code: int | None = _errno.EROFS


class WaitInterruptedError(_SystemError, InterruptedError):
    """The check that `pc_set_interrupt` has set ended a wait; nothing was written."""

    status = -58
    code: int | None = _errno.EINTR


class MapFullError(_SystemError):
    """The transaction outgrew the map; run again, it fits (`Environment.run`)."""

    status = -60


class MapBusyError(_SystemError):
    """The map could not grow because somebody is reading through it."""

    status = -61


class DiskFullError(_SystemError):
    """The disk, a quota or a limit is full; nothing is lost."""

    status = -62
    code: int | None = _errno.ENOSPC


class CommitUnknownError(_SystemError):
    """Storage failed during a commit: it may or may not have happened."""

    status = -63
    code: int | None = _errno.EIO


class EnvironmentFailedError(_SystemError):
    """Storage failed before; open the environment again."""

    status = -64
    code: int | None = _errno.EIO


class ConflictError(Error, RuntimeError):
    """Another writer came first; run again, it may succeed."""

    status = -70


class UnavailableError(_SystemError, ConnectionError):
    """The engine cannot be reached."""

    status = -71


class UnsupportedError(Error, NotImplementedError):
    """This engine cannot do that."""

    status = -72


#: Status number to exception class.
ERRORS: dict[int, type[Error]] = {
    kind.status: kind
    for kind in tuple(globals().values())
    if isinstance(kind, type) and issubclass(kind, Error) and kind.status < 0
}
