"""Which of many events are told, and with which count."""

from govchain.peers.repeats import KINDS_MAX, Repeats


def test_the_first_is_told_then_one_in_a_while_with_how_many_were_not():
    repeats = Repeats(10.0)
    assert [repeats.told("a", now) for now in (0.0, 1.0, 9.9, 10.0, 10.1, 25.0)] == [0, None, None, 2, None, 1]
    assert repeats.told("b", 0.0) == 0  # each kind by itself


def test_kinds_are_bounded():
    repeats = Repeats(10.0)
    assert [repeats.told(str(number), 0.0) for number in range(KINDS_MAX)] == [0] * KINDS_MAX
    assert [repeats.told(f"more {number}", 0.0) for number in range(3)] == [0, None, None]
    assert len(repeats._kinds) == KINDS_MAX + 1
