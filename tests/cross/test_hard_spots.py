"""The files and tests that `docs/hard-spots.md` and `docs/mutants.md` name exist.

A list of tests becomes wrong when one is renamed or removed: the page then names a guard that does not exist.
So a page names a guard as `file::test` and a handling as `file`, and this test looks up both.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import ROOT

SPOTS = ROOT / "docs" / "hard-spots.md"
DOCUMENTS = [SPOTS, ROOT / "docs" / "mutants.md"]
#: The declaration of a test, by the suffix of its file.
DECLARATIONS = {
    ".rs": r"#\[test\]\n(?:\s*(?:#\[|//).*\n)*\s*fn {}\(\)",
    ".py": r"^\s*(?:async )?def {}\(",
    ".c": r"^\s*RUN\({}\);",
    ".cpp": r"^TEST\({}\)",
    ".jl": r'@testset "{}"',
}


def names(text: str) -> list[str]:
    """Returns the texts set as code; a line break may split a name."""
    return [re.sub(r"\s+", " ", name) for name in re.findall(r"`([^`]+)`", text)]


def fault_of(name: str, root: Path = ROOT) -> str | None:
    """Returns the fault of `file::test`, or None."""
    file, _, test = name.partition("::")
    path = root / file
    if path.suffix not in DECLARATIONS:
        return f"{name}: no test is declared in such a file"
    if not path.is_file():
        return f"{name}: the file does not exist"
    if not re.search(DECLARATIONS[path.suffix].format(re.escape(test)), path.read_text("utf-8"), re.M):
        return f"{name}: the file has no such test"
    return None


def faults(text: str, root: Path = ROOT) -> list[str]:
    """Returns the faults of the tests and files that a page names."""
    found = []
    for name in names(text):
        if "::" in name:
            found.append(fault_of(name, root))
        elif re.fullmatch(r"[\w.-]+(/[\w.-]+)+", name) and not (root / name).exists():
            found.append(f"{name}: the file does not exist")
    return [fault for fault in found if fault]


def sections(text: str) -> dict[str, str]:
    """Returns the text under each heading of a hard spot."""
    parts = re.split(r"^(##+ .*)$", text, flags=re.M)
    return {title[4:]: body for title, body in zip(parts[1::2], parts[2::2]) if title.startswith("### ")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_named_file_and_test_exists(document: Path) -> None:
    assert faults(document.read_text("utf-8")) == []


def test_each_spot_names_its_code_and_its_tests() -> None:
    spots = sections(SPOTS.read_text("utf-8"))
    assert len(spots) > 40
    for title, body in spots.items():
        found = re.fullmatch(
            r"\n\n(?P<story>.+?)\n\nHandled in (?P<how>.+?)\n\nGuarded by (?P<by>.+?)\n+", body, re.S
        )
        assert found, f"{title}: a story, then `Handled in`, then `Guarded by`"
        assert any((ROOT / name).is_file() for name in names(found["how"])), f"{title}: handled in no file"
        assert any("::" in name for name in names(found["by"])), f"{title}: guarded by no test"


@pytest.mark.parametrize(
    "name",
    [
        "tests/names.rs::a_list_opens_nothing",
        "src/engine/lmdb/write/group.rs::an_operation_that_dooms_the_common_transaction_fails_alone",
        "tests/cross/test_hard_spots.py::test_a_missing_file_or_test_is_found",
        "tests/c/limits.c::texts_and_numbers",
        "bindings/julia/test/threads.jl::transactions of many tasks",
    ],
)
def test_a_missing_file_or_test_is_found(name: str) -> None:
    file, _, test = name.partition("::")
    assert faults(f"Guarded by `{name}`.") == []
    assert "no such test" in faults(f"Guarded by `{name}x`.")[0]
    assert "no such test" in faults(f"Guarded by `{file}::{test[1:]}`.")[0]
    assert "the file does not exist" in faults(f"Guarded by `x{name}`.")[0]
    assert "the file does not exist" in faults(f"Handled in `{file}x`.")[0]


def test_a_function_that_is_not_a_test_guards_nothing(tmp_path: Path) -> None:
    (tmp_path / "some.rs").write_text("#[test]\nfn tested() {}\n\nfn helper() {}\n", encoding="utf-8")
    (tmp_path / "some.md").write_text("tested", encoding="utf-8")
    assert fault_of("some.rs::tested", tmp_path) is None
    assert fault_of("some.rs::helper", tmp_path) == "some.rs::helper: the file has no such test"
    assert fault_of("some.md::tested", tmp_path) == "some.md::tested: no test is declared in such a file"
