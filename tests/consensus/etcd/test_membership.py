"""Members come and go: the cluster follows the ledger's active members."""

from __future__ import annotations

import shutil

import pytest

from govchain.consensus.etcd.client import ClusterMember, EtcdError
from govchain.consensus.etcd.identity import EtcdMember, member_name
from govchain.consensus.etcd.membership import Step, next_step
from govchain.consensus.etcd.process import Beginning, RemoteMember, choose_beginning
from govchain.model import Code
from tests.consensus.etcd.kit import Net, RaftKit, RaftNode
from tests.consensus.kit import wait_until

A, B, C, D = (
    EtcdMember(bytes([number]) * 33, name, f"10.0.0.{number}:2380", b"") for number, name in enumerate("abcd")
)


def entry(member, identifier, *, learner=False, started=True, url=None):
    return ClusterMember(identifier, member_name(member.key) if started else "", (url or member.url,), learner)


THREE = [entry(A, 1), entry(B, 2), entry(C, 3)]


@pytest.mark.parametrize(
    ("listed", "wanted", "step"),
    [
        (THREE, [A, B, C], None),
        (THREE, [], None),
        (THREE, [A, B, C, D], Step("add", url=D.url)),
        ([*THREE, entry(D, 4, learner=True, started=False)], [A, B, C, D], None),
        ([*THREE, entry(D, 4, learner=True)], [A, B, C, D], Step("promote", 4)),
        ([*THREE, entry(D, 4, learner=True)], [A, B, C], Step("remove", 4)),
        ([*THREE, entry(D, 4, learner=True, started=False)], [A, B, C], Step("remove", 4)),
        ([*THREE, entry(D, 4, started=False)], [A, B, C, D], None),
        (THREE, [A, B], Step("remove", 3)),
        (THREE, [A, B, D], Step("add", url=D.url)),
        ([*THREE, entry(D, 4)], [A, B, D], Step("remove", 3)),
        ([entry(A, 1), entry(B, 2, url="https://10.0.0.9:1"), entry(C, 3)], [A, B, C], Step("update", 2, B.url)),
    ],
)  # fmt: skip
def test_the_next_step(listed, wanted, step):
    assert next_step(listed, wanted, {member.key for member in wanted}) == step


def test_a_member_whose_address_is_not_known_stays():
    """The leader's node lost the others' records: that is no reason to put them out."""
    everyone = {A.key, B.key, C.key}
    assert next_step(THREE, [A], everyone) is None
    assert next_step([*THREE, entry(D, 4, learner=True, started=False)], [A], {*everyone, D.key}) is None
    assert next_step([*THREE, entry(D, 4)], [A], everyone) == Step("remove", 4)


def remote(member, *, started=True, named=True):
    return RemoteMember(member_name(member.key) if named else "", (member.url,), ("unix://x",) if started else ())


FOUNDERS = Beginning(tuple(f"{member_name(each.key)}={each.url}" for each in (A, B, C)), existing=False)


@pytest.mark.parametrize(
    ("answer", "own", "founding", "result"),
    [
        (None, A, True, FOUNDERS),
        (None, A, False, "no member's etcd answers"),
        ([remote(A, started=False), remote(B), remote(C)], A, True, FOUNDERS),
        ([remote(A, started=False), remote(B)], A, False, "is none"),
        ([remote(A), remote(B), remote(C)], A, True, "its etcd has run before"),
        ([remote(B), remote(C)], A, True, "have not added it yet"),
        (
            [remote(B), remote(D), remote(A, started=False, named=False)], A, True,
            Beginning(tuple(f"{member_name(each.key)}={each.url}" for each in (B, D, A)), existing=True),
        ),
    ],
)  # fmt: skip
def test_how_a_member_without_data_begins(answer, own, founding, result):
    found = choose_beginning(own, [A, B, C], lambda member: tuple(answer) if answer else None, founding=founding)
    if isinstance(result, str):
        assert isinstance(found, str)
        assert result in found
    else:
        assert found == result


@pytest.mark.net
@pytest.mark.requirement("BJ.function.p2p.04a", "BJ.function.p2p.04b")
def test_a_member_is_added_and_one_removed(tmp_path):
    """The ledger's list changes; etcd's follows, learner first; the new one has all blocks, the old one keeps its."""
    kit = RaftKit(3, others=1)
    active = [kit.etcd_member(number) for number in range(3)]
    with Net(tmp_path, kit=kit, members=lambda: tuple(active)) as net:
        for node in net.nodes:
            assert node.put() == [Code.OK]
            node.wait_certificates()
        net.settle()
        first = net.nodes[0]
        fourth = RaftNode(kit, 3, tmp_path, net.mesh, members=lambda: tuple(active))
        fourth.engine.start()
        net.nodes.append(fourth)
        net.settle()  # it follows before it is a member
        assert fourth.engine.status().height == 0
        first.put()
        active.append(kit.etcd_member(3))
        net.mesh.members.append(fourth)
        wait_until(lambda: len(voters(first)) == 4, "the fourth vote", patience_s=30)
        first.put()
        net.settle()
        fourth.submit(fourth.record())
        wait_until(lambda: fourth.engine.status().proposer == "node-3", "its first block")
        removed = net.nodes.pop(1)
        active.pop(1)
        wait_until(lambda: len(voters(first)) == 3, "the removal", patience_s=30)
        assert first.put() == [Code.OK]
        net.settle()
        wait_until(lambda: removed.problems != [], "the end of the removed one", patience_s=30)
        assert removed.problems[0] == (Code.ENGINE_FAILED, "this node is no member any more")
        assert removed.identities() == first.identities()[: removed.height]
        removed.stop()


@pytest.mark.net
def test_a_member_whose_data_is_gone_is_renewed(tmp_path):
    """It does not come back as who it was; renewed by another member it does, and takes all blocks."""
    with Net(tmp_path) as net:
        net.nodes[0].put()
        net.settle()
        lost = net.nodes[2]
        lost.stop()
        shutil.rmtree(lost.folder / "node-2")
        for _ in range(3):
            net.nodes[0].put()
        back = net.again(2, store=None)
        wait_until(lambda: any("must renew it" in reason for _, reason in back.notices), "the notice")
        assert net.nodes[0].engine.renew(back.key)
        wait_until(lambda: len(voters(net.nodes[0])) == 3, "its vote", patience_s=30)
        net.settle()
        assert back.put() == [Code.OK]
        net.settle()


def voters(node):
    """Members with a vote; nobody while its etcd starts anew."""
    try:
        return [member for member in node.client.members() if member.name and not member.learner]
    except EtcdError:
        return []
