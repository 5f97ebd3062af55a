"""`check`, `copy` and `flush`."""

from __future__ import annotations

from pathlib import Path

import pytest

from persistent_collections import CorruptedError, Environment, PersistentDict
from persistent_collections.command import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def directory(tmp_path: Path) -> str:
    with Environment(tmp_path / "e") as env:
        PersistentDict[int, str](env, "many").update((i, f"value {i}") for i in range(1_000))
    return str(tmp_path / "e")


def damage(directory: str) -> None:
    """Overwrites the last page in use."""
    with Environment(directory, read_only=True) as env:
        info = env.info()
    data = Path(directory) / "data.mdb"
    with open(data, "r+b") as file:
        file.seek(data.stat().st_size - info.page_size)
        file.write(b"\xff" * info.page_size)


def test_check_counts_the_pages(directory: str, capsys: Capture) -> None:
    assert main(["check", directory]) == 0
    figures = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    with Environment(directory) as env:
        assert {name: int(text) for name, text in figures.items()} == env.check()._asdict()
    assert int(figures["pages"]) == sum(int(figures[name]) for name in ("used", "free", "lost"))
    assert figures["collections"] == "1"


def test_check_of_a_damaged_file_is_a_no(directory: str, capsys: Capture) -> None:
    damage(directory)
    assert main(["check", directory]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("persistent_collections: ")
    assert captured.err.count("\n") == 1
    with pytest.raises(CorruptedError), Environment(directory, read_only=True) as env:
        env.check()


def test_checking_a_path_without_an_environment_fails(tmp_path: Path, capsys: Capture) -> None:
    assert main(["check", str(tmp_path / "none")]) == 2
    (tmp_path / "data.mdb").write_bytes(b"no database" * 1000)
    assert main(["check", str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("compact", [[], ["--compact"]])
def test_copy(compact: list[str], directory: str, tmp_path: Path, capsys: Capture) -> None:
    with Environment(directory) as env:
        PersistentDict[int, str](env, "many").remove_range(0, 900)
    copied = str(tmp_path / "copied")
    assert main(["copy", directory, copied, *compact]) == 0
    with Environment(copied, create=False) as env:
        assert dict(PersistentDict[int, str](env, "many")) == {
            i: f"value {i}" for i in range(900, 1_000)
        }
        assert (env.check().free == 0) == bool(compact)
    assert main(["copy", directory, copied, *compact]) == 2
    assert capsys.readouterr().err == (
        f"persistent_collections: '{copied}' exists; nothing was changed\n"
    )


def test_flush(directory: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["flush", directory]) == 0
    assert main(["flush", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    assert capsys.readouterr().out == ""
