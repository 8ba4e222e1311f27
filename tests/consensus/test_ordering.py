"""One state of a node: each transition, which reason is told, and that threads do not lose one."""

from __future__ import annotations

import itertools
import threading

import pytest

from govchain.consensus.ordering import TRANSITIONS, Event, OrderingState, Phase
from govchain.model import Code

#: The table of the module's own words: from a phase, by each event in this order, to where; "-" is nowhere.
EVENTS = (Event.START, Event.WAIT, Event.RESUME, Event.HALT, Event.CLOSE)
TABLE = {
    Phase.STARTING: "ordering waiting - halted closed",
    Phase.ORDERING: "- waiting - halted closed",
    Phase.WAITING: "- waiting ordering halted closed",
    Phase.HALTED: "- - - halted closed",
    Phase.READING: "- - - - closed",
    Phase.CLOSED: "- - - - -",
}


def state_in(phase: Phase) -> OrderingState:
    """A node's state that has come to ``phase`` as a node does."""
    found = OrderingState(itertools.count(1).__next__, reading=phase is Phase.READING)
    if phase in (Phase.ORDERING, Phase.WAITING, Phase.HALTED):
        found.start()
    if phase is Phase.WAITING:
        found.wait("votes", Code.ENGINE_UNREACHABLE, "two of four")
    if phase is Phase.HALTED:
        found.halt(Code.DISK_FULL, "no space")
    if phase is Phase.CLOSED:
        found.close()
    assert found.standing.phase is phase
    return found


def act(state: OrderingState, event: Event) -> None:
    match event:
        case Event.START:
            state.start()
        case Event.WAIT:
            state.wait("upkeep", Code.ENGINE_FULL, "quota")
        case Event.RESUME:
            state.resume("votes")
        case Event.HALT:
            state.halt(Code.NODE_DIVERGED, "block 7")
        case Event.CLOSE:
            state.close()


@pytest.mark.parametrize(("phase", "event"), list(itertools.product(TABLE, EVENTS)))
def test_every_transition(phase, event):
    state, heard = state_in(phase), []
    state.add_listener(heard.append)
    word = TABLE[phase].split()[EVENTS.index(event)]
    act(state, event)
    assert state.standing.phase == (phase if word == "-" else word)
    assert [each.phase for each in heard] == ([] if word == "-" else [word])
    assert ((phase, event) in TRANSITIONS) is (word != "-")


@pytest.mark.parametrize(
    ("phase", "code", "halted"),
    [
        (Phase.STARTING, None, None),
        (Phase.ORDERING, None, None),
        (Phase.WAITING, Code.ENGINE_UNREACHABLE, None),
        (Phase.HALTED, Code.DISK_FULL, Code.DISK_FULL),
        (Phase.READING, Code.DATA_DIRECTORY_READ_ONLY, None),
        (Phase.CLOSED, Code.NODE_STOPPING, None),
    ],
)
def test_the_one_reason_of_each_phase(phase, code, halted):
    state = state_in(phase)
    assert (state.problem, state.halted, state.standing.orders) == (code, halted, phase is Phase.ORDERING)


HALTS = (Code.NODE_CLOCK, Code.ENGINE_FAILED, Code.NODE_DIVERGED, Code.NODE_REMOVED)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(HALTS, HALTS)))
def test_what_explains_more_takes_the_place_of_what_explains_less(first, second):
    state, heard = OrderingState(), []
    state.add_listener(lambda standing: heard.append((standing.code, standing.reason)))
    state.halt(first, "first")
    state.halt(second, "second")
    more = HALTS.index(second) > HALTS.index(first)
    assert heard == [(first, "first"), (second, "second")][: 1 + more]
    assert state.standing.reason == ("second" if more else "first")


def test_of_equal_reasons_the_first_is_told():
    state = OrderingState()
    state.halt(Code.DISK_FULL, "no space")
    state.halt(Code.ENGINE_FAILED, "it ended")
    assert (state.problem, state.standing.reason) == (Code.DISK_FULL, "no space")


def test_the_last_that_waits_lets_it_go_on():
    state, heard = OrderingState(itertools.count(1).__next__), []
    state.start()
    state.add_listener(lambda standing: heard.append((str(standing.phase), standing.code)))
    state.wait("votes", Code.ENGINE_UNREACHABLE, "two of four")
    began = state.standing.since
    state.wait("upkeep", Code.ENGINE_FULL, "quota")
    state.wait("votes", Code.ENGINE_UNREACHABLE, "three of four")  # it explains less than the quota
    state.resume("upkeep")
    assert (state.standing.reason, state.standing.since) == ("three of four", began)
    state.resume("upkeep")
    state.resume("votes")
    assert heard == [
        ("waiting", Code.ENGINE_UNREACHABLE),
        ("waiting", Code.ENGINE_FULL),
        ("waiting", Code.ENGINE_UNREACHABLE),
        ("ordering", None),
    ]
    assert (state.standing.reason, state.standing.since > began) == ("", True)


def test_a_halt_stays_while_parts_come_and_go_and_after_the_end():
    state = state_in(Phase.WAITING)
    state.halt(Code.NODE_REMOVED, "block 9")
    state.resume("votes")
    assert (state.halted, state.standing.reason) == (Code.NODE_REMOVED, "block 9")
    state.close()
    assert (state.standing.phase, state.problem, state.standing.reason) == ("closed", Code.NODE_REMOVED, "block 9")


def test_parts_that_wait_and_go_on_at_once_leave_it_ordering():
    state = OrderingState()
    state.start()
    ready = threading.Barrier(8)

    def run(part: str) -> None:
        ready.wait()
        for _ in range(300):
            state.wait(part, Code.ENGINE_UNREACHABLE, part)
            assert state.standing.phase is Phase.WAITING
            state.resume(part)

    failed: list[BaseException] = []

    def guarded(part: str) -> None:
        try:
            run(part)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert (state.standing.phase, state.problem) == (Phase.ORDERING, None)
