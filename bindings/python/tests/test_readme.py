"""The README's examples run unchanged."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from persistent_collections import Environment, PersistentDict

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = [
    textwrap.dedent(example)
    for example in re.findall(
        r"^ *```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[number], str(README), "exec"), {})
    if number == 0:
        assert capsys.readouterr().out == "{'Ada': 36} True\n"
        assert (tmp_path / "backup" / "data.mdb").is_file()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


def test_the_commands(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    (commands,) = re.findall(r"```sh\n(alias pc=.*?)```", text, re.DOTALL)
    alias, rest = commands.split("\n", 1)
    assert alias == "alias pc='python -m persistent_collections'"
    with Environment(tmp_path / "data") as env:
        PersistentDict(env, "ages", key=str, value=int).update({"Ada": 36, "Alan": 41})
    program = f'pc() {{ "{sys.executable}" -m persistent_collections "$@"; }}\n{rest}'
    done = subprocess.run(
        ["sh", "-euc", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ages\tdict\tstr -> i64\t2\n36\n'Ada'\t36\n'Alan'\t41\n")
    with Environment(tmp_path / "elsewhere") as env:
        assert PersistentDict[str, int](env, "ages") == {"Ada": 36, "Alan": 41}
