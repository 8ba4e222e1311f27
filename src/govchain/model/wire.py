"""Wire schemas: everything that is hashed, signed, stored or sent, as frozen structs (docs/spec/block.md).

Fields are declared in alphabetical order, so that a plain encoder already gives canonical JSON.
Rules: unknown fields are refused; byte strings are lower-case hex, checked by the reader of each schema where the
shape alone does not say it. Not here: the messages of each family (``modules/<family>/messages.py``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from govchain.model.identifiers import is_hex, is_hex_text

__all__ = [
    "MEMO_ID_LENGTH_MAX",
    "PROTOCOL_VERSION",
    "Body",
    "Certificate",
    "CheckpointMark",
    "Digest",
    "Event",
    "Genesis",
    "GenesisAccount",
    "GenesisMember",
    "GenesisModule",
    "GenesisOrganisation",
    "Header",
    "Hex",
    "HexDigits",
    "Limits",
    "Memo",
    "Receipt",
    "SignatureEntry",
    "Signer",
    "SignerKey",
    "SignerSet",
]

#: Version of the envelope, and of every message between nodes.
PROTOCOL_VERSION = 1

#: Characters of a memo of kind ``id``.
MEMO_ID_LENGTH_MAX = 128

#: 32 bytes in lower-case hex.
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z", min_length=64, max_length=64)]
#: Any even number of lower-case hex digits.
Hex = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{2})*\Z")]
#: Lower-case hex, checked by :meth:`Body.is_well_formed` and not by a pattern: patterns took half of a body's decoding.
HexDigits = str
#: 20 bytes in lower-case hex.
Address = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z", min_length=40, max_length=40)]
#: Milliseconds since 1970, UTC.
Milliseconds = Annotated[int, Meta(ge=0, le=2**53 - 1)]
#: A height: 1 is the first block.
Height = Annotated[int, Meta(ge=1, le=2**53 - 1)]


class Signer(Struct, frozen=True, forbid_unknown_fields=True):
    """One signer of a body: the account, and the key (by value) that it signs with."""

    account: Annotated[HexDigits, Meta(min_length=40, max_length=40)]
    algorithm: Annotated[str, Meta(max_length=32)]
    key: Annotated[HexDigits, Meta(min_length=64, max_length=2048)]


class Memo(Struct, frozen=True, forbid_unknown_fields=True):
    """实体数据备注 (T/CESA 6002 04_004): a text, an identifier or a digest beside the business data."""

    kind: Literal["text", "id", "hash"]
    value: Annotated[str, Meta(max_length=1024)]

    def is_well_formed(self) -> bool:
        """Whether the value fits its kind: a text up to 1,024 characters, an id up to 128, a hash of 64 hex digits."""
        if self.kind == "hash":
            return is_hex(self.value, 64)
        return self.kind == "text" or len(self.value) <= MEMO_ID_LENGTH_MAX


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """A transaction's body (block.md 3.1). ``payload`` stays raw until the type's handler decodes it.

    :meth:`is_well_formed` adds what the shape alone does not say.
    """

    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    expires: Milliseconds
    nonce: Annotated[HexDigits, Meta(min_length=16, max_length=64)]
    payload: Raw
    signers: Annotated[tuple[Signer, ...], Meta(min_length=1, max_length=1024)]
    type: Annotated[str, Meta(min_length=3, max_length=64)]
    version: Annotated[int, Meta(ge=1, le=65535)]
    data: Annotated[HexDigits, Meta(max_length=32768)] | UnsetType = UNSET
    memo: Memo | UnsetType = UNSET
    recipient: Annotated[HexDigits, Meta(min_length=40, max_length=40)] | UnsetType = UNSET
    time: Milliseconds | UnsetType = UNSET

    def is_well_formed(self) -> bool:
        """Whether hex texts are lower-case hex of whole bytes and the memo obeys its kind's rule."""
        for signer in self.signers:
            if not (is_hex_text(signer.account) and is_hex_text(signer.key)):
                return False
        if not is_hex_text(self.nonce) or (self.data is not UNSET and not is_hex_text(self.data)):
            return False
        if self.recipient is not UNSET and not is_hex_text(self.recipient):
            return False
        return self.memo is UNSET or self.memo.is_well_formed()


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """Something that happened, told by a rule; chain, height, transaction and index come from its receipt.

    ``type`` is ``family.past_tense``; ``data`` is never personal.
    """

    data: dict[str, Any]
    organisation: str
    reference: str
    type: str
    version: int = 1


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of one transaction (block.md 3.3)."""

    code: int
    events: tuple[Event, ...]
    height: Height
    index: Annotated[int, Meta(ge=0)]
    transaction: Digest
    version: Literal[1] = 1


class CheckpointMark(Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint's height and the root over the whole rooted state there."""

    height: Height
    root: Digest


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """A block header (block.md 5), with the T/CESA 6002 elements 02_001 to 02_006."""

    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    checkpoint: CheckpointMark | None
    epoch: Annotated[int, Meta(ge=0)]
    height: Height
    history: Digest
    next_signers: Digest
    previous: Digest
    receipt_root: Digest
    signers: Digest
    state_root: Digest
    time: Milliseconds
    transaction_count: Annotated[int, Meta(ge=1)]
    transaction_root: Digest
    version: Literal[1] = 1


class SignerKey(Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """One member's key in a signer set."""

    algorithm: str
    key: Hex


class SignerSet(Struct, frozen=True, forbid_unknown_fields=True):
    """The members that sign blocks, and the quorum rule (block.md 5.1)."""

    keys: Annotated[tuple[SignerKey, ...], Meta(min_length=1, max_length=1024)]
    rule: Literal["solo", "raft", "bft"]


class SignatureEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One member's signature in a finality certificate."""

    key: Hex
    signature: Hex


class Certificate(Struct, frozen=True, forbid_unknown_fields=True):
    """A finality certificate (block.md 5.2)."""

    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    epoch: Annotated[int, Meta(ge=0)]
    height: Height
    identity: Digest
    set: SignerSet
    signatures: Annotated[tuple[SignatureEntry, ...], Meta(min_length=1, max_length=1024)]
    state_root: Digest
    version: Literal[1] = 1


class GenesisMember(Struct, frozen=True, forbid_unknown_fields=True):
    """A first signer of blocks.

    ``engine_key`` is the member's Ed25519 key in an engine of rule ``bft`` (32 bytes in hex); ``tls`` the suite's
    digest of the SubjectPublicKeyInfo (DER) of the certificate that it shows to other nodes. Both are left out where
    there is no network, so that such a genesis keeps its bytes.
    """

    algorithm: str
    key: Hex
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    organisation: Annotated[str, Meta(max_length=18)]
    engine_key: Digest | UnsetType = UNSET
    tls: Digest | UnsetType = UNSET


class GenesisOrganisation(Struct, frozen=True, forbid_unknown_fields=True):
    """An organisation by its 统一社会信用代码."""

    code: Annotated[str, Meta(max_length=18)]
    name: Annotated[str, Meta(min_length=1, max_length=128)]


class GenesisAccount(Struct, frozen=True, forbid_unknown_fields=True):
    """An account that exists from the start."""

    administrator: bool
    algorithm: str
    key: Hex
    label: Annotated[str, Meta(max_length=64)]
    organisation: Annotated[str, Meta(max_length=18)]
    roles: tuple[Literal["auditor", "department", "operator", "supervisor"], ...]


class GenesisModule(Struct, frozen=True, forbid_unknown_fields=True):
    """A family of built-in rules, pinned by version and source digest."""

    digest: Digest
    name: Annotated[str, Meta(min_length=2, max_length=32)]
    version: Annotated[int, Meta(ge=1)]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Chain parameters that bound everything (block.md 2.1)."""

    block_bytes_max: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 4_194_304
    block_transactions_max: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    body_bytes_max: Annotated[int, Meta(ge=1024, le=16 * 1024 * 1024)] = 65_536
    body_depth_max: Annotated[int, Meta(ge=4, le=64)] = 16
    checkpoint_delay_blocks: Annotated[int, Meta(ge=1, le=100_000)] = 64
    checkpoint_writes_min: Annotated[int, Meta(ge=1)] = 1_000_000
    expiry_ms_max: Annotated[int, Meta(ge=1000, le=3_600_000)] = 600_000
    signatures_max: Annotated[int, Meta(ge=1, le=1024)] = 16
    window_ids_max: Annotated[int, Meta(ge=1)] = 8_000_000


class Genesis(Struct, frozen=True, forbid_unknown_fields=True):
    """The file that a chain starts from and that a verifier trusts (block.md 2)."""

    accounts: tuple[GenesisAccount, ...]
    algorithms: Annotated[tuple[str, ...], Meta(min_length=1)]
    chain: Annotated[str, Meta(min_length=3, max_length=32)]
    created: Milliseconds
    format: Literal["govchain-genesis/1"]
    limits: Limits
    members: Annotated[tuple[GenesisMember, ...], Meta(min_length=1)]
    modules: tuple[GenesisModule, ...]
    organisations: tuple[GenesisOrganisation, ...]
    rule: Literal["solo", "raft", "bft"]
    suite: Literal["gm", "international"]
    test_clock: bool
