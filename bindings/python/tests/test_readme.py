"""The README's examples run as they stand there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

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
