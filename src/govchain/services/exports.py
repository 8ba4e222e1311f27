"""Exports: blocks, transactions, accounts, entities, contracts and the configuration as data elements of T/CESA 6002.

Purpose: one JSON object for each of the standard's six kinds, every element under its identifier and under its English
name (docs/spec/data-format.md), and the check that each mandatory one is there, of the right type and length.
Rules: values come through the SDK's client, which has proved them; a private key is never here: its element says so.
Contracts are the built-in families of rules that genesis pins. Not here: the table (``model.data_elements``), starting
a node from a configuration (:mod:`govchain.services.configurations`).

Example::

    export = Exports(client).block(5)
    holds(check_export(export))
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, to_builtins

from govchain.crypto import Suite, key_id
from govchain.model import Code, RefusedError, UsageError
from govchain.model.data_elements import CLASSES, ELEMENTS, STANDARD, elements_of
from govchain.model.identifiers import is_hex, is_hex_text
from govchain.model.wire import PROTOCOL_VERSION
from govchain.sdk.checking import VerifiedTransaction
from govchain.sdk.client import Client
from govchain.services.configurations import configuration_of

__all__ = [
    "EXPORT_FORMAT",
    "KINDS",
    "ElementCheck",
    "Export",
    "ExportedElement",
    "Exports",
    "NodeFacts",
    "check_export",
    "holds",
    "ip_address_of",
]

#: Name and version of the export's form.
EXPORT_FORMAT: Final = "govchain-export/1"
#: What can be exported, in the standard's order.
KINDS: Final = tuple(kind for _, kind, _ in CLASSES)
#: Hash domain of a built-in family's contract identifier.
CONTRACT_DOMAIN: Final = "govchain/contract/1"
#: Bytes of public keys whose algorithm has others than SM2 (block.md 1.2); None where they vary.
_KEY_SIZES: Final[Mapping[str, int | None]] = {"ed25519": 32, "rsa-pss-sha256": None}
#: Greatest integer of 8 bytes with a sign.
_INTEGER_MAX: Final = 2**63 - 1

_Identifier = Annotated[str, Meta(description="Identifier of the element.", examples=["02_001"])]


class ExportedElement(Struct, frozen=True):
    """One element with what the standard says of it."""

    length: Annotated[str, Meta(description="Length, in the standard's words.", examples=["定长"])]
    mandatory: Annotated[bool, Meta(description="Whether it must be there.", examples=[False])]
    name_en: Annotated[str, Meta(description="English name.", examples=["Block Height"])]
    name_zh: Annotated[str, Meta(description="Chinese name.", examples=["区块高度"])]
    state: Annotated[
        Literal["absent", "present", "withheld"],
        Meta(description="Whether there is a value; `withheld`: a private key, never shown.", examples=["present"]),
    ]
    type: Annotated[str, Meta(description="Type, in the standard's words.", examples=["整数"])]
    value: Annotated[Any, Meta(description="The value; null where there is none.", examples=[5])]


class ElementCheck(Struct, frozen=True):
    """What the check found of one element."""

    bytes: Annotated[int | None, Meta(description="Length found. Unit: bytes.", examples=[8])]
    holds: Annotated[bool, Meta(description="Whether it is as it must be.", examples=[True])]
    identifier: _Identifier
    length: Annotated[bool | None, Meta(description="Whether the length is right; else null.", examples=[True])]
    mandatory: Annotated[bool, Meta(description="Whether it must be there.", examples=[False])]
    name_en: Annotated[str, Meta(description="English name.", examples=["Block Height"])]
    recommended: Annotated[
        bool | None,
        Meta(
            description="Whether the length is the recommended one; null where none is.",
            examples=[None],
        ),
    ]
    state: Annotated[
        Literal["absent", "present", "withheld"], Meta(description="Whether there is a value.", examples=["present"])
    ]
    type: Annotated[bool | None, Meta(description="Whether the type is right; null without value.", examples=[True])]


class Export(Struct, frozen=True):
    """One object of the ledger as data elements."""

    chain: Annotated[str, Meta(description="The chain.", examples=["city-chain"])]
    context: Annotated[
        dict[str, Any], Meta(description="Facts beside the standard's elements.", examples=[{"height": 5}])
    ]
    elements: Annotated[
        dict[str, ExportedElement], Meta(description="Every element of the kind, by identifier.", examples=[{}])
    ]
    format: Annotated[str, Meta(description="Name and version of this form.", examples=[EXPORT_FORMAT])]
    genesis: Annotated[str, Meta(description="Fingerprint of the chain's genesis, hex.", examples=["00" * 32])]
    id: Annotated[str, Meta(description="Which object.", examples=["5"])]
    kind: Annotated[str, Meta(description="Which of the standard's six kinds.", examples=["block"])]
    names: Annotated[
        dict[str, Any], Meta(description="The same values by English name.", examples=[{"Block Height": 5}])
    ]
    standard: Annotated[str, Meta(description="The standard.", examples=[STANDARD])]
    check: Annotated[
        tuple[ElementCheck, ...] | None, Meta(description="The check, where it was asked for.", examples=[None])
    ] = None
    holds: Annotated[bool | None, Meta(description="Whether the check holds throughout.", examples=[None])] = None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node knows of itself: its address (IPv4 or IPv6), and the settings that are not the default ones."""

    address: str = "127.0.0.1"
    settings: Mapping[str, Any] = field(default_factory=dict)


class Exports:
    """Exports of one chain. Safe to call from several threads where ``open_client`` gives each call its own client.

    Args:
        open_client: gives a client, which proves what it answers.
        node: what is exported as the node's configuration.
    """

    def __init__(self, open_client: Callable[[], Client], node: NodeFacts | None = None) -> None:
        self._open = open_client
        self._node = node or NodeFacts()

    def export(self, kind: str, name: str) -> Export:
        """The object ``name`` of the kind (:data:`KINDS`): a height, an id, an address, a family's name.

        A configuration is named by its chain, or by an empty text.

        Raises:
            UsageError: no such kind, or a malformed name. RefusedError: ``NOT_FOUND``. And what the client raises.
        """
        client = self._open()
        if kind == "block":
            if not (name.isascii() and name.isdecimal() and len(name) <= 16 and int(name) > 0):
                raise UsageError(Code.USAGE, reason=f"height {name[:80]!r}")
            return _block(client, int(name))
        if kind in ("transaction", "entity"):
            if not is_hex(name, 64):
                raise UsageError(Code.USAGE, reason=f"transaction {name[:80]!r}")
            make = _transaction if kind == "transaction" else _entity
            return make(client, client.transaction(name))
        if kind == "account":
            return _account(client, name)
        if kind == "contract":
            return _contract(client, name)
        if kind != "configuration":
            raise UsageError(Code.USAGE, reason=f"kind {kind[:80]!r}: one of {', '.join(KINDS)}")
        if name not in ("", client.genesis.chain):
            raise RefusedError(Code.NOT_FOUND, reason=f"configuration of {name[:80]!r}")
        return _configuration(client, self._node)


def check_export(export: Export) -> tuple[ElementCheck, ...]:
    """Each element of the export's kind: is it there where it must be, of the right type, of the right length?

    Keys of other algorithms than SM2 have other lengths than the standard recommends; that is said and is no fault.
    """
    algorithm = str(export.context.get("algorithm", ""))
    return tuple(_check(element.identifier, export.elements.get(element.identifier), algorithm)
                 for element in elements_of(export.kind))  # fmt: skip


def holds(checks: Sequence[ElementCheck]) -> bool:
    """Whether every element is as it must be."""
    return all(check.holds for check in checks)


def ip_address_of(listen: str) -> str:
    """The address in ``HOST:PORT``; the loopback address for a name, which the standard has no place for."""
    host = listen.rpartition(":")[0].strip("[]")
    return host if _is_ip(host) else "127.0.0.1"


# The six kinds


def _block(client: Client, height: int) -> Export:
    found = client.block(height)
    header = found.block.header
    values = {
        "02_001": header.height,
        "02_002": found.block.identity.hex(),
        "02_003": str(header.version),
        "02_004": header.previous,
        "02_005": header.transaction_root,
        "02_006": header.time,
        "02_007": [one.id for one in found.transactions],
    }
    context = {
        "header": found.block.data.hex(),
        "receipt_root": header.receipt_root,
        "state_root": header.state_root,
        "transaction_count": header.transaction_count,
    }
    return _export(client, "block", str(height), values, context)


def _transaction(client: Client, found: VerifiedTransaction) -> Export:
    body = found.body
    values = {
        "03_001": found.id,
        "03_002": body.type,
        "03_003": ",".join(signer.account for signer in body.signers),
        "03_004": found.block.header.time if body.time is UNSET else body.time,
    }
    context = {
        "height": found.receipt.height,
        "index": found.receipt.index,
        "code": found.receipt.code,
        "version": body.version,
        "signers": [to_builtins(signer) for signer in body.signers],
        "body": found.record.body.hex(),
    }
    return _export(client, "transaction", found.id, values, context)


def _entity(client: Client, found: VerifiedTransaction) -> Export:
    body = found.body
    memo = None if body.memo is UNSET else body.memo
    values = {
        "04_001": body.signers[0].account,
        "04_002": None if body.recipient is UNSET else body.recipient,
        "04_003": None if body.data is UNSET else body.data,
        "04_004": None if memo is None else memo.value,
    }
    context = {
        "height": found.receipt.height,
        "memo_kind": None if memo is None else memo.kind,
        "payload": bytes(body.payload).decode(),
    }
    return _export(client, "entity", found.id, values, context)


def _account(client: Client, address: str) -> Export:
    account = client.find_account(address)
    state = account.state
    organisations = {one.code: one.name for one in client.genesis.organisations}
    institution = {"code": state.organisation, "name": organisations.get(state.organisation, "")}
    values: dict[str, Any] = {"01_001": state.key, "01_002": None, "01_003": None, "01_004": [institution]}
    context = {
        "algorithm": state.algorithm,
        "as_of": account.as_of,
        "label": state.label,
        "roles": list(state.roles),
        "administrator": state.administrator,
        "status": state.status,
    }
    return _export(client, "account", address, values, context, withheld=("01_002",))


def _contract(client: Client, name: str) -> Export:
    """A built-in family of rules: what genesis says of it. Contracts of users come later."""
    family = next((one for one in client.genesis.modules if one.name == name), None)
    if family is None:
        known = ", ".join(one.name for one in client.genesis.modules)
        raise RefusedError(Code.NOT_FOUND, reason=f"{name[:80]!r}: {known}")
    values = {
        "05_001": _contract_id(client.suite, client.checker.fingerprint, name),
        "05_002": str(family.version),
        "05_003": family.digest,
        "05_004": None,
    }
    return _export(
        client, "contract", name, values, {"family": name, "code_is": "digest of the sources, pinned by genesis"}
    )


def _contract_id(suite: Suite, genesis: bytes, name: str) -> str:
    return suite.tagged(CONTRACT_DOMAIN, genesis, name).hex()


def _configuration(client: Client, node: NodeFacts) -> Export:
    genesis = client.genesis
    peers = [
        {
            "name": member.name,
            "id": key_id(member.algorithm, bytes.fromhex(member.key)).hex(),
            "key": member.key,
            "organisation": member.organisation,
        }
        for member in genesis.members
    ]
    values = {
        "06_001": str(PROTOCOL_VERSION),
        "06_002": client.chain_status().node_version,
        "06_003": peers[0]["id"],
        "06_004": node.address,
        "06_005": peers[0]["key"],
    }
    context = {
        "algorithm": genesis.members[0].algorithm,
        "configuration": to_builtins(configuration_of(genesis, node.settings)),
        "peers": peers,
    }
    return _export(client, "configuration", genesis.chain, values, context)


def _export(
    client: Client,
    kind: str,
    name: str,
    values: Mapping[str, Any],
    context: dict[str, Any],
    *,
    withheld: Sequence[str] = (),
) -> Export:
    elements = {}
    for element in elements_of(kind):
        value = values[element.identifier]
        state: Literal["absent", "present", "withheld"] = "absent" if value is None else "present"
        elements[element.identifier] = ExportedElement(
            length=element.length,
            mandatory=element.mandatory,
            name_en=element.name_en,
            name_zh=element.name_zh,
            state="withheld" if element.identifier in withheld else state,
            type=element.type,
            value=value,
        )
    return Export(
        chain=client.genesis.chain,
        context=context,
        elements=elements,
        format=EXPORT_FORMAT,
        genesis=client.checker.fingerprint.hex(),
        id=name,
        kind=kind,
        names={one.name_en: one.value for one in elements.values()},
        standard=STANDARD,
    )


# The check


def _check(identifier: str, exported: ExportedElement | None, algorithm: str) -> ElementCheck:
    element = ELEMENTS[identifier]
    state = "absent" if exported is None else exported.state
    if exported is None or state != "present":
        fine = state == "withheld" or not element.mandatory
        return ElementCheck(None, fine, identifier, None, element.mandatory, element.name_en, None, state, None)
    value = exported.value
    right = _is_of_type(element.type, value)
    length = _bytes_of(element.kind, value) if right else None
    wanted = element.size
    if identifier in ("01_001", "06_005") and algorithm in _KEY_SIZES:
        wanted = _KEY_SIZES[algorithm]
    fits = element.kind == "array" or (length is not None and (wanted is None or length == wanted))
    recommended = None if "推荐" not in element.length or length is None else length == element.size
    return ElementCheck(
        length, right and fits, identifier, fits, element.mandatory, element.name_en, recommended, state, right
    )


def _is_of_type(name: str, value: Any) -> bool:
    if name == "数组":
        return isinstance(value, list)
    integer = isinstance(value, int) and not isinstance(value, bool)
    if name == "整数":
        return integer
    return isinstance(value, str) or (integer and name == "字符串或整数")


def _bytes_of(kind: str, value: Any) -> int | None:
    """The length of a value of the right type in bytes; None for an array, and for what is not of ``kind``."""
    if kind in ("integer", "time"):
        return 8 if 0 < value <= _INTEGER_MAX else None
    if kind == "array":
        return None
    if kind == "hex":
        return len(value) // 2 if is_hex_text(value) else None
    if kind == "address":
        return ipaddress.ip_address(value).max_prefixlen // 8 if _is_ip(value) else None
    return len(str(value).encode()) or None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
