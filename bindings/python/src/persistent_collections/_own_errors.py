"""The base of all exceptions, and those of the package itself; `errors` passes them on."""

from __future__ import annotations

__all__ = [
    "ArgumentTypeError",
    "DateOverflowError",
    "EqualKeysError",
    "Error",
    "IteratorBusyError",
    "LibraryError",
    "MissingPackageError",
    "UnstorableError",
    "UnstorableNumberError",
]


class Error(Exception):
    """The base class of all exceptions of the package and of the library.

    `status` is the library's status number, or 0 if the package raised the exception. `message`
    describes the failure.
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
    """A key or value would not come back equal if it were stored; the message says where it is."""


class UnstorableNumberError(UnstorableError, OverflowError):
    """A number is outside the range of the type of a key or value."""


class EqualKeysError(Error, ValueError):
    """Keys of `any` that differ in the collection are equal in a plain dict or set: 1 and True."""


class ArgumentTypeError(Error, TypeError):
    """An argument has a type that the call does not take."""


class LibraryError(Error, ImportError):
    """The shared library is missing, or has another version of the ABI."""


class MissingPackageError(Error, ImportError):
    """The call needs a package that is not installed."""


class IteratorBusyError(Error, ValueError):
    """Another thread is using the iterator."""


class DateOverflowError(Error, OverflowError):
    """A stored date or time is outside the range of Python's types."""


class _SystemError(Error, OSError):
    code: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        # With one argument, OSError leaves it None.
        self.errno: int | None = self.code


# Tracebacks and pickles name the module that users import them from.
for _name in __all__:
    globals()[_name].__module__ = f"{__package__}.errors"
