"""`make install` and `make uninstall`, and programs outside of the tree that use what they put in place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
MAJOR, MINOR = map(int, VERSION.split(".")[:2])
SONAME = "libpersistent_collections.so.0"
REAL_NAME = f"libpersistent_collections.so.{VERSION}"
COMPILERS = {
    "program.c": ["cc", "-std=c11", "-pthread"],
    "program.cpp": ["c++", "-std=c++17", "-pthread"],
}
OUTPUT = {
    "program.c": f"C {VERSION}, {VERSION}: Ada is 36\n",
    "program.cpp": f"C++ {VERSION}, {VERSION}: Ada is 36\n",
}


def run(*command: object, cwd: Path | None = None, **variables: object) -> str:
    """What a command prints; a failure shows all of it."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    environment.update({name: str(value) for name, value in variables.items()})
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def make(target: str, **variables: object) -> str:
    words = [f"{name}={value}" for name, value in variables.items()]
    return run("make", "-s", "-C", ROOT, target, *words)


def files_below(directory: Path) -> set[str]:
    return {
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def expected_files(libdir: str = "lib") -> set[str]:
    cmake = f"{libdir}/cmake/PersistentCollections/PersistentCollectionsConfig"
    headers = {f"include/{name}" for name in files_below(ROOT / "include")}
    assert "include/persistent_collections.h" in headers
    return headers | {
        f"{libdir}/{REAL_NAME}",
        f"{libdir}/{SONAME}",
        f"{libdir}/libpersistent_collections.so",
        f"{libdir}/libpersistent_collections.a",
        f"{libdir}/pkgconfig/persistent_collections.pc",
        f"{cmake}.cmake",
        f"{cmake}Version.cmake",
        *(f"share/doc/persistent_collections/LICENSE-{name}" for name in ("MIT", "APACHE", "LMDB")),
    }


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("installed") / "prefix"
    make("install", PREFIX=place)
    return place


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory outside of the tree with the programs."""
    for name in [*COMPILERS, "CMakeLists.txt"]:
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def pkg_config(prefix: Path, *options: str) -> list[str]:
    directory = prefix / "lib" / "pkgconfig"
    words = run("pkg-config", *options, "persistent_collections", PKG_CONFIG_PATH=directory)
    return words.split()


def test_everything_is_put_in_place(prefix: Path) -> None:
    assert files_below(prefix) == expected_files()
    assert os.readlink(prefix / "lib" / SONAME) == REAL_NAME
    assert os.readlink(prefix / "lib" / "libpersistent_collections.so") == SONAME
    assert (prefix / "lib" / REAL_NAME).stat().st_mode & 0o777 == 0o755
    for name in ("include/persistent_collections.h", "lib/libpersistent_collections.a"):
        assert (prefix / name).stat().st_mode & 0o777 == 0o644


def test_uninstall_leaves_nothing(tmp_path: Path) -> None:
    other = tmp_path / "lib" / "cmake" / "Other" / "OtherConfig.cmake"
    other.parent.mkdir(parents=True)
    other.write_text("# another package's\n")
    make("install", PREFIX=tmp_path)
    make("install", PREFIX=tmp_path)
    make("uninstall", PREFIX=tmp_path)
    assert files_below(tmp_path) == {"lib/cmake/Other/OtherConfig.cmake"}
    ours = ("persistent_collections", "PersistentCollections")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(ours)]
    make("uninstall", PREFIX=tmp_path)


def test_staged_and_in_other_directories(tmp_path: Path) -> None:
    stage = tmp_path / "a stage"
    places = {"DESTDIR": stage, "PREFIX": "/usr", "LIBDIR": "/usr/lib/x86_64-linux-gnu"}
    make("install-strip", **places)
    assert files_below(stage / "usr") == expected_files("lib/x86_64-linux-gnu")
    assert {path.name for path in stage.iterdir()} == {"usr"}
    libdir = stage / "usr" / "lib" / "x86_64-linux-gnu"
    text = (libdir / "pkgconfig" / "persistent_collections.pc").read_text()
    assert "prefix=/usr\nlibdir=${prefix}/lib/x86_64-linux-gnu\n" in text
    config = libdir / "cmake" / "PersistentCollections" / "PersistentCollectionsConfig.cmake"
    assert '"../../../../include" ABSOLUTE' in config.read_text()
    assert ".debug_line" not in run("readelf", "-SW", libdir / REAL_NAME)
    make("uninstall", **places)
    assert files_below(stage) == set()


def test_a_relative_prefix_is_refused() -> None:
    done = subprocess.run(
        ["make", "-s", "-C", str(ROOT), "install", "PREFIX=here"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "must begin with /" in done.stderr


@pytest.mark.parametrize("program", COMPILERS)
def test_shared_with_pkg_config(prefix: Path, outside: Path, program: str) -> None:
    run(*COMPILERS[program], program, "-o", "p", *pkg_config(prefix, "--cflags", "--libs"), cwd=outside)
    assert SONAME in run("readelf", "-d", outside / "p")
    assert run("./p", "data", cwd=outside, LD_LIBRARY_PATH=prefix / "lib") == OUTPUT[program]


@pytest.mark.parametrize("program", COMPILERS)
def test_static_with_pkg_config(prefix: Path, outside: Path, program: str) -> None:
    flags = pkg_config(prefix, "--cflags", "--libs", "--static")
    run(*COMPILERS[program], "-static", program, "-o", "p", *flags, cwd=outside)
    assert "NEEDED" not in run("readelf", "-d", outside / "p")
    assert run("./p", "data", cwd=outside) == OUTPUT[program]


@pytest.mark.parametrize("program", COMPILERS)
def test_static_library_in_a_program_that_is_not(prefix: Path, outside: Path, program: str) -> None:
    flags = [
        "-l:libpersistent_collections.a" if word == "-lpersistent_collections" else word
        for word in pkg_config(prefix, "--cflags", "--libs", "--static")
    ]
    run(*COMPILERS[program], program, "-o", "p", *flags, cwd=outside)
    assert "libpersistent" not in run("readelf", "-d", outside / "p")
    assert run("./p", "data", cwd=outside) == OUTPUT[program]


def test_a_program_with_an_lmdb_of_its_own(prefix: Path, outside: Path) -> None:
    """What is inside the static library meets nothing of the same name in the program."""
    names = ["mdb_env_create", "mdb_env_open", "mdb_txn_begin", "mdb_put", "rust_eh_personality"]
    functions = "".join(f"int {name}(void); int {name}(void) {{ abort(); }}\n" for name in names)
    (outside / "own.c").write_text(f"#include <stdlib.h>\n{functions}")
    flags = pkg_config(prefix, "--cflags", "--libs", "--static")
    run(*COMPILERS["program.c"], "-static", "program.c", "own.c", "-o", "p", *flags, cwd=outside)
    assert run("./p", "data", cwd=outside) == OUTPUT["program.c"]


def test_pkg_config_reports_the_version(prefix: Path) -> None:
    assert pkg_config(prefix, "--modversion") == [VERSION]


@pytest.mark.parametrize("moved", [False, True])
def test_cmake(prefix: Path, outside: Path, moved: bool) -> None:
    place = prefix
    if moved:
        place = outside / "elsewhere"
        shutil.copytree(prefix, place, symlinks=True)
    wanted = f"-DWANTED_VERSION={MAJOR}.{MINOR}"
    configure = ["cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={place}", wanted]
    assert f"found {VERSION}" in run(*configure, cwd=outside)
    run("cmake", "--build", "build", cwd=outside)
    for language in ("c", "cpp"):
        for kind in ("shared", "static"):
            program = f"build/{language}_{kind}"
            needs = str(place) in run("ldd", program, cwd=outside)
            assert needs == (kind == "shared")
            assert (
                run(f"./{program}", f"data_{kind}_{language}", cwd=outside) == OUTPUT[f"program.{language}"]
            )


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (VERSION, True),
        (f"{MAJOR}.{MINOR}", True),
        ("0.0", False),
        (f"{MAJOR}.{MINOR + 1}", False),
        (f"{MAJOR + 1}.0", False),
    ],
)
def test_cmake_compares_versions(prefix: Path, outside: Path, wanted: str, fits: bool) -> None:
    done = subprocess.run(
        [
            *("cmake", "-S", str(outside), "-B", str(outside / "build")),
            *(f"-DCMAKE_PREFIX_PATH={prefix}", f"-DWANTED_VERSION={wanted}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == fits, done.stderr
    assert fits or f"version: {VERSION}" in done.stderr


def declared() -> set[str]:
    """The functions of the header."""
    text = (ROOT / "include" / "persistent_collections.h").read_text()
    code = re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    return set(re.findall(r"\b(pc_\w+)\s*\([^()]*\)\s*;", code))


@pytest.mark.parametrize("name", [REAL_NAME, "libpersistent_collections.a"])
def test_the_libraries_export_the_header_and_nothing_else(prefix: Path, name: str) -> None:
    options = ["-D"] if name == REAL_NAME else []
    lines = run("nm", "-g", "--defined-only", *options, prefix / "lib" / name).splitlines()
    symbols = {words[-1] for words in map(str.split, lines) if len(words) == 3}
    assert len(symbols) > 80
    assert symbols == declared()


def test_the_library_needs_only_the_c_runtime(prefix: Path) -> None:
    needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", prefix / "lib" / REAL_NAME))
    # The loader is a part of the C library; it gives threads their variables.
    allowed = r"(libc|libgcc_s|libm|libpthread|ld-linux.*)\.so\.\d+"
    assert needed
    assert [name for name in needed if not re.fullmatch(allowed, name)] == []
