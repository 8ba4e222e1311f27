"""The engine's genesis, derived from ours: the same bytes on every member, without anything to agree on.

Purpose: chain id, first validators and parameters of CometBFT as a pure function of the chain's genesis.
Rules: the engine's chain id carries our genesis' fingerprint, so that no chain id is used twice with another genesis;
every member of rule ``bft`` has one vote; vote extensions are off (ARCHITECTURE decision 5); the largest engine block
holds our largest block and what the engine adds to it.
Not here: our genesis (``proof.genesis``), who is a member later (``FinalizedBlock.updates``).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from govchain.consensus.cometbft.keys import engine_address
from govchain.ledger import Machine
from govchain.model import Code, UnavailableError
from govchain.model.wire import Genesis

__all__ = ["EngineGenesis", "derive_genesis", "encode_genesis", "engine_block_bytes"]

#: What CometBFT allows: MaxChainIDLen and MaxBlockSizeBytes of its types package.
CHAIN_ID_LENGTH_MAX: Final = 50
ENGINE_BLOCK_BYTES_MAX: Final = 104_857_600
#: Room for the engine's own header, commit and evidence beside the transactions.
_ENGINE_BYTES: Final = 1024 * 1024
#: Evidence of double votes is taken for this long (blocks and nanoseconds), its defaults.
_EVIDENCE_BLOCKS: Final = 100_000
_EVIDENCE_NS: Final = 48 * 3600 * 10**9
_EVIDENCE_BYTES_MAX: Final = 256 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EngineGenesis:
    """What CometBFT starts from.

    Attributes:
        chain_id: ``<chain>-<first 16 hex digits of our genesis' fingerprint>``, with the era's digest from era 2 on.
        time: ms since 1970, the chain's creation.
        validators: (Ed25519 key, name) of each member, sorted by key; each weighs 1.
        block_bytes_max: the largest engine block.
    """

    chain_id: str
    time: int
    validators: tuple[tuple[bytes, str], ...]
    block_bytes_max: int


def derive_genesis(machine: Machine, era: int = 1) -> EngineGenesis:
    """The engine's genesis of the chain of ``machine`` in its engine era.

    Raises:
        UnavailableError: ``ENGINE_MISMATCH``: genesis is not of rule ``bft``, or a member has no engine key.
    """
    genesis: Genesis = machine.genesis
    if genesis.rule != "bft":
        raise UnavailableError(Code.ENGINE_MISMATCH, reason=f"rule {genesis.rule}")
    mark = machine.fingerprint
    if era > 1:
        mark = machine.suite.digest(mark + era.to_bytes(8, "big"))
    validators: list[tuple[bytes, str]] = []
    for member in genesis.members:
        if not isinstance(member.engine_key, str):
            raise UnavailableError(Code.ENGINE_MISMATCH, reason=f"{member.name}: no engine_key in genesis")
        validators.append((bytes.fromhex(member.engine_key), member.name))
    return EngineGenesis(
        f"{genesis.chain}-{mark.hex()[:16]}",
        genesis.created,
        tuple(sorted(validators)),
        engine_block_bytes(genesis.limits.block_bytes_max),
    )


def engine_block_bytes(block_bytes_max: int) -> int:
    """The engine's limit for our limit: each transaction costs the engine a few bytes, the block a fixed amount."""
    return min(ENGINE_BLOCK_BYTES_MAX, block_bytes_max + block_bytes_max // 8 + _ENGINE_BYTES)


def encode_genesis(genesis: EngineGenesis) -> bytes:
    """``config/genesis.json`` of CometBFT v0.39; always the same bytes."""
    time = (_EPOCH + timedelta(milliseconds=genesis.time)).strftime("%Y-%m-%dT%H:%M:%S")
    document = {
        "genesis_time": f"{time}.{genesis.time % 1000:03d}Z",
        "chain_id": genesis.chain_id,
        "initial_height": "1",
        "consensus_params": {
            "block": {"max_bytes": str(genesis.block_bytes_max), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": str(_EVIDENCE_BLOCKS),
                "max_age_duration": str(_EVIDENCE_NS),
                "max_bytes": str(_EVIDENCE_BYTES_MAX),
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "0"},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [
            {
                "address": engine_address(key).hex().upper(),
                "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(key).decode()},
                "power": "1",
                "name": name,
            }
            for key, name in genesis.validators
        ],
        "app_hash": "",
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
