"""Types that cannot be stored do not compile, and the message names what to use instead.

Each program that must fail has a twin that differs only in the fault, and compiles.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILERS = {"g++": ["g++"], "clang++": ["clang++", "-ferror-limit=0"]}

TYPES = """
#include <map>
#include <memory>
struct plain { int x; };
struct marked { int x; };
struct with_float { float x; };
struct with_text { std::string x; };
template <> struct pc::is_opaque<marked> : std::true_type {};
template <> struct pc::is_opaque<with_float> : std::true_type {};
"""

# The failing code, its passing twin, and the expected message. `dict<K, V>` stands for opening a dict.
REFUSED = {
    "const char * as a key": ("dict<const char *, int>", "dict<std::string, int>", "use std::string"),
    "const char * as a value": ("dict<int, const char *>", "dict<int, std::string>", "use std::string"),
    "a pointer": ("dict<int, double *>", "dict<int, double>", "store what it points to"),
    "a smart pointer": ("dict<int, std::unique_ptr<int>>", "dict<int, int>", "this type cannot be stored"),
    "an optional": (
        "dict<int, std::optional<int>>",
        "dict<int, pc::any_value>",
        "leave the key out where there is no",
    ),
    "a time point": (
        "dict<int, std::chrono::system_clock::time_point>",
        "dict<int, pc::datetime>",
        "use pc::datetime",
    ),
    "a duration as a key": ("set<std::chrono::seconds>", "set<std::int64_t>", "or an integer"),
    "a struct": ("dict<int, plain>", "dict<int, marked>", "specialise pc::is_opaque"),
    "a struct that is not trivially copyable": (
        "dict<int, with_text>",
        "dict<int, marked>",
        "cannot be stored",
    ),
    "a struct with floats as a key": (
        "set<with_float>",
        "dict<int, with_float>",
        "padding or floating-point",
    ),
    "a char": ("dict<char, int>", "dict<signed char, int>", "use std::string for text"),
    "a long double": ("dict<int, long double>", "dict<int, double>", "use double"),
    "a duration where a number is stored": (
        "dict<int, std::int64_t> a(env, {name}); a.put(1, std::chrono::seconds(5));",
        "dict<int, std::int64_t> a(env, {name}); a.put(1, std::chrono::seconds(5).count());",
        "cannot convert|could not convert|no matching|no viable|no known",
    ),
    "a pointer where a bool is stored": (
        'dict<int, bool> a(env, {name}); a.put(1, "yes");',
        "dict<int, bool> a(env, {name}); a.put(1, true);",
        "cannot convert|could not convert|no matching|no viable|no known",
    ),
    "a pointer where a bool is a key": (
        'dict<bool, int> a(env, {name}); (void)a.contains("yes");',
        "dict<bool, int> a(env, {name}); (void)a.contains(true);",
        "cannot convert|could not convert|no matching|no viable|no known",
    ),
    "a long double in any": (
        "dict<int, pc::any_value> a(env, {name}); a.put(1, 0.1L);",
        "dict<int, pc::any_value> a(env, {name}); a.put(1, 0.1);",
        "cannot convert|could not convert|no matching|no viable|no known|could not bind|invalid",
    ),
    "a time point in any": (
        "dict<int, pc::any_value> a(env, {name}); a.put(1, std::chrono::system_clock::now());",
        "dict<int, pc::any_value> a(env, {name}); a.put(1, pc::datetime{0});",
        "cannot convert|could not convert|no matching|no viable|no known|could not bind|invalid",
    ),
    "a vector of bool": (
        "dict<int, std::vector<bool>>",
        "dict<int, std::vector<std::uint8_t>>",
        "use std::vector<std::uint8_t>",
    ),
    "a vector of text": (
        "dict<int, std::vector<std::string>>",
        "dict<int, pc::any_value>",
        "pc::any_value for everything else",
    ),
    "an array as a key": ("set<std::vector<int>>", "set<std::vector<std::byte>>", "cannot be a key"),
    "a tuple as a value": (
        "dict<int, std::tuple<int, int>>",
        "dict<std::tuple<int, int>, int>",
        "not a value",
    ),
    "a tuple in a tuple": (
        "set<std::tuple<std::tuple<int>>>",
        "set<std::tuple<int>>",
        "tuples that nest are",
    ),
    "a reference": ("dict<int, const std::string>", "dict<int, std::string>", "name the plain type"),
    "a map": ("dict<int, std::map<int, int>>", "dict<int, pc::any_value>", "pc::any_value"),
    "increment of text": (
        "dict<int, std::string> d(env, {name}); d.increment(1);",
        "dict<int, int> d(env, {name}); d.increment(1);",
        "increment is for dicts of integers",
    ),
    "a prefix of numbers": (
        "set<int> s(env, {name}); (void)s.prefix(1);",
        "set<std::string> s(env, {name}); (void)s.prefix(std::string());",
        "keys of this type have no prefix",
    ),
    "a view of any": (
        "dict<int, pc::any_value> d(env, {name}); pc::snapshot s(env); (void)s.view(d, 1);",
        "dict<int, std::string> d(env, {name}); pc::snapshot s(env); (void)s.view(d, 1);",
        "use get",
    ),
    "an optional in any": (
        "dict<int, pc::any_value> d(env, {name}); d.put(1, std::optional<int>(1));",
        "dict<int, pc::any_value> d(env, {name}); d.put(1, 1);",
        "conversion|convert",
    ),
    "moving a transaction": (
        "pc::transaction a(env); pc::transaction b(std::move(a));",
        "pc::transaction a(env); pc::transaction b(env);",
        "deleted",
    ),
    "moving a snapshot": (
        "pc::snapshot a(env); pc::snapshot b = std::move(a);",
        "pc::snapshot a(env); pc::snapshot b(env);",
        "deleted",
    ),
    "copying a dict": (
        "dict<int, int> a(env, {name}); auto b = a;",
        "dict<int, int> a(env, {name}); auto b = std::move(a);",
        "deleted",
    ),
    "a transaction without a name": (
        "pc::transaction{env};",
        "pc::transaction named(env);",
        "nodiscard|-Wunused-value|attribute",
    ),
    "an old name of a function": (
        "(void)env.list();",
        "(void)env.collections();",
        "use collections",
    ),
    "an old name of an option": (
        "pc::options given; given.verify = env.is_open();",
        "pc::options given; given.check_on_open = env.is_open();",
        "use check_on_open",
    ),
    "an old name of a field": (
        "(void)env.readers().at(0).commits_since;",
        "(void)env.readers().at(0).behind;",
        "use behind",
    ),
    "an old form of set algebra": (
        'set<int> a(env, {name}), b(env, "b"); a.assign_union(a, b);',
        'set<int> a(env, {name}), b(env, "b"); a.union_into(b, a);',
        "use a.union_into",
    ),
    "an answer that is not looked at": (
        "dict<int, int> a(env, {name}); a.get(1);",
        "dict<int, int> a(env, {name}); (void)a.get(1);",
        "nodiscard",
    ),
}


def function(name: str, text: str) -> str:
    """Returns a function with the statements, or one that opens a collection of the type."""
    body = text if ";" in text else f"{text} opened(env, {{name}});"
    body = re.sub(r"(?<![\w:])(dict|set)<", r"pc::\1<", body)
    head = f"void {name}(const pc::environment &env)"
    return f"{head};\n{head} {{ {body} }}\n".replace("{name}", '"name"')


@pytest.fixture(scope="session", params=COMPILERS)
def compile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):  # noqa: ANN201
    """Compiles a program; the header is compiled once."""
    place = tmp_path_factory.mktemp(request.param)
    flags = [
        *COMPILERS[request.param],
        "-std=c++17",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-pedantic",
        "-Werror",
    ]
    header = place / "all.hpp"
    header.write_text("#include <persistent_collections.hpp>\n", encoding="ascii")
    include = f"-I{ROOT / 'include'}"
    subprocess.run(
        [*flags, include, "-x", "c++-header", str(header), "-o", f"{header}.gch"],
        check=True,
        capture_output=True,
    )

    def run(text: str) -> subprocess.CompletedProcess[str]:
        source = place / "program.cpp"
        source.write_text(TYPES + text, encoding="ascii")
        command = [*flags, include, "-include", str(header), "-fsyntax-only", str(source)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # Compiles all twins together, each in its own function.
    twins = [function(f"twin_{at}", twin) for at, (_, twin, _) in enumerate(REFUSED.values())]
    passing = run("".join(twins))
    assert passing.returncode == 0, passing.stderr
    return run


@pytest.mark.parametrize("name", REFUSED)
def test_types_that_cannot_be_stored_are_refused_with_advice(compile, name: str) -> None:  # noqa: A002, ANN001
    fault, _, words = REFUSED[name]
    failing = compile(function("fault", fault))
    assert failing.returncode != 0
    errors = [line for line in failing.stderr.splitlines() if re.search(r"\berror\b", line)]
    # Users read the first error.
    assert re.search(words, errors[0]), failing.stderr[:3000]
