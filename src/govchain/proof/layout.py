"""What lies where in an evidence package: manifest, claims, proof files, and which members a set of claims needs.

Purpose: names and schemas of evidence-package.md 1 to 3 in one place, for building and for checking alike. Members
that only one kind of claim needs are named by the kind, which is handed in.
Not here: the zip (:mod:`govchain.proof.archive`), whether anything holds (:mod:`govchain.proof.verify`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from govchain.model import Code, DecodingError
from govchain.model.wire import Digest, Height
from govchain.proof.claims import Claim, ClaimKind
from govchain.proof.exact import decode_exact

__all__ = [
    "GENESIS_NAME",
    "MANIFEST_BYTES_MAX",
    "MANIFEST_NAME",
    "PACKAGE_FORMAT",
    "STATEMENT_NAMES",
    "HistoryProof",
    "Manifest",
    "PackagePlan",
    "body_name",
    "certificate_name",
    "check_claims",
    "check_members",
    "claim_order",
    "claim_place",
    "decode_manifest",
    "find_anchors",
    "header_name",
    "history_name",
    "plan_package",
    "receipt_name",
    "status_name",
    "transaction_proof_name",
    "unknown_kind",
]

#: The format's name and version.
PACKAGE_FORMAT: Final = "govchain-evidence-package/1"
MANIFEST_NAME = "manifest.json"
GENESIS_NAME = "genesis.json"
#: Statement member by language.
STATEMENT_NAMES = {"en": "statement.en.txt", "zh": "statement.zh.txt"}

#: Bytes of a manifest, at most; more than 4,096 claims and as many members need.
MANIFEST_BYTES_MAX = 2 * 1024 * 1024
_HISTORY_NAME = re.compile(r"proofs/history-([1-9][0-9]{0,15})-([1-9][0-9]{0,15})\.json")


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The table of contents: what is claimed of which chain, and the SM3 of every other member."""

    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    claims: Annotated[tuple[Claim, ...], Meta(min_length=1, max_length=4096)]
    format: Literal["govchain-evidence-package/1"]
    genesis: Digest
    members: dict[str, Digest]


class HistoryProof(Struct, frozen=True, forbid_unknown_fields=True):
    """That block ``height`` is leaf height - 1 of the ``history`` of header ``head``; path from leaf to root."""

    head: Height
    height: Height
    path: Annotated[tuple[Digest, ...], Meta(max_length=64)]


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """What a package with given claims and anchors must hold, beside the headers of signer-set changes.

    ``names`` are the members other than headers and certificates, sorted; ``optional`` those that may be there.
    ``claimed`` are block 1 and the heights that claims name, rising; ``heights`` these and the anchors';
    ``histories`` are the pairs (height, head) that are proved.
    """

    names: tuple[str, ...]
    optional: tuple[str, ...]
    claimed: tuple[int, ...]
    heights: tuple[int, ...]
    histories: tuple[tuple[int, int], ...]

    @property
    def head(self) -> int:
        """The last block that the package speaks of."""
        return self.claimed[-1]


def body_name(transaction: str) -> str:
    """Member with a transaction's body."""
    return f"bodies/{transaction}.json"


def receipt_name(transaction: str) -> str:
    """Member with a transaction's receipt."""
    return f"receipts/{transaction}.json"


def header_name(height: int) -> str:
    """Member with a block's header."""
    return f"headers/{height}.json"


def certificate_name(height: int) -> str:
    """Member with a block's finality certificate."""
    return f"certificates/{height}.json"


def transaction_proof_name(transaction: str) -> str:
    """Member that proves a transaction and its receipt."""
    return f"proofs/transaction-{transaction}.json"


def history_name(height: int, head: int) -> str:
    """Member that proves block ``height`` to be an ancestor of block ``head``."""
    return f"proofs/history-{height}-{head}.json"


def status_name(transaction: str, leaf: int | None) -> str:
    """Member that proves the status of what a transaction made, or of one leaf."""
    return f"proofs/status-{claim_place(transaction, leaf)}.json"


def claim_place(transaction: str, leaf: int | None) -> str:
    """How members' names tell which claim they are for: the transaction, and the leaf where there is one."""
    return transaction if leaf is None else f"{transaction}-{leaf}"


def decode_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        DecodingError: anything but the canonical encoding of a manifest, or ``BODY_TOO_LARGE``.
    """
    if len(data) > MANIFEST_BYTES_MAX:
        raise DecodingError(Code.BODY_TOO_LARGE, size_max=MANIFEST_BYTES_MAX)
    return decode_exact(data, Manifest)


def unknown_kind(claims: Sequence[Claim], kinds: Mapping[str, ClaimKind]) -> str:
    """The first kind among ``claims`` that is not installed, or an empty string."""
    return next((claim.kind for claim in claims if claim.kind not in kinds), "")


def check_claims(claims: Sequence[Claim], kinds: Mapping[str, ClaimKind]) -> str:
    """The reason why ``claims``, all of ``kinds``, break a rule of evidence-package.md 2, or an empty string."""
    order = [claim_order(claim) for claim in claims]
    if any(first >= second for first, second in pairwise(order)):
        return "order of claims"
    heights: dict[str, int] = {}
    for claim in claims:
        kind = kinds[claim.kind]
        if heights.setdefault(claim.transaction, claim.height) != claim.height:
            return "one transaction at two heights"
        if kind.states_status and (claim.status_height is None or claim.status_height < claim.height):
            return "status height"
        if not kind.states_status and claim.status_height is not None:
            return f"fields of a {kind.name} claim"
        if not kind.has_leaves and claim.member is not None:
            return f"fields of a {kind.name} claim"
    return ""


def plan_package(claims: Sequence[Claim], kinds: Mapping[str, ClaimKind], anchors: Iterable[int] = ()) -> PackagePlan:
    """The members that ``claims`` need, and ``anchors``: heights of blocks that are shown to be part of this past.

    An anchor's history shows the claimed blocks below it, and the last block's history shows the anchor: whoever trusts
    the anchor's header knows that these are its own past and not another one.
    """
    names = [GENESIS_NAME, *STATEMENT_NAMES.values()]
    optional: list[str] = []
    heights = [1]
    histories: list[tuple[int, int]] = []
    for claim in claims:
        names += [body_name(claim.transaction), receipt_name(claim.transaction)]
        names.append(transaction_proof_name(claim.transaction))
        heights.append(claim.height)
        histories.append((1, claim.height))
        if claim.status_height is not None:
            names.append(status_name(claim.transaction, claim.member))
            heights.append(claim.status_height)
            histories.append((claim.height, claim.status_height))
        own = kinds[claim.kind].members(claim)
        names += own.needed
        optional += own.optional
    claimed = sorted(dict.fromkeys(heights))
    head = claimed[-1]
    histories += [(height, head) for height in claimed]
    anchors = sorted(dict.fromkeys(anchors))
    for anchor in anchors:
        histories += [(height, anchor) for height in claimed]
        histories.append((anchor, head))
    histories = sorted(dict.fromkeys(pair for pair in histories if pair[0] < pair[1]))
    names += [history_name(*pair) for pair in histories]
    return PackagePlan(
        names=tuple(sorted(dict.fromkeys(names))),
        optional=tuple(sorted(optional)),
        claimed=tuple(claimed),
        heights=tuple(sorted(dict.fromkeys((*claimed, *anchors)))),
        histories=tuple(histories),
    )


def find_anchors(plan: PackagePlan, members: Iterable[str]) -> tuple[int, ...]:
    """The anchors that the history proofs among ``members`` speak of beyond those of ``plan``, which has none.

    Only where enough proofs are there, so that a few names never make a large plan; the rest is then not needed.
    """
    known = dict.fromkeys(plan.names)
    below: dict[int, int] = {}
    found = []
    for name in members:
        match = _HISTORY_NAME.fullmatch(name)
        if match is None:
            continue
        height, head = int(match[1]), int(match[2])
        below[head] = below.get(head, 0) + 1
        if name not in known:
            found.append(height if head == plan.head else head)
    return tuple(
        anchor for anchor in sorted(dict.fromkeys(found)) if below.get(anchor, 0) >= bisect_left(plan.claimed, anchor)
    )


def check_members(plan: PackagePlan, members: Mapping[str, bytes]) -> tuple[str, str, tuple[int, ...]]:
    """Whether ``members`` are what ``plan`` needs: (reason, member) with an empty reason when so, and all heights.

    Headers come with their certificates. More of them than needed may lie below the last one, where signer sets change;
    whether they do is for who reads them.
    """
    heights: list[int] = []
    rest: list[str] = []
    for name in members:
        height = _height_of(name)
        if height is None:
            rest.append(name)
        elif name.startswith("headers/"):
            heights.append(height)
    heights.sort()
    for height in plan.heights:
        if header_name(height) not in members:
            return "missing", header_name(height), ()
    for height in heights:
        if certificate_name(height) not in members:
            return "missing", certificate_name(height), ()
        if height > plan.head:
            return "not needed", header_name(height), ()
    if len(members) - len(rest) != 2 * len(heights):
        return "certificate without header", "", ()
    for name in plan.names:
        if name not in members:
            return "missing", name, ()
    known = dict.fromkeys((MANIFEST_NAME, *plan.names, *plan.optional))
    for name in rest:
        if name not in known:
            return "not needed", name, ()
    return "", "", tuple(heights)


def claim_order(claim: Claim) -> tuple[str, int]:
    """What claims are sorted by: transaction, then leaf, a record as a whole first."""
    return claim.transaction, -1 if claim.member is None else claim.member


def _height_of(name: str) -> int | None:
    """The height that a header's or certificate's name carries, or ``None`` for another member."""
    folder, _, file = name.partition("/")
    digits = file.removesuffix(".json")
    if folder not in ("headers", "certificates") or digits == file:
        return None
    if not 1 <= len(digits) <= 16 or any(c not in "0123456789" for c in digits) or digits[0] == "0":
        return None
    return int(digits)
