"""The engine of rule ``bft``: CometBFT as a supervised process; see the README."""

from govchain.consensus.cometbft.configuration import EnginePeer, StateSync
from govchain.consensus.cometbft.engine import CometEngine, CometOptions
from govchain.consensus.cometbft.genesis import EngineGenesis, derive_genesis, encode_genesis
from govchain.consensus.cometbft.keys import EngineKeys, create_engine_keys, read_engine_keys

__all__ = [
    "CometEngine",
    "CometOptions",
    "EngineGenesis",
    "EngineKeys",
    "EnginePeer",
    "StateSync",
    "create_engine_keys",
    "derive_genesis",
    "encode_genesis",
    "read_engine_keys",
]
