from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from persistent_collections import Environment, PersistentDict, PersistentSet
from persistent_collections.__main__ import main


@pytest.fixture
def directory(tmp_path: Path) -> str:
    with Environment(tmp_path / "e") as env:
        PersistentDict[str, int](env, "ages").update(Ada=36, Alan=41)
        PersistentSet[str](env, "names").update(["Ada"])
    return str(tmp_path / "e")


def test_list(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", directory]) == 0
    assert capsys.readouterr().out == "ages\tdict\tstr -> i64\t2\nnames\tset\tstr\t1\n"


def test_items(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["items", directory, "ages"]) == 0
    assert main(["items", directory, "names"]) == 0
    assert main(["items", directory, "ages", "--limit", "1"]) == 0
    expected = ["'Ada'\t36", "'Alan'\t41", "'Ada'", "'Ada'\t36"]
    assert capsys.readouterr().out.splitlines() == expected


def test_stat(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stat", directory]) == 0
    assert "page_size\t4096" in capsys.readouterr().out


def test_failures(directory: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["items", directory, "nothing"]) == 1
    assert capsys.readouterr().err == "persistent_collections: no collection named 'nothing'\n"
    assert main(["list", directory + "-none"]) == 1
    assert capsys.readouterr().err.startswith("persistent_collections: ")
    with pytest.raises(SystemExit) as caught:
        main(["items", directory, "ages", "--limit", "-1"])
    assert caught.value.code == 2


def test_as_a_program(directory: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "persistent_collections", "list", directory],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("ages\t")
