"""The exception whose base class is one of `pickle`, imported with its first use."""

from __future__ import annotations

from pickle import PicklingError

from ._own_errors import Error

__all__ = ["UnpicklableError"]


class UnpicklableError(Error, TypeError, PicklingError):
    """The object cannot be pickled."""


# As of the other exceptions.
UnpicklableError.__module__ = f"{__package__}.errors"
