"""`tools/check-version` finds each file that names another version than `Cargo.toml`.

A release that changed all of the places but one would install a package that gives a wrong version.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
HEADER = "include/persistent_collections.h"
# Each file, and the words before the version in it.
PLACES = [
    ("bindings/python/accelerator/Cargo.toml", 'version = "'),
    ("bindings/julia/Project.toml", 'version = "'),
    *((str(path.relative_to(ROOT)), 'version = "') for path in ROOT.glob("crates/*/Cargo.toml")),
    *(
        ("Cargo.lock", f'name = "{package}"\nversion = "')
        for package in re.findall(
            r'^name = "(persistent-collections.*)"$', (ROOT / "Cargo.lock").read_text(), re.M
        )
    ),
    ("bindings/python/src/persistent_collections/__init__.py", '__version__ = "'),
    ("src/ffi/version.rs", 'pub const PC_VERSION: &str = "'),
    (HEADER, '#define PC_VERSION "'),
    ("CHANGELOG.md", "## "),
]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that name the version, and of the check."""
    for name in ["tools/check-version", "Cargo.toml", *(place for place, _ in PLACES)]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def check(tree: Path) -> list[str]:
    """The files that the check reports."""
    done = subprocess.run([tree / "tools/check-version"], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (done.stderr == ""), done
    return [line.partition(":")[0] for line in done.stderr.splitlines()]


def change(file: Path, old: str, new: str) -> None:
    """Replaces the first of the old words, which must be there."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_all_places_name_one_version(tree: Path) -> None:
    assert check(tree) == []


@pytest.mark.parametrize(
    ("file", "before"), PLACES, ids=[f"{file} {n}" for n, (file, _) in enumerate(PLACES)]
)
def test_a_place_that_differs_is_reported(tree: Path, file: str, before: str) -> None:
    change(tree / file, f"{before}{VERSION}", f"{before}98.7.6")
    assert check(tree) == [file]


@pytest.mark.parametrize("part", ["MAJOR", "MINOR", "PATCH"])
def test_a_number_of_the_header_that_differs_is_reported(tree: Path, part: str) -> None:
    change(tree / HEADER, f"#define PC_VERSION_{part} ", f"#define PC_VERSION_{part} 9")
    assert check(tree) == [HEADER]


def test_a_place_without_a_version_is_reported(tree: Path) -> None:
    change(tree / "bindings/julia/Project.toml", "version = ", "edition = ")
    assert check(tree) == ["bindings/julia/Project.toml"]


def test_a_crate_that_asks_for_another_version_of_a_second_one_is_reported(tree: Path) -> None:
    one, other = tree / "crates/one", tree / "crates/other"
    for crate in (one, other):
        crate.mkdir(parents=True)
        (crate / "Cargo.toml").write_text(f'version = "{VERSION}"\n', encoding="utf-8")
    with (one / "Cargo.toml").open("a", encoding="utf-8") as file:
        file.write(f'persistent-collections-x = {{ path = "../x", version = "={VERSION}" }}\n')
    assert check(tree) == []
    change(one / "Cargo.toml", f'"={VERSION}"', '"=98.7.6"')
    assert check(tree) == ["crates/one/Cargo.toml"]
    change(other / "Cargo.toml", VERSION, "98.7.6")
    assert check(tree) == ["crates/other/Cargo.toml", "crates/one/Cargo.toml"]


def test_the_others_follow_cargo_toml(tree: Path) -> None:
    change(tree / "Cargo.toml", f'version = "{VERSION}"', 'version = "98.76.54-rc.1"')
    assert set(check(tree)) - {"Cargo.toml"} == {file for file, _ in PLACES}
    numbers = zip(["MAJOR", "MINOR", "PATCH"], VERSION.partition("-")[0].split("."), ["98", "76", "54"])
    for file, before in PLACES:
        change(tree / file, f"{before}{VERSION}", f"{before}98.76.54-rc.1")
    for manifest in tree.rglob("Cargo.toml"):
        text = manifest.read_text(encoding="utf-8")
        manifest.write_text(text.replace(f'"={VERSION}"', '"=98.76.54-rc.1"'), encoding="utf-8")
    for part, old, new in numbers:
        change(tree / HEADER, f"#define PC_VERSION_{part} {old}", f"#define PC_VERSION_{part} {new}")
    assert check(tree) == []
