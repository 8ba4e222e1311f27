"""A later release to upgrade to: this source with another version, and one layer changed."""

from __future__ import annotations

import shutil
from pathlib import Path

from govchain import __version__
from tools.tidy.tree import ROOT

#: What the later release says that it is.
NEWER = "0.2.0"
#: The layer that it changed: what the HTTP side calls itself in its description.
TITLE = "GovChain next"


def make_newer(folder: Path) -> Path:
    """The later release's source below ``folder``: for ``PYTHONPATH``."""
    source = folder / "newer"
    shutil.copytree(ROOT / "src" / "govchain", source / "govchain", ignore=shutil.ignore_patterns("__pycache__"))
    _change(source / "govchain" / "__init__.py", f'__version__ = "{__version__}"', f'__version__ = "{NEWER}"')
    _change(source / "govchain" / "api" / "describe.py", '"GovChain (政链)"', f'"{TITLE}"')
    return source


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, path
    path.write_text(text.replace(old, new), "utf-8")
