"""The rules of the house that ruff, mypy and import-linter cannot express.

``python -m tools.tidy`` checks the working tree and prints every finding. :mod:`tools.tidy.determinism` reads the rooms
below the line, :mod:`tools.tidy.shape` file lengths, docstrings, READMEs and machine-bound text,
:mod:`tools.tidy.allowed` the exceptions with their reasons. Tests with planted faults are in ``tests/tidy``.
"""

from __future__ import annotations

from tools.tidy.finding import Finding

__all__ = ["Finding"]
