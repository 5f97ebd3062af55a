"""`python -m persistent_collections`: a look inside an environment, while others use it.

One module for each group of commands: `reading`, `upkeep` and `transfer`. They return an
exit code as `grep` does: 0 done, 1 the answer is no, 2 it failed.
"""

from .program import main, run

__all__ = ["main", "run"]
