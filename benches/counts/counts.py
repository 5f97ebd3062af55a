#!/usr/bin/env python3
"""counts.py check|record: instructions of the hot calls, under callgrind, beside those of baseline.json.

Times differ from run to run, instructions do not. `check` fails where a row takes more than 3 % more
instructions than recorded; with `--against COMMIT` it builds and measures that commit, instead of reading the
record. It does so by itself, with the commit that was recorded, where the tools are others than those of the
record. `record` writes baseline.json: the counts, the commit, and the versions of the tools.

calls.c, items.py and items.jl hold the rows. What they do first, to start, open, fill and compile, is not
counted; the rest is divided by the number of items.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "target" / "counts"
BASELINE = HERE / "baseline.json"

#: How much more a row may take than recorded.
BOUND = 0.03
#: What a language's instructions depend on, beside the code.
COMPILED = ("processor", "libc", "valgrind", "rustc", "cc")
TOOLS = {"C": COMPILED, "Python": (*COMPILED, "python"), "Julia": (*COMPILED, "julia")}

#: From how many bytes on libc fills and copies memory by one repeating instruction.
REPEATING = ("x86_rep_stosb_threshold", "x86_rep_movsb_threshold")

#: Instructions of each row, by language.
Counts = Mapping[str, Mapping[str, float]]


class Failure(Exception):
    """What keeps the counts from being taken, for the user to read."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """Instructions, and the versions of the tools that made what was counted."""

    tools: Mapping[str, str]
    counts: Counts


# ---- comparing


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table, and whether it keeps the check from passing."""

    language: str
    name: str
    before: float | None
    now: float | None
    verdict: str
    fails: bool

    def __str__(self) -> str:
        change = f"{self.now / self.before - 1:+.2%}" if self.now and self.before else ""
        numbers = "".join(f"{'' if n is None else f'{n:,.1f}':>13}" for n in (self.before, self.now))
        return f"{self.language:7} {self.name:30}{numbers}{change:>10}  {self.verdict}".rstrip()


def differences(language: str, before: Measured, now: Measured) -> list[str]:
    """Which of a language's tools are others than before."""
    return [
        f"{tool} {before.tools.get(tool, 'unknown')}, now {now.tools[tool]}"
        for tool in TOOLS[language]
        if before.tools.get(tool) != now.tools[tool]
    ]


def compare(before: Measured, now: Measured) -> list[Row]:
    """The rows of both, each with its verdict."""
    rows = []
    for language in TOOLS:
        old, new = before.counts.get(language, {}), now.counts.get(language, {})
        incomparable = bool(differences(language, before, now))
        for name in dict.fromkeys([*old, *new]):
            was, is_now = old.get(name), new.get(name)
            if was is None or is_now is None:
                verdict, fails = ("not recorded" if was is None else "NOT MEASURED"), True
            elif incomparable:
                verdict, fails = "not comparable", True
            elif is_now > was * (1 + BOUND):
                verdict, fails = "SLOWER", True
            else:
                verdict, fails = ("faster" if is_now < was * (1 - BOUND) else ""), False
            rows.append(Row(language, name, was, is_now, verdict, fails))
    return rows


def advice(rows: Iterable[Row], before: Measured, now: Measured) -> list[str]:
    """What the table means, and what to do about it."""
    rows = list(rows)
    others = dict.fromkeys(line for language in TOOLS for line in differences(language, before, now))
    said = []
    if others:
        said += ["The baseline was recorded with other tools, which by themselves change the counts:"]
        said += [f"    {line}" for line in others]
        said += [
            "To compare nevertheless, `make check-counts AGAINST=COMMIT` measures a commit with these tools.",
            "Where the project goes over to them, `make bench-baseline` records the counts of unchanged",
            "code, in a commit of its own.",
        ]
    if any(row.verdict == "SLOWER" for row in rows):
        said += [
            f"SLOWER: more than {BOUND:.0%} more instructions. Where a change is worth them,",
            "`make bench-baseline` records the counts, and the commit says why.",
        ]
    if any(row.verdict == "faster" for row in rows):
        said += ["faster: `make bench-baseline` records it, so that it is not lost again unnoticed."]
    if any(row.verdict in ("not recorded", "NOT MEASURED") for row in rows):
        said += ["The rows are others than those of the baseline: `make bench-baseline` records them."]
    return said


def report(before: Measured, now: Measured) -> bool:
    """Prints the table, and returns whether all is well."""
    rows = compare(before, now)
    print(f"{'':38}{'baseline':>13}{'now':>13}{'change':>10}")
    for row in rows:
        print(row)
    failed = sum(row.fails for row in rows)
    for line in advice(rows, before, now):
        print(line)
    print(f"instructions: {len(rows) - failed} rows hold, {failed} do not")
    return bool(rows) and not failed


# ---- measuring


def output(*command: str) -> str:
    """What a command prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise Failure(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr}")
    return done.stdout.strip()


def tools(julia: str) -> dict[str, str]:
    """The versions of all that decides which instructions are run."""
    # libc has its own ways for each kind of processor; valgrind shows them none that is newer than these.
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    kinds = [kind for kind in ("avx2", "avx", "sse4_2", "asimd") if kind in flags]
    cc = os.environ.get("CC", "cc")
    family = "clang" if "clang" in output(cc, "--version") else "gcc"
    return {
        "processor": " ".join([platform.machine(), *kinds[:1]]),
        "libc": " ".join(platform.libc_ver()),
        "valgrind": output("valgrind", "--version").removeprefix("valgrind-"),
        "rustc": output("rustc", "--version").split()[1],
        "cc": f"{family} {output(cc, '-dumpfullversion', '-dumpversion')}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "julia": output(julia, "--version").split()[-1],
    }


def compile_c(what: str, *arguments: str) -> Path:
    """Compiles one of the C sources."""
    made = WORK / what
    # Functions are found when the program starts, and not in the first part that is counted.
    flags = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wl,-z,now", f"-I{HERE}", "-o", str(made)]
    output(os.environ.get("CC", "cc"), *flags, *arguments)
    return made


def compile_counting() -> tuple[Path, Path]:
    """Compiles what the programs that are counted load before libc, whose functions it replaces."""
    # Not that the compiler takes what it knows of libc's functions for granted in them.
    flags = ["-fPIC", "-shared", "-fno-builtin"]
    counting = [*flags, str(HERE / "counting.c"), str(HERE / "steady.c"), "-ldl"]
    return compile_c("libcounting.so", *counting), compile_c("libmemory.so", *flags, str(HERE / "memory.c"))


def parse(dumps: Iterable[str]) -> dict[str, float]:
    """Instructions of an item of each row, as callgrind wrote them out; of a row's counts the last holds."""
    rows = {}
    for dump in dumps:
        asked = re.search(r"^desc: Trigger: Client Request: (\d+) (.+)$", dump, re.M)
        if asked:
            total = re.search(r"^totals: (\d+)$", dump, re.M)
            if not total:
                raise Failure(f"callgrind wrote no totals for {asked[2]}")
            rows[asked[2]] = round(int(total[1]) / int(asked[1]), 1)
    return rows


class Counting:
    """A program that is running under callgrind."""

    def __init__(self, command: list[str], directory: Path, library: Path, **environment: str) -> None:
        self.command, self.dumps, self.log = command, directory / "dumps", directory / "log"
        self.dumps.mkdir()
        # The program may be started by a script.
        valgrind = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--instr-atstart=no"]
        environment = {
            **os.environ,
            "PERSISTENT_COLLECTIONS_LIBRARY": str(library),
            # callgrind counts each repetition, one a byte, and so makes much of what is quick.
            "GLIBC_TUNABLES": ":".join(f"glibc.cpu.{name}=0x40000000" for name in REPEATING),
            **environment,
        }
        with self.log.open("wb") as log:
            self.running = subprocess.Popen(
                [*valgrind, f"--callgrind-out-file={self.dumps}/%p", *command],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def rows(self) -> dict[str, float]:
        """Waits for its end; instructions of an item of each of its rows."""
        status = self.running.wait()
        if status:
            log = self.log.read_text(encoding="utf-8", errors="replace")
            raise Failure(f"{' '.join(self.command)} ended with status {status}:\n{log}")
        dumps = sorted(self.dumps.glob("*.*"), key=lambda dump: int(dump.suffix[1:]))
        rows = parse(dump.read_text(encoding="utf-8") for dump in dumps)
        if not rows:
            raise Failure(f"{' '.join(self.command)} has measured nothing")
        return rows


def measure(tree: Path, julia: str) -> Measured:
    """Counts what the library and the bindings in a tree take, as built there."""
    release = tree / "target" / "release"
    library = release / "libpersistent_collections.so"
    if not library.is_file():
        raise Failure(f"there is no library at {library}: run `make build`")
    WORK.mkdir(parents=True, exist_ok=True)
    counting, memory = compile_counting()
    # By the name that stands in the library: `make build` links it, cargo alone does not.
    named = WORK / "libpersistent_collections.so.0"
    named.unlink(missing_ok=True)
    named.symlink_to(library)
    calls = compile_c(
        *("calls", f"-I{tree / 'include'}", str(HERE / "calls.c"), str(counting), str(library)),
        f"-Wl,-rpath,{WORK}",
    )
    # Julia binds what it loads to libc itself: the library is there before, and memory stays libc's.
    preloaded, julia_preloaded = (
        {"LD_PRELOAD": " ".join(map(str, libraries))}
        for libraries in ((counting, memory), (counting, library))
    )
    python = {
        "PYTHONPATH": str(tree / "bindings" / "python" / "src"),
        "PYTHONHASHSEED": "0",
        "PERSISTENT_COLLECTIONS_ACCELERATOR": str(release / "libpersistent_collections_python.so"),
    }
    threads = {"JULIA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    project = f"--project={tree / 'bindings' / 'julia'}"
    with tempfile.TemporaryDirectory(dir=WORK) as temporary:
        places = {language: Path(temporary) / language for language in TOOLS}
        data = {language: str(place / "data") for language, place in places.items()}
        for place in places.values():
            (place / "data").mkdir(parents=True)
        commands: dict[str, tuple[list[str], dict[str, str]]] = {
            "C": ([str(calls), data["C"]], preloaded),
            "Python": (
                [sys.executable, str(HERE / "items.py"), data["Python"], str(counting)],
                {**preloaded, **python},
            ),
            "Julia": (
                [julia, "--startup-file=no", project, str(HERE / "items.jl"), data["Julia"], str(counting)],
                {**julia_preloaded, **threads},
            ),
        }
        # All at a time: what else runs does not change the counts.
        running = {
            language: Counting(command, places[language], library, **environment)
            for language, (command, environment) in commands.items()
        }
        try:
            counts = {language: program.rows() for language, program in running.items()}
        finally:
            for program in running.values():
                if program.running.poll() is None:
                    program.running.kill()
                    program.running.wait()
    return Measured(tools(julia), counts)


def built(commit: str) -> Path:
    """A tree of another commit, with its library."""
    tree = WORK / "against"
    sha = output("git", "-C", str(ROOT), "rev-parse", "--verify", f"{commit}^{{commit}}")
    if (tree / ".git").exists():
        output("git", "-C", str(tree), "checkout", "--quiet", "--detach", sha)
    else:
        output("git", "-C", str(ROOT), "worktree", "prune")
        output("git", "-C", str(ROOT), "worktree", "add", "--quiet", "--detach", str(tree), sha)
    manifest, target = tree / "Cargo.toml", tree / "target"
    output(
        *("cargo", "build", "--quiet", "--release", "--workspace"),
        *("--manifest-path", str(manifest), "--target-dir", str(target)),
    )
    return tree


# ---- the record


def recorded() -> Measured:
    """What baseline.json holds."""
    read = json.loads(BASELINE.read_text(encoding="utf-8"))
    return Measured(read["tools"], read["instructions"])


def record(measured: Measured) -> None:
    """Writes baseline.json."""
    commit = output("git", "-C", str(ROOT), "rev-parse", "HEAD")
    read = {"commit": commit, "tools": measured.tools, "instructions": measured.counts}
    BASELINE.write_text(json.dumps(read, indent=4) + "\n", encoding="utf-8")


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["check", "record"])
    parser.add_argument(
        "--against", metavar="COMMIT", help="check: measure this commit, in place of the record"
    )
    arguments = parser.parse_args()
    julia = os.environ.get("JULIA", "julia")
    try:
        if arguments.what == "record":
            record(measure(ROOT, julia))
            print(f"recorded in {BASELINE}; the commit says why")
            return 0
        now = measure(ROOT, julia)
        before = measure(built(arguments.against), julia) if arguments.against else recorded()
        if any(differences(language, before, now) for language in TOOLS):
            commit = json.loads(BASELINE.read_text(encoding="utf-8"))["commit"]
            print(f"the record was made with other tools: measuring its commit {commit[:12]} with these")
            before = measure(built(commit), julia)
        return 0 if report(before, now) else 1
    except Failure as failure:
        print(f"counts: {failure}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
