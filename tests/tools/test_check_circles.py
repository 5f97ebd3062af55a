"""tools/check-circles on small trees: what is a circle, and what is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "tools" / "check-circles"


def check(tree: Path, files: dict[str, str]) -> tuple[int, str]:
    """Writes the files, and returns the program's status and what it printed."""
    for name, source in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tree)], capture_output=True, text=True, check=False, cwd=tree
    )
    return done.returncode, done.stdout + done.stderr


#: Files, and the lines that name what ties their circle; none where there is no circle.
PYTHON = {
    "one direction": (
        {"p/__init__.py": "from .a import A", "p/a.py": "from .b import B\nA = B", "p/b.py": "B = 1"},
        [],
    ),
    "two files": (
        {"p/__init__.py": "", "p/a.py": "from .b import B\nA = B", "p/b.py": "from .a import A\nB = 1"},
        ["p/a.py -> p/b.py: B", "p/b.py -> p/a.py: A"],
    ),
    "three files": (
        {
            "p/__init__.py": "",
            "p/a.py": "from . import b",
            "p/b.py": "import p.c",
            "p/c.py": "from p.a import A",
        },
        ["p/a.py -> p/b.py: b", "p/b.py -> p/c.py: c", "p/c.py -> p/a.py: A"],
    ),
    "types alone": (
        {
            "p/__init__.py": "",
            "p/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .b import B",
            "p/b.py": "from .a import A",
        },
        ["p/a.py -> p/b.py: B", "p/b.py -> p/a.py: A"],
    ),
    "hidden in a function": (
        {
            "p/__init__.py": "",
            "p/a.py": "def f():\n    from . import b\n    return b",
            "p/b.py": "from .a import f",
        },
        ["p/a.py -> p/b.py: b", "p/b.py -> p/a.py: f"],
    ),
    "by the name as a text": (
        {
            "p/__init__.py": "",
            "p/a.py": "import importlib\nb = importlib.import_module('.b', __package__)",
            "p/b.py": "from .a import A",
        },
        ["p/a.py -> p/b.py: b", "p/b.py -> p/a.py: A"],
    ),
    "passed on by an __init__": (
        {
            "p/__init__.py": "from .a import A\nfrom .b import *",
            "p/a.py": "from . import B\nA = B",
            "p/b.py": "from p import A\nB = 1",
        },
        ["p/a.py -> p/b.py: B", "p/b.py -> p/a.py: A"],
    ),
    "an __init__ that passes all on": (
        {
            "p/__init__.py": "from .a import A\nfrom .b import B",
            "p/a.py": "A = 1",
            "p/b.py": "from . import A\nB = A",
        },
        [],
    ),
    "passed on by two __init__s": (
        {
            "p/__init__.py": "from .q import B as C",
            "p/q/__init__.py": "from .b import B",
            "p/q/b.py": "from ..a import A\nB = 1",
            "p/a.py": "from . import C\nA = 1",
        },
        ["p/a.py -> p/q/b.py: C", "p/q/b.py -> p/a.py: A"],
    ),
    "what an __init__ defines": (
        {"p/__init__.py": "from .a import A\nVERSION = '1'", "p/a.py": "from . import VERSION\nA = 1"},
        ["p/__init__.py -> p/a.py: A", "p/a.py -> p/__init__.py: VERSION"],
    ),
    "two packages": (
        {"p/__init__.py": "import q", "q/__init__.py": "import os", "os.py": "import q"},
        [],
    ),
}

_CARGO = {"Cargo.toml": "[package]"}
RUST = {
    "one direction": (
        {"src/lib.rs": "mod a; mod b;", "src/a.rs": "use crate::b::B;", "src/b.rs": "pub struct B;"},
        [],
    ),
    "two files": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "use crate::b::B; pub struct A;",
            "src/b.rs": "use super::a::{A}; pub struct B;",
        },
        ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: A"],
    ),
    "a path in the code": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "pub fn f() { crate::b::g::<u8>() }",
            "src/b.rs": "use crate::a; pub fn g<T>() { a::f() }",
        },
        ["src/a.rs -> src/b.rs: g", "src/b.rs -> src/a.rs: f"],
    ),
    "passed on by the parent": (
        {
            "src/lib.rs": "mod a; mod b; pub use a::A; pub use crate::b::*;",
            "src/a.rs": "use crate::B as Other; pub struct A;",
            "src/b.rs": "use crate::A; pub struct B;",
        },
        ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: A"],
    ),
    "a parent and its children": (
        {
            "src/lib.rs": "mod a; pub struct Shared; fn f() -> a::A { a::A }",
            "src/a.rs": "mod c; use super::Shared; use c::C; pub struct A;",
            "src/a/c.rs": "use super::A; pub struct C; mod inner { use super::super::A; }",
        },
        [],
    ),
    "a parent and its grandchildren": (
        {
            "src/lib.rs": "mod a;",
            "src/a/mod.rs": "mod b; pub struct Shared(b::c::C);",
            "src/a/b/mod.rs": "pub mod c;",
            "src/a/b/c.rs": "use crate::a::Shared; pub struct C; fn f(it: super::super::Shared) {}",
        },
        [],
    ),
    "a child and what uses its parent": (
        {
            "src/lib.rs": "mod p; mod d;",
            "src/p/mod.rs": "mod c; use c::C; pub struct P;",
            "src/p/c.rs": "use crate::d::D; pub struct C;",
            "src/d.rs": "use crate::p::P; pub struct D;",
        },
        ["src/d.rs -> src/p/mod.rs: P", "src/p/c.rs -> src/d.rs: D", "src/p/mod.rs -> src/p/c.rs: C"],
    ),
    "siblings under a parent": (
        {
            "src/lib.rs": "mod p;",
            "src/p/mod.rs": "mod c; mod d;",
            "src/p/c.rs": "use super::d::{self, D}; fn f() { d::g() } pub struct C;",
            "src/p/d.rs": "fn f(c: super::c::C) {} pub struct D; pub fn g() {}",
        },
        ["src/p/c.rs -> src/p/d.rs: D, g", "src/p/d.rs -> src/p/c.rs: C"],
    ),
    "words in comments and texts": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "use crate::b::B; pub struct A<'a>(&'a u8, char); const C: char = '\"';",
            "src/b.rs": "// use crate::a::A;\n/* /* */ crate::a::A */\n"
            'pub const B: &str = r#"crate::a::"A"#;',
        },
        [],
    ),
    "tests inside of a file": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "use crate::b::B; pub struct A;",
            "src/b.rs": "pub struct B; #[cfg(test)] mod tests { use crate::a::A; fn f() { if true { A; } } }",
        },
        [],
    ),
    "tests of one configuration": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "use crate::b::B; pub struct A;",
            "src/b.rs": 'pub struct B; #[cfg(all(test, not(feature = "x")))] mod tests { use crate::a::A; }',
        },
        [],
    ),
    "a module inside of a file": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "pub mod inner { use super::super::b::B; pub struct A; }",
            "src/b.rs": "use crate::a::inner::A; pub struct B;",
        },
        ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: A"],
    ),
    "a path to the file": (
        {
            "src/lib.rs": '#[path = "x/other.rs"] mod a; mod b;',
            "src/x/other.rs": "use crate::b::B; pub struct A;",
            "src/b.rs": "use crate::a::A; pub struct B;",
        },
        ["src/b.rs -> src/x/other.rs: A", "src/x/other.rs -> src/b.rs: B"],
    ),
    "a macro that its file passes on": (
        {
            "src/lib.rs": "mod a; mod b;",
            "src/a.rs": "macro_rules! a { () => { $crate::b::B } } pub(crate) use a;",
            "src/b.rs": "use crate::a::a; pub struct B; fn f() { a!(); }",
        },
        ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: a"],
    ),
    "a macro": (
        {
            "src/lib.rs": "#[macro_use] mod a; mod b;",
            "src/a.rs": "macro_rules! m { () => { $crate::b::B } }",
            "src/b.rs": "pub struct B; fn f() { m!(); }",
        },
        ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/a.rs: m"],
    ),
}


@pytest.mark.parametrize("case", PYTHON)
def test_python(tmp_path: Path, case: str) -> None:
    files, ties = PYTHON[case]
    expect(check(tmp_path, files), ties)


@pytest.mark.parametrize("case", RUST)
def test_rust(tmp_path: Path, case: str) -> None:
    files, ties = RUST[case]
    expect(check(tmp_path, {**_CARGO, **files}), ties)


def expect(answer: tuple[int, str], ties: list[str]) -> None:
    """Compares what was printed with the ties of the circle."""
    status, printed = answer
    assert [line.strip() for line in printed.splitlines() if "->" in line] == sorted(ties), printed
    assert status == (1 if ties else 0), printed
    files = {end for tie in ties for end in tie.split(":")[0].split(" -> ")}
    assert not ties or f"a circle of {len(files)} files:" in printed


def test_nothing_to_look_at(tmp_path: Path) -> None:
    """A directory that was moved must not let the check pass."""
    assert check(tmp_path, {"README.md": ""})[0] == 2
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path / "missing")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "not a directory" in done.stderr


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    status, printed = check(tmp_path, {"p/__init__.py": "from . import a", "p/a.py": "def"})
    assert status == 2 and "a.py" in printed
    status, printed = check(tmp_path / "crate", {"src/lib.rs": "mod none;"})
    assert status == 2 and "none" in printed
