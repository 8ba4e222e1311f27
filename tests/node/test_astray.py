"""A node that went astray is halted, once, and says why; what others do it only tells."""

from __future__ import annotations

from threading import Event
from time import monotonic, sleep

from govchain.consensus.disagreement import FinalitySignature
from govchain.consensus.ordering import OrderingState
from govchain.model import Code
from govchain.node.astray import PROOFS_OF_ONE_MAX, AstrayWatch


def halts():
    """A node's state that began to order, what it tells of halts, and when it has."""
    told, event = [], Event()

    def halted(code, reason):
        told.append((code, reason))
        event.set()

    state = OrderingState(on_halt=halted)
    state.start()
    return state, told, event


def test_another_block_of_a_quorum_halts_the_node_once(tmp_path):
    (state, told, event), notices = halts(), []
    watch = AstrayWatch(state, tmp_path / "proofs", notices.append)
    watch.diverged(7, "2 of 3")
    watch.diverged(8, "3 of 3")
    assert event.wait(20)
    assert (told, state.halted) == ([(Code.NODE_DIVERGED, "block 7: 2 of 3")], Code.NODE_DIVERGED)
    assert notices == []


def test_what_a_member_does_is_told_once_and_stops_nothing(tmp_path):
    (state, told, _), notices = halts(), []
    watch = AstrayWatch(state, tmp_path / "proofs", notices.append)
    for height in (3, 4):
        watch.disagreed(FinalitySignature(height, b"\x01", b"", 0, bytes(32), bytes(32)))
    watch.disagreed(FinalitySignature(4, b"\x02", b"", 0, bytes(32), bytes(32)))
    watch.equivocated(b"\x01", 5, b"proof")
    assert notices == [
        "member 01 signed another block of height 3",
        "member 02 signed another block of height 4",
        f"member 01 signed two blocks of height 5; proof: {tmp_path / 'proofs' / '5-01.json'}",
    ]
    assert (told, state.standing.orders) == ([], True)


def kept(folder, count):
    """The proofs in the folder, once there are so many."""
    deadline = monotonic() + 20
    while len(found := sorted(folder.glob("*.json"))) < count and monotonic() < deadline:
        sleep(0.01)
    return found


def test_proofs_are_kept_whole_and_not_without_end(tmp_path):
    notices = []
    watch = AstrayWatch(OrderingState(), tmp_path / "proofs", notices.append)
    for height in range(1, 3 * PROOFS_OF_ONE_MAX):
        watch.equivocated(b"\x01" * 64, height, b"proof %d" % height)
    watch.equivocated(b"\x02" * 64, 7, b"another")
    found = kept(tmp_path / "proofs", PROOFS_OF_ONE_MAX + 1)
    assert len(found) == PROOFS_OF_ONE_MAX + 1 == len(notices)
    assert (tmp_path / "proofs" / f"7-{'02' * 8}.json").read_bytes() == b"another"
    assert (tmp_path / "proofs" / f"1-{'01' * 8}.json").read_bytes() == b"proof 1"


def test_a_proof_that_cannot_be_kept_is_told(tmp_path):
    (tmp_path / "proofs").write_text("a file in its place")
    notices, told = [], Event()

    def notice(words):
        notices.append(words)
        if "not kept" in words:
            told.set()

    AstrayWatch(OrderingState(), tmp_path / "proofs", notice).equivocated(b"\x01", 5, b"proof")
    assert told.wait(20)
    assert (tmp_path / "proofs").read_text() == "a file in its place"
