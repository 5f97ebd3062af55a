"""Opens the environment of a command, and a collection with its types."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import Any, Union

from .. import Environment, PersistentDict, PersistentSet
from ..errors import InvalidArgumentError
from ..types import Type, parse
from .failure import Failure

__all__ = ["Opened", "add_types", "limit", "open_collection", "reader", "writer"]


def reader(directory: str) -> Environment:
    """Opens the environment for reading."""
    return Environment(directory, read_only=True, create=False, no_subdir=os.path.isfile(directory))


def writer(directory: str, create: bool = False) -> Environment:
    """Opens the environment for writing."""
    return Environment(directory, create=create, no_subdir=os.path.isfile(directory))


def limit(text: str) -> int:
    """Parses the number of items in an option."""
    number = int(text)
    if number < 0:
        raise InvalidArgumentError(f"the number of items cannot be negative: {text}")
    return number


def add_types(command: argparse.ArgumentParser) -> None:
    """Adds the options for the types of keys and values."""
    about = "the type of its {}, as str, i64, (str,i64), f32[3]; of a raw collection bytes"
    command.add_argument("--key", metavar="TYPE", help=about.format("keys or elements"))
    command.add_argument("--value", metavar="TYPE", help=about.format("values"))


@dataclass(frozen=True)
class Opened:
    """A collection and the types of its keys and values; `value` is None for a set."""

    items: Union[PersistentDict[Any, Any], PersistentSet[Any]]  # noqa: UP007
    key: Type
    value: Type | None


def open_collection(
    env: Environment, name: str, key: str | None = None, value: str | None = None
) -> Opened:
    """Opens an existing collection, with the requested types or else its own."""
    try:
        schema = env.schema(name)
    except KeyError:
        raise Failure(f"no collection named {name!r}") from None
    if schema.kind == "set":
        if value is not None:
            raise Failure(f"{name!r} is a set, which has no values to give a type for")
        items = PersistentSet[Any](env, name, element=key, create=False)
        return Opened(items, parse(key or items.element_type), None)
    if schema.kind == "raw":
        # A raw collection has no stored types, only bytes.
        key, value = key or "bytes", value or "bytes"
    pairs = PersistentDict[Any, Any](env, name, key=key, value=value, create=False)
    return Opened(pairs, parse(key or pairs.key_type), parse(value or pairs.value_type))
