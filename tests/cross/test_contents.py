"""`tests/README.md` names every file with tests, and only files that exist."""

from __future__ import annotations

import re

from conftest import ROOT

TESTS = ROOT / "tests"
PYTHON = ROOT / "bindings" / "python" / "tests"
JULIA = ROOT / "bindings" / "julia" / "test"
PAGE = (TESTS / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Returns the text below a heading that begins with the title."""
    found = re.search(rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found, title
    return found[1]


def cells(text: str) -> set[str]:
    """Returns the names in the first cell of each row."""
    rows = re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_each_program_and_directory_of_rust_is_named() -> None:
    named = cells(section("`cargo test`"))
    files = {path.name for path in TESTS.glob("*.rs")}
    # Programs that tests in Python run.
    programs = {"driver.rs", "typed_values.rs"}
    directories = {f"{path.parent.name}/" for path in TESTS.glob("*/*.rs") if path.name not in programs}
    assert named == files | directories


def test_each_test_in_c_and_cpp_is_named() -> None:
    assert cells(section("C:")) == {f"c/{path.name}" for path in (TESTS / "c").glob("*.c")}
    helpers = {"main.cpp", "open_handles.cpp"}
    files = {path.name for path in (TESTS / "cpp").iterdir() if path.suffix in {".cpp", ".py"}}
    named = cells(section("C++:"))
    assert named == {f"cpp/{name}" for name in files - helpers} | {"examples/test_examples.py"}


def test_each_test_in_python_across_languages_is_named() -> None:
    named = cells(section("C++:")) | cells(section("Installing:")) | cells(section("Across"))
    files = {str(path.relative_to(TESTS)) for path in TESTS.glob("*/test_*.py")}
    assert {name for name in named if name.endswith(".py")} == files | {"../benches/counts/test_counts.py"}


def test_each_test_of_the_python_package_is_named() -> None:
    named = cells(section("Python:")) - {"test_….py"}
    patterns = [f"test_{name}.py" for name in named]
    found = {path.name: [p for p in patterns if path.match(p)] for path in PYTHON.glob("test_*.py")}
    assert [name for name, matches in found.items() if len(matches) != 1] == []
    assert set(patterns) - {pattern for matches in found.values() for pattern in matches} == set()


def test_each_test_of_the_julia_package_is_named() -> None:
    runtests = (JULIA / "runtests.jl").read_text(encoding="utf-8")
    listed = re.findall(r"^const WITH_\w+ = \[(.*)\]$", runtests, re.M)
    assert len(listed) == 3
    files = set(re.findall(r'"(\w+)"', " ".join(listed))) | {"installing"}
    assert cells(section("Julia:")) - {"….jl"} == files


def test_each_command_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"`make ([a-z-]+)", PAGE))
    assert len(targets) > 10
    assert [
        target for target in targets if not re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.M)
    ] == []
