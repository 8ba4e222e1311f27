"""The kinds of claim that are installed: those of the built-in families, and those that other packages offer.

Purpose: whoever builds or verifies packages hands them to ``proof``. Another package offers a kind by the entry-point
group ``govchain.claims``: an object that satisfies :class:`govchain.proof.claims.ClaimKind`.
Not here: the kinds (``modules/<family>/messages``), families of rules (``node.modules``).

Example::

    verify_package(data, trusted=anchors, kinds=installed_kinds())
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata
from types import MappingProxyType

from govchain.model import Code, UsageError
from govchain.modules.evidence.messages.claims import EVIDENCE_KIND
from govchain.proof.claims import TRANSACTION_KIND, ClaimKind
from govchain.proof.facts import ProvedClaim

__all__ = ["ENTRY_POINT_GROUP", "find_kinds", "installed_kinds"]

#: Entry points of this group name a :class:`govchain.proof.claims.ClaimKind`.
ENTRY_POINT_GROUP = "govchain.claims"
#: What a kind has; an object without one of these is none.
_PARTS = ("members", "verify_type", "read", "status_keys", "conclude", "states_status", "has_leaves")


#: Names that a manifest can carry.
_NAME = re.compile(r"[a-z][a-z0-9_]{1,31}")
#: Names that a report uses for the facts of every claim; a kind's own part would take their place.
_CLAIM_FIELDS = frozenset(ProvedClaim.__slots__)


@cache
def installed_kinds() -> Mapping[str, ClaimKind]:
    """Every installed kind by name, looked for once in a process.

    Raises:
        UsageError: an entry point that is no kind of claim, a name that none can have, or two kinds of one name.
    """
    return MappingProxyType(find_kinds(metadata.entry_points(group=ENTRY_POINT_GROUP)))


def find_kinds(entries: Iterable[metadata.EntryPoint]) -> dict[str, ClaimKind]:
    """The built-in kinds and those that ``entries`` name, sorted by name.

    Raises:
        UsageError: as :func:`installed_kinds`.
    """
    found = {kind.name: kind for kind in (EVIDENCE_KIND, TRANSACTION_KIND)}
    for entry in sorted(entries, key=lambda entry: entry.name):
        kind = entry.load()
        if not isinstance(getattr(kind, "name", None), str) or not all(hasattr(kind, part) for part in _PARTS):
            raise UsageError(Code.USAGE, reason=f"entry point {entry.name} is no kind of claim")
        if not _NAME.fullmatch(kind.name) or kind.name in _CLAIM_FIELDS - found.keys():
            raise UsageError(
                Code.USAGE, reason=f"entry point {entry.name}: {kind.name[:80]!r} can name no kind of claim"
            )
        if kind.name in found:
            raise UsageError(Code.USAGE, reason=f"two installed kinds of claim are named {kind.name}")
        found[kind.name] = kind
    return {name: found[name] for name in sorted(found)}
