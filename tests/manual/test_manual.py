"""`make manual` makes a manual of all that the headers declare; words that are missing or wrong fail."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def make(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-s", "-C", str(tree), "manual"], capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the manual is made of, to be changed."""
    for name in ("Makefile", "Cargo.toml", "include", "docs/manual", "tools/need"):
        source, place = ROOT / name, tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copy(source, place)
    return tmp_path


def test_the_manual_has_every_declaration(tree: Path) -> None:
    done = make(tree)
    assert (done.returncode, done.stderr) == (0, "")
    pages = {
        path.name: path.read_text(encoding="utf-8") for path in (tree / "target/manual/html").glob("*.html")
    }
    text = (tree / "include" / "persistent_collections.h").read_text(encoding="utf-8")
    code = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    functions = set(re.findall(r"\b(pc_\w+)\s*\([^()]*\)\s*;", code))
    constants = set(re.findall(r"^#define (PC_\w+)", code, re.M))
    assert len(functions) > 80
    assert len(constants) > 80
    groups = "".join(page for name, page in pages.items() if name.startswith("group__"))
    named = set(re.findall(r">#?(?:define )?(?:&#160;)?(\w+)(?:\(\))?<", groups))
    assert (functions | constants) - named == set()
    for section in re.findall(r"/\* ==== (.*) ==== \*/", text):
        assert section in groups
    for words in ("Overview", "Conventions", "Threads and lifetimes"):
        assert words in pages["index.html"]
    # A reader of the page of a dict or a set finds what it inherits.
    for name in ("dict", "set"):
        assert "lower_bound" in pages[f"classpc_1_1{name}.html"]


# A change in the header, and what Doxygen should say of it.
WRONGS = {
    "a function without words": (
        r"(?:///[^\n]*\n)+(pc_status pc_flush)",
        r"\1",
        "pc_flush",
    ),
    "a parameter without words": (r"/// - `mode`[^\n]*\n|(?:/// - `kind`: receives[^\n]*\n)", "", "kind"),
    "words for a parameter that is not there": (r"/// - `removed`:", "/// - `removd`:", "removd"),
    "a result without words": (
        r"/// Statuses: (`PC_OK`; `PC_ERR_BAD_HANDLE`: it has ended)",
        r"/// \1",
        "return",
    ),
    "a function's name that is not there": (r"as `pc_flush` does", "as `pc_flash` does", "pc_flash"),
    "a constant's name that is not there": (r"one of `PC_KIND_\*`", "one of `PC_KINDS`", "PC_KINDS"),
    "a constant without words": (r"///[^\n]*\n(#define PC_END 3)", r"\1", "PC_END"),
    "a field without words": (r"    ///[^\n]*\n(    uint64_t last_txn;)", r"\1", "last_txn"),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_fails(tree: Path, wrong: str) -> None:
    pattern, replacement, named = WRONGS[wrong]
    header = tree / "include" / "persistent_collections.h"
    text, count = re.subn(pattern, replacement, header.read_text(encoding="utf-8"), count=1)
    assert count == 1, "the change does not apply: the header has become another"
    header.write_text(text, encoding="utf-8")
    done = make(tree)
    assert done.returncode != 0
    assert named in done.stderr
