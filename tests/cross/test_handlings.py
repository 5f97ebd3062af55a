"""The patches of `tests/handlings` apply, and name tests that are there. `make handlings` runs them."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

PATCHES = sorted((ROOT / "tests" / "handlings").iterdir())


def load() -> ModuleType:
    """The tool, as a module."""
    loader = importlib.machinery.SourceFileLoader("handlings", str(ROOT / "tools" / "handlings"))
    spec = importlib.util.spec_from_loader("handlings", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    # Where its data classes look for their own module.
    sys.modules[spec.name] = module
    loader.exec_module(module)
    return module


handlings = load()


@pytest.mark.parametrize("path", PATCHES, ids=[path.stem for path in PATCHES])
def test_a_patch_applies_and_names_a_test(path: Path) -> None:
    assert path.suffix == ".patch"
    handlings.Patch.read(path).check(ROOT)


GOOD = """Hard spot: a spot
Takes away: a thing,
  told in two lines
Fails: cargo test --test names -- a_list_opens_nothing

--- a/Makefile
+++ b/Makefile
@@ -1 +1 @@
-.DEFAULT_GOAL := build
+.DEFAULT_GOAL := help
"""


def test_a_patch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.patch"
    path.write_text(GOOD, encoding="utf-8")
    patch = handlings.Patch.read(path)
    patch.check(ROOT)
    assert patch.said["Takes away"] == "a thing, told in two lines"
    assert (patch.hangs, patch.runs) == (None, 1)
    ((file, text),) = patch.changed(ROOT).items()
    before = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert (file, text) == (ROOT / "Makefile", before.replace(":= build", ":= help"))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("Hard spot: a spot\n", "", "does not say"),
        ("Hard spot", "Soft spot", "does not say|nobody reads"),
        ("a_list_opens_nothing", "a_test_that_is_not_there", "no test"),
        ("--test names", "--test no_names", "there is no"),
        ("cargo test", "cargo bench", "known kind"),
        ("cargo test --test names -- ", "c dict ", "no test"),
        ("cargo test --test names -- ", "pytest tests/cross/test_names.py::", "no test"),
        ("cargo test --test names -- ", "julia threads ", "no test"),
        ("-.DEFAULT_GOAL := build", "-.DEFAULT_GOAL := all", "does not apply: 0 places"),
        ("-.DEFAULT_GOAL := build", "-", "does not apply: [1-9][0-9]+ places"),
        ("Makefile", "Mokefile", "there is no"),
        (GOOD[GOOD.index("--- ") :], "", "changes nothing"),
        ("Fails:", "Hangs: sometimes\nFails:", "how many seconds"),
        ("Fails:", "Runs: often\nFails:", "how many"),
    ],
)
def test_what_proves_nothing_is_an_error(tmp_path: Path, old: str, new: str, why: str) -> None:
    path = tmp_path / "bad.patch"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(handlings.Wrong, match=why):
        handlings.Patch.read(path).check(ROOT)
