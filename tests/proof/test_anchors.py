"""A trusted header excludes every other past: forks by the very keys that signed the honest chain, and anchors."""

import copy

import pytest

from govchain import proof
from govchain.model import VerificationError
from tests.merkle.reference import path
from tests.proof.agree import both, refused
from tests.proof.chainkit import KINDS, Chain, open_package, plain, repack, texts

FORK = 2
SHARED = "does not show that it contains the trusted block {}"


def pair(blocks=8):
    """An honest chain and another past of it: the same genesis, the same single key, one first block, then a fork."""
    honest = Chain(name="gov-past")
    honest.ids = [honest.put(name="first")]
    fork = copy.copy(honest)
    for name in ("headers", "certificates", "identities", "blocks", "roots", "lives", "ids"):
        setattr(fork, name, getattr(honest, name).copy())
    for chain, name in ((honest, "honest"), (fork, "forged")):
        chain.ids += [chain.put(name=f"{name} {height}") for height in range(FORK, blocks + 1)]
    assert honest.fingerprint == fork.fingerprint
    assert honest.identities[0] == fork.identities[0]
    assert honest.identities[1] != fork.identities[1]
    return honest, fork


def claim(chain, height, at):
    return {"id": chain.ids[height - 1], "at": at}


def trusting(*headers):
    return proof.TrustAnchors(headers=headers)


def verdict(data, anchors):
    report = proof.verify_package(data, kinds=KINDS, trusted=anchors).report
    return report.exit_code, report.trust.cause, report.trust.height


@pytest.mark.parametrize("shown", [(), (1,), (3,), (2, 4, 5), (1, 2, 3, 4, 5, 6)])
@pytest.mark.parametrize("height", range(FORK, 9))
def test_a_fork_by_the_same_key_is_not_trusted_by_any_header_of_the_honest_chain(height, shown):
    honest, fork = pair()
    trust = trusting(honest.headers[height])
    for record in (1, 2, 4, 6):
        data = fork.package(claim(fork, record, 6), anchors=shown)
        assert both(data, fork.anchors) == (0, 0)
        assert both(data, trust) == (3, 0)
        there = f"headers/{height}.json" in open_package(data)
        assert verdict(data, trust)[1:] == ("contradiction" if there else "not_contained", height)


def test_the_honest_package_is_trusted_by_each_header_that_it_shows():
    honest, _ = pair()
    bare, full = (honest.package(claim(honest, 3, 6), anchors=shown) for shown in ((), range(1, 7)))
    for height in range(1, 9):
        trust = trusting(honest.headers[height])
        assert both(bare, trust) == (0 if height in (1, 3, 6) else 3, 0), height
        assert both(full, trust) == (0 if height <= 6 else 3, 0), height
        one = honest.package(claim(honest, 3, 6), anchors=[height] if height <= 6 else [])
        assert both(one, trust) == (0 if height <= 6 else 3, 0), height
    assert proof.verify_package(
        bare, kinds=KINDS, trusted=trusting(honest.headers[5])
    ).report.trust.reason == SHARED.format(5)
    assert proof.verify_package(full, kinds=KINDS, trusted=trusting(honest.headers[5])).report.trust.by == "header 5"
    members = open_package(honest.package(claim(honest, 3, 6), anchors=[5]))
    histories = {"1-3", "1-5", "1-6", "3-5", "3-6", "5-6"}
    assert {name for name in members if "history" in name} == {f"proofs/history-{one}.json" for one in histories}


def test_a_last_header_with_an_invented_history_grafts_no_fork_onto_a_trusted_block():
    honest, fork = pair(5)
    # The forger holds the key: its next header may claim any history, the honest block among forged ones.
    fork.identities[3] = honest.identities[3]
    fork.ids.append(fork.put(name="graft"))
    fork.headers[4], fork.certificates[4] = honest.headers[4], honest.certificates[4]
    trust = trusting(honest.headers[4])
    bare = fork.package(claim(fork, 3, 6))
    assert both(bare, trust) == (3, 0)
    assert both(bare, fork.anchors) == (0, 0)
    # To be an anchor, the honest block would have to prove the forged one.
    refused(fork.raw(claim(fork, 3, 6), anchors=[4]), 6, trust)


def test_a_claimed_block_that_is_trusted_must_prove_the_first_block_itself():
    honest, _ = pair(3)
    assert both(honest.package(claim(honest, 2, 3)), trusting(honest.headers[2])) == (0, 0)
    members = open_package(honest.package(claim(honest, 2, 3)))
    refused(repack({name: data for name, data in members.items() if name != "proofs/history-1-2.json"}), 2)


def test_a_genesis_is_enough_and_says_which_trusted_headers_are_not_shown():
    honest, _ = pair()
    data = honest.package(claim(honest, 3, 6), anchors=[2])
    for heights, notes in (((2, 3), ()), ((4,), (4,)), ((5, 4, 2, 5), (4, 5)), ((7, 8), ()), ((6, 1), ())):
        trust = honest.anchors + trusting(*(honest.headers[height] for height in heights))
        assert both(data, trust) == (0, 0)
        told = proof.verify_package(data, kinds=KINDS, trusted=trust).report.trust
        assert (told.by, told.unshown) == ("genesis", notes)
        assert told.notes == tuple(f"trusted block {height} is not shown to be part of this past" for height in notes)
    # a header that vouches says it, too; headers of other chains say nothing
    other = Chain(name="gov-other-past")
    other.put()
    trust = trusting(other.headers[1], honest.headers[4], honest.headers[6])
    assert both(data, trust) == (0, 0)
    assert proof.verify_package(data, kinds=KINDS, trusted=trust).report.trust.unshown == (4,)


def test_a_contradiction_outweighs_a_trusted_genesis():
    honest, fork = pair()
    data = fork.package(claim(fork, 3, 6), anchors=[4])
    for height in (3, 4, 6):
        assert both(data, fork.anchors + trusting(fork.headers[6], honest.headers[height])) == (3, 0)
    assert both(data, fork.anchors + trusting(honest.headers[5])) == (0, 0)
    assert proof.verify_package(
        data, kinds=KINDS, trusted=fork.anchors + trusting(honest.headers[5])
    ).report.trust.unshown == (5,)


def test_several_claims_hang_together():
    honest, _ = pair()
    claims = (claim(honest, 2, 4), claim(honest, 5, 7), honest.ids[2])
    bare, full = honest.package(*claims), honest.package(*claims, anchors=range(1, 8))
    for height in range(1, 8):
        assert both(bare, trusting(honest.headers[height])) == (0 if height in (1, 2, 7) else 3, 0), height
        assert both(full, trusting(honest.headers[height])) == (0, 0), height


def test_nothing_unneeded_or_unproved_rides_along():
    honest, fork = pair()
    bare = open_package(honest.package(claim(honest, 3, 6)))
    full = open_package(honest.package(claim(honest, 3, 6), anchors=[5]))
    extra = sorted(set(full) - set(bare))
    assert extra == [
        "certificates/5.json",
        "headers/5.json",
        *(f"proofs/history-{x}.json" for x in ("1-5", "3-5", "5-6")),
    ]
    for name in extra:
        refused(repack({n: d for n, d in full.items() if n != name}), 2)
        if name.startswith("proofs/"):
            refused(repack(bare | {name: full[name]}), 2)
    # headers without any proof, above the last block, and a proof between blocks that no claim names
    refused(repack(bare | {name: full[name] for name in extra[:2]}), 5)
    above = {f"{kind}/7.json": getattr(honest, kind)[7] for kind in ("headers", "certificates")}
    refused(repack(bare | above), 2)
    for low, high in ((1, 7), (6, 7), (2, 4), (4, 3), (5, 5), (7, 6)):
        steps = () if low >= high else texts(path(low - 1, honest.identities[: high - 1], honest.hash))
        proved = plain(proof.HistoryProof(high, low, steps))
        refused(repack(full | above | {f"proofs/history-{low}-{high}.json": proved}), 2)
        refused(repack(full | {f"proofs/history-{low}-{high}.json": proved}), 2)
    for name in (
        "proofs/history-01-5.json",
        "proofs/history-0-5.json",
        "proofs/history-5.json",
        "proofs/history-1-5-6.json",
    ):
        refused(repack(full | {name: full["proofs/history-1-5.json"]}), 2)
    # proofs that do not hold, and the fork's block in the place of the anchor
    for name in ("1-5", "3-5", "5-6"):
        refused(repack(full | {f"proofs/history-{name}.json": full["proofs/history-3-6.json"]}), 6)
    false = {f"{kind}/5.json": getattr(fork, kind)[5] for kind in ("headers", "certificates")}
    refused(repack(full | false), 6)
    with pytest.raises(VerificationError):
        proof.build_package(honest.contents(claim(honest, 3, 6), anchors=[7]), KINDS)


def test_a_few_names_never_make_a_large_plan():
    claims = [proof.Claim(2 * n + 1, "transaction", None, None, f"{n:064x}") for n in range(4000)]
    names = [f"proofs/history-1-{2 * n + 2}.json" for n in range(3000)]
    from govchain.proof.layout import find_anchors

    assert find_anchors(proof.plan_package(claims, KINDS), names) == (2,)
    chain = Chain()
    members = open_package(chain.package({"id": chain.put(), "at": 1}))
    listed = [
        {"height": one.height, "kind": one.kind, "member": None, "status_height": None, "transaction": one.transaction}
        for one in claims
    ]
    refused(repack(members | dict.fromkeys(names, b"{}"), claims=listed), 2)
