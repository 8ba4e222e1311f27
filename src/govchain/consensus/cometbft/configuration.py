"""``config.toml`` of CometBFT v0.39: a pure function from what a node decides to the file's text.

Purpose: every value that differs from the engine's defaults, and why.
Rules: nothing is left to a default that matters here; strings are escaped; the same settings give the same text.
Not here: writing it (:mod:`govchain.consensus.cometbft.engine`), the engine's keys and genesis.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from govchain.consensus.cometbft.keys import (
    NODE_KEY_FILE,
    OBSERVER_KEY_FILE,
    OBSERVER_STATE_FILE,
    VALIDATOR_KEY_FILE,
    VALIDATOR_STATE_FILE,
)

__all__ = ["ABCI_SOCKET", "RPC_SOCKET", "EngineConfiguration", "EnginePeer", "StateSync", "write_configuration"]

#: Sockets below the engine's home, which is where it runs: a unix socket's path may have 107 bytes only.
ABCI_SOCKET: Final = "abci.sock"
RPC_SOCKET: Final = "rpc.sock"
#: Bytes a second to and from each peer: proposals are pushed whole (the default of 5 MB/s bounds the chain).
_PEER_RATE: Final = 50 * 1000 * 1000
_PACKET_BYTES: Final = 32 * 1024
_PEERS_MAX: Final = 256


@dataclass(frozen=True, slots=True)
class EnginePeer:
    """Another member's engine: its node id (20 bytes) and ``host:port``, an IPv6 host in brackets."""

    node_id: bytes
    address: str


@dataclass(frozen=True, slots=True)
class StateSync:
    """How a new node joins by snapshot: two engines' RPC (``host:port``, reached over the route between nodes).

    ``trust_height`` and ``trust_hash`` (32 bytes) are the engine's, from a block that the node trusts already.
    """

    rpc_servers: tuple[str, str]
    trust_height: int
    trust_hash: bytes


@dataclass(frozen=True, slots=True)
class EngineConfiguration:
    """What a node decides.

    Attributes:
        name: shown to other engines.
        listen: ``host:port`` for other engines.
        external: ``host:port`` that others dial, or empty.
        peers: other members, dialled for ever.
        loopback: several engines share this machine.
        votes: whether this engine votes; without it the engine follows, and the voting key lies aside unused.
        timeout_propose_ms: how long a proposal is waited for; more than the node waits for work, and the time to
            make and send the largest block.
        gossip_sleep_ms: the pause of the gossip loops; 10 costs a quarter more processor time than 100, for three times
            the rate.
        state_sync: join by snapshot, or None.
    """

    name: str
    listen: str
    external: str = ""
    peers: tuple[EnginePeer, ...] = ()
    loopback: bool = False
    timeout_propose_ms: int = 3_000
    gossip_sleep_ms: int = 10
    votes: bool = True
    state_sync: StateSync | None = None


def write_configuration(configuration: EngineConfiguration) -> str:
    """The text of ``config/config.toml``."""
    peers = ",".join(f"{peer.node_id.hex()}@{peer.address}" for peer in configuration.peers)
    known = ",".join(peer.node_id.hex() for peer in configuration.peers)
    sections: list[tuple[str, list[tuple[str, str | int | bool]]]] = [
        (
            "",
            [
                ("version", "0.39.4"),
                ("proxy_app", f"unix://{ABCI_SOCKET}"),
                ("moniker", _moniker(configuration.name)),
                ("db_backend", "goleveldb"),
                ("db_dir", "data"),
                # Errors only: an info line for each block would be gigabytes a week.
                ("log_level", "error"),
                ("log_format", "json"),
                ("genesis_file", "config/genesis.json"),
                ("priv_validator_key_file", VALIDATOR_KEY_FILE if configuration.votes else OBSERVER_KEY_FILE),
                ("priv_validator_state_file", VALIDATOR_STATE_FILE if configuration.votes else OBSERVER_STATE_FILE),
                ("priv_validator_laddr", ""),
                ("node_key_file", NODE_KEY_FILE),
                ("abci", "socket"),
                # Each connection is put to the application: known members only.
                ("filter_peers", True),
            ],
        ),
        (
            "rpc",
            [
                # Never a network port: the node asks through a file that only its owner may open.
                ("laddr", f"unix://{RPC_SOCKET}"),
                ("grpc_laddr", ""),
                ("unsafe", False),
                ("max_open_connections", 16),
                ("max_body_bytes", 65_536),
                ("pprof_laddr", ""),
            ],
        ),
        (
            "p2p",
            [
                ("laddr", f"tcp://{configuration.listen}"),
                ("external_address", configuration.external),
                ("seeds", ""),
                ("persistent_peers", peers),
                ("unconditional_peer_ids", known),
                ("persistent_peers_max_dial_period", "5s"),
                ("addr_book_file", "data/addrbook.json"),
                # Members have addresses of private networks.
                ("addr_book_strict", False),
                ("max_num_inbound_peers", _PEERS_MAX),
                ("max_num_outbound_peers", _PEERS_MAX),
                ("flush_throttle_timeout", "10ms"),
                ("max_packet_msg_payload_size", _PACKET_BYTES),
                ("send_rate", _PEER_RATE),
                ("recv_rate", _PEER_RATE),
                # Members are known from the ledger; nobody is introduced by a stranger.
                ("pex", False),
                ("seed_mode", False),
                ("allow_duplicate_ip", configuration.loopback),
                ("handshake_timeout", "20s"),
                ("dial_timeout", "3s"),
            ],
        ),
        ("mempool", _mempool(configuration.state_sync)),
        ("statesync", _state_sync(configuration.state_sync)),
        ("blocksync", [("version", "v0")]),
        (
            "consensus",
            [
                ("wal_file", "data/cs.wal/wal"),
                ("timeout_propose", f"{configuration.timeout_propose_ms}ms"),
                ("timeout_propose_delta", "500ms"),
                ("timeout_prevote", "1s"),
                ("timeout_prevote_delta", "500ms"),
                ("timeout_precommit", "1s"),
                ("timeout_precommit_delta", "500ms"),
                # The next block begins at once; what slows an idle chain down is the wait for work in PrepareProposal.
                ("timeout_commit", "0s"),
                ("skip_timeout_commit", False),
                ("double_sign_check_height", 0),
                ("create_empty_blocks", True),
                ("create_empty_blocks_interval", "0s"),
                ("peer_gossip_sleep_duration", f"{configuration.gossip_sleep_ms}ms"),
                ("peer_query_maj23_sleep_duration", "2s"),
            ],
        ),
        # Blocks and their receipts are the ledger's; the engine's copies of results are not needed.
        ("storage", [("discard_abci_responses", True)]),
        ("tx_index", [("indexer", "null")]),
        ("instrumentation", [("prometheus", False)]),
    ]
    return "\n".join(_section(name, rows) for name, rows in sections)


def _moniker(name: str) -> str:
    """The engine's name for itself: it takes printable ASCII only, and members have names in any script."""
    plain = "".join(character for character in name if " " < character < "\x7f")
    return plain if plain == name else f"node{plain}"


def _mempool(plan: StateSync | None) -> list[tuple[str, str | int | bool]]:
    # The node has its own pool (ARCHITECTURE decision 3). While it joins by snapshot the engine has one that is never
    # filled: v0.39.4 refuses to join without ("invalid mempool reactor", node/setup.go). The next start is as usual.
    kind = "nop" if plan is None else "flood"
    return [("type", kind), ("recheck", False), ("broadcast", False)]


def _state_sync(plan: StateSync | None) -> list[tuple[str, str | int | bool]]:
    if plan is None:
        return [("enable", False)]
    return [
        ("enable", True),
        ("rpc_servers", ",".join(f"http://{address}" for address in plan.rpc_servers)),
        ("trust_height", plan.trust_height),
        ("trust_hash", plan.trust_hash.hex().upper()),
        # Trust comes from what members say over the route between nodes, now; how old the snapshot is does not matter.
        ("trust_period", "87600h0m0s"),
        ("discovery_time", "5s"),
        ("chunk_request_timeout", "30s"),
        ("chunk_fetchers", "2"),
    ]


def _section(name: str, rows: list[tuple[str, str | int | bool]]) -> str:
    lines = [f"[{name}]"] if name else []
    lines += [f"{key} = {_value(value)}" for key, value in rows]
    return "\n".join(lines) + "\n"


def _value(value: str | int | bool) -> str:
    # JSON's strings with ASCII only are TOML's basic strings.
    return json.dumps(value)
