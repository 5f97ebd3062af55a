"""What tools/performance reads and writes: the figures of benchmarks, as tables and plots."""

from __future__ import annotations

#: The program, as its messages name it.
PROGRAM = "tools/performance"


class Failure(Exception):
    """What keeps the page from being written, for the user."""
