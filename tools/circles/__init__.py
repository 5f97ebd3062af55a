"""What check-circles reads: which file of a language takes what from which other one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SKIPPED = {".git", ".tox", ".venv", "__pycache__", "build", "node_modules", "target", "venv"}

#: What each file takes from which other ones: file -> file -> names.
Graph = dict[Path, dict[Path, set[str]]]


class Failure(Exception):
    """What keeps the files from being read, for the user."""


def walk(directory: Path) -> Iterator[tuple[Path, list[str]]]:
    """The directories of a tree that hold sources, with the names of their files."""
    for found, below, files in os.walk(directory):
        below[:] = sorted(name for name in below if name not in SKIPPED)
        yield Path(found), sorted(files)
