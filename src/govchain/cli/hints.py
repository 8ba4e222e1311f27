"""What to do next after an error, where the sentence of its code does not say enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from govchain.cli.session import t

if TYPE_CHECKING:
    from govchain.model import GovChainError

__all__ = ["hint_for"]

#: Codes with a hint of their own, ``hint.NAME`` in the catalogue.
_HINTED = frozenset(
    {
        "BATCH_MEMBER_BAD",
        "DATA_DIRECTORY_LOCKED",
        "DATA_DIRECTORY_MISSING",
        "EVIDENCE_NOT_OWNER",
        "HEAD_FORKED",
        "HEAD_STALE",
        "KEY_FILE_PASSPHRASE",
        "ROLE_MISSING",
    }
)


def hint_for(error: GovChainError) -> str:
    """A line that names the command to try, or nothing."""
    name = error.code.name
    if name == "TRUST_MISMATCH":
        # The fingerprint of a file may be wrong, too: then there is nothing to add.
        place = next((one for one in ("path", "node") if one in error.params), "")
        return t({"path": "hint.TRUST_MISMATCH", "node": "hint.TRUST_MISMATCH_NODE"}.get(place, ""), **error.params)
    return t(f"hint.{name}", **error.params) if name in _HINTED else ""
