"""`python -m persistent_collections`: looks inside an environment while other processes use it.

One module for each group of commands: `reading`, `upkeep` and `transfer`. They return an
exit code as `grep` does: 0 for success, 1 if the answer is no, 2 for a failure.
"""

from .program import main, run

__all__ = ["main", "run"]
