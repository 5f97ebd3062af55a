"""Checks the arguments of calls, and converts them for the library."""

from __future__ import annotations

import math
import operator
import os

from ._abstract import Iterable, Iterator
from ._typing import Any, TypeVar
from .errors import ArgumentTypeError, BadNameError, InvalidArgumentError

__all__ = [
    "count",
    "files_at",
    "iterated",
    "listed",
    "milliseconds",
    "name_bytes",
    "path_bytes",
    "place_of",
    "renamed",
]

T = TypeVar("T")

_LONGEST = 10 * 365 * 24 * 3600 * 1000


def milliseconds(name: str, seconds: float) -> int:
    """Converts a timeout to milliseconds, rounded up; `inf` becomes ten years."""
    from numbers import Real

    if not isinstance(seconds, Real):
        raise ArgumentTypeError(
            f"{name}: a number of seconds is needed, not {type(seconds).__name__}"
        )
    if seconds < 0 or seconds != seconds:
        raise InvalidArgumentError(f"{name} cannot be negative")
    return _LONGEST if seconds * 1000 > _LONGEST else math.ceil(seconds * 1000)


def name_bytes(name: str) -> bytes:
    """Encodes a collection's name for the library."""
    if not isinstance(name, str):
        raise ArgumentTypeError(f"a name is a str, not {type(name).__name__}")
    try:
        data = name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadNameError(f"the name is not Unicode text: {error}") from None
    if b"\0" in data:
        raise BadNameError(f"the name contains a NUL: {name!r}")
    return data


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """Encodes a path for the library."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise ArgumentTypeError(f"a path is a str, bytes or os.PathLike, not {type(path).__name__}")
    try:
        data = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"the path cannot be encoded: {error}") from None
    if not data:
        raise InvalidArgumentError("the path is empty; '.' is the working directory")
    if b"\0" in data:
        raise InvalidArgumentError("the path contains a NUL")
    return data


def is_url(path: str | bytes) -> bool:
    """Returns whether a path is that of an environment on a server."""
    return os.fsdecode(path).startswith(("postgresql://", "postgres://"))


def place_of(path: str) -> str | None:
    """Returns an absolute path to the same place; None if the working directory has none."""
    # Nothing is shortened: a `..` after a symbolic link leads elsewhere.
    if os.path.isabs(path) or "://" in path:
        return path
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:
        return None


def files_at(path: str, no_subdir: bool) -> tuple[int, int] | None:
    """Returns the device and inode of a data file; None if it cannot be examined."""
    try:
        found = os.stat(path if no_subdir else os.path.join(path, "data.mdb"))
    except OSError:
        return None
    return found.st_dev, found.st_ino


def iterated(what: str, given: Iterable[T], needed: str = "an iterable") -> Iterator[T]:
    """Iterates over the items of an argument."""
    try:
        return iter(given)
    except TypeError as error:
        found = type(given).__name__
        raise ArgumentTypeError(f"{what}: {needed} is needed, not {found}") from error


def listed(what: str, given: Iterable[T], needed: str = "an iterable") -> list[T]:
    """Returns the items of an argument as a list."""
    return list(iterated(what, given, needed))


def count(name: str, value: Any, bits: int) -> int:
    """Checks an option that is an unsigned integer of `bits` bits."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"{name}: an int is needed, not {type(value).__name__}") from None
    if not 0 <= number < 1 << bits:
        raise InvalidArgumentError(f"{name} is from 0 to {(1 << bits) - 1}, not {number}")
    return number


def renamed(old: str, new: str) -> None:
    """Warns the caller of the calling function, whose name is deprecated."""
    import warnings

    warnings.warn(f"{old} is deprecated: use {new}", DeprecationWarning, stacklevel=3)
