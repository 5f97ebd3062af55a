"""Builds the shared library with cargo, and makes wheels and sdists that hold what they need.

All that can be said without code is in pyproject.toml. An editable install builds nothing: it uses
the library that `make build` put into the checkout's `target/release`.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Command, Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.command.sdist import sdist

PACKAGE = "persistent_collections"
HERE = Path(__file__).resolve().parent
# An sdist has the crate's sources in this folder, laid out as in the checkout.
IN_SDIST = HERE / "rust"
SOURCES = (
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "LICENSE-*",
    "build.rs",
    ".cargo",
    "crates",
    "src",
    "benches",
    "include",
    "bindings/python/accelerator",
)


def crate() -> Path:
    """The folder with the workspace's Cargo.toml."""
    for place in (IN_SDIST, HERE.parents[1]):
        if (place / "Cargo.toml").is_file() and (place / "src" / "ffi").is_dir():
            return place
    sys.exit(
        f"the Rust sources are neither in {IN_SDIST} nor in {HERE.parents[1]}: an older pip than "
        "21.3 builds in a copy of this folder alone. Upgrade pip (python -m pip install -U pip)."
    )


def built_libraries() -> list[Path]:
    """The shared libraries, as cargo tells where it has put them."""
    cargo = os.environ.get("CARGO") or shutil.which("cargo")
    if cargo is None:
        sys.exit("cargo was not found: install Rust 1.88 or newer, then install this package again")
    command = [cargo, "build", "--release", "--locked", "--workspace", "--lib"]
    done = subprocess.run(
        [*command, "--message-format=json-render-diagnostics"],
        cwd=crate(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"cargo could not build the library (exit code {done.returncode}); see above")
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
    return [
        Path(file)
        for message in messages
        if message["reason"] == "compiler-artifact" and "cdylib" in message["target"]["kind"]
        for file in message["filenames"]
        if file.endswith((".so", ".dylib", ".dll"))
    ]


class Build(build):
    """Builds outside of the source tree: nothing of an earlier build gets into a wheel."""

    def initialize_options(self) -> None:
        """Chooses a folder that is removed at the end."""
        super().initialize_options()
        self.build_base = tempfile.mkdtemp(prefix="persistent-collections-")
        atexit.register(shutil.rmtree, self.build_base, ignore_errors=True)


class BuildLibraries(Command):
    """Puts the shared libraries into the package, beside the modules."""

    editable_mode = False

    def initialize_options(self) -> None:
        """Has no options of its own."""
        self.build_lib: str | None = None

    def finalize_options(self) -> None:
        """Takes over where the modules go."""
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def run(self) -> None:
        """Builds and copies, unless the checkout itself is what is installed."""
        if self.editable_mode:
            return
        package = Path(str(self.build_lib)) / PACKAGE
        package.mkdir(parents=True, exist_ok=True)
        for library in built_libraries():
            shutil.copy2(library, package / library.name)

    def get_source_files(self) -> list[str]:
        """None that setuptools should look for: `Sdist` adds them."""
        return []

    def get_outputs(self) -> list[str]:
        """None that an editable install could link to."""
        return []

    def get_output_mapping(self) -> dict[str, str]:
        """None that an editable install could link to."""
        return {}


class Wheel(bdist_wheel):
    """A wheel for every Python 3 on one platform: ctypes loads the library."""

    def get_tag(self) -> tuple[str, str, str]:
        """py3-none-PLATFORM."""
        return "py3", "none", super().get_tag()[2]


class Sdist(sdist):
    """An sdist that can be built without the checkout."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Adds the crate's sources."""
        super().make_release_tree(base_dir, files)
        root, copy = crate(), Path(base_dir) / IN_SDIST.name
        for pattern in SOURCES:
            for source in root.glob(pattern):
                target = copy / source.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    ignored = shutil.ignore_patterns("target", "__pycache__")
                    shutil.copytree(source, target, ignore=ignored)
                else:
                    shutil.copy2(source, target)


class WithLibraries(Distribution):
    """Tells setuptools that the package is not the same on every platform."""

    def has_ext_modules(self) -> bool:
        """There are shared libraries in it, though none is an extension module."""
        return True


build.sub_commands.append(("build_libraries", None))
setup(
    distclass=WithLibraries,
    cmdclass={
        "build": Build,
        "build_libraries": BuildLibraries,
        "bdist_wheel": Wheel,
        "sdist": Sdist,
    },
)
