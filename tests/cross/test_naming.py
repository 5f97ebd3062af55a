"""`docs/naming.md` lists the names of the languages, and every call of the header."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

PAGE = ROOT / "docs" / "naming.md"
SOURCES = {
    "C": ["include/persistent_collections.h"],
    "C++": ["include/persistent_collections.h", "include/persistent_collections/*.hpp"],
    "Rust": ["src/*.rs"],
    "Python": ["bindings/python/src/persistent_collections/*.py"],
    "Julia": ["bindings/julia/src/*.jl", "bindings/julia/src/lib/declarations.jl"],
}
#: The declaration of a name, for languages where a mention in a comment is not enough.
DECLARED = {
    "C": r"(?:\b|\bstruct ){0}\b *\(|^#define {0} |^}} {0};$|^typedef struct {0} |^ +\w+ {0};",
    "C++": r"\b{0} ?[({{=;]|\bclass \[\[nodiscard\]\] {0}\b|> {0};",
    "Rust": r"\bpub fn {0}\b|\bpub {0}:",
    "Python": r"\bdef {0}\(|\bclass {0}\b|^ +{0}:",
    "Julia": r"\b(?:Base\.)?{0}\(|\bstruct {0}\b|^ +{0}::|\b{0}::\w+=|`{0}`",
}


def tables(text: str) -> list[tuple[str, str]]:
    """Returns the language and the name of each cell in the tables with a column for C."""
    found = []
    for table in re.findall(r"^\| term \| C .*\n\|[-|]+\n((?:\|.*\n)+)", text, re.M):
        for row in table.splitlines():
            cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
            for language, cell in zip(SOURCES, cells):
                names = re.findall(r"`([^`]+)`", cell)
                assert names or cell == "—", row
                # An expression of the language, such as `d[k]`, has no declaration.
                found += [(language, name) for name in names if re.fullmatch(r"\w+!?", name)]
    return found


def declares(language: str, name: str) -> bool:
    pattern = DECLARED[language].format(re.escape(name))
    paths = [path for glob in SOURCES[language] for path in ROOT.glob(glob)]
    return any(re.search(pattern, path.read_text(encoding="utf-8"), re.M) for path in paths)


def calls(header: Path) -> set[str]:
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.S)
    return set(re.findall(r"\b(pc_\w+)\s*\([^()]*\)\s*;", text))


NAMES = tables(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", SOURCES)
def test_every_name_exists(language: str) -> None:
    names = [name for of, name in NAMES if of == language]
    assert len(names) > 40
    assert [name for name in names if not declares(language, name)] == []


def test_every_call_of_the_header_has_a_row() -> None:
    named = {name for language, name in NAMES if language == "C"}
    assert calls(ROOT / "include" / "persistent_collections.h") - named == set()


@pytest.mark.parametrize("language", SOURCES)
def test_a_name_without_a_declaration_is_found(language: str) -> None:
    assert not declares(language, "frobnicate")
