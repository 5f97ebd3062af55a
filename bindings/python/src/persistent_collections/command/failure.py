"""Exit codes, and how the program says what went wrong: one line, on standard error."""

from __future__ import annotations

import contextlib
import os
import sys

from ..errors import Error

__all__ = ["DONE", "FAILED", "NAME", "NO", "Failure", "say"]

NAME = "persistent_collections"

#: It is done, or the answer is yes.
DONE = 0
#: There is no such key; the file is damaged.
NO = 1
#: It could not be done.
FAILED = 2


class Failure(Error, ValueError):
    """What the program refuses, in words for its user."""


def say(what: object) -> None:
    """Prints one line to standard error."""
    if isinstance(what, OSError) and what.strerror and not getattr(what, "message", ""):
        place = "" if what.filename is None else f"{os.fsdecode(what.filename)}: "
        what = f"{place}{what.strerror}"
    elif isinstance(what, KeyError) and not getattr(what, "message", ""):
        what = f"no collection named {what}"
    text = " ".join(str(what).split("\n"))
    with contextlib.suppress(OSError):
        # Where nothing can be said, the exit code tells.
        print(f"{NAME}: {text}", file=sys.stderr, flush=True)
