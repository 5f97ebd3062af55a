"""Exit codes, and the report of a failure: one line on standard error."""

from __future__ import annotations

import contextlib
import os
import sys

from ..errors import Error

__all__ = ["DONE", "FAILED", "NAME", "NO", "Failure", "say"]

NAME = "persistent_collections"

#: The command succeeded, or the answer is yes.
DONE = 0
#: The key does not exist, or the file is damaged.
NO = 1
#: The command failed.
FAILED = 2


class Failure(Error, ValueError):
    """A failure of the program, with a message for its user."""


def say(what: object) -> None:
    """Prints one line to standard error."""
    if isinstance(what, OSError) and what.strerror and not getattr(what, "message", ""):
        place = "" if what.filename is None else f"{os.fsdecode(what.filename)}: "
        what = f"{place}{what.strerror}"
    elif isinstance(what, KeyError) and not getattr(what, "message", ""):
        what = f"no collection named {what}"
    text = " ".join(str(what).split("\n"))
    with contextlib.suppress(OSError):
        # If standard error cannot be written, the exit code has to be enough.
        print(f"{NAME}: {text}", file=sys.stderr, flush=True)
