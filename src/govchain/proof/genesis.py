"""The genesis file: reading, well-formedness, fingerprint, first signer set (docs/spec/block.md 2).

Not here: making one (``services``), the state it writes (``modules``).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from govchain.crypto import ALGORITHMS, account_address, get_suite
from govchain.model import Code, DecodingError, encode_canonical, encode_struct
from govchain.model.canonical import prescan
from govchain.model.decoders import json_decoder
from govchain.model.identifiers import check_chain_id, check_credit_code
from govchain.model.wire import Genesis, SignerKey, SignerSet
from govchain.proof.exact import is_rising
from govchain.proof.page import shown

__all__ = [
    "GENESIS_DOMAIN",
    "check_genesis",
    "check_network_genesis",
    "decode_genesis",
    "encode_genesis",
    "fingerprint",
    "first_signer_set",
]

#: Hash domain of a genesis fingerprint.
GENESIS_DOMAIN = "govchain/genesis/1"
_MODULE_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def encode_genesis(genesis: Genesis) -> bytes:
    """The genesis object as canonical JSON: what the fingerprint is taken of, and what a package carries."""
    return encode_struct(genesis)


def decode_genesis(data: bytes, *, canonical: bool = False) -> Genesis:
    """Read a genesis file; people may have indented it and ended its last line, unless ``canonical``.

    Raises:
        DecodingError: pre-scan codes for what is no strict JSON, otherwise ``GENESIS_INVALID`` with the reason.
    """
    if not canonical:
        data = data.rstrip(b" \t\r\n")  # what editors leave at the end
    prescan(data)
    try:
        genesis = json_decoder(Genesis).decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError, RecursionError) as error:
        raise DecodingError(Code.GENESIS_INVALID, reason=shown(str(error))) from None
    written = encode_canonical(msgspec.json.decode(data))
    if written != encode_struct(genesis):
        raise DecodingError(Code.GENESIS_INVALID, reason="a field is missing")
    if canonical and written != data:
        raise DecodingError(Code.JSON_NOT_CANONICAL)
    fault = check_genesis(genesis)
    if fault:
        raise DecodingError(Code.GENESIS_INVALID, reason=fault)
    return genesis


def fingerprint(genesis: Genesis) -> bytes:
    """What people compare and trust: 32 bytes over the canonical genesis object."""
    return get_suite(genesis.suite).tagged(GENESIS_DOMAIN, encode_genesis(genesis))


def first_signer_set(genesis: Genesis) -> SignerSet:
    """The members that sign from block 1 on, until a header names another set."""
    keys = tuple(SignerKey(algorithm=member.algorithm, key=member.key) for member in genesis.members)
    return SignerSet(keys=keys, rule=genesis.rule)


def check_genesis(genesis: Genesis) -> str:
    """The reason why ``genesis`` is not well formed (block.md 2), or an empty string."""
    suite = get_suite(genesis.suite)
    codes = [organisation.code for organisation in genesis.organisations]
    if check_chain_id(genesis.chain):
        return "chain"
    if not is_rising(genesis.algorithms) or any(name not in ALGORITHMS for name in genesis.algorithms):
        return "algorithms"
    if not is_rising(codes) or any(check_credit_code(code) for code in codes):
        return "organisations"
    if not is_rising([member.key for member in genesis.members]):
        return "order of members"
    for member in genesis.members:
        if member.algorithm != suite.member_algorithm or not _good_key(member.algorithm, member.key):
            return "member key"
        if member.organisation not in codes:
            return "member organisation"
    if not _each_its_own([member.engine_key for member in genesis.members]):
        return "engine keys"
    if not _each_its_own([member.tls for member in genesis.members]):
        return "tls"
    addresses: list[str] = []
    for account in genesis.accounts:
        if account.algorithm not in genesis.algorithms or not _good_key(account.algorithm, account.key):
            return "account key"
        if account.organisation not in codes:
            return "account organisation"
        if not is_rising(account.roles):
            return "account roles"
        key = bytes.fromhex(account.key)
        addresses.append(account_address(suite, genesis.chain, account.algorithm, key).hex())
    if not is_rising(sorted(addresses)):
        return "account twice"
    names = [module.name for module in genesis.modules]
    if not is_rising(names) or any(not _MODULE_NAME_CHARACTERS.issuperset(name) for name in names):
        return "modules"
    if genesis.limits.body_bytes_max > genesis.limits.block_bytes_max:
        return "limits"
    return ""


def check_network_genesis(genesis: Genesis) -> str:
    """The reason why nodes cannot make the network of ``genesis``, or an empty string; packages do not ask for this.

    Under ``bft`` every member has an engine key, a point of the curve, and a TLS digest; under ``raft`` a TLS digest.
    """
    if genesis.rule == "bft":
        for member in genesis.members:
            if member.engine_key is UNSET or not _good_key("ed25519", member.engine_key):
                return "engine keys"
    if genesis.rule != "solo" and any(member.tls is UNSET for member in genesis.members):
        return "tls"
    return ""


def _each_its_own(values: Sequence[str | UnsetType]) -> bool:
    """Whether every member has a value of its own, or none has any."""
    given = [value for value in values if value is not UNSET]
    return not given or len(frozenset(given)) == len(values)


def _good_key(algorithm: str, key: str) -> bool:
    return ALGORITHMS[algorithm].check_public_key(bytes.fromhex(key)) is Code.OK
