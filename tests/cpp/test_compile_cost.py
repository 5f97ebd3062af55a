"""A small program compiles fast: the headers add little to the standard headers that they need.

A program that opened a dict and stored one number took 2.0 seconds to compile, a third of it for
standard headers. The rest was for unused functions: a `std::variant` of 17 types with its copies,
comparisons and visits, behind `pc::any_value`, which the program did not use. Later, half of the remaining
time was for `<filesystem>`, `<ranges>` and, in C++20, `<chrono>`, of which the header used a few types.
Times vary between runs; the input and the output of a compiler do not. So this test counts the preprocessed
lines of the header, and the functions in the object file.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: The standard headers that the signatures and members of the public classes need.
NEEDED = ["array", "memory", "optional", "string", "tuple", "variant", "vector"]
UMBRELLA = "#include <persistent_collections.hpp>\n"
SMALL = """
int main() {
    pc::environment env("data");
    pc::dict<std::string, std::int64_t> ages(env, "ages");
    ages.put("Ada", 36);
    return ages.get("Ada") == 36 ? 0 : 1;
}
"""
LARGER = """
int main() {
    pc::environment env("data");
    pc::dict<std::string, pc::any_value> books(env, "books");
    books.put("Emma", 1815);
    return books.get("Emma") == 1815 ? 0 : 1;
}
"""
#: A program reads at most this many times the lines of the standard headers, by the standard: 1.31 and 1.16
#: when this was written.
LINES = {"17": 1.36, "20": 1.21}
#: Headers that take long to compile, and that programs include where they use them. `<chrono>` is a small one
#: in C++17.
LEFT_OUT = {"17": {"filesystem", "iostream", "sstream"}, "20": {"filesystem", "chrono", "ranges", "sstream"}}
#: The functions of the small program: 627, 742, 434 and 523 when this was written.
FUNCTIONS = {("g++", "17"): 720, ("g++", "20"): 850, ("clang++", "17"): 500, ("clang++", "20"): 600}


@pytest.fixture(params=FUNCTIONS, ids=lambda which: f"{which[0]}-{which[1]}")
def which(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param


def compiled(which: tuple[str, str], text: str, *flags: str) -> str:
    compiler, standard = which
    command = [compiler, f"-std=c++{standard}", f"-I{ROOT / 'include'}", *flags, "-x", "c++", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_of(which: tuple[str, str], text: str) -> int:
    """Returns the lines that a compiler reads, without comments."""
    return compiled(which, text, "-E", "-P").count("\n")


def functions_of(which: tuple[str, str], text: str, place: Path) -> list[str]:
    """Returns the functions that a compiler generates without optimisation."""
    compiled(which, text, "-O0", "-c", "-o", str(place / "program.o"))
    listed = subprocess.run(
        ["nm", "-C", str(place / "program.o")], capture_output=True, text=True, check=True
    ).stdout
    return [line[19:] for line in listed.splitlines() if line[17:18] in ("T", "t", "W")]


def read_by(which: tuple[str, str], text: str) -> set[str]:
    """Returns the names of the files that a compiler reads."""
    rule = compiled(which, text, "-M")
    return {Path(name).name for name in rule.replace("\\\n", " ").split()[1:]}


def excess(which: tuple[str, str], text: str) -> str | None:
    """Returns a message if a program reads too many lines, or None."""
    needed = lines_of(which, "".join(f"#include <{name}>\n" for name in NEEDED))
    share = lines_of(which, text) / needed
    most = LINES[which[1]]
    if share <= most:
        return None
    return (
        f"the program reads {share:.2f} times the {needed} lines of <{'>, <'.join(NEEDED)}>, where {most} "
        "is the most: see which standard header was added, or move code out of the headers"
    )


def test_the_header_adds_little_to_the_standard_headers(which: tuple[str, str]) -> None:
    assert excess(which, UMBRELLA) is None


def test_a_standard_header_too_many_is_found(which: tuple[str, str]) -> None:
    said = excess(which, "#include <regex>\n" + UMBRELLA)
    assert said
    assert "times the" in said


def test_the_header_leaves_out_headers_that_take_long_to_compile(which: tuple[str, str]) -> None:
    left_out = LEFT_OUT[which[1]]
    assert read_by(which, UMBRELLA) & left_out == set()
    assert read_by(which, "".join(f"#include <{name}>\n" for name in left_out)) >= left_out


def test_a_small_program_compiles_only_what_it_uses(which: tuple[str, str], tmp_path: Path) -> None:
    functions = functions_of(which, UMBRELLA + SMALL, tmp_path)
    assert any("pc::environment" in name for name in functions)
    unused = [name for name in functions if "any_value" in name or "std::variant" in name]
    assert unused == [], f"{len(unused)} functions of pc::any_value, which the program does not use"
    assert len(functions) <= FUNCTIONS[which], (
        f"the small program has {len(functions)} functions, where {FUNCTIONS[which]} are the most: a "
        "function of the headers that is not a template is compiled with all that it calls, called or not"
    )


def test_functions_of_any_value_are_found(which: tuple[str, str], tmp_path: Path) -> None:
    functions = functions_of(which, UMBRELLA + LARGER, tmp_path)
    assert any("any_value" in name for name in functions)
    assert len(functions) > FUNCTIONS[which]
