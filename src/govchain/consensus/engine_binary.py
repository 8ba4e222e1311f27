"""Where an external engine's program is: a folder that someone named, the source tree's own, or the search path.

Purpose: one answer for every engine, so that a node, its tests and ``doctor`` agree on which program runs.
Rules: the folder that is named (a setting, or ``GOVCHAIN_ENGINES``) is the only one looked in; without one the programs
that ``make engines`` built beside this source tree come first, then ``PATH``. Environment and folder are handed in.
Not here: building them (``engines/``, ``make engines``), running them (:mod:`govchain.consensus.processes`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from govchain.model import Code, UnavailableError

__all__ = ["ENGINES_VARIABLE", "find_engine"]

#: The environment's name for the folder that holds the engines' programs.
ENGINES_VARIABLE: Final = "GOVCHAIN_ENGINES"


def find_engine(name: str, environment: Mapping[str, str], folder: str = "") -> Path:
    """The program of the engine ``name`` (``cometbft``, ``etcd``), as an absolute path.

    Args:
        name: the program's file name.
        environment: ``GOVCHAIN_ENGINES`` and ``PATH`` are read from it.
        folder: from a setting; where it is not empty it is looked in instead of anything else.

    Raises:
        UnavailableError: ``ENGINE_MISSING``, with where it was looked for.
    """
    named = folder or environment.get(ENGINES_VARIABLE, "")
    if named:
        places = [Path(named).absolute()]
    else:
        places = [*_beside_source(), *(Path(each) for each in environment.get("PATH", "").split(os.pathsep) if each)]
    found = shutil.which(name, path=os.pathsep.join(str(place) for place in places)) if places else None
    if found is None:
        looked = named or "engines/bin, PATH"
        raise UnavailableError(Code.ENGINE_MISSING, path=name, reason=looked)
    return Path(found).absolute()


def _beside_source() -> list[Path]:
    """``engines/bin`` of the source tree that this file belongs to; nothing for an installed package."""
    root = Path(__file__).resolve().parents[3]
    return [root / "engines" / "bin"] if (root / "engines" / "README.md").is_file() else []
