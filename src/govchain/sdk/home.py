"""The user's own folder: where trust, profiles, sessions and the submitter's directories lie.

Not here: what is in it (:mod:`govchain.sdk.trust`, :mod:`govchain.sdk.catalogue`, ``cli.profiles``).
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["HOME_VARIABLE", "catalogue_path", "default_home"]

#: Names the user's folder in the environment.
HOME_VARIABLE = "GOVCHAIN_HOME"


def default_home() -> Path:
    """``GOVCHAIN_HOME`` when set, else the system's place for settings, such as ``~/.config/govchain``."""
    given = os.environ.get(HOME_VARIABLE)
    if given:
        return Path(given)
    from platformdirs import user_config_dir  # noqa: PLC0415 - not needed when the variable is set

    return Path(user_config_dir("govchain"))


def catalogue_path(home: Path, fingerprint: str) -> Path:
    """The submitter's directory for the chain whose genesis has ``fingerprint`` (hex), reached through any node.

    It belongs to the chain, not to a node or profile, so that what was anchored through one is found through another.
    """
    return home / "chains" / fingerprint / "catalogue.sqlite3"
