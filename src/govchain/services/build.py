"""Which build this is: a digest of what is installed.

Purpose: a version names a release; the build tells whether two installations of it have the same text. The build is
the first 16 hex digits of SM3 over the frame ``govchain/build/1`` of (path, content) pairs of every ``*.py`` of the
package, sorted by path, line ends as LF. It stands beside the version in ``govchain version``, ``/v1/chain``,
``/v1/openapi.json``, the metrics and the log. Not here: the digests of families, which genesis pins (``node.modules``).
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from govchain.crypto import frame, get_suite

__all__ = ["BUILD_DIGITS", "build_id", "package_sources"]

#: Hex digits of a build's name.
BUILD_DIGITS: Final = 16


@cache
def build_id() -> str:
    """The build's name, computed once in a process: a few tens of milliseconds."""
    parts: list[bytes] = []
    for path, content in sorted(package_sources(resources.files("govchain"))):
        parts += [path.encode(), content.replace(b"\r\n", b"\n")]
    return get_suite("gm").digest(frame("govchain/build/1", *parts)).hex()[:BUILD_DIGITS]


def package_sources(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Path below ``folder``, after ``prefix``, and content of each ``*.py`` there and below; in no order."""
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += package_sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
