"""Descriptions, units and examples of fields whose types say none themselves; read by ``describe``.

One entry for each field of each type that a route answers. Not here: types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from govchain.api.fields_proofs import PROOF_FIELDS
from govchain.api.notes import Note

__all__ = ["FIELDS"]


_HEX32 = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
_TIME = 1_790_000_000_000

#: Type name to field name to what it means.
FIELDS: Final[Mapping[str, Mapping[str, Note]]] = {
    **PROOF_FIELDS,
    "ChainStatus": {
        "chain": Note("The chain's id.", "embedded-4f1c9a0b"),
        "height": Note("Height of the newest block; 0 before the first.", 1204, "blocks"),
        "identity": Note("Identity of the newest block, hex (docs/spec/block.md 5).", _HEX32),
        "time": Note("Time of the newest block.", _TIME, "ms since 1970, UTC"),
        "certified_height": Note("Newest height that has a finality certificate.", 1204, "blocks"),
        "pool_transactions": Note("Transactions that wait to be ordered.", 17, "transactions"),
        "node_version": Note("Version of the node's program.", "0.1.0"),
        "node_build": Note("Digest of the program's text, 16 hex digits.", "f11e76134ef84817"),
        "node_state": Note("Whether the node orders: see `/v1/network`.", "ordering"),
        "node_problem": Note("Name of the code for which nothing is ordered here; empty without one.", ""),
    },
    "NetworkStatus": {
        "chain": Note("The chain's id.", "city-evidence"),
        "name": Note("The node's name.", "node-1"),
        "key": Note("The node's member key, hex.", _HEX32 * 2),
        "engine": Note("What orders transactions here: `solo`, `cometbft` or `etcd`.", "cometbft"),
        "rule": Note("The quorum rule of genesis: `solo`, `bft` or `raft`.", "bft"),
        "running": Note("Whether the engine works.", True),
        "state": Note(
            "Whether it orders: `starting`, `ordering`, `waiting` (goes on by itself), `halted` (does not), `reading`,"
            " `closed`.",
            "ordering",
        ),
        "problem": Note("Name of the code for which nothing is ordered here; empty without one.", ""),
        "since": Note("Since when the node is in that state.", _TIME, "ms since 1970, UTC"),
        "engine_height": Note("The engine's own height; empty engine blocks make no ledger block.", 5210, "blocks"),
        "round": Note("Round of the engine's height in work; 0 where there are none.", 0, "rounds"),
        "proposer": Note("Who proposes the next block, by name or key in hex; empty where nobody is known.", "node-3"),
        "engine_peers": Note("Other engines that this one is connected to.", 3, "engines"),
        "missing": Note("Members whose votes the engine waits for.", ["node-2"]),
        "member": Note("Whether this node's key is in the set that signs the next block.", True),
        "votes": Note("Whether the node's engine votes where it is a member; else it follows.", True),
        "members": Note("Members in that set.", 4, "members"),
        "quorum": Note("Members of it that must sign.", 3, "members"),
        "epoch": Note("How often the set has changed.", 0, "changes"),
        "height": Note("Height of the newest block here.", 1204, "blocks"),
        "certified_height": Note("Newest height that has a finality certificate here.", 1203, "blocks"),
        "peers": Note("The other nodes that this one knows.", []),
    },
    "PeerFacts": {
        "name": Note("The other node's name.", "node-2"),
        "key": Note("Its member key, hex.", _HEX32 * 2),
        "connected": Note("Whether there is a connection now.", True),
        "connected_since": Note("When the connection was made; 0 without one.", _TIME, "ms since 1970, UTC"),
        "rtt_ms": Note("Time from asking to the answer; -1 before the first.", 2, "ms"),
        "bytes_in": Note("Bytes received from it since the start.", 1_048_576, "bytes"),
        "bytes_out": Note("Bytes sent to it since the start.", 1_048_576, "bytes"),
        "height": Note("Height of its ledger when it last spoke of it.", 1203, "blocks"),
        "software": Note("Version of its program, as it says; empty before it spoke.", "0.1.0"),
    },
    "EventPage": {
        "events": Note("The events, in the order in which they happened.", []),
        "cursor": Note("Go on after this place; everything up to it was read.", "1204.0.0"),
        "height": Note("Height of the newest block.", 1204, "blocks"),
        "more": Note("Whether there is more to read now.", False),
    },
    "EventRecord": {
        "chain": Note("The chain's id.", "embedded-4f1c9a0b"),
        "cursor": Note("The event's place: `height.transaction.event`.", "1204.0.0"),
        "data": Note("What the family of rules tells; never personal.", {"count": 1, "kind": "file"}),
        "height": Note("The block.", 1204, "blocks"),
        "index": Note("Its number in the transaction's receipt, from 0.", 0),
        "organisation": Note("The organisation that it concerns (统一社会信用代码).", "91110000600037341L"),
        "reference": Note("What it is about: a business reference, an address, a record's id.", "2026-0815"),
        "transaction": Note("The transaction's id, hex; its receipt proves the event.", _HEX32),
        "type": Note("`family.past_tense`.", "evidence.anchored"),
        "version": Note("Version of the type.", 1),
    },
    "Webhook": {
        "id": Note("Its id, 16 hex digits.", "4f1c9a0b2ad37e51"),
        "account": Note("Address of the account that registered it.", "2165a6710c14f62cb4e9664968225b2756b0e0b0"),
        "url": Note("Where messages are sent.", "https://intake.example.gov.cn/govchain"),
        "types": Note("Types that are sent; empty: all.", ["evidence.*"]),
        "organisations": Note("Organisations whose events are sent; empty: all.", []),
        "references": Note("References whose events are sent; empty: all.", []),
        "on_failure": Note("What follows a dead letter: `continue` or `pause`.", "continue"),
        "state": Note("`active` or `paused`.", "active"),
        "reason": Note("Why it is paused: `owner`, `operator`, `failed`, `dead-letters`, `cursor`.", ""),
        "created": Note("When it was registered.", _TIME, "ms since 1970, UTC"),
        "cursor": Note("Everything up to this place was put into deliveries.", "1204.0.0"),
        "deliveries": Note("Deliveries so far, the one under way included.", 12, "deliveries"),
        "dead_letters": Note("Deliveries that were given up.", 0, "deliveries"),
        "attempts": Note("Failed attempts of the delivery under way.", 0, "attempts"),
        "outcome": Note("What became of its last attempt, in a word.", ""),
        "status": Note("The HTTP status of that; 0 where none came.", 0),
        "due": Note("When it is tried again; 0 where none is under way.", 0, "ms since 1970, UTC"),
    },
    "WebhookCreated": {
        "webhook": Note("The new webhook.", {}),
        "secret": Note("What messages are signed with; told this once.", "5c1f9a0b" * 8),
    },
    "WebhookPage": {
        "webhooks": Note("Webhooks by id.", []),
        "next": Note("Cursor of the next page; null at the end.", None),
    },
    "Delivery": {
        "id": Note("Its name in messages: the webhook's id, a full stop, its number.", "4f1c9a0b2ad37e51.12"),
        "number": Note("Its number, from 1.", 12),
        "state": Note("`pending`, `delivered`, `dead`, or `again`: a dead letter to be sent once more.", "delivered"),
        "first": Note("Place of its first event.", "1204.0.0"),
        "last": Note("Place of its last event.", "1204.3.0"),
        "events": Note("Its events.", 4, "events"),
        "attempts": Note("Attempts so far.", 1, "attempts"),
        "created": Note("When it was made.", _TIME, "ms since 1970, UTC"),
        "changed": Note("When the last attempt ended.", _TIME, "ms since 1970, UTC"),
        "due": Note("When it may be tried again.", _TIME, "ms since 1970, UTC"),
        "status": Note("The last HTTP status; 0 where none came.", 204),
        "outcome": Note("What became of the last attempt, in a word.", "delivered"),
    },
    "DeliveryPage": {
        "deliveries": Note("Deliveries, newest first.", []),
        "next": Note("Cursor of the next page; null at the end.", None),
    },
    "SentAgain": {"count": Note("Dead letters that are to be sent once more.", 1, "deliveries")},
    "Attempt": {
        "outcome": Note("What became of it, in a word of docs/spec/webhooks.md 5.", "delivered"),
        "status": Note("The HTTP status; 0 where none came.", 204),
        "elapsed_ms": Note("How long it took.", 41, "ms"),
    },
}
