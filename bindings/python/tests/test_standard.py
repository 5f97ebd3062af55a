"""Runs CPython's own tests of dicts and sets with the persistent ones.

Each test that differs says why persistence does not allow it. Two differences are everywhere: a
persistent collection is made with an environment and a name (`Fresh` supplies them here), and it
holds values, not objects: keys are numbers, texts, bytes, UUIDs and tuples of them.
"""

from __future__ import annotations

import pickle
import tempfile
import unittest
from typing import Any, ClassVar

import pytest

try:
    from test import mapping_tests, test_set
except ImportError as error:
    raise RuntimeError(
        "the standard library's package `test`, which this Python comes without, is needed here; "
        "on Debian it is in libpython3.N-testsuite"
    ) from error

from persistent_collections import Environment, PersistentDict, PersistentSet


class _Fresh:
    """Creates a new collection for each construction."""

    directory: ClassVar[tempfile.TemporaryDirectory[str] | None] = None
    env: ClassVar[Environment]
    made: ClassVar[int] = 0

    @classmethod
    def begin(cls) -> None:
        _Fresh.directory = tempfile.TemporaryDirectory()
        _Fresh.env = Environment(_Fresh.directory.name, durability="none", max_collections=10_000)

    @classmethod
    def end(cls) -> None:
        _Fresh.env.close()
        assert _Fresh.directory is not None
        _Fresh.directory.cleanup()

    @classmethod
    def name(cls) -> str:
        _Fresh.made += 1
        return f"collection {_Fresh.made}"


class FreshDict(PersistentDict[Any, Any]):
    def __init__(self, other: Any = (), /, **named: Any) -> None:
        super().__init__(_Fresh.env, _Fresh.name())
        self.update(other, **named)


class FreshSet(PersistentSet[Any]):
    def __init__(self, elements: Any = ()) -> None:
        if hasattr(self, "_held"):
            # Like set's, which can be called again.
            self.clear()
        else:
            super().__init__(_Fresh.env, _Fresh.name())
        self.update(elements)


@pytest.fixture(autouse=True)
def _environment() -> Any:
    _Fresh.begin()
    yield
    _Fresh.end()


class NoKey:
    """Cannot be a key."""


class TestMapping(mapping_tests.TestHashMappingProtocol):
    type2test = FreshDict

    def test_fromkeys(self) -> None:
        # It needs an environment and a name, so a class cannot replace it.
        def fresh(*arguments: Any) -> Any:
            return PersistentDict.fromkeys(_Fresh.env, _Fresh.name(), *arguments)

        assert fresh("abc") == {"a": None, "b": None, "c": None}
        assert fresh((4, 5), 0) == {4: 0, 5: 0} and fresh([]) == {}
        assert fresh(n for n in (1,)) == {1: None}
        with pytest.raises(TypeError):
            fresh(3)
        with pytest.raises(TypeError):
            fresh()
        typed: Any = PersistentDict[str, int].fromkeys(_Fresh.env, "typed", ["a"], 1)
        assert (typed.key_type, typed.value_type, dict(typed)) == ("str", "i64", {"a": 1})

        class Mine(PersistentDict[Any, Any]):
            pass

        assert type(Mine.fromkeys(_Fresh.env, _Fresh.name(), "a")) is Mine

    def test_copy(self) -> None:
        # A copy is a plain dict: another persistent one would need a name.
        d = self._full_mapping({1: 1, 2: 2, 3: 3})
        assert d.copy() == {1: 1, 2: 2, 3: 3} and type(d.copy()) is dict
        assert self._empty_mapping().copy() == {}
        self.assertRaises(TypeError, d.copy, None)

    def test_setdefault(self) -> None:
        # It returns a copy of the value; changing that does not change the stored value.
        mapping_tests.BasicTestMappingProtocol.test_setdefault(self)
        d = self._empty_mapping()
        assert d.setdefault("key0") is None
        d.setdefault("key0", [])
        assert d.setdefault("key0") is None
        d.setdefault("key", []).append(3)
        assert d["key"] == []
        with d.edit("key") as value:
            value.append(3)
        assert d["key"] == [3]
        self._refuses(lambda: d.setdefault(NoKey(), []))

    def _refuses(self, store: Any) -> None:
        with pytest.raises(TypeError, match="NoKey"):
            store()

    def test_getitem(self) -> None:
        # Objects with their own hash and equality cannot be keys.
        mapping_tests.TestMappingProtocol.test_getitem(self)
        d = self._empty_mapping()
        self._refuses(lambda: d.__setitem__(NoKey(), 42))
        self.assertRaises(KeyError, d.__getitem__, NoKey())

    def test_pop(self) -> None:
        # As above.
        mapping_tests.TestMappingProtocol.test_pop(self)
        self.assertRaises(KeyError, self._empty_mapping().pop, NoKey())

    def test_eq(self) -> None:
        # As above.
        assert self._empty_mapping() == self._empty_mapping()
        assert self._full_mapping({1: 2}) == self._full_mapping({1: 2})
        assert self._full_mapping({1: 2}) != self._full_mapping({1: 3})
        self._refuses(lambda: self._full_mapping({NoKey(): 1}))

    def test_repr(self) -> None:
        # It may be large: its repr has its name and types.
        d = self._empty_mapping()
        d[1] = 2
        assert repr(d) == f"FreshDict({d.name!r}, key='any', value='any')"

    def test_repr_deep(self) -> None:
        # A dict is copied when it is stored as a value, so it cannot hold itself.
        d = self._full_mapping({1: 2})
        d[2] = d
        assert d == {1: 2, 2: {1: 2}}


class TestSet(test_set.TestSet):
    thetype = FreshSet
    basetype = set

    def _refuses(self, store: Any) -> None:
        with pytest.raises(TypeError, match="a key of type any"):
            store()

    def test_contains(self) -> None:
        # An object that cannot be in it is not in it, without a TypeError. Sets cannot hold sets.
        for c in self.letters:
            assert (c in self.s) == (c in self.d)
        assert [[]] not in self.s and frozenset("a") not in self.s
        self._refuses(lambda: self.thetype([frozenset(self.letters)]))

    def test_remove(self) -> None:
        # As above.
        self.s.remove("a")
        assert "a" not in self.s
        for absent in ("Q", [], frozenset(self.word)):
            self.assertRaises(KeyError, self.s.remove, absent)

    def test_discard(self) -> None:
        # As above.
        self.s.discard("a")
        assert "a" not in self.s
        for absent in ("Q", [], frozenset(self.word)):
            self.s.discard(absent)

    def test_difference_update(self) -> None:
        # As above: removing an object that cannot be in it does nothing.
        self.s.difference_update([[]])
        assert self.s == set(self.word)
        self.s.difference_update(self.otherword)
        assert self.s == set(self.word) - set(self.otherword)
        self.assertRaises(test_set.PassThru, self.s.difference_update, test_set.check_pass_thru())
        self.assertRaises(TypeError, self.s.symmetric_difference_update, [[]])
        for p, q in (("cdc", "ab"), ("efgfe", "abc"), ("ccb", "a"), ("ef", "abc")):
            for kind in set, frozenset, dict.fromkeys, str, list, tuple, self.thetype:
                s = self.thetype("abcba")
                assert s.difference_update(kind(p)) is None and s == set(q)
                s = self.thetype("abcdefghih")
                s.difference_update()
                assert s == self.thetype("abcdefghih")
                s.difference_update(kind("cdc"), kind("aba"))
                assert s == self.thetype("efghih")

    def test_setOfFrozensets(self) -> None:  # noqa: N802
        # No sets of sets.
        self._refuses(lambda: self.thetype(map(frozenset, ["abcdef", "bcd"])))

    def test_badcmp(self) -> None:
        # Elements are values, so their own `__eq__` is not called.
        self._refuses(lambda: self.thetype([test_set.BadCmp()]))
        self._refuses(lambda: self.s.add(test_set.BadCmp()))
        assert test_set.BadCmp() not in self.s

    def test_deepcopy(self) -> None:
        # As above; a copy is a plain set.
        import copy

        for dup in (copy.copy(self.s), copy.deepcopy(self.s)):
            assert dup == self.s and type(dup) is set

    def test_cyclical_repr(self) -> None:
        # Its repr has its name and type.
        assert repr(self.s) == f"FreshSet({self.s.name!r}, element='any')"

    # Python 3.9 has this test as well.
    test_cyclical_print = test_cyclical_repr

    def test_pickling(self) -> None:
        # A pickle has only its place.
        s: PersistentSet[Any] = PersistentSet(_Fresh.env, self.s.name)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            dup = pickle.loads(pickle.dumps(s, protocol))
            assert dup == s == self.s and dup.name == s.name
            dup.environment.close()

    def test_iterator_pickling(self) -> None:
        # An iterator holds a snapshot of this process.
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(iter(self.s))

    # This tests the C API of set, in a debug build.
    test_c_api = None


def _persistent(kind: type[unittest.TestCase]) -> type[unittest.TestCase]:
    """The tests of a class of `test_set`, with its sets made persistent."""

    class Persistent(kind):  # type: ignore[valid-type,misc]
        def setUp(self) -> None:
            super().setUp()
            for name in ("set", "left", "right"):
                plain = getattr(self, name, None)
                if isinstance(plain, set):
                    setattr(self, name, FreshSet(plain))
            if isinstance(getattr(self, "dup", None), set):
                self.dup = FreshSet(self.dup)

        def test_repr(self) -> None:
            # Its repr has its name and type.
            assert repr(getattr(self, "set", self)) != ""

        def test_pickling(self) -> None:
            # The same as in `TestSet`.
            again = pickle.loads(
                pickle.dumps(PersistentSet(_Fresh.env, self.set.name))  # type: ignore[has-type]
            )
            assert again == self.set  # type: ignore[has-type]
            again.environment.close()

        def test_iteration(self) -> None:
            # Iterators have no length hint.
            assert all(element in self.values for element in self.set)
            assert sorted(map(repr, self.set)) == sorted(map(repr, self.values))

        def test_copy(self) -> None:
            # Equal elements, which are not the same objects.
            dup = self.set.copy()
            assert dup == self.set and type(dup) is set and dup is not self.set

    Persistent.__name__ = Persistent.__qualname__ = f"Test{kind.__name__[4:]}Persistent"
    for differing in ("test_repr", "test_pickling", "test_iteration", "test_copy"):
        if not hasattr(kind, differing):
            delattr(Persistent, differing)
    return Persistent


for _kind in vars(test_set).copy().values():
    if (
        isinstance(_kind, type)
        and issubclass(_kind, unittest.TestCase)
        and _kind.__name__.startswith(
            ("TestBasicOps", "TestBinaryOps", "TestUpdateOps", "TestMutate", "TestSubset")
            + ("TestOnlySets", "TestCopying", "TestIdentities")
        )
        # A persistent set does not support sets that change during a comparison, a function as an
        # element, or a list of lists.
        and "Mutating" not in _kind.__name__
        and _kind.__name__ not in ("TestBasicOpsTriple", "TestCopyingNested")
    ):
        globals()[f"{_kind.__name__}Persistent"] = _persistent(_kind)
del _kind
