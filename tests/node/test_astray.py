"""A node that went astray stops its engine, once, and says why; what others do it only tells."""

from __future__ import annotations

import threading

from govchain.consensus import EngineStatus
from govchain.consensus.disagreement import FinalitySignature
from govchain.model import Code
from govchain.node.astray import AstrayWatch


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


def test_another_block_of_a_quorum_stops_the_engine_once():
    engine, problems, notices = Stopped(), [], []
    watch = AstrayWatch(lambda: engine, lambda code, reason: problems.append((code, reason)), notices.append)
    watch.diverged(7, "2 of 3")
    watch.diverged(8, "3 of 3")
    assert engine.event.wait(20)
    assert (engine.drained, problems) == ([False], [(Code.NODE_DIVERGED, "block 7: 2 of 3")])
    assert watch.diverged_here
    assert notices == []


def test_what_a_member_does_is_told_once_and_stops_nothing():
    engine, problems, notices = Stopped(), [], []
    watch = AstrayWatch(lambda: engine, lambda code, reason: problems.append((code, reason)), notices.append)
    for height in (3, 4):
        watch.disagreed(FinalitySignature(height, b"\x01", b"", 0, bytes(32), bytes(32)))
    watch.disagreed(FinalitySignature(4, b"\x02", b"", 0, bytes(32), bytes(32)))
    watch.equivocated(b"\x01", 5, b"proof")
    assert notices == [
        "member 01 signed another block of height 3",
        "member 02 signed another block of height 4",
        "member 01 signed two blocks of height 5",
    ]
    assert (engine.drained, problems, watch.diverged_here) == ([], [], False)
