"""Flipped bits, cut logs, lost files: caught with a code, or in bytes that nobody uses; never served as data."""

import contextlib
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from govchain.model import Code, UnavailableError
from govchain.state import Batch, Table
from govchain.storage import RocksStore

SMALL = 8 * 1024 * 1024
TABLES = (Table.STATE, Table.BODIES, Table.TRANSACTIONS, Table.HEADERS)
KEYS = 2500
#: Nobody reads these: RocksDB's information log, lock, identity; the driver's witness counts when it is whole.
UNREAD = ("LOG", "LOCK", "IDENTITY")


def value_of(table, number):
    chance = random.Random(number * 16 + table)
    return chance.randbytes(20).hex().encode() * (1 + chance.randrange(6))


def key_of(number):
    return number.to_bytes(8, "big") * 2


def contents(store):
    """All that is stored, by scanning both ways, and by asking for every key and for absent ones."""
    found = {}
    for table in TABLES:
        found[table] = list(store.scan(table))
        assert list(store.scan(table, reverse=True)) == found[table][::-1]
        assert store.get_many(table, [key for key, _ in found[table]]) == [value for _, value in found[table]]
        assert store.get_many(table, [key_of(number) for number in range(KEYS, KEYS + 200)]) == [None] * 200
    return found


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The files of a store as a killed process leaves them: table files, and a log with the newest."""
    place = tmp_path_factory.mktemp("damage")
    store = RocksStore(place / "store", memory_bytes=SMALL)
    for start in range(0, KEYS, 50):
        batch = Batch()
        for number in range(start, start + 50):
            for table in TABLES:
                batch.put(table, key_of(number), value_of(table, number))
        store.write(batch, durable=True)
        if start in (500, 1000, 1500):
            store.checkpoint(f"flush-{start}")  # writes the memtables out
    store._db.cancel_all_background(True)  # so that no file is half made or half removed while they are copied
    shutil.copytree(place / "store", place / "image")
    in_force = {name for name, _ in store.table_files()}
    for entry in (place / "image").glob("*.sst"):
        if entry.name not in in_force:
            entry.unlink()  # compacted away, not yet removed
    wanted = contents(store)
    with contextlib.suppress(UnavailableError):  # it cannot be closed in good order any more
        store.close()
    return place / "image", wanted


def files_of(image):
    return sorted(entry.name for entry in image.iterdir() if not entry.name.startswith(UNREAD))


def outcome(image, place, wanted, change):
    """Apply ``change`` to a copy and open it: ``caught`` or ``harmless``; fails when wrong data was served."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(image, place / "store")
    change(place / "store")
    error, found = open_and_read(place / "store")
    if error is None:
        assert found == wanted, "wrong data was served in silence"
        return "harmless"
    assert error.code is Code.STORE_CORRUPT
    return "caught"


def open_and_read(path):
    """The error that opening or reading raised, or None, and what was read."""
    try:
        store = RocksStore(path, memory_bytes=SMALL)
    except UnavailableError as error:
        return error, {}
    try:
        return None, contents(store)
    except UnavailableError as error:
        named = Path(error.params["path"]).name
        return (error, {}) if named in files_of(path) else (AssertionError(f"names {named}"), {})
    finally:
        store.close()


def flip(name, bit):
    def change(store):
        data = bytearray((store / name).read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        (store / name).write_bytes(data)

    return change


def flip_many(image, wanted, place, times, seed):
    chance = random.Random(seed)
    outcomes = Counter()
    names = files_of(image)
    for number in range(times):
        name = names[number % len(names)]
        bit = chance.randrange((image / name).stat().st_size * 8)
        kind = name.rpartition(".")[2] if "." in name else name.partition("-")[0]
        try:
            outcomes[kind, outcome(image, place, wanted, flip(name, bit))] += 1
        except AssertionError as error:
            raise AssertionError(f"{name}, bit {bit}, seed {seed}: {error}") from error
    return outcomes


def report(outcomes):
    kinds = sorted({kind for kind, _ in outcomes})
    for kind in kinds:
        print(f"{kind:12} caught {outcomes[kind, 'caught']:5}  harmless {outcomes[kind, 'harmless']:5}  served wrong 0")
    caught = sum(count for (_, result), count in outcomes.items() if result == "caught")
    print(f"{caught} of {sum(outcomes.values())} flipped bits were caught before use, none was served")
    return caught


def test_the_image_is_what_a_crash_leaves(image, tmp_path):
    files, wanted = image
    kinds = Counter(name.rpartition(".")[2] for name in files_of(files) if "." in name)
    assert kinds["sst"] >= 4
    assert kinds["log"] >= 1
    assert sum((files / name).stat().st_size for name in files_of(files) if name.endswith(".log")) > 100_000
    assert all(len(wanted[table]) == KEYS for table in TABLES)
    assert outcome(files, tmp_path / "copy", wanted, lambda store: None) == "harmless"


@pytest.mark.requirement("BJ.security.integrity.01")
def test_flipped_bits_are_caught_or_harmless(image, tmp_path):
    files, wanted = image
    seed = random.randrange(2**32)
    outcomes = flip_many(files, wanted, tmp_path / "copy", 120, seed)
    assert report(outcomes) > 60
    assert outcomes["sst", "caught"] > 0
    assert outcomes["log", "caught"] > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_flipped_bits(image, tmp_path):
    files, wanted = image
    report(flip_many(files, wanted, tmp_path / "copy", 2000, random.randrange(2**32)))


def test_every_bit_of_a_log_record_head_is_guarded(image, tmp_path):
    """A wrong length at the end of the log looks like an unfinished record; the witness tells the difference."""
    files, wanted = image
    name = max((name for name in files_of(files) if name.endswith(".log")), key=lambda n: (files / n).stat().st_size)
    size = (files / name).stat().st_size
    for start in (0, size // 32768 * 32768):  # the first record, and the first of the last block
        for byte in range(start, start + 7):  # checksum, length, kind
            assert outcome(files, tmp_path / "copy", wanted, flip(name, byte * 8 + 4)) == "caught", byte


@pytest.mark.parametrize("lost", [1, 100, 40_000])
def test_a_log_that_ends_too_early_is_caught(image, tmp_path, lost):
    files, wanted = image
    name = max(name for name in files_of(files) if name.endswith(".log"))

    def cut(store):
        data = (store / name).read_bytes().rstrip(b"\0")
        (store / name).write_bytes(data[:-lost])

    assert outcome(files, tmp_path / "copy", wanted, cut) == "caught"


@pytest.mark.parametrize("kind", ["log", "sst", "CURRENT", "MANIFEST"])
def test_a_lost_file_is_caught(image, tmp_path, kind):
    files, wanted = image
    for name in files_of(files):
        if kind not in name or (kind == "log" and not (files / name).stat().st_size):
            continue
        assert outcome(files, tmp_path / "copy", wanted, lambda store, name=name: (store / name).unlink()) == "caught"


def test_a_record_that_was_not_durable_may_be_unfinished(tmp_path):
    """What a killed process leaves half-written at the end was never promised: it is dropped, whole."""
    store = RocksStore(tmp_path / "store", memory_bytes=SMALL)
    for number, durable in ((1, True), (2, False)):
        batch = Batch()
        batch.put(Table.STATE, key_of(number), b"v" * 500)
        batch.put(Table.META, key_of(number), b"v")
        store.write(batch, durable=durable)
    shutil.copytree(tmp_path / "store", tmp_path / "image")
    store.close()
    (log,) = [entry for entry in (tmp_path / "image").iterdir() if entry.suffix == ".log" and entry.stat().st_size]
    log.write_bytes(log.read_bytes().rstrip(b"\0")[:-20])
    store = RocksStore(tmp_path / "image", memory_bytes=SMALL)
    assert store.get(Table.STATE, key_of(1)) == b"v" * 500
    assert store.get(Table.STATE, key_of(2)) is None
    assert store.get(Table.META, key_of(2)) is None
    store.close()


def test_a_damaged_witness_says_nothing(image, tmp_path):
    files, wanted = image
    for content in (b"", b"\xff" * 12, b"short"):
        change = lambda store, content=content: (store / "SYNCED").write_bytes(content)  # noqa: E731
        assert outcome(files, tmp_path / "copy", wanted, change) == "harmless"
