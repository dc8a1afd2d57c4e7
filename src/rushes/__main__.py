"""`python -m rushes` is the command `rushes`."""

from __future__ import annotations

import sys

from rushes.cli import main

if __name__ == "__main__":  # the rehearsal backend's drawing processes import this module too
    sys.exit(main())
