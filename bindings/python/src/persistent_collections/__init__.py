"""Dicts and sets that live on disk, the same from Python, Julia, C and C++.

An `Environment` is a directory. `PersistentDict` and `PersistentSet` are named collections in it,
which other processes and languages can read and write at the same time.

>>> from persistent_collections import Environment, PersistentDict
>>> with Environment(directory) as env:
...     ages = PersistentDict(env, "ages", key=str, value=int)
...     ages["Ada"] = 36
...     with env.transaction():
...         ages["Ada"] += 1
...     ages["Ada"]
37
"""

from . import errors
from .dict import ABSENT, PersistentDict
from .environment import Environment
from .errors import *  # noqa: F403
from .ranges import DictRange, SetRange
from .reports import CheckReport, CollectionInfo, EnvironmentInfo, ReaderInfo
from .set import PersistentSet
from .tagged import Char, MissingType, Pairs, SimpleValue, Symbol, Tagged, missing
from .transaction import Transaction
from .values import Codec

__version__ = "0.1.0"

__all__ = [
    "ABSENT",
    "Char",
    "CheckReport",
    "Codec",
    "CollectionInfo",
    "DictRange",
    "Environment",
    "EnvironmentInfo",
    "MissingType",
    "Pairs",
    "PersistentDict",
    "PersistentSet",
    "ReaderInfo",
    "SetRange",
    "SimpleValue",
    "Symbol",
    "Tagged",
    "Transaction",
    "__version__",
    "missing",
]
__all__ += errors.__all__
