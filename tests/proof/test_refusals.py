"""Everything that must be refused is refused by both verifiers, at the same step, whoever is trusted."""

import pytest

from govchain import proof
from tests.proof.agree import NOTHING, both, refused
from tests.proof.chainkit import Chain
from tests.proof.corpus import refused_cases

CASES = refused_cases()


@pytest.mark.parametrize(("package", "step"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_refused(package, step):
    refused(package, step, proof.TrustAnchors(genesis=("00" * 32,)))


def test_every_step_that_can_fail_has_cases():
    assert sorted({step for _, _, step in CASES}) == list(range(1, 11))
    assert len(CASES) > 150


def test_a_forger_with_a_chain_of_his_own_is_consistent_but_not_trusted():
    real, forged = Chain(), Chain(members=("forger",))
    id = forged.put()
    data = forged.package({"id": id, "at": 1})
    assert real.name == forged.name
    assert both(data, real.anchors) == (3, 0)
    assert both(data, NOTHING) == (3, 0)
    real.put()
    assert both(data, proof.TrustAnchors(headers=(real.headers[1],))) == (3, 0)


def test_a_genesis_with_other_names_under_a_real_header_is_not_trusted():
    real = Chain()
    id = real.put()
    real.put(name="b")
    claimed = Chain()
    claimed.genesis["organisations"][0]["name"] = "别的机构"
    anchors = proof.TrustAnchors(headers=(real.headers[2],))
    from tests.proof.chainkit import canonical, open_package, repack

    assert both(real.package({"id": id, "at": 2}), anchors) == (0, 0)
    members = open_package(real.package({"id": id, "at": 2}))
    false = canonical(claimed.genesis)
    data = repack(members | {"genesis.json": false}, genesis=real.tagged("govchain/genesis/1", false).hex())
    refused(data, 6, anchors)
