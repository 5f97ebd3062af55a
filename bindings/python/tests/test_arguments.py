"""Each deliberate refusal of the package is an `Error`, for all arguments and calls."""

from __future__ import annotations

import ast
import builtins
import datetime
import importlib
import inspect
import pickle
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import persistent_collections
from persistent_collections import (
    ArgumentTypeError,
    BadNameError,
    Char,
    DateOverflowError,
    Environment,
    Error,
    InvalidArgumentError,
    MissingPackageError,
    NoCollectionError,
    Pairs,
    PersistentDict,
    PersistentSet,
    TypeMismatchError,
    UnpicklableError,
    UnstorableError,
    UnstorableNumberError,
    arrays,
)

PACKAGE = Path(persistent_collections.__file__).parent
ACCELERATOR = Path(__file__).parents[1] / "accelerator" / "src"

#: Exceptions of Python's protocols: of mappings and sets, iterators, attributes, base classes.
PROTOCOL = {"AttributeError", "KeyError", "NotImplementedError", "StopIteration"}


def _builtin_exceptions(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Returns the places where built-in exceptions are made or raised."""
    for node in ast.walk(tree):
        made = node.func if isinstance(node, ast.Call) else None
        made = node.exc if isinstance(node, ast.Raise) else made
        name = ast.unparse(made) if isinstance(made, (ast.Name, ast.Attribute)) else ""
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, BaseException):
            yield node.lineno, name
        elif name == "pickle.PicklingError" or isinstance(node, ast.Assert):
            yield node.lineno, name or "assert"


def _sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_file_raises_a_bare_builtin(path: Path) -> None:
    """`except Error` around a program did not catch plain TypeErrors and ValueErrors for names,
    options, bounds and counts. Now each deliberate `raise` is of an `Error`, which is the built-in
    exception as well.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [f"line {line}: {name}" for line, name in _builtin_exceptions(tree)]
    assert [place for place in found if place.split(": ")[1] not in PROTOCOL] == []


def test_the_search_finds_them() -> None:
    source = "raise ValueError\nraise TypeError('x')\nerror = OSError(1)\nassert x\nraise Error('')"
    found = {name for _, name in _builtin_exceptions(ast.parse(source))}
    assert found == {"ValueError", "TypeError", "OSError", "assert"}


def test_each_class_of_the_package_is_an_error() -> None:
    """Private classes do not leave the module that raises them."""
    kinds: list[type] = []
    for module in pkgutil.walk_packages(persistent_collections.__path__, "persistent_collections."):
        if not module.name.endswith("__main__"):
            kinds += vars(importlib.import_module(module.name)).values()
    own = {
        kind
        for kind in kinds
        if isinstance(kind, type)
        and issubclass(kind, BaseException)
        and kind.__module__.startswith("persistent_collections")
        and not kind.__name__.startswith("_")
    }
    assert len(own) > 50
    assert [kind for kind in own if not issubclass(kind, Error)] == []


def test_the_accelerator_raises_no_bare_builtin() -> None:
    """It raises classes of pyo3 (`Py…Error`) only for a missing key and in garbage collection."""
    allowed = {"PyKeyError", "PyTraverseError"}
    found = {
        (path.name, name)
        for path in ACCELERATOR.glob("*.rs")
        for name in re.findall(r"\bPy\w+(?:Error|Exception)\b", path.read_text(encoding="utf-8"))
    }
    assert [(file, name) for file, name in found if name not in allowed] == []


class Opened:
    """An environment, and collections of each kind in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = Environment(path / "env", durability="none")
        self.texts: Any = PersistentDict(self.env, "texts", key=str, value=int)
        self.texts.update(a=1, b=2)
        self.numbers: Any = PersistentDict(self.env, "numbers", key=int, value="f32[2]")
        self.numbers[1] = [1.0, 2.0]
        self.anything: Any = PersistentDict(self.env, "anything")
        self.set: Any = PersistentSet(self.env, "set", element=str)
        self.set.update(["a", "b"])
        self.range: Any = self.texts.range("a")
        self.part: Any = self.set.range("a")
        self.keys: Any = self.texts.keys()
        self.items: Any = self.texts.items()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    yield opened
    opened.env.close()


class NotIterable:
    pass


_OPTIONS: dict[str, list[tuple[Any, type[Error]]]] = {
    "durability": [
        ("fast", InvalidArgumentError),
        (None, ArgumentTypeError),
        ([], ArgumentTypeError),
    ],
    **dict.fromkeys(
        ("flush_interval", "write_timeout"),
        [("1", ArgumentTypeError), (1j, ArgumentTypeError), (-1, InvalidArgumentError)],
    ),
    **dict.fromkeys(
        ("map_size", "mode", "max_collections", "max_readers"),
        [("1", ArgumentTypeError), (1.0, ArgumentTypeError), (-1, InvalidArgumentError)],
    ),
}
_CALLS: dict[str, tuple[Callable[[Opened], Any], type[Error], str]] = {
    "path": (lambda it: Environment(5), ArgumentTypeError, "int"),
    "empty path": (lambda it: Environment(""), InvalidArgumentError, "path"),
    "NUL in a path": (lambda it: Environment("a\0b"), InvalidArgumentError, "NUL"),
    "surrogate path": (lambda it: Environment("\ud800"), InvalidArgumentError, "path"),
    "copy to": (lambda it: it.env.copy(None), ArgumentTypeError, "path"),
    "timeout": (
        lambda it: it.env.transaction("1"),
        ArgumentTypeError,
        "timeout",
    ),
    "negative timeout": (lambda it: it.env.transaction(-1), InvalidArgumentError, "timeout"),
    "not a number": (lambda it: it.env.transaction(float("nan")), InvalidArgumentError, "timeout"),
    "run": (lambda it: it.env.run(5), ArgumentTypeError, "function"),
    "schema": (lambda it: it.env.schema("none"), NoCollectionError, "'none'"),
    "drop": (lambda it: it.env.drop("none"), NoCollectionError, "'none'"),
    "name of a schema": (
        lambda it: it.env.schema(5),
        ArgumentTypeError,
        "name",
    ),
    "name": (
        lambda it: PersistentDict(it.env, b"d"),
        ArgumentTypeError,
        "name",
    ),
    "surrogate name": (lambda it: PersistentDict(it.env, "\ud800"), BadNameError, "name"),
    "environment": (
        lambda it: PersistentSet("env", "s"),
        ArgumentTypeError,
        "Environment",
    ),
    "types": (lambda it: PersistentDict[str], ArgumentTypeError, "key and value"),
    "codec": (
        lambda it: PersistentDict(it.env, "c", codec=5),
        ArgumentTypeError,
        "codec",
    ),
    "bytes of a codec": (
        lambda it: PersistentDict(it.env, "c", value=str, codec=pickle),
        ArgumentTypeError,
        "bytes",
    ),
    "fromkeys": (
        lambda it: PersistentDict.fromkeys(it.env, "f", 5),
        ArgumentTypeError,
        "dict 'f'",
    ),
    "update": (lambda it: it.texts.update(5), ArgumentTypeError, "dict 'texts'"),
    "update, unequal": (
        lambda it: it.texts.put_many(["a"], [1, 2]),
        InvalidArgumentError,
        "dict 'texts'",
    ),
    "update, no keys": (lambda it: it.texts.put_many(5, [1]), ArgumentTypeError, "'texts'"),
    "update, no values": (lambda it: it.texts.put_many(["a"], 5), ArgumentTypeError, "'texts'"),
    "rows": (
        lambda it: it.numbers.put_many([1], [[1, 2], [3, 4]]),
        InvalidArgumentError,
        "dict 'numbers'",
    ),
    "rows of none": (lambda it: it.numbers.put_many([1], 5), ArgumentTypeError, "'numbers'"),
    "a view of other rows": (
        lambda it: it.numbers.put_many([1], memoryview(b"12345678").cast("f")),
        UnstorableError,
        "dict 'numbers'",
    ),
    "get_many": (lambda it: it.texts.get_many(5), ArgumentTypeError, "dict 'texts'"),
    "remove_many": (lambda it: it.texts.remove_many(5), ArgumentTypeError, "dict 'texts'"),
    "increment": (lambda it: it.texts.increment("a", "1"), UnstorableError, "'texts', key 'a', by"),
    "increment by much": (
        lambda it: it.texts.increment("a", 1 << 64),
        UnstorableNumberError,
        "dict 'texts', key 'a', by",
    ),
    "bound": (lambda it: it.texts.range(5), UnstorableError, "dict 'texts', lower bound 5"),
    "upper bound": (
        lambda it: it.set.irange("a", 5),
        UnstorableError,
        "set 'set', upper bound 5",
    ),
    "removed part": (
        lambda it: it.texts.remove_range(None, 5),
        UnstorableError,
        "dict 'texts', upper bound 5",
    ),
    "no bound": (lambda it: it.set.remove_range(), ArgumentTypeError, "set 'set'"),
    "inclusive": (
        lambda it: it.texts.range("a", inclusive=True),
        ArgumentTypeError,
        "dict 'texts': inclusive",
    ),
    "prefix": (lambda it: it.texts.prefix(5), UnstorableError, "dict 'texts', prefix 5"),
    "prefix of any": (lambda it: it.anything.prefix(5), UnstorableError, "'anything', prefix"),
    "no prefix": (lambda it: it.numbers.prefix(1), ArgumentTypeError, "'numbers', prefix 1"),
    "column": (lambda it: it.anything.to_numpy(), TypeMismatchError, "one array of numbers"),
    "elements": (lambda it: it.set.update(5), ArgumentTypeError, "set 'set'"),
    **{
        name: (
            lambda it, name=name: getattr(it.set, name)(5),
            ArgumentTypeError,
            "iterable",
        )
        for name in (
            *("union", "intersection", "difference", "symmetric_difference", "isdisjoint"),
            *("difference_update", "intersection_update", "symmetric_difference_update"),
            *("issubset", "issuperset"),
        )
    },
    "pairs": (lambda it: Pairs(5), ArgumentTypeError, "iterable of pairs"),
    "items": (lambda it: it.texts.items().isdisjoint(5), ArgumentTypeError, "iterable"),
    "keys": (lambda it: it.texts.keys().isdisjoint(5), ArgumentTypeError, "iterable"),
    "a Char of two": (lambda it: Char("no"), InvalidArgumentError, "one character"),
    "a Char of a number": (lambda it: Char(5), ArgumentTypeError, "str"),
}


@pytest.mark.parametrize("call", _CALLS)
def test_arguments_that_a_call_cannot_use(here: Opened, call: str) -> None:
    """Only refused keys and values were an `Error`; other arguments were a plain TypeError or
    ValueError, which for bounds and prefixes did not name the collection.
    """
    function, kind, words = _CALLS[call]
    if call == "column" and arrays.numpy() is None:
        kind, words = MissingPackageError, "pip install numpy"
    with pytest.raises(kind, match=re.escape(words)) as caught:
        function(here)
    assert isinstance(caught.value, Error) and type(caught.value) is kind
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is kind and str(again) == str(caught.value)


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [(option, *case) for option, cases in _OPTIONS.items() for case in cases],
)
def test_options_that_cannot_be(tmp_path: Path, option: str, value: Any, kind: type[Error]) -> None:
    with pytest.raises(kind, match=option):
        Environment(tmp_path / "env", **{option: value})
    assert not (tmp_path / "env").exists()


def test_defaults_that_do_not_fit_the_array(here: Opened) -> None:
    # Without NumPy, the values come in a list, which can contain any default.
    if arrays.numpy() is None:
        assert here.numbers.get_many([2], default="x") == ["x"]
        return
    for default in ("x", [1, 2, 3], NotIterable(), 1e300):
        with pytest.raises(UnstorableError, match="dict 'numbers', default"):
            here.numbers.get_many([1, 2], default=default)


def test_iterators_and_environments_without_a_path_cannot_be_pickled(here: Opened) -> None:
    if sys.implementation.name == "cpython" and type(iter(here.texts)).__module__ != "itertools":
        # An iterator of the accelerator: Python itself refuses.
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(iter(here.texts))
    else:
        with pytest.raises(UnpicklableError, match="iterator"):
            pickle.dumps(iter(here.texts))
    assert issubclass(UnpicklableError, TypeError)
    assert issubclass(UnpicklableError, pickle.PicklingError)


def test_a_date_that_python_cannot_hold(here: Opened) -> None:
    days = PersistentDict[Any, Any](here.env, "days", key=str, value="date")
    raw = PersistentDict[Any, Any](here.env, "raw", key=str, value="i32")
    assert days.value_type == "date" and raw.value_type == "i32"
    from persistent_collections import moments

    with pytest.raises(DateOverflowError, match="years 1 to 9999"):
        moments.from_days(1 << 30)
    with pytest.raises(DateOverflowError, match="years 1 to 9999"):
        moments.from_microseconds((1 << 63) - 1)
    assert moments.from_days(0) == datetime.date(1970, 1, 1)


def test_an_unreadable_item_is_named_by_its_place(here: Opened) -> None:
    """The error for a value that the requested type does not allow did not name its key and its
    collection.
    """
    here.anything["text"] = "word"
    narrow = PersistentDict[Any, Any](here.env, "anything", key=str, value=int)
    reads: list[Callable[[Any], Any]] = [
        lambda d: d["text"],
        lambda d: d.get("text"),
        lambda d: d.setdefault("text", 1),
        lambda d: d.take("text"),
        lambda d: d.pop("text"),
        lambda d: d.popitem(),
        lambda d: d.first(),
        lambda d: d.last(),
        lambda d: d.edit("text").__enter__(),
    ]
    for read in reads:
        with pytest.raises(
            TypeMismatchError, match="dict 'anything', key 'text', value: a stored value is"
        ):
            read(narrow)
    with pytest.raises(TypeMismatchError, match="dict 'anything', key 'text': item 0, value: "):
        narrow.get_many(["text"])
    other = PersistentDict[Any, Any](here.env, "anything", key=int)
    with pytest.raises(TypeMismatchError, match="dict 'anything': a stored "):
        other.first()
    elements = PersistentSet[Any](here.env, "any", element="any")
    elements.add("a")
    for take in (PersistentSet.pop, PersistentSet.first, PersistentSet.last):
        with pytest.raises(TypeMismatchError, match="set 'any': a stored "):
            take(PersistentSet[Any](here.env, "any", element=int))
    assert elements == {"a"} and here.anything == {"text": "word"}


def test_a_stored_item_of_another_type_than_requested_is_named(here: Opened) -> None:
    here.anything["text"] = "word"
    narrow = PersistentDict[Any, Any](here.env, "anything", key=str, value=int)
    with pytest.raises(TypeMismatchError, match="not i64"):
        narrow["text"]


#: Arguments of every kind, each valid for some calls and invalid for others.
_ODD: list[Any] = [
    *(5, -1, 1 << 80, True, float("nan"), -float("inf"), 1j, None, NotIterable, NotIterable()),
    *("x", "\ud800", b"x", b"\0", (), ("a",), ("a", 1, 2), [], [1], [("a",)], ["ab"], [None]),
    *({"a": 1}, {"a": NotIterable()}, frozenset({1}), lambda: 1),
]


def _calls(thing: object) -> Iterator[tuple[str, Callable[..., Any], int, list[str]]]:
    """Yields public methods: the name, the method, its number of arguments, and its keywords."""
    for name in dir(type(thing)):
        operator = name in ("__contains__", "__getitem__", "__setitem__", "__delitem__")
        method = getattr(thing, name, None)
        if not (operator or name[0] != "_") or not callable(method):
            continue
        if name == "close" or (name == "copy" and isinstance(thing, Environment)):
            # `copy` writes to any path.
            continue
        try:
            parameters = inspect.signature(method).parameters.values()
        except ValueError:
            # A method of the accelerator, without a Python signature.
            yield name, method, 2 if name == "__setitem__" else 1, []
            continue
        places = sum(it.kind in (it.POSITIONAL_ONLY, it.POSITIONAL_OR_KEYWORD) for it in parameters)
        some = sum(it.kind == it.VAR_POSITIONAL for it in parameters)
        yield (
            *(name, method, min(places, 2) + min(some, 1)),
            [it.name for it in parameters if it.kind == it.KEYWORD_ONLY],
        )


@pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    "which", ["env", "texts", "numbers", "anything", "set", "range", "part", "keys", "items"]
)
def test_every_method_with_every_kind_of_argument(here: Opened, which: str) -> None:
    """With every argument, a method works, or raises an `Error`. A missing key is Python's
    `KeyError`, and Python itself refuses an unhashable object.
    """
    tried, refused = 0, 0
    for name, method, places, named in _calls(getattr(here, which)):
        for odd in _ODD:
            given = [
                [odd if at == place else "a" for at in range(places)] for place in range(places)
            ]
            calls: list[tuple[list[Any], dict[str, Any]]] = [(each, {}) for each in given]
            calls += [(["a"] * min(places, 1), {word: odd}) for word in named]
            for arguments, words in calls:
                tried += 1
                try:
                    result = method(*arguments, **words)
                    if inspect.iscoroutine(result):
                        # Never awaited: a wait for a commit would have no end.
                        result.close()
                except (Error, KeyError):
                    refused += 1
                except TypeError as error:
                    what = f"{which}.{name}(*{arguments!r}, **{words!r}): {error}"
                    # With a wrong number of arguments, or an unhashable object.
                    assert re.search(
                        r"unhashable|positional argument|takes no arguments", str(error)
                    ), what
    assert tried > 40 and refused >= 8, (tried, refused)
