"""What an import of the package loads: no module that few programs need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import persistent_collections
from persistent_collections import acceleration

#: Modules of the standard library that take long to import, most by what they import themselves.
HEAVY = {
    *("ast", "asyncio", "csv", "dataclasses", "datetime", "decimal", "email", "enum", "fractions"),
    *("html", "inspect", "ipaddress", "json", "logging", "numbers", "pathlib", "pickle"),
    *("platform", "re", "shutil", "socket", "statistics", "subprocess", "sysconfig", "tempfile"),
    *("tokenize", "typing", "unittest", "urllib", "uuid"),
}
#: Those that `ctypes` or the package needs without the accelerator, in some versions of Python.
COMMON = {"array", "collections", "contextlib", "functools", "importlib", "threading", "warnings"}


def loaded(code: str, *arguments: str) -> set[str]:
    """Runs code in a new interpreter, and returns the modules that it has in the end."""
    code += "\nimport sys; print(*sys.modules)"
    source = Path(persistent_collections.__file__).parents[1]
    # Without `site`, and what it loads for other packages of this interpreter.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(source)},
        check=True,
        capture_output=True,
        text=True,
    )
    return set(done.stdout.split())


def test_an_import_loads_little() -> None:
    """`import persistent_collections` took 37 ms, five times as long as starting Python.

    It loaded `dataclasses` with `inspect`, `pathlib`, `pickle`, `platform`, `decimal` and others,
    for records and values that most programs never use.
    """
    found = loaded("import persistent_collections") - loaded("pass")
    assert not found & HEAVY
    assert not found & {"ctypes", "threading", "numpy"}
    files = {name for name in found if name.startswith("persistent_collections.")}
    assert files == {"persistent_collections.errors", "persistent_collections._own_errors"}


@pytest.mark.parametrize("accelerator", ["", "0"])
def test_dicts_and_sets_load_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accelerator: str
) -> None:
    """Classes of the package loaded all modules of the types that values can have."""
    if accelerator:
        monkeypatch.setenv("PERSISTENT_COLLECTIONS_ACCELERATOR", accelerator)
    code = """
import sys
from persistent_collections import Environment, PersistentDict, PersistentSet
with Environment(sys.argv[1]) as env:
    d = PersistentDict[str, int](env, "d")
    d["a"] = 1
    s = PersistentSet[bytes](env, "s")
    s.add(b"a")
    with env.transaction():
        assert d["a"] == 1 and d.get("b") is None and list(d.range("a", None).items()) == [("a", 1)]
        assert b"a" in s and b"b" not in s
"""
    found = loaded(code, str(tmp_path / "e")) - loaded("pass")
    assert not found & HEAVY
    if not accelerator and acceleration.status() == "on" and sys.version_info < (3, 12):
        assert not found & COMMON
    assert "persistent_collections.cbor" not in found and "numpy" not in found


@pytest.mark.parametrize("first", ["typing", "persistent_collections.dict"])
def test_types_of_typing_are_known_whenever_it_is_imported(tmp_path: Path, first: str) -> None:
    """The package does without `typing` until a program imports it."""
    code = f"""
import {first}
import sys
from persistent_collections import Environment, PersistentDict, PersistentSet
with Environment(sys.argv[1]) as env:
    PersistentDict[str, list[int]](env, "lists")["a"] = [1]
    class Ages(PersistentDict[str, int]):
        pass
    assert Ages(env, "ages").value_type == "i64"
    import typing
    K = typing.TypeVar("K")
    def opened(name, value):
        return PersistentDict(env, name, key=K, value=value).value_type
    assert opened("any", typing.Any) == opened("union", typing.Union[int, str]) == "any"
    assert opened("optional", typing.Optional[int]) == opened("lists", list[int]) == "any"
    assert opened("text", str) == "str"
    assert PersistentSet(env, "pairs", element=tuple[str, int]).element_type == "(str,i64)"
from persistent_collections.editing import Edit
from persistent_collections.values import Codec
assert Edit[int].__origin__ is Edit and issubclass(Codec, typing.Protocol)
"""
    loaded(code, str(tmp_path / "e"))


def test_every_name_is_there_without_having_been_used() -> None:
    """Names that are imported with their first use must be found, listed and copied by `*`."""
    code = """
import persistent_collections as package
names = package.__all__
assert set(names) <= set(dir(package))
assert "types" in dir(package) and package.types.parse("i64").width == 8
assert package.Tagged(1, 2) == package.tagged.Tagged(1, 2)
for wrong in ("Nothing", "__wrapped__"):
    assert not hasattr(package, wrong)
found = {}
exec("from persistent_collections import *", found)
assert set(names) <= set(found)
assert found["Environment"] is package.environment.Environment
"""
    loaded(code)
