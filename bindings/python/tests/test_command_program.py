"""The command as a program: exit codes, pipes, terminals, other processes."""

from __future__ import annotations

import fcntl
import os
import pty
import shlex
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import persistent_collections
from persistent_collections import Environment, PersistentDict
from persistent_collections.command import main

PROGRAM = [sys.executable, "-m", "persistent_collections"]


@pytest.fixture
def directory(tmp_path: Path) -> str:
    with Environment(tmp_path / "e") as env:
        PersistentDict[int, str](env, "many").update((i, f"value {i}") for i in range(50_000))
    return str(tmp_path / "e")


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], capture_output=True, text=True, check=False, **options
    )


def test_help_and_version() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("list", "get", "items", "info", "check", "copy", "flush", "export", "import"):
        assert f"\n    {command} " in done.stdout
        assert run(command, "--help").returncode == 0
    assert "stat" not in run("--help").stdout
    version = f"persistent_collections {persistent_collections.__version__}\n"
    assert run("--version").stdout == version


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["items", "DIR"], ["items", "DIR", "many", "--limit", "-1"]]
)
def test_wrong_usage_is_one_line_and_2(arguments: list[str], directory: str) -> None:
    done = run(*(argument.replace("DIR", directory) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("persistent_collections: ")
    assert done.stderr.count("\n") == 1


def test_options_can_be_between_names(tmp_path: Path) -> None:
    directory = str(tmp_path / "e")
    with Environment(directory) as env:
        PersistentDict[str, str](env, "many").update(a="1", b="2")
    file = str(tmp_path / "many.csv")
    assert main(["export", directory, "-o", file, "many"]) == 0
    assert main(["import", str(tmp_path / "new"), "--into=-many", "--quiet", file]) == 0
    again = str(tmp_path / "again.csv")
    assert main(["export", str(tmp_path / "new"), "-o", again, "--", "-many"]) == 0
    assert Path(again).read_text() == Path(file).read_text()
    assert main(["items", "--limit", "1", directory, "--json", "many"]) == 0


def test_a_closed_pipe_is_quiet(directory: str) -> None:
    with subprocess.Popen(
        [*PROGRAM, "items", directory, "many"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"0\t'value 0'\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 128 + signal.SIGPIPE


def test_a_full_disk_is_a_failure(directory: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, "list", directory],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr == "persistent_collections: No space left on device\n"


@pytest.mark.parametrize(
    "command", ["list DIR >&-", "get DIR many 1 >&-", "get DIR many - <&-", "import DIR - <&-"]
)
def test_a_closed_stream_is_a_failure(command: str, directory: str) -> None:
    line = f"{shlex.join(PROGRAM)} {command.replace('DIR', shlex.quote(directory))}"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "persistent_collections: Bad file descriptor\n"


def test_streams_that_are_not_needed_may_be_closed(directory: str) -> None:
    program = shlex.join(PROGRAM)
    line = f"{program} copy {directory} {directory}-copy <&- >&- && {program} list nowhere 2>&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
    assert main(["check", f"{directory}-copy"]) == 0


def test_without_a_message_the_exit_status_reports_the_failure(directory: str) -> None:
    # The interpreter would try again at exit to write buffered output.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    for arguments, code in ((["get", directory, "many", "-1"], 1), (["list", "nowhere"], 2)):
        for environment in (buffered, {**buffered, "PYTHONUNBUFFERED": "1"}):
            with open("/dev/full", "w") as full:
                done = subprocess.run(
                    [*PROGRAM, *arguments], stderr=full, env=environment, check=False
                )
            assert done.returncode == code


def test_a_file_that_cannot_be_written_is_named_as_it_was_given(directory: str) -> None:
    done = run("export", directory, "-o", "/no/such/place.jsonl")
    assert done.returncode == 2
    assert done.stderr == (
        "persistent_collections: /no/such/place.jsonl: No such file or directory\n"
    )


def test_characters_that_a_terminal_cannot_show_are_escaped(tmp_path: Path) -> None:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, str](env, "d")["é"] = "日"
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    arguments = ("items", str(tmp_path / "e"), "d")
    assert run(*arguments, env=ascii_only).stdout == "'\\xe9'\t'\\u65e5'\n"
    assert run(*arguments, "--json", env=ascii_only).stdout == (
        '{"key": "\\u00e9", "value": "\\u65e5"}\n'
    )
    exported = run("export", *arguments[1:], env=ascii_only, encoding="utf-8").stdout
    assert exported.splitlines()[1] == '{"key": "é", "value": "日"}'


def test_interrupted(directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> Iterator[Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(PersistentDict, "items", interrupt)
    assert main(["items", directory, "many"]) == 130


WRITER = """
import sys
from persistent_collections import Environment, PersistentDict
with Environment(sys.argv[1], durability="none") as env:
    d = PersistentDict(env, "many", key=int, value=str)
    while sys.stdin.readline():
        with env.transaction():
            first = d[0]
            d[0] = d[1] = first + "+"
            print("inside", flush=True)
            sys.stdin.readline()
        print("done", flush=True)
"""


def test_it_reads_while_others_write(directory: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as writer:
        assert writer.stdin is not None and writer.stdout is not None

        def step() -> str:
            assert writer.stdin is not None and writer.stdout is not None
            writer.stdin.write("\n")
            writer.stdin.flush()
            return writer.stdout.readline()

        assert step() == "inside\n"
        # Inside the other process's transaction: its writes are invisible, and no process waits.
        assert run("get", directory, "many", "0").stdout == "value 0\n"
        assert run("check", directory).returncode == 0
        assert run("copy", directory, f"{directory}-copy").returncode == 0
        assert step() == "done\n"
        assert run("get", directory, "many", "1").stdout == "value 0+\n"
        assert run("get", f"{directory}-copy", "many", "1").stdout == "value 1\n"
        writer.stdin.close()
        assert writer.wait() == 0


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Returns the exit code, and the output to a terminal that is standard error."""
    ours, its = pty.openpty()
    # A size of the terminal: without one, a bar has no space.
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen([*PROGRAM, *arguments], stderr=its, stdin=subprocess.DEVNULL) as process:
        os.close(its)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:
                # Linux reports this after the other end was closed.
                break
            if not part:
                break
            shown += part
        code = process.wait()
    os.close(ours)
    return code, shown.decode()


def test_a_bar_on_a_terminal_only(directory: str, tmp_path: Path) -> None:
    file = str(tmp_path / "many.jsonl")
    code, shown = on_a_terminal("export", directory, "many", "-o", file)
    assert code == 0
    assert "50.0k" in shown
    code, shown = on_a_terminal("import", f"{directory}-new", file)
    assert code == 0
    assert "%|" in shown
    assert on_a_terminal("export", directory, "many", "-o", file, "--quiet") == (0, "")
    assert run("export", directory, "many", "-o", file).stderr == ""


def test_without_tqdm_there_is_no_bar(directory: str, tmp_path: Path) -> None:
    file = str(tmp_path / "many.jsonl")
    program = (
        "import sys; sys.modules['tqdm'] = None; from persistent_collections.command import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "export", directory, "many", "-o", file], check=False
    )
    assert done.returncode == 0
    assert len(Path(file).read_text().splitlines()) == 50_001
