"""Arguments of calls, checked, as the library takes them."""

from __future__ import annotations

import math
import numbers
import operator
import os
from typing import Any

from .errors import BadNameError

__all__ = ["count", "files_at", "milliseconds", "name_bytes", "path_bytes", "place_of"]

_LONGEST = 10 * 365 * 24 * 3600 * 1000


def milliseconds(seconds: float) -> int:
    """A waiting time for the library, rounded up; `inf` is ten years."""
    if not isinstance(seconds, numbers.Real):
        raise TypeError(f"a number of seconds is needed, not {type(seconds).__name__}")
    if seconds < 0 or seconds != seconds:
        raise ValueError("a waiting time is not negative")
    return _LONGEST if seconds * 1000 > _LONGEST else math.ceil(seconds * 1000)


def name_bytes(name: str) -> bytes:
    """A collection's name for the library."""
    if not isinstance(name, str):
        raise TypeError(f"a name is a str, not {type(name).__name__}")
    data = name.encode("utf-8")
    if b"\0" in data:
        raise BadNameError(f"a name holds no NUL: {name!r}")
    return data


def path_bytes(path: str | os.PathLike[str]) -> bytes:
    """A path for the library."""
    data = os.fsencode(path)
    if not data:
        raise ValueError("a path is not empty; the working directory is '.'")
    if b"\0" in data:
        raise ValueError("a path holds no NUL")
    return data


def place_of(path: str) -> str | None:
    """An absolute path to the same place; None if the working directory has none."""
    # Nothing is shortened: a `..` behind a symbolic link leads elsewhere. What looks like an
    # address is the library's to refuse.
    if os.path.isabs(path) or "://" in path:
        return path
    try:
        return os.path.join(os.getcwd(), path)
    except OSError:
        return None


def files_at(path: str, no_subdir: bool) -> tuple[int, int] | None:
    """What the system knows a data file by; None if it cannot be seen."""
    try:
        found = os.stat(path if no_subdir else os.path.join(path, "data.mdb"))
    except OSError:
        return None
    return found.st_dev, found.st_ino


def count(name: str, value: Any, bits: int) -> int:
    """An option that is a number of so many bits, none of them a sign."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: an int is needed, not {type(value).__name__}") from None
    if not 0 <= number < 1 << bits:
        raise ValueError(f"{name} is from 0 to {(1 << bits) - 1}, not {number}")
    return number
