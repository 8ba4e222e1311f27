"""Damage to a data directory: each kind gives its finding, with the file, table or block named."""

import random

import msgspec
import pytest

from govchain.ledger import decode_chain_state, encode_chain_state
from govchain.model import Code
from govchain.model.wire import Header
from govchain.proof.certificates import decode_certificate, encode_certificate
from govchain.proof.headers import decode_header, encode_header
from govchain.state import Table
from govchain.storage import RocksReader
from govchain.storage.blocks import CHAIN_STATE_KEY, height_key
from tests.node.kit import new_actor
from tests.ops.kit import BLOCKS, START, build, cut_power, examine, fingerprint, flip, opened, parts, read, write


def the_finding(path, **options):
    (finding,) = examine(path, **options).findings
    return finding


# Damaged files


#: The files that a store is read from, by kind.
KINDS = {"sst": "*.sst", "log": "*.log", "manifest": "MANIFEST-*", "current": "CURRENT"}


def files_of(path, *kinds):
    found = [file for kind in kinds for file in sorted((path / "store").glob(KINDS[kind]))]
    return [file for file in found if file.stat().st_size]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.requirement("BJ.security.integrity.01", "GD.general.security.06")
def test_a_flipped_byte_in_a_store_file_is_found_and_the_file_named(data, actor, tmp_path, kind):
    data = cut_power(data, tmp_path / "cut", actor, 2)
    file = max(files_of(data, kind), key=lambda path: path.stat().st_size)
    flip(file, file.stat().st_size // 3)
    before = fingerprint(data)
    report = examine(data)
    assert report.findings
    assert {finding.code for finding in report.findings} == {Code.STORE_CORRUPT}
    named = {finding.part for finding in report.findings}
    assert all(part.startswith("store") for part in named)
    assert kind in ("log", "current") or f"store/{file.name}" in named
    assert kind == "current" or all(str(data) in finding.reason for finding in report.findings)
    assert fingerprint(data) == before


def everything(path):
    """What all reads of a store together give."""
    reader = RocksReader(path / "store")
    try:
        found = [list(reader.scan(table)) for table in Table]
        for table, pairs in zip(Table, found, strict=True):
            assert reader.get_many(table, [key for key, _ in pairs]) == [value for _, value in pairs]
        return found
    finally:
        reader.close()


@pytest.mark.parametrize("count", [60, pytest.param(1_000, marks=pytest.mark.long)])
@pytest.mark.requirement("BJ.security.integrity.01")
def test_random_bit_errors_are_caught_or_harm_nothing(data, tmp_path, actor, capsys, count):
    """Every flip is either found by the doctor, or lies in bytes that change nothing that can be read."""
    seed = random.randrange(2**32)
    rng = random.Random(seed)
    data = cut_power(data, tmp_path / "cut", actor, 2)
    files = files_of(data, *KINDS)
    sizes = [file.stat().st_size for file in files]
    sound = everything(data)
    caught = harmless = 0
    for _ in range(count):
        (file,) = rng.choices(files, sizes)
        at, bit = rng.randrange(file.stat().st_size), 1 << rng.randrange(8)
        flip(file, at, bit)
        if not examine(data).clean:
            caught += 1
        else:
            assert everything(data) == sound, f"seed {seed}: {file.name} byte {at} bit {bit} passed"
            harmless += 1
        flip(file, at, bit)
    assert examine(data).clean
    with capsys.disabled():
        print(f"\n  bit errors, seed {seed}: {caught} of {caught + harmless} caught, {harmless} without effect")
    assert caught >= count * 0.9


@pytest.mark.parametrize("name", ["MANIFEST", "CURRENT"])
def test_a_missing_store_file_is_found(data, name):
    for file in (data / "store").iterdir():
        if file.name.startswith(name):
            file.unlink()
    finding = the_finding(data)
    assert finding.part.startswith("store")


# Damage through the store, past every checksum


def change_state(path, prefix, change):
    with opened(path) as store:
        key, value = next(store.scan(Table.STATE, prefix))
    write(path, Table.STATE, key, change(value))
    return key


@pytest.mark.requirement("BJ.compliance.process.01d")
def test_a_changed_record_in_the_database_is_found(data):
    key = change_state(data, b"evidence.record/", lambda value: value.replace(b'"', b"'", 1))
    finding = the_finding(data)
    assert (finding.part, finding.code) == ("state", Code.STORE_CORRUPT)
    assert "evidence.record/" + key.removeprefix(b"evidence.record/").hex() in finding.reason
    assert "another value" in finding.reason


def test_a_removed_record_is_found(data):
    key = change_state(data, b"evidence.record/", lambda value: None)
    finding = the_finding(data)
    assert finding.part == "state"
    assert key.removeprefix(b"evidence.record/").hex() in finding.reason
    assert "missing" in finding.reason


def test_an_added_record_is_found(data):
    write(data, Table.STATE, b"accounts.account/" + bytes(20), b"{}")
    assert "should not be there" in the_finding(data).reason


@pytest.mark.parametrize("table", [Table.LIVE, Table.TRANSACTIONS, Table.HISTORY, Table.IDS, Table.KEY_HISTORY])
def test_damage_in_a_look_up_is_found(data, table):
    with opened(data) as store:
        key, value = next(store.scan(table))
    write(data, table, key, value[:-1] + bytes([value[-1] ^ 1]))
    finding = the_finding(data)
    assert (finding.part, finding.code) == (table.name.lower(), Code.STORE_CORRUPT)
    assert finding.facts["count"] == 1


def test_several_keys_are_counted(data):
    with opened(data) as store:
        found = list(store.scan(Table.TRANSACTIONS, limit=3))
    for key, _ in found:
        write(data, Table.TRANSACTIONS, key, None)
    assert the_finding(data).facts["count"] == 3


def test_swapped_receipts_are_found(data):
    one, two = (read(data, Table.RECEIPTS, height_key(height)) for height in (2, 5))
    write(data, Table.RECEIPTS, height_key(2), two)
    write(data, Table.RECEIPTS, height_key(5), one)
    assert parts(examine(data)) == [("receipts", "STORE_CORRUPT", 2), ("receipts", "STORE_CORRUPT", 5)]


def alter_header(path, height, **changes):
    header: Header = decode_header(read(path, Table.HEADERS, height_key(height)))
    write(path, Table.HEADERS, height_key(height), encode_header(msgspec.structs.replace(header, **changes)))


@pytest.mark.requirement("GD.general.security.06")
@pytest.mark.parametrize("height", [1, 4, BLOCKS])
@pytest.mark.parametrize(
    "changes",
    [
        {"time": START + 5},
        {"state_root": "00" * 32},
        {"previous": "11" * 32},
        {"transaction_root": "22" * 32},
        {"next_signers": "33" * 32},
    ],
)
def test_an_altered_header_is_found_at_its_block(data, height, changes):
    alter_header(data, height, **changes)
    for replay in (True, False):
        first, *rest = parts(examine(data, replay=replay))
        assert first == ("headers", "HEADER_INVALID", height)
        assert {height for _, _, height in rest} <= {height}


@pytest.mark.requirement("GD.general.security.06")
def test_a_byte_changed_in_a_stored_block_names_that_block(data):
    body = bytearray(read(data, Table.BODIES, height_key(3)))
    body[-5] ^= 1
    write(data, Table.BODIES, height_key(3), bytes(body))
    assert parts(examine(data)) == [("bodies", "STORE_CORRUPT", 3)]


@pytest.mark.parametrize("table", [Table.BODIES, Table.RECEIPTS])
def test_a_missing_part_of_a_block_is_found(data, table):
    write(data, table, height_key(3), None)
    assert parts(examine(data)) == [(table.name.lower(), "STORE_CORRUPT", 3)]


@pytest.mark.parametrize("content", [None, b"{}", b"\xff\xff"])
def test_a_header_that_is_none_is_found_and_other_blocks_are_checked_on(data, content):
    write(data, Table.HEADERS, height_key(3), content)
    write(data, Table.BODIES, height_key(6), b"\x90")
    found = parts(examine(data))
    assert ("headers", 3) in {(part, height) for part, _, height in found}
    assert ("bodies", "STORE_CORRUPT", 6) in found


def certificate_at(path, height):
    return decode_certificate(read(path, Table.CERTIFICATES, height_key(height)))


def put_certificate(path, height, certificate):
    write(path, Table.CERTIFICATES, height_key(height), encode_certificate(certificate))


def test_a_certificate_of_another_chain_is_found(data, tmp_path):
    other = build(tmp_path / "other", new_actor("other-chain"), blocks=4)
    put_certificate(data, 4, certificate_at(other, 4))
    assert parts(examine(data)) == [("certificates", "CERTIFICATE_INVALID", 4)]


def test_a_certificate_of_another_block_is_found(data):
    put_certificate(data, 4, certificate_at(data, 5))
    assert parts(examine(data, replay=False)) == [("certificates", "CERTIFICATE_INVALID", 4)]


def test_an_altered_signature_is_found(data):
    certificate = certificate_at(data, 4)
    (entry,) = certificate.signatures
    wrong = msgspec.structs.replace(entry, signature="11" * 64)
    put_certificate(data, 4, msgspec.structs.replace(certificate, signatures=(wrong,)))
    assert parts(examine(data)) == [("certificates", "CERTIFICATE_INVALID", 4)]


def test_a_missing_certificate_is_found(data):
    write(data, Table.CERTIFICATES, height_key(4), None)
    (finding,) = examine(data).findings
    assert (finding.part, finding.height) == ("certificates", 4)
    assert finding.remedy == "doctor.remedy.restore"


def test_altered_moving_facts_are_found(data):
    chain = decode_chain_state(read(data, Table.META, CHAIN_STATE_KEY))
    write(data, Table.META, CHAIN_STATE_KEY, encode_chain_state(msgspec.structs.replace(chain, epoch=3)))
    finding = the_finding(data)
    assert (finding.part, finding.facts["fields"]) == ("meta", "epoch")
    write(data, Table.META, CHAIN_STATE_KEY, b"{}")
    assert the_finding(data).code is Code.STORE_CORRUPT
    write(data, Table.META, CHAIN_STATE_KEY, None)
    assert the_finding(data).code is Code.DATA_DIRECTORY_INCOMPLETE


def test_a_shortened_chain_is_found(data):
    """The newest block cut away cleanly from the tables: the moving facts still name it."""
    for table in (Table.HEADERS, Table.BODIES, Table.RECEIPTS, Table.CERTIFICATES):
        write(data, table, height_key(BLOCKS), None)
    assert ("headers", "HEADER_INVALID", BLOCKS) in parts(examine(data))
