"""The C++ examples in the documentation compile without a warning, run, and print the documented output.

In the header's comments, an example is the body of a function with a parameter `env`, an environment, unless
it opens one itself. One with a `main` is a whole program, like all in README.md and docs/cpp.md. Comments
after `// prints:` have the output of an example.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "target" / "release"
INCLUDES = ["persistent_collections.hpp", "cassert", "cstdint", "iostream", "numeric", "string"]
HEADERS = [
    ROOT / "include" / "persistent_collections.hpp",
    *ROOT.glob("include/persistent_collections/*.hpp"),
]


def examples(path: Path) -> list[tuple[str, str]]:
    """Returns each example of a file, named by its place."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".hpp":
        text = re.sub(r"^[ \t]*/// ?", "", text, flags=re.M)
    return [
        (f"{path.name}:{text.count(chr(10), 0, block.start()) + 1}", block[1])
        for block in re.finditer(r"^```cpp\n(.*?)^```$", text, re.M | re.S)
    ]


ALL = [
    example
    for path in (*sorted(HEADERS), ROOT / "README.md", ROOT / "docs" / "cpp.md")
    for example in examples(path)
]
PROGRAMS = {name: text for name, text in ALL if "int main(" in text}
INSIDES = {name: text for name, text in ALL if "int main(" not in text}


def expected(text: str) -> list[str]:
    """Returns the documented output of an example."""
    said = re.search(r"^\s*// prints:\n((?:\s*//[^\n]*\n)+)", text, re.M)
    return [re.sub(r"^\s*// ?", "", line) for line in said[1].splitlines()] if said else []


def build(text: str, place: Path) -> Path:
    source, program = place / "example.cpp", place / "example"
    source.write_text(text, encoding="utf-8")
    flags = [
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-pedantic",
        "-Werror",
        f"-I{ROOT / 'include'}",
    ]
    link = [f"-L{LIBRARY}", f"-Wl,-rpath,{LIBRARY}", "-lpersistent_collections", "-lpthread"]
    command = [os.environ.get("CXX", "c++"), *flags, str(source), "-o", str(program), *link]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, place: Path, *arguments: str) -> list[str]:
    place.mkdir(exist_ok=True)
    done = subprocess.run([program, *arguments], cwd=place, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(name: str, tmp_path: Path) -> None:
    text = PROGRAMS[name]
    if "#include" not in text:
        text = "".join(f"#include <{header}>\n" for header in INCLUDES) + text
    assert run(build(text, tmp_path), tmp_path) == expected(text)


@pytest.fixture(scope="module")
def insides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds one program with all examples that are function bodies; its argument selects the one to run."""
    parts = [f"#include <{header}>\n" for header in INCLUDES]
    choices = []
    for at, (name, text) in enumerate(INSIDES.items()):
        file, line = name.split(":")
        opened = "" if "pc::environment env(" in text else 'pc::environment env("data");\n'
        parts.append(f'static void example_{at}() {{\n{opened}#line {int(line) + 1} "{file}"\n{text}}}\n')
        choices.append(f"case {at}: example_{at}(); break;\n")
    chosen = "".join(choices)
    parts.append(f"int main(int, char **argv) {{ switch (std::stoi(argv[1])) {{\n{chosen}}} }}\n")
    return build("".join(parts), tmp_path_factory.mktemp("insides"))


@pytest.mark.parametrize("name", INSIDES)
def test_an_example_in_the_header_runs(name: str, insides: Path, tmp_path: Path) -> None:
    printed = run(insides, tmp_path, str(list(INSIDES).index(name)))
    text = INSIDES[name]
    assert "assert(" in text or printed, "an example shows what it comes to"
    if expected(text) or "assert(" not in text:
        assert printed == expected(text)


def test_there_are_examples_where_they_are_looked_for() -> None:
    where = {name.split(":")[0] for name, _ in ALL}
    assert {"README.md", "cpp.md", "persistent_collections.hpp", "dict.hpp", "set.hpp"} <= where
    # Each class that programs create objects of has one.
    for path in HEADERS:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"^class \[\[nodiscard\]\] (\w+)|> class \[\[nodiscard\]\] (\w+)", text, re.M):
            assert examples(path), f"{path.name} has no example of {name}"


@pytest.mark.parametrize("header", HEADERS, ids=[path.name for path in HEADERS])
def test_each_header_compiles_alone(header: Path) -> None:
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-fsyntax-only"]
    command = [os.environ.get("CXX", "c++"), *flags, "-x", "c++", "-include", str(header), "/dev/null"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
