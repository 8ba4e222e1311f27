"""Records of members: the later one holds, none from far ahead, few in a row, and what is no news costs nothing."""

import msgspec
import pytest

from govchain.model import GovChainError
from govchain.peers.records import ISSUED_LEAD_MS_MAX, ExpectedMember, RecordBook, record_file
from govchain.proof.members import encode_member_record
from tests.consensus.exchange.kit import SUITE, ExchangeKit
from tests.ledger.kit import CHAIN

NOW = 1_790_000_000_000


class Desk:
    """A book of one member's records, with clocks in hand."""

    def __init__(self, folder=None):
        self.kit = ExchangeKit(2)
        self.now, self.steady = NOW, 0.0
        self.book = RecordBook(SUITE, CHAIN, folder, clock=lambda: self.now, steady=lambda: self.steady)
        self.book.expect([ExpectedMember(self.kit.people[1].key)])

    def record(self, issued):
        return self.kit.record(1, f"127.0.0.1:{issued % 60_000 + 1}", issued=issued)

    def offer(self, issued):
        return self.book.offer(encode_member_record(self.record(issued))) is not None

    def held(self):
        return [record.issued for record in self.book.records()]


@pytest.mark.requirement("BJ.function.p2p.04a")
def test_a_record_from_far_ahead_shuts_out_no_later_one():
    desk = Desk()
    assert not desk.offer(NOW + ISSUED_LEAD_MS_MAX + 1)
    assert not desk.offer(2**53 - 1)
    assert desk.held() == []
    assert desk.offer(NOW + ISSUED_LEAD_MS_MAX)
    assert not desk.offer(NOW)
    assert desk.held() == [NOW + ISSUED_LEAD_MS_MAX]
    desk.now += 1_000
    assert desk.offer(NOW + ISSUED_LEAD_MS_MAX + 1)


def test_a_storm_of_records_is_four_and_then_one_in_ten_seconds(tmp_path):
    desk = Desk(tmp_path)
    assert [desk.offer(NOW + number) for number in range(20)] == [True] * 4 + [False] * 16
    path = record_file(tmp_path, desk.kit.people[1].key)
    kept = path.read_bytes()
    desk.steady = 9.9
    assert not desk.offer(NOW + 30)
    assert path.read_bytes() == kept
    desk.steady = 10.0
    assert desk.offer(NOW + 31)
    assert not desk.offer(NOW + 32)
    desk.steady = 1_000.0
    assert sum(desk.offer(NOW + 40 + number) for number in range(20)) == 4


def test_one_member_in_a_storm_keeps_no_other_out():
    desk = Desk()
    desk.book.expect([ExpectedMember(person.key) for person in desk.kit.people])
    for number in range(10):
        desk.offer(NOW + number)
    assert desk.book.offer(encode_member_record(desk.kit.record(0))) is not None


def test_what_is_not_worth_it_is_not_verified():
    """Forged, but older, too far ahead or of a stranger: no signature is looked at, so that none is refused."""
    desk = Desk()
    good = encode_member_record(desk.record(NOW))
    assert desk.book.offer(good) is not None

    def forged(issued):
        return encode_member_record(msgspec.structs.replace(desk.record(issued), signature="11" * 64))

    for issued in (NOW - 1, NOW, NOW + ISSUED_LEAD_MS_MAX + 1):
        assert desk.book.offer(forged(issued)) is None
    with pytest.raises(GovChainError):
        desk.book.offer(forged(NOW + 1))
    desk.book.expect([])
    assert desk.book.offer(forged(NOW + 2)) is None


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"chain":1,"issued":2,"key":"zz"}'])
def test_what_is_no_record_is_refused(data):
    with pytest.raises(GovChainError):
        Desk().book.offer(data)


def test_an_operator_s_file_and_the_own_record_are_not_measured_by_the_clock(tmp_path):
    desk = Desk(tmp_path)
    far = desk.record(NOW + 10 * ISSUED_LEAD_MS_MAX)
    record_file(tmp_path, desk.kit.people[1].key).write_bytes(encode_member_record(far))
    assert desk.book.reload()
    assert desk.held() == [far.issued]
    assert desk.book.add(desk.record(far.issued + 1))
