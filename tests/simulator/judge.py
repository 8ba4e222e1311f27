"""What must hold when the faults are over and the network is whole again; each check names what it found.

Purpose: the end of every run. Not here: what must hold at every moment (``replica``, ``bft``, ``raft``: assertions
beside what they watch).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import govchain_native as native
from govchain.consensus import Certifier, FinalitySignature, LedgerApplication, Pool
from govchain.crypto import ALGORITHMS
from govchain.model import Code
from govchain.model.wire import Body
from govchain.proof.certificates import decode_certificate, finality_message, verify_certificate
from govchain.proof.equivocation import verify_equivocation
from govchain.proof.headers import decode_header, header_identity
from govchain.proof.trust import EpochWalk
from govchain.state import MemoryStore, Table
from govchain.storage.blocks import height_key
from tests.simulator.chain import CHAIN, CREATED

if TYPE_CHECKING:
    from tests.simulator.replica import Replica
    from tests.simulator.run import Simulation

#: Tables that are the same on every replica; certificates are as good with other members' signatures.
SAME = (
    Table.STATE,
    Table.LIVE,
    Table.HEADERS,
    Table.BODIES,
    Table.RECEIPTS,
    Table.TRANSACTIONS,
    Table.IDS,
    Table.HISTORY,
    Table.KEY_HISTORY,
)
#: Of these, those by height.
_BY_HEIGHT = (Table.HEADERS, Table.BODIES, Table.RECEIPTS, Table.IDS)


def settled(simulation: Simulation) -> str:
    """What is still outstanding after the faults, or an empty string."""
    heads = set()
    for replica in simulation.honest:
        if not replica.started:
            continue
        process = replica.process
        if process is None:
            return f"{replica.name} is down"
        chain = process.application.chain
        heads.add(chain.height)
        blocks = process.application.blocks
        for height in range(replica.base + 1, chain.height + 1):
            if height not in replica.certified:
                if blocks.certificate(height) is None:
                    return f"{replica.name} has no certificate of block {height}"
                replica.certified.add(height)
    if len(heads) > 1:
        return f"heads {sorted(heads)}"
    if not simulation.clients.done():
        return "clients wait"
    if not simulation.council.done():
        return f"governance waits: {[item.kind for item in simulation.council.items if not item.outcome]}"
    return "" if simulation.fresh_done() else "no fresh transaction was committed"


def judge(simulation: Simulation) -> None:
    """Every check at the end of a run."""
    running = [replica for replica in simulation.honest if replica.started]
    reference = running[0]
    for replica in running:
        check_blocks(simulation, replica)
        check_certificates(simulation, replica)
        check_same(reference.store, replica.store, f"{reference.name} and {replica.name}", replica.base)
        check_acknowledged(simulation, replica)
    check_no_garbage(simulation, reference)
    check_replay(simulation, reference)
    for replica in running:
        check_restart(simulation, replica)
    if simulation.liar is not None and simulation.plan.rule == "bft":
        for replica in running:
            check_equivocation(simulation, replica)


def check_blocks(simulation: Simulation, replica: Replica) -> None:
    """Every block is the one that was seen when it was committed, and its time is after the one before."""
    application = replica.process.application
    time = 0
    for height in range(max(1, replica.base), application.chain.height + 1):
        data = application.blocks.header(height)
        assert data is not None, f"{replica.name} lacks block {height}"
        identity = header_identity(simulation.kit.machine.suite, data)
        assert identity == simulation.identities[height], f"{replica.name}: another block {height}"
        header = decode_header(data)
        assert header.time > time, f"{replica.name}: time of block {height}"
        time = header.time


def check_certificates(simulation: Simulation, replica: Replica) -> None:
    """From genesis on, each header belongs to the set in force and has a certificate of a quorum of it."""
    machine, blocks = simulation.kit.machine, replica.process.application.blocks
    walk = EpochWalk.from_genesis(machine.suite, machine.genesis)
    if replica.base:
        walk = EpochWalk.after(blocks.decoded_header(replica.base))
    for height in range(replica.base + 1, replica.process.application.chain.height + 1):
        stored = blocks.certificate(height)
        assert stored is not None, f"{replica.name} has no certificate of block {height}"
        header = blocks.decoded_header(height)
        walk = walk.step(header)
        verify_certificate(machine.suite, header, simulation.identities[height], decode_certificate(stored))


def check_same(one: MemoryStore, other: MemoryStore, what: str, base: int = 0) -> None:
    """Two stores hold the same ledger, the ``other`` one from the snapshot at ``base`` on."""
    for table in SAME:
        if base and table in (Table.TRANSACTIONS, Table.KEY_HISTORY):
            continue  # what lies before the snapshot is not there, and their keys are not in order of height
        start = height_key(base + 1) if base and table in _BY_HEIGHT else b""
        left, right = dict(one.scan(table, start)), dict(other.scan(table, start))
        assert left == right, f"{what} differ in {table.name}"


def check_acknowledged(simulation: Simulation, replica: Replica) -> None:
    """Each acknowledged transaction is in the chain once, with the very receipt; no other is there twice."""
    blocks = replica.process.application.blocks
    seen: Counter[bytes] = Counter()
    receipts: dict[bytes, bytes] = {}
    for height in range(replica.base + 1, replica.process.application.chain.height + 1):
        ids = [opened[1] for opened in _open(simulation, blocks.envelopes(height))]
        seen.update(ids)
        receipts.update(zip(ids, blocks.receipts(height), strict=True))
    twice = [id_.hex()[:8] for id_, count in seen.items() if count > 1]
    assert not twice, f"{replica.name} has transactions twice: {twice}"
    for submission in simulation.clients.acknowledged:
        if replica.base and submission.height <= replica.base:
            continue
        found = receipts.get(submission.id)
        assert found is not None, f"{replica.name} lost the acknowledged transaction {submission.id.hex()[:8]}"
        assert found == submission.receipt, f"{replica.name} has another receipt of {submission.id.hex()[:8]}"
        assert replica.process.application.receipt(submission.id) == found, "the place of a transaction is wrong"


def check_no_garbage(simulation: Simulation, replica: Replica) -> None:
    """Every envelope in a block is somebody's transaction, with a signature that holds and a window that was open."""
    blocks, machine = replica.process.application.blocks, simulation.kit.machine
    for height in range(1, replica.process.application.chain.height + 1):
        time = blocks.header_time(height)
        for status, id_, _, data, signatures in _open(simulation, blocks.envelopes(height)):
            assert status == 0, f"block {height} holds garbage"
            assert id_ in simulation.issued, f"block {height} holds what nobody sent: {data[:80]!r}"
            body: Body = machine.body_decoder.decode(data)
            assert body.chain == CHAIN, f"block {height} holds another chain's transaction"
            assert time < body.expires <= time + machine.genesis.limits.expiry_ms_max, f"block {height}: expiry"
            for signer, signature in zip(body.signers, signatures, strict=True):
                key = bytes.fromhex(signer.key)
                code = ALGORITHMS[signer.algorithm].check_signature(key, data, signature)
                assert code == Code.OK, f"block {height} holds a false signature"


def check_replay(simulation: Simulation, replica: Replica) -> None:
    """The engine's blocks from genesis on, executed anew, give the same ledger."""
    store = MemoryStore()
    application = simulation.plan.application(simulation.kit.machine, store, Pool(), lambda: CREATED)
    application.init_chain()
    for number, block in enumerate(replica.log, 1):
        application.finalize_block(list(block.envelopes), block.time, number)
        application.commit()
    chain = replica.process.application.chain
    assert application.chain.identity == chain.identity, "a replay gives another head"
    application.close()
    check_same(store, replica.store, f"a replay and {replica.name}")


def check_restart(simulation: Simulation, replica: Replica) -> None:
    """A process that starts now stands where this one does: height, window, certificates."""
    here = replica.process.application
    suite = simulation.kit.machine.suite
    again = LedgerApplication(
        simulation.kit.machine, replica.store, Pool(), replica.clock, Certifier(suite, replica.member), read_only=True
    )
    assert again.chain == here.chain, f"{replica.name} would restart elsewhere"
    assert again.window_size == here.window_size, f"{replica.name} would restart with another window"
    assert again.certified_height == here.certified_height == here.chain.height
    again.close()


def check_equivocation(simulation: Simulation, replica: Replica) -> None:
    """Who signs two blocks of one height is reported, with a proof that holds; nobody else is ever reported."""
    liar = simulation.liar
    key = simulation.replicas[liar.number].member.public_key
    suite = simulation.kit.machine.suite
    application = replica.process.application
    height = application.chain.height
    header = application.blocks.decoded_header(height)
    root = bytes.fromhex(header.state_root)
    good = liar.sign(FinalitySignature(height, key, b"", header.epoch, simulation.identities[height], root))
    signers = decode_certificate(application.blocks.certificate(height) or b"").set
    if any(key.hex() == one.key for one in signers.keys):
        application.finality.add(liar.sign(good, identity=b"\x02" * 32))
        application.finality.add(good)
        assert (key, height) in {(who, at) for who, at, _ in replica.proofs}, f"{replica.name} noticed no equivocation"
    for who, at, data in replica.proofs:
        assert who == key, f"{replica.name} accuses an honest member at {at}"
        proof = verify_equivocation(suite, data)
        assert (proof.key, proof.height) == (key.hex(), at)
        message = [
            finality_message(CHAIN, proof.epoch, at, bytes.fromhex(block.identity), bytes.fromhex(block.state_root))
            for block in proof.blocks
        ]
        assert message[0] != message[1]


def _open(simulation: Simulation, envelopes: tuple[bytes, ...]) -> list:
    return native.open_envelopes(simulation.kit.machine.suite.digest_name, list(envelopes), 1 << 24, 64, 1024)
