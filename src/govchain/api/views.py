"""What routes answer for people and simple programs: the ledger's values in readable form.

Purpose: beside the proof-carrying values of ``sdk.transport``, the same facts as plain JSON; nothing here is proved,
and each says by which route its proof comes. Bytes are lower-case hex, times ms since 1970 UTC, absent values null;
what was signed appears as it was signed (``content``). Not here: which route answers what.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from govchain.model import Code
from govchain.model.decoders import json_decoder
from govchain.model.wire import Body, Genesis
from govchain.modules.accounts.messages import AccountValue, OrganisationValue
from govchain.modules.evidence.messages import MarkValue, RecordValue
from govchain.proof.transactions import decode_receipt
from govchain.sdk.transport import TransactionRecord

__all__ = [
    "AccountView",
    "EvidenceView",
    "Live",
    "MarkView",
    "OrganisationView",
    "Parameters",
    "Ready",
    "SessionView",
    "TransactionView",
    "VerifyView",
    "account_view",
    "evidence_view",
    "parameters",
    "transaction_view",
]

_HEX32 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_ADDRESS = "3f1c9a0b4d5e6f708192a3b4c5d6e7f801234567"
_CODE = "11110000DEM0000009"
_MS = 1_790_000_000_000

Identity = Annotated[str, Meta(description="Id: digest of the body, hex.", examples=[_HEX32])]
Address = Annotated[str, Meta(description="Account address, 40 hex digits.", examples=[_ADDRESS])]
Organisation = Annotated[str, Meta(description="统一社会信用代码 of the organisation.", examples=[_CODE])]
Height = Annotated[int, Meta(description="Height of the block. Unit: blocks.", examples=[1204])]
Index = Annotated[int, Meta(description="Place within the block, from 0.", examples=[3])]
Time = Annotated[int, Meta(description="Block time. Unit: ms since 1970, UTC.", examples=[_MS])]
Content = Annotated[
    msgspec.Raw, Meta(description="The body as it was signed.", examples=[{"type": "evidence.put", "version": 1}])
]


class Live(Struct, frozen=True):
    """The process answers."""

    live: Annotated[bool, Meta(description="Always true: no answer is the other answer.", examples=[True])]


class Ready(Struct, frozen=True):
    """The node takes transactions."""

    ready: Annotated[
        bool, Meta(description="True; where not, the answer is a problem with the reason.", examples=[True])
    ]
    height: Height


class Parameters(Struct, frozen=True):
    """What the chain was made with, and what this node allows in one request."""

    chain: Annotated[str, Meta(description="The chain's id.", examples=["embedded-4f1c9a0b"])]
    suite: Annotated[str, Meta(description="Crypto suite: gm or international.", examples=["gm"])]
    algorithms: Annotated[
        tuple[str, ...], Meta(description="Signature algorithms of accounts.", examples=[["sm2-sm3"]])
    ]
    engine: Annotated[str, Meta(description="What orders transactions: solo, raft or bft.", examples=["solo"])]
    created: Annotated[int, Meta(description="When genesis was made. Unit: ms since 1970, UTC.", examples=[_MS])]
    test_clock: Annotated[bool, Meta(description="Whether a test may move the chain's time.", examples=[False])]
    limits: Annotated[
        dict[str, int],
        Meta(
            description="The chain's limits by name (docs/spec/block.md 2.1). Unit: by name, bytes or ms or a number.",
            examples=[{"body_bytes_max": 65536}],
        ),
    ]
    modules: Annotated[
        dict[str, int], Meta(description="Families of rules and their versions.", examples=[{"evidence": 1}])
    ]
    protocol: Annotated[int, Meta(description="Version of this interface (GovChain-Protocol).", examples=[1])]
    request_bytes_max: Annotated[int, Meta(description="Longest body of a request. Unit: bytes.", examples=[8388608])]
    envelopes_max: Annotated[
        int, Meta(description="Transactions in one request, at most. Unit: transactions.", examples=[1000])
    ]
    wait_ms_max: Annotated[int, Meta(description="Longest wait for a commit. Unit: ms.", examples=[60000])]


class TransactionView(Struct, frozen=True):
    """A committed transaction; its proof is at ``…/proof``."""

    id: Identity
    height: Height
    index: Index
    time: Time
    type: Annotated[str, Meta(description="Type of the transaction: family.action.", examples=["evidence.put"])]
    code: Annotated[str, Meta(description="Result code of its receipt, OK when it had its effect.", examples=["OK"])]
    number: Annotated[int, Meta(description="The same as a number.", examples=[0])]
    accounts: Annotated[
        tuple[str, ...], Meta(description="Addresses of the accounts that signed.", examples=[[_ADDRESS]])
    ]
    content: Content
    receipt: Annotated[
        msgspec.Raw, Meta(description="The receipt: code, events, place.", examples=[{"code": 0, "events": []}])
    ]


class AccountView(Struct, frozen=True):
    """An account as it stands now; proved by ``/v1/state/proof`` for the key ``accounts.account/`` and its address."""

    address: Address
    label: Annotated[str, Meta(description="Its label; never personal.", examples=["department"])]
    organisation: Organisation
    roles: Annotated[tuple[str, ...], Meta(description="What it may do.", examples=[["department"]])]
    administrator: Annotated[
        bool, Meta(description="Whether it manages its organisation's accounts.", examples=[False])
    ]
    status: Annotated[str, Meta(description="active or frozen.", examples=["active"])]
    algorithm: Annotated[str, Meta(description="Algorithm of its key.", examples=["sm2-sm3"])]
    key: Annotated[str, Meta(description="Public key, hex.", examples=["04a1b2…"])]
    created_height: Annotated[int, Meta(description="Block that made it, 0 for genesis. Unit: blocks.", examples=[0])]
    height: Annotated[int, Meta(description="As of this block. Unit: blocks.", examples=[1204])]


class OrganisationView(Struct, frozen=True):
    """An organisation as it stands now; proved by ``/v1/state/proof``, key ``accounts.organisation/`` and its code."""

    code: Organisation
    name: Annotated[str, Meta(description="Its name.", examples=["市民政局"])]
    height: Annotated[int, Meta(description="As of this block. Unit: blocks.", examples=[1204])]


class MarkView(Struct, frozen=True):
    """Why a record no longer holds."""

    kind: Annotated[str, Meta(description="withdrawn or superseded.", examples=["withdrawn"])]
    by: Identity
    reason: Annotated[str, Meta(description="The reason given.", examples=["error"])]
    account: Address
    organisation: Organisation
    time: Time


class EvidenceView(Struct, frozen=True):
    """A record of evidence (数据存证) as it stands now; proved by the package at ``…/package``."""

    id: Identity
    kind: Annotated[str, Meta(description="file, batch, supplement or replacement.", examples=["file"])]
    state: Annotated[str, Meta(description="in_force, withdrawn or superseded.", examples=["in_force"])]
    account: Address
    organisation: Organisation
    height: Height
    index: Index
    time: Time
    count: Annotated[int, Meta(description="Files in it: 1, or a batch's leaves. Unit: files.", examples=[1])]
    of: Annotated[str | None, Meta(description="The record that it supplements or replaces.", examples=[None])]
    mark: Annotated[MarkView | None, Meta(description="Why it no longer holds; null while it does.", examples=[None])]
    content: Content
    as_of: Annotated[int, Meta(description="State as of this block. Unit: blocks.", examples=[1204])]


class SessionView(Struct, frozen=True):
    """The caller's session."""

    account: Address
    organisation: Organisation
    roles: Annotated[tuple[str, ...], Meta(description="What the account may do.", examples=[["department"]])]
    administrator: Annotated[
        bool, Meta(description="Whether it manages its organisation's accounts.", examples=[False])
    ]
    expires: Annotated[int, Meta(description="End of the session. Unit: ms since 1970, UTC.", examples=[_MS])]


class VerifyView(Struct, frozen=True):
    """What this node found in a package. A verifier of your own is worth more: ``govchain verify`` works offline."""

    holds: Annotated[bool, Meta(description="Every step held.", examples=[True])]
    trusted: Annotated[bool, Meta(description="It is of this node's own chain.", examples=[True])]
    exit_code: Annotated[
        int,
        Meta(description="0 holds and trusted, 1 refused, 3 not trusted, 4 withdrawn or superseded.", examples=[0]),
    ]
    code: Annotated[str, Meta(description="Why it was refused; OK where it was not.", examples=["OK"])]
    step: Annotated[int, Meta(description="Number of the step that refused it, 0 for none.", examples=[0])]
    member: Annotated[str, Meta(description="Part of the package that refused it.", examples=[""])]
    report: Annotated[
        dict[str, Any],
        Meta(description="The report (docs/spec/evidence-package.md), empty when refused.", examples=[{}]),
    ]


def parameters(
    genesis: Genesis, *, protocol: int, request_bytes_max: int, envelopes_max: int, wait_ms_max: int
) -> Parameters:
    """What genesis and this node's settings say."""
    return Parameters(
        chain=genesis.chain,
        suite=genesis.suite,
        algorithms=genesis.algorithms,
        engine=genesis.rule,
        created=genesis.created,
        test_clock=genesis.test_clock,
        limits=msgspec.to_builtins(genesis.limits),
        modules={module.name: module.version for module in genesis.modules},
        protocol=protocol,
        request_bytes_max=request_bytes_max,
        envelopes_max=envelopes_max,
        wait_ms_max=wait_ms_max,
    )


def transaction_view(record: TransactionRecord, time: int) -> TransactionView:
    """A transaction in readable form; ``time`` is its block's."""
    body = json_decoder(Body).decode(record.body)
    receipt = decode_receipt(record.receipt)
    return TransactionView(
        id=record.id,
        height=record.height,
        index=record.index,
        time=time,
        type=body.type,
        code=Code(receipt.code).name,
        number=receipt.code,
        accounts=tuple(signer.account for signer in body.signers),
        content=msgspec.Raw(record.body),
        receipt=msgspec.Raw(record.receipt),
    )


def account_view(address: str, value: AccountValue, height: int) -> AccountView:
    """An account in readable form, as of ``height``."""
    return AccountView(
        address=address,
        label=value.label,
        organisation=value.organisation,
        roles=value.roles,
        administrator=value.administrator,
        status=value.status,
        algorithm=value.algorithm,
        key=value.key,
        created_height=value.height,
        height=height,
    )


def organisation_view(code: str, value: OrganisationValue, height: int) -> OrganisationView:
    """An organisation in readable form, as of ``height``."""
    return OrganisationView(code, value.name, height)


def evidence_view(evidence: str, record: RecordValue, mark: MarkValue | None, body: bytes, height: int) -> EvidenceView:
    """A record in readable form, as of ``height``; ``body`` is that of the transaction that made it."""
    shown = None
    if mark is not None:
        shown = MarkView(mark.kind, mark.by, str(mark.reason), mark.account, mark.organisation, mark.time)
    return EvidenceView(
        id=evidence,
        kind=record.kind,
        state="in_force" if mark is None else mark.kind,
        account=record.account,
        organisation=record.organisation,
        height=record.height,
        index=record.index,
        time=record.time,
        count=record.count,
        of=record.of,
        mark=shown,
        content=msgspec.Raw(body),
        as_of=height,
    )
