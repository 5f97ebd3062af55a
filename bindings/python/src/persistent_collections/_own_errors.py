"""The base of all exceptions, and those of the package itself; `errors` passes them on."""

from __future__ import annotations

from pickle import PicklingError as _PicklingError

__all__ = [
    "ArgumentTypeError",
    "DateOverflowError",
    "EqualKeysError",
    "Error",
    "IteratorBusyError",
    "LibraryError",
    "MissingPackageError",
    "UnpicklableError",
    "UnstorableError",
    "UnstorableNumberError",
]


class Error(Exception):
    """Base of all failures of the package and of the library.

    `status` is the library's number for it, or 0 for failures that only the package has. `message`
    says what happened.
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


# Tracebacks and pickles name the module that users import them from.
for _name in __all__:
    globals()[_name].__module__ = f"{__package__}.errors"
