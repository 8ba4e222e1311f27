"""The ``govchain`` command: thin shells over ``sdk``, ``node`` and ``ops``, for people and for scripts.

Rules: every command takes ``--json``; a person reads Chinese or English; no traceback reaches a user; exit codes are
0 holds, 1 refused, 2 usage, 3 consistent but untrusted, 4 withdrawn or superseded, 5 unavailable. Modules are loaded
when their command is called. Not here: use cases.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command that ``sys.argv`` names and exit with its code."""
    from govchain.cli.start import run  # noqa: PLC0415 - importing the package alone costs nothing

    run()
