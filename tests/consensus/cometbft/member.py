"""One of several members under CometBFT, as a process: ``python -m tests.consensus.cometbft.member FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from govchain.consensus.cometbft import CometEngine, CometOptions, EnginePeer, StateSync, derive_genesis
from govchain.consensus.engine_binary import find_engine
from govchain.model import Code
from govchain.storage.snapshot_checks import SnapshotTrust
from tests.consensus.cometbft import faults
from tests.consensus.member_child import MemberChild


class CometChild(MemberChild):
    """See the module."""

    drains = True

    def make_engine(self) -> CometEngine:
        told = self.told
        known = told.get("known")
        options = CometOptions(
            home=self.folder / "engine",
            program=find_engine("cometbft", os.environ),
            genesis=derive_genesis(self.machine),
            name=told["name"],
            listen=told["listen"],
            peers=lambda: [EnginePeer(bytes.fromhex(id), address) for id, address in told["peers"]],
            known_nodes=None if known is None else lambda: frozenset(bytes.fromhex(each) for each in known),
            loopback=True,
            state_sync=self.state_sync(told.get("state_sync")),
            take_up=self.take_up(told.get("take_up")),
            trust=lambda height: self.trust(told.get("trust"), height),
            **{"drain_ms": 1_000, **told.get("options", {})},
        )
        self.application.add_listener(lambda block: self.say(block=block.chain.height, time=block.header.time))
        return CometEngine(
            faults.wrapped(self.application, told.get("fault", "")),
            self.pool,
            options,
            self.clock,
            None,
            self.state,
            lambda text: self.say(notice=text),
        )

    def more_orders(self):
        return {"vote": self.vote, "snapshot": lambda told: self.say(snapshot=self.snapshot())}

    @staticmethod
    def state_sync(told: dict | None) -> StateSync | None:
        if told is None:
            return None
        first, second = told["servers"]
        return StateSync((first, second), told["height"], bytes.fromhex(told["hash"]))

    def take_up(self, told: dict | None):
        """Where a test has put the ledger by a snapshot: the engine's way there."""
        plan = self.state_sync(told)
        return None if plan is None else lambda _height, _identity: plan

    def trust(self, told: dict | None, height: int) -> SnapshotTrust | None:
        if told is None or told["height"] != height:
            return None
        return SnapshotTrust(self.genesis.chain, height, bytes.fromhex(told["header"]), bytes.fromhex(told["root"]))

    def snapshot(self) -> dict | None:
        """Make one; what a joiner would have to trust for it."""
        made = self.application.make_snapshot()
        if made is None:
            return None
        header = self.application.blocks.header(made.height)
        return {
            "height": made.height,
            "engine_height": made.engine_height,
            "header": header.hex(),
            "root": made.root.hex(),
            "chunks": made.chunks,
        }

    def vote(self, told: dict) -> None:
        self.engine.set_voting(told["votes"])
        self.say(votes=self.engine.votes)

    def facts(self) -> dict[str, object]:
        status = self.engine.status()
        return {
            **super().facts(),
            "engine_time": self.engine._handler.facts.time,
            "round": status.round,
            "proposer": status.proposer,
            "peers": status.peers,
            "missing": list(status.validators_missing),
            "starts": status.starts,
            "rejected": status.proposals_rejected,
            "rejected_last": Code(self.engine.rejected_last or 0).name,
            "validators": [[key.hex(), power] for key, power in self.engine.rpc.validators()],
        }


if __name__ == "__main__":
    CometChild(Path(sys.argv[1])).run()
