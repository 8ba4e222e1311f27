"""The port's contract, for each engine: a member as a process, over the real program."""

from __future__ import annotations

import pytest

from tests.consensus.engine_contract import ContractMember, EngineContract, ProposerTimeContract


@pytest.fixture
def member(request, tmp_path):
    found = ContractMember(tmp_path / "member", request.cls.engine)
    found.start()
    yield found
    found.stop()


class TestSolo(EngineContract, ProposerTimeContract):
    engine = "solo"


@pytest.mark.net
class TestCometBft(EngineContract):
    engine = "cometbft"


@pytest.mark.net
class TestEtcd(EngineContract, ProposerTimeContract):
    engine = "etcd"
