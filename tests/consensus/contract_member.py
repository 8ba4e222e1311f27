"""A chain's only member under any engine, as a process: ``python -m tests.consensus.contract_member FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from govchain.consensus import Application, Engine, LedgerApplication
from govchain.consensus.cometbft import CometEngine, CometOptions, derive_genesis
from govchain.consensus.engine_binary import find_engine
from govchain.consensus.etcd import EtcdEngine, EtcdMember, EtcdOptions, EtcdTuning
from govchain.consensus.solo import SoloEngine
from govchain.model import Code, UnavailableError, UsageError
from tests.consensus.member_child import MemberChild


class FullAt:
    """An application whose disk is full from a ledger height on."""

    def __init__(self, application: LedgerApplication, height: int) -> None:
        self.application, self.height = application, height

    def __getattr__(self, name: str) -> object:
        return getattr(self.application, name)

    def commit(self) -> int:
        if self.application.info().ledger_height >= self.height and self.application._executed is not None:
            raise UnavailableError(Code.DISK_FULL, path="")
        return self.application.commit()


class ContractChild(MemberChild):
    """See the module."""

    def make_engine(self) -> Engine:
        told = self.told
        application = FullAt(self.application, told["full_at"]) if "full_at" in told else self.application
        if told["engine"] == "cometbft":
            return self.comet(application)
        if self.application.info().app_hash == b"":
            self.application.init_chain()
        if told["engine"] == "solo":
            return SoloEngine(application, self.pool, self.clock, None, self.state)
        return self.etcd(application)

    def more_orders(self):
        return {"stop_engine": self.stop_engine, "vote": self.vote}

    def comet(self, application: Application) -> CometEngine:
        options = CometOptions(
            home=self.folder / "engine",
            program=find_engine("cometbft", os.environ),
            genesis=derive_genesis(self.machine),
            name="node-0",
            listen=self.told["listen"],
            peers=list,
            loopback=True,
        )
        return CometEngine(application, self.pool, options, self.clock, None, self.state)

    def etcd(self, application: Application) -> EtcdEngine:
        told = self.told
        tls = load_pem_private_key(told["tls"].encode(), None)
        assert isinstance(tls, ec.EllipticCurvePrivateKey)
        public = tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        member = EtcdMember(self.key.public_key, "node-0", told["listen"], public)
        options = EtcdOptions(
            chain=self.genesis.chain,
            fingerprint=self.machine.fingerprint,
            suite=self.machine.suite,
            folder=self.folder / "engine",
            binary=find_engine("etcd", os.environ),
            member=self.key.public_key,
            listen=told["listen"],
            tls_key=tls,
            members=lambda: [member],
            tuning=EtcdTuning(heartbeat_ms=50, election_ms=500),
        )
        return EtcdEngine(application, self.pool, options, self.clock, None, self.state)

    def stop_engine(self, told: dict) -> None:
        self.engine.stop(drain=told["drain"])
        self.say(engine_stopped=True)

    def vote(self, told: dict) -> None:
        code = Code.OK
        try:
            self.engine.set_voting(told["votes"])
        except UsageError as error:
            code = error.code
        self.say(vote=[code.name, self.engine.votes])


if __name__ == "__main__":
    ContractChild(Path(sys.argv[1])).run()
