"""The projections of the built-in families, and those that installed packages offer."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata

from govchain.index.families.accounts import ACCOUNTS_PROJECTION
from govchain.index.families.evidence import EVIDENCE_PROJECTION
from govchain.index.families.governance import GOVERNANCE_PROJECTION
from govchain.index.projection import Projection
from govchain.model import Code, UsageError

__all__ = ["ENTRY_POINT_GROUP", "installed_projections"]

#: Entry points of this group name a :class:`govchain.index.projection.Projection`.
ENTRY_POINT_GROUP = "govchain.projections"


def installed_projections(families: Iterable[str]) -> tuple[Projection, ...]:
    """The projections of ``families``, sorted by name; a family without one adds no tables.

    Raises:
        UsageError: an entry point is no projection, or two are of one family.
    """
    built_in = (ACCOUNTS_PROJECTION, EVIDENCE_PROJECTION, GOVERNANCE_PROJECTION)
    found = {projection.family: projection for projection in built_in}
    for entry in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name):
        projection = entry.load()
        if not isinstance(projection, Projection):
            raise UsageError(Code.USAGE, reason=f"entry point {entry.name} is no projection")
        if projection.family in found:
            raise UsageError(Code.USAGE, reason=f"two projections of the family {projection.family}")
        found[projection.family] = projection
    wanted = set(families)
    return tuple(found[name] for name in sorted(found) if name in wanted)
