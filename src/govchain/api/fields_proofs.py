"""Descriptions of the fields of the proof-carrying answers (``sdk.transport``, ``sdk.sessions``); see ``fields``.

Formats: docs/spec/block.md, docs/spec/transactions.md, docs/spec/evidence-package.md. Bytes are lower-case hex.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govchain.api.notes import Note

__all__ = ["PROOF_FIELDS"]

_ID: Final = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_ADDRESS: Final = "2165a6710c14f62cb4e9664968225b2756b0e0b0"
_TIME: Final = 1_790_000_000_000
_CHALLENGE: Final = (
    '{"account":"2165a6710c14f62cb4e9664968225b2756b0e0b0","audience":"https://node.example.gov.cn",'
    '"chain":"embedded-4f1c9a0b","expires":1790000060000,"node":"node-1","nonce":"' + "4f1c9a0b2ad37e51" * 6 + '"}'
)
_BYTES: Final = "7b22636861696e223a22656d6265646465642d3466316339613062227d"
_KEY: Final = b"accounts.account/".hex() + _ADDRESS
_NEXT: Final = Note("Cursor of the page that follows; null at the end.", "q7Zk0XlR9nAxMg")

#: Type name to field name to what it means.
PROOF_FIELDS: Final[Mapping[str, Mapping[str, Note]]] = {
    "Submissions": {"submissions": Note("What became of each envelope, in the order in which they were sent.", [])},
    "Submission": {
        "id": Note("Id of the transaction, hex; empty where the envelope could not be read.", _ID),
        "code": Note("OK when received (or committed, when waited for), REPLAYED when it was there before.", "OK"),
        "receipt": Note("The receipt's bytes once committed; null until then and when refused.", _BYTES),
        "retry_after_ms": Note("When to send again, where the node had no room.", None, "ms"),
        "detail": Note("Values that the code's sentence names.", {}),
    },
    "BlockRecord": {
        "height": Note("Height of the block.", 1204, "blocks"),
        "header": Note("The header's bytes; their digest is the block's identity.", _BYTES),
        "certificate": Note("The finality certificate's bytes; null while the newest block waits for it.", _BYTES),
    },
    "BlockRange": {"blocks": Note("Consecutive blocks, lowest first; fewer than asked for where the chain ends.", [])},
    "BlockPage": {"blocks": Note("Consecutive blocks, newest first.", []), "next": _NEXT},
    "BlockTransaction": {
        "index": Note("Place within the block, from 0.", 3),
        "id": Note("Id of the transaction, hex.", _ID),
        "type": Note("Its type: family.action.", "evidence.put"),
        "code": Note("Result code of its receipt, as a number; 0 when it had its effect.", 0),
        "envelope": Note("The envelope's bytes: body and signatures.", "93c4207b22636861696e223a226465226d6f"),
        "receipt": Note("The receipt's bytes.", _BYTES),
    },
    "TransactionPage": {
        "height": Note("Height of the block.", 1204, "blocks"),
        "count": Note("Transactions in the block.", 512, "transactions"),
        "transactions": Note("Those of this page, in order.", []),
        "next": _NEXT,
    },
    "TransactionRecord": {
        "id": Note("Id of the transaction, hex: digest of its body.", _ID),
        "height": Note("Height of its block.", 1204, "blocks"),
        "index": Note("Place within the block, from 0.", 3),
        "count": Note("Transactions in the block: what the paths are counted by.", 512, "transactions"),
        "body": Note("The body's bytes, as they were signed.", _BYTES),
        "signatures": Note("One signature for each signer of the body, in that order.", ["9f0c" * 32]),
        "receipt": Note("The receipt's bytes.", _BYTES),
        "transaction_path": Note("Inclusion path of the envelope in the header's transaction root.", [_ID]),
        "receipt_path": Note("Inclusion path of the receipt in the header's receipt root.", [_ID]),
    },
    "ReceiptRecord": {
        "id": Note("Id of the transaction, hex.", _ID),
        "receipt": Note("The receipt's bytes.", _BYTES),
    },
    "HistoryPath": {
        "height": Note("The earlier block.", 7, "blocks"),
        "head": Note("The later block, whose header's `history` contains the earlier one.", 1204, "blocks"),
        "path": Note("The inclusion path.", [_ID]),
    },
    "LiveEntry": {
        "key": Note("The state key.", _KEY),
        "value": Note("Its value; null where the key is absent.", _BYTES),
        "siblings": Note("Sibling nodes on the way up, from the leaf.", [_ID]),
        "other": Note("The other leaf that stands in the key's place: its position and its digest; else null.", None),
    },
    "StatusProof": {
        "height": Note("The certified block that the proof is for.", 1204, "blocks"),
        "previous": Note("State root of the block before it.", _ID),
        "delta": Note("Root over the block's writes.", _ID),
        "live": Note("Root of the tree of present values.", _ID),
        "entries": Note("One entry for each key, in the order asked for.", []),
    },
    "AccountPage": {
        "status": Note("Proves each account that is shown; that none was left out is not proved.", {}),
        "next": _NEXT,
    },
    "OrganisationPage": {
        "status": Note("Proves each organisation that is shown; that none was left out is not proved.", {}),
        "next": _NEXT,
    },
    "StateValue": {
        "key": Note("The state key.", _KEY),
        "value": Note("Its committed value, unproved; null where there is none.", _BYTES),
        "height": Note("As of this block at least.", 1204, "blocks"),
    },
    "StateWrite": {
        "height": Note("The block that wrote.", 1204, "blocks"),
        "kind": Note("`value`, `present` (written once: the value that holds now) or `removed`.", "value"),
        "value": Note("What was written, where `kind` is `value`; else null.", _BYTES),
    },
    "StateHistory": {
        "key": Note("The state key.", _KEY),
        "writes": Note("Writes to it, newest first; unproved.", []),
        "next": _NEXT,
    },
    "EvidenceTransactions": {
        "evidence": Note("Id of the record, hex.", _ID),
        "transactions": Note("Ids of the transactions that touched it, itself first, oldest first.", [_ID]),
    },
    "ChallengeOffer": {
        "challenge": Note(
            "The challenge's text, to be signed as it is, under the frame `govchain/session/1`.", _CHALLENGE
        )
    },
    "SessionGrant": {
        "token": Note("Goes into `Authorization: Bearer`; told once, the node keeps its digest alone.", "5b1d" * 16),
        "account": Note("Address of the account, 40 hex digits.", _ADDRESS),
        "expires": Note("End of the session.", _TIME, "ms since 1970, UTC"),
    },
    "WebhookWanted": {"secret": Note("Key of the messages' HMAC; null: the node makes one and tells it once.", None)},
    "WebhookChanged": {
        "url": Note("Where messages are sent from now on; null: as before.", None),
        "types": Note("Types that are sent from now on; null: as before.", ["evidence.*"]),
        "organisations": Note("Organisations whose events are sent; null: as before.", []),
        "references": Note("References whose events are sent; null: as before.", []),
        "secret": Note("A new key of the messages' HMAC; null: as before.", None),
        "on_failure": Note("What follows a dead letter, `continue` or `pause`; null: as before.", "pause"),
    },
}
