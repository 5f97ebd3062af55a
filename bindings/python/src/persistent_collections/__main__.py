"""`python -m persistent_collections`: see `command`."""

import sys

from .command import run

if __name__ == "__main__":
    sys.exit(run())
