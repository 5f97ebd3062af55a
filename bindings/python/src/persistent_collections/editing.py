"""Blocks that change one value in place."""

from __future__ import annotations

import ctypes
from types import TracebackType

from ._abstract import Callable
from ._typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from .transaction import Block

if TYPE_CHECKING:
    from typing import Protocol

    from .levels import Root

    class Edited(Protocol):
        """A dict, as a block that changes a value in it sees it."""

        @property
        def _library(self) -> ctypes.CDLL: ...

        def _lookup(self, key: Any) -> bytes | None: ...

        def _copied(self, encoded: bytes) -> bytes | None: ...

        def _decoded(self, key: Any, data: Any) -> Any: ...

        def _value_bytes(self, key: Any, value: Any) -> bytes: ...

        def _put_encoded(self, call: Callable[..., int], key: bytes, value: bytes) -> int: ...


__all__ = ["Edit"]

V = TypeVar("V")


class Edit(Block, Generic[V]):
    """A block that lends a value, and stores it at its end; see `PersistentDict.edit`."""

    __slots__ = ("_collection", "_encoded", "_key", "_value")

    def __init__(
        self,
        _environment: Root,
        _kind: int,
        _timeout: int,
        collection: Edited,
        key: Any,
    ) -> None:
        self._collection = collection
        self._key = key

    def __enter__(self) -> V:
        self._begin()
        level = self._level
        try:
            collection = self._collection
            # The key as it is stored, however the caller wrote it.
            encoded = collection._lookup(self._key)
            data = None if encoded is None else collection._copied(encoded)
            if encoded is None or data is None:
                raise KeyError(self._key)
            self._encoded = encoded
            self._value = cast("V", collection._decoded(self._key, data))
        except BaseException:
            if level is not None:
                level.undo()
            raise
        return self._value

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            super()._leave(kind, error, trace)
            return
        try:
            collection = self._collection
            collection._put_encoded(
                collection._library.pc_dict_put,
                self._encoded,
                collection._value_bytes(self._key, self._value),
            )
        except BaseException as failure:
            super()._leave(type(failure), failure, failure.__traceback__)
            raise
        super()._leave(None, None, None)
