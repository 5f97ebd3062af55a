"""Protocols of objects, for modules that use one another's objects without a circular import."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Set
from typing import Any, ClassVar, Protocol

from .types import Type

__all__ = ["Coded", "Guarded", "Inside", "Part", "Rooted", "Walked"]


class Guarded(Protocol):
    """An environment, as the objects with a handle in it see it."""

    @property
    def _guards(self) -> Set[Any]: ...

    @property
    def _closed(self) -> bool: ...

    @property
    def _is_remote(self) -> bool: ...


class Rooted(Protocol):
    """An environment, as the accelerator sees it."""

    @property
    def _handle(self) -> int: ...

    @property
    def _failure(self) -> Callable[[int], BaseException]: ...

    @property
    def _forgets(self) -> bool: ...

    @property
    def _is_remote(self) -> bool: ...


class Walked(Protocol):
    """A dict or a set, as the accelerator sees it."""

    _is_set: ClassVar[bool]

    @property
    def _environment(self) -> Rooted: ...

    @property
    def _handle(self) -> int: ...


class Coded(Protocol):
    """A codec of keys or of values, as the accelerator sees it."""

    type: Type

    @property
    def coder(self) -> Any:
        """The accelerator's encoder and decoder; None if it has none for this type."""
        ...


class Part(Protocol):
    """A part of a collection, as the accelerator sees it."""

    @property
    def flags(self) -> int:
        """The flags of a `pc_range`."""
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
        """The prefix of the encoded keys."""
        ...


class Inside(Protocol):
    """An environment that can say whether the thread has a transaction in it."""

    @property
    def _library(self) -> ctypes.CDLL: ...

    def _in_transaction(self) -> bool: ...
