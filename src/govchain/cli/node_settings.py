"""The settings of a data directory's node, for commands that work on the directory beside it.

Rules: a node may run with a settings file that lies elsewhere (``govchain up --config``), which the directory does not
tell: every command that goes by a setting takes the same ``--config``; without it the directory's own file holds. The
environment comes after the file, as for the node.
Not here: the settings (``node.settings``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govchain.cli.session import t

if TYPE_CHECKING:
    from govchain.node.settings import Settings

__all__ = ["SettingsFile", "node_settings"]

SettingsFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help=t("option.settings_file"), show_default=False)
]


def node_settings(directory: Path, file: Path | None) -> Settings:
    """The settings by which a node of ``directory`` runs: of ``file``, where one is named, and of the environment.

    Raises:
        UnavailableError: ``FILE_UNREADABLE``, also where the named file is not there.
        UsageError: an unknown setting, or a value that does not fit.
    """
    from govchain.node.settings import load_settings  # noqa: PLC0415 - loaded where needed
    from govchain.storage import DirectoryLayout  # noqa: PLC0415

    return load_settings(file or DirectoryLayout(directory).settings, os.environ, {}, required=file is not None)
