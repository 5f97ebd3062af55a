"""The interface of a user's codec."""

from __future__ import annotations

from typing import Protocol, TypeVar

__all__ = ["Codec"]

V = TypeVar("V")


class Codec(Protocol[V]):
    """The interface of `codec=`: turns values into bytes and back."""

    def encode(self, value: V, /) -> bytes:
        """Returns the bytes of a value, or raises `TypeError` or `ValueError` to refuse it."""
        ...

    def decode(self, data: bytes, /) -> V:
        """Returns the value of bytes that `encode` returned."""
        ...
