import sqlite3
import stat

import pytest

from govchain.crypto import get_suite
from govchain.merkle import root_from_inclusion
from govchain.model import Code, UnavailableError
from govchain.sdk import Anchored, Catalogue, Entry
from govchain.sdk.catalogue import SCHEMA_VERSION, Salted
from govchain.sdk.tree import build_levels, root_of
from tests.sdk.support import as_nobody, open_folder

DIGEST = get_suite("gm").digest
ID = "ab" * 32


def anchored(id=ID, count=1, type="evidence.put", **more):
    return Anchored(id, "test-chain", type, "ref", count, 1, 2, b"envelope", **more)


def entry(member=None, *, id=ID, name="a.txt", content=b"a"):
    salts = (Salted("name", "11" * 32, name),)
    return Entry(id, member, f"root/{name}", name, DIGEST(content).hex(), "22" * 32, len(content), b"item", salts)


@pytest.fixture
def catalogue(tmp_path):
    with Catalogue.open(tmp_path / "c.sqlite3") as opened:
        yield opened


def test_what_was_remembered_is_read_back(catalogue, tmp_path):
    catalogue.remember(anchored(), [entry()])
    assert catalogue.anchored(ID) == anchored()
    assert catalogue.entry(ID) == entry()
    assert catalogue.find_digest(DIGEST(b"a").hex()) == [entry()]
    assert catalogue.find_digest("22" * 32) == [entry()]
    assert catalogue.find_name("a.txt") == catalogue.find_name("root/a.txt") == [entry()]
    assert catalogue.find_name("other/a.txt") == []
    catalogue.close()
    with Catalogue.open(tmp_path / "c.sqlite3", read_only=True) as again:
        assert again.entry(ID) == entry()


def test_a_pending_record_is_settled_or_forgotten(catalogue):
    catalogue.remember(anchored(), [entry()])
    assert catalogue.pending() == [anchored()]
    catalogue.settle(ID, height=3, time=5)
    assert catalogue.pending() == []
    found = catalogue.anchored(ID)
    assert (found.height, found.time, found.envelope) == (3, 5, None)
    catalogue.forget(ID)
    assert catalogue.entry(ID) == entry()
    other = "cd" * 32
    catalogue.remember(anchored(other), [entry(id=other)])
    catalogue.forget(other)
    assert catalogue.anchored(other) is None
    assert catalogue.entry(other) is None


def test_remembering_is_all_or_nothing(catalogue):
    def failing():
        yield entry(0)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        catalogue.remember(anchored(), failing())
    assert catalogue.anchored(ID) is None
    assert catalogue.entries(ID) == []
    catalogue.remember(anchored(), [entry()])


def test_a_proof_from_the_kept_tree_leads_to_the_root(catalogue):
    leaves = [str(i).encode() for i in range(1000)]
    levels = build_levels(DIGEST, leaves)
    catalogue.remember(anchored(count=1000, type="evidence.batch"), [entry(i) for i in range(1000)], levels)
    for member in (0, 1, 511, 512, 998, 999):
        path = catalogue.member_path(ID, member, 1000)
        assert root_from_inclusion(DIGEST, leaves[member], member, 1000, path) == root_of(levels)
    assert [one.member for one in catalogue.entries(ID)] == list(range(1000))


def test_a_tree_that_is_not_there_is_no_traceback(catalogue):
    catalogue.remember(anchored(count=2, type="evidence.batch"), [entry(0), entry(1)])
    with pytest.raises(UnavailableError) as refusal:
        catalogue.member_path(ID, 0, 2)
    assert refusal.value.code is Code.STORE_CORRUPT


def test_ids_may_be_abbreviated_to_six_digits(catalogue):
    other = "ab" * 31 + "cd"
    for id in (ID, other):
        catalogue.remember(anchored(id), [])
    assert catalogue.resolve("ababab") == [ID, other]
    assert catalogue.resolve(other[:-1]) == [other]
    assert catalogue.resolve("abab") == []
    assert catalogue.resolve("ffffff") == []


def test_the_file_is_its_owner_s_alone(catalogue, tmp_path):
    catalogue.remember(anchored(), [entry()])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}


def refused(path, **options):
    with pytest.raises(UnavailableError) as refusal:
        Catalogue.open(path, **options)
    return refusal.value.code


def test_a_file_from_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "c.sqlite3"
    Catalogue.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    assert refused(path) is Code.DATA_DIRECTORY_NEWER
    assert refused(path, read_only=True) is Code.DATA_DIRECTORY_NEWER


def test_a_file_that_is_no_catalogue_is_refused(tmp_path):
    path = tmp_path / "c.sqlite3"
    path.write_bytes(b"this is not a database" * 100)
    assert refused(path) is Code.STORE_CORRUPT


def test_a_link_in_its_place_is_refused(tmp_path):
    (tmp_path / "c.sqlite3").symlink_to(tmp_path / "elsewhere")
    assert refused(tmp_path / "c.sqlite3") is Code.DATA_DIRECTORY_READ_ONLY
    assert not (tmp_path / "elsewhere").exists()


def test_reading_makes_nothing(tmp_path):
    with Catalogue.open(tmp_path / "c.sqlite3", read_only=True) as empty:
        assert empty.find_name("a") == []
        assert empty.pending() == []
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_may_not_be_written():
    with open_folder() as folder:
        path = folder / "c.sqlite3"
        with Catalogue.open(path) as catalogue:
            catalogue.remember(anchored(), [entry()])
        with as_nobody(folder):
            folder.chmod(0o500)
            with Catalogue.open(path, read_only=True) as again:
                assert again.entry(ID) == entry()
            assert refused(folder / "new.sqlite3") is Code.DATA_DIRECTORY_READ_ONLY
            folder.chmod(0o700)
