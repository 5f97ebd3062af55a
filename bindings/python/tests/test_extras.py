"""Codecs, notebooks, the check, copies, and types that do not fit a class."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from persistent_collections import (
    CorruptedError,
    Environment,
    PersistentDict,
    PersistentSet,
    TypeMismatchError,
)


class Pickled:
    """A user's codec with pickle."""

    def encode(self, value: Any) -> bytes:
        return pickle.dumps(value)

    def decode(self, data: bytes) -> Any:
        return pickle.loads(data)


class Point:
    def __init__(self, x: int) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x


class Ages(PersistentDict[str, int]):
    pass


class Younger(Ages):
    pass


class Names(PersistentSet[str]):
    pass


class Points(PersistentDict[str, Point]):
    pass


def test_a_codec(env: Environment) -> None:
    points: PersistentDict[str, Any] = PersistentDict(env, "p", key=str, codec=Pickled())
    points["a"] = Point(1)
    points.update(b=Point(2), c=Point(3))
    assert points["a"] == Point(1) and points.value_type == "bytes"
    assert list(points.values()) == [Point(1), Point(2), Point(3)]
    assert points.get_many(["c", "a"]) == [Point(3), Point(1)]
    with points.edit("a") as point:
        point.x = 5
    assert points.pop("a") == Point(5) and points.setdefault("d", Point(4)) == Point(4)
    assert points.compare_exchange("d", Point(4), Point(9)) and points.last() == ("d", Point(9))
    again = pickle.loads(pickle.dumps(points))
    assert again == points
    again.environment.close()
    # Without the codec, the values are bytes.
    plain = PersistentDict[str, bytes](env, "p")
    assert pickle.loads(plain["b"]) == Point(2)


def test_no_pickle_without_a_codec(env: Environment) -> None:
    anything: PersistentDict[Any, Any] = PersistentDict(env, "a")
    with pytest.raises(TypeError, match="value: Point cannot be stored"):
        anything["p"] = Point(1)
    with pytest.raises(TypeError, match=r"value\['list'\]\[1\]: Point cannot be stored"):
        anything["p"] = {"list": [0, Point(1)]}


def test_objects_that_are_not_codecs(env: Environment) -> None:
    class Half:
        def encode(self, value: Any) -> bytes:
            return b""

    class Wrong(Pickled):
        def encode(self, value: Any) -> Any:
            return "text"

    with pytest.raises(TypeError, match="Half is not a codec: it has no decode"):
        PersistentDict(env, "h", codec=Half())  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="values are bytes, not str"):
        PersistentDict(env, "s", key=str, value=str, codec=Pickled())
    assert env.collections() == []
    PersistentDict(env, "n", key=str, value=int)
    with pytest.raises(TypeMismatchError):
        PersistentDict(env, "n", key=str, codec=Pickled())
    wrong: PersistentDict[str, Any] = PersistentDict(env, "w", key=str, codec=Wrong())
    with pytest.raises(TypeError, match="returned str, not bytes"):
        wrong["a"] = 1
    with pytest.raises(TypeError, match="item 0, value: .*returned str"):
        wrong.update(a=1)


def test_a_table_for_notebooks(env: Environment) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "<d>")
    d.update((n, f"<b>{n}</b>" + "x" * 1000) for n in range(25))
    shown = d._repr_html_()
    assert shown.count("<tr>") == 12 and "… 15 more" in shown
    assert "&lt;b&gt;3&lt;/b&gt;" in shown and "<b>" not in shown and "&lt;d&gt;" in shown
    assert len(shown) < 3000
    assert "… more" in d.range(5, None)._repr_html_()
    assert "more" not in d.range(20, None)._repr_html_()
    s = PersistentSet[str](env, "s")
    s.update("abc")
    assert s._repr_html_().count("<td>") == 3 and "more" not in s._repr_html_()
    assert "&#x27;b&#x27;" in s.prefix("b")._repr_html_()
    rows: PersistentDict[int, Any] = PersistentDict(env, "rows", key=int, value="f32[768]")
    rows[1] = np.zeros(768)
    assert "array(" in rows._repr_html_() and len(rows._repr_html_()) < 1000
    assert "&lt;d&gt;" in env._repr_html_() and "f32[768]" in env._repr_html_()
    d.close()
    assert "closed" in d._repr_html_()
    env.close()
    assert "closed" in env._repr_html_() and "closed" in s._repr_html_()


def test_a_check(env: Environment) -> None:
    PersistentDict[int, int](env, "d").update((n, n) for n in range(1000))
    report = env.check()
    assert report.pages == report.used + report.free + report.lost and report.used > 3
    assert report.collections == 1
    with env.transaction():
        assert env.check() == report


def test_a_check_of_a_damaged_file(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[int, int](env, "d").update((n, n) for n in range(10_000))
        page = env.info().page_size
    data = bytearray((tmp_path / "e" / "data.mdb").read_bytes())
    # The kind of the page with a key.
    at = data.index((2**63 + 5000).to_bytes(8, "big"))
    data[at // page * page + 10] ^= 0xFF
    (tmp_path / "e" / "data.mdb").write_bytes(data)
    with Environment(tmp_path / "e") as env, pytest.raises(CorruptedError, match="page"):
        env.check()
    with pytest.raises(CorruptedError, match="page"):
        Environment(tmp_path / "e", check_on_open=True)


def test_copies(env: Environment) -> None:
    d: PersistentDict[Any, Any] = PersistentDict(env, "d")
    s = PersistentSet[int](env, "s")
    d["list"] = [1]
    s.add(1)
    for made in (copy.copy(d), copy.deepcopy(d), d.copy()):
        assert type(made) is dict and made == {"list": [1]}
        made["list"].append(2)
    assert d["list"] == [1]
    assert type(copy.copy(s)) is set and copy.deepcopy(s) == {1}
    assert copy.copy(env) is env and copy.deepcopy({"env": env})["env"] is env


def test_deep_copies_of_a_part_are_plain(env: Environment) -> None:
    d = PersistentDict[str, int](env, "d")
    s = PersistentSet[int](env, "s")
    d.update(a=1, b=2)
    s.update([1, 2])
    part = copy.deepcopy(d.range("a", "b"))
    assert type(part) is dict and part == {"a": 1}
    assert type(copy.deepcopy(s.range(2))) is set and copy.deepcopy(s.range(2)) == {2}
    for source in (d, d.range()):
        assert copy.deepcopy(source.keys()) == {"a", "b"}
        assert list(copy.deepcopy(source.values())) == [1, 2]
        assert list(copy.deepcopy(source.items())) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("types", [(str, int), (str, int, int)])
def test_types_that_do_not_fit_the_class(types: Any) -> None:
    with pytest.raises(
        TypeError, match=r"PersistentSet\[...\] takes element, not . types; a tuple"
    ):
        PersistentSet[types]
    with pytest.raises(TypeError, match="takes key and value, not 1 types"):
        PersistentDict[str]  # type: ignore[type-arg,misc]
    assert PersistentSet[tuple[str, int]].__args__ == (tuple[str, int],)


def test_a_subclass_has_the_types_of_its_base(env: Environment) -> None:
    for index, kind in enumerate((Ages, Younger)):
        ages = kind(env, f"ages {index}")
        assert (ages.key_type, ages.value_type) == ("str", "i64")
        again = pickle.loads(pickle.dumps(ages))
        assert type(again) is kind
        again.environment.close()
    assert Names(env, "names").element_type == "str"
    assert Ages(env, "narrow", value="u8").value_type == "u8"


def test_a_codec_decides_the_values_whatever_the_type_arguments(env: Environment) -> None:
    for kind in (PersistentDict[str, Point], PersistentDict[str, Any], Points):
        points: Any = kind(env, "points", codec=Pickled())
        points["a"] = Point(1)
        assert points["a"] == Point(1) and points.value_type == "bytes"


def test_fromkeys(env: Environment) -> None:
    counts = PersistentDict[str, int].fromkeys(env, "counts", ["b", "a"], 0)
    assert (counts.key_type, counts.value_type) == ("str", "i64")
    counts["a"] = 5
    assert PersistentDict.fromkeys(env, "counts", "c", 1) == {"a": 5, "b": 0, "c": 1}
    with pytest.raises(TypeError, match="item 1, key"):
        PersistentDict[str, int].fromkeys(env, "counts", ["x", 5], 0)
    assert "x" not in counts


def test_bulk_calls_of_sets(tmp_path: Path, env: Environment) -> None:
    def make(name: str, elements: Any) -> PersistentSet[int]:
        made = PersistentSet[int](env, name)
        made.clear()
        made.update(elements)
        return made

    many = range(10_000)
    a, b, c = make("a", many), make("b", many[::2]), make("c", many[::3])
    assert a.intersection(b, c) == set(many[::6]) == b & c
    assert a.difference(b, c) == set(many) - set(many[::2]) - set(many[::3])
    assert b - a == set() and a - a == set() and (a & a) == set(many)
    assert b <= a and b < a and not a <= b and a >= b and a > b and not a < a and a <= a
    assert a != b and a == make("d", many)
    with Environment(tmp_path / "other") as other:
        elsewhere = PersistentSet[int](other, "e")
        elsewhere.update(many[::5])
        assert elsewhere <= a and a & elsewhere == set(many[::5])
        a.intersection_update(b, elsewhere)
        assert a == set(many[::10])
        b.difference_update(elsewhere, c)
        assert b == set(many[::2]) - set(many[::5]) - set(many[::3])
        c.update(b, elsewhere, [1, 2])
        c ^= elsewhere
    # All are removed, or none.
    with pytest.raises(TypeError):
        a.update(b, ["text"])  # type: ignore[list-item]
    assert a == set(many[::10])
    a.update()
    a.difference_update()
    a.intersection_update()
    assert a == set(many[::10])
