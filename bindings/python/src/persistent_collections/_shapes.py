"""What files take from one another without importing one another: the shapes of objects."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Set
from typing import Any, ClassVar, Protocol

__all__ = ["Coded", "Guarded", "Inside", "Part", "Rooted", "Walked"]


class Guarded(Protocol):
    """An environment, to what has a handle in it."""

    @property
    def _guards(self) -> Set[Any]: ...

    @property
    def _closed(self) -> bool: ...


class Rooted(Protocol):
    """An environment, to the accelerator."""

    @property
    def _handle(self) -> int: ...

    @property
    def _failure(self) -> Callable[[int], BaseException]: ...


class Walked(Protocol):
    """A dict or a set, to the accelerator."""

    _is_set: ClassVar[bool]

    @property
    def _environment(self) -> Rooted: ...

    @property
    def _handle(self) -> int: ...


class Coded(Protocol):
    """A codec of keys or of values, to the accelerator."""

    @property
    def coder(self) -> Any:
        """The accelerator's encoder and decoder; None if the package does it alone."""
        ...


class Part(Protocol):
    """A part of a collection, to the accelerator."""

    @property
    def flags(self) -> int:
        """Those of a `pc_range`."""
        ...

    @property
    def lower(self) -> bytes | None:
        """The encoded lower bound."""
        ...

    @property
    def upper(self) -> bytes | None:
        """The encoded upper bound."""
        ...

    @property
    def prefix(self) -> bytes | None:
        """What encoded keys begin with."""
        ...


class Inside(Protocol):
    """An environment, to what asks whether the thread has a transaction in it."""

    @property
    def _library(self) -> ctypes.CDLL: ...

    def _in_transaction(self) -> bool: ...
