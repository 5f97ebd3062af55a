"""Wheel, sdist and editable install: built as users do, and used outside of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import persistent_collections

PROJECT = Path(__file__).resolve().parents[1]
CHECKOUT = PROJECT.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or CHECKOUT / "target")
VARIABLE = "PERSISTENT_COLLECTIONS_LIBRARY"

PROGRAM = """
import sys
from persistent_collections import Environment, PersistentDict, PersistentSet

with Environment(sys.argv[1]) as env:
    ages = PersistentDict[str, int](env, "ages")
    with env.transaction():
        ages.update(Ada=36, Alan=41)
        PersistentSet(env, "seen", element=(str, int)).add(("Ada", 1843))
    print(dict(ages), env._library._name)
"""


def environment(**changes: str | None) -> dict[str, str]:
    """Returns the environment without the variables that lead to the checkout; None removes one."""
    ours = dict.fromkeys((VARIABLE, "PERSISTENT_COLLECTIONS_ACCELERATOR", "PYTHONPATH"))
    merged: Mapping[str, str | None] = {**os.environ, **ours, **changes}
    return {name: value for name, value in merged.items() if value is not None}


def run(*command: object, cwd: object = "/", **changes: str | None) -> str:
    """Runs a program and returns its output; shows its errors if it fails."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=str(cwd),
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refusal(*command: object, cwd: object = "/", **changes: str | None) -> str:
    """Runs a program that must fail, and returns its errors."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=str(cwd),
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def make_wheel(source: Path, output: Path) -> tuple[object, ...]:
    """Returns the command that builds a wheel with the setuptools of this environment."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-v")
    return (*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", output, source)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the python of a new virtual environment with the package, built from its sources."""
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    # As users do: with isolation, and with the requirements from the index.
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", PROJECT)
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel in the checkout."""
    output = tmp_path_factory.mktemp("wheel")
    run(*make_wheel(PROJECT, output))
    (made,) = output.iterdir()
    return made


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacks the sdist at a place where cargo can reuse its earlier build."""
    output = tmp_path_factory.mktemp("sdist")
    build = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", output)
    run(*build, PROJECT)
    (made,) = output.iterdir()
    unpacked = TARGET / "python-sdist"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir(parents=True)
    run("tar", "-xzf", made, "-C", unpacked)
    (folder,) = unpacked.iterdir()
    return folder


def test_installed_from_sources_it_works_far_from_the_checkout(fresh: Path, tmp_path: Path) -> None:
    printed = run(fresh, "-c", PROGRAM, tmp_path / "data")
    ages, library = printed.rsplit(maxsplit=1)
    assert ages == "{'Ada': 36, 'Alan': 41}"
    assert Path(library).is_relative_to(fresh.parents[1])
    listed = run(fresh, "-m", "persistent_collections", "list", tmp_path / "data")
    assert listed.startswith("ages\tdict\t")
    status = "from persistent_collections import acceleration as a; print(a.status())"
    assert run(fresh, "-c", status) == "on\n"


def test_every_library_of_the_package_is_its_own(fresh: Path) -> None:
    (package,) = fresh.parents[1].glob("lib/python*/site-packages/persistent_collections")
    libraries = sorted(package.glob("*.so"))
    assert [library.name for library in libraries] == [
        "libpersistent_collections.so",
        "libpersistent_collections_python.so",
    ]
    for library in libraries:
        needed = run("readelf", "-d", library)
        assert str(CHECKOUT) not in needed
        assert str(TARGET) not in needed


def test_the_variable_overrides(fresh: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    shutil.copy(TARGET / "release" / "libpersistent_collections.so", other)
    printed = run(fresh, "-c", PROGRAM, tmp_path / "data", **{VARIABLE: str(other)})
    assert printed.endswith(f"{other}\n")
    said = refusal(fresh, "-c", PROGRAM, tmp_path / "data", **{VARIABLE: "/nowhere.so"})
    assert "LibraryError" in said
    assert "/nowhere.so" in said


def test_the_wheel_is_for_every_python_3_on_this_platform(wheel: Path) -> None:
    version = persistent_collections.__version__
    platform = f"{sys.platform}_{os.uname().machine}"
    assert wheel.name == f"persistent_collections-{version}-py3-none-{platform}.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        tag = archive.read(f"persistent_collections-{version}.dist-info/WHEEL").decode()
    assert f"Tag: py3-none-{platform}\n" in tag
    assert "Root-Is-Purelib: false\n" in tag
    assert "persistent_collections/py.typed" in names
    licenses = {Path(name).name for name in names if "/licenses/" in name}
    assert licenses == {path.name for path in CHECKOUT.glob("LICENSE-*")}
    folders = {name.partition("/")[0] for name in names}
    assert folders == {"persistent_collections", f"persistent_collections-{version}.dist-info"}


def test_the_wheel_holds_every_module(wheel: Path) -> None:
    source = PROJECT / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.endswith(".py")} == modules


def test_an_sdist_builds_without_the_checkout(sdist: Path, tmp_path: Path) -> None:
    # Without optimisation: it only has to show that all sources are there.
    quick = {
        "CARGO_TARGET_DIR": str(TARGET / "python-sdist-built"),
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "false",
    }
    run(*make_wheel(sdist, tmp_path), **quick)
    (made,) = tmp_path.iterdir()
    with zipfile.ZipFile(made) as archive:
        archive.extractall(tmp_path)
    printed = run(sys.executable, "-c", PROGRAM, tmp_path / "data", PYTHONPATH=str(tmp_path))
    assert printed.endswith(f" {tmp_path}/persistent_collections/libpersistent_collections.so\n")


def test_the_sdist_has_the_licences_and_no_built_files(sdist: Path) -> None:
    for license_ in CHECKOUT.glob("LICENSE-*"):
        assert (sdist / license_.name).read_bytes() == license_.read_bytes()
    assert not [path for path in sdist.rglob("*") if path.suffix in (".so", ".pyc")]


def test_building_a_copy_of_the_folder_alone_is_refused(tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("*.egg-info", "tests", "accelerator", "__pycache__")
    shutil.copytree(PROJECT, tmp_path / "copy", ignore=ignored)
    said = refusal(*make_wheel(tmp_path / "copy", tmp_path / "out"))
    assert "the Rust sources are neither in" in said
    assert "Upgrade pip" in said


def test_building_without_cargo_is_refused(tmp_path: Path) -> None:
    said = refusal(*make_wheel(PROJECT, tmp_path), PATH="/nowhere", CARGO=None)
    assert "install Rust 1.88 or newer" in said


def test_a_failing_build_makes_no_wheel(tmp_path: Path) -> None:
    said = refusal(*make_wheel(PROJECT, tmp_path), CARGO="/bin/false")
    assert "cargo could not build the library (exit code 1)" in said
    assert not list(tmp_path.iterdir())


def test_an_editable_install_builds_nothing(tmp_path: Path) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-v")
    options = ("--no-deps", "--no-build-isolation", "--target", tmp_path)
    run(*pip, "install", *options, "-e", PROJECT, CARGO="/bin/false")
    assert list(tmp_path.glob("*.dist-info"))


def test_version_is_that_of_the_library() -> None:
    manifest = (CHECKOUT / "Cargo.toml").read_text(encoding="utf-8")
    match = re.search(r'^version = "(.*)"$', manifest, re.MULTILINE)
    assert match is not None
    assert match[1] == persistent_collections.__version__
