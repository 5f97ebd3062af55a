"""A static program in which another LMDB replaces the library's own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import C_FLAGS, ROOT

PROGRAM = """
#include <persistent_collections.h>
#include <stdio.h>

int main(int argc, char **argv) {
    pc_env env;
    pc_status status = argc == 2 ? pc_env_open(argv[1], NULL, &env) : PC_ERR_PANIC;
    printf("%d %s\\n", status, status == PC_OK ? "" : pc_last_error());
    return 0;
}
"""
#: The system libraries that a static Rust library needs.
SYSTEM = ["-lpthread", "-ldl", "-lm", "-lgcc_s"]


def source_of_lmdb() -> Path:
    """Returns the sources of LMDB that the library is built from."""
    version = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = next(line.split()[1] for line in version.splitlines() if line.startswith("host: "))
    # Packages for other systems were not downloaded.
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--offline"]
    command.append(f"--filter-platform={host}")
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    packages = json.loads(said)["packages"]
    manifest = next(p["manifest_path"] for p in packages if p["name"] == "lmdb-master-sys")
    return Path(manifest).parent / "lmdb" / "libraries" / "liblmdb"


def build(tmp_path: Path, library: Path, other: dict[str, str] | None) -> Path:
    """Builds a static program, with a changed copy of LMDB before the library on request."""
    program = tmp_path / "program"
    compiler = os.environ.get("CC", "cc")
    (tmp_path / "program.c").write_text(PROGRAM)
    first = []
    if other is not None:
        for name in ("lmdb.h", "midl.h", "mdb.c", "midl.c"):
            text = (source_of_lmdb() / name).read_text("utf-8")
            for before, after in other.items():
                text = text.replace(before, after)
            (tmp_path / name).write_text(text, "utf-8")
            if name.endswith(".c"):
                made = str(tmp_path / name.replace(".c", ".o"))
                subprocess.run([compiler, "-c", "-w", str(tmp_path / name), "-o", made], check=True)
                first.append(made)
        subprocess.run(["ar", "rc", str(tmp_path / "liblmdb.a"), *first], check=True)
        first = [str(tmp_path / "liblmdb.a")]
    own = library.parent / "libpersistent_collections.a"
    # The linker uses the first definition.
    subprocess.run(
        [compiler, *C_FLAGS, f"-I{ROOT / 'include'}", str(tmp_path / "program.c"), "-o", str(program)]
        + ["-Wl,--undefined=mdb_version", *first, str(own), *SYSTEM],
        check=True,
    )
    return program


def opened(program: Path, path: Path) -> str:
    return subprocess.run([program, path], capture_output=True, text=True, check=True).stdout


def test_the_librarys_own_lmdb_opens(library: Path, tmp_path: Path) -> None:
    assert opened(build(tmp_path, library, None), tmp_path / "env") == "0 \n"


@pytest.mark.parametrize(
    ("other", "part"),
    [
        ({"#define MDB_VERSION_PATCH\t70": "#define MDB_VERSION_PATCH\t24"}, "0.9.24"),
        ({}, "511 bytes"),
    ],
    ids=["version", "key size"],
)
def test_another_lmdb_is_refused(library: Path, tmp_path: Path, other: dict[str, str], part: str) -> None:
    """A static program with another liblmdb earlier on its link line used that one, silently."""
    said = opened(build(tmp_path, library, other), tmp_path / "env")
    assert said.startswith("-72 ") and part in said
