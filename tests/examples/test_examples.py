"""The programs in examples/, in C and in C++, do what they say: what they print is checked."""

from __future__ import annotations

import collections
import random
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "target" / "release"
COMPILERS = {
    "c": ["cc", "-std=c99"],
    "cpp": ["c++", "-std=c++17"],
}
FLAGS = ["-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-O1", f"-I{ROOT / 'include'}"]
LINK = [f"-L{LIBRARY}", f"-Wl,-rpath,{LIBRARY}", "-lpersistent_collections", "-lm"]
NAMES = ["word_count", "cache", "job_queue", "nearest"]


class Programs:
    """The programs of one language, compiled when they are first used."""

    def __init__(self, language: str, place: Path) -> None:
        self.language = language
        self.place = place

    def path(self, name: str) -> str:
        program = self.place / name
        if not program.exists():
            source = ROOT / "examples" / f"{name}.{self.language}"
            command = [*COMPILERS[self.language], *FLAGS, str(source), "-o", str(program), *LINK]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return str(program)

    def start(self, name: str, *arguments: object) -> subprocess.Popen[str]:
        command = [self.path(name), *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, name: str, *arguments: object) -> str:
        with self.start(name, *arguments) as process:
            printed, said = process.communicate()
        assert process.returncode == 0, said
        return printed


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Programs]:
    return {
        language: Programs(language, tmp_path_factory.mktemp(f"examples-{language}"))
        for language in COMPILERS
    }


@pytest.fixture(params=COMPILERS)
def programs(request: pytest.FixtureRequest, both: dict[str, Programs]) -> Programs:
    return both[request.param]


def test_each_example_is_there_in_both_languages_and_tested() -> None:
    found = {path.name for path in (ROOT / "examples").iterdir() if path.suffix in (".c", ".cpp")}
    assert found == {f"{name}.{language}" for name in NAMES for language in COMPILERS}


@pytest.mark.parametrize("name", NAMES)
def test_wrong_use_is_reported(programs: Programs, name: str) -> None:
    with programs.start(name) as process:
        printed, said = process.communicate()
    assert process.returncode == 2
    assert printed == ""
    assert said.startswith(f"usage: {name} DIRECTORY")


def most_frequent(text: str) -> str:
    counts = collections.Counter(re.findall("[a-z]+", text.lower()))
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    return "".join(f"{count} {word}\n" for word, count in best)


def write_text(path: Path, lines: int, seed: int) -> str:
    words = ["".join(chr(97 + (at * 7 + i) % 26) for i in range(2 + at % 5)) for at in range(60)]
    chosen = random.Random(seed)
    text = "\n".join(" ".join(chosen.choices(words, weights=range(60), k=3)) for _ in range(lines))
    path.write_text(text, encoding="ascii")  # the last line has no end
    return text


def test_words_are_counted_once_however_often_it_is_stopped(programs: Programs, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    text = write_text(first, 12000, 1) + "\n" + write_text(second, 3000, 2)
    kills = 0
    for commits in (1, 2, 3):
        with programs.start("word_count", tmp_path / "data", first, second) as process:
            assert process.stderr
            for _ in range(commits):  # each line tells of a commit
                assert "bytes" in process.stderr.readline()
            process.kill()
        kills += process.returncode == -9
    assert kills == 3
    assert programs.run("word_count", tmp_path / "data", first, second) == most_frequent(text)
    # Once more: all has been counted. A file that has grown is counted from where it ended.
    assert programs.run("word_count", tmp_path / "data", first, second) == most_frequent(text)
    with second.open("a", encoding="ascii") as file:
        file.write("\nzz " + "zz " * 5000)
    more = most_frequent(text + "\nzz " + "zz " * 5000)
    assert programs.run("word_count", tmp_path / "data", first, second) == more


def test_processes_share_a_cache(programs: Programs, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    # What it prints differs from process to process, and each run leaves a line.
    command = f"echo ran >> {runs}; echo $$ | tee /dev/stderr; head -c 100000 /dev/zero"
    started = [programs.start("cache", tmp_path / "data", command) for _ in range(3)]
    printed = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(set(printed)) == 1
    assert len(printed[0]) > 100000
    count = runs.read_text().count("ran")
    assert 1 <= count <= 3
    assert programs.run("cache", tmp_path / "data", command) == printed[0]
    assert runs.read_text().count("ran") == count, "what is known is not run again"
    assert programs.run("cache", tmp_path / "data") == f"{len(printed[0])} bytes: {command}\n"
    with programs.start("cache", tmp_path / "data", "exit", "3") as failing:
        assert "failed, and is not kept: exit 3" in failing.communicate()[1]
    assert failing.returncode == 1
    assert programs.run("cache", tmp_path / "data").count("\n") == 1


def factors(number: int) -> str:
    found, factor = [], 2
    left = number
    while left > 1:
        if factor * factor > left:
            factor = left
        while left % factor == 0:
            found.append(factor)
            left //= factor
        factor += 1
    return " ".join(map(str, [number, "=", *found]))


def test_two_workers_share_a_queue(programs: Programs, tmp_path: Path) -> None:
    numbers = [*range(1, 30), 2**31 - 1, 600851475143, 999999000001]
    programs.run("job_queue", tmp_path / "data", "add", *numbers)
    workers = [programs.start("job_queue", tmp_path / "data", "work") for _ in range(2)]
    printed = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    done = [int(re.fullmatch(r"did (\d+)\n", line)[1]) for line in printed]
    assert sum(done) == len(numbers), "each job is done once"
    expected = "".join(f"{factors(number)}\n" for number in numbers)
    assert programs.run("job_queue", tmp_path / "data", "results") == expected


def test_a_killed_workers_job_is_put_back(programs: Programs, tmp_path: Path) -> None:
    prime = 18446744073709551557  # takes long
    programs.run("job_queue", tmp_path / "data", "add", 7, prime)
    worker = programs.start("job_queue", tmp_path / "data", "work")
    while programs.run("job_queue", tmp_path / "data", "results") != "7 = 7\n":
        assert worker.poll() is None
    # The first is done, so the second is being done, or will be in a moment: kept either way.
    worker.kill()
    worker.communicate()
    programs.run("job_queue", tmp_path / "data", "add", 8)
    other = programs.start("job_queue", tmp_path / "data", "work")
    # The queue is in order: it does the prime first, which was put back to its place.
    while True:
        listed = subprocess.run(
            [ROOT / "target/venv/bin/python", "-c", LIST.format(data=str(tmp_path / "data"))],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT / "bindings/python/src",
        ).stdout.splitlines()
        if listed[0].startswith(str(other.pid)):
            break
        assert other.poll() is None
    assert listed == [f"{other.pid} 2 {prime}", "waiting 3 8"]
    other.kill()
    other.communicate()


# What is being done and what is waiting, as another language sees it.
LIST = """
from persistent_collections import Environment, PersistentDict
with Environment({data!r}) as env:
    with env.snapshot():
        for (worker, place), number in sorted(PersistentDict(env, "doing").items()):
            print(worker, place, number)
        for place, number in PersistentDict(env, "waiting").items():
            print("waiting", place, number)
"""


def test_the_nearest_words_are_found(programs: Programs, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("banana bandana cabana apple appel applet maple zebra zebras xylem\n")
    (tmp_path / "more.txt").write_text("apple grape grapes\n")
    data = tmp_path / "data"
    indexed = programs.run("nearest", data, "index", tmp_path / "words.txt", tmp_path / "more.txt")
    assert indexed == "12 words\n"
    apple = programs.run("nearest", data, "like", "apple").splitlines()
    assert apple[0] == "1.000 apple"
    assert apple[1].endswith(" applet")
    assert len(apple) == 5
    nearness = [float(line.split()[0]) for line in apple]
    assert nearness == sorted(nearness, reverse=True)
    assert programs.run("nearest", data, "like", "zebraz").splitlines()[0].endswith("zebra")


def test_both_languages_use_the_same_data(both: dict[str, Programs], tmp_path: Path) -> None:
    c, cpp = both["c"], both["cpp"]
    data, text = tmp_path / "data", tmp_path / "text.txt"
    text.write_text("one two two\n")
    assert c.run("word_count", data, text) == "2 two\n1 one\n"
    text.write_text("one two two\nthree one one\n")
    assert cpp.run("word_count", data, text) == "3 one\n2 two\n1 three\n"
    c.run("nearest", data, "index", text)
    assert cpp.run("nearest", data, "like", "one") == c.run("nearest", data, "like", "one")
    c.run("job_queue", data, "add", 12)
    assert cpp.run("job_queue", data, "work") == "did 1\n"
    assert c.run("job_queue", data, "results") == "12 = 2 2 3\n"
    cpp.run("cache", data, "echo", "hello")
    assert c.run("cache", data, "echo", "hello") == "hello\n"
