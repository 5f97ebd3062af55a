"""The hot calls of a dict for one key: look it up, store it, remove it."""

from __future__ import annotations

from ctypes import byref

from . import _checked as checked
from . import _scalars as scalars
from . import lending
from ._abstract import Callable
from ._typing import Any, TypeVar, cast, overload
from .lending import Lent, Pin
from .many import ManyKeys

__all__ = ["OneKey"]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")


class OneKey(ManyKeys[K, V]):
    """The part of `PersistentDict` that the accelerator replaces in plain cases.

    Its base class then comes before this one, and calls these methods in all other cases.
    """

    #: Whether snapshots lend its values.
    _lends: bool

    def __getitem__(self, key: K) -> V:
        data = self._fetch(key)
        if data is None:
            raise KeyError(key)
        try:
            return cast("V", self._values.decode(data))
        except scalars.UNREADABLE as error:
            raise self._located(error, key, ", value") from error.__cause__

    @overload
    def get(self, key: Any, default: None = None) -> V | None: ...

    @overload
    def get(self, key: Any, default: V) -> V: ...

    @overload
    def get(self, key: Any, default: T) -> V | T: ...

    def get(self, key: Any, default: Any = None) -> Any:
        """Returns the value of a key, or `default` if it is absent."""
        data = self._fetch(key)
        if data is None:
            return default
        try:
            return self._values.decode(data)
        except scalars.UNREADABLE as error:
            raise self._located(error, key, ", value") from error.__cause__

    def _fetch(self, key: Any) -> Any:
        encoded = self._lookup(key)
        if encoded is None:
            return None
        if self._lends:
            pin = self._environment._pin()
            if pin is not None:
                return self._borrow(encoded, pin)
        return self._copied(encoded)

    def _copied(self, encoded: bytes) -> bytes | None:
        library = self._library
        buffer = checked.take_buffer(library)
        try:
            status = library.pc_dict_get_buffer(self._handle, encoded, len(encoded), byref(buffer))
            return checked.content(buffer) if self._found(status) else None
        finally:
            checked.give_back(library, buffer)

    def _borrow(self, encoded: bytes, pin: Pin) -> bytes | Lent | None:
        """Returns the value in the snapshot's memory, without copying it."""
        status, lent = lending.lend(self._library, pin, self._handle, encoded)
        if not self._found(status):
            return None
        return lent if lent is not None and lent.size else b""

    def __contains__(self, key: object) -> bool:
        encoded = self._lookup(key)
        return encoded is not None and self._found(
            self._library.pc_dict_contains(self._handle, encoded, len(encoded))
        )

    def __len__(self) -> int:
        library = self._library
        return checked.number(library, library.pc_dict_len, self._handle)

    def __setitem__(self, key: K, value: V) -> None:
        self._put(self._library.pc_dict_put, key, value)

    def _put(self, call: Callable[..., int], key: K, value: V) -> int:
        behind = ""
        try:
            encoded = self._keys.encode(key)
            behind = ", value"
            data = self._values.encode(value)
            behind = ""
            return self._put_encoded(call, encoded, data)
        except scalars.REFUSED as error:
            raise self._located(error, key, behind) from error.__cause__

    def _located(self, error: Exception, key: Any, behind: str = "") -> Exception:
        """Adds the place where the refused key or value was to be stored to an error."""
        # An error inside a value of `any` already says that it is in the value.
        behind = "" if str(error).startswith("value") else behind
        return scalars.located(error, f"{self._what}, key {scalars.shown(key)}{behind}")

    def _value_bytes(self, key: Any, value: Any) -> bytes:
        try:
            return self._values.encode(value)
        except scalars.REFUSED as error:
            raise self._located(error, key, ", value") from error.__cause__

    def _decoded(self, key: Any, data: Any) -> Any:
        try:
            return self._values.decode(data)
        except scalars.UNREADABLE as error:
            raise self._located(error, key, ", value") from error.__cause__

    def _put_encoded(self, call: Callable[..., int], key: bytes, value: bytes) -> int:
        self._environment._writing()
        status = call(self._handle, key, len(key), value, len(value))
        return checked.check(self._library, status)

    def __delitem__(self, key: K) -> None:
        encoded = self._lookup(key)
        self._environment._writing()
        if encoded is None or not self._found(
            self._library.pc_dict_remove(self._handle, encoded, len(encoded))
        ):
            raise KeyError(key)
