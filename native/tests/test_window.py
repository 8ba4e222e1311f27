"""The replay window against a dictionary."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import govchain_native as native

BUCKET_MS, CAPACITY = 10, 30


def id_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


entries = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 99)), max_size=15)


class WindowAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.window = native.IdWindow(BUCKET_MS, CAPACITY)
        self.model: set[tuple[int, int]] = set()

    @rule(batch=entries)
    def add(self, batch: list[tuple[int, int]]) -> None:
        ids, expires = [id_of(number) for number, _ in batch], [expiry for _, expiry in batch]
        wanted = self.model | {(expiry, number) for number, expiry in batch}
        if len(wanted) > CAPACITY:
            before = self.window.dump()
            with pytest.raises(OverflowError):
                self.window.add_many(ids, expires)
            assert self.window.dump() == before
        else:
            self.window.add_many(ids, expires)
            self.model = wanted

    @rule(now=st.integers(0, 120))
    def expire(self, now: int) -> None:
        self.window.expire(now)
        self.model = {
            (expiry, number) for expiry, number in self.model if (expiry // BUCKET_MS + 1) * BUCKET_MS - 1 > now
        }

    @rule()
    def reload(self) -> None:
        self.window = native.IdWindow.load(self.window.dump())

    @rule(batch=entries)
    def ask(self, batch: list[tuple[int, int]]) -> None:
        ids, expires = [id_of(number) for number, _ in batch], [expiry for _, expiry in batch]
        expected = [(expiry, number) in self.model for number, expiry in batch]
        assert [bool(found) for found in self.window.contains_many(ids, expires)] == expected
        assert [self.window.contains(*pair) for pair in zip(ids, expires, strict=True)] == expected

    @invariant()
    def same_contents(self) -> None:
        assert len(self.window) == len(self.model)
        body = b"".join(expiry.to_bytes(8, "big") + id_of(number) for expiry, number in sorted(self.model))
        header = b"".join(number.to_bytes(8, "big") for number in (BUCKET_MS, CAPACITY, len(self.model)))
        assert self.window.dump() == b"GCIDWIN1" + header + body


TestWindowAgainstModel = WindowAgainstModel.TestCase
TestWindowAgainstModel.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def test_size_and_memory() -> None:
    source = random.Random(1)
    window = native.IdWindow(60_000, 1_000_000)
    ids = [source.randbytes(32) for _ in range(200_000)]
    expires = [source.randrange(600_000) for _ in ids]
    window.add_many(ids, expires)
    assert len(window) == 200_000
    assert window.memory_bytes() < 200_000 * 54
    assert window.contains_many(ids, expires) == b"\x01" * 200_000
    other = native.IdWindow(60_000, 1_000_000)
    order = list(range(200_000))
    source.shuffle(order)
    other.add_many([ids[k] for k in order], [expires[k] for k in order])
    assert other.dump() == window.dump()
    window.expire(600_000)
    assert len(window) == 0
    assert window.memory_bytes() < 1000


def test_dumps_are_checked_strictly() -> None:
    window = native.IdWindow(10, 3)
    window.add_many([id_of(1), id_of(2), id_of(1)], [5, 5, 30])
    good = window.dump()
    assert native.IdWindow.load(good).dump() == good
    head, rows = good[:32], [good[32 + 40 * k : 72 + 40 * k] for k in range(3)]
    for bad in (
        b"",
        good[:-1],
        good + b"\x00",
        b"GCIDWIN2" + good[8:],
        good[:8] + bytes(8) + good[16:],
        good[:16] + (2).to_bytes(8, "big") + good[24:],
        good[:16] + (2**32).to_bytes(8, "big") + good[24:],
        good[:24] + (2).to_bytes(8, "big") + good[32:],
        good[:24] + b"\xff" * 8 + good[32:],
        head + rows[1] + rows[0] + rows[2],
        head + rows[0] + rows[0] + rows[2],
    ):
        with pytest.raises(ValueError):
            native.IdWindow.load(bad)


def test_wrong_arguments() -> None:
    window = native.IdWindow(10, 10)
    for call in (
        lambda: window.add_many([b"short"], [1]),
        lambda: window.add_many([bytes(32)], []),
        lambda: window.add_many([bytes(32)], [-1]),
        lambda: window.add_many([bytes(32)], [2**64]),
        lambda: window.contains(b"", 1),
        lambda: window.contains_many([bytes(32)], [1, 2]),
        lambda: native.IdWindow(0, 1),
        lambda: native.IdWindow(1, 2**32),
        lambda: native.IdWindow(-1, 1),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        window.add_many([bytes(32)], ["1"])  # type: ignore[list-item]
    window.add_many([bytes(32)], [2**64 - 1])
    window.expire(2**64 - 2)
    assert len(window) == 1
