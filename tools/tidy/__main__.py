"""Checks the working tree; ``python -m tools.tidy``."""

from __future__ import annotations

import sys

from tools.tidy.tree import check_tree, report

if __name__ == "__main__":
    sys.exit(report(check_tree()))
