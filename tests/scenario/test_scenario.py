"""One scenario in every language: the same answers, the same dumps, the same bytes. See README.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCENARIO = HERE / "scenario.txt"
# The C driver shows its own faults, and leaks, where it is not the answers that differ.
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
LANGUAGES = ["Rust", "C", "C++", "Python", "Julia"]


def compiled(compiler: list[str], source: Path) -> str:
    """The program that a driver's source makes with the library; kept until a source or header changes."""
    library = Path(os.environ["PERSISTENT_COLLECTIONS_LIBRARY"]).parent
    program = ROOT / "target" / "scenario" / source.name.replace(".", "_")
    program.parent.mkdir(parents=True, exist_ok=True)
    made_of = [source, Path(__file__), *(path for path in (ROOT / "include").rglob("*") if path.is_file())]
    if program.is_file() and program.stat().st_mtime > max(path.stat().st_mtime for path in made_of):
        return str(program)
    warnings = ["-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT / 'include'}"]
    link = [f"-L{library}", f"-Wl,-rpath,{library}", "-lpersistent_collections"]
    subprocess.run([*compiler, *warnings, str(source), "-o", str(program), *link], check=True)
    return str(program)


@pytest.fixture(scope="module")
def drivers() -> dict[str, list[str]]:
    """How each language's driver is called."""
    # The driver of Julia meets each type once or twice: compiling for each would take longer than the rest.
    julia = [os.environ["JULIA"], "--startup-file=no", "-O0", "--compile=min"]
    return {
        "Rust": [str(ROOT / "target" / "debug" / "examples" / "scenario")],
        "C": [compiled([os.environ.get("CC", "cc"), "-std=c11", "-g", *SANITIZERS], HERE / "driver.c")],
        "C++": [compiled([os.environ.get("CXX", "c++"), "-std=c++17"], HERE / "driver.cpp")],
        "Python": [sys.executable, str(HERE / "driver.py")],
        "Julia": [*julia, f"--project={ROOT / 'bindings' / 'julia'}", str(HERE / "driver.jl")],
    }


def call(driver: list[str], *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [*driver, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a PostgreSQL server of this module, with a parameter to follow."""
    with subprocess.Popen(
        [str(ROOT / "tools" / "postgres"), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        lines = iter(process.stdout.readline, "ready\n")
        urls = dict(line.rstrip().split("=", 1) for line in lines)
        yield f"{urls['socket']}&schema="
        process.stdin.close()


@pytest.fixture(scope="module", params=["files", "postgresql"])
def written(
    drivers: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, tuple[object, subprocess.CompletedProcess[str]]]:
    """The environment that each language has written, and what its driver said."""
    if request.param == "files":
        directory = tmp_path_factory.mktemp("environments")
        places: dict[str, object] = {language: directory / language for language in drivers}
    else:
        url = request.getfixturevalue("server")
        places = {language: f"{url}in_{number}" for number, language in enumerate(drivers)}
    return {
        language: (places[language], call(driver, "run", SCENARIO, places[language]))
        for language, driver in drivers.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_is_the_expected_one(written: dict, language: str) -> None:
    done = written[language][1]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def dumps(drivers: dict, written: dict) -> dict[str, list[str]]:
    """What each language reads from each environment, its own among them."""
    found = {}
    for language, driver in drivers.items():
        done = call(driver, "dump", *(path for path, _ in written.values()))
        assert (done.returncode, done.stderr) == (0, ""), language
        found[language] = re.split(r"^environment \d+\n", done.stdout, flags=re.M)[1:]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_reads_what_each_has_written(dumps: dict, language: str) -> None:
    expected = dumps["C"][0]
    assert expected.count("\n") > 200
    assert len(dumps[language]) == len(LANGUAGES)
    for writer, dump in zip(LANGUAGES, dumps[language]):
        assert dump == expected, f"written by {writer}, read by {language}"


@pytest.mark.parametrize("written", ["files"], indirect=True)
def test_the_records_are_the_same_bytes(written: dict) -> None:
    """As another LMDB program sees them."""

    def records(path: Path) -> dict[bytes, list[tuple[bytes, bytes]]]:
        found = {}
        with lmdb.open(str(path), max_dbs=200, readonly=True, lock=False) as env, env.begin() as txn:
            for name in list(txn.cursor().iternext(values=False)):
                # The catalog counts what was made and dropped.
                if name != b"pc:catalog":
                    found[name] = list(txn.cursor(env.open_db(name, txn=txn, create=False)))
        return found

    expected = records(written["C"][0])
    assert len(expected) > 40
    for language, (path, _) in written.items():
        assert records(path) == expected, language


def test_both_engines_hold_the_same(drivers: dict, tmp_path: Path, server: str) -> None:
    """A dump of the one is a dump of the other, byte by byte."""
    found = []
    for place in (tmp_path / "env", f"{server}the_same"):
        assert call(drivers["C"], "run", SCENARIO, place).returncode == 0
        done = call(drivers["C"], "dump", place)
        assert (done.returncode, done.stderr) == (0, "")
        found.append(done.stdout)
    assert found[0] == found[1] and found[0].count("\n") > 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_driver_that_lacks_an_operation_fails(drivers: dict, tmp_path: Path, language: str) -> None:
    scenario = tmp_path / "scenario.txt"
    lines = ["dict\ta\tstr\tstr\t=>\tok", "juggle\ta\t=>\tok", "len\ta\t=>\t7", "len\ta\t=>\t0"]
    scenario.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = call(drivers[language], "run", scenario, tmp_path / "env")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "line 2: juggle: expected ok, got no such operation",
        "line 3: len: expected 7, got 0",
    ]


def test_the_scenario_has_every_operation_and_hundreds_of_steps() -> None:
    lines = SCENARIO.read_text(encoding="utf-8").splitlines()
    steps = [line.split("\t") for line in lines if line and not line.startswith("#")]
    table = (HERE / "README.md").read_text(encoding="utf-8").partition("## Operations")[2]
    told = {name for row in re.findall(r"^\|([^|]*)\|", table, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert {step[0] for step in steps} == told
    assert len(steps) > 500
    used = {kind for step in steps if step[0] in ("dict", "set") for kind in step[2 : step.index("=>")]}
    numbers = {f"{kind}{width}" for kind in "iu" for width in (8, 16, 32, 64)} | {"f32", "f64"}
    assert numbers | {"bytes", "str", "bool", "uuid", "date", "datetime", "any"} <= used
