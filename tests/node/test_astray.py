"""A node that went astray stops its engine, once, and says why; what others do it only tells."""

from __future__ import annotations

import threading
from threading import Event
from time import monotonic, sleep

from govchain.consensus import EngineStatus
from govchain.consensus.disagreement import FinalitySignature
from govchain.model import Code
from govchain.node.astray import PROOFS_OF_ONE_MAX, AstrayWatch


class Stopped:
    """An engine that notes how it was stopped."""

    def __init__(self):
        self.drained, self.event = [], threading.Event()

    def start(self):
        pass

    def stop(self, *, drain=True):
        self.drained.append(drain)
        self.event.set()

    def status(self):
        return EngineStatus("solo", False, 0, None)


def test_another_block_of_a_quorum_stops_the_engine_once(tmp_path):
    engine, problems, notices = Stopped(), [], []
    watch = AstrayWatch(
        lambda: engine, tmp_path / "proofs", lambda code, reason: problems.append((code, reason)), notices.append
    )
    watch.diverged(7, "2 of 3")
    watch.diverged(8, "3 of 3")
    assert engine.event.wait(20)
    assert (engine.drained, problems) == ([False], [(Code.NODE_DIVERGED, "block 7: 2 of 3")])
    assert watch.diverged_here
    assert notices == []


def test_what_a_member_does_is_told_once_and_stops_nothing(tmp_path):
    engine, problems, notices = Stopped(), [], []
    watch = AstrayWatch(
        lambda: engine, tmp_path / "proofs", lambda code, reason: problems.append((code, reason)), notices.append
    )
    for height in (3, 4):
        watch.disagreed(FinalitySignature(height, b"\x01", b"", 0, bytes(32), bytes(32)))
    watch.disagreed(FinalitySignature(4, b"\x02", b"", 0, bytes(32), bytes(32)))
    watch.equivocated(b"\x01", 5, b"proof")
    assert notices == [
        "member 01 signed another block of height 3",
        "member 02 signed another block of height 4",
        f"member 01 signed two blocks of height 5; proof: {tmp_path / 'proofs' / '5-01.json'}",
    ]
    assert (engine.drained, problems, watch.diverged_here) == ([], [], False)


def kept(folder, count):
    """The proofs in the folder, once there are so many."""
    deadline = monotonic() + 20
    while len(found := sorted(folder.glob("*.json"))) < count and monotonic() < deadline:
        sleep(0.01)
    return found


def test_proofs_are_kept_whole_and_not_without_end(tmp_path):
    notices = []
    watch = AstrayWatch(Stopped, tmp_path / "proofs", None, notices.append)
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

    AstrayWatch(Stopped, tmp_path / "proofs", None, notice).equivocated(b"\x01", 5, b"proof")
    assert told.wait(20)
    assert (tmp_path / "proofs").read_text() == "a file in its place"
