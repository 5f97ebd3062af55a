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

import sys as _sys

from . import errors

# As type checkers know it; `typing` itself takes a third of the time to import the package.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .codec import Codec
    from .dict import ABSENT, PersistentDict
    from .environment import Environment
    from .errors import *  # noqa: F403
    from .ranges import DictRange, SetRange
    from .reports import CheckReport, CollectionInfo, EnvironmentInfo, ReaderInfo
    from .set import PersistentSet
    from .tagged import Char, MissingType, Pairs, SimpleValue, Symbol, Tagged, missing
    from .transaction import Transaction

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

if not TYPE_CHECKING:
    # Not by `*`, which would import the late one.
    globals().update((name, vars(errors)[name]) for name in errors.__all__ if name in vars(errors))

    #: What is imported with its first use: the file of each name.
    _LATER = {
        "ABSENT": "dict",
        "Char": "tagged",
        "CheckReport": "reports",
        "Codec": "codec",
        "CollectionInfo": "reports",
        "DictRange": "ranges",
        "Environment": "environment",
        "EnvironmentInfo": "reports",
        "MissingType": "tagged",
        "Pairs": "tagged",
        "PersistentDict": "dict",
        "PersistentSet": "set",
        "ReaderInfo": "reports",
        "SetRange": "ranges",
        "SimpleValue": "tagged",
        "Symbol": "tagged",
        "Tagged": "tagged",
        "Transaction": "transaction",
        "UnpicklableError": "errors",
        "missing": "tagged",
    }
    #: The files that programs can name without importing them.
    _FILES = {
        *("acceleration", "algebra", "any_keys", "arguments", "arrays", "bulk", "callers", "cbor"),
        *("codec", "collection", "columns", "comparison", "decimals", "dict", "dynamic", "editing"),
        *("environment", "handles", "iteration", "keys", "lending", "levels", "lookups", "many"),
        *("moments", "narrow", "notebook", "one", "opened", "operators", "ordered", "owned"),
        *("ranges", "reports", "set", "tagged", "transaction", "typed", "types", "values"),
        *("views", "waits"),
    }

    def __getattr__(name):
        if name in _LATER:
            found = getattr(_file(_LATER[name]), name)
            globals()[name] = found
            return found
        if name in _FILES:
            return _file(name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def _file(name):
        # Not by `importlib`, which imports `warnings`.
        full = f"{__name__}.{name}"
        __import__(full)
        return _sys.modules[full]

    def __dir__():
        return sorted({*globals(), *_LATER, *_FILES})
